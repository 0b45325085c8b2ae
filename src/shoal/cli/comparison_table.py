"""`shoal compare`, for a terminal of 80 columns."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shoal.analysis.comparison import Comparison, Duel, Row
from shoal.presentation.formatting import duration, half_width, with_plus_minus


def comparison_table(found: Comparison) -> RenderableType:
    """What each run found, the settings that differ, and the tests."""
    parts: list[RenderableType] = [_scores(found.rows)]
    for obstacle in found.obstacles:
        parts.append(Text(f"Not comparable. {obstacle}.", style="yellow"))
    if found.settings:
        parts += ["", _settings(found)]
    if found.duels:
        parts += ["", _duels("Champions", found.duels)]
    if found.methods:
        parts += ["", _duels("Methods, run by run", found.methods)]
    legend = (
        "± and brackets: 95 % intervals over trainings, not over other data. A test is unresolved when its interval "
        "holds 0. Of many tests at once, one in twenty resolves by chance."
    )
    return Group(*parts, "", Text(legend, style="dim"))


def _scores(rows: tuple[Row, ...]) -> Table:
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


def _settings(found: Comparison) -> Table:
    table = _table(("Differs", *(f"run {row.run}" for row in found.rows)))
    for setting in found.settings:
        table.add_row(setting.name, *map(Text, setting.values))
    return table


def _duels(title: str, duels: tuple[Duel, ...]) -> Table:
    table = _table((title, "Measure", "Ahead by", "P(better)", "Verdict", ""))
    for duel in duels:
        table.add_row(
            Text(f"{duel.first} - {duel.second}"),
            duel.measure,
            difference_text(duel),
            f"{duel.difference.probability:.2f}" if duel.difference else "",
            Text(
                duel.verdict,
                style="bold green" if duel.difference and duel.difference.resolved else "",
            ),
            Text(duel.how, style="dim"),
        )
    return table


def _table(names: tuple[str, ...]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for place, name in enumerate(names):
        table.add_column(
            name, justify="left" if place == 0 or name in ("Name", "Verdict", "") else "right"
        )
    return table


def accuracy_text(value: float | None, interval: tuple[float, float] | None = None) -> str:
    """In percent, with half of its interval where there is one."""
    if value is None:
        return "-"
    return with_plus_minus(f"{value:.2f}", half_width(interval))


def difference_text(duel: Duel) -> str:
    """In percent points, with its interval."""
    found = duel.difference
    return f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]" if found else "-"
