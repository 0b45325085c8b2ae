"""Runs side by side: what each found, where they differ, and whether one is truly better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from shoal.analysis.duels import Duel, champion_duel, method_duels
from shoal.analysis.measures import Row
from shoal.analysis.run_differences import Obstacle, Setting, differing, obstacles, runs_text
from shoal.analysis.summary import Summary
from shoal.errors import AnalysisError
from shoal.objectives.registry import Metric
from shoal.store import RunEntry, Store

# Runs that one comparison takes.
FEWEST, MOST = 2, 8
# Of how many groups of runs that are alike, and of how many runs of each, a pair is looked for.
_MOST_GROUPS = 5
_MOST_OF_GROUP = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that is said of some runs side by side.

    Attributes
    ----------
    rows
        A row for each run, in the order in which they were named.
    settings
        The settings that differ.
    obstacles
        Why the scores cannot be compared; empty if they can be.
    duels
        The leader, or the run that was asked for, against each of the others: of those that
        finished.
    methods
        Of groups of runs that differ in nothing but their seeds, the best against each of the
        others. Empty unless two groups have two runs or more.
    metrics
        Of each run, what its scores are scores of.
    untested
        The runs that did not finish, and so have no champion to test.
    """

    rows: tuple[Row, ...]
    settings: tuple[Setting, ...]
    obstacles: tuple[Obstacle, ...]
    duels: tuple[Duel, ...]
    methods: tuple[Duel, ...]
    metrics: tuple[Metric, ...]
    untested: tuple[int, ...] = ()

    @property
    def untested_text(self) -> str:
        """Why some runs are not tested, in one line; empty where all are."""
        if not self.untested:
            return ""
        states = {row.run: row.state for row in self.rows}
        runs = [f"{run} ({states[run]})" for run in self.untested]
        word = "run" if len(runs) == 1 else "runs"
        return f"Not tested, as only a finished run has a champion: {word} {', '.join(runs)}."

    @property
    def metric(self) -> Metric | None:
        """The metric of all runs; None where they have different ones."""
        return _common_metric(self.metrics)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `shoal compare --json`."""
        return {
            "metric": self.metric.to_dict() if self.metric else None,
            "runs": [asdict(row) for row in self.rows],
            "settings": {setting.name: list(setting.values) for setting in self.settings},
            "not_comparable": [str(obstacle) for obstacle in self.obstacles],
            "untested": list(self.untested),
            "tests": [duel.to_dict() for duel in self.duels],
            "methods": [duel.to_dict() for duel in self.methods],
        }


def compare(summaries: Sequence[Summary], against: int | None = None) -> Comparison:
    """Compare two to eight runs.

    Parameters
    ----------
    summaries
        The runs.
    against
        The run that all others are tested against; None: the one that leads among those that
        finished.

    Raises
    ------
    AnalysisError
        There are fewer runs, or more, or a run stands there twice; none of them has a result;
        or ``against`` is not among them, or did not finish.
    """
    run_ids = [summary.run.id for summary in summaries]
    rows = tuple(Row.of(summary) for summary in summaries)
    _check(run_ids, rows, against)

    runs = [summary.run for summary in summaries]
    untested = tuple(summary.run.id for summary in summaries if summary.champion is None)
    if against in untested:
        raise AnalysisError(
            f"Run {against} did not finish: it has no champion to test the others against.",
            expected="a finished run",
            remedy=f"`shoal resume {against}`, or name another",
        )
    return Comparison(
        rows=rows,
        settings=differing(runs),
        obstacles=obstacles(runs),
        duels=_duels(summaries, rows, against),
        methods=method_duels(summaries, rows),
        metrics=tuple(run.metric for run in runs),
        untested=untested,
    )


def _duels(
    summaries: Sequence[Summary], rows: Sequence[Row], against: int | None
) -> tuple[Duel, ...]:
    """The leader of those that finished, or ``against``, against each of the others of them."""
    finished = [summary for summary in summaries if summary.champion is not None]
    if len(finished) < FEWEST:
        return ()
    run_ids = [summary.run.id for summary in finished]
    tested_rows = [row for row in rows if row.run in run_ids]
    first_id = against or _leader([summary.run.metric for summary in finished], tested_rows)
    first = finished[run_ids.index(first_id)]
    return tuple(champion_duel(first, other) for other in finished if other is not first)


def _check(run_ids: Sequence[int], rows: Sequence[Row], against: int | None) -> None:
    """Raise `AnalysisError` unless there is something to compare."""
    if not FEWEST <= len(run_ids) <= MOST or len(set(run_ids)) != len(run_ids):
        named = runs_text(run_ids) if run_ids else "No run"
        raise AnalysisError(
            f"{named} to compare.",
            expected=f"{FEWEST} to {MOST} different runs",
            remedy="name others; `shoal runs` lists them",
        )

    if all(row.search is None for row in rows):
        raise AnalysisError(
            f"None of {runs_text(run_ids)} has a result yet.",
            remedy="wait for their first generations to be completed",
        )

    if against is not None and against not in run_ids:
        raise AnalysisError(
            f"Run {against} is not among those that are compared.", expected=runs_text(run_ids)
        )


def _common_metric(metrics: Sequence[Metric]) -> Metric | None:
    """The one metric; None where there are different ones."""
    if len(set(metrics)) > 1:
        return None
    return metrics[0]


def _leader(metrics: Sequence[Metric], rows: Sequence[Row]) -> int:
    """The best run by confirmation where all have one, else as the searches saw it.

    Runs with different metrics have no leader: then it is the first that has a score.
    """
    all_confirmed = all(row.confirmation is not None for row in rows)
    measure = "confirmation" if all_confirmed else "search"

    metric = _common_metric(metrics)
    fitness = {}
    for row in rows:
        score = row.score(measure)
        if score is not None and metric is None:
            return row.run
        if score is not None and metric is not None:
            fitness[row.run] = metric.fitness(score)
    if not fitness:
        return rows[0].run
    return max(fitness, key=fitness.__getitem__)


def comparable_pair(store: Store, entries: Sequence[RunEntry]) -> list[int]:
    """Two runs to begin with: the newest finished ones that can be compared.

    Parameters
    ----------
    store
        Where the runs are.
    entries
        The runs to choose among, the newest first. Archived ones are not chosen.

    Returns
    -------
    list of int
        Their numbers, the newest first; empty where no two can be compared.
    """
    alike: dict[tuple[str, str, str, str], list[int]] = {}
    for entry in entries:
        if entry.state == "finished" and entry.archived is None:
            key = (entry.kind, entry.dataset, entry.dataset_hash, entry.metric.name)
            alike.setdefault(key, []).append(entry.id)

    # What else has to be the same stands in the whole records, of which few are read.
    groups = [run_ids for run_ids in alike.values() if len(run_ids) >= FEWEST]
    for run_ids in groups[:_MOST_GROUPS]:
        runs = store.runs_of(run_ids[:_MOST_OF_GROUP])
        for later, earlier in combinations(runs, FEWEST):
            if not obstacles([later, earlier]):
                return [later.id, earlier.id]
    return []
