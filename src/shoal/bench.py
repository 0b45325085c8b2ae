"""What this machine does: its multiply-add peak, and what share of it whole iterations of a swarm reach.

An iteration is everything: evaluation, bests, informants, random numbers, moves. Its useful operations are counted as
two for each weight that is not a bias, each row and each particle; the rest is overhead and counts against the share.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from shoal.engines import get_engine
from shoal.engines.base import Engine
from shoal.genome import Genome
from shoal.losses import make_objective
from shoal.network import Network
from shoal.philox import derive_key
from shoal.swarm import SwarmState, TrainingTask, initial_state

ROUNDS = 5
ROUND_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Shape:
    """A swarm and its data, by size."""

    layers: tuple[int, ...]
    rows: int
    particles: int

    @property
    def operations(self) -> int:
        """Useful floating-point operations of one iteration."""
        return 2 * sum(a * b for a, b in pairwise(self.layers)) * self.rows * self.particles

    def task(self) -> TrainingTask:
        """A training of that size, on random numbers."""
        random = np.random.default_rng(0)
        x = random.standard_normal((self.rows, self.layers[0])).astype(np.float32)
        return TrainingTask(
            genome=Genome(swarm_size=self.particles),
            network=Network(self.layers),
            objective=make_objective("mse", "regression"),
            x=x,
            y=x[:, 0].copy(),
            key=derive_key(0, 0),
            iterations=2**31,
        )


SHAPES = (
    Shape((8, 8, 4, 1), 721, 20),
    Shape((8, 32, 16, 1), 721, 48),
    Shape((30, 64, 64, 1), 5_000, 48),
    Shape((200, 128, 1), 2_000, 48),
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One shape on this machine: one swarm on one core, and one swarm on each core at once.

    ``ms`` for one iteration of a swarm; GFLOP/s and particles x rows a second over all cores; ``percent_of_peak`` of the
    peak of as many cores, measured in the same way.
    """

    shape: Shape
    ms_one_core: float
    ms_all_cores: float
    gflops: float
    percent_of_peak: float
    particle_rows_per_second: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All that `shoal bench` says. Peaks in GFLOP/s."""

    processor: str
    cores: int
    peak_one_core: float
    peak_all_cores: float
    measurements: tuple[Measurement, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def benchmark(shapes: tuple[Shape, ...] = SHAPES, round_seconds: float = ROUND_SECONDS) -> Benchmark:
    """Measure; medians of `ROUNDS` rounds of ``round_seconds`` each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    one, every = peak(1, round_seconds), peak(cores, round_seconds)
    engine = get_engine("cpu")
    measurements = []
    for shape in shapes:
        single = iteration_seconds(engine, shape, 1, round_seconds)
        together = iteration_seconds(engine, shape, cores, round_seconds)
        rate = cores / together
        gflops = shape.operations * rate / 1e9
        measurements.append(
            Measurement(
                shape, 1e3 * single, 1e3 * together, gflops, 100 * gflops / every, shape.particles * shape.rows * rate
            )
        )
    return Benchmark(platform.processor() or platform.machine(), cores, one, every, tuple(measurements))


def peak(threads: int, round_seconds: float = ROUND_SECONDS) -> float:
    """Multiply-adds that ``threads`` threads do at once, in GFLOP/s (two operations each)."""
    from shoal.engines import kernels
    from shoal.engines.intrinsics import PEAK_CHAINS
    from shoal.engines.vectors import LANES

    seconds = _seconds_a_call([kernels.spin] * threads, round_seconds)
    return threads * 2.0 * LANES * PEAK_CHAINS / seconds / 1e9


def iteration_seconds(engine: Engine, shape: Shape, threads: int, round_seconds: float = ROUND_SECONDS) -> float:
    """Seconds for one iteration, while as many swarms as ``threads`` run side by side."""
    task = shape.task()

    def runner() -> Callable[[int], None]:
        state: list[SwarmState] = [initial_state(task)]

        def run(iterations: int) -> None:
            state[0] = engine.advance(task, state[0], iterations)

        return run

    return _seconds_a_call([runner() for _ in range(threads)], round_seconds)


def _seconds_a_call(workers: list[Callable[[int], Any]], round_seconds: float) -> float:
    """Seconds for each of the ``n`` that a worker is called with, all workers at once; the median round."""
    with ThreadPoolExecutor(len(workers)) as pool:

        def timed(n: int) -> float:
            start = time.perf_counter()
            for job in [pool.submit(worker, n) for worker in workers]:
                job.result()
            return time.perf_counter() - start

        timed(1)  # compiles, or loads what was compiled
        n = 1
        while (took := timed(n)) < round_seconds / 4:
            n *= 2 if took > round_seconds / 64 else 16
        n = max(1, int(n * round_seconds / took))
        return statistics.median(timed(n) / n for _ in range(ROUNDS))
