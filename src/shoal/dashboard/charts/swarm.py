"""The swarm in motion: particles on a plane, with a slider through the iterations, and what they do by iteration below.

All frames travel with the figure: playing and scrubbing ask the server for nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from shoal.dashboard.charts.base import COLOUR_SCALE, log_ticks, palette, plotly_axis, plotly_layout
from shoal.presentation.palette import Palette
from shoal.presentation.swarm_scene import Bounds, Scene, scene, series
from shoal.replay.recorder import Replay

FRAME_MILLISECONDS = 110
PLANE_HEIGHT = 430  # pixels, its height
_TOP, _CONTROLS, _ROW, _GAP, _BOTTOM = 40, 158, 62, 34, 48
_TICKS = 6  # below the series
_ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Global best loss", ("loss",)),
    ("Diversity (units of weights)", ("diversity",)),
    ("Speed (units of weights an iteration)", ("speed",)),
    ("At a limit (%): — velocity, ··· position", ("at_velocity_limit", "at_position_limit")),
    ("Stagnation (iterations)", ("stagnation",)),
)


def swarm_chart(replay: Replay, *, dark: bool = False, revision: str = "") -> go.Figure:
    """A replay: it can be played, scrubbed through, and its parts be hidden by the legend."""
    drawn, numbers = scene(replay.frames), series(replay.frames)
    colours = palette(dark)
    names = [f"{iteration}" for iteration in drawn.iterations]
    lines = _series(numbers, names, colours)

    def traces(n: int) -> list[dict[str, Any]]:
        return plane_traces(drawn, n, colours) + lines + _dots(numbers, n, colours)

    first = traces(0)
    still = {id(line) for line in lines}
    frames = []
    for n, name in enumerate(names):
        # The lines, too, though they do not change: Plotly would take them off their axes.
        changes = [
            {"type": "scatter"} if id(trace) in still else _changes(trace) for trace in traces(n)
        ]
        frames.append({"name": name, "data": changes, "traces": list(range(len(first)))})
    options = _layout(drawn, numbers, names, colours, revision)
    return go.Figure({"data": first, "layout": options, "frames": frames}, skip_invalid=False)


def plane_traces(drawn: Scene, n: int, colours: Palette) -> list[dict[str, Any]]:
    """The traces on the plane in frame ``n``, the lowest first."""
    traces: list[dict[str, Any]] = []
    if drawn.links.shape[1]:
        x, y = _broken(drawn.links[n])
        line = {"color": colours.muted, "width": 0.7}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": y,
                "line": line,
                "opacity": 0.5,
                "name": "Informants",
                "hoverinfo": "skip",
            }
        )
    if drawn.bests.shape[1]:
        mark = {
            "symbol": "x-thin",
            "size": 6,
            "line": {"width": 1.2, "color": colours.series[0]},
            "opacity": 0.75,
        }
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": drawn.bests[n, :, 0],
                "y": drawn.bests[n, :, 1],
                "marker": mark,
                "name": "Personal best",
                "hoverinfo": "skip",
            }
        )
    return [*traces, _particles(drawn, n, colours), _star(drawn, n, colours)]


def _particles(drawn: Scene, n: int, colours: Palette) -> dict[str, Any]:
    places, texts = zip(*drawn.scale.ticks, strict=True)
    title = "Loss where it stands" if drawn.standing else "Loss of its best"
    bar = {
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
    return {
        "type": "scatter",
        "mode": "markers",
        "x": drawn.positions[n, :, 0],
        "y": drawn.positions[n, :, 1],
        "customdata": drawn.losses[n].astype(np.float32),
        "marker": {
            "size": 9,
            "color": drawn.shades[n],
            "colorscale": COLOUR_SCALE,
            "reversescale": True,
            "cmin": 0,
            "cmax": 1,
            "line": {"width": 0.8, "color": colours.text},
            "colorbar": bar,
        },
        "name": "Particle",
        "hovertemplate": "particle %{pointNumber}<br>loss %{customdata:.4g}<extra></extra>",
    }


def _star(drawn: Scene, n: int, colours: Palette) -> dict[str, Any]:
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


def _dots(numbers: pd.DataFrame, n: int, colours: Palette) -> list[dict[str, Any]]:
    """Where the lines of the series are in this frame."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [n],
            "y": [numbers[column].iloc[n]],
            "xaxis": "x2",
            "yaxis": f"y{row + 2}",
            "marker": {
                "size": 9,
                "color": colours.series[1],
                "line": {"width": 1.4, "color": colours.surface},
            },
            "hoverinfo": "skip",
            "showlegend": False,
        }
        for row, (_, columns) in enumerate(_ROWS)
        for column in columns
    ]


def _changes(trace: dict[str, Any]) -> dict[str, Any]:
    """What of a trace differs from frame to frame."""
    changed: dict[str, Any] = {
        name: trace[name] for name in ("type", "x", "y", "customdata") if name in trace
    }
    if "cmin" in trace.get("marker", {}):
        changed["marker"] = {"color": trace["marker"]["color"]}
    return changed


def _broken(lines: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Coordinates of many lines (L, 2, 2) in one trace: a gap after each."""
    gap = np.full((len(lines), 1, 2), np.nan, np.float32)
    points = np.concatenate([lines, gap], axis=1).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def _series(numbers: pd.DataFrame, names: list[str], colours: Palette) -> list[dict[str, Any]]:
    """The lines below: by frame, so that they have the slider's scale, however the frames are spaced."""
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": list(range(len(numbers))),
            "y": numbers[column],
            "text": names,
            "xaxis": "x2",
            "yaxis": f"y{row + 2}",
            "line": {"color": colours.series[0], "width": 1.8, "dash": dash},
            "showlegend": False,
            "hovertemplate": "iteration %{text}: %{y:.4g}<extra></extra>",
        }
        for row, (_, columns) in enumerate(_ROWS)
        for dash, column in zip(("solid", "dot"), columns, strict=False)
    ]


def plane_axes(bounds: Bounds, colours: Palette) -> dict[str, dict[str, Any]]:
    """The two axes of the plane, as arguments of `layout`."""
    low, high = bounds.y
    above = high + 0.14 * (high - low)  # room for the scale of colours
    x = plotly_axis(colours, "First axis (units of weights)", range=list(bounds.x), nticks=8)
    y = plotly_axis(colours, "Second axis", range=[low, above], nticks=7)
    for one in (x, y):
        one["title"] |= {"standoff": 4, "font": {"size": 12}}
    return {"x": x, "y": y}


def _layout(
    drawn: Scene, numbers: pd.DataFrame, names: list[str], colours: Palette, revision: str
) -> dict[str, Any]:
    inner = PLANE_HEIGHT + _CONTROLS + len(_ROWS) * (_ROW + _GAP) - _GAP

    def down(pixels: float) -> float:
        """That far below the top of what is inside the margins, in Plotly's unit: 1 is the top, 0 the bottom."""
        return max(0.0, 1 - pixels / inner)

    plane = plane_axes(drawn.bounds, colours)
    plane["x"] |= {"anchor": "y"}
    plane["y"] |= {"domain": [down(PLANE_HEIGHT), 1]}
    more: dict[str, Any] = {}
    titles = []
    for row, (title, columns) in enumerate(_ROWS):
        top = PLANE_HEIGHT + _CONTROLS + row * (_ROW + _GAP)
        loss = columns == ("loss",)
        kind: dict[str, Any] = {"nticks": 3} if loss else {"nticks": 3, "rangemode": "tozero"}
        if loss and needs_log_axis(numbers["loss"]):
            kind = {"type": "log", "tickvals": log_ticks(numbers["loss"], most=3)}
        more[f"yaxis{row + 2}"] = plotly_axis(
            colours, domain=[down(top + _ROW), down(top)], anchor="x2", **kind
        )
        font = {"size": 12, "color": colours.muted}
        where = {
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": down(top - 1),
            "yref": "paper",
            "yanchor": "bottom",
        }
        titles.append({"text": title, "showarrow": False, "font": font, **where})
    ticks = sorted({round(n * (len(names) - 1) / (_TICKS - 1)) for n in range(_TICKS)})
    labels = {"tickvals": ticks, "ticktext": [names[n] for n in ticks]}
    room = max(0.5, 0.012 * len(names))
    more["xaxis2"] = plotly_axis(
        colours,
        "Iteration",
        anchor=f"y{len(_ROWS) + 1}",
        range=[-room, len(names) - 1 + room],
        **labels,
    )
    options = plotly_layout(
        colours,
        height=_TOP + inner + _BOTTOM,
        revision=revision,
        **plane,
        **more,
        annotations=titles,
        sliders=[_slider(names, down(PLANE_HEIGHT + 46), colours)],
        updatemenus=[_buttons(down(PLANE_HEIGHT + 44), colours)],
    )
    return {**options, "margin": {"l": 56, "r": 14, "t": _TOP, "b": _BOTTOM}}


def needs_log_axis(losses: pd.Series) -> bool:
    """Whether losses need a logarithmic axis."""
    known = losses.dropna()
    return bool(len(known) and known.min() > 0 and known.max() / known.min() > 10)


def _shown(milliseconds: int, **more: Any) -> dict[str, Any]:
    return {
        "frame": {"duration": milliseconds, "redraw": False},
        "transition": {"duration": milliseconds, "easing": "linear"},
        "mode": "immediate",
        **more,
    }


def _slider(names: list[str], y: float, colours: Palette) -> dict[str, Any]:
    steps = [{"args": [[name], _shown(0)], "label": name, "method": "animate"} for name in names]
    return {
        "steps": steps,
        "x": 0,
        "xanchor": "left",
        "len": 1,
        "y": y,
        "yanchor": "top",
        "pad": {"l": 0, "t": 0, "r": 0, "b": 0},
        "currentvalue": {
            "prefix": "Iteration ",
            "font": {"size": 14, "color": colours.text},
            "xanchor": "right",
            "offset": 18,
        },
        "font": {"size": 11, "color": colours.muted},
        "bgcolor": colours.grid,
        "activebgcolor": colours.series[0],
        "bordercolor": colours.muted,
        "borderwidth": 0.5,
        "tickcolor": colours.muted,
        "ticklen": 4,
        "minorticklen": 0,
        "transition": {"duration": 0},
    }


def _buttons(y: float, colours: Palette) -> dict[str, Any]:
    play = {
        "label": "▶ Play",
        "method": "animate",
        "args": [None, _shown(FRAME_MILLISECONDS, fromcurrent=True)],
    }
    pause = {"label": "❚❚", "method": "animate", "args": [[None], _shown(0)]}
    return {
        "type": "buttons",
        "direction": "left",
        "buttons": [play, pause],
        "showactive": False,
        "x": 0,
        "xanchor": "left",
        "y": y,
        "yanchor": "top",
        "pad": {"l": 0, "t": 4},
        "bgcolor": colours.surface,
        "bordercolor": colours.muted,
        "font": {"size": 13, "color": colours.text},
    }
