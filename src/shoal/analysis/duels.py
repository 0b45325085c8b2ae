"""Tests of one run, or one method, against another: is it truly better?

Champions are compared over the repeats that confirmed them, by the metric of their runs. Two runs
of the same seed met the same random numbers and the same folds there, so differences of the same
repeat are paired. Runs of different seeds share nothing, and the test is Welch's.

A method is a group of runs that differ in nothing but chance. Its runs are its repeats, and they
are paired by seed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.analysis.measures import MEASURES, Row
from shoal.analysis.run_differences import differing, obstacles, setting_values
from shoal.analysis.summary import Summary
from shoal.numerics.stats import Difference, mean, paired_difference, welch_difference
from shoal.settings.phase import Phase

# Settings that say nothing about the method: the seed, and where and how trainings ran.
_NO_METHOD = ("seed", "deadline", "executor", "workers")
# Settings in a method's name.
_MOST_IN_LABEL = 3


@dataclass(frozen=True, slots=True)
class Duel:
    """One run or method against another.

    Attributes
    ----------
    first, second
        Who is compared.
    measure
        One of `MEASURES`; empty where nothing was tested.
    difference
        By how much the first is ahead, in `Metric.difference_unit`: above 0 where it is better,
        whatever the metric's direction. None where that cannot be said.
    reason
        Without a difference: why there is none. With one: a reservation, or empty.
    """

    first: str
    second: str
    measure: str
    difference: Difference | None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """Who is better, or "unresolved", or why nothing was tested."""
        if self.difference is None:
            return self.reason
        if not self.difference.resolved:
            return "unresolved"
        better = self.first if self.difference.mean > 0 else self.second
        return f"{better} is better"

    @property
    def how(self) -> str:
        """The test in a few words, with a reservation where there is one; empty without a test."""
        if self.difference is None:
            return ""
        kind = "pairs" if self.difference.paired else "values each (Welch)"
        test = f"{self.difference.count} {kind}"
        if not self.reason:
            return test
        return f"{test}; {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of one test in `shoal compare --json`."""
        return {
            "first": self.first,
            "second": self.second,
            "measure": self.measure,
            **self._difference_to_dict(),
            "verdict": self.verdict,
            "note": self.reason,
        }

    def _difference_to_dict(self) -> dict[str, Any]:
        difference = self.difference
        if difference is None:
            unknown: dict[str, Any] = dict.fromkeys(
                ("difference", "ci95", "probability_better", "paired")
            )
            return {**unknown, "count": 0, "resolved": False}

        return {
            "difference": difference.mean,
            "ci95": [difference.low, difference.high],
            "probability_better": difference.probability,
            "paired": difference.paired,
            "count": difference.count,
            "resolved": difference.resolved,
        }


def _paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], common: Sequence[int]
) -> Difference | None:
    """The difference of the values that both have, pair by pair.

    ``common`` names the pairs: repeats of two champions, or seeds of two methods.
    """
    first_values = []
    second_values = []
    for number in common:
        first_values.append(first[number])
        second_values.append(second[number])
    return paired_difference(first_values, second_values)


def _judged(
    first: str, second: str, measure: str, difference: Difference | None, reservation: str = ""
) -> Duel:
    """The duel with this difference, which is None where there were too few values to test."""
    if difference is None:
        return Duel(first, second, measure, None, "too few repeats to say anything")
    return Duel(first, second, measure, difference, reservation)


# Champions


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a champion's score rests on.

    Attributes
    ----------
    measure
        "confirmation" or "search".
    fitness
        `Metric.fitness` of its scores, by repeat. A negative repeat is one whose number is not
        known.
    """

    measure: str
    fitness: dict[int, float]

    @property
    def values(self) -> list[float]:
        """The fitness, in the order of the repeats."""
        return list(self.fitness.values())


def champion_duel(one: Summary, other: Summary) -> Duel:
    """The champions of two runs against each other.

    Parameters
    ----------
    one, other
        The summaries of two runs, finished or not.

    Returns
    -------
    Duel
        Paired where both runs have the same seed and share two repeats or more, else by Welch's
        test. Without a test, its ``reason`` says why: the runs cannot be compared, or one of them
        did not finish.
    """
    first = f"run {one.run.id}"
    second = f"run {other.run.id}"
    blocking = obstacles([one.run, other.run])
    if blocking:
        return Duel(first, second, "", None, f"not comparable: {blocking[0].what.lower()}")

    mine = _evidence(one)
    theirs = _evidence(other)
    if mine is None or theirs is None:
        unfinished = []
        if mine is None:
            unfinished.append(first)
        if theirs is None:
            unfinished.append(second)
        reason = f"{' and '.join(unfinished)} did not finish: no champion to test"
        return Duel(first, second, "", None, reason)

    if mine.measure != theirs.measure:
        flattered = first if mine.measure == "search" else second
        reservation = f"{flattered} was not confirmed, which flatters it"
        unpaired = welch_difference(mine.values, theirs.values)
        return _judged(first, second, "search", unpaired, reservation)

    # Repeats of the same number: with the same seed they met the same random numbers and folds.
    common = sorted(r for r in mine.fitness.keys() & theirs.fitness.keys() if r >= 0)
    if one.run.settings.seed == other.run.settings.seed and len(common) > 1:
        paired = _paired_difference(mine.fitness, theirs.fitness, common)
        return _judged(first, second, mine.measure, paired)

    reservation = "other seeds share no random streams" if common else ""
    unpaired = welch_difference(mine.values, theirs.values)
    return _judged(first, second, mine.measure, unpaired, reservation)


def _evidence(summary: Summary) -> _Evidence | None:
    """What the score of a run's champion rests on; None if the run has no champion."""
    champion = summary.champion
    if champion is None:
        return None

    metric = summary.run.metric
    confirmation = champion.confirmation
    if confirmation:
        first_repeat = Phase.CONFIRMATION.first_repeat
        confirmed = [metric.fitness(score) for score in confirmation.scores]
        return _Evidence("confirmation", dict(enumerate(confirmed, start=first_repeat)))

    last = summary.generations[-1].summary
    repeats = summary.run.settings.schedule.scored_repeats(last.best_repeats)
    fitness = [metric.fitness(score) for score in champion.selection_scores]
    if last.best != champion.genome or len(repeats) != len(fitness):
        # It is not known which repeats these were, so that they pair with nothing.
        repeats = range(-len(fitness), 0)
    return _Evidence("search", dict(zip(repeats, fitness, strict=True)))


# Methods


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of a method."""

    summary: Summary
    row: Row


@dataclass(frozen=True, slots=True)
class _Method:
    """Two runs or more that differ in nothing but chance."""

    label: str
    runs: tuple[_Run, ...]

    def fitness(self, measure: str) -> list[tuple[int, float]]:
        """(seed, `Metric.fitness`) of the runs that have a score by this measure."""
        pairs = []
        for run in self.runs:
            score = run.row.score(measure)
            if score is not None:
                view = run.summary.run
                pairs.append((view.settings.seed, view.metric.fitness(score)))
        return pairs


def method_duels(summaries: Sequence[Summary], rows: Sequence[Row]) -> tuple[Duel, ...]:
    """The best method against each of the others, by every measure that all their runs have.

    Parameters
    ----------
    summaries, rows
        Of the same runs in the same order.

    Returns
    -------
    tuple of Duel
        Empty unless two methods have two runs or more, and all runs can be compared.
    """
    if obstacles([summary.run for summary in summaries]):
        return ()
    methods = _methods(summaries, rows)
    if len(methods) < 2:
        return ()

    duels: list[Duel] = []
    for measure in MEASURES:
        fitness = [method.fitness(measure) for method in methods]
        # Where a run lacks the measure, its method would be judged by the runs that have it.
        complete = all(
            len(pairs) == len(method.runs) for pairs, method in zip(fitness, methods, strict=True)
        )
        if complete:
            duels += _duels_of_best(methods, fitness, measure)
    return tuple(duels)


def _methods(summaries: Sequence[Summary], rows: Sequence[Row]) -> list[_Method]:
    """The groups of two runs or more with the same settings but for chance."""
    groups: dict[str, list[_Run]] = {}
    for summary, row in zip(summaries, rows, strict=True):
        settings = setting_values(summary.run)
        for name in _NO_METHOD:
            settings.pop(name, None)
        key = json.dumps(settings, sort_keys=True)
        groups.setdefault(key, []).append(_Run(summary, row))

    repeated = [runs for runs in groups.values() if len(runs) > 1]
    if not repeated:
        return []

    # A method is called by the settings in which it differs from the others.
    telling = differing([runs[0].summary.run for runs in repeated], _NO_METHOD)[:_MOST_IN_LABEL]
    methods = []
    for place, runs in enumerate(repeated):
        label = ", ".join(f"{setting.name} {setting.values[place]}" for setting in telling)
        methods.append(_Method(label, tuple(runs)))
    return methods


def _duels_of_best(
    methods: Sequence[_Method], fitness: Sequence[list[tuple[int, float]]], measure: str
) -> list[Duel]:
    """The method with the best mean against each of the others."""
    means = []
    for pairs in fitness:
        means.append(mean(_values(pairs)))
    best = means.index(max(means))

    duels = []
    for place, method in enumerate(methods):
        if place != best:
            first = methods[best].label
            duels.append(_method_duel(first, method.label, measure, fitness[best], fitness[place]))
    return duels


def _method_duel(
    first: str,
    second: str,
    measure: str,
    first_fitness: list[tuple[int, float]],
    second_fitness: list[tuple[int, float]],
) -> Duel:
    """Two methods on one measure: paired by seed where they share two seeds or more."""
    by_seed = dict(first_fitness)
    other_by_seed = dict(second_fitness)
    common = sorted(by_seed.keys() & other_by_seed.keys())
    if len(common) > 1:
        paired = _paired_difference(by_seed, other_by_seed, common)
        return _judged(first, second, measure, paired)

    unpaired = welch_difference(_values(first_fitness), _values(second_fitness))
    return _judged(first, second, measure, unpaired, "their seeds differ")


def _values(by_seed: Sequence[tuple[int, float]]) -> list[float]:
    """The values of runs that are given with their seeds."""
    return [value for _, value in by_seed]
