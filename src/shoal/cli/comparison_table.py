"""`shoal compare`, within 80 columns."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shoal.analysis.comparison import Comparison
from shoal.analysis.duels import Duel
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import (
    difference_text,
    duration,
    half_width,
    metric_heading,
    score_with_spread,
)
from shoal.system.visible_text import visible

_LEGEND = (
    "± and brackets: 95 % intervals over trainings, not over other data. A test is unresolved "
    "when its interval holds 0. Of many tests at once, one in twenty resolves by chance."
)
# Columns of scores: fields of `shoal.analysis.measures.Row`.
_SCORES = ("search", "confirmation", "test", "ensemble")
# Columns of words, which begin at the left, as a table's first column does.
_WORDS = ("Name", "Verdict", "")


def comparison_table(comparison: Comparison) -> RenderableType:
    """What each run found, the settings that differ, and the tests."""
    parts: list[RenderableType] = [_scores(comparison)]
    for obstacle in comparison.obstacles:
        parts.append(Text(f"Not comparable. {obstacle}.", style="yellow"))
    if comparison.settings:
        parts += ["", _settings(comparison)]
    if comparison.duels:
        parts += ["", _duels("Champions", comparison.duels, comparison.metric)]
    if comparison.methods:
        parts += ["", _duels("Methods, run by run", comparison.methods, comparison.metric)]
    if comparison.metric is not None and not comparison.metric.is_accuracy:
        parts += ["", Text(f"Scores are of {_described(comparison.metric)}.", style="dim")]
    return Group(*parts, "", Text(_LEGEND, style="dim"))


def _described(metric: Metric) -> str:
    """A metric within a sentence: its name, its unit, and what is better."""
    heading = metric_heading(metric)
    return metric.word + heading.removeprefix(metric.label)


def _scores(comparison: Comparison) -> Table:
    """A line for each run: what it found, and at what cost.

    A score that no run has is left out: functions have no test.
    """
    shown = []
    for name in _SCORES:
        if any(getattr(row, name) is not None for row in comparison.rows):
            shown.append(name)
    heads = [name.capitalize() for name in shown]
    table = _table(("Run", "Name", *heads, "Trainings", "Time"))

    for row, metric in zip(comparison.rows, comparison.metrics, strict=True):
        cells = []
        for name in shown:
            interval = getattr(row, f"{name}_ci95", None)
            cells.append(_score_cell(metric, getattr(row, name), interval))
        table.add_row(
            str(row.run),
            Text(visible(row.name)),
            *cells,
            f"{row.evaluations:,}",
            duration(row.seconds),
        )
    return table


def _settings(comparison: Comparison) -> Table:
    """A line for each setting that differs, a column for each run."""
    runs = [f"run {row.run}" for row in comparison.rows]
    table = _table(("Differs", *runs))
    for setting in comparison.settings:
        values = [Text(value) for value in setting.values]
        table.add_row(setting.name, *values)
    return table


def _duels(title: str, duels: tuple[Duel, ...], metric: Metric | None) -> Table:
    """A line for each test."""
    table = _table((title, "Measure", "Ahead by", "P(better)", "Verdict", ""))
    for duel in duels:
        probability = ""
        style = ""
        if duel.difference is not None:
            probability = f"{duel.difference.probability:.2f}"
            if duel.difference.resolved:
                style = "bold green"

        table.add_row(
            Text(f"{duel.first} - {duel.second}"),
            duel.measure,
            _difference_cell(duel, metric),
            probability,
            Text(duel.verdict, style=style),
            Text(duel.how, style="dim"),
        )
    return table


def _table(names: tuple[str, ...]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(names[0])
    for name in names[1:]:
        table.add_column(name, justify="left" if name in _WORDS else "right")
    return table


def _score_cell(
    metric: Metric, score: float | None, interval: tuple[float, float] | None = None
) -> str:
    """A score without its unit, with the half-width of its interval where there is one."""
    if score is None:
        return "-"
    text = score_with_spread(score, half_width(interval), metric)
    return text.replace(" %", "")


def _difference_cell(duel: Duel, metric: Metric | None) -> str:
    """By how much the first is ahead, with the interval of that."""
    difference = duel.difference
    if difference is None or metric is None:
        return "-"
    low = difference_text(difference.low, metric)
    high = difference_text(difference.high, metric)
    return f"{difference_text(difference.mean, metric)} [{low}, {high}]"
