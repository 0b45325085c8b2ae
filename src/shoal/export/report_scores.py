"""The sections of a report that show scores: cards, history, other methods, leading genomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.rank_reasons import leaders, rank_reasons
from shoal.analysis.score_rows import METRIC_NAMES, ScoreRow, score_rows, shown_metrics
from shoal.analysis.simple_methods import ReferenceLine
from shoal.analysis.summary import Summary
from shoal.data import Dataset
from shoal.export.html import Html, join, table, tag
from shoal.export.svg import LEVEL_LOOKS, Marks, Point, history, history_range, interval
from shoal.numerics.stats import ci95, ci95_half_width
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import (
    layers_text,
    score_text,
    score_with_spread,
    shortened,
    spread_text,
)
from shoal.presentation.rank_text import WHY_HERE, WHY_HERE_HELP, rank_text
from shoal.store import GenerationRecord
from shoal.store.serialization import finite
from shoal.tuning.champion import Champion

# Genomes on the leaderboard.
LEADERS = 10
# Percentage points beyond the best accuracy, at which the leaderboard's scale ends at the latest,
# and room at its ends.
_FARTHEST = 30.0
_ROOM = 0.2
# The room at the ends of the scale of another metric, as a share of that.
_ROOM_SHARE = 0.02
# Characters of an error that are shown.
_MOST_OF_ERROR = 200


# Cards


def champion_cards(champion: Champion, dataset: Dataset) -> Html:
    """The champion's scores in large figures; the one that counts in the end stands out."""
    rows = "validation rows" if dataset.validates else "training rows"
    metric = champion.metric
    about_search = f"{trainings_text(len(champion.selection_scores))} on {rows}"
    half = ci95_half_width(champion.selection_scores)
    cards = [card("Search", champion.score, half, metric, about_search)]

    confirmation = champion.confirmation
    if confirmation:
        about = f"{trainings_text(len(confirmation.scores))} on unused random streams"
        half = ci95_half_width(confirmation.scores)
        cards.append(card("Confirmation", confirmation.score, half, metric, about))

    networks = len(champion.weights)
    single = champion.scores.test
    if single is not None:
        about = f"mean of {networks} networks" if networks > 1 else "one network"
        is_only = networks == 1
        score = single[metric.name]
        cards.append(card("Test rows", score, None, metric, about, highlight=is_only))
    ensemble = champion.ensemble.test
    if ensemble is not None and networks > 1:
        score = ensemble[metric.name]
        about = "mean prediction"
        cards.append(card("Test rows, together", score, None, metric, about, highlight=True))
    return tag("dl", *cards, class_="cards")


def card(
    title: str,
    score: float,
    half: float | None,
    metric: Metric,
    about: str,
    *,
    highlight: bool = False,
) -> Html:
    """A score in large figures, with half of its interval and what it is the score of."""
    spread = Html()
    if half is not None:
        spread = tag("small", f" {spread_text(half, metric)}")
    return tag(
        "div",
        tag("dt", title),
        tag("dd", score_text(score, metric), spread, class_="value"),
        tag("dd", about, class_="about"),
        class_="card highlight" if highlight else "card",
    )


def trainings_text(count: int) -> str:
    """A number of trainings, in words."""
    return "one training" if count == 1 else f"{count} trainings"


# History


def history_section(
    summary: Summary, evaluations: EvaluationTable, lines: Sequence[ReferenceLine] = ()
) -> Html:
    """The scores by generation; empty before the first.

    Parameters
    ----------
    summary
        The run with its generations, and its champion where it has finished.
    evaluations
        All evaluations.
    lines
        What simple methods reach where the search is judged.
    """
    points = history_points(summary.generations, evaluations)
    if not points:
        return Html()

    metric = evaluations.metric
    champion = None
    best = summary.best
    # A score may be beyond what numbers hold.
    if best is not None and summary.run.state == "finished" and math.isfinite(best.score):
        champion = (best.generation, best.score)
    marks = Marks(champion, tuple((line.label, line.score) for line in lines))
    legend = _history_legend(marks, history_range(points, metric, marks), metric)
    notes = _lines_beyond(marks, history_range(points, metric, marks), metric)
    return join(legend, history(points, metric, marks), *notes)


def _history_legend(marks: Marks, shown: tuple[float, float], metric: Metric) -> Html:
    entries = [tag("span", "Best"), tag("span", "95 % interval of the best", class_="band")]
    entries.append(tag("span", "Mean of the generation", class_="mean"))
    if marks.champion is not None:
        entries.append(tag("span", "Champion", class_="champion"))
    for number, (label, score) in enumerate(marks.lines):
        if shown[0] <= score <= shown[1]:
            look = f"level l{number % LEVEL_LOOKS}"
            entries.append(tag("span", f"{label} {score_text(score, metric)}", class_=look))
    return tag("div", *entries, class_="legend")


def _lines_beyond(marks: Marks, shown: tuple[float, float], metric: Metric) -> list[Html]:
    """A sentence about each line that would have squashed the rest."""
    notes = []
    for label, score in marks.lines:
        if not shown[0] <= score <= shown[1]:
            side = "below" if score < shown[0] else "above"
            text = f"{label} lies {side} the axis, at {score_text(score, metric)}."
            notes.append(tag("p", text, class_="note"))
    return notes


def history_points(
    generations: Sequence[GenerationRecord], evaluations: EvaluationTable
) -> list[Point]:
    """The run's history, with the interval of each generation's best genome."""
    best_genomes = {record.summary.best.hash for record in generations}
    scores = evaluations.scores(best_genomes)

    # A genome is often the best of many generations, with the same repeats.
    intervals: dict[tuple[str, int], tuple[float, float] | None] = {}
    points = []
    for record in generations:
        summary = record.summary
        key = (summary.best.hash, summary.best_repeats)
        if key not in intervals:
            by_repeat = scores.get(summary.best.hash, {})
            intervals[key] = ci95(_scored(evaluations, by_repeat, summary.best_repeats))

        best = finite(summary.best_score)
        mean = finite(summary.mean_score)
        low, high = intervals[key] or (None, None)
        points.append(Point(summary.number, best, mean, low, high))
    return points


def _scored(
    evaluations: EvaluationTable, by_repeat: Mapping[int, float], repeats: int
) -> list[float]:
    """Scores of those of a genome's ``repeats`` trainings on which it was ranked."""
    scored = evaluations.settings.schedule.scored_repeats(repeats)
    return [by_repeat[repeat] for repeat in scored if repeat in by_repeat]


# Other methods


def scores_section(
    champion: Champion,
    competing_runs: Mapping[str, Champion],
    heads: tuple[str, ...] = ("Single networks", "Ensemble"),
    kind: str = "table",
) -> Html:
    """The champion's scores, and those of other methods on the same rows.

    Parameters
    ----------
    champion, competing_runs, kind
        See `score_rows`.
    heads
        Of the columns with the scores of single networks, and of what they give together; without
        the second, where there is nothing together.
    """
    rows = score_rows(champion, competing_runs, kind)
    metric = champion.metric
    metrics = shown_metrics(rows, metric)
    head = ("", heads[0], *(METRIC_NAMES[name] for name in metrics), *heads[1:])

    lines = [_score_cells(row, metric, metrics)[: len(head)] for row in rows]
    champion_place = next((place for place, row in enumerate(rows) if row.is_champion), None)
    note = ""
    if champion.baselines:
        note = (
            "Below Test: other methods, fitted on the champion's rows and scored on the same "
            "test rows."
        )
    scores = table(head, lines, kind="scores", highlight=champion_place)
    return join(scores, tag("p", note, class_="note"))


def _score_cells(row: ScoreRow, metric: Metric, metrics: Sequence[str]) -> list[str]:
    if row.score is None:
        error = tag("span", shortened(row.error or "failed", _MOST_OF_ERROR), class_="why")
        empty = [""] * (len(metrics) + 1)
        return [row.label, error, *empty]

    ensemble = "" if row.ensemble is None else score_text(row.ensemble, metric)
    score = score_with_spread(row.score, row.half, metric)
    return [row.label, score, *(row.other(name) for name in metrics), ensemble]


# Leading genomes


@dataclass(frozen=True, slots=True)
class _Leader:
    """A genome on the leaderboard: its hash, its row of `EvaluationTable.genomes`, its interval."""

    name: str
    row: pd.Series
    half: float | None

    @property
    def score(self) -> float:
        """In the metric's unit."""
        return float(self.row["score"])


def leaders_section(
    evaluations: EvaluationTable,
    champion_hash: str,
    *,
    confirmed: bool = True,
    network: bool = True,
) -> Html:
    """The best genomes, each with its interval; empty where none has a score.

    Parameters
    ----------
    evaluations
        All evaluations.
    champion_hash
        The genome whose networks are exported.
    confirmed
        Whether it is the champion of a run that has finished; else the best so far.
    network
        Whether their swarms find the weights of networks.
    """
    champion = champion_hash if confirmed else None
    best = leaders(evaluations, LEADERS, champion)
    found = _leaders(evaluations, best)
    if not found:
        return Html()

    metric = evaluations.metric
    low, high = _leader_scale(found, metric)
    reasons = rank_reasons(evaluations, best, champion)
    lines = []
    champion_place = None
    for place, leader in enumerate(found):
        is_champion = leader.name == champion_hash
        if is_champion:
            champion_place = place
        strip = interval(leader.score, leader.half, low, high, highlight=is_champion)
        cells = _leader_cells(place + 1, leader, metric, strip)
        why = rank_text(reasons[place], metric, named="No. 1")
        lines.append([*cells, _swarm_text(leader.row, network), why])

    head = ("", metric.label, "95 % interval", "Repeats", "Confirmed", "Genome", "What it is")
    note = (
        "As the search ranks them: the champion, then those that were confirmed more often, then "
        f"those that came further in their race, then by {metric.word}. {WHY_HERE_HELP}."
    )
    board = table((*head, WHY_HERE), lines, kind="board", highlight=champion_place)
    return join(board, tag("p", note, class_="note"))


def _leaders(evaluations: EvaluationTable, ranked: pd.DataFrame) -> list[_Leader]:
    scores = evaluations.scores(set(ranked.index))
    found = []
    for label, row in ranked.iterrows():
        name = str(label)
        scored = _scored(evaluations, scores[name], int(row["repeats"]))
        found.append(_Leader(name, row, ci95_half_width(scored)))
    return found


def _leader_scale(found: Sequence[_Leader], metric: Metric) -> tuple[float, float]:
    """The scale of all intervals. One of percentages is whole, unless an interval is very long."""
    lowest = min(leader.score - (leader.half or 0.0) for leader in found)
    highest = max(leader.score + (leader.half or 0.0) for leader in found)
    if metric.unit != "%":
        # One score alone has no extent.
        room = _ROOM_SHARE * ((highest - lowest) or abs(highest) or 1.0)
        return lowest - room, highest + room

    best = max(leader.score for leader in found)
    low = max(lowest, best - _FARTHEST) - _ROOM
    high = min(highest, best + _FARTHEST) + _ROOM
    return low, high


def _leader_cells(rank: int, leader: _Leader, metric: Metric, strip: Html) -> list[str]:
    row = leader.row
    confirmed = float(row["confirmed"])
    return [
        f"{rank}",
        score_with_spread(leader.score, leader.half, metric).replace(" %", ""),
        strip,
        f"{int(row['counted'])}",
        "" if math.isnan(confirmed) else score_text(confirmed, metric).removesuffix(" %"),
        tag("code", leader.name[:8]),
    ]


def _swarm_text(row: pd.Series, network: bool) -> str:
    """A genome in a few words: its swarm, and the network that the swarm trains."""
    swarm = f"{row['update_rule']}, {int(row['swarm_size'])} particles"
    if not network:
        return swarm
    activation = str(row["activation"]).replace("_", "-")
    return f"{swarm}, {layers_text(row['hidden_layers'])} {activation}"
