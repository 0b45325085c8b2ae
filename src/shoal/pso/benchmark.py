"""The speed of this machine: its peak of multiply-adds, and the share that a swarm reaches of it.

An iteration of a swarm is timed whole: evaluation, bests, informants, random numbers and moves.
Only its useful operations are counted: two for each weight that is not a bias, each row and each
particle; of a solved output layer those of the sums of products and of the factorisation
(`shoal.nn.readout.solving_effort`). The rest is overhead and counts against the share.

Start with `benchmark`.
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
from shoal.nn.readout import solving_effort
from shoal.numerics.philox import derive_key
from shoal.objectives.losses import make_objective
from shoal.pso.engines import cores, kernels
from shoal.pso.engines.base import Engine
from shoal.pso.engines.cpu import CpuEngine
from shoal.pso.engines.intrinsics.sums import PEAK_CHAINS
from shoal.pso.engines.llvm_vectors import LANES
from shoal.pso.swarm import TrainingTask, initial_state

# Each workload is timed so often, in turns with the others.
ROUNDS = 7
# Seconds of each workload in each round.
ROUND_SECONDS = 0.2
# Iterations of the training that may leave out rows: not more, as it would only take longer.
_MOST_TRAINING_ITERATIONS = 500

# Does some units of work one after another: as many as it is called with.
Workload = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a swarm, its network and its data.

    Attributes
    ----------
    layers : tuple of int
        Widths from the inputs to the outputs.
    rows : int
        Rows of training data.
    particles : int
        Size of the swarm.
    activation : str
        A key of `shoal.nn.activations.ACTIVATIONS`.
    informants : str
        A key of `shoal.update_rules.informants.INFORMANT_STRATEGIES`.
    readout : str
        One of `shoal.genome.genes.READOUTS`.

    Examples
    --------
    >>> Shape((8, 32, 16, 1), rows=100, particles=10).operations
    1568000
    """

    layers: tuple[int, ...]
    rows: int
    particles: int
    activation: str = "relu"
    informants: str = "random"
    readout: str = "searched"

    @property
    def operations(self) -> int:
        """Useful floating-point operations of one iteration."""
        pairs = list(pairwise(self.layers))
        solved = 0
        if self.readout == "solved":
            solved = solving_effort(pairs.pop(), rows=self.rows)
        weights = sum(inputs * neurons for inputs, neurons in pairs)
        return 2 * (weights + solved) * self.rows * self.particles

    def task(self) -> TrainingTask:
        """Make a training of these sizes on random numbers, which practically never ends."""
        random = np.random.default_rng(0)
        x = random.standard_normal((self.rows, self.layers[0])).astype(np.float32)

        return TrainingTask(
            genome=Genome(
                swarm_size=self.particles,
                informant_strategy=self.informants,
                hidden_layers=self.layers[1:-1],
                readout=self.readout,
            ),
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
    Shape((8, 32, 1), 721, 48, readout="solved"),
    Shape((8, 64, 1), 721, 48, readout="solved"),
    Shape((8, 128, 1), 721, 48, readout="solved"),
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The speed of one shape on this machine.

    All times are of one iteration. All particles are evaluated on all rows, but in the last three
    figures.

    Attributes
    ----------
    shape : Shape
        What was measured.
    ms_one_core : float
        Milliseconds of one swarm on one core.
    ms_shared : float
        Milliseconds of one swarm on all cores.
    ms_each : float
        Milliseconds of each of as many swarms as cores, side by side.
    gflops : float
        Useful operations of those swarms, in GFLOP/s.
    percent_of_peak : float
        The same in percent of the peak of all cores, which was measured in turns with them.
    particle_rows_per_second : float
        Particles x rows that those swarms evaluate in a second.
    iterations : int
        Length of one more training, on one core, that may leave out rows
        (`shoal.pso.engines.cpu.CpuEngine`).
    percent_rows_skipped : float
        Percent of the particles x rows that this training left out.
    ms_skipping_rows : float
        Milliseconds of an iteration of this training.
    """

    shape: Shape
    ms_one_core: float
    ms_shared: float
    ms_each: float
    gflops: float
    percent_of_peak: float
    particle_rows_per_second: float
    iterations: int
    percent_rows_skipped: float
    ms_skipping_rows: float

    def to_dict(self) -> dict[str, Any]:
        """Make a dictionary for JSON."""
        values = asdict(self)
        # The old names of the two figures before, until 1.0.
        values["percent_spared"] = self.percent_rows_skipped
        values["ms_sparing"] = self.ms_skipping_rows
        return values


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What `shoal bench` shows.

    Attributes
    ----------
    processor : str
        The name that the system has for it.
    cores : int
        Processors that this process may use.
    peak_one_core : float
        Multiply-adds of one core at best, in GFLOP/s.
    peak_all_cores : float
        The same of all cores together.
    measurements : tuple of Measurement
        One of each shape.
    """

    processor: str
    cores: int
    peak_one_core: float
    peak_all_cores: float
    measurements: tuple[Measurement, ...]

    def to_dict(self) -> dict[str, Any]:
        """Make a dictionary for JSON."""
        measurements = []
        for measurement in self.measurements:
            measurements.append(measurement.to_dict())

        return {
            "processor": self.processor,
            "cores": self.cores,
            "peak_one_core": self.peak_one_core,
            "peak_all_cores": self.peak_all_cores,
            "measurements": measurements,
        }


def benchmark(
    shapes: tuple[Shape, ...] = SHAPES,
    round_seconds: float = ROUND_SECONDS,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Benchmark:
    """Measure this machine.

    Parameters
    ----------
    shapes
        The swarms to time.
    round_seconds
        Seconds of each workload in each of `ROUNDS` rounds. A figure is the median of the rounds.
    on_progress
        Is called with the share that is done, 0 to 1, when a swarm is timed.

    Returns
    -------
    Benchmark
    """
    all_cores = cores()
    peak_workloads = [peak_workload(1), peak_workload(all_cores)]
    one_core_seconds, all_cores_seconds = time_in_turns(peak_workloads, round_seconds)

    measurements = []
    for number, shape in enumerate(shapes, 1):
        measurements.append(_measure(shape, round_seconds))
        on_progress(number / len(shapes))

    return Benchmark(
        processor=platform.processor() or platform.machine(),
        cores=all_cores,
        peak_one_core=peak_operations(1) / statistics.median(one_core_seconds) / 1e9,
        peak_all_cores=peak_operations(all_cores) / statistics.median(all_cores_seconds) / 1e9,
        measurements=tuple(measurements),
    )


def _measure(shape: Shape, round_seconds: float) -> Measurement:
    all_cores = cores()
    engine = CpuEngine(abandon=False)

    single, shared, side_by_side, peak = time_in_turns(
        [
            swarm_workload(engine, shape, 1),
            swarm_workload(engine.with_threads(all_cores), shape, 1),
            swarm_workload(engine, shape, all_cores),
            peak_workload(all_cores),
        ],
        round_seconds,
    )
    iterations_per_second = all_cores / statistics.median(side_by_side)

    # The share within each round, so that a slow minute of the machine slows both sides.
    shares = []
    for swarm_seconds, peak_seconds in zip(side_by_side, peak, strict=True):
        seconds_per_operation = peak_seconds / peak_operations(all_cores)
        shares.append(seconds_per_operation * all_cores * shape.operations / swarm_seconds)

    # A training that leaves out rows, about as long as the rounds of one workload.
    iterations = int(ROUNDS * round_seconds / statistics.median(single))
    iterations = max(1, min(_MOST_TRAINING_ITERATIONS, iterations))
    (training,) = CpuEngine().train([replace(shape.task(), iterations=iterations)])

    return Measurement(
        shape=shape,
        ms_one_core=1e3 * statistics.median(single),
        ms_shared=1e3 * statistics.median(shared),
        ms_each=1e3 * statistics.median(side_by_side),
        gflops=shape.operations * iterations_per_second / 1e9,
        percent_of_peak=100 * statistics.median(shares),
        particle_rows_per_second=shape.particles * shape.rows * iterations_per_second,
        iterations=iterations,
        percent_rows_skipped=100 * training.rows_skipped,
        ms_skipping_rows=1e3 * training.seconds / iterations,
    )


def peak_operations(threads: int) -> float:
    """Count the floating-point operations of one unit of `peak_workload`."""
    return 2.0 * LANES * PEAK_CHAINS * threads


def peak_workload(threads: int) -> Workload:
    """Make a workload of independent multiply-adds, the same on each of some threads."""
    return _side_by_side([kernels.spin] * threads)


def swarm_workload(engine: Engine, shape: Shape, count: int) -> Workload:
    """Make a workload of ``count`` swarms side by side; an iteration of each is a unit."""
    task = shape.task()
    swarms = []
    for _ in range(count):
        swarms.append(_endless_training(engine, task))
    return _side_by_side(swarms)


def _endless_training(engine: Engine, task: TrainingTask) -> Workload:
    """A training that each call continues for some iterations."""
    state = initial_state(task)

    def advance(iterations: int) -> None:
        nonlocal state
        state = engine.advance(task, state, iterations)

    return advance


def _side_by_side(workloads: list[Workload]) -> Workload:
    """A workload that does the units of several, each on a thread of its own."""
    if len(workloads) == 1:
        return workloads[0]

    def work(units: int) -> None:
        with ThreadPoolExecutor(len(workloads)) as pool:
            jobs = []
            for workload in workloads:
                jobs.append(pool.submit(workload, units))
            for job in jobs:
                job.result()

    return work


def time_in_turns(workloads: list[Workload], round_seconds: float) -> list[list[float]]:
    """Time workloads in turns, so that a machine that changes its speed changes it for all.

    Parameters
    ----------
    workloads
        What is timed.
    round_seconds
        How long each workload runs in each of `ROUNDS` rounds.

    Returns
    -------
    list of list of float
        For each workload the seconds of a unit of its work, one number a round.
    """
    units_of: list[int] = []
    seconds_of: list[list[float]] = []
    for workload in workloads:
        units_of.append(_units_per_round(workload, round_seconds))
        seconds_of.append([])

    for _ in range(ROUNDS):
        for workload, units, seconds in zip(workloads, units_of, seconds_of, strict=True):
            seconds.append(_timed(workload, units) / units)
    return seconds_of


def _units_per_round(workload: Workload, round_seconds: float) -> int:
    """How many units of work take about ``round_seconds``."""
    # The first call compiles the kernels, or loads those that were compiled.
    _timed(workload, 1)

    units = 1
    seconds = _timed(workload, units)
    while seconds < round_seconds / 4:
        if seconds > round_seconds / 64:
            units *= 2
        else:
            units *= 16
        seconds = _timed(workload, units)
    return max(1, int(units * round_seconds / seconds))


def _timed(workload: Workload, units: int) -> float:
    """The seconds that some units of work take."""
    start = time.perf_counter()
    workload(units)
    return time.perf_counter() - start
