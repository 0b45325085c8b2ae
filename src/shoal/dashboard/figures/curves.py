"""Losses over iterations: of what trains now, and of what was recorded last. First the data, then the drawing."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from shoal.dashboard.figures.base import axis, layout, palette
from shoal.evaluation import Evaluation
from shoal.store import UnderWay

HEIGHT = 230
COLUMNS = ("label", "state", "iteration", "loss")


def curves(under_way: Sequence[UnderWay], recorded: Sequence[Evaluation]) -> pd.DataFrame:
    """A row a point: ``label`` of the training, ``state`` ("now" or "recorded"), ``iteration`` from 1, global best ``loss``.

    What is not finite, or not above zero, has no place on a logarithmic axis and is left out.
    """
    sources = [("recorded", e.task.genome.hash, e.task.repeat, e.curve) for e in reversed(recorded)]
    sources += [("now", u.genome.hash, u.repeat, u.curve) for u in under_way]
    rows = [
        (f"{name[:8]}, repeat {repeat}", state, iteration, loss)
        for state, name, repeat, curve in sources
        for iteration, loss in curve
        if 0.0 < loss < float("inf")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def curves_figure(frame: pd.DataFrame, *, dark: bool = False, revision: str = "") -> go.Figure:
    """What trains now in colours and thick, what was recorded last thin and grey behind it."""
    colours, figure, now = palette(dark), go.Figure(), 0
    for (state, label), own in frame.groupby(["state", "label"], sort=False):
        live = state == "now"
        figure.add_scatter(
            x=own["iteration"].tolist(),
            y=own["loss"].tolist(),
            name=str(label),
            mode="lines",
            line={"width": 2.4 if live else 1.1, "color": colours.series[now % 6] if live else colours.faint},
            showlegend=live,
            hovertemplate=f"{label}: %{{y:.4g}} after %{{x:,}} iterations<extra></extra>",
        )
        now += live
    x = axis(colours, "Iteration", showgrid=False, nticks=6)
    y = axis(colours, "Loss", type="log", dtick="D2", tickformat=".2g")
    margin = {"l": 58, "r": 14, "t": 28, "b": 42}
    return figure.update_layout(layout(colours, height=HEIGHT, x=x, y=y, revision=revision, margin=margin))
