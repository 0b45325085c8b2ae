"""Particles on a plane: what the charts of a recorded and of a live swarm share.

A particle is a whole network, a point with one coordinate for each weight; the plane shows two
axes of that space (`shoal.presentation.swarm_scene`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.dashboard.charts.base import COLOUR_SCALE, plotly_axis
from shoal.presentation.palette import Palette
from shoal.presentation.swarm_scene import Bounds, Scene

# A trace of a figure, in Plotly's own terms.
Trace = dict[str, Any]

# The height of the plane in pixels.
PLANE_HEIGHT = 430


def plane_traces(drawn: Scene, n: int, colours: Palette) -> list[Trace]:
    """What stands on the plane in frame ``n``, the lowest trace first."""
    traces = []
    if drawn.links.shape[1]:
        traces.append(_links_trace(drawn, n, colours))
    if drawn.bests.shape[1]:
        traces.append(_bests_trace(drawn, n, colours))
    traces.append(_particles_trace(drawn, n, colours))
    traces.append(_star_trace(drawn, n, colours))
    return traces


def _links_trace(drawn: Scene, n: int, colours: Palette) -> Trace:
    """The lines from particles to their informants."""
    x, y = _with_gaps(drawn.links[n])

    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": colours.muted, "width": 0.7},
        "opacity": 0.5,
        "name": "Informants",
        "hoverinfo": "skip",
    }


def _with_gaps(lines: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lines (L, 2, 2) as x and y of one trace, (3 L,) each, with a gap after each line."""
    # One trace for all lines: a trace for each would take a browser far longer.
    gap = np.full((len(lines), 1, 2), np.nan, np.float32)
    points = np.concatenate([lines, gap], axis=1).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def _bests_trace(drawn: Scene, n: int, colours: Palette) -> Trace:
    """The personal bests of the particles."""
    mark = {
        "symbol": "x-thin",
        "size": 6,
        "line": {"width": 1.2, "color": colours.series[0]},
        "opacity": 0.75,
    }

    return {
        "type": "scatter",
        "mode": "markers",
        "x": drawn.bests[n, :, 0],
        "y": drawn.bests[n, :, 1],
        "marker": mark,
        "name": "Personal best",
        "hoverinfo": "skip",
    }


def _particles_trace(drawn: Scene, n: int, colours: Palette) -> Trace:
    """The particles, coloured by their losses."""
    mark = {
        # Places on the scale of colours, not losses: the scale may be logarithmic, and is the same
        # in all frames.
        "size": 9,
        "color": drawn.shades[n],
        "colorscale": COLOUR_SCALE,
        "reversescale": True,
        "cmin": 0,
        "cmax": 1,
        "line": {"width": 0.8, "color": colours.text},
        "colorbar": _colour_bar(drawn, colours),
    }

    return {
        "type": "scatter",
        "mode": "markers",
        "x": drawn.positions[n, :, 0],
        "y": drawn.positions[n, :, 1],
        # Half the bytes of a double; the tooltip shows four digits.
        "customdata": drawn.shown.sign * drawn.losses[n].astype(np.float32),
        "marker": mark,
        "name": "Particle",
        # Plotly's own pointNumber counts from 0.
        "text": list(range(1, drawn.positions.shape[1] + 1)),
        "hovertemplate": (
            f"particle %{{text}}<br>{drawn.shown.one} %{{customdata:.4g}}<extra></extra>"
        ),
    }


def _colour_bar(drawn: Scene, colours: Palette) -> dict[str, Any]:
    """The scale of colours in the plane's upper right corner."""
    places, texts = zip(*drawn.scale.ticks(drawn.shown), strict=True)
    title = drawn.shown.standing if drawn.standing else drawn.shown.of_best

    return {
        "orientation": "h",
        "title": {"text": title, "side": "top", "font": {"size": 12, "color": colours.muted}},
        "tickvals": places,
        "ticktext": texts,
        "tickfont": {"size": 11, "color": colours.muted},
        "thickness": 8,
        "len": 170,
        "lenmode": "pixels",
        "x": 0.95,
        "xanchor": "right",
        "xpad": 0,
        "y": 1,
        "yanchor": "top",
        "ypad": 4,
        "outlinewidth": 0,
        "bgcolor": "rgba(0,0,0,0)",
    }


def _star_trace(drawn: Scene, n: int, colours: Palette) -> Trace:
    """The global best."""
    edge = {"width": 1.4, "color": colours.surface}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": drawn.star[n : n + 1, 0],
        "y": drawn.star[n : n + 1, 1],
        "marker": {"symbol": "star", "size": 17, "color": colours.series[1], "line": edge},
        "name": "Global best",
        "hovertemplate": "global best<extra></extra>",
    }


def plane_axes(bounds: Bounds, colours: Palette) -> dict[str, dict[str, Any]]:
    """The two axes of the plane, as arguments ``x`` and ``y`` of `plotly_layout`."""
    low, high = bounds.y
    # Room for the scale of colours.
    above = high + 0.14 * (high - low)
    x = plotly_axis(colours, "First axis (units of positions)", range=list(bounds.x), nticks=8)
    y = plotly_axis(colours, "Second axis", range=[low, above], nticks=7)
    for axis in (x, y):
        axis["title"] |= {"standoff": 4, "font": {"size": 12}}
    return {"x": x, "y": y}
