"""`shoal compare`, within 80 columns."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shoal.analysis.comparison import Comparison
from shoal.analysis.duels import Duel
from shoal.analysis.measures import Row
from shoal.presentation.formatting import duration, half_width, with_plus_minus

_LEGEND = (
    "± and brackets: 95 % intervals over trainings, not over other data. A test is unresolved "
    "when its interval holds 0. Of many tests at once, one in twenty resolves by chance."
)
# Columns of words, which begin at the left, as a table's first column does.
_WORDS = ("Name", "Verdict", "")


def comparison_table(comparison: Comparison) -> RenderableType:
    """What each run found, the settings that differ, and the tests."""
    parts: list[RenderableType] = [_scores(comparison.rows)]
    for obstacle in comparison.obstacles:
        parts.append(Text(f"Not comparable. {obstacle}.", style="yellow"))
    if comparison.settings:
        parts += ["", _settings(comparison)]
    if comparison.duels:
        parts += ["", _duels("Champions", comparison.duels)]
    if comparison.methods:
        parts += ["", _duels("Methods, run by run", comparison.methods)]
    return Group(*parts, "", Text(_LEGEND, style="dim"))


def _scores(rows: tuple[Row, ...]) -> Table:
    """A line for each run: what it found, and at what cost."""
    table = _table(
        ("Run", "Name", "Search", "Confirmation", "Test", "Ensemble", "Trainings", "Time")
    )

    for row in rows:
        table.add_row(
            str(row.run),
            Text(row.name),
            accuracy_text(row.search, row.search_ci95),
            accuracy_text(row.confirmation, row.confirmation_ci95),
            accuracy_text(row.test),
            accuracy_text(row.ensemble),
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


def _duels(title: str, duels: tuple[Duel, ...]) -> Table:
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
            difference_text(duel),
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


def accuracy_text(value: float | None, interval: tuple[float, float] | None = None) -> str:
    """An accuracy in percent, with the half-width of its interval where there is one."""
    if value is None:
        return "-"
    return with_plus_minus(f"{value:.2f}", half_width(interval))


def difference_text(duel: Duel) -> str:
    """By how many percentage points the first is ahead, with the interval of that."""
    difference = duel.difference
    if difference is None:
        return "-"
    interval = f"[{difference.low:+.2f}, {difference.high:+.2f}]"
    return f"{difference.mean:+.2f} {interval}"
