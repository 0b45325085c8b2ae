"""Runs side by side: what each found, where they differ, whether that can be compared, and whether one is truly better.

Champions are compared over the repeats that confirmed them. Two runs of the same seed met the same random numbers and the
same folds there, so that differences of the same repeat are paired; of different seeds nothing is shared, and the test is
Welch's. Of methods that were run with several seeds, the runs are the repeats, paired by seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shoal.analysis.summary import Summary
from shoal.errors import AnalysisError
from shoal.numerics.stats import Difference, mean, paired_difference, welch_difference
from shoal.settings.phase import Phase
from shoal.store import RunView

FEWEST, MOST = 2, 8  # runs
# What says nothing about the method: the seed, and where and how trainings ran.
_CHANCE = ("seed", "deadline", "executor", "workers")
_SPLIT = (
    "preset",
    "seed",
    "test_fraction",
    "group",
    "same",
)  # options that decide which rows are test rows
_LABEL = 3  # settings in a method's name
MEASURES = {
    "confirmation": "accuracy on unused random streams",
    "search": "accuracy as the search saw it",
    "test": "test accuracy of single networks",
    "ensemble": "test accuracy of the ensemble",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A run in a comparison: accuracies in percent (None: not known), with Student's 95 % intervals; active seconds."""

    run: int
    name: str
    state: str
    search: float | None
    search_ci95: tuple[float, float] | None
    confirmation: float | None
    confirmation_ci95: tuple[float, float] | None
    test: float | None
    ensemble: float | None
    generations: int
    evaluations: int
    seconds: float

    @classmethod
    def of(cls, summary: Summary) -> Row:
        """What a summary says."""
        run, best = summary.run, summary.best
        told = best.confirmation if best else None
        return cls(
            run=run.id,
            name=run.name,
            state=run.state,
            search=best.accuracy if best else None,
            search_ci95=best.ci95 if best else None,
            confirmation=told.accuracy if told else None,
            confirmation_ci95=told.ci95 if told else None,
            test=summary.scores.test.accuracy if summary.scores and summary.scores.test else None,
            ensemble=summary.ensemble.test.accuracy
            if summary.ensemble and summary.ensemble.test
            else None,
            generations=run.generations,
            evaluations=run.evaluations,
            seconds=round(run.seconds, 3),
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting or data option with its value in each run, as text."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why runs cannot be compared: ``what`` differs, and which runs have which value. Values may quote users."""

    what: str
    values: tuple[tuple[str, tuple[int, ...]], ...]

    def __str__(self) -> str:
        parts = [f"{value} ({_runs(ids)})" for value, ids in self.values]
        return f"{self.what}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Duel:
    """One against another on a measure (see `MEASURES`): runs, or methods. Without a ``difference``, ``reason`` says why."""

    first: str
    second: str
    measure: str
    difference: Difference | None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """In words: who is better, or that it is unresolved."""
        found = self.difference
        if found is None:
            return self.reason
        if not found.resolved:
            return "unresolved"
        return f"{self.first if found.mean > 0 else self.second} is better"

    @property
    def how(self) -> str:
        """What the test was, in a few words."""
        if self.difference is None:
            return ""
        kind = "pairs" if self.difference.paired else "values each (Welch)"
        return f"{self.difference.count} {kind}{'; ' + self.reason if self.reason else ''}"

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON shows it."""
        found = self.difference
        return {
            "first": self.first,
            "second": self.second,
            "measure": self.measure,
            "difference": found.mean if found else None,
            "ci95": [found.low, found.high] if found else None,
            "probability_better": found.probability if found else None,
            "paired": found.paired if found else None,
            "count": found.count if found else 0,
            "resolved": found.resolved if found else False,
            "verdict": self.verdict,
            "note": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that is said of some runs side by side.

    ``duels``: the leader, or the run that was asked for, against each of the others. ``methods``: of groups of runs that
    differ in nothing but seeds, the best against each of the others, where two groups have two runs or more.
    """

    rows: tuple[Row, ...]
    settings: tuple[Setting, ...]
    obstacles: tuple[Obstacle, ...]
    duels: tuple[Duel, ...]
    methods: tuple[Duel, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `shoal compare --json`."""
        return {
            "runs": [asdict(row) for row in self.rows],
            "settings": {setting.name: list(setting.values) for setting in self.settings},
            "not_comparable": [str(obstacle) for obstacle in self.obstacles],
            "tests": [duel.to_dict() for duel in self.duels],
            "methods": [duel.to_dict() for duel in self.methods],
        }


def compare(summaries: Sequence[Summary], against: int | None = None) -> Comparison:
    """Two to eight runs. ``against``: the run that all others are tested against; None: the one that leads.

    Raises `AnalysisError` for fewer, more, or a run twice, and where none has a result.
    """
    ids = [summary.run.id for summary in summaries]
    if not FEWEST <= len(ids) <= MOST or len(set(ids)) != len(ids):
        raise AnalysisError(
            f"{_runs(ids) if ids else 'No run'} to compare.",
            expected=f"{FEWEST} to {MOST} different runs",
            remedy="name others; `shoal runs` lists them",
        )
    rows = tuple(map(Row.of, summaries))
    if all(row.search is None for row in rows):
        raise AnalysisError(
            f"None of {_runs(ids)} has a result yet.",
            remedy="wait for their first generations to be completed",
        )
    if against is not None and against not in ids:
        raise AnalysisError(
            f"Run {against} is not among those that are compared.", expected=_runs(ids)
        )
    runs = [summary.run for summary in summaries]
    first = next(s for s in summaries if s.run.id == (against or _leader(rows)))
    return Comparison(
        rows,
        differing(runs),
        obstacles(runs),
        tuple(_duel(first, other) for other in summaries if other is not first),
        _methods(summaries, rows),
    )


def _leader(rows: Sequence[Row]) -> int:
    """The best by confirmation where all have one; else as the searches saw it."""
    confirmed = all(row.confirmation is not None for row in rows)
    scores = {row.run: row.confirmation if confirmed else row.search for row in rows}
    return max((r for r in scores if scores[r] is not None), key=lambda r: scores[r] or 0.0)


def differing(runs: Sequence[RunView], ignore: Iterable[str] = ("workers",)) -> tuple[Setting, ...]:
    """The settings and data options that are not the same in all runs; those of the data as ``data.NAME``."""
    tables = [_values(run) for run in runs]
    names = dict.fromkeys(name for table in tables for name in table if name not in set(ignore))
    found = [Setting(name, tuple(_text(table.get(name)) for table in tables)) for name in names]
    return tuple(setting for setting in found if len(set(setting.values)) > 1)


def settings_of(run: RunView) -> dict[str, str]:
    """Settings and data options by name, as text."""
    return {name: _text(value) for name, value in _values(run).items()}


def _values(run: RunView) -> dict[str, Any]:
    """Settings by name; bounds and choices gene by gene, as a whole table of them is no answer."""
    values = run.settings.to_dict()
    for name in ("bounds", "choices"):
        values |= {f"{name}.{gene}": value for gene, value in values.pop(name).items()}
    data = {f"data.{name}": value for name, value in run.data_options.items()}
    return {**values, **data, "data.table": f"{run.dataset} {run.dataset_hash[:8]}".strip()}


def _text(value: Any) -> str:
    if value is None or value in ((), [], {}):
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def obstacles(runs: Sequence[RunView]) -> tuple[Obstacle, ...]:
    """Why accuracies of these runs do not compare; empty when they do."""
    options = [run.data_options for run in runs]
    tables = [f"{run.dataset} {run.dataset_hash[:8]}".strip() for run in runs]
    tasks = [str(own.get("task") or "recognised") for own in options]
    splits = [", ".join(f"{name} {_text(own.get(name))}" for name in _SPLIT) for own in options]
    asked = {
        "Another table": tables,
        "Another target": [str(own.get("target")) for own in options],
        "Another task, and so another accuracy": tasks
        if "recognised" not in tasks
        else tasks[:1] * len(runs),
        "Another split": splits,
        "Selected on other rows": [_selected_on(own) for own in options],
    }
    found = []
    for what, values in asked.items():
        groups = {
            value: tuple(run.id for run, own in zip(runs, values, strict=True) if own == value)
            for value in values
        }
        if len(groups) > 1:
            found.append(Obstacle(what, tuple(groups.items())))
    return tuple(found)


def _selected_on(options: dict[str, Any]) -> str:
    if options.get("preset") == "classic":
        return "the training rows"
    if (folds := options.get("folds", 1)) > 1:
        return f"{folds} folds in turn"
    share = options.get("validation_fraction", 0.2)
    return f"a validation part of {100 * share:g} %" if share else "the training rows"


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a champion's accuracy rests on: ``measure``, and accuracies in percent by repeat."""

    measure: str
    accuracies: dict[int, float]


def _evidence(summary: Summary) -> _Evidence | None:
    champion = summary.champion
    if champion is None:
        return None
    if told := champion.confirmation:
        return _Evidence(
            "confirmation",
            dict(enumerate(told.accuracies, start=Phase.CONFIRMATION.first_repeat)),
        )
    last = summary.generations[-1].summary
    repeats = summary.run.settings.schedule.scored_repeats(last.best_repeats)
    if last.best != champion.genome or len(repeats) != len(champion.accuracies):
        repeats = range(-len(champion.accuracies), 0)  # not known which they were: no pairs
    return _Evidence("search", dict(zip(repeats, champion.accuracies, strict=True)))


def _duel(one: Summary, other: Summary) -> Duel:
    names = f"run {one.run.id}", f"run {other.run.id}"
    if blocked := obstacles([one.run, other.run]):
        return Duel(*names, "", None, f"not comparable: {blocked[0].what.lower()}")
    found = _evidence(one), _evidence(other)
    missing = [name for name, own in zip(names, found, strict=True) if own is None]
    if found[0] is None or found[1] is None:
        return Duel(
            *names, "", None, f"{' and '.join(missing)} did not finish: no champion to test"
        )
    a, b = found[0], found[1]
    if a.measure != b.measure:
        selected = names[0] if a.measure == "search" else names[1]
        note = f"{selected} was not confirmed, which flatters it"
        difference = welch_difference(list(a.accuracies.values()), list(b.accuracies.values()))
        return _judged(*names, "search", difference, note)
    common = sorted(r for r in a.accuracies.keys() & b.accuracies.keys() if r >= 0)
    if one.run.settings.seed == other.run.settings.seed and len(common) > 1:
        pairs = paired_difference(
            [a.accuracies[r] for r in common], [b.accuracies[r] for r in common]
        )
        return _judged(*names, a.measure, pairs, "")
    alike = welch_difference(list(a.accuracies.values()), list(b.accuracies.values()))
    return _judged(
        *names, a.measure, alike, "other seeds share no random streams" if common else ""
    )


def _judged(
    first: str, second: str, measure: str, difference: Difference | None, note: str
) -> Duel:
    reason = note if difference is not None else "too few repeats to say anything"
    return Duel(first, second, measure, difference, reason)


def _methods(summaries: Sequence[Summary], rows: Sequence[Row]) -> tuple[Duel, ...]:
    """The groups of runs that differ in chance alone, tested against the best of them, on every measure that all have."""
    if obstacles([summary.run for summary in summaries]):
        return ()
    groups: dict[str, list[int]] = {}
    for place, summary in enumerate(summaries):
        own = {name: value for name, value in _values(summary.run).items() if name not in _CHANCE}
        groups.setdefault(json.dumps(own, sort_keys=True), []).append(place)
    several = [places for places in groups.values() if len(places) > 1]
    if len(several) < 2:
        return ()
    named = differing([summaries[places[0]].run for places in several], _CHANCE)
    labels = [
        ", ".join(f"{s.name} {s.values[n]}" for s in named[:_LABEL]) for n in range(len(several))
    ]
    found = []
    for measure in MEASURES:
        scores = [
            [
                (summaries[p].run.settings.seed, value)
                for p in places
                if (value := getattr(rows[p], measure)) is not None
            ]
            for places in several
        ]
        if any(len(own) < len(places) for own, places in zip(scores, several, strict=True)):
            continue
        best = max(range(len(several)), key=lambda n: mean([value for _, value in scores[n]]))
        found += [
            _method_duel(labels[best], labels[n], measure, scores[best], scores[n])
            for n in range(len(several))
            if n != best
        ]
    return tuple(found)


def _method_duel(
    first: str,
    second: str,
    measure: str,
    one: list[tuple[int, float]],
    other: list[tuple[int, float]],
) -> Duel:
    a, b = dict(one), dict(other)
    if len(common := sorted(a.keys() & b.keys())) > 1:
        return _judged(
            first,
            second,
            measure,
            paired_difference([a[s] for s in common], [b[s] for s in common]),
            "",
        )
    apart = welch_difference([value for _, value in one], [value for _, value in other])
    return _judged(first, second, measure, apart, "their seeds differ")


def _runs(ids: Sequence[int]) -> str:
    return f"run{'' if len(ids) == 1 else 's'} {', '.join(map(str, ids))}"
