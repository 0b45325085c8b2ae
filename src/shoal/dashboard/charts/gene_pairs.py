"""Several genes at once: two against the score, or the important ones as parallel lines.

Two charts of the page *What matters*. The first places a genome by two genes and colours it by its
score; the second draws it as a line through the axes of its genes.
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
    MOST_DOTS,
    axis_values,
    floored_shape,
    gene_axis,
    sample_rows,
    shade_channel,
    star_layer,
    value_texts,
)
from shoal.dashboard.charts.scores import (
    column_title,
    least_width,
    score_title,
    tick_labels,
    vega_format,
)
from shoal.dashboard.charts.vega import Spec, layer, tooltip, vega_chart
from shoal.objectives.registry import ACCURACY, Metric

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
    scores: FlooredScores,
    champion: int | None,
    most: int = MOST_DOTS,
) -> pd.DataFrame:
    """The genomes that use both genes, or a sample of them with the best genome.

    Parameters
    ----------
    one, other
        The genes.
    scores
        The genomes' scores.
    champion
        The place of the best genome among them; None without one.
    most
        The most genomes.

    Returns
    -------
    DataFrame
        ``x`` and ``y``, the genes' values, jittered for choices; ``score``; ``floored``;
        ``a`` and ``b``, the values as text; ``champion``, whether it is the best. The
        worst genome comes first, so that the best are drawn last.
    """
    users = np.flatnonzero(one.used & other.used)
    keep: list[int] = []
    if champion is not None:
        keep = np.flatnonzero(users == champion).tolist()
    rows = users[sample_rows(len(users), most, keep)]
    # A stable sort keeps genomes of equal score in their order, so a redrawn chart is the same.
    fitness = scores.metric.fitness(1.0) * scores.values
    rows = rows[np.argsort(fitness[rows], kind="stable")]

    is_champion = np.zeros(len(rows), dtype=bool)
    if champion is not None:
        is_champion = rows == champion
    return pd.DataFrame(
        {
            "x": _drawn_values(one, rows, seed=2),
            "y": _drawn_values(other, rows, seed=3),
            "score": scores.values[rows],
            "floored": scores.floored[rows],
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
    metric: Metric = ACCURACY,
    dark: bool = False,
) -> Spec:
    """Genomes as dots, coloured by score, over the model's score where there is one.

    Parameters
    ----------
    frame
        What `pair_data` returned.
    one, other
        The genes across and up.
    surface
        The model's score by the two genes; None where it has none.
    metric
        What the scores are scores of.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    x = gene_axis(one, "x")
    y = gene_axis(other, "y")
    shade = _score_channel(frame["score"], metric, dark)

    layers = []
    if surface is not None:
        layers.append(_surface_layer(_surface_tiles(surface, one, other), x, y, shade, metric))

    mark = {
        "type": "point",
        "filled": True,
        "size": 46 if len(frame) < 600 else 26,
        "opacity": 1,
        "stroke": colours.surface,
        "strokeWidth": 0.5,
    }
    tooltips = tooltip(
        ("score", score_title(metric), vega_format(metric)), ("a", one.label), ("b", other.label)
    )
    encoding = {"x": x, "y": y, "color": shade, "shape": floored_shape(metric), "tooltip": tooltips}
    layers.append(layer(mark, encoding, frame))
    layers.append(star_layer(frame.loc[frame["champion"], ["x", "y"]], {"x": x, "y": y}, colours))
    return vega_chart(colours, height=PLANE_HEIGHT, layers=layers, fit=True)


def _score_channel(scores: pd.Series, metric: Metric, dark: bool) -> Spec:
    """The scale of colours: without the worst twentieth, so that the others differ.

    The best end has the same colour whatever the metric's direction.
    """
    # The larger the fitness, the better.
    sign = metric.fitness(1.0)
    worst = 0.0
    best = 1.0
    if len(scores):
        worst = float(np.quantile(sign * scores, 0.05))
        best = float(np.quantile(sign * scores, 1.0))

    # Where all are alike, a scale without width would have no colour.
    best = max(best, worst + 0.1 * least_width(metric, best))
    return shade_channel(
        "score",
        sign * worst,
        sign * best,
        dark,
        orient="right",
        gradientThickness=10,
        **tick_labels(metric),
    )


def _surface_layer(tiles: pd.DataFrame, x: Spec, y: Spec, shade: Spec, metric: Metric) -> Spec:
    encoding = {
        "x": x,
        "x2": {"field": "right"},
        "y": y,
        "y2": {"field": "top"},
        "color": shade,
        "tooltip": tooltip(("score", column_title("The model", metric), vega_format(metric))),
    }
    return layer({"type": "rect", "opacity": 0.4}, encoding, tiles)


def _surface_tiles(surface: Surface, one: GeneFeature, other: GeneFeature) -> pd.DataFrame:
    """A tile around each place of the surface about which the model says something.

    Returns
    -------
    DataFrame
        ``x`` to ``right``, ``y`` to ``top``, and ``score``.
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
            "score": surface.z[row, column],
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
        The axes; the last one is the score.
    best
        Whether a line is emphasised, of shape (lines,).
    total
        How many genomes there are; as lines, a sample of them.
    """

    dimensions: tuple[Dimension, ...]
    best: NDArray[np.bool_]
    total: int


def parallel_data(
    chosen: Sequence[GeneFeature], scores: FlooredScores, most: int = MOST_LINES
) -> ParallelLines:
    """A line for each genome, or for a sample that holds the best twentieth of all.

    Parameters
    ----------
    chosen
        The genes, from left to right.
    scores
        The genomes' scores.
    most
        The most lines.
    """
    count = len(scores.values)
    fitness = scores.metric.fitness(1.0) * scores.values
    ranked = np.argsort(-fitness, kind="stable")
    emphasised = max(1, min(round(_EMPHASISED * count), most // 4))
    top = ranked[:emphasised]

    rows = sample_rows(count, most, top.tolist())
    best = np.isin(rows, top)
    # The best are drawn last.
    rows = rows[np.argsort(best, kind="stable")]
    best = np.sort(best)

    dimensions = [_dimension(feature, rows) for feature in chosen]
    drawn = scores.values[rows]
    ticks = np.linspace(drawn.min(), drawn.max(), 6).tolist()
    words = [_score_tick(tick, scores.metric) for tick in ticks]
    dimensions.append(Dimension(_score_label(scores.metric), drawn, ticks, words))
    return ParallelLines(tuple(dimensions), best, count)


def _score_label(metric: Metric) -> str:
    """The title of the scores' axis: short, since it stands over a narrow axis."""
    if metric.unit == "%":
        return score_title(metric)
    return metric.label


def _score_tick(tick: float, metric: Metric) -> str:
    if metric.unit == "%":
        return f"{tick:.1f}"
    return f"{tick:.4g}"


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
