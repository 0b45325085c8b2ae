"""The report's few drawings, as SVG inside the page: no script, no font, nothing to load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shoal.export.html import Html, tag

WIDTH, HEIGHT = 860, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 12, 40
_MOST_POINTS = 300
_STRIP = 220  # width of an interval's drawing


@dataclass(frozen=True, slots=True)
class Point:
    """One generation: accuracies in percent, None when all failed; ``low`` and ``high`` bound the best one's interval."""

    number: int
    best: float | None
    mean: float | None
    low: float | None = None
    high: float | None = None


def history(points: Sequence[Point]) -> Html:
    """Best and mean accuracy by generation, with the interval of the best; of long searches a part of the points."""
    shown = _thinned(points)
    low, high = _range(shown)
    first, last = shown[0].number, max(shown[-1].number, shown[0].number + 1)

    def x(number: float) -> float:
        return _LEFT + (number - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    parts: list[str] = [
        tag(
            "clipPath",
            tag("rect", x=_LEFT - 6, y=_TOP - 6, width=WIDTH, height=HEIGHT - _TOP - _BOTTOM + 6),
            id="plot",
        )
    ]
    for value in ticks(low, high):
        parts.append(
            tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y(value), y2=y(value), class_="grid")
        )
        parts.append(tag("text", f"{value:g} %", x=_LEFT - 9, y=y(value) + 4, text_anchor="end"))
    for number in sorted({round(n) for n in ticks(first, last)} & set(range(first, last + 1))):
        parts.append(
            tag("text", f"{number:,}", x=x(number), y=HEIGHT - _BOTTOM + 20, text_anchor="middle")
        )
    parts.append(
        tag("text", "Generation", x=WIDTH - _RIGHT, y=HEIGHT - 4, text_anchor="end", class_="title")
    )
    lines: list[str] = []
    band = [p for p in shown if p.low is not None and p.high is not None]
    if len(band) > 1:
        edge = [(p.number, p.high) for p in band] + [(p.number, p.low) for p in reversed(band)]
        lines.append(
            tag(
                "polygon",
                points=_path([(x(n), y(v)) for n, v in edge if v is not None]),
                class_="band",
            )
        )
    elif band and band[0].low is not None and band[0].high is not None:
        at = x(band[0].number)
        lines.append(
            tag("line", x1=at, x2=at, y1=y(band[0].low), y2=y(band[0].high), class_="whisker")
        )
    for kind in ("mean", "best"):
        places = [(x(p.number), y(v)) for p in shown if (v := getattr(p, kind)) is not None]
        lines.append(tag("polyline", points=_path(places), class_=kind))
        if len(shown) <= 40:
            lines += [tag("circle", cx=a, cy=b, r=3.5, class_=kind) for a, b in places]
    parts.append(tag("g", *lines, clip_path="url(#plot)"))
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=_said(shown))


def interval(
    value: float, half: float | None, low: float, high: float, *, chief: bool = False
) -> Html:
    """A mean with its interval on the scale from ``low`` to ``high``; what lies beyond is cut off."""

    def x(at: float) -> float:
        return 6 + (min(max(at, low), high) - low) / (high - low) * (_STRIP - 12)

    parts = [tag("line", x1=6, x2=_STRIP - 6, y1=9, y2=9, class_="grid")]
    if half is not None:
        parts.append(
            tag("line", x1=x(value - half), x2=x(value + half), y1=9, y2=9, class_="whisker")
        )
    parts.append(tag("circle", cx=x(value), cy=9, r=4.5, class_="best" if chief else "other"))
    return tag("svg", *parts, viewBox=f"0 0 {_STRIP} 18", class_="strip", aria_hidden="true")


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers between the two, about ``count``."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _range(points: Sequence[Point]) -> tuple[float, float]:
    """All best accuracies, and the means but for a few terrible ones: the better half keeps half of the axis."""
    best = [p.best for p in points if p.best is not None]
    means = sorted(p.mean for p in points if p.mean is not None)
    if not best:
        return 0.0, 100.0
    top = max([*best, *(p.high for p in points if p.high is not None)])
    base = max(min([*best, *means[len(means) // 2 :]]), top - 100.0)
    low = max(min([*best, *means, *(p.low for p in points if p.low is not None)]), 2 * base - top)
    margin = max(0.06 * (top - low), 0.5)
    return low - margin, top + margin


def _thinned(points: Sequence[Point]) -> list[Point]:
    every = -(-len(points) // _MOST_POINTS)
    kept = list(points[::every])
    return kept if kept[-1] is points[-1] else [*kept, points[-1]]


def _path(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in places)


def _said(points: Sequence[Point]) -> str:
    best = [p.best for p in points if p.best is not None]
    if not best:
        return "No generation had an accuracy."
    rises = sum(b > a for a, b in pairwise(best))
    return (
        f"Accuracy by generation: the best went from {best[0]:.2f} % to {best[-1]:.2f} % in {points[-1].number} generations, "
        f"in {rises} steps."
    )
