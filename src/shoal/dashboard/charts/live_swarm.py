"""A swarm that trains right now: where its particles stand, and its loss so far."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from shoal.dashboard.charts.base import axis, layout, log_ticks, palette
from shoal.dashboard.charts.swarm import PLANE, moving, plane_axes, wide
from shoal.presentation.swarm_scene import Bounds, scene
from shoal.pso.snapshot import SwarmSnapshot

CURVE = 230  # pixels
SMALL = 25  # times the swarm's area: axes that wide are drawn closer


def live_bounds(frame: SwarmSnapshot, before: Bounds | None) -> Bounds:
    """What the axes show of the plane: what they showed before, unless the swarm left it, or fills a small part of it."""
    now = scene([frame]).bounds
    if before is None or now.area * SMALL < before.area:
        return now
    both = before | now
    return before if both == before else both


def live_figure(
    frame: SwarmSnapshot, bounds: Bounds, *, dark: bool = False, revision: str = ""
) -> go.Figure:
    """One frame, on axes that are given."""
    drawn, colours = scene([frame]), palette(dark)
    options = layout(colours, height=PLANE + 80, revision=revision, **plane_axes(bounds, colours))
    return go.Figure({"data": moving(drawn, 0, colours), "layout": options}, skip_invalid=False)


def curve_figure(
    curve: Sequence[tuple[int, float]], planned: int, *, dark: bool = False, revision: str = ""
) -> go.Figure:
    """The global best loss by iteration, out of those that are planned (0: not known)."""
    colours, told = palette(dark), pd.DataFrame(list(curve), columns=["iteration", "loss"])
    end = max(planned, int(told["iteration"].max()) if len(told) else 1)
    kind = (
        {"type": "log", "tickvals": log_ticks(told["loss"], most=5)}
        if wide(told["loss"])
        else {"nticks": 5}
    )
    options = layout(
        colours,
        height=CURVE,
        revision=revision,
        x=axis(colours, "Iteration", range=[0, end]),
        y=axis(colours, "Global best loss", **kind),
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
