"""What `shoal inputs` prints: bars with intervals, and a partial dependence as rows of bars."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from shoal.analysis.input_importance import InputImportance, InputImportances
from shoal.analysis.partial_dependence import PartialDependence, Value
from shoal.presentation.formatting import score_text, shortened
from shoal.presentation.input_text import axis_of, importance_note, loss_number

# Characters of a bar, at least and at most, and of all that stands beside it.
_LEAST_BAR = 12
_LONGEST_BAR = 60
_BESIDE = 58
_NAME_WIDTH = 24
_BAR = "█"
_LINE = "─"
_END = "┃"


class InputBars:
    """A table of the importances of all columns, as wide as the terminal."""

    def __init__(self, found: InputImportances) -> None:
        self._found = found
        self._low, self._width = axis_of(found)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, and below it what it means."""
        found = self._found
        length = min(_LONGEST_BAR, max(_LEAST_BAR, options.max_width - _BESIDE))
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("Column", no_wrap=True, max_width=_NAME_WIDTH)
        table.add_column("", no_wrap=True, width=length)
        table.add_column("Lost", justify="right", no_wrap=True)
        table.add_column("95 % interval", justify="right", no_wrap=True)
        for own in found.inputs:
            low = loss_number(own.loss.low, self._width)
            high = loss_number(own.loss.high, self._width)
            table.add_row(
                Text(shortened(own.column, _NAME_WIDTH)),
                self._bar(own, length),
                loss_number(own.loss.mean, self._width),
                f"{low} to {high}",
                style="" if own.clear else "dim",
            )
        yield table
        yield Text("")
        yield Text(importance_note(found))

    def _bar(self, own: InputImportance, length: int) -> Text:
        """The mean as a bar from 0, its interval as a line that goes on, with both ends marked."""

        def place(value: float) -> int:
            return round((length - 1) * (value - self._low) / self._width)

        cells = [" "] * length
        for at in range(place(own.loss.low), place(own.loss.high) + 1):
            cells[at] = _LINE
        for at in range(place(0.0), place(max(0.0, own.loss.mean)) + 1):
            if own.loss.mean > 0:
                cells[at] = _BAR
        cells[place(own.loss.low)] = _END
        cells[place(own.loss.high)] = _END
        return Text("".join(cells), "cyan" if own.clear else "dim")


def dependence_table(found: PartialDependence, unit_is_share: bool) -> RenderableType:
    """A partial dependence as text: a row for each value, a bar for what is predicted.

    Parameters
    ----------
    found
        What is shown: of two classes the second, of other outputs each.
    unit_is_share
        Whether predictions are probabilities.
    """
    numbers = list(range(len(found.outputs)))
    if unit_is_share and len(numbers) == 2:
        numbers = numbers[1:]
    parts: list[RenderableType] = []
    for number in numbers:
        parts += [_of_output(found, number, unit_is_share), Text("")]
    parts.append(
        Text(
            f"The mean prediction for {found.rows:,} test rows if all had this value and all else "
            "stayed. Lowest and highest: of single networks.",
        )
    )
    return Group(*parts)


def _of_output(found: PartialDependence, number: int, unit_is_share: bool) -> Table:
    average = found.average[:, number]
    low = found.by_network[:, :, number].min(axis=0)
    high = found.by_network[:, :, number].max(axis=0)
    # Shares begin at 0. Amounts may be far from it, and lie between their ends.
    start, end = (0.0, 1.0) if unit_is_share else (float(average.min()), float(average.max()))
    head = f"P({found.outputs[number]})" if unit_is_share else found.outputs[number]

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(shortened(found.column, _NAME_WIDTH), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=_LEAST_BAR + 10)
    for title in (shortened(head, _NAME_WIDTH), "Lowest", "Highest"):
        table.add_column(title, justify="right", no_wrap=True)
    for place, value in enumerate(found.values):
        share = (average[place] - start) / max(end - start, 1e-12)
        table.add_row(
            Text(_value_text(value)),
            Text(_BAR * max(1, round((_LEAST_BAR + 10) * float(share))), "cyan"),
            *(loss_number(float(own[place]), end - start) for own in (average, low, high)),
        )
    return table


def _value_text(value: Value) -> str:
    if value is None:
        return "missing"
    if isinstance(value, float):
        return f"{value:.5g}"
    return shortened(value, _NAME_WIDTH)


def score_line(found: InputImportances) -> str:
    """The score that nothing was taken from, as the first line."""
    networks = f"{found.networks} networks together"
    if found.networks == 1:
        networks = "one network"
    return (
        f"{found.metric.label} {score_text(found.score, found.metric)}: {networks}, "
        f"{found.rows_of_test:,} test rows"
    )
