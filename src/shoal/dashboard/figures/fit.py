"""What one network says of its rows: predictions beside the truth, residuals, a confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from shoal.dashboard.figures.base import SCALE, axis, layout, palette
from shoal.fits import Fit

MOST_POINTS = 2_000  # of a part: more are neither told apart nor quickly drawn
HEIGHT = 360
NAMES = {"train": "Trained on", "validation": "Held out", "test": "Test rows"}
_SYMBOLS = {"train": "circle-open", "validation": "diamond", "test": "circle"}
_LONGEST = 24  # characters of a class


def residuals(parts: Mapping[str, Fit]) -> pd.DataFrame:
    """``part``, ``target``, ``predicted`` and ``residual`` (predicted - target), in the target's unit.

    Of large parts every n-th row; never by their size, so that the picture is that of all.
    """
    frames = []
    for name, fit in parts.items():
        every = -(-len(fit.target) // MOST_POINTS)
        target, predicted = fit.target[::every], fit.predicted[::every]
        frames.append(
            pd.DataFrame({"part": name, "target": target, "predicted": predicted, "residual": predicted - target})
        )
    return pd.concat(frames, ignore_index=True)


def predictions_figure(frame: pd.DataFrame, *, dark: bool = False, revision: str = "") -> go.Figure:
    """Predictions over the true values; on the line both are equal."""
    colours = palette(dark)
    low = float(frame[["target", "predicted"]].min().min())
    high = float(frame[["target", "predicted"]].max().max())
    figure = go.Figure()
    figure.add_shape(type="line", x0=low, x1=high, y0=low, y1=high, line={"color": colours.muted, "width": 1})
    _points(figure, frame, "target", "predicted", dark)
    x, y = (axis(colours, title, nticks=6) for title in ("True value", "Predicted value"))
    return figure.update_layout(layout(colours, height=HEIGHT, x=x, y=y, revision=revision))


def residuals_figure(frame: pd.DataFrame, *, dark: bool = False, revision: str = "") -> go.Figure:
    """Residuals over the predictions: a shape in them is something that the network has not learned."""
    colours, figure = palette(dark), go.Figure()
    figure.add_hline(y=0, line={"color": colours.muted, "width": 1})
    _points(figure, frame, "predicted", "residual", dark)
    x = axis(colours, "Predicted value", nticks=6)
    y = axis(colours, "Residual (predicted - true)", nticks=6)
    return figure.update_layout(layout(colours, height=HEIGHT, x=x, y=y, revision=revision))


def _points(figure: go.Figure, frame: pd.DataFrame, x: str, y: str, dark: bool) -> None:
    colours = palette(dark)
    for n, (part, name) in enumerate(NAMES.items()):
        own = frame[frame["part"] == part]
        if len(own):
            figure.add_scatter(
                x=own[x].tolist(),
                y=own[y].tolist(),
                name=name,
                mode="markers",
                marker={"size": 6 if n else 5, "color": colours.series[n], "symbol": _SYMBOLS[part], "opacity": 0.75},
                customdata=own[["target", "predicted"]].to_numpy(),
                hovertemplate="true %{customdata[0]:.4g}<br>predicted %{customdata[1]:.4g}<extra>" + name + "</extra>",
            )


def confusion(fit: Fit, classes: Sequence[str]) -> pd.DataFrame:
    """Rows of each true class (index) that were taken for each class (columns)."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (fit.target.astype(int), fit.predicted.astype(int)), 1)
    return pd.DataFrame(counts, index=list(classes), columns=list(classes))


def confusion_figure(frame: pd.DataFrame, *, dark: bool = False, revision: str = "") -> go.Figure:
    """Counts, coloured by the share of the true class; classes by their number where a name is long."""
    colours, counts = palette(dark), frame.to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [_plain(str(name)) for name in frame.index]
    few = len(names) <= 12
    places = list(range(len(names)))
    figure = go.Figure(
        go.Heatmap(
            x=places,
            y=places,
            z=shares,
            zmin=0,
            zmax=1,
            colorscale=SCALE,
            text=[[f"{count:,}" for count in row] for row in counts.tolist()],
            texttemplate="%{text}" if few else None,
            hovertemplate="true class %{y}, taken for %{x}: %{text} rows, %{z:.1%} of its class<extra></extra>",
            xgap=2,
            ygap=2,
            colorbar={"tickformat": ".0%", "thickness": 12, "outlinewidth": 0, "tickfont": {"color": colours.muted}},
        )
    )
    ticks = {"tickvals": places, "ticktext": names, "showgrid": False} if few else {"showgrid": False}
    x, y = axis(colours, "Predicted class", **ticks), axis(colours, "True class", autorange="reversed", **ticks)
    height = min(620, max(HEIGHT, 110 + 44 * len(names)))
    return figure.update_layout(
        layout(colours, height=height, x=x, y=y, revision=revision, margin={"l": 110, "r": 14, "t": 20, "b": 60})
    )


def _plain(name: str) -> str:
    """A user's text for Plotly, which knows a few HTML elements."""
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
