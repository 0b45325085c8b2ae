"""The swarm in motion: particles on a plane, and below them what they do by iteration.

The chart of the page Swarm, with a slider through the iterations. All frames travel with the
figure, so playing and scrubbing ask the server for nothing. It is Plotly's, as it is animated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from shoal.dashboard.charts.base import (
    palette,
    plotly_axis,
    plotly_layout,
)
from shoal.dashboard.charts.swarm_plane import PLANE_HEIGHT, Trace, plane_axes, plane_traces
from shoal.presentation.formatting import count_text
from shoal.presentation.log_ticks import log_ticks
from shoal.presentation.palette import Palette
from shoal.presentation.shown_loss import ShownLoss
from shoal.presentation.swarm_scene import Scene, scene, series
from shoal.replay.recorder import Replay

# How long a frame is shown while the replay plays.
FRAME_MILLISECONDS = 110

# Heights in pixels, from top to bottom: a margin, the plane (`PLANE_HEIGHT`), slider and buttons,
# then rows of lines with gaps between them, and a margin.
_TOP = 40
_CONTROLS = 158
_ROW_HEIGHT = 62
_ROW_GAP = 34
_BOTTOM = 48
# What simulated steps below the iterations need.
_SECOND_LINE = 16

# The ticks below the lines.
_TICKS = 6


class _Row(NamedTuple):
    """One row of lines below the plane: columns of `swarm_scene.series`, solid and dotted."""

    title: str
    columns: tuple[str, ...]


# Of the first one, the title is that of the loss as it is shown.
_ROWS = (
    _Row("", ("loss",)),
    _Row("Diversity (units of positions)", ("diversity",)),
    _Row("Speed (units of positions an iteration)", ("speed",)),
    _Row("At a limit (%): — velocity, ··· position", ("at_velocity_limit", "at_position_limit")),
    _Row("Stagnation (iterations)", ("stagnation",)),
)

# The height of everything between the two margins.
_INNER = PLANE_HEIGHT + _CONTROLS + len(_ROWS) * (_ROW_HEIGHT + _ROW_GAP) - _ROW_GAP


def swarm_chart(replay: Replay, *, dark: bool = False, revision: str = "") -> go.Figure:
    """A replayed training, to be played and scrubbed through.

    Parameters
    ----------
    replay
        The training with its frames.
    dark
        Draw for the dark theme.
    revision
        While this stays the same, a redrawn chart keeps what a viewer has hidden by the legend.
    """
    drawn = scene(replay.frames, replay.metric)
    numbers = series(replay.frames, replay.metric)
    colours = palette(dark)
    names = [str(iteration) for iteration in drawn.iterations]
    lines = _line_traces(numbers, _moments(numbers, names), colours)

    frames = []
    for n, name in enumerate(names):
        # Frames name the lines, too, though they do not change: Plotly would take them off their
        # axes.
        changes = [_changes(trace) for trace in plane_traces(drawn, n, colours)]
        changes += [{"type": "scatter"}] * len(lines)
        changes += [_changes(trace) for trace in _dot_traces(numbers, n, colours)]
        frames.append({"name": name, "data": changes, "traces": list(range(len(changes)))})

    first = plane_traces(drawn, 0, colours) + lines + _dot_traces(numbers, 0, colours)
    layout = _layout(drawn, numbers, names, colours, revision)
    return go.Figure({"data": first, "layout": layout, "frames": frames}, skip_invalid=False)


def _moments(numbers: pd.DataFrame, names: list[str]) -> list[str]:
    """When each frame is, for a tooltip: its iteration, and the simulated steps if there are."""
    if numbers["steps"].isna().any():
        return [f"iteration {name}" for name in names]
    return [
        f"iteration {name}, {count_text(steps)} steps"
        for name, steps in zip(names, numbers["steps"], strict=True)
    ]


def _line_traces(numbers: pd.DataFrame, moments: list[str], colours: Palette) -> list[Trace]:
    """The lines below the plane; ``moments`` says when each frame is.

    They stand over the number of the frame, not over the iteration, so that they have the slider's
    scale however the frames are spaced.
    """
    traces = []
    for n, row in enumerate(_ROWS):
        for dash, column in zip(("solid", "dot"), row.columns, strict=False):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": list(range(len(numbers))),
                    "y": numbers[column],
                    "text": moments,
                    "xaxis": "x2",
                    "yaxis": _row_axis(n),
                    "line": {"color": colours.series[0], "width": 1.8, "dash": dash},
                    "showlegend": False,
                    "hovertemplate": "%{text}: %{y:.4g}<extra></extra>",
                }
            )

    return traces


def _dot_traces(numbers: pd.DataFrame, n: int, colours: Palette) -> list[Trace]:
    """A dot on each line where it is in frame ``n``."""
    mark = {
        "size": 9,
        "color": colours.series[1],
        "line": {"width": 1.4, "color": colours.surface},
    }

    traces = []
    for row_number, row in enumerate(_ROWS):
        for column in row.columns:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [n],
                    "y": [numbers[column].iloc[n]],
                    "xaxis": "x2",
                    "yaxis": _row_axis(row_number),
                    "marker": mark,
                    "hoverinfo": "skip",
                    "showlegend": False,
                }
            )

    return traces


def _row_axis(row: int) -> str:
    """Plotly's name for the vertical axis of a row: the plane has the first axis, "y"."""
    return f"y{row + 2}"


def _changes(trace: Trace) -> Trace:
    """What of a trace differs from frame to frame."""
    changed: Trace = {
        name: trace[name] for name in ("type", "x", "y", "customdata") if name in trace
    }
    # Only particles have a scale of colours.
    if "cmin" in trace.get("marker", {}):
        changed["marker"] = {"color": trace["marker"]["color"]}
    return changed


def _layout(
    drawn: Scene, numbers: pd.DataFrame, names: list[str], colours: Palette, revision: str
) -> dict[str, Any]:
    """The plane at the top, then the controls, then a row for each of `_ROWS`."""
    plane = plane_axes(drawn.bounds, colours)
    plane["x"] |= {"anchor": "y"}
    plane["y"] |= {"domain": [_from_top(PLANE_HEIGHT), 1]}

    axes: dict[str, Any] = {}
    titles = []
    for n, row in enumerate(_ROWS):
        top = PLANE_HEIGHT + _CONTROLS + n * (_ROW_HEIGHT + _ROW_GAP)
        axes[f"yaxis{n + 2}"] = plotly_axis(
            colours,
            domain=[_from_top(top + _ROW_HEIGHT), _from_top(top)],
            anchor="x2",
            **_row_scale(row, numbers),
        )
        titles.append(_row_title(row, drawn.shown, top, colours))
    axes["xaxis2"] = _iteration_axis(numbers, names, colours)

    bottom = _BOTTOM
    if not numbers["steps"].isna().any():
        bottom += _SECOND_LINE
    return plotly_layout(
        colours,
        height=_TOP + _INNER + bottom,
        revision=revision,
        **plane,
        **axes,
        annotations=titles,
        sliders=[_slider(names, _from_top(PLANE_HEIGHT + 46), colours)],
        updatemenus=[_buttons(_from_top(PLANE_HEIGHT + 44), colours)],
        margin={"l": 56, "r": 14, "t": _TOP, "b": bottom},
    )


def _from_top(pixels: float) -> float:
    """A place that far below the top margin, in Plotly's unit: 1 is the top, 0 the bottom."""
    return max(0.0, 1 - pixels / _INNER)


def _row_scale(row: _Row, numbers: pd.DataFrame) -> dict[str, Any]:
    """Properties of a row's vertical axis: from 0, but for the loss, which may be logarithmic."""
    if row.columns != ("loss",):
        return {"nticks": 3, "rangemode": "tozero"}

    losses = numbers["loss"]
    if needs_log_axis(losses):
        return {"type": "log", "tickvals": log_ticks(losses, most=3)}
    return {"nticks": 3}


def _row_title(row: _Row, shown: ShownLoss, top: float, colours: Palette) -> dict[str, Any]:
    """The row's title above its left end; ``top`` is how far it lies below the top margin."""
    return {
        "text": row.title or shown.best,
        "showarrow": False,
        "font": {"size": 12, "color": colours.muted},
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": _from_top(top - 1),
        "yref": "paper",
        "yanchor": "bottom",
    }


def _iteration_axis(numbers: pd.DataFrame, names: list[str], colours: Palette) -> dict[str, Any]:
    """The horizontal axis of all rows: by frame, with iterations and simulated steps as labels."""
    last = len(names) - 1
    ticks = sorted({round(n * last / (_TICKS - 1)) for n in range(_TICKS)})
    title = "Iteration"
    labels = [names[n] for n in ticks]
    if not numbers["steps"].isna().any():
        title = "Iteration, and simulated steps so far"
        steps = [count_text(numbers["steps"].iloc[n]) for n in ticks]
        labels = [f"{name}<br>{count}" for name, count in zip(labels, steps, strict=True)]
    # So that the dots at both ends are whole.
    room = max(0.5, 0.012 * len(names))
    return plotly_axis(
        colours,
        title,
        anchor=_row_axis(len(_ROWS) - 1),
        range=[-room, last + room],
        tickvals=ticks,
        ticktext=labels,
    )


def needs_log_axis(losses: pd.Series) -> bool:
    """Whether losses span more than a factor of 10, and are all above 0."""
    known = losses.dropna()
    if not len(known) or known.min() <= 0:
        return False
    return bool(known.max() / known.min() > 10)


def _slider(names: list[str], y: float, colours: Palette) -> dict[str, Any]:
    """The slider through the frames; ``y`` is its upper edge."""
    steps = []
    for name in names:
        steps.append({"args": [[name], _animation(0)], "label": name, "method": "animate"})

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
    """Play and pause; ``y`` is their upper edge."""
    play = {
        "label": "▶  Play",
        "method": "animate",
        "args": [None, _animation(FRAME_MILLISECONDS, fromcurrent=True)],
    }
    pause = {"label": "❚❚  Pause", "method": "animate", "args": [[None], _animation(0)]}

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
        "bordercolor": colours.faint,
        "borderwidth": 1,
        "font": {"size": 14, "color": colours.text},
    }


def _animation(milliseconds: int, **options: Any) -> dict[str, Any]:
    """How Plotly moves to a frame: within ``milliseconds``, at an even speed."""
    return {
        "frame": {"duration": milliseconds, "redraw": False},
        "transition": {"duration": milliseconds, "easing": "linear"},
        "mode": "immediate",
        **options,
    }
