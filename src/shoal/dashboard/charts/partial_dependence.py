"""How predictions change with one column: the mean, single networks, and lines of single rows."""

from __future__ import annotations

import pandas as pd

from shoal.analysis.partial_dependence import PartialDependence, Value
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    layer,
    number_channel,
    tooltip,
    vega_chart,
)
from shoal.presentation.formatting import shortened

HEIGHT = 360
_LONGEST_NAME = 24
_MISSING = "missing"


def dependence_data(
    found: PartialDependence, output: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The tables behind `dependence_chart`.

    Parameters
    ----------
    found
        What `shoal.analysis.partial_dependence.partial_dependence` returned.
    output
        The place of what is predicted.

    Returns
    -------
    mean : DataFrame
        ``value``, ``predicted``, and ``low`` and ``high``: of single networks.
    lines : DataFrame
        ``row`` of the table from 1, ``value``, ``predicted``.
    deciles : DataFrame
        ``value``: tenths of the test rows; no rows for categories.
    """
    values = [_shown(value) for value in found.values]
    networks = found.by_network[:, :, output]
    mean = pd.DataFrame(
        {
            "value": values,
            "predicted": found.average[:, output],
            "low": networks.min(axis=0),
            "high": networks.max(axis=0),
        }
    )
    if found.shares:
        mean["share"] = found.shares

    frames = []
    for row, line in zip(found.row_numbers.tolist(), found.individual, strict=True):
        own = {"row": row + 1, "value": values, "predicted": line[:, output]}
        frames.append(pd.DataFrame(own))
    deciles = pd.DataFrame({"value": [_shown(value) for value in found.deciles]})
    return mean, pd.concat(frames, ignore_index=True), deciles


def _shown(value: Value) -> float | str:
    if value is None:
        return _MISSING
    if isinstance(value, str):
        return shortened(value, _LONGEST_NAME)
    return value


def dependence_chart(
    found: PartialDependence, output: int, *, is_share: bool, dark: bool = False
) -> Spec:
    """The mean prediction as a thick line over thin ones of single rows.

    Parameters
    ----------
    found
        What `shoal.analysis.partial_dependence.partial_dependence` returned.
    output
        The place of what is predicted.
    is_share
        Whether it is a probability.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    mean, lines, deciles = dependence_data(found, output)
    name = shortened(found.outputs[output], _LONGEST_NAME)
    title = f"Predicted {name}"
    scale: Spec = {"padding": 6}
    number = ".3~g"
    if is_share:
        title = f"Probability of {name}"
        scale = {"domain": [0, 1]}
        number = ".1%"

    x = _value_channel(found)
    y = number_channel("predicted", title, tickCount=6, scale=scale)
    if is_share:
        y["axis"]["format"] = ".0%"

    value = tooltip(("value", shortened(found.column, _LONGEST_NAME)), ("predicted", title, number))
    networks = tooltip(("low", "Lowest network", number), ("high", "Highest network", number))
    of_mean = value + networks
    if found.shares:
        of_mean += tooltip(("share", "Of the test rows", ".1%"))
    of_line = tooltip(("row", "Row of the table", ",d")) + value

    is_line = found.kind != "category"
    layers = [
        layer(
            {"type": "line", "strokeWidth": 1, "opacity": 0.55, "color": colours.faint},
            {"x": x, "y": y, "detail": {"field": "row"}, "tooltip": of_line},
            lines,
        )
    ]
    spread = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    if is_line:
        layers.append(layer({"type": "area", "color": colours.band}, spread, mean))
        mark: Spec = {"type": "line", "strokeWidth": 3, "color": colours.best}
    else:
        layers.append(
            layer({"type": "rule", "strokeWidth": 4, "color": colours.band}, spread, mean)
        )
        mark = {"type": "point", "size": 130, "filled": True, "opacity": 1, "color": colours.best}
    layers.append(layer(mark, {"x": x, "y": y, "tooltip": of_mean}, mean))
    if len(deciles):
        tick = {"type": "tick", "color": colours.muted, "thickness": 1.5, "size": 10}
        layers.append(layer(tick, {"x": x, "y": {"value": {"expr": "height - 5"}}}, deciles))

    shape = "line" if is_line else "circle"
    legend = [
        LegendEntry("Mean of all rows", colours.best, shape),
        LegendEntry("Single networks", colours.band, "area"),
        LegendEntry("Single rows", colours.faint),
    ]
    return vega_chart(colours, height=HEIGHT, layers=layers, legend=legend)


def _value_channel(found: PartialDependence) -> Spec:
    name = shortened(found.column, 2 * _LONGEST_NAME)
    if found.kind == "category":
        axis = {"title": name, "labelAngle": 0, "labelLimit": 90, "grid": False}
        order = [_shown(value) for value in found.values]
        return {"field": "value", "type": "ordinal", "sort": order, "axis": axis}
    if found.kind == "date" and isinstance(found.values[0], str):
        axis = {"title": name, "grid": False, "tickCount": 6}
        return {"field": "value", "type": "temporal", "axis": axis, "scale": {"nice": False}}
    return number_channel("value", name, grid=False, tickCount=8)
