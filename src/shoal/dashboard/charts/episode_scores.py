"""The scores of a policy in the scenarios of the test: a dot for each, with mean and interval.

A chart of the page Champion. Dots with nearly the same score stand above and below each other, so
that the cloud is as high as there are scores: a histogram whose every dot can be pointed at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from shoal.analysis.known_scores import ReferenceScore
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.scores import score_title, vega_format
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    layer,
    number_channel,
    tooltip,
    vega_chart,
)
from shoal.numerics.stats import ci95_half_width, mean
from shoal.objectives.registry import Metric
from shoal.presentation.dots import dot_heights
from shoal.presentation.formatting import score_text

# The height of the chart, in pixels.
HEIGHT = 220
# The most dots: more of them cover each other, and take a browser long.
MOST_DOTS = 1000
# The area of a dot, in square pixels, where there are few and where there are many.
_LARGE = 40
_SMALL = 14
_FEW = 150
# Of the lines of others: lengths of line and gap in turn, in pixels.
_DASHES = ((6, 3), (2, 3), (9, 3, 2, 3))


def scores_data(scores: Sequence[float]) -> pd.DataFrame:
    """The first `MOST_DOTS` scores, a row each.

    Parameters
    ----------
    scores
        By scenario, in their order.

    Returns
    -------
    DataFrame
        ``scenario``, from 1; ``score``; ``y``, where its dot stands, -1 to 1.
    """
    shown = np.array(scores[:MOST_DOTS], dtype=np.float64)
    return pd.DataFrame(
        {"scenario": np.arange(1, len(shown) + 1), "score": shown, "y": dot_heights(shown.tolist())}
    )


def episode_scores_chart(
    frame: pd.DataFrame,
    scores: Sequence[float],
    metric: Metric,
    references: Sequence[ReferenceScore] = (),
    *,
    dark: bool = False,
) -> Spec:
    """A dot for each score, the mean of all with its interval, and what others reach.

    Parameters
    ----------
    frame
        What `scores_data` returned.
    scores
        All scores, of which the frame may have a part.
    metric
        What they are scores of.
    references
        Mean scores of others. Those beyond the axis are not drawn.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    shown = frame["score"].dropna()
    low = float(shown.min())
    high = float(shown.max())
    room = 0.04 * (high - low)
    if low == high:
        room = 0.05 * abs(high) or 1.0
    title = score_title(metric)
    x = number_channel(
        "score", title, grid=True, tickCount=8, scale={"domain": [low - room, high + room]}
    )
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [-1.15, 1.15], "nice": False},
        "axis": None,
    }

    number_format = vega_format(metric)
    size = _LARGE if len(frame) <= _FEW else _SMALL
    dots = {"type": "point", "filled": True, "size": size, "opacity": 0.6}
    encoding = {
        "x": x,
        "y": y,
        "color": {"value": colours.series[0]},
        "tooltip": tooltip(("scenario", "Scenario", ",d"), ("score", title, number_format)),
    }
    legend = [
        LegendEntry("A scenario of the test", colours.series[0], "circle"),
        LegendEntry("Mean, and its 95 % interval", colours.series[1], "diamond"),
    ]
    layers = [layer(dots, encoding, frame)]
    inside = [known for known in references if low - room <= known.score <= high + room]
    for known, dash in zip(inside, _DASHES, strict=False):
        text = f"{known.label}: {score_text(known.score, metric)}"
        legend.append(LegendEntry(text, colours.text, dash=dash))
        rule = {"type": "rule", "strokeWidth": 1.5, "strokeDash": list(dash)}
        place = pd.DataFrame([{"score": known.score}])
        layers.append(layer(rule, {"x": x, "color": {"value": colours.text}}, place))

    layers += _mean_layers(scores, metric, x, y, colours.series[1])
    return vega_chart(colours, height=HEIGHT, layers=layers, legend=legend)


def _mean_layers(
    scores: Sequence[float], metric: Metric, x: Spec, y: Spec, colour: str
) -> list[Spec]:
    """The interval of the mean as a line, the mean as a diamond on it."""
    average = mean(list(scores))
    half = ci95_half_width(list(scores)) or 0.0
    row = {"score": average, "low": average - half, "high": average + half, "half": half, "y": 0.0}
    means = pd.DataFrame([row])

    number_format = vega_format(metric)
    interval = {
        "x": {**x, "field": "low"},
        "x2": {"field": "high"},
        "y": y,
        "color": {"value": colour},
    }
    centre = {
        "x": x,
        "y": y,
        "color": {"value": colour},
        "tooltip": tooltip(
            ("score", f"{score_title(metric)}, mean", number_format),
            ("half", "± (95 %)", number_format),
        ),
    }
    diamond = {"type": "point", "shape": "diamond", "filled": True, "size": 150, "opacity": 1}
    return [
        layer({"type": "rule", "strokeWidth": 4}, interval, means),
        layer(diamond, centre, means),
    ]
