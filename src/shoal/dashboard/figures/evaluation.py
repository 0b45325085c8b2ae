"""One genome's trainings: a dot each, and their losses. First the data, then the drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from shoal.dashboard.figures.base import axis, layout, palette
from shoal.evaluation import Evaluation
from shoal.settings import CONFIRMATION, SearchSettings
from shoal.uncertainty import half95, mean

COLUMNS = (
    "repeat",
    "phase",
    "counted",
    "fold",
    "status",
    "accuracy",
    "loss",
    "iterations",
    "seconds",
    "worker",
)
PHASES = ("search", "confirmation")
HEIGHT = 300
CURVES_HEIGHT = 340
_SYMBOLS = {"search": "circle", "confirmation": "diamond"}


@dataclass(frozen=True, slots=True)
class Mean:
    """Of one phase's counted repeats: accuracy in percent, half of its 95 % interval (None for one), how many."""

    phase: str
    accuracy: float
    half: float | None
    repeats: int


def trainings(evaluations: Sequence[Evaluation], settings: SearchSettings, folds: int) -> pd.DataFrame:
    """One row a training of a genome, in order of the repeat.

    ``counted``: whether its accuracy (percent, NaN where it failed) enters the mean of its ``phase``; ``fold``: the part that
    it was scored on, from 1, 0 where there is but one.
    """
    ordered = sorted(evaluations, key=lambda e: e.task.repeat)
    searched = sum(e.task.repeat < CONFIRMATION for e in ordered)
    counted = settings.counted(searched)
    rows = [
        (
            e.task.repeat,
            PHASES[e.task.repeat >= CONFIRMATION],
            e.task.repeat >= CONFIRMATION or e.task.repeat in counted,
            e.task.repeat % folds + 1 if folds > 1 else 0,
            e.status,
            np.nan if e.accuracy is None else e.accuracy,
            np.nan if e.loss is None else e.loss,
            e.iterations,
            e.seconds,
            e.worker,
        )
        for e in ordered
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def means(frame: pd.DataFrame) -> tuple[Mean, ...]:
    """Of each phase that has counted repeats none of which failed."""
    found = []
    for phase in PHASES:
        values = frame.loc[frame["counted"] & (frame["phase"] == phase), "accuracy"].tolist()
        if values and not np.isnan(values).any():
            found.append(Mean(phase, mean(values), half95(values), len(values)))
    return tuple(found)


def repeat_name(repeat: int) -> str:
    """What a training is called: repeats from 1, confirmations from 1."""
    return f"C{repeat - CONFIRMATION + 1}" if repeat >= CONFIRMATION else f"{repeat + 1}"


def trainings_figure(
    frame: pd.DataFrame, *, highlight: int | None = None, dark: bool = False, revision: str = ""
) -> go.Figure:
    """A dot a training, with mean and 95 % interval of each phase; hollow where it does not count, a cross where it failed."""
    colours, figure = palette(dark), go.Figure()
    names = [repeat_name(r) for r in frame["repeat"]]
    places = dict(zip(frame["repeat"].tolist(), range(len(frame)), strict=True))
    known = frame["accuracy"].dropna()
    bottom = float(known.min()) if len(known) else 0.0
    for mean_of in means(frame):
        colour = colours.series[PHASES.index(mean_of.phase)]
        of_phase = [places[r] for r in frame.loc[frame["phase"] == mean_of.phase, "repeat"]]
        span = [min(of_phase) - 0.4, max(of_phase) + 0.4]
        if mean_of.half is not None:
            low, high = mean_of.accuracy - mean_of.half, mean_of.accuracy + mean_of.half
            fill = colours.band if mean_of.phase == "search" else colours.spread
            figure.add_shape(type="rect", x0=span[0], x1=span[1], y0=low, y1=high, fillcolor=fill, line_width=0)
        figure.add_shape(
            type="line",
            x0=span[0],
            x1=span[1],
            y0=mean_of.accuracy,
            y1=mean_of.accuracy,
            line={"color": colour, "width": 2},
        )
    for phase in frame["phase"].unique().tolist():
        colour = colours.series[PHASES.index(phase)]
        for counted in (True, False):
            good = frame[(frame["phase"] == phase) & (frame["counted"] == counted) & frame["accuracy"].notna()]
            if good.empty:
                continue
            figure.add_scatter(
                x=[places[r] for r in good["repeat"]],
                y=good["accuracy"].tolist(),
                name=phase.capitalize() if counted else "Shorter rungs, not in the mean",
                mode="markers",
                marker={
                    "size": [16 if r == highlight else 10 for r in good["repeat"]],
                    "color": colour if counted else colours.surface,
                    "opacity": 1,
                    "symbol": _SYMBOLS[phase],
                    "line": {"color": colour, "width": 2},
                },
                customdata=[_about(row) for row in good.to_dict("records")],
                hovertemplate="%{y:.2f} %<br>%{customdata}<extra></extra>",
            )
    lost = frame[frame["accuracy"].isna()]
    if len(lost):
        figure.add_scatter(
            x=[places[r] for r in lost["repeat"]],
            y=[bottom] * len(lost),
            name="Failed",
            mode="markers",
            marker={"size": 11, "color": colours.muted, "symbol": "x"},
            hovertemplate="Failed<extra></extra>",
        )
    x = axis(
        colours,
        "Training (C: confirmation)" if (frame["phase"] == "confirmation").any() else "Training",
        tickvals=list(range(len(frame))),
        ticktext=names,
        range=[-0.7, max(len(frame), 4) - 0.3],
        showgrid=False,
        showline=True,
    )
    return figure.update_layout(
        layout(colours, height=HEIGHT, x=x, y=axis(colours, "Accuracy (%)", nticks=6), revision=revision)
    )


def _about(row: dict[str, object]) -> str:
    fold = f", fold {row['fold']}" if row["fold"] else ""
    why = "" if row["counted"] else "<br>of a shorter rung: not in the mean"
    return f"repeat {row['repeat']}{fold}<br>{row['iterations']:,} iterations in {row['seconds']:.2f} s{why}"


def curves(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """The recorded points of all losses: ``repeat``, ``iteration`` (from 1), ``loss`` of the best particle so far, above 0."""
    rows = [
        (e.task.repeat, iteration, loss)
        for e in sorted(evaluations, key=lambda e: e.task.repeat)
        for iteration, loss in e.curve
        if loss > 0  # a logarithmic axis has no place for another
    ]
    return pd.DataFrame(rows, columns=["repeat", "iteration", "loss"])


def curves_figure(
    frame: pd.DataFrame, *, highlight: int | None = None, dark: bool = False, revision: str = ""
) -> go.Figure:
    """Training loss by iteration, a line a training; ``highlight`` is the repeat in front."""
    colours, figure = palette(dark), go.Figure()
    # The one in front is drawn last.
    order = sorted(frame["repeat"].unique().tolist(), key=lambda r: (r == highlight, r))
    for repeat in order:
        own, front = frame[frame["repeat"] == repeat], repeat == highlight
        phase = PHASES[repeat >= CONFIRMATION]
        figure.add_scatter(
            x=own["iteration"].tolist(),
            y=own["loss"].tolist(),
            name=f"Training {repeat_name(int(repeat))}",
            mode="lines",
            line={
                "color": colours.text if front else colours.series[PHASES.index(phase)],
                "width": 3 if front else 1.5,
                "dash": "solid" if phase == "search" else "dash",
            },
            opacity=1.0 if front else 0.5,
            hovertemplate="%{y:.4g} after %{x:,} iterations<extra>%{fullData.name}</extra>",
            showlegend=False,
        )
    x = axis(colours, "Iteration", showgrid=False, showline=True, rangemode="tozero")
    marks = _round(frame["loss"].min(), frame["loss"].max()) if len(frame) else []
    y = axis(colours, "Training loss", type="log", tickvals=marks, ticktext=[f"{mark:g}" for mark in marks])
    return figure.update_layout(layout(colours, height=CURVES_HEIGHT, x=x, y=y, revision=revision))


def _round(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each power of ten from one to the other; only powers over many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**power for power in powers for m in ((1, 2, 5) if len(powers) < 5 else (1,))]
