"""`shoal compare`, within 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
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
# Fields of `shoal.analysis.measures.Row`, and the heads of their columns.
_SCORES = {
    "search": "Search",
    "confirmation": "Confirmed",
    "test": "Test",
    "ensemble": "Ensemble",
}
# Characters of a name that are shown at least, with the space beside them.
_SHORTEST_NAME = 8
_ANY_WIDTH = 1_000
# Columns of words, which begin at the left, as a table's first column does.
_WORDS = ("Name", "")


def comparison_table(comparison: Comparison) -> RenderableType:
    """What each run found, the settings that differ, and the tests."""
    parts: list[RenderableType] = [_Scores(comparison)]
    if comparison.untested:
        parts.append(Text(comparison.untested_text, style="yellow"))
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


@dataclass(frozen=True, slots=True)
class _Scores:
    """A line for each run: what it found, and at what cost.

    Names are cut first, then costs are left out, where a terminal is narrow. A score that no run
    has is left out as well: functions have no test.
    """

    comparison: Comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        left_out: list[str] = []
        wide = options.update(max_width=_ANY_WIDTH)
        for name in ("Time", "Trainings"):
            others = self._table([*left_out, "Name"])
            needed = console.measure(others, options=wide).minimum + _SHORTEST_NAME
            if needed <= options.max_width:
                break
            left_out.append(name)
        yield self._table(left_out)

    def _table(self, left_out: Sequence[str]) -> Table:
        rows = self.comparison.rows
        shown = [name for name in _SCORES if any(getattr(row, name) is not None for row in rows)]
        costs = [name for name in ("Trainings", "Time") if name not in left_out]

        table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("Run", justify="right", no_wrap=True)
        # The one column that may wrap gives way; its cells are cut instead.
        if "Name" not in left_out:
            table.add_column("Name")
        for name in [*(_SCORES[name] for name in shown), *costs]:
            table.add_column(name, justify="right", no_wrap=True)

        for row, metric in zip(rows, self.comparison.metrics, strict=True):
            cells: list[str | Text] = []
            for name in shown:
                interval = getattr(row, f"{name}_ci95", None)
                cells.append(_score_cell(metric, getattr(row, name), interval))
            spent = {"Trainings": f"{row.evaluations:,}", "Time": duration(row.seconds)}
            cells += [spent[name] for name in costs]
            if "Name" not in left_out:
                name = visible(row.name)
                cells.insert(0, Text(name, no_wrap=True, overflow="ellipsis"))
            table.add_row(str(row.run), *cells)
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
    """A test in two lines: what was found, and how."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(title)
    for name in ("Ahead by", "P(better)"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Verdict")

    for duel in duels:
        probability = ""
        style = ""
        if duel.difference is not None:
            probability = f"{duel.difference.probability:.2f}"
            if duel.difference.resolved:
                style = "bold green"

        how = ", ".join(part for part in (duel.measure, duel.how) if part)
        table.add_row(
            Text.assemble(f"{duel.first} - {duel.second}", (f"\n  {how}" if how else "", "dim")),
            _difference_cell(duel, metric),
            probability,
            Text(duel.verdict, style=style),
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
