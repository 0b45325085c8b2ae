"""What this machine does: its multiply-add peak, and what share of it whole iterations of a swarm
reach.

An iteration is everything: evaluation, bests, informants, random numbers, moves. Its useful
operations are counted as two for each weight that is not a bias, each row and each particle; the
rest is overhead and counts against the share.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.numerics.philox import derive_key
from shoal.objectives.losses import make_objective
from shoal.pso.engines import cores, kernels
from shoal.pso.engines.base import Engine
from shoal.pso.engines.cpu import CpuEngine
from shoal.pso.engines.intrinsics.sums import PEAK_CHAINS
from shoal.pso.engines.llvm_vectors import LANES
from shoal.pso.swarm import SwarmState, TrainingTask, initial_state

ROUNDS = 7
ROUND_SECONDS = 0.2  # of each form in each round


@dataclass(frozen=True, slots=True)
class Shape:
    """A swarm and its data, by size."""

    layers: tuple[int, ...]
    rows: int
    particles: int
    activation: str = "relu"
    informants: str = "random"

    @property
    def operations(self) -> int:
        """Useful floating-point operations of one iteration."""
        return 2 * sum(a * b for a, b in pairwise(self.layers)) * self.rows * self.particles

    def task(self) -> TrainingTask:
        """A training of that size, on random numbers."""
        random = np.random.default_rng(0)
        x = random.standard_normal((self.rows, self.layers[0])).astype(np.float32)
        return TrainingTask(
            genome=Genome(swarm_size=self.particles, informant_strategy=self.informants),
            network=Network(self.layers, self.activation),
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
    """One shape on this machine. Milliseconds are for one iteration; all particles are evaluated on
    all rows.

    ``ms_one_core``: one swarm on one core. ``ms_shared``: one swarm on all cores. ``ms_each``: as
    many swarms as cores, side by side, each of them; so are GFLOP/s, ``percent_of_peak`` (of all
    cores, measured between) and particles x rows a second. ``percent_spared``: rows that a training
    of ``iterations`` from its start need not evaluate, and ``ms_sparing`` an iteration of it, on
    one core.
    """

    shape: Shape
    ms_one_core: float
    ms_shared: float
    ms_each: float
    gflops: float
    percent_of_peak: float
    particle_rows_per_second: float
    iterations: int
    percent_spared: float
    ms_sparing: float


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


def benchmark(
    shapes: tuple[Shape, ...] = SHAPES, round_seconds: float = ROUND_SECONDS
) -> Benchmark:
    """Measure; medians of `ROUNDS` rounds of ``round_seconds`` for each form in turn."""
    count = cores()
    one, every = alternating([peak_form(1), peak_form(count)], round_seconds)
    peaks = (
        peak_operations(1) / statistics.median(one) / 1e9,
        peak_operations(count) / statistics.median(every) / 1e9,
    )
    measurements = tuple(_measure(shape, round_seconds) for shape in shapes)
    return Benchmark(platform.processor() or platform.machine(), count, *peaks, measurements)


def _measure(shape: Shape, round_seconds: float) -> Measurement:
    every = CpuEngine(abandon=False)
    count = cores()
    forms = [
        swarms(every, shape, 1),
        swarms(every.with_threads(count), shape, 1),
        swarms(every, shape, count),
        peak_form(count),
    ]
    single, shared, each, peak = alternating(forms, round_seconds)
    rate = count / statistics.median(each)
    share = statistics.median(
        p / peak_operations(count) * count * shape.operations / t
        for p, t in zip(peak, each, strict=True)
    )
    task = replace(
        shape.task(),
        iterations=max(1, min(500, int(ROUNDS * round_seconds / statistics.median(single)))),
    )
    (training,) = CpuEngine().train([task])
    return Measurement(
        shape,
        1e3 * statistics.median(single),
        1e3 * statistics.median(shared),
        1e3 * statistics.median(each),
        shape.operations * rate / 1e9,
        100 * share,
        shape.particles * shape.rows * rate,
        task.iterations,
        100 * training.rows_skipped,
        1e3 * training.seconds / task.iterations,
    )


Form = Callable[[int], None]


def peak_operations(threads: int) -> float:
    """Operations of one round of the peak's kernel on each thread."""
    return 2.0 * LANES * PEAK_CHAINS * threads


def peak_form(threads: int) -> Form:
    """The peak's kernel on so many threads."""
    return _side_by_side([kernels.spin] * threads)


def swarms(engine: Engine, shape: Shape, count: int) -> Form:
    """That many swarms side by side, each going on for the iterations that it is called with."""
    task = shape.task()

    def swarm() -> Callable[[int], None]:
        state: list[SwarmState] = [initial_state(task)]

        def run(iterations: int) -> None:
            state[0] = engine.advance(task, state[0], iterations)

        return run

    return _side_by_side([swarm() for _ in range(count)])


def _side_by_side(workers: list[Callable[[int], Any]]) -> Form:
    def run(n: int) -> None:
        with ThreadPoolExecutor(len(workers)) as pool:
            for job in [pool.submit(worker, n) for worker in workers]:
                job.result()

    return run if len(workers) > 1 else workers[0]


def alternating(forms: list[Form], round_seconds: float) -> list[list[float]]:
    """Seconds for each of the ``n`` that a form is called with: a list for each form, round by
    round.
    """

    def timed(form: Form, n: int) -> float:
        start = time.perf_counter()
        form(n)
        return time.perf_counter() - start

    counts = []
    for form in forms:
        timed(form, 1)  # compiles, or loads what was compiled
        n = 1
        while (took := timed(form, n)) < round_seconds / 4:
            n *= 2 if took > round_seconds / 64 else 16
        counts.append(max(1, int(n * round_seconds / took)))
    rounds = [
        [timed(form, n) / n for form, n in zip(forms, counts, strict=True)] for _ in range(ROUNDS)
    ]
    return [list(seconds) for seconds in zip(*rounds, strict=True)]
