"""Several genes at once: two against the accuracy, or the important ones as parallel lines.

Two charts of the page *What matters*. The first places a genome by two genes and colours it by its
accuracy; the second draws it as a line through the axes of its genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from shoal.analysis.comparable_scores import FlooredScores
from shoal.analysis.gene_features import GeneFeature
from shoal.analysis.score_surface import Surface
from shoal.dashboard.charts.base import extent, palette, plotly_axis, plotly_layout
from shoal.dashboard.charts.gene_slices import (
    FLOORED,
    MOST_DOTS,
    axis_values,
    gene_axis,
    sample_rows,
    shade_channel,
    star_layer,
    value_texts,
)
from shoal.dashboard.charts.vega import Spec, layer, tooltip, vega_chart

# The most genomes that are drawn as lines.
MOST_LINES = 2_000

# The heights of the two charts, in pixels.
PLANE_HEIGHT = 430
PARALLEL_HEIGHT = 400

# The share of lines that are coloured: the best ones.
_EMPHASISED = 0.05

# How far dots are moved at random, as a share of the distance between two choices.
_JITTER = 0.3

# The colour of lines that are not emphasised, by whether the theme is dark.
_MUTED = {False: "#cfd8dc", True: "#33434c"}


def pair_data(
    one: GeneFeature,
    other: GeneFeature,
    accuracies: FlooredScores,
    champion: int | None,
    most: int = MOST_DOTS,
) -> pd.DataFrame:
    """The genomes that use both genes, or a sample of them with the best genome.

    Parameters
    ----------
    one, other
        The genes.
    accuracies
        The genomes' accuracies.
    champion
        The place of the best genome among them; None without one.
    most
        The most genomes.

    Returns
    -------
    DataFrame
        ``x`` and ``y``, the genes' values, jittered for choices; ``accuracy`` in percent;
        ``floored``; ``a`` and ``b``, the values as text; ``champion``, whether it is the best. The
        worst genome comes first, so that the best are drawn last.
    """
    users = np.flatnonzero(one.used & other.used)
    keep: list[int] = []
    if champion is not None:
        keep = np.flatnonzero(users == champion).tolist()
    rows = users[sample_rows(len(users), most, keep)]
    # A stable sort keeps genomes of equal accuracy in their order, so a redrawn chart is the same.
    rows = rows[np.argsort(accuracies.values[rows], kind="stable")]

    is_champion = np.zeros(len(rows), dtype=bool)
    if champion is not None:
        is_champion = rows == champion
    return pd.DataFrame(
        {
            "x": _drawn_values(one, rows, seed=2),
            "y": _drawn_values(other, rows, seed=3),
            "accuracy": accuracies.values[rows],
            "floored": accuracies.floored[rows],
            "a": value_texts(one, rows),
            "b": value_texts(other, rows),
            "champion": is_champion,
        }
    )


def _drawn_values(
    feature: GeneFeature, rows: NDArray[np.int64], *, seed: int
) -> NDArray[np.float64]:
    """The gene's values in these rows as an axis shows them; choices are jittered."""
    if feature.choices:
        jitter = np.random.default_rng(seed).uniform(-_JITTER, _JITTER, len(rows))
        return np.asarray(feature.values[rows] + jitter)
    return axis_values(feature)[rows]


def pair_chart(
    frame: pd.DataFrame,
    one: GeneFeature,
    other: GeneFeature,
    surface: Surface | None,
    *,
    dark: bool = False,
) -> Spec:
    """Genomes as dots, coloured by accuracy, over the model's accuracy where there is one.

    Parameters
    ----------
    frame
        What `pair_data` returned.
    one, other
        The genes across and up.
    surface
        The model's accuracy by the two genes; None where it has none.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    x = gene_axis(one, "x")
    y = gene_axis(other, "y")
    shade = _accuracy_channel(frame["accuracy"], dark)

    layers = []
    if surface is not None:
        layers.append(_surface_layer(_surface_tiles(surface, one, other), x, y, shade))

    mark = {
        "type": "point",
        "filled": True,
        "size": 46 if len(frame) < 600 else 26,
        "opacity": 1,
        "stroke": colours.surface,
        "strokeWidth": 0.5,
    }
    tooltips = tooltip(("accuracy", "Accuracy (%)", ".2f"), ("a", one.label), ("b", other.label))
    encoding = {"x": x, "y": y, "color": shade, "shape": FLOORED, "tooltip": tooltips}
    layers.append(layer(mark, encoding, frame))
    layers.append(star_layer(frame.loc[frame["champion"], ["x", "y"]], {"x": x, "y": y}, colours))
    return vega_chart(colours, height=PLANE_HEIGHT, layers=layers, fit=True)


def _accuracy_channel(accuracies: pd.Series, dark: bool) -> Spec:
    """The scale of colours: without the worst twentieth, so that the others differ."""
    low = 0.0
    high = 1.0
    if len(accuracies):
        low = float(np.quantile(accuracies, 0.05))
        high = float(np.quantile(accuracies, 1.0))

    return shade_channel(
        "accuracy",
        low,
        # Where all are alike, a scale without width would have no colour.
        max(high, low + 0.1),
        dark,
        orient="right",
        labelExpr="datum.label + ' %'",
        gradientThickness=10,
    )


def _surface_layer(tiles: pd.DataFrame, x: Spec, y: Spec, shade: Spec) -> Spec:
    encoding = {
        "x": x,
        "x2": {"field": "right"},
        "y": y,
        "y2": {"field": "top"},
        "color": shade,
        "tooltip": tooltip(("accuracy", "The model (%)", ".2f")),
    }
    return layer({"type": "rect", "opacity": 0.4}, encoding, tiles)


def _surface_tiles(surface: Surface, one: GeneFeature, other: GeneFeature) -> pd.DataFrame:
    """A tile around each place of the surface about which the model says something.

    Returns
    -------
    DataFrame
        ``x`` to ``right``, ``y`` to ``top``, and ``accuracy`` in percent.
    """
    x_edges = _tile_edges(surface.x, one)
    y_edges = _tile_edges(surface.y, other)
    row, column = np.nonzero(np.isfinite(surface.z))

    return pd.DataFrame(
        {
            "x": x_edges[:-1][column],
            "right": x_edges[1:][column],
            "y": y_edges[:-1][row],
            "top": y_edges[1:][row],
            "accuracy": surface.z[row, column],
        }
    )


def _tile_edges(places: NDArray[np.float64], feature: GeneFeature) -> NDArray[np.float64]:
    """The edges of tiles around ``places`` (n,), of shape (n + 1,), as an axis shows them."""
    # Tiles meet halfway between two places; those at the ends are as wide to both sides.
    between = (places[:-1] + places[1:]) / 2
    first = 2 * places[0] - between[0]
    last = 2 * places[-1] - between[-1]
    edges = np.concatenate([[first], between, [last]])
    if feature.log:
        return np.asarray(10**edges)
    return edges


class Dimension(NamedTuple):
    """One axis of the parallel lines.

    Attributes
    ----------
    label
        Its title.
    values
        Where each line crosses it, of shape (lines,).
    ticks, words
        Its ticks, and the text at each.
    """

    label: str
    values: NDArray[np.float64]
    ticks: list[float]
    words: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class ParallelLines:
    """Genomes as lines through the axes of their genes.

    Attributes
    ----------
    dimensions
        The axes; the last one is the accuracy.
    best
        Whether a line is emphasised, of shape (lines,).
    total
        How many genomes there are; as lines, a sample of them.
    """

    dimensions: tuple[Dimension, ...]
    best: NDArray[np.bool_]
    total: int


def parallel_data(
    chosen: Sequence[GeneFeature], accuracies: FlooredScores, most: int = MOST_LINES
) -> ParallelLines:
    """A line for each genome, or for a sample that holds the best twentieth of all.

    Parameters
    ----------
    chosen
        The genes, from left to right.
    accuracies
        The genomes' accuracies.
    most
        The most lines.
    """
    count = len(accuracies.values)
    ranked = np.argsort(-accuracies.values, kind="stable")
    emphasised = max(1, min(round(_EMPHASISED * count), most // 4))
    top = ranked[:emphasised]

    rows = sample_rows(count, most, top.tolist())
    best = np.isin(rows, top)
    # The best are drawn last.
    rows = rows[np.argsort(best, kind="stable")]
    best = np.sort(best)

    dimensions = [_dimension(feature, rows) for feature in chosen]
    drawn = accuracies.values[rows]
    ticks = np.linspace(drawn.min(), drawn.max(), 6).tolist()
    words = [f"{tick:.1f}" for tick in ticks]
    dimensions.append(Dimension("Accuracy (%)", drawn, ticks, words))
    return ParallelLines(tuple(dimensions), best, count)


def _dimension(feature: GeneFeature, rows: NDArray[np.int64]) -> Dimension:
    """The axis of one gene."""
    if feature.choices:
        return _choice_dimension(feature, rows)

    values = feature.scaled[rows].copy()
    used = feature.used[rows]
    low, high = extent(values[used], empty=(0.0, 1.0))

    if feature.integer and not feature.log and high - low < 5:
        ticks = np.arange(low, high + 1).tolist()
        words = [f"{tick:.0f}" for tick in ticks]
    else:
        ticks = np.linspace(low, high, 5).tolist()
        words = [_tick_text(tick, feature.log) for tick in ticks]

    if not used.all():
        # Genomes without the gene, or whose rule does not read it, meet the axis below its end.
        none = low - 0.25 * (high - low or 1.0)
        values[~used] = none
        ticks = [none, *ticks]
        words = ["none", *words]
    return Dimension(feature.label, values, ticks, words)


def _choice_dimension(feature: GeneFeature, rows: NDArray[np.int64]) -> Dimension:
    """The axis of a gene with choices: those that were met, evenly spaced."""
    choices = feature.values[rows].astype(int)
    met = np.unique(choices)
    # Choices that no line has would leave gaps on the axis.
    values = np.searchsorted(met, choices).astype(np.float64)
    ticks = [float(n) for n in range(len(met))]
    words = [feature.choices[choice] for choice in met]
    return Dimension(feature.label, values, ticks, words)


def _tick_text(tick: float, log: bool) -> str:
    """The gene's value at a tick, which is a decadic logarithm where ``log``."""
    value = 10**tick if log else tick
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def parallel_chart(data: ParallelLines, *, dark: bool = False, revision: str = "") -> go.Figure:
    """Parallel coordinates, with the best lines coloured and on top.

    A viewer picks lines by dragging along an axis, which Vega-Lite cannot do: so it is Plotly's.

    Parameters
    ----------
    data
        What `parallel_data` returned.
    dark
        Draw for the dark theme.
    revision
        While this stays the same, a redrawn chart keeps what a viewer has picked.
    """
    colours = palette(dark)
    dimensions = []
    for dimension in data.dimensions:
        dimensions.append(
            {
                "label": dimension.label,
                "values": dimension.values.tolist(),
                "tickvals": dimension.ticks,
                "ticktext": dimension.words,
            }
        )

    lines = go.Parcoords(
        line={
            "color": data.best.astype(float).tolist(),
            "colorscale": [[0.0, _MUTED[dark]], [1.0, colours.average]],
            "cmin": 0,
            "cmax": 1,
        },
        dimensions=dimensions,
        labelfont={"size": 12, "color": colours.text},
        tickfont={"size": 10, "color": colours.text},
        # The ends of the ranges would be written over the ticks.
        rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
        labelangle=-18,
        labelside="top",
    )
    plain = plotly_axis(colours)
    layout = plotly_layout(
        colours,
        height=PARALLEL_HEIGHT,
        x=plain,
        y=plain,
        revision=revision,
        margin={"l": 76, "r": 46, "t": 92, "b": 20},
    )
    return go.Figure(lines).update_layout(layout)
