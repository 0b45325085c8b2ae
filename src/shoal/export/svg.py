"""The report's drawings, as SVG inside the page: no script, no font, nothing to load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shoal.export.html import Html, tag

# All lengths are in units of the drawing, which the page scales.
WIDTH = 860
HEIGHT = 300
# Room around the history, for its axes.
_LEFT = 58
_RIGHT = 14
_TOP = 12
_BOTTOM = 40
# Generations of a history that are drawn.
_MOST_POINTS = 300
# Generations up to which each is a dot.
_MOST_DOTS = 40

# The drawing of one interval: its width, its height, and the room at both ends.
_STRIP_WIDTH = 220
_STRIP_HEIGHT = 18
_STRIP_ROOM = 6


@dataclass(frozen=True, slots=True)
class Point:
    """One generation of a history. Accuracies are in percent, None where all failed.

    Attributes
    ----------
    number
        The generation, from 1.
    best, mean
        Accuracy of its best genome, and the mean of all.
    low, high
        The 95 % interval of the best one's mean.
    """

    number: int
    best: float | None
    mean: float | None
    low: float | None = None
    high: float | None = None


# A place in a drawing: x to the right, y downward.
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Axes:
    """The part of a history that is shown: generations along x, accuracies in percent along y."""

    first: int
    last: int
    low: float
    high: float

    def x(self, number: float) -> float:
        """The place of a generation."""
        share = (number - self.first) / (self.last - self.first)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, accuracy: float) -> float:
        """The place of an accuracy."""
        share = (self.high - accuracy) / (self.high - self.low)
        return _TOP + share * (HEIGHT - _TOP - _BOTTOM)


def history(points: Sequence[Point]) -> Html:
    """Best and mean accuracy by generation, with the interval of the best.

    Of a long search only some of the generations are drawn.
    """
    shown = _thinned(points)
    low, high = _accuracy_range(shown)
    first = shown[0].number
    axes = _Axes(first, max(shown[-1].number, first + 1), low, high)

    frame = tag("rect", x=_LEFT - 6, y=_TOP - 6, width=WIDTH, height=HEIGHT - _TOP - _BOTTOM + 6)
    curves = [*_interval_of_best(shown, axes), *_curve(shown, axes, "mean")]
    curves += _curve(shown, axes, "best")
    return tag(
        "svg",
        tag("clipPath", frame, id="plot"),
        *_grid(axes),
        tag("g", *curves, clip_path="url(#plot)"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=_history_text(shown),
    )


def _grid(axes: _Axes) -> list[Html]:
    """Lines and labels of the axes."""
    parts = []
    for value in ticks(axes.low, axes.high):
        y = axes.y(value)
        parts.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", f"{value:g} %", x=_LEFT - 9, y=y + 4, text_anchor="end"))

    generations = range(axes.first, axes.last + 1)
    numbers = {round(tick) for tick in ticks(axes.first, axes.last)}
    for number in sorted(numbers & set(generations)):
        below = HEIGHT - _BOTTOM + 20
        parts.append(tag("text", f"{number:,}", x=axes.x(number), y=below, text_anchor="middle"))
    parts.append(
        tag("text", "Generation", x=WIDTH - _RIGHT, y=HEIGHT - 4, text_anchor="end", class_="title")
    )
    return parts


def _interval_of_best(points: Sequence[Point], axes: _Axes) -> list[Html]:
    """A band where several generations have an interval, a line where one does."""
    upper: list[Place] = []
    lower: list[Place] = []
    for point in points:
        if point.low is not None and point.high is not None:
            x = axes.x(point.number)
            upper.append((x, axes.y(point.high)))
            lower.append((x, axes.y(point.low)))

    if len(upper) > 1:
        outline = _path([*upper, *reversed(lower)])
        return [tag("polygon", points=outline, class_="band")]
    if upper:
        ((x, top),) = upper
        ((_, bottom),) = lower
        return [tag("line", x1=x, x2=x, y1=bottom, y2=top, class_="whisker")]
    return []


def _curve(points: Sequence[Point], axes: _Axes, kind: str) -> list[Html]:
    """The line of "best" or "mean", with dots where there is room for them."""
    places: list[Place] = []
    for point in points:
        accuracy = point.best if kind == "best" else point.mean
        if accuracy is not None:
            places.append((axes.x(point.number), axes.y(accuracy)))

    parts = [tag("polyline", points=_path(places), class_=kind)]
    if len(points) <= _MOST_DOTS:
        parts += [tag("circle", cx=x, cy=y, r=3.5, class_=kind) for x, y in places]
    return parts


def interval(
    mean: float, half: float | None, low: float, high: float, *, highlight: bool = False
) -> Html:
    """A mean with its interval.

    Parameters
    ----------
    mean
        The mean.
    half
        The half-width of its interval; None: there is none.
    low, high
        The ends of the scale. What lies beyond is drawn there.
    highlight
        Whether it stands out among others.
    """
    right = _STRIP_WIDTH - _STRIP_ROOM
    middle = _STRIP_HEIGHT / 2

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return _STRIP_ROOM + share * (right - _STRIP_ROOM)

    parts = [tag("line", x1=_STRIP_ROOM, x2=right, y1=middle, y2=middle, class_="grid")]
    if half is not None:
        left_end = x(mean - half)
        right_end = x(mean + half)
        parts.append(tag("line", x1=left_end, x2=right_end, y1=middle, y2=middle, class_="whisker"))
    look = "best" if highlight else "other"
    parts.append(tag("circle", cx=x(mean), cy=middle, r=4.5, class_=look))
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {_STRIP_WIDTH} {_STRIP_HEIGHT}",
        class_="strip",
        aria_hidden="true",
    )


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers between two others, about ``count`` of them.

    Examples
    --------
    >>> ticks(0.0, 10.0, 5)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    least_step = (high - low) / count
    power = 10.0 ** math.floor(math.log10(least_step))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least_step)
    # A number that rounding moved just beyond an end is still at the end.
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _accuracy_range(points: Sequence[Point]) -> tuple[float, float]:
    """The accuracies that are shown: all of the best, and the means but for a few terrible ones.

    The better half of the means keeps half of the axis.
    """
    best = [point.best for point in points if point.best is not None]
    means = sorted(point.mean for point in points if point.mean is not None)
    if not best:
        return 0.0, 100.0

    highs = [point.high for point in points if point.high is not None]
    lows = [point.low for point in points if point.low is not None]
    top = max([*best, *highs])
    better_half = means[len(means) // 2 :]
    base = max(min([*best, *better_half]), top - 100.0)
    lowest = max(min([*best, *means, *lows]), 2 * base - top)
    margin = max(0.06 * (top - lowest), 0.5)
    return lowest - margin, top + margin


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most about `_MOST_POINTS` points, evenly spaced, and the last."""
    # Rounded up: enough steps for all points.
    step = math.ceil(len(points) / _MOST_POINTS)
    kept = list(points[::step])
    if kept[-1] is not points[-1]:
        kept.append(points[-1])
    return kept


def _path(places: Sequence[Place]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _history_text(points: Sequence[Point]) -> str:
    """The history in a sentence, for those who do not see it."""
    best = [point.best for point in points if point.best is not None]
    if not best:
        return "No generation had an accuracy."
    steps = sum(later > earlier for earlier, later in pairwise(best))
    return (
        f"Accuracy by generation: the best went from {best[0]:.2f} % to {best[-1]:.2f} % "
        f"in {points[-1].number} generations, in {steps} steps."
    )
