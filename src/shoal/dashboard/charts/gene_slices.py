"""Genes against the score, one by one.

Charts and data of the page *What matters*. A slice has a dot for each genome, placed by the value
of one gene and by its score, and a line for the median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from shoal.analysis.comparable_scores import FlooredScores
from shoal.analysis.gene_features import GeneFeature
from shoal.dashboard.charts.base import COLOUR_SCALE, extent, palette
from shoal.dashboard.charts.scores import least_width, score_title, tick_labels, vega_format
from shoal.dashboard.charts.vega import (
    Spec,
    layer,
    number_channel,
    tooltip,
    vega_chart,
    word_labels,
)
from shoal.objectives.registry import Metric
from shoal.presentation.log_ticks import log_ticks
from shoal.presentation.palette import Palette

# The most dots in all slices of the page together: each dot is an element that a browser lays out.
MOST_DOTS = 1_000

# The height of one slice, in pixels.
SLICE_HEIGHT = 250

# The part of `COLOUR_SCALE` that is seen on the background, by whether the theme is dark.
_VISIBLE = {False: (0.0, 0.86), True: (0.22, 1.0)}


# The outline of a star as an SVG path, since Vega has no such shape.
_STAR = (
    "M0,-1L.225,-.309L.951,-.309L.363,.118L.588,.809L0,.382"
    "L-.588,.809L-.363,.118L-.951,-.309L-.225,-.309Z"
)

# How far dots are moved at random, as a share of the distance between two choices.
_JITTER = 0.32

# Half of the width of a choice's median line, as a share of that distance.
_STRIP = 0.42

# The places of a smoothed median, and how many genomes it needs at each.
_MEDIAN_PLACES = 25
_FEWEST_GENOMES = 5


def colour_scale(dark: bool) -> list[tuple[float, str]]:
    """`COLOUR_SCALE` without the end that is lost on the theme's background.

    Returns
    -------
    list of (float, str)
        Nine places, evenly from 0 to 1, and the colour at each.
    """
    first, last = _VISIBLE[dark]
    places = np.linspace(0.0, 1.0, 9)
    colours = sample_colorscale(COLOUR_SCALE, (first + (last - first) * places).tolist())
    return list(zip(places.tolist(), colours, strict=True))


def shade_channel(field: str, low: float, high: float, dark: bool, **legend: Any) -> Spec:
    """A channel that shows the numbers of a column by `colour_scale`.

    Parameters
    ----------
    field
        The column.
    low, high
        The numbers at the ends of the scale; those beyond have the colour of the end. ``low`` may
        be the larger one.
    dark
        Draw for the dark theme.
    **legend
        Properties of the scale's legend. Without any there is no legend.
    """
    stops = colour_scale(dark)
    scale = {
        "domain": [low + (high - low) * place for place, _ in stops],
        "range": [colour for _, colour in stops],
        "clamp": True,
    }
    return {"field": field, "type": "quantitative", "scale": scale, "legend": legend or None}


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One gene against the score.

    Attributes
    ----------
    feature
        The gene.
    dots
        A sample of the genomes: ``x``, the gene's value, jittered for choices; ``score``;
        ``generation``; ``floored``, whether it counts as the floor; ``value`` as text.
    middle
        ``x`` and the median ``score`` of all genomes near it, or of those with that choice.
    total
        How many genomes have the gene.
    champion
        ``x`` and score of the best genome; None where it does not have the gene.
    metric
        What the scores are scores of.
    """

    feature: GeneFeature
    dots: pd.DataFrame
    middle: pd.DataFrame
    total: int
    champion: tuple[float, float] | None
    metric: Metric


def sample_rows(count: int, most: int, keep: Sequence[int] = ()) -> NDArray[np.int64]:
    """Rows of a table that are drawn: all, or a random sample.

    Parameters
    ----------
    count
        How many rows the table has.
    most
        The largest sample.
    keep
        Rows that are always in it.

    Returns
    -------
    array of int, shape (min(count, most),)
        The rows in ascending order. The seed is fixed, so a redrawn chart shows the same.
    """
    if count <= most:
        return np.arange(count)

    # Drawn among the others, so that those to keep do not count twice.
    others = np.delete(np.arange(count), list(keep))
    drawn = np.random.default_rng(0).choice(others, most - len(keep), replace=False)
    return np.sort(np.concatenate([drawn, np.asarray(keep, dtype=np.int64)]))


def slice_data(
    feature: GeneFeature,
    scores: FlooredScores,
    generations: NDArray[np.int64],
    champion: int | None,
    most: int = MOST_DOTS,
) -> Slice:
    """The genomes that use a gene.

    Parameters
    ----------
    feature
        The gene, of all genomes.
    scores
        The genomes' scores.
    generations
        In which each genome was born, of shape (genomes,).
    champion
        The place of the best genome among them; None without one.
    most
        The most dots.
    """
    users = np.flatnonzero(feature.used)
    if feature.choices:
        x = feature.values
        middle = _choice_medians(feature, scores, users)
    else:
        x = axis_values(feature)
        middle = _smoothed_median(feature, scores, users)

    rows = users[sample_rows(len(users), most)]
    drawn_x = x[rows]
    if feature.choices:
        # Genomes of one choice would hide each other. The seed is fixed: a redrawn chart is the
        # same.
        drawn_x = drawn_x + np.random.default_rng(1).uniform(-_JITTER, _JITTER, len(rows))
    dots = pd.DataFrame(
        {
            "x": drawn_x,
            "score": scores.values[rows],
            "generation": generations[rows],
            "floored": scores.floored[rows],
            "value": value_texts(feature, rows),
        }
    )

    champion_dot = None
    if champion is not None and feature.used[champion]:
        champion_dot = (float(x[champion]), float(scores.values[champion]))
    return Slice(feature, dots, middle, len(users), champion_dot, scores.metric)


def axis_values(feature: GeneFeature) -> NDArray[np.float64]:
    """The gene's values as an axis shows them: on a logarithmic one a 0 has a place too."""
    if feature.log:
        return np.asarray(10**feature.scaled)
    return np.asarray(feature.values)


def value_texts(feature: GeneFeature, rows: NDArray[np.int64]) -> list[str]:
    """The gene's values in these rows, for a tooltip."""
    values = feature.values[rows]
    if feature.choices:
        return [feature.choices[int(value)] for value in values]
    return [f"{value:.4g}" for value in values]


def _smoothed_median(
    feature: GeneFeature, scores: FlooredScores, users: NDArray[np.int64]
) -> pd.DataFrame:
    """The median score of the genomes near each of some places along the axis.

    Near is within an eighth of the gene's range on either side. A gene with few whole numbers has a
    median for each number instead. Places with too few genomes are left out.
    """
    places = feature.scaled[users]
    of_users = scores.values[users]
    low, high = extent(places, empty=(0.0, 0.0))

    if feature.integer and not feature.log and high - low < _MEDIAN_PLACES:
        grid = np.unique(places)
        reach = 0.0
    else:
        grid = np.linspace(low, high, _MEDIAN_PLACES)
        reach = (high - low) / 8

    medians = []
    for place in grid:
        near = of_users[np.abs(places - place) <= reach]
        if len(near) >= _FEWEST_GENOMES:
            # The axis shows values, of which a logarithmic gene's places are logarithms.
            x = 10**place if feature.log else place
            medians.append((x, float(np.median(near))))

    return pd.DataFrame(medians, columns=["x", "score"], dtype="float64")


def _choice_medians(
    feature: GeneFeature, scores: FlooredScores, users: NDArray[np.int64]
) -> pd.DataFrame:
    """The median score of each choice that some genome has."""
    frame = pd.DataFrame({"x": feature.values[users], "score": scores.values[users]})
    return frame.groupby("x")["score"].median().reset_index()


def score_axis(scores: FlooredScores) -> tuple[float, float]:
    """The scores that all slices show: from a little beyond the floor to the best."""
    low = float(scores.values.min())
    high = float(scores.values.max())
    margin = max(0.06 * (high - low), 0.2 * least_width(scores.metric, high))
    return low - margin, high + margin


def slice_chart(
    data: Slice, score_domain: tuple[float, float], generations: int, *, dark: bool = False
) -> Spec:
    """The genomes as dots, coloured by generation, with the median and the best genome as a star.

    Parameters
    ----------
    data
        What `slice_data` returned.
    score_domain
        The ends of the score's axis, which all slices of a page share (`score_axis`).
    generations
        How many generations the run has: the end of the scale of colours.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    feature = data.feature
    x = gene_axis(feature, "x")
    y = number_channel(
        "score",
        None,
        tickCount=5,
        scale={"domain": list(score_domain)},
        **tick_labels(data.metric),
    )

    mark = {
        "type": "point",
        "filled": True,
        "size": 34 if len(data.dots) < 400 else 20,
        "opacity": 0.75,
    }
    encoding = {
        "x": x,
        "y": y,
        "color": shade_channel("generation", 1, max(2, generations), dark),
        "shape": floored_shape(data.metric),
        "tooltip": tooltip(
            ("value", feature.label),
            ("score", score_title(data.metric), vega_format(data.metric)),
            ("generation", "Generation"),
        ),
    }

    layers = [layer(mark, encoding, data.dots), _median_layer(data, x, y, colours)]
    if data.champion is not None:
        place = pd.DataFrame([data.champion], columns=["x", "score"])
        layers.append(star_layer(place, {"x": x, "y": y}, colours))
    return vega_chart(colours, height=SLICE_HEIGHT, layers=layers)


def _median_layer(data: Slice, x: Spec, y: Spec, colours: Palette) -> Spec:
    """The median as one line, or as a short line over each choice."""
    style = {"color": colours.text, "strokeWidth": 2.5}
    # Of all genomes, not of those that are drawn.
    middle = data.middle[["x", "score"]]
    if not data.feature.choices:
        return layer({"type": "line", **style}, {"x": x, "y": y}, middle)

    strips = middle.assign(x=middle["x"] - _STRIP, end=middle["x"] + _STRIP)
    return layer({"type": "rule", **style}, {"x": x, "x2": {"field": "end"}, "y": y}, strips)


def floored_shape(metric: Metric) -> Spec:
    """The shape of a dot: a triangle for a genome at the floor, which points to what is worse."""
    triangle = "triangle-down" if metric.maximizes else "triangle-up"
    return {"condition": {"test": "datum.floored", "value": triangle}, "value": "circle"}


def star_layer(places: pd.DataFrame, encoding: Spec, colours: Palette) -> Spec:
    """A layer with a star at each of ``places``: the best genome."""
    mark = {
        "type": "point",
        "shape": _STAR,
        "size": 260,
        "filled": True,
        "opacity": 1,
        "color": colours.average,
        "stroke": colours.surface,
        "strokeWidth": 1.2,
    }
    return layer(mark, {**encoding, "tooltip": {"value": "The best genome"}}, places)


def gene_axis(feature: GeneFeature, field: str) -> Spec:
    """The channel of a gene whose values are in the column ``field``.

    Its axis shows the choices that were met, or is logarithmic where the gene is compared by
    ratios.
    """
    if feature.choices:
        met = np.unique(feature.values[feature.used]).astype(int).tolist()
        return number_channel(
            field,
            feature.label,
            values=met,
            labelExpr=word_labels([choice.replace("_", " ") for choice in feature.choices]),
            grid=False,
            scale={"domain": [min(met) - 0.6, max(met) + 0.6]},
        )

    if feature.log:
        ticks = log_ticks(10 ** feature.scaled[feature.used])
        return number_channel(
            field,
            feature.label,
            values=ticks,
            format="~r",
            scale={"type": "log", "padding": 6},
        )

    properties: Spec = {"tickCount": 6, "scale": {"padding": 6}}
    few_numbers = feature.integer and feature.varies and np.ptp(feature.values[feature.used]) < 8
    if few_numbers:
        # Or Vega would put ticks between whole numbers.
        properties["tickMinStep"] = 1
    return number_channel(field, feature.label, **properties)
