"""How wrong a model of numbers is, by range of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shoal.analysis.number_diagnostics import TargetDiagnostics
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    layer,
    number_channel,
    tooltip,
    vega_chart,
)

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 360
# The width of the bar of a single value, as a share of the axis.
_ONE_VALUE = 0.02


def ranges_chart(found: TargetDiagnostics, *, dark: bool = False) -> Spec:
    """The mean absolute error by range of the true value as bars, the mean error as lines."""
    colours = palette(dark)
    rows = found.ranges.assign(**_edges(found.ranges))
    x = number_channel("left", "True value", tickCount=8, grid=False)
    y = number_channel("mae", "Error", tickCount=5, scale={"zero": True})
    lines = tooltip(
        ("from", "From", ".4~g"),
        ("to", "To", ".4~g"),
        ("rows", "Rows", ",d"),
        ("mae", "Mean absolute error", ".4~g"),
        ("mean_error", "Mean error", ".4~g"),
    )
    across = {"x": x, "x2": {"field": "right"}, "tooltip": lines}
    bar = {"type": "rect", "color": colours.best, "opacity": 0.8, "stroke": colours.surface}
    mark = {"type": "rule", "color": colours.average, "strokeWidth": 3}
    layers = [
        layer(bar, {**across, "y": y, "y2": {"datum": 0}}, rows),
        layer(mark, {**across, "y": {**y, "field": "mean_error"}}, rows),
    ]
    legend = [
        LegendEntry("Mean absolute error", colours.best, "area"),
        LegendEntry("Mean error (predicted - true)", colours.average),
    ]
    return vega_chart(colours, height=HEIGHT, layers=layers, legend=legend)


def _edges(ranges: pd.DataFrame) -> dict[str, pd.Series]:
    """Where bars begin and end: a range of one value has a bar that can be seen."""
    span = ranges["to"].max() - ranges["from"].min()
    half = _ONE_VALUE / 2 * (span or 1.0)
    widened = half * (ranges["from"] == ranges["to"])
    return {"left": ranges["from"] - widened, "right": ranges["to"] + widened}
