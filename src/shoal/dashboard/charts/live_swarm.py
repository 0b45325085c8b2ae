"""A swarm that trains right now: where its particles stand, and its loss so far."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from shoal.dashboard.charts.base import log_ticks, palette, plotly_axis, plotly_layout
from shoal.dashboard.charts.swarm import PLANE_HEIGHT, needs_log_axis, plane_axes, plane_traces
from shoal.presentation.swarm_scene import Bounds, scene
from shoal.pso.snapshot import SwarmSnapshot

CURVE_HEIGHT = 230  # pixels
SMALL = 25  # times the swarm's area: axes that wide are drawn closer


def live_bounds(frame: SwarmSnapshot, before: Bounds | None) -> Bounds:
    """What the axes show of the plane: what they showed before, unless the swarm left it, or fills a small part of it."""
    now = scene([frame]).bounds
    if before is None or now.area * SMALL < before.area:
        return now
    both = before | now
    return before if both == before else both


def live_swarm_chart(
    frame: SwarmSnapshot, bounds: Bounds, *, dark: bool = False, revision: str = ""
) -> go.Figure:
    """One frame, on axes that are given."""
    drawn, colours = scene([frame]), palette(dark)
    options = plotly_layout(
        colours, height=PLANE_HEIGHT + 80, revision=revision, **plane_axes(bounds, colours)
    )
    return go.Figure(
        {"data": plane_traces(drawn, 0, colours), "layout": options}, skip_invalid=False
    )


def live_loss_chart(
    curve: Sequence[tuple[int, float]], planned: int, *, dark: bool = False, revision: str = ""
) -> go.Figure:
    """The global best loss by iteration, out of those that are planned (0: not known)."""
    colours, told = palette(dark), pd.DataFrame(list(curve), columns=["iteration", "loss"])
    end = max(planned, int(told["iteration"].max()) if len(told) else 1)
    kind = (
        {"type": "log", "tickvals": log_ticks(told["loss"], most=5)}
        if needs_log_axis(told["loss"])
        else {"nticks": 5}
    )
    options = plotly_layout(
        colours,
        height=CURVE_HEIGHT,
        revision=revision,
        x=plotly_axis(colours, "Iteration", range=[0, end]),
        y=plotly_axis(colours, "Global best loss", **kind),
    )
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": told["iteration"],
        "y": told["loss"],
        "line": {"color": colours.series[0], "width": 2},
        "hovertemplate": "iteration %{x}: %{y:.4g}<extra></extra>",
    }
    return go.Figure(
        {"data": [line], "layout": {**options, "margin": {"l": 58, "r": 14, "t": 12, "b": 44}}}
    )
