"""Curves of losses in a report, as SVG: both axes are logarithmic."""

from __future__ import annotations

import math

from shoal.export.html import Html, join, tag
from shoal.export.svg import WIDTH
from shoal.presentation.log_ticks import log_ticks
from shoal.replay.learning_curves import LearningCurves

# Lengths in units of the drawing.
_LEFT = 64
_RIGHT = 14
_TOP = 12
_BOTTOM = 40
_HEIGHT = 300
# Losses above the worst training loss by more than this factor are not drawn.
_ROOM = 3.0
# The parts of the rows, with the words of the legend and the looks of lines.
_PARTS = (("training", "Training rows", "s0"), ("held_out", "Held-out rows", "s1 dashed"))

Points = list[tuple[int, float]]


def loss_curves(curves: LearningCurves) -> Html:
    """Two lines for each training: its loss on the rows that it learns from, and on others.

    Parameters
    ----------
    curves
        Of one genome. Empty where no loss is above 0, as a logarithm has no place for others.
    """
    lines = _lines(curves)
    points = [point for _, line in lines for point in line]
    if not points:
        return Html()
    iterations = [iteration for iteration, _ in points]
    losses = [loss for _, loss in points]
    x = _LogScale(min(iterations), max(iterations), _LEFT, WIDTH - _RIGHT)
    y = _LogScale(min(losses), max(losses), _HEIGHT - _BOTTOM, _TOP)

    parts = _axes(x, y)
    for look, line in lines:
        places = " ".join(f"{x(iteration):.1f},{y(loss):.1f}" for iteration, loss in line)
        parts.append(tag("polyline", points=places, class_=f"line loss {look}"))
    drawing = tag(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {_HEIGHT}",
        role="img",
        aria_label="Loss on training rows and on held-out rows by iteration",
    )
    names = [tag("span", name, class_=look) for _, name, look in _PARTS]
    return join(tag("div", *names, class_="legend"), drawing)


class _LogScale:
    """An axis: values from ``low`` to ``high`` stand from ``start`` to ``end`` in the drawing."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        if self.low == self.high:
            return (self._start + self._end) / 2
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self._start + share * (self._end - self._start)

    def ticks(self, most: int) -> list[float]:
        """Round numbers that stand on the axis."""
        numbers = log_ticks([self.low, self.high], most)
        return [number for number in numbers if self.low <= number <= self.high]


def _lines(curves: LearningCurves) -> list[tuple[str, Points]]:
    """The look and the points of each line that can be drawn."""
    worst = 0.0
    for curve in curves.of:
        finite = [own.training for own in curve.points if math.isfinite(own.training)]
        worst = max([worst, *finite])

    lines = []
    for part, _, look in _PARTS:
        for curve in curves.of:
            line: Points = []
            for point in curve.points:
                loss = getattr(point, part)
                if 0.0 < loss <= _ROOM * worst:
                    line.append((point.iteration, loss))
            if line:
                lines.append((look, line))
    return lines


def _axes(x: _LogScale, y: _LogScale) -> list[Html]:
    parts = []
    for value in y.ticks(6):
        place = y(value)
        parts.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=place, y2=place, class_="grid"))
        parts.append(tag("text", f"{value:,.6g}", x=_LEFT - 9, y=place + 4, text_anchor="end"))
    for value in x.ticks(12):
        below = _HEIGHT - _BOTTOM + 18
        parts.append(tag("text", f"{value:,.6g}", x=x(value), y=below, text_anchor="middle"))
    right = WIDTH - _RIGHT
    title = tag("text", "Iteration", x=right, y=_HEIGHT - 4, text_anchor="end", class_="title")
    return [*parts, title]


def curves_section(curves: LearningCurves | str) -> Html:
    """The learning curves of the champion's genome; or a line that says why there are none."""
    if isinstance(curves, str):
        return tag("p", curves, class_="note")
    text = (
        f"The loss ({curves.loss_name}) of the best particle's network so far, on the rows that a "
        "training learns from and on those that validate."
    )
    if curves.same:
        text += " Every recorded training loss was met again, to the bit."
    if curves.left_out:
        text += f" {_counted(curves.left_out)} left out, as all together take too long."
    return join(loss_curves(curves), tag("p", text, class_="note"))


def _counted(trainings: int) -> str:
    return "1 training is" if trainings == 1 else f"{trainings} trainings are"
