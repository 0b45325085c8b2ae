"""Why a genome stands where it does on the leaderboard, in figures.

    order = leaders(table, count=10, champion=champion.genome.hash)
    for reason in rank_reasons(table, order):
        print(reason.genome, reason.place, reason.behind, reason.probability)

A race compares genomes on the repeats that they share, and those that left it early have fewer. So
the mean of a genome further down may be the better one, and still be of fewer or easier repeats.
Each row is compared with the first one on the repeats that both have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.numerics.stats import mean, probability_better
from shoal.settings.phase import Phase, is_confirmation


class Place(StrEnum):
    """What decided where a genome stands."""

    # The champion, or, while there is none, the genome that leads.
    CHAMPION = "champion"
    LEADER = "leader"
    # It was confirmed as often as the first one.
    CONFIRMED = "confirmed"
    # It left the confirmation, or the race of the search, earlier than the first one.
    LEFT_CONFIRMATION = "left the confirmation"
    LEFT_RACE = "left the race"
    # The score of the search decided: whether it was confirmed at all, or all there is.
    NO_FINALIST = "no finalist"
    SEARCH = "search"
    # One of its confirmations failed.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RankReason:
    """Why a genome has its rank.

    Attributes
    ----------
    genome
        Its hash.
    place
        What decided.
    repeats
        How many repeats of the deciding phase it has.
    behind
        By how much its mean is worse than that of the first one, on the repeats that both have, in
        `Metric.difference_unit`; negative where it is better. None for the first one, and where
        they share no repeat.
    shared
        How many repeats both have.
    probability
        The probability that it is truly better than the first one, by pairs of shared repeats; see
        `shoal.numerics.stats.probability_better`. None for fewer than two.
    """

    genome: str
    place: Place
    repeats: int
    behind: float | None = None
    shared: int = 0
    probability: float | None = None


def leaders(table: EvaluationTable, count: int, champion: str | None = None) -> pd.DataFrame:
    """The best genomes in the order in which the races rank them, the champion first.

    Parameters
    ----------
    table
        The run's evaluations.
    count
        The most genomes.
    champion
        The hash of the champion. It is the first of the ranking, unless the search began with a
        swarm of its own that it keeps in doubt (setting ``incumbent``). None: there is none yet.

    Returns
    -------
    DataFrame
        Rows of `EvaluationTable.genomes`.
    """
    ranked = table.ranked()
    if champion is not None and champion in ranked.index:
        others = ranked.index[ranked.index != champion]
        ranked = ranked.loc[[champion, *others]]
    return ranked.head(count)


def rank_reasons(
    table: EvaluationTable, order: pd.DataFrame, champion: str | None = None
) -> list[RankReason]:
    """Why each genome of a leaderboard stands where it does.

    Parameters
    ----------
    table
        The run's evaluations.
    order
        What `leaders` returned, the best first.
    champion
        The hash of the champion; None: there is none yet.

    Returns
    -------
    list of RankReason
        In the same order.
    """
    if not len(order):
        return []
    fitness = _fitness(table, order)
    failed = _failed_confirmations(table, order)
    first = str(order.index[0])
    first_row = order.iloc[0]
    reasons = []
    for label, row in order.iterrows():
        name = str(label)
        place = _place(first_row, row)
        if name == first:
            place = Place.CHAMPION if name == champion else Place.LEADER
        elif name in failed:
            place = Place.FAILED
        counted = _counted(table, row)
        reasons.append(_reason(name, place, counted, fitness, first))
    return reasons


def _place(first: pd.Series, row: pd.Series) -> Place:
    """What decided that one genome stands below another, as `EvaluationTable.ranked` compares."""
    if row["confirmations"]:
        if row["confirmations"] < first["confirmations"]:
            return Place.LEFT_CONFIRMATION
        return Place.CONFIRMED
    if row["level"] < first["level"]:
        return Place.LEFT_RACE
    return Place.NO_FINALIST if first["confirmations"] else Place.SEARCH


@dataclass(frozen=True, slots=True)
class _Counted:
    """The repeats that decided about a genome.

    Attributes
    ----------
    repeats
        How many it has in that phase.
    compared
        Those of which the scores compare with those of other genomes, as stored numbers. Trainings
        of a search get longer from rung to rung: of those, only the ones that rank the genome.
    """

    repeats: int
    compared: range


def _counted(table: EvaluationTable, row: pd.Series) -> _Counted:
    confirmations = int(row["confirmations"])
    if confirmations:
        first = Phase.CONFIRMATION.first_repeat
        return _Counted(confirmations, range(first, first + confirmations))
    repeats = int(row["repeats"])
    return _Counted(repeats, table.settings.schedule.scored_repeats(repeats))


def _reason(
    name: str, place: Place, counted: _Counted, fitness: dict[str, dict[int, float]], first: str
) -> RankReason:
    if name == first or place is Place.FAILED:
        return RankReason(name, place, counted.repeats)

    known = fitness[name].keys() & fitness[first].keys()
    shared = [repeat for repeat in counted.compared if repeat in known]
    if not shared:
        return RankReason(name, place, counted.repeats)

    own = [fitness[name][repeat] for repeat in shared]
    best = [fitness[first][repeat] for repeat in shared]
    behind = mean(best) - mean(own)
    probability = probability_better(own, best)
    return RankReason(name, place, counted.repeats, behind, len(shared), probability)


def _fitness(table: EvaluationTable, order: pd.DataFrame) -> dict[str, dict[int, float]]:
    """The fitness of some genomes, by hash and repeat; larger is better."""
    fitness: dict[str, dict[int, float]] = {name: {} for name in order.index}
    for name, scores in table.scores(set(order.index)).items():
        of_genome = {}
        for repeat, score in scores.items():
            value = table.metric.fitness(score)
            if math.isfinite(value):
                of_genome[repeat] = value
        fitness[name] = of_genome
    return fitness


def _failed_confirmations(table: EvaluationTable, order: pd.DataFrame) -> set[str]:
    """The genomes of which a confirmation failed."""
    frame = table.frame
    failed = frame["genome"].isin(order.index) & frame["score"].isna()
    return set(frame.loc[failed & is_confirmation(frame["repeat"]), "genome"])
