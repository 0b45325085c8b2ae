"""Several genes at once: two against the accuracy, and all of the important ones as parallel lines. Knows no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from shoal.analysis.gene_features import GeneFeature
from shoal.analysis.importance import Scores, Surface
from shoal.dashboard.charts.base import palette, plotly_axis, plotly_layout
from shoal.dashboard.charts.gene_slices import (
    FLOORED,
    MOST_DOTS,
    gene_axis,
    sample_rows,
    shade_channel,
    star_layer,
)
from shoal.dashboard.charts.vega import Spec, records, tooltip, vega_chart

MOST_LINES = 2_000
PLANE_HEIGHT, PARALLEL_HEIGHT = 430, 400
_EMPHASISED = 0.05  # of the lines: the best
_JITTER = 0.3
_MUTED = {False: "#cfd8dc", True: "#33434c"}  # lines that are not emphasised


def pair_data(
    one: GeneFeature, other: GeneFeature, told: Scores, champion: int | None, most: int = MOST_DOTS
) -> pd.DataFrame:
    """A row a genome that uses both: x, y, accuracy, floored, a, b (the values as text), champion; sampled, the best kept.

    The worst come first, so that the best are drawn last.
    """
    mine = np.flatnonzero(one.used & other.used)
    keep = [int(k) for k in np.flatnonzero(mine == champion)] if champion is not None else []
    rows = mine[sample_rows(len(mine), most, keep)]
    rows = rows[np.argsort(told.values[rows], kind="stable")]
    columns = {
        "x": _placed(one, rows, 2),
        "y": _placed(other, rows, 3),
        "accuracy": told.values[rows],
    }
    return pd.DataFrame(columns).assign(
        floored=told.floored[rows],
        a=_texts(one, rows),
        b=_texts(other, rows),
        champion=rows == champion if champion is not None else False,
    )


def _placed(factor: GeneFeature, rows: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    if factor.choices:
        shift = np.random.default_rng(seed).uniform(-_JITTER, _JITTER, len(rows))
        return np.asarray(factor.values[rows] + shift)
    return np.asarray(10 ** factor.scaled[rows] if factor.log else factor.values[rows])


def _texts(factor: GeneFeature, rows: NDArray[np.int64]) -> list[str]:
    return [factor.choices[int(v)] if factor.choices else f"{v:.4g}" for v in factor.values[rows]]


def pair_chart(
    frame: pd.DataFrame,
    one: GeneFeature,
    other: GeneFeature,
    made: Surface | None,
    *,
    dark: bool = False,
) -> Spec:
    """Genomes as dots, coloured by accuracy, over the model's surface where there is one."""
    colours, layer = palette(dark), list[Spec]()
    low, high = (
        (float(v) for v in np.quantile(frame["accuracy"], [0.05, 1.0]))
        if len(frame)
        else (0.0, 1.0)
    )
    high = max(high, low + 0.1)
    x, y = gene_axis(one, "x"), gene_axis(other, "y")
    shade = shade_channel(
        "accuracy",
        low,
        high,
        dark,
        orient="right",
        labelExpr="datum.label + ' %'",
        gradientThickness=10,
    )
    if made is not None:
        layer.append(
            {
                "data": {"values": records(_tiles(made, one, other))},
                "mark": {"type": "rect", "opacity": 0.4},
                "encoding": {
                    "x": x,
                    "x2": {"field": "right"},
                    "y": y,
                    "y2": {"field": "top"},
                    "color": shade,
                    "tooltip": tooltip(("accuracy", "The model (%)", ".2f")),
                },
            }
        )
    told = tooltip(("accuracy", "Accuracy (%)", ".2f"), ("a", one.label), ("b", other.label))
    dots = {"type": "point", "filled": True, "size": 46 if len(frame) < 600 else 26, "opacity": 1}
    layer.append(
        {
            "data": {"values": records(frame)},
            "mark": {**dots, "stroke": colours.surface, "strokeWidth": 0.5},
            "encoding": {"x": x, "y": y, "color": shade, "shape": FLOORED, "tooltip": told},
        }
    )
    layer.append(star_layer(frame.loc[frame["champion"], ["x", "y"]], {"x": x, "y": y}, colours))
    return vega_chart(colours, height=PLANE_HEIGHT, layer=layer, fit=True)


def _tiles(made: Surface, one: GeneFeature, other: GeneFeature) -> pd.DataFrame:
    """The surface's places as tiles: x to right, y to top, accuracy; none where the model says nothing."""
    edges = []
    for factor, places in ((one, made.x), (other, made.y)):
        between = (places[:-1] + places[1:]) / 2
        ends = np.concatenate(
            [[2 * places[0] - between[0]], between, [2 * places[-1] - between[-1]]]
        )
        edges.append(10**ends if factor.log else ends)
    (left, right), (bottom, top) = ((ends[:-1], ends[1:]) for ends in edges)
    row, column = np.nonzero(np.isfinite(made.z))
    tiles = {
        "x": left[column],
        "right": right[column],
        "y": bottom[row],
        "top": top[row],
        "accuracy": made.z[row, column],
    }
    return pd.DataFrame(tiles)


@dataclass(frozen=True, slots=True, eq=False)
class ParallelLines:
    """Genomes as lines: ``dimensions`` (label, values (lines,), ticks, words of the ticks), ``best`` (lines,), of ``total``."""

    dimensions: tuple[tuple[str, NDArray[np.float64], list[float], list[str]], ...]
    best: NDArray[np.bool_]
    total: int


def parallel_data(
    chosen: Sequence[GeneFeature], told: Scores, most: int = MOST_LINES
) -> ParallelLines:
    """A line a genome through its genes and its accuracy; the best twentieth of all stays when the others are sampled."""
    count = len(told.values)
    ranked = np.argsort(-told.values, kind="stable")
    top = ranked[: max(1, min(round(_EMPHASISED * count), most // 4))]
    rows = sample_rows(count, most, [int(k) for k in top])
    best = np.isin(rows, top)
    rows, best = rows[np.argsort(best, kind="stable")], np.sort(best)  # the best are drawn last
    found = [_dimension(factor, rows) for factor in chosen]
    values = told.values[rows]
    ticks = np.linspace(values.min(), values.max(), 6)
    found.append(("Accuracy (%)", values, ticks.tolist(), [f"{tick:.1f}" for tick in ticks]))
    return ParallelLines(tuple(found), best, count)


def _dimension(
    factor: GeneFeature, rows: NDArray[np.int64]
) -> tuple[str, NDArray[np.float64], list[float], list[str]]:
    if factor.choices:
        met = np.unique(factor.values[rows]).astype(int)
        renumbered = np.searchsorted(met, factor.values[rows].astype(int)).astype(np.float64)
        return (
            factor.label,
            renumbered,
            [float(n) for n in range(len(met))],
            [factor.choices[k] for k in met],
        )
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


def parallel_chart(found: ParallelLines, *, dark: bool = False, revision: str = "") -> go.Figure:
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
    plain = plotly_axis(colours)
    figure = go.Figure(lines)
    return figure.update_layout(
        plotly_layout(
            colours,
            height=PARALLEL_HEIGHT,
            x=plain,
            y=plain,
            revision=revision,
            margin={"l": 76, "r": 46, "t": 92, "b": 20},
        )
    )
