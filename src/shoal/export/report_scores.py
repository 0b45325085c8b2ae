"""The sections of a report that show accuracies: cards, history, other methods, leading genomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.score_rows import METRIC_NAMES, ScoreRow, score_rows, shown_metrics
from shoal.data import Dataset
from shoal.export.html import Html, join, table, tag
from shoal.export.svg import Point, history, interval
from shoal.numerics.stats import ci95, ci95_half_width
from shoal.presentation.formatting import (
    layers_text,
    percent,
    plus_minus,
    shortened,
    with_plus_minus,
)
from shoal.store import GenerationRecord
from shoal.store.serialization import finite
from shoal.tuning.champion import Champion

# Genomes on the leaderboard.
LEADERS = 10
# Percentage points beyond the best accuracy, at which the leaderboard's scale ends at the latest.
_FARTHEST = 30.0
# Characters of an error that are shown.
_MOST_OF_ERROR = 200


# Cards


def champion_cards(champion: Champion, dataset: Dataset) -> Html:
    """The champion's accuracies in large figures; the one that counts in the end stands out."""
    rows = "validation rows" if dataset.validates else "training rows"
    about_search = f"{_trainings(len(champion.accuracies))} on {rows}"
    half = ci95_half_width(champion.accuracies)
    cards = [_card("Search", champion.accuracy, half, about_search)]

    confirmation = champion.confirmation
    if confirmation:
        about = f"{_trainings(len(confirmation.accuracies))} on unused random streams"
        half = ci95_half_width(confirmation.accuracies)
        cards.append(_card("Confirmation", confirmation.accuracy, half, about))

    networks = len(champion.weights)
    single = champion.scores.test
    if single is not None:
        about = f"mean of {networks} networks" if networks > 1 else "one network"
        cards.append(
            _card("Test rows", single[champion.metric.name], None, about, highlight=networks == 1)
        )
    ensemble = champion.ensemble.test
    if ensemble is not None and networks > 1:
        title = "Test rows, together"
        cards.append(
            _card(title, ensemble[champion.metric.name], None, "mean prediction", highlight=True)
        )
    return tag("dl", *cards, class_="cards")


def _card(
    title: str, accuracy: float, half: float | None, about: str, *, highlight: bool = False
) -> Html:
    spread = Html()
    if half is not None:
        spread = tag("small", f" {plus_minus(half)}")
    return tag(
        "div",
        tag("dt", title),
        tag("dd", percent(accuracy), spread, class_="value"),
        tag("dd", about, class_="about"),
        class_="card highlight" if highlight else "card",
    )


def _trainings(count: int) -> str:
    return "one training" if count == 1 else f"{count} trainings"


# History


def history_section(generations: Sequence[GenerationRecord], evaluations: EvaluationTable) -> Html:
    """The accuracies by generation; empty before the first."""
    points = history_points(generations, evaluations)
    if not points:
        return Html()
    legend = tag(
        "div",
        tag("span", "Best"),
        tag("span", "95 % interval of the best", class_="band"),
        tag("span", "Mean of the generation", class_="mean"),
        class_="legend",
    )
    return join(legend, history(points))


def history_points(
    generations: Sequence[GenerationRecord], evaluations: EvaluationTable
) -> list[Point]:
    """The run's history, with the interval of each generation's best genome."""
    best_genomes = {record.summary.best.hash for record in generations}
    accuracies = evaluations.accuracies(best_genomes)

    # A genome is often the best of many generations, with the same repeats.
    intervals: dict[tuple[str, int], tuple[float, float] | None] = {}
    points = []
    for record in generations:
        summary = record.summary
        key = (summary.best.hash, summary.best_repeats)
        if key not in intervals:
            by_repeat = accuracies.get(summary.best.hash, {})
            intervals[key] = ci95(_scored(evaluations, by_repeat, summary.best_repeats))

        best = finite(summary.best_accuracy)
        mean = finite(summary.mean_accuracy)
        low, high = intervals[key] or (None, None)
        points.append(Point(summary.number, best, mean, low, high))
    return points


def _scored(
    evaluations: EvaluationTable, by_repeat: Mapping[int, float], repeats: int
) -> list[float]:
    """Accuracies of those of a genome's ``repeats`` trainings on which it was ranked."""
    scored = evaluations.settings.schedule.scored_repeats(repeats)
    return [by_repeat[repeat] for repeat in scored if repeat in by_repeat]


# Other methods


def scores_section(champion: Champion, competing_runs: Mapping[str, Champion]) -> Html:
    """The champion's scores, and those of other methods on the same rows."""
    rows = score_rows(champion, competing_runs)
    metrics = shown_metrics(rows)
    head = ("", "Single networks", *(METRIC_NAMES[name] for name in metrics), "Ensemble")

    lines = [_score_cells(row, metrics) for row in rows]
    champion_place = next((place for place, row in enumerate(rows) if row.is_champion), None)
    note = ""
    if champion.baselines:
        note = (
            "Below Test: other methods, fitted on the champion's rows and scored on the same "
            "test rows."
        )
    scores = table(head, lines, kind="scores", highlight=champion_place)
    return join(scores, tag("p", note, class_="note"))


def _score_cells(row: ScoreRow, metrics: Sequence[str]) -> list[str]:
    if row.accuracy is None:
        error = tag("span", shortened(row.error or "failed", _MOST_OF_ERROR), class_="why")
        empty = [""] * (len(metrics) + 1)
        return [row.label, error, *empty]

    ensemble = "" if row.ensemble is None else percent(row.ensemble)
    accuracy = with_plus_minus(percent(row.accuracy), row.half)
    return [row.label, accuracy, *(row.metric(name) for name in metrics), ensemble]


# Leading genomes


@dataclass(frozen=True, slots=True)
class _Leader:
    """A genome on the leaderboard: its hash, its row of `EvaluationTable.genomes`, its interval."""

    name: str
    row: pd.Series
    half: float | None

    @property
    def accuracy(self) -> float:
        """In percent."""
        return float(self.row["accuracy"])


def leaders_section(evaluations: EvaluationTable, champion_hash: str) -> Html:
    """The best genomes, each with its interval; empty where none has an accuracy."""
    leaders = _leaders(evaluations)
    if not leaders:
        return Html()

    low, high = _leader_scale(leaders)
    lines = []
    champion_place = None
    for place, leader in enumerate(leaders):
        is_champion = leader.name == champion_hash
        if is_champion:
            champion_place = place
        strip = interval(leader.accuracy, leader.half, low, high, highlight=is_champion)
        lines.append(_leader_cells(place + 1, leader, strip))

    head = ("", "Accuracy", "95 % interval", "Repeats", "Confirmed", "Genome", "What it is")
    note = (
        "As the search ranks them: confirmed ones first, then by how far they came in their race, "
        "then by accuracy."
    )
    board = table(head, lines, kind="board", highlight=champion_place)
    return join(board, tag("p", note, class_="note"))


def _leaders(evaluations: EvaluationTable) -> list[_Leader]:
    ranked = evaluations.ranked().head(LEADERS)
    accuracies = evaluations.accuracies(set(ranked.index))
    leaders = []
    for label, row in ranked.iterrows():
        name = str(label)
        scored = _scored(evaluations, accuracies[name], int(row["repeats"]))
        leaders.append(_Leader(name, row, ci95_half_width(scored)))
    return leaders


def _leader_scale(leaders: Sequence[_Leader]) -> tuple[float, float]:
    """The scale of all intervals, in percent: whole, unless one reaches very far."""
    lowest = min(leader.accuracy - (leader.half or 0.0) for leader in leaders)
    highest = max(leader.accuracy + (leader.half or 0.0) for leader in leaders)
    best = max(leader.accuracy for leader in leaders)
    low = max(lowest, best - _FARTHEST) - 0.2
    high = min(highest, best + _FARTHEST) + 0.2
    return low, high


def _leader_cells(rank: int, leader: _Leader, strip: Html) -> list[str]:
    row = leader.row
    confirmed = float(row["confirmed"])
    activation = str(row["activation"]).replace("_", "-")
    swarm = f"{row['update_rule']}, {int(row['swarm_size'])} particles"
    network = f"{layers_text(row['hidden_layers'])} {activation}"

    return [
        f"{rank}",
        with_plus_minus(f"{leader.accuracy:.2f}", leader.half),
        strip,
        f"{int(row['counted'])}",
        "" if math.isnan(confirmed) else f"{confirmed:.2f}",
        tag("code", leader.name[:8]),
        f"{swarm}, {network}",
    ]
