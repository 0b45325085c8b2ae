"""A swarm that trains right now: where its particles stand on a plane, and its loss so far.

The charts of the view *What trains now* on the page Swarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from shoal.dashboard.charts.base import palette, plotly_axis, plotly_layout
from shoal.dashboard.charts.swarm import needs_log_axis
from shoal.dashboard.charts.swarm_plane import PLANE_HEIGHT, plane_axes, plane_traces
from shoal.objectives.registry import Metric
from shoal.presentation.log_ticks import log_ticks
from shoal.presentation.shown_loss import shown_loss
from shoal.presentation.swarm_scene import Bounds, scene
from shoal.pso.snapshot import SwarmSnapshot

# The height of the chart of the loss, in pixels.
CURVE_HEIGHT = 230

# Axes that show more than this many times the swarm's area are drawn closer.
_LARGEST_AREA = 25


def live_bounds(frame: SwarmSnapshot, before: Bounds | None) -> Bounds:
    """The part of the plane that the axes show.

    It stays what it was, so that a viewer sees the particles move and not the axes, unless the
    swarm left it or fills a small part of it only.

    Parameters
    ----------
    frame
        The swarm now.
    before
        What the axes showed before; None at first.
    """
    now = scene([frame]).bounds
    if before is None:
        return now
    if now.area * _LARGEST_AREA < before.area:
        return now
    # The smallest part that holds both: `before` itself, while the swarm has not left it.
    return before | now


def live_swarm_chart(
    frame: SwarmSnapshot,
    bounds: Bounds,
    *,
    metric: Metric | None = None,
    dark: bool = False,
    revision: str = "",
) -> go.Figure:
    """The particles at one moment.

    Parameters
    ----------
    frame
        The swarm.
    bounds
        What the axes show (`live_bounds`).
    metric
        Of the scores that losses are; None: they are no scores.
    dark
        Draw for the dark theme.
    revision
        While this stays the same, a redrawn chart keeps what a viewer has hidden.
    """
    colours = palette(dark)
    layout = plotly_layout(
        colours, height=PLANE_HEIGHT + 80, revision=revision, **plane_axes(bounds, colours)
    )
    traces = plane_traces(scene([frame], metric), 0, colours)
    return go.Figure({"data": traces, "layout": layout}, skip_invalid=False)


def live_loss_chart(
    curve: Sequence[tuple[int, float]],
    planned: int,
    *,
    metric: Metric | None = None,
    dark: bool = False,
    revision: str = "",
) -> go.Figure:
    """The global best loss by iteration, with room for what is still to come.

    Parameters
    ----------
    curve
        (iteration, loss) so far.
    planned
        How many iterations the training has; 0 where that is not known.
    metric
        Of the scores that losses are; None: they are no scores.
    dark
        Draw for the dark theme.
    revision
        While this stays the same, a redrawn chart keeps what a viewer has hidden.
    """
    colours = palette(dark)
    shown = shown_loss(metric)
    frame = pd.DataFrame(list(curve), columns=["iteration", "loss"])
    frame["loss"] *= shown.sign
    last = int(frame["iteration"].max()) if len(frame) else 1

    y_properties: dict[str, Any] = {"nticks": 5}
    if needs_log_axis(frame["loss"]):
        y_properties = {"type": "log", "tickvals": log_ticks(frame["loss"], most=5)}

    layout = plotly_layout(
        colours,
        height=CURVE_HEIGHT,
        revision=revision,
        x=plotly_axis(colours, "Iteration", range=[0, max(planned, last)]),
        y=plotly_axis(colours, shown.best, **y_properties),
        margin={"l": 58, "r": 14, "t": 12, "b": 44},
    )
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": frame["iteration"],
        "y": frame["loss"],
        "line": {"color": colours.series[0], "width": 2},
        "hovertemplate": "iteration %{x}: %{y:.4g}<extra></extra>",
    }
    return go.Figure({"data": [line], "layout": layout})
