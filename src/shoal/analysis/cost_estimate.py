"""What a search will cost, before it starts: trainings, multiply-adds, seconds, memory. A range, and where it comes from."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shoal.analysis.stages import Stage, stages
from shoal.data.diagnostics import Finding
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.problems.evaluation import Task
from shoal.problems.table import Problem
from shoal.pso.engines import cores
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView, Store
from shoal.tuning.search import Search

SAMPLED = 24  # genomes of a first generation
LEAST_TRAININGS = 10  # of a run whose pace is taken
MOST_TRAININGS = 50_000  # of one that is read for it
# Multiply-adds a second and core where nothing was recorded: from an old laptop to a server (docs/performance.md), and what
# the plain engine makes of them.
GUESSED_SPEED = {"cpu": (5e9, 6e10), "reference": (5e8, 1e10)}
GUESSED_SHARE = (0.3, 1.0)  # of their longest that trainings with a patience last
IDLE = 1.3  # cores wait for the last training of each rung
START_SECONDS = 20.0  # compiling, at most, and the baselines of a small table

MANY_WEIGHTS, MANY_ROWS, MANY_RUNS = 100_000, 1_000_000, 5
LONG_SECONDS = 86_400.0
_COPIES = 4  # of a particle's numbers: position, velocity, best, and one more while it moves


@dataclass(frozen=True, slots=True)
class Throughput:
    """Seconds a multiply-add on one core, the share of its longest that a training lasts, each (low, high), and whence."""

    seconds: tuple[float, float]
    share: tuple[float, float]
    source: str


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Each range is (low, high). ``trainings`` of the whole run; ``recorded`` of them enter its list of evaluations, the
    champion's networks do not. ``cost`` in multiply-adds, were no training to end early; ``seconds`` of active time.
    ``memory`` in bytes: of all workers, with the largest swarm of a first generation; ``largest``: with the largest that the
    bounds allow. ``weights``: of the largest network of a first generation.
    """

    stages: tuple[Stage, ...]
    trainings: tuple[int, int]
    recorded: tuple[int, int]
    cost: tuple[float, float]
    seconds: tuple[float, float]
    source: str
    memory: int
    largest: int
    weights: int
    warnings: tuple[Finding, ...] = ()


def recorded_throughput(store: Store, settings: SearchSettings) -> Throughput | None:
    """The pace of the newest run with the same engine that was trained on this host; None where there is none."""
    here = f"{socket.gethostname()}:"
    for run in store.runs():
        if (
            run.settings.engine == settings.engine
            and LEAST_TRAININGS <= run.evaluations <= MOST_TRAININGS
        ):
            pace = _pace_of(store, run, here)
            if pace is not None:
                return pace
    return None


def _pace_of(store: Store, run: RunView, here: str) -> Throughput | None:
    problem = store.load_problem(run.id)
    done = [
        e
        for e in store.evaluations(run.id, curves=False)
        if e.worker.startswith(here) and e.iterations and e.seconds
    ]
    if len(done) < LEAST_TRAININGS:
        return None
    costs = np.array([float(problem.cost(e.task)) for e in done])
    shares = np.array([e.iterations / problem.iterations_for(e.task) for e in done])
    seconds = np.array([e.seconds for e in done])
    lasted = float((costs * shares).sum() / costs.sum())
    middle = float(seconds.sum() / (costs * shares).sum())
    low, high = (float(q) for q in np.quantile(seconds / (costs * shares), [0.25, 0.75]))
    return Throughput(
        (min(low, 0.8 * middle), max(high, 1.25 * middle)),
        (0.8 * lasted, min(1.0, 1.25 * lasted)),
        f"from {len(done):,} trainings of run {run.id}",
    )


def guessed_throughput(settings: SearchSettings) -> Throughput:
    """Where nothing was recorded: wide, and said to be a guess."""
    slow, fast = GUESSED_SPEED[settings.engine]
    return Throughput(
        (1 / fast, 1 / slow), GUESSED_SHARE, "a guess: no training was recorded here yet"
    )


def estimate_cost(
    problem: Problem, pace: Throughput | None = None, runs: Sequence[RunView] = ()
) -> CostEstimate:
    """What a search on ``problem`` will cost at this ``pace``; ``runs`` are those that come first.

    Without a pace it is that of `guessed_throughput`.
    """
    settings, pace = problem.settings, pace or guessed_throughput(problem.settings)
    planned, genomes = stages(settings), first_genomes(settings)
    each = [
        np.array([float(problem.cost(Task(genome, stage.repeat))) for genome in genomes])
        for stage in planned
    ]
    # Where effort is not made equal, evolution may come to prefer the large ones of the first generation.
    low = sum(stage.least * float(costs.mean()) for stage, costs in zip(planned, each, strict=True))
    high = sum(
        stage.most * float(costs.mean() if settings.equal_effort else np.quantile(costs, 0.9))
        for stage, costs in zip(planned, each, strict=True)
    )
    workers = (
        min(settings.workers or cores(), cores())
        if settings.executor == "local"
        else settings.workers or cores()
    )
    share = pace.share if settings.patience is not None else (1.0, 1.0)
    shortest = low * share[0] * pace.seconds[0] / workers
    longest = high * share[1] * pace.seconds[1] / workers * IDLE + START_SECONDS
    if settings.training_seconds is not None:
        most = (
            sum(stage.most for stage in planned) * settings.training_seconds / workers * IDLE
            + START_SECONDS
        )
        shortest, longest = min(shortest, most), min(longest, most)
    if settings.max_seconds is not None:
        shortest, longest = min(shortest, settings.max_seconds), min(longest, settings.max_seconds)
    recorded = [stage for stage in planned if stage.name != "champion"]
    sizes = [(genome.swarm_size, problem.network(genome).size) for genome in genomes]
    found = CostEstimate(
        planned,
        (sum(s.least for s in planned), sum(s.most for s in planned)),
        (sum(s.least for s in recorded), sum(s.most for s in recorded)),
        (low, high),
        (shortest, longest),
        pace.source,
        workers * max(_memory(problem, particles, size) for particles, size in sizes),
        workers * _memory(problem, *_largest(problem)),
        max(size for _, size in sizes),
    )
    warnings = tuple(_warnings(problem, found, runs))
    return replace(found, warnings=warnings)


def first_genomes(settings: SearchSettings) -> tuple[Genome, ...]:
    """Some of those that the first generation has, or might have."""
    population = min(settings.population, SAMPLED)
    sampler = (
        "random" if settings.sampler == "random" else "genetic"
    )  # whose first generation the others have, or nearly
    few = settings.model_copy(update={"population": population, "sampler": sampler, "elitism": 0})
    return Search(few).population


def _largest(problem: Problem) -> tuple[int, int]:
    """Particles and weights of the largest swarm that the bounds allow."""
    space = problem.settings.space
    particles = next(int(gene.high) for gene in space.numeric if gene.name == "swarm_size")
    inner = (space.max_width,) * space.max_depth
    return particles, Network((problem.dataset.inputs, *inner, problem.dataset.outputs)).size


def _memory(problem: Problem, particles: int, weights: int) -> int:
    """Bytes of one training: float32 of the swarm, the rows that it trains on, and all rows of the table's copy beside them."""
    train = problem.dataset.train.x
    return 4 * (_COPIES * particles * weights + 3 * train.size)


def _warnings(problem: Problem, found: CostEstimate, runs: Sequence[RunView]) -> Iterator[Finding]:
    rows, installed = len(problem.dataset.train.x), _installed_memory()
    if found.seconds[1] > LONG_SECONDS:
        days = (
            f"{found.seconds[0] / LONG_SECONDS:.1f} to {found.seconds[1] / LONG_SECONDS:.1f} days"
        )
        remedy = "start with fewer generations or iterations, a finished run can be continued; or give it max seconds"
        yield Finding("look", f"This may take {days}.", remedy)
    if found.weights > MANY_WEIGHTS:
        what = f"The first networks have up to {found.weights:,} weights: few swarms find their way in so many dimensions."
        yield Finding("look", what, "leave columns out, or allow fewer and narrower layers")
    if rows > MANY_ROWS:
        what = f"Each training goes through {rows:,} rows in every iteration."
        yield Finding("look", what, "take a random sample of the rows first")
    if installed and found.memory > installed / 2:
        what = f"Trainings side by side need about {found.memory / 1e9:.1f} GB of this machine's {installed / 1e9:.1f}."
        yield Finding("look", what, "ask for fewer workers, or take a sample of the rows")
    waiting = [run for run in runs if run.state in ("running", "queued")]
    if len(waiting) >= MANY_RUNS:
        what = f"{len(waiting)} searches are running or queued here, and this one comes after them."
        yield Finding("look", what, "wait for them, or stop those that nobody needs")


def _installed_memory() -> int:
    """Bytes; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
