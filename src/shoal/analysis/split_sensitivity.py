"""How much of a score is its split: a champion and its baselines on other random splits.

The genome was found on rows of which some are test rows here, so its scores are a little too good.
Complete searches on each split have no such help, and each of them costs a whole search more::

    for done in resplit_scores(problem, champion.genome, networks=5, seeds=range(10)):
        rows = summarise_splits(done)  # of all splits so far
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from shoal.data import Dataset, resplit
from shoal.errors import DataError
from shoal.executors import make_executor
from shoal.genome.genome import Genome
from shoal.numerics.stats import ci95_half_width, mean
from shoal.objectives.metrics import Metrics
from shoal.objectives.registry import ACCURACY, Metric
from shoal.problems.base import Problem
from shoal.problems.table import TableProblem
from shoal.pso.engines.base import Engine
from shoal.tuning.baselines import NAMES, Baseline, BaselineJob, baseline_jobs

# What the champion's genome is called among the methods.
CHAMPION = "This champion"

# Longest wait for a split before its executor is looked after.
_POLL_SECONDS = 0.5

# The scores of all methods on one split, by method.
SplitScores = Mapping[str, Baseline]


@dataclass(frozen=True, slots=True)
class SplitJob:
    """A job for an executor: all methods on one split, one after another.

    Attributes
    ----------
    dataset
        The table, split in another way.
    genome
        The champion's.
    networks
        How many networks of it are trained.
    """

    dataset: Dataset
    genome: Genome
    networks: int

    def run(self, problem: Problem, engine: Engine) -> SplitScores:
        """Score all methods; of ``problem`` only the settings count."""
        split = TableProblem(self.dataset, problem.settings)
        jobs = {NAMES[job.kind]: job for job in baseline_jobs(split, self.genome, self.networks)}
        jobs[CHAMPION] = BaselineJob("swarm", self.genome, self.networks)
        return {name: job.run(split, engine) for name, job in jobs.items()}


def resplit_scores(
    problem: TableProblem,
    genome: Genome,
    networks: int,
    seeds: Iterable[int],
    workers: int | None = None,
) -> Iterator[list[SplitScores]]:
    """Train a genome and the baselines on other splits of a problem's table.

    Parameters
    ----------
    problem
        The data and settings.
    genome, networks
        The champion's genome, and how many networks of it are trained.
    seeds
        Seeds of the splits.
    workers
        Worker processes; None: one for each core.

    Yields
    ------
    list of SplitScores
        The scores of all splits so far, once more whenever a split is done.

    Raises
    ------
    DataError
        The data have no test part or are split in an order, a seed makes no split, or the job of a
        split is lost.
    """
    if problem.dataset.test is None:
        raise DataError(
            f"{problem.dataset.name}: no test part.",
            expected="a test_fraction above 0",
            remedy="set one",
        )
    order = problem.dataset.options.order
    if order is not None:
        raise DataError(
            f"{problem.dataset.name}: rows are split in the order of {order!r}, whatever the seed.",
            expected="rows that are shared out at random",
            remedy="choose a run without an order",
        )

    done: list[SplitScores] = []
    datasets = resplit(problem.dataset, seeds)
    running = 0
    with make_executor(problem, workers) as executor:
        while True:
            # A split is made only when a worker is free for it: each is a copy of the table.
            while running < executor.capacity:
                dataset = next(datasets, None)
                if dataset is None:
                    break
                executor.submit(SplitJob(dataset.without_table(), genome, networks))
                running += 1
            if not running:
                return

            for outcome in executor.poll(_POLL_SECONDS):
                if outcome.error is not None:
                    raise DataError(f"A split could not be scored: {outcome.error}")
                running -= 1
                done.append(outcome.result)
                yield done


class MeanHalf(NamedTuple):
    """A mean over splits, and the half-width of Student's 95 % interval; None for one split.

    Splits share rows, so that the interval is somewhat too narrow.
    """

    mean: float
    half: float | None


_UNKNOWN = MeanHalf(0.0, None)


@dataclass(frozen=True, slots=True)
class MethodSummary:
    """A method over splits.

    Attributes
    ----------
    label
        The method.
    splits
        On how many splits both the method and the champion worked.
    single, ensemble
        On the test rows by the metric, of single networks on average and of their ensemble.
    behind
        By how much the ensemble is worse than the champion's, split by split.
    error
        Why it failed on the first split on which it did.
    """

    label: str
    splits: int
    single: MeanHalf
    ensemble: MeanHalf
    behind: MeanHalf
    error: str | None = None

    @property
    def is_champion(self) -> bool:
        """Whether the method is the champion's genome, and not one of the others."""
        return self.label == CHAMPION

    def to_dict(self) -> dict[str, Any]:
        """One of the methods in `shoal splits --json`."""
        return asdict(self)


def summarise_splits(
    splits: Iterable[SplitScores], metric: Metric = ACCURACY
) -> list[MethodSummary]:
    """All methods over these splits.

    Parameters
    ----------
    splits
        The scores of each split, by method. A method may be missing from a split.
    metric
        What the methods are compared by.

    Returns
    -------
    list of MethodSummary
        The best ensemble first, the methods that worked nowhere last.
    """
    splits = list(splits)
    # A dictionary keeps the order in which the methods are first met.
    labels = dict.fromkeys(label for split in splits for label in split)
    rows = [_summarise_method(label, splits, metric) for label in labels]
    return sorted(rows, key=lambda row: (row.splits == 0, -metric.fitness(row.ensemble.mean)))


@dataclass(frozen=True, slots=True)
class _Pair:
    """A method's test scores on one split, and those of the champion's ensemble there."""

    single: Metrics
    ensemble: Metrics
    champion: Metrics


def _summarise_method(label: str, splits: Sequence[SplitScores], metric: Metric) -> MethodSummary:
    """One method over the splits on which it and the champion worked."""
    pairs = []
    error = None
    for split in splits:
        if label not in split:
            continue
        scored = split[label]
        champion = split[CHAMPION]
        error = error or scored.error
        if scored.test and scored.ensemble and champion.ensemble:
            pairs.append(_Pair(scored.test, scored.ensemble, champion.ensemble))

    if not pairs:
        reason = error or "nothing to compare with"
        return MethodSummary(label, 0, _UNKNOWN, _UNKNOWN, _UNKNOWN, reason)

    behind = []
    for pair in pairs:
        champion_fitness = metric.fitness(pair.champion[metric.name])
        behind.append(champion_fitness - metric.fitness(pair.ensemble[metric.name]))
    return MethodSummary(
        label=label,
        splits=len(pairs),
        single=_mean_half([pair.single[metric.name] for pair in pairs]),
        ensemble=_mean_half([pair.ensemble[metric.name] for pair in pairs]),
        behind=_mean_half(behind),
        error=error,
    )


def _mean_half(values: list[float]) -> MeanHalf:
    return MeanHalf(mean(values), ci95_half_width(values))
