"""The report's drawings of a model: bars of inputs, small charts of curves, and residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from shoal.analysis.input_importance import InputImportance, InputImportances
from shoal.export.html import Html, join, tag
from shoal.export.svg import WIDTH, ticks
from shoal.presentation.formatting import shortened
from shoal.presentation.input_text import axis_of, loss_number

# Lengths in units of the drawing. Of the bars:
_ROW = 26
_NAMES = 210
_FIGURES = 190
_NAME_LENGTH = 28
# The most important columns.
MOST_BARS = 25

# Of a small chart, two of which stand side by side.
_SMALL_WIDTH = 430
_SMALL_HEIGHT = 280
_LEFT = 58
_RIGHT = 12
_TOP = 10
_BOTTOM = 42
_RESIDUALS_HEIGHT = 260
# Lines of a small chart: the style sheet has a colour for each. Points of a line, and dots.
MOST_LINES = 6
_MOST_POINTS = 160
_MOST_DOTS = 800
_ROOM = 0.05

Points = tuple[Sequence[float] | NDArray[np.float64], Sequence[float] | NDArray[np.float64]]
Ends = tuple[float, float]


def input_bars(found: InputImportances) -> Html:
    """A bar for each column with its interval, the most important first."""
    shown = found.inputs[:MOST_BARS]
    low, width = axis_of(found)
    height = _ROW * len(shown) + 8
    x = _Place(low, low + width, _NAMES, WIDTH - _FIGURES)
    parts = [tag("line", x1=x(0.0), x2=x(0.0), y1=0, y2=height, class_="grid")]
    for place, own in enumerate(shown):
        parts += _bar(own, x, 4 + _ROW * (place + 0.5), width)
    first = shown[0]
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {height}",
        class_="inputs",
        role="img",
        aria_label=(
            f"The importance of {len(shown)} columns; the most important is "
            f"{shortened(first.column, _NAME_LENGTH)}, {loss_number(first.loss.mean, width)}"
        ),
    )


def _bar(own: InputImportance, x: _Place, middle: float, width: float) -> list[Html]:
    loss = own.loss
    end = max(x(loss.mean), x(0.0))
    name = shortened(own.column, _NAME_LENGTH)
    figures = (
        f"{loss_number(loss.mean, width)} ({loss_number(loss.low, width)} to "
        f"{loss_number(loss.high, width)})"
    )
    look = "input-bar" if own.clear else "input-bar unclear"
    return [
        tag("text", name, x=_NAMES - 10, y=middle + 4, text_anchor="end"),
        tag("rect", x=x(0.0), y=middle - 8, width=end - x(0.0), height=16, class_=look),
        tag("line", x1=x(loss.low), x2=x(loss.high), y1=middle, y2=middle, class_="input-interval"),
        tag("text", figures, x=WIDTH, y=middle + 4, text_anchor="end"),
    ]


class _Place:
    """An axis: values from ``low`` to ``high`` stand from ``start`` to ``end`` in the drawing."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self._start + share * (self._end - self._start)


def small_chart(
    lines: Mapping[str, Points],
    titles: tuple[str, str],
    ends: tuple[Ends, Ends],
    *,
    dashed: Points | None = None,
) -> Html:
    """Lines in half the width of the page, with their legend.

    Parameters
    ----------
    lines
        Places x and y of the points of each line, at most `MOST_LINES` lines.
    titles
        Of x and y.
    ends
        Of both axes.
    dashed
        A line to compare with.
    """
    x = _Place(*_apart(ends[0]), _LEFT, _SMALL_WIDTH - _RIGHT)
    y = _Place(*_apart(ends[1]), _SMALL_HEIGHT - _BOTTOM, _TOP)
    parts = _axes(x, y, titles[0], (_SMALL_WIDTH, _SMALL_HEIGHT))
    if dashed is not None:
        parts.append(tag("polyline", points=_path(dashed, x, y), class_="compared"))
    names = []
    for number, (name, line) in enumerate(lines.items()):
        look = f"line s{number}"
        parts.append(tag("polyline", points=_path(line, x, y), class_=look))
        names.append(tag("span", name, class_=f"s{number}"))

    drawing = tag(
        "svg",
        *parts,
        viewBox=f"0 0 {_SMALL_WIDTH} {_SMALL_HEIGHT}",
        role="img",
        aria_label=f"{titles[1]} by {titles[0]}: {', '.join(lines)}",
    )
    legend = tag("div", *names, class_="legend")
    return tag("div", tag("p", titles[1], class_="note"), legend, drawing)


def residual_dots(predicted: NDArray[np.float64], residuals: NDArray[np.float64]) -> Html:
    """A dot for each row: how wrong it is, over what is predicted. Every n-th of many."""
    each = -(-len(predicted) // _MOST_DOTS)
    shown = list(zip(predicted[::each].tolist(), residuals[::each].tolist(), strict=True))
    xs = [own for own, _ in shown]
    ys = [*(own for _, own in shown), 0.0]
    x = _Place(*_with_room(min(xs), max(xs)), _LEFT, WIDTH - _RIGHT)
    y = _Place(*_with_room(min(ys), max(ys)), _RESIDUALS_HEIGHT - _BOTTOM, _TOP)
    parts = _axes(x, y, "Predicted value", (WIDTH, _RESIDUALS_HEIGHT))
    parts.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y(0), y2=y(0), class_="compared"))
    parts += [tag("circle", cx=x(own), cy=y(error), r=2.6, class_="dot") for own, error in shown]
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {_RESIDUALS_HEIGHT}",
        role="img",
        aria_label=f"Residuals of {len(shown):,} rows over predicted values",
    )


def side_by_side(charts: Sequence[Html]) -> Html:
    """Small charts, two in a row where there is room."""
    if not charts:
        return Html()
    return tag("div", join(*charts), class_="pair")


def _axes(x: _Place, y: _Place, title: str, size: tuple[int, int]) -> list[Html]:
    width, height = size
    parts = []
    for value in ticks(y.low, y.high, 5):
        place = y(value)
        parts.append(tag("line", x1=_LEFT, x2=width - _RIGHT, y1=place, y2=place, class_="grid"))
        parts.append(tag("text", f"{value:,.6g}", x=_LEFT - 9, y=place + 4, text_anchor="end"))
    for value in ticks(x.low, x.high, 5):
        below = height - _BOTTOM + 18
        parts.append(tag("text", f"{value:,.6g}", x=x(value), y=below, text_anchor="middle"))
    at = {"x": width - _RIGHT, "y": height - 4}
    parts.append(tag("text", title, **at, text_anchor="end", class_="title"))
    return parts


def _path(points: Points, x: _Place, y: _Place) -> str:
    """The points of a line, a part of many, both ends among them."""
    xs, ys = points
    places = np.unique(np.linspace(0, len(xs) - 1, _MOST_POINTS).round().astype(int)).tolist()
    return " ".join(f"{x(float(xs[at])):.1f},{y(float(ys[at])):.1f}" for at in places)


def _apart(ends: Ends) -> Ends:
    """Ends that are apart, for an axis."""
    if ends[0] < ends[1]:
        return ends
    return _with_room(*ends)


def _with_room(low: float, high: float) -> Ends:
    room = _ROOM * (high - low) or 0.01 * abs(high) or 1.0
    return low - room, high + room
