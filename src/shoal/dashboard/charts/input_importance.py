"""The importance of each input of a model, as a table with bars and as a chart."""

from __future__ import annotations

from html import escape

import pandas as pd

from shoal.analysis.input_importance import InputImportance, InputImportances
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
from shoal.presentation.input_text import axis_of, loss_number, loss_title

# Rows of the chart, at most: the most important columns.
MOST_BARS = 30
_ROW_HEIGHT = 26
_LONGEST_NAME = 28


def input_bars_html(found: InputImportances) -> str:
    """A table with a bar for each column, the most important first.

    HTML rather than a chart: a browser draws it at once. A bar begins at 0; the 95 % interval is a
    line over it. A bar whose interval holds 0 is hollow.
    """
    low, width = axis_of(found)
    rows = "".join(_row_html(own, low, width) for own in found.inputs)
    head = (
        f'<th>Column</th><td></td><th class="n">{escape(loss_title(found.metric))}</th>'
        '<th class="n">95 % interval</th>'
    )
    return f'<table class="grid bars"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row_html(own: InputImportance, low: float, width: float) -> str:
    loss = own.loss

    def span(start: float, end: float) -> str:
        left = 100 * (start - low) / width
        share = 100 * max(end - start, 0.0) / width
        return f"left: {left:.2f}%; width: {share:.2f}%"

    hollow = "" if own.clear else ' class="hollow"'
    bar = f'<i{hollow} style="{span(0.0, loss.mean)}"></i>'
    interval = f'<u style="{span(loss.low, loss.high)}"></u>'
    name = shortened(own.column, _LONGEST_NAME)
    whole = ""
    if name != own.column:
        whole = f' title="{escape(own.column)}"'
    return (
        f'<tr><th scope="row"{whole}>{escape(name)}</th>'
        f"<td><div>{bar}{interval}</div></td>"
        f'<td class="n">{loss_number(loss.mean, width)}</td>'
        f'<td class="n">{loss_number(loss.low, width)} to {loss_number(loss.high, width)}</td></tr>'
    )


def importance_data(found: InputImportances) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables behind `importance_chart`.

    Returns
    -------
    bars : DataFrame
        ``column``, ``loss``, ``low``, ``high``: the most important `MOST_BARS` columns.
    networks : DataFrame
        ``column``, ``network`` from 1, ``loss`` of that network alone.
    """
    bars = []
    networks = []
    for own in found.inputs[:MOST_BARS]:
        interval = {"loss": own.loss.mean, "low": own.loss.low, "high": own.loss.high}
        bars.append({"column": own.column, **interval})
        for number, loss in enumerate(own.by_network, 1):
            networks.append({"column": own.column, "network": number, "loss": loss})
    return pd.DataFrame(bars), pd.DataFrame(networks)


def importance_chart(found: InputImportances, *, dark: bool = False) -> Spec:
    """A bar for each column with its interval, and a dot for each network.

    Parameters
    ----------
    found
        What `shoal.analysis.input_importance.input_importances` returned.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    bars, networks = importance_data(found)
    y = {
        "field": "column",
        "type": "ordinal",
        "sort": bars["column"].tolist(),
        "axis": {"title": None, "labelLimit": 170, "ticks": False, "domain": False},
    }
    title = f"{found.metric.label}: {loss_title(found.metric).lower()} when shuffled"
    if found.metric.unit not in ("", "%"):
        title += f", {found.metric.unit}"
    x = number_channel("loss", title, tickCount=6, scale={"zero": True})

    lines = tooltip(
        ("column", "Column"),
        ("loss", "Lost", ".3~g"),
        ("low", "From", ".3~g"),
        ("high", "To", ".3~g"),
    )
    alone = tooltip(("column", "Column"), ("network", "Network"), ("loss", "Lost", ".3~g"))
    layers = [
        layer(
            {"type": "bar", "color": colours.best, "height": {"band": 0.62}, "opacity": 0.85},
            {"x": x, "y": y, "tooltip": lines},
            bars,
        ),
        layer(
            {"type": "rule", "color": colours.text, "strokeWidth": 1.5},
            {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "tooltip": lines},
            bars,
        ),
        layer(
            {"type": "point", "size": 22, "filled": True, "color": colours.average},
            {"x": x, "y": y, "tooltip": alone},
            networks,
        ),
    ]
    legend = [
        LegendEntry("All networks together", colours.best, "area"),
        LegendEntry("95 % interval", colours.text),
        LegendEntry("A network alone", colours.average, "circle"),
    ]
    return vega_chart(
        colours, height=90 + _ROW_HEIGHT * len(bars), layers=layers, legend=legend, fit=True
    )
