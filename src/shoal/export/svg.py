"""The report's drawings, as SVG inside the page: no script, no font, nothing to load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shoal.export.html import Html, tag
from shoal.objectives.registry import ACCURACY, Metric
from shoal.presentation.formatting import score_text

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

# Room at both ends of the axis of scores, as a share of it, and at least: in percentage points, or
# as a share of the best score.
_MARGIN = 0.06
_LEAST_MARGIN = 0.5
_LEAST_MARGIN_SHARE = 0.01
# Percentage points below the best accuracy, at which the better half of the axis ends at the
# latest.
_FARTHEST = 100.0

# Half the height of the champion's diamond, and how many looks level lines have.
_DIAMOND = 8
LEVEL_LOOKS = 2
# How much of the axis level lines may take, as a multiple of what the scores take.
_MOST_OF_LINES = 1.0

# The drawing of one interval: its width, its height, and the room at both ends.
_STRIP_WIDTH = 220
_STRIP_HEIGHT = 18
_STRIP_ROOM = 6


@dataclass(frozen=True, slots=True)
class Point:
    """One generation of a history. Scores are in the metric's unit, None where all failed.

    Attributes
    ----------
    number
        The generation, from 1.
    best, mean
        Score of its best genome, and the mean of all.
    low, high
        The 95 % interval of the best one's mean.
    """

    number: int
    best: float | None
    mean: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What a history is drawn with, besides the scores of the search.

    Attributes
    ----------
    champion
        Generation and score of the champion, which gets a diamond; None while there is none.
    lines
        What other methods reach, each by its label: level lines.
    """

    champion: tuple[int, float] | None = None
    lines: tuple[tuple[str, float], ...] = ()


_NO_MARKS = Marks()

# A place in a drawing: x to the right, y downward.
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Axes:
    """The part of a history that is shown: generations along x, scores along y."""

    first: int
    last: int
    low: float
    high: float

    def x(self, number: float) -> float:
        """The place of a generation."""
        share = (number - self.first) / (self.last - self.first)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, score: float) -> float:
        """The place of a score."""
        share = (self.high - score) / (self.high - self.low)
        return _TOP + share * (HEIGHT - _TOP - _BOTTOM)


def history(points: Sequence[Point], metric: Metric = ACCURACY, marks: Marks = _NO_MARKS) -> Html:
    """Best and mean score by generation, with the interval of the best.

    Of a long search only some of the generations are drawn.
    """
    shown = _thinned(points)
    low, high = history_range(shown, metric, marks)
    first = shown[0].number
    axes = _Axes(first, max(shown[-1].number, first + 1), low, high)

    frame = tag("rect", x=_LEFT - 6, y=_TOP - 6, width=WIDTH, height=HEIGHT - _TOP - _BOTTOM + 6)
    curves = [*_interval_of_best(shown, axes), *_curve(shown, axes, "mean")]
    curves += _curve(shown, axes, "best")
    if marks.champion is not None:
        curves.append(_diamond(axes.x(marks.champion[0]), axes.y(marks.champion[1])))
    return tag(
        "svg",
        tag("clipPath", frame, id="plot"),
        *_grid(axes, metric),
        *_level_lines(axes, marks.lines),
        tag("g", *curves, clip_path="url(#plot)"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=_history_text(shown, metric),
    )


def _grid(axes: _Axes, metric: Metric) -> list[Html]:
    """Lines and labels of the axes."""
    unit = " %" if metric.unit == "%" else ""
    parts = []
    for value in ticks(axes.low, axes.high):
        y = axes.y(value)
        parts.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", f"{value:g}{unit}", x=_LEFT - 9, y=y + 4, text_anchor="end"))

    generations = range(axes.first, axes.last + 1)
    numbers = {round(tick) for tick in ticks(axes.first, axes.last)}
    for number in sorted(numbers & set(generations)):
        below = HEIGHT - _BOTTOM + 20
        parts.append(tag("text", f"{number:,}", x=axes.x(number), y=below, text_anchor="middle"))
    parts.append(
        tag("text", "Generation", x=WIDTH - _RIGHT, y=HEIGHT - 4, text_anchor="end", class_="title")
    )
    return parts


def _level_lines(axes: _Axes, lines: Sequence[tuple[str, float]]) -> list[Html]:
    """What other methods reach, as far as it lies on the axis."""
    drawn = []
    for number, (_, score) in enumerate(lines):
        if axes.low <= score <= axes.high:
            y = axes.y(score)
            look = f"level l{number % LEVEL_LOOKS}"
            drawn.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_=look))
    return drawn


def _diamond(x: float, y: float) -> Html:
    corners = [(x, y - _DIAMOND), (x + _DIAMOND, y), (x, y + _DIAMOND), (x - _DIAMOND, y)]
    return tag("polygon", points=_path(corners), class_="champion")


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
        score = point.best if kind == "best" else point.mean
        if score is not None:
            places.append((axes.x(point.number), axes.y(score)))

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


def history_range(
    points: Sequence[Point], metric: Metric, marks: Marks = _NO_MARKS
) -> tuple[float, float]:
    """The scores that are shown: all of the best, and the means but for a few terrible ones.

    The better half of the means keeps half of the axis. A level line is shown where that leaves
    the rest half of the axis.
    """
    best = [metric.fitness(point.best) for point in points if point.best is not None]
    if marks.champion is not None:
        best.append(metric.fitness(marks.champion[1]))
    means = sorted(metric.fitness(point.mean) for point in points if point.mean is not None)
    if not best:
        return 0.0, 100.0

    ends = []
    for point in points:
        if point.low is not None and point.high is not None:
            ends += [metric.fitness(point.low), metric.fitness(point.high)]
    top = max([*best, *ends])
    base = min([*best, *means[len(means) // 2 :]])
    if metric.unit == "%":
        base = max(base, top - _FARTHEST)
    worst = max(min([*best, *means, *ends]), 2 * base - top)

    room = _MOST_OF_LINES * max(top - worst, _least_margin(top, metric))
    lines = [metric.fitness(score) for _, score in marks.lines]
    near = []
    if math.isfinite(room):
        near = [score for score in lines if worst - room <= score <= top + room]
    worst = min([worst, *near])
    top = max([top, *near])

    margin = max(_MARGIN * (top - worst), _least_margin(top, metric))
    low, high = sorted((metric.score(worst - margin), metric.score(top + margin)))
    return low, high


def _least_margin(score: float, metric: Metric) -> float:
    """The room at both ends of the axis where all scores are alike."""
    if metric.unit == "%":
        return _LEAST_MARGIN
    return _LEAST_MARGIN_SHARE * abs(score) or 1.0


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


def _history_text(points: Sequence[Point], metric: Metric) -> str:
    """The history in a sentence, for those who do not see it."""
    best = [point.best for point in points if point.best is not None]
    if not best:
        word = "an accuracy" if metric.is_accuracy else "a score"
        return f"No generation had {word}."
    steps = sum(metric.better(later, earlier) for earlier, later in pairwise(best))
    first = score_text(best[0], metric)
    last = score_text(best[-1], metric)
    return (
        f"{metric.label} by generation: the best went from {first} to {last} "
        f"in {points[-1].number} generations, in {steps} steps."
    )
