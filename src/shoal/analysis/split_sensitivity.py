"""How much of a score is its split: a champion's genome, and its baselines, on other random splits of the same table.

    for done in resplit_scores(problem, champion.genome, networks=5, seeds=range(10)):
        rows = across(done)  # of all splits so far

The genome was found on rows of which some are test rows here, so its scores are a little too good; complete searches on
each split have no such help, and cost as much more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shoal.data import Dataset, resplit
from shoal.errors import DataError
from shoal.executors import make_executor
from shoal.genome.genome import Genome
from shoal.numerics.stats import ci95_half_width, mean
from shoal.problems.table import Problem
from shoal.pso.engines.base import Engine
from shoal.tuning.baselines import NAMES, Baseline, BaselineJob, baseline_jobs

CHAMPION = "This champion"
_POLL_SECONDS = 0.5
SplitScores = Mapping[str, Baseline]  # of one split, by method


@dataclass(frozen=True, slots=True)
class SplitJob:
    """A job for an executor: all methods on one split, one after the other."""

    dataset: Dataset
    genome: Genome
    networks: int

    def run(self, problem: Problem, engine: Engine) -> SplitScores:
        """Their scores, by name; ``problem`` gives the settings."""
        own = Problem(self.dataset, problem.settings)
        jobs = {NAMES[job.kind]: job for job in baseline_jobs(own, self.genome, self.networks)}
        jobs[CHAMPION] = BaselineJob("swarm", self.genome, self.networks)
        return {name: job.run(own, engine) for name, job in jobs.items()}


def resplit_scores(
    problem: Problem,
    genome: Genome,
    networks: int,
    seeds: Iterable[int],
    workers: int | None = None,
) -> Iterator[list[SplitScores]]:
    """Everybody's scores on the splits of these data seeds: those known so far, once more for each that is done.

    Raises DataError where the data have no test part, or a seed makes no split, and when a split's job is lost.
    """
    if problem.dataset.test is None:
        raise DataError(
            f"{problem.dataset.name}: no test part.",
            expected="a test_fraction above 0",
            remedy="set one",
        )
    done: list[SplitScores] = []
    datasets, under_way = resplit(problem.dataset, seeds), 0
    with make_executor(problem, workers) as executor:
        while True:
            while under_way < executor.capacity and (data := next(datasets, None)) is not None:
                executor.submit(SplitJob(data.without_table(), genome, networks))
                under_way += 1
            if not under_way:
                return
            for outcome in executor.poll(_POLL_SECONDS):
                if outcome.error is not None:
                    raise DataError(f"A split could not be scored: {outcome.error}")
                under_way -= 1
                done.append(outcome.result)
                yield done


@dataclass(frozen=True, slots=True)
class MethodSummary:
    """A method over splits: test accuracies in percent, of single networks on average and of their ensemble.

    ``behind``: by how many percent points its ensembles lie behind the champion's, split by split. Each is a mean and
    half of Student's 95 % interval (None for one split); splits share rows, so that it is somewhat too narrow.
    """

    label: str
    splits: int
    single: tuple[float, float | None]
    ensemble: tuple[float, float | None]
    behind: tuple[float, float | None]
    error: str | None = None

    @property
    def is_champion(self) -> bool:
        """Whether it is the champion itself."""
        return self.label == CHAMPION

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def summarise_splits(splits: Iterable[SplitScores]) -> list[MethodSummary]:
    """All methods over these splits, the best ensemble first; a method counts where it and the champion worked."""
    splits = list(splits)
    rows = []
    for label in dict.fromkeys(name for split in splits for name in split):
        both = [(split[label], split[CHAMPION]) for split in splits if label in split]
        scored = [
            (b.test, b.ensemble, c.ensemble)
            for b, c in both
            if b.test and b.ensemble and c.ensemble
        ]
        error = next((b.error for b, _ in both if b.error), None)
        if not scored:
            rows.append(
                MethodSummary(
                    label,
                    0,
                    (0.0, None),
                    (0.0, None),
                    (0.0, None),
                    error or "nothing to compare with",
                )
            )
            continue
        single = _spread([test.accuracy for test, _, _ in scored])
        ensemble = _spread([together.accuracy for _, together, _ in scored])
        behind = _spread(
            [champion.accuracy - together.accuracy for _, together, champion in scored]
        )
        rows.append(MethodSummary(label, len(scored), single, ensemble, behind, error))
    return sorted(rows, key=lambda row: (row.splits == 0, -row.ensemble[0]))


def _spread(values: list[float]) -> tuple[float, float | None]:
    return mean(values), ci95_half_width(values)
