"""What a search will cost, before it starts: trainings, multiply-adds, seconds, memory.

Each is a range, and the estimate says where it comes from.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shoal.analysis.stages import Stage, stages
from shoal.analysis.throughput import Throughput, guessed_throughput
from shoal.data.diagnostics import Finding
from shoal.genome.genome import Genome
from shoal.problems.base import Problem
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import cores
from shoal.settings.samplers import sampler_entry
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView
from shoal.tuning.search import Search

# Genomes of a first generation from which costs are taken.
SAMPLED = 24
# At most this many times longer: cores wait for the last training of each rung.
IDLE = 1.3
# Seconds, at most: compiling, and the baselines of a small table.
START_SECONDS = 20.0

# The same where the code is compiled and all else is measured.
START_MEASURED = (3.0, 8.0)

# What is warned of.
MANY_WEIGHTS = 100_000
MANY_ROWS = 1_000_000
MANY_RUNS = 5
LONG_SECONDS = 86_400.0

_BYTES_OF_FLOAT32 = 4
# Of a particle's weights: position, velocity, best, and one more while it moves.
_COPIES_OF_WEIGHTS = 4
# Of the rows to train on: these, and those of the table's own copy beside them.
_COPIES_OF_ROWS = 3


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What a search will cost; each range is (low, high).

    Attributes
    ----------
    stages
        The trainings, by length.
    trainings
        Of the whole run.
    recorded
        Those that enter its list of evaluations; the champion's networks do not.
    cost
        Multiply-adds, if no training ended early.
    seconds
        Of active time.
    source
        Where the pace comes from, in words.
    memory
        Bytes of all workers, with the largest swarm of a first generation.
    largest
        Bytes of all workers, with the largest swarm that the bounds allow.
    weights
        Of the largest network of a first generation.
    warnings
        What to think over before the search starts.
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


def estimate_cost(
    problem: Problem, pace: Throughput | None = None, runs: Sequence[RunView] = ()
) -> CostEstimate:
    """Estimate the cost of a search.

    Parameters
    ----------
    problem
        Data and settings.
    pace
        How fast trainings are; None: `guessed_throughput`.
    runs
        All runs of the store. Those that wait or are at work come first.
    """
    settings = problem.settings
    pace = pace or guessed_throughput(settings)
    planned = stages(settings)
    # The champion's networks are no evaluations.
    recorded = [stage for stage in planned if stage.name != "champion"]
    if settings.finalists and not problem.refits:
        # They are those of the confirmations.
        planned = tuple(recorded)
    genomes = first_genomes(settings)
    workers = _workers(settings)
    sizes = [_SwarmSize(genome.swarm_size, problem.dimensions(genome)) for genome in genomes]

    cost = _multiply_adds(problem, planned, genomes)
    estimate = CostEstimate(
        stages=planned,
        trainings=_count(planned),
        recorded=_count(recorded),
        cost=cost,
        seconds=_seconds(settings, planned, cost, pace, workers),
        source=pace.source,
        memory=workers * max(_memory(problem, size) for size in sizes),
        largest=workers * _memory(problem, _largest_swarm(problem)),
        weights=max(size.weights for size in sizes),
    )
    return replace(estimate, warnings=tuple(_warnings(problem, estimate, runs)))


def first_genomes(settings: SearchSettings) -> tuple[Genome, ...]:
    """Some of the genomes that the first generation has, or might have."""
    # Each sampler begins as one of these two does, or nearly so.
    sampler = "genetic"
    if sampler_entry(settings.sampler).starts_anywhere:
        sampler = "random"

    population = min(settings.population, SAMPLED)
    few = settings.model_copy(update={"population": population, "sampler": sampler, "elitism": 0})
    return Search(few).population


def _count(planned: Sequence[Stage]) -> tuple[int, int]:
    """Trainings of all stages, at least and at most."""
    return sum(stage.least for stage in planned), sum(stage.most for stage in planned)


def _workers(settings: SearchSettings) -> int:
    """Trainings at a time. On this machine more workers than cores are no faster."""
    workers = settings.workers or cores()
    if settings.executor == "local":
        return min(workers, cores())
    return workers


def _multiply_adds(
    problem: Problem, planned: Sequence[Stage], genomes: Sequence[Genome]
) -> tuple[float, float]:
    """Of all trainings, if none ended early."""
    low = 0.0
    high = 0.0
    for stage in planned:
        costs = [float(problem.cost(Task(genome, stage.repeat))) for genome in genomes]
        mean = float(np.mean(costs))
        low += stage.least * mean

        # Where effort is not made equal, the search may come to prefer the large genomes of the
        # first generation.
        dearest = mean
        if not problem.settings.equal_effort:
            dearest = float(np.quantile(costs, 0.9))
        high += stage.most * dearest
    return low, high


def _seconds(
    settings: SearchSettings,
    planned: Sequence[Stage],
    cost: tuple[float, float],
    pace: Throughput,
    workers: int,
) -> tuple[float, float]:
    """Active seconds, within the limits that the settings give."""
    # Without a patience every training lasts as long as it may.
    share = pace.share if settings.patience is not None else (1.0, 1.0)
    shortest = cost[0] * share[0] * pace.seconds[0] / workers
    longest = cost[1] * share[1] * pace.seconds[1] / workers * IDLE + START_SECONDS
    if pace.is_measured:
        ranges = (cost, share, pace.seconds, (1.0 / workers, IDLE / workers))
        shortest, longest = _likely_product(ranges)
        shortest += START_MEASURED[0] + pace.start[0]
        longest += START_MEASURED[1] + pace.start[1]

    if settings.training_seconds is not None:
        _, most = _count(planned)
        limit = most * settings.training_seconds / workers * IDLE + START_SECONDS
        shortest = min(shortest, limit)
        longest = min(longest, limit)
    if settings.max_seconds is not None:
        shortest = min(shortest, settings.max_seconds)
        longest = min(longest, settings.max_seconds)
    return shortest, longest


def _likely_product(ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The range of a product of independent factors, each (low, high) above 0.

    Half of the width of each, as a logarithm, is taken for its deviation. Those of independent
    factors add up by their squares (Gauss's propagation of errors): all factors seldom lie at their
    ends at once.
    """
    logs = np.log(np.array(ranges))
    middle = float(logs.mean(axis=1).sum())
    half = float(np.sqrt((((logs[:, 1] - logs[:, 0]) / 2) ** 2).sum()))
    return math.exp(middle - half), math.exp(middle + half)


@dataclass(frozen=True, slots=True)
class _SwarmSize:
    """Particles of a swarm, and weights of the network that each of them is."""

    particles: int
    weights: int


def _largest_swarm(problem: Problem) -> _SwarmSize:
    """The largest swarm that the bounds allow."""
    space = problem.settings.space
    particles = next(int(gene.high) for gene in space.numeric if gene.name == "swarm_size")
    hidden = (space.max_width,) * space.max_depth
    return _SwarmSize(particles, problem.dimensions(Genome(hidden_layers=hidden)))


def _memory(problem: Problem, size: _SwarmSize) -> int:
    """Bytes of one training: its swarm, the rows that it trains on, and its copy of the table."""
    swarm = _COPIES_OF_WEIGHTS * size.particles * size.weights
    rows = 0
    if isinstance(problem, TableProblem):
        rows = _COPIES_OF_ROWS * problem.dataset.train.x.size
    return _BYTES_OF_FLOAT32 * (swarm + rows)


def _warnings(
    problem: Problem, estimate: CostEstimate, runs: Sequence[RunView]
) -> Iterator[Finding]:
    """What to think over before the search starts, with what to do about it."""
    shortest, longest = estimate.seconds
    if longest > LONG_SECONDS:
        days = f"{shortest / LONG_SECONDS:.1f} to {longest / LONG_SECONDS:.1f} days"
        yield Finding(
            "look",
            f"This may take {days}.",
            "start with fewer generations or iterations, a finished run can be continued; "
            "or give it max seconds",
        )

    if estimate.weights > MANY_WEIGHTS:
        yield Finding(
            "look",
            f"The first networks have up to {estimate.weights:,} weights: "
            "few swarms find their way in so many dimensions.",
            "leave columns out, or allow fewer and narrower layers",
        )
    rows = 0
    if isinstance(problem, TableProblem):
        rows = len(problem.dataset.train.x)
    if rows > MANY_ROWS:
        yield Finding(
            "look",
            f"Each training goes through {rows:,} rows in every iteration.",
            "take a random sample of the rows first",
        )

    installed = _installed_memory()
    if installed and estimate.memory > installed / 2:
        needed = f"{estimate.memory / 1e9:.1f} GB of this machine's {installed / 1e9:.1f}"
        yield Finding(
            "look",
            f"Trainings side by side need about {needed}.",
            "ask for fewer workers, or take a sample of the rows",
        )

    waiting = [run for run in runs if run.state in ("running", "queued")]
    if len(waiting) >= MANY_RUNS:
        yield Finding(
            "look",
            f"{len(waiting)} searches are running or queued here, and this one comes after them.",
            "wait for them, or stop those that nobody needs",
        )


def _installed_memory() -> int:
    """Bytes of this machine; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
