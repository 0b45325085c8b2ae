"""Several genes at once: two against the accuracy, and all of the important ones as parallel lines. Knows no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from shoal.dashboard.figures.base import axis, layout, palette
from shoal.dashboard.figures.genes import MOST_DOTS, gene_axis, sampled, scale
from shoal.factors import Factor
from shoal.importance import Scores, Surface

MOST_LINES = 2_000
PLANE_HEIGHT, PARALLEL_HEIGHT = 430, 400
_EMPHASISED = 0.05  # of the lines: the best
_JITTER = 0.3
_MUTED = {False: "#cfd8dc", True: "#33434c"}  # lines that are not emphasised


def pair_data(one: Factor, other: Factor, told: Scores, champion: int | None, most: int = MOST_DOTS) -> pd.DataFrame:
    """A row a genome that uses both: x, y, accuracy, floored, a, b (the values as text), champion; sampled, the best kept.

    The worst come first, so that the best are drawn last.
    """
    mine = np.flatnonzero(one.used & other.used)
    keep = [int(k) for k in np.flatnonzero(mine == champion)] if champion is not None else []
    rows = mine[sampled(len(mine), most, keep)]
    rows = rows[np.argsort(told.values[rows], kind="stable")]
    columns = {"x": _placed(one, rows, 2), "y": _placed(other, rows, 3), "accuracy": told.values[rows]}
    return pd.DataFrame(columns).assign(
        floored=told.floored[rows],
        a=_texts(one, rows),
        b=_texts(other, rows),
        champion=rows == champion if champion is not None else False,
    )


def _placed(factor: Factor, rows: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    if factor.choices:
        shift = np.random.default_rng(seed).uniform(-_JITTER, _JITTER, len(rows))
        return np.asarray(factor.values[rows] + shift)
    return np.asarray(10 ** factor.scaled[rows] if factor.log else factor.values[rows])


def _texts(factor: Factor, rows: NDArray[np.int64]) -> list[str]:
    return [factor.choices[int(v)] if factor.choices else f"{v:.4g}" for v in factor.values[rows]]


def pair_figure(
    frame: pd.DataFrame, one: Factor, other: Factor, made: Surface | None, *, dark: bool = False, revision: str = ""
) -> go.Figure:
    """Genomes as dots, coloured by accuracy, over the model's surface where there is one."""
    colours, figure, shades = palette(dark), go.Figure(), scale(dark)
    low, high = (float(v) for v in np.quantile(frame["accuracy"], [0.05, 1.0])) if len(frame) else (0.0, 1.0)
    high = max(high, low + 0.1)
    if made is not None:
        figure.add_contour(
            x=(10**made.x if one.log else made.x).tolist(),
            y=(10**made.y if other.log else made.y).tolist(),
            z=made.z.tolist(),
            colorscale=shades,
            zmin=low,
            zmax=high,
            ncontours=12,
            opacity=0.45,
            showscale=False,
            connectgaps=False,
            line={"width": 0.6, "color": colours.muted},
            hovertemplate="The model: %{z:.2f} %<extra></extra>",
        )
    figure.add_scatter(
        x=frame["x"].tolist(),
        y=frame["y"].tolist(),
        mode="markers",
        marker={
            "size": 7 if len(frame) < 600 else 5,
            "symbol": np.where(frame["floored"], "triangle-down", "circle").tolist(),
            "color": frame["accuracy"].tolist(),
            "colorscale": shades,
            "cmin": low,
            "cmax": high,
            "line": {"width": 0.5, "color": colours.surface},
            "colorbar": {
                "thickness": 10,
                "outlinewidth": 0,
                "ticksuffix": " %",
                "tickfont": {"color": colours.muted, "size": 11},
                "nticks": 6,
            },
        },
        customdata=frame[["a", "b", "accuracy"]].to_numpy().tolist(),
        hovertemplate="%{customdata[2]:.2f} %<br>%{customdata[0]}, %{customdata[1]}<extra></extra>",
    )
    best = frame[frame["champion"]]
    figure.add_scatter(
        x=best["x"].tolist(),
        y=best["y"].tolist(),
        mode="markers",
        marker={
            "symbol": "star",
            "size": 17,
            "color": colours.average,
            "line": {"color": colours.surface, "width": 1.5},
        },
        hovertemplate="The best genome<extra></extra>",
    )
    return figure.update_layout(
        layout(
            colours,
            height=PLANE_HEIGHT,
            x=gene_axis(one, dark),
            y=gene_axis(other, dark),
            revision=revision,
            margin={"l": 62, "r": 8, "t": 10, "b": 44},
            showlegend=False,
        )
    )


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Genomes as lines: ``dimensions`` (label, values (lines,), ticks, words of the ticks), ``best`` (lines,), of ``total``."""

    dimensions: tuple[tuple[str, NDArray[np.float64], list[float], list[str]], ...]
    best: NDArray[np.bool_]
    total: int


def parallel_data(chosen: Sequence[Factor], told: Scores, most: int = MOST_LINES) -> Lines:
    """A line a genome through its genes and its accuracy; the best twentieth of all stays when the others are sampled."""
    count = len(told.values)
    ranked = np.argsort(-told.values, kind="stable")
    top = ranked[: max(1, min(round(_EMPHASISED * count), most // 4))]
    rows = sampled(count, most, [int(k) for k in top])
    best = np.isin(rows, top)
    rows, best = rows[np.argsort(best, kind="stable")], np.sort(best)  # the best are drawn last
    found = [_dimension(factor, rows) for factor in chosen]
    values = told.values[rows]
    ticks = np.linspace(values.min(), values.max(), 6)
    found.append(("Accuracy (%)", values, ticks.tolist(), [f"{tick:.1f}" for tick in ticks]))
    return Lines(tuple(found), best, count)


def _dimension(factor: Factor, rows: NDArray[np.int64]) -> tuple[str, NDArray[np.float64], list[float], list[str]]:
    if factor.choices:
        met = np.unique(factor.values[rows]).astype(int)
        renumbered = np.searchsorted(met, factor.values[rows].astype(int)).astype(np.float64)
        return factor.label, renumbered, [float(n) for n in range(len(met))], [factor.choices[k] for k in met]
    values = factor.scaled[rows].copy()
    mine = factor.used[rows]
    low, high = (float(values[mine].min()), float(values[mine].max())) if mine.any() else (0.0, 1.0)
    ticks = np.linspace(low, high, 5)
    words = [_word(10**tick if factor.log else tick) for tick in ticks]
    if factor.integer and not factor.log and high - low < 5:
        ticks = np.arange(low, high + 1)
        words = [f"{tick:.0f}" for tick in ticks]
    found = [float(tick) for tick in ticks]
    if not mine.all():  # a place of their own for those that have it not, or do not read it
        none = low - 0.25 * (high - low or 1.0)
        values[~mine] = none
        found, words = [none, *found], ["none", *words]
    return factor.label, values, found, words


def _word(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def parallel_figure(found: Lines, *, dark: bool = False, revision: str = "") -> go.Figure:
    """Parallel coordinates. The best are coloured and on top; a range on any axis picks lines."""
    colours = palette(dark)
    lines = go.Parcoords(
        line={
            "color": found.best.astype(float).tolist(),
            "colorscale": [[0.0, _MUTED[dark]], [1.0, colours.average]],
            "cmin": 0,
            "cmax": 1,
        },
        dimensions=[
            {"label": label, "values": values.tolist(), "tickvals": ticks, "ticktext": words}
            for label, values, ticks, words in found.dimensions
        ],
        labelfont={"size": 12, "color": colours.text},
        tickfont={"size": 10, "color": colours.text},
        rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
        labelangle=-18,
        labelside="top",
    )
    plain = axis(colours)
    figure = go.Figure(lines)
    return figure.update_layout(
        layout(
            colours,
            height=PARALLEL_HEIGHT,
            x=plain,
            y=plain,
            revision=revision,
            margin={"l": 46, "r": 46, "t": 92, "b": 20},
        )
    )
