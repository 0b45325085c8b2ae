"""Lines and dots of a policy's report, as SVG inside the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shoal.export.html import Html, join, tag
from shoal.export.svg import WIDTH, ticks
from shoal.objectives.registry import Metric
from shoal.presentation.dots import dot_heights
from shoal.presentation.formatting import count_text, score_text

# Lengths in units of the drawing. What stands around the data:
_LEFT = 64
_RIGHT = 14
_TOP = 12
_BOTTOM = 40
_HEIGHT = 260
_DOTS_HEIGHT = 170
# The most lines of a chart: the style sheet has a colour for each.
MOST_LINES = 6
# Dots that are drawn.
MOST_DOTS = 1000
# Room at both ends of an axis, as a share of it, and where all values are equal.
_MARGIN = 0.05
_LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class _Scale:
    """An axis: values from ``low`` to ``high`` stand from ``start`` to ``end`` in the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        return ticks(self.low, self.high, count)


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis with room for all values."""
    low = min(values)
    high = max(values)
    room = _MARGIN * (high - low) or _LEAST_SHARE * abs(high) or 1.0
    return low - room, high + room


def line_chart(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    x_title: str,
    *,
    dots: bool = False,
    whole: bool = False,
) -> Html:
    """A line for each name, with its legend.

    Parameters
    ----------
    lines
        Points (x, y) by the line's name, at most `MOST_LINES` lines; two different x at least.
    x_title
        What x is.
    dots
        Draw a dot at each point, too.
    whole
        Write large x in words, such as "2.0 million".
    """
    points = [point for line in lines.values() for point in line]
    xs = [x for x, _ in points]
    x = _Scale(min(xs), max(xs), _LEFT, WIDTH - _RIGHT)
    y = _Scale(*_spread([value for _, value in points]), _HEIGHT - _BOTTOM, _TOP)

    parts = _axes(x, y, x_title, whole=whole)
    names = []
    for number, (name, line) in enumerate(lines.items()):
        places = " ".join(f"{x(px):.1f},{y(py):.1f}" for px, py in line)
        parts.append(tag("polyline", points=places, class_=f"line s{number}"))
        if dots:
            parts += [
                tag("circle", cx=x(px), cy=y(py), r=3.5, class_=f"s{number}") for px, py in line
            ]
        names.append(tag("span", name, class_=f"s{number}"))

    drawing = tag(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {_HEIGHT}",
        role="img",
        aria_label=f"{', '.join(lines)} by {x_title.lower()}",
    )
    return join(tag("div", *names, class_="legend"), drawing)


def _axes(x: _Scale, y: _Scale, x_title: str, *, whole: bool) -> list[Html]:
    parts = []
    for value in y.ticks(5):
        place = y(value)
        parts.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=place, y2=place, class_="grid"))
        parts.append(tag("text", f"{value:,.6g}", x=_LEFT - 9, y=place + 4, text_anchor="end"))
    parts += _x_axis(x, x_title, _HEIGHT, whole=whole)
    return parts


def _x_axis(x: _Scale, title: str, height: int, *, whole: bool = False) -> list[Html]:
    below = height - _BOTTOM + 18
    parts = []
    for value in x.ticks(6):
        text = count_text(value) if whole else f"{value:,.6g}"
        parts.append(tag("text", text, x=x(value), y=below, text_anchor="middle"))
    return [
        *parts,
        tag("text", title, x=WIDTH - _RIGHT, y=height - 4, text_anchor="end", class_="title"),
    ]


def episode_dots(
    scores: Sequence[float],
    mean: float,
    half: float | None,
    metric: Metric,
    title: str,
    what: str = "episodes",
) -> Html:
    """A dot for each of the first `MOST_DOTS` scores, the mean of all, and its interval.

    Parameters
    ----------
    scores
        By scenario.
    mean, half
        Of all scores; the half-width of its 95 % interval.
    metric
        What they are scores of.
    title
        Of the axis.
    what
        What each is the score of, for readers who do not see the drawing.
    """
    shown = [score for score in scores[:MOST_DOTS] if np.isfinite(score)]
    x = _Scale(*_spread([*shown, mean]), _LEFT, WIDTH - _RIGHT)
    y = _Scale(-1.1, 1.1, _DOTS_HEIGHT - _BOTTOM, _TOP)

    parts = []
    for score, height in zip(shown, dot_heights(shown), strict=True):
        parts.append(tag("circle", cx=x(score), cy=y(float(height)), r=2.2, class_="dot"))
    spread = half or 0.0
    ends = x(mean - spread), x(mean + spread)
    parts.append(tag("line", x1=ends[0], x2=ends[1], y1=y(0), y2=y(0), class_="mean-interval"))
    parts.append(tag("circle", cx=x(mean), cy=y(0), r=5, class_="mean-dot"))
    parts += _x_axis(x, title, _DOTS_HEIGHT)
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {_DOTS_HEIGHT}",
        role="img",
        aria_label=f"{len(scores):,} {what}, with {score_text(mean, metric)} on average",
    )
