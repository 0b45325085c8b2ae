"""An episode of a policy: what it observed and what it answered, by step.

Two charts of the page Champion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    category_channel,
    layer,
    number_channel,
    tooltip,
    vega_chart,
)

# The height of each chart, in pixels.
HEIGHT = 230

# The most lines of a chart: more cannot be told apart.
MOST_LINES = 6

# Patterns of lines that have used up the colours: lengths of line and gap in turn, in pixels.
_DASHES = ((1, 0), (5, 3))


def episode_data(columns: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The first `MOST_LINES` columns of an episode, one row for each of their numbers.

    Parameters
    ----------
    columns
        Numbers by step, by the column's name.

    Returns
    -------
    DataFrame
        ``step`` from 1, ``name`` and ``value``.
    """
    rows = []
    for name in list(columns)[:MOST_LINES]:
        for step, value in enumerate(columns[name], start=1):
            rows.append((step, name, value))
    return pd.DataFrame(rows, columns=["step", "name", "value"])


def episode_chart(frame: pd.DataFrame, title: str, *, dark: bool = False) -> Spec:
    """A line for each column, by step.

    Parameters
    ----------
    frame
        What `episode_data` returned.
    title
        Of the vertical axis.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    line_colours: dict[str, str] = {}
    dashes: dict[str, list[int]] = {}
    legend = []
    for place, name in enumerate(frame["name"].unique().tolist()):
        dash = _DASHES[place // len(colours.series) % len(_DASHES)]
        line_colours[name] = colours.series[place % len(colours.series)]
        dashes[name] = list(dash)
        legend.append(LegendEntry(name, line_colours[name], dash=dash))

    encoding = {
        "x": number_channel("step", "Step", grid=False, tickCount=7, tickMinStep=1, format=",d"),
        "y": number_channel("value", title, tickCount=5, scale={"padding": 8}),
        "color": category_channel("name", line_colours),
        "strokeDash": category_channel("name", dashes),
        "tooltip": tooltip(("name", " "), ("value", "Value", ".4~g"), ("step", "Step")),
    }
    line = {"type": "line", "strokeWidth": 1.6}
    return vega_chart(colours, height=HEIGHT, layers=[layer(line, encoding, frame)], legend=legend)
