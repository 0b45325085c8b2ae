"""Genes against the accuracy, one by one: importance, slices, and bounds that the best genomes lie on. Knows no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from shoal.analysis.gene_features import GeneFeature
from shoal.analysis.importance import Importances, Scores
from shoal.dashboard.charts.base import COLOUR_SCALE, log_ticks, palette
from shoal.dashboard.charts.vega import (
    Spec,
    number_channel,
    records,
    tooltip,
    vega_chart,
    word_labels,
)
from shoal.genome.genome import Genome
from shoal.genome.search_space import OnBound, SearchSpace
from shoal.presentation.palette import Palette

MOST_DOTS = 1_000  # in all figures of a part: each is an element of the page
BEST = 10  # genomes that a bound's alarm looks at
SLICE_HEIGHT = 250
FLOORED = {"condition": {"test": "datum.floored", "value": "triangle-down"}, "value": "circle"}
_STAR = "M0,-1L.225,-.309L.951,-.309L.363,.118L.588,.809L0,.382L-.588,.809L-.363,.118L-.951,-.309L-.225,-.309Z"
_JITTER = 0.32  # of the distance between two choices
_MIDDLES, _FEW = 25, 5  # places of a smoothed median, and genomes that one needs


def colour_scale(dark: bool) -> list[tuple[float, str]]:
    """`SCALE` without the end that is lost on the theme's background: places from 0 to 1, and their colours."""
    low, high = (0.22, 1.0) if dark else (0.0, 0.86)
    places = np.linspace(0.0, 1.0, 9)
    colours = sample_colorscale(COLOUR_SCALE, (low + (high - low) * places).tolist())
    return [(float(place), colour) for place, colour in zip(places, colours, strict=True)]


def shade_channel(field: str, low: float, high: float, dark: bool, **legend: Any) -> Spec:
    """The colour of a number from ``low`` to ``high``, by `scale`; without ``legend`` there is none."""
    stops = colour_scale(dark)
    domain, colours = (
        [low + (high - low) * place for place, _ in stops],
        [colour for _, colour in stops],
    )
    scaled = {"domain": domain, "range": colours, "clamp": True}
    return {"field": field, "type": "quantitative", "scale": scaled, "legend": legend or None}


def importance_bars_html(found: Importances) -> str:
    """A row a gene, the most important first: its bar from 0, its interval as a line over it, and the figures.

    What is not clear of nothing is hollow. HTML, as text and rectangles are all there is: a chart would be drawn later.
    """
    ends = [0.0, *(end for gene in found.genes for end in (gene.loss.low, gene.loss.high))]
    low, high = min(ends), max(ends)
    width = max(high - low, 1e-9)
    form = f"z.{max(1, min(9, 1 - math.floor(math.log10(width))))}f"  # a hundredth of the largest is told

    def span(start: float, end: float) -> str:
        return f"left: {100 * (start - low) / width:.2f}%; width: {100 * max(end - start, 0.0) / width:.2f}%"

    rows = []
    for gene in found.genes:
        loss, hollow = gene.loss, "" if gene.clear else ' class="hollow"'
        bar = f'<i{hollow} style="{span(0.0, loss.mean)}"></i><u style="{span(loss.low, loss.high)}"></u>'
        told = f'<td class="n">{loss.mean:{form}}</td><td class="n">{loss.low:{form}} to {loss.high:{form}}</td>'
        rows.append(
            f'<tr><th scope="row">{escape(gene.label)}</th><td><div>{bar}</div></td>{told}</tr>'
        )
    heads = '<th>Gene</th><th></th><th class="n">Percent points lost</th><th class="n">95 % interval</th>'
    return f'<table class="grid bars"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """A gene against the accuracy. ``dots``: x (jittered for choices), accuracy, generation, floored, value; sampled.

    ``middle``: x and the smoothed median of all genomes there (of each choice, its median); ``total`` genomes have the gene.
    ``champion`` is x and accuracy of the champion, or None.
    """

    factor: GeneFeature
    dots: pd.DataFrame
    middle: pd.DataFrame
    total: int
    champion: tuple[float, float] | None


def sample_rows(count: int, most: int, keep: Sequence[int] = ()) -> NDArray[np.int64]:
    """At most ``most`` of so many places, in order, drawn with a fixed seed; those to ``keep`` among them."""
    if count <= most:
        return np.arange(count)
    others = np.delete(np.arange(count), list(keep))
    drawn = np.random.default_rng(0).choice(others, most - len(keep), replace=False)
    return np.sort(np.concatenate([drawn, np.asarray(keep, dtype=np.int64)]))


def slice_data(
    factor: GeneFeature,
    told: Scores,
    generations: NDArray[np.int64],
    champion: int | None,
    most: int = MOST_DOTS,
) -> Slice:
    """The genomes that use the factor; ``champion`` is the champion's place among the genomes."""
    mine = np.flatnonzero(factor.used)
    x = factor.values if factor.choices else _drawn(factor)
    middle = (
        _by_choice(factor, told, mine)
        if factor.choices
        else _running(factor, told.values[mine], mine)
    )
    rows = mine[sample_rows(len(mine), most)]
    shift = (
        np.random.default_rng(1).uniform(-_JITTER, _JITTER, len(rows)) if factor.choices else 0.0
    )
    dots = pd.DataFrame(
        {
            "x": x[rows] + shift,
            "accuracy": told.values[rows],
            "generation": generations[rows],
            "floored": told.floored[rows],
            "value": [
                factor.choices[int(v)] if factor.choices else f"{v:.4g}"
                for v in factor.values[rows]
            ],
        }
    )
    place = None
    if champion is not None and factor.used[champion]:
        place = float(x[champion]), float(told.values[champion])
    return Slice(factor, dots, middle, len(mine), place)


def _drawn(factor: GeneFeature) -> NDArray[np.float64]:
    """The values as an axis shows them: a nothing on a logarithmic one has a place too."""
    return np.asarray(10**factor.scaled if factor.log else factor.values)


def _running(
    factor: GeneFeature, accuracies: NDArray[np.float64], mine: NDArray[np.int64]
) -> pd.DataFrame:
    """The median of the genomes within an eighth of the range on either side, where there are five; of each whole number."""
    places = factor.scaled[mine]
    low, high = (float(places.min()), float(places.max())) if len(places) else (0.0, 0.0)
    reach, grid, rows = (high - low) / 8, np.linspace(low, high, _MIDDLES), []
    if factor.integer and not factor.log and high - low < _MIDDLES:
        reach, grid = 0.0, np.unique(places)
    for x in grid:
        near = accuracies[np.abs(places - x) <= reach]
        if len(near) >= _FEW:
            rows.append((10**x if factor.log else x, float(np.median(near))))
    return pd.DataFrame(rows, columns=["x", "accuracy"], dtype="float64")


def _by_choice(factor: GeneFeature, told: Scores, mine: NDArray[np.int64]) -> pd.DataFrame:
    frame = pd.DataFrame({"x": factor.values[mine], "accuracy": told.values[mine]})
    return frame.groupby("x")["accuracy"].median().reset_index()


def accuracy_axis(told: Scores) -> tuple[float, float]:
    """From a little below the floor to a little above the best, in percent."""
    low, high = float(told.values.min()), float(told.values.max())
    margin = max(0.06 * (high - low), 0.2)
    return low - margin, high + margin


def slice_chart(
    found: Slice, span: tuple[float, float], generations: int, *, dark: bool = False
) -> Spec:
    """The slice. Dots at the floor point down: they may lie far below; colour is the generation, 1 to ``generations``."""
    colours, factor = palette(dark), found.factor
    x = gene_axis(factor, "x")
    y = number_channel(
        "accuracy", None, tickCount=5, labelExpr="datum.label + ' %'", scale={"domain": list(span)}
    )
    middle = found.middle[["x", "accuracy"]]
    line = {"color": colours.text, "strokeWidth": 2.5}
    if factor.choices:
        middle = middle.assign(end=middle["x"] + 0.42, x=middle["x"] - 0.42)
        over = {
            "mark": {"type": "rule", **line},
            "encoding": {"x": x, "x2": {"field": "end"}, "y": y},
        }
    else:
        over = {"mark": {"type": "line", **line}, "encoding": {"x": x, "y": y}}
    told = tooltip(
        ("value", factor.label), ("accuracy", "Accuracy (%)", ".2f"), ("generation", "Generation")
    )
    layer: list[Spec] = [
        {
            "data": {"values": records(found.dots)},
            "mark": {
                "type": "point",
                "filled": True,
                "size": 34 if len(found.dots) < 400 else 20,
                "opacity": 0.75,
            },
            "encoding": {
                "x": x,
                "y": y,
                "color": shade_channel("generation", 1, max(2, generations), dark),
                "shape": FLOORED,
                "tooltip": told,
            },
        },
        {"data": {"values": records(middle)}, **over},
    ]
    if found.champion is not None:
        place = pd.DataFrame([found.champion], columns=["x", "accuracy"])
        layer.append(star_layer(place, {"x": x, "y": y}, colours))
    return vega_chart(colours, height=SLICE_HEIGHT, layer=layer)


def star_layer(places: pd.DataFrame, encoding: Spec, colours: Palette) -> Spec:
    """A layer: the best genome."""
    mark = {
        "type": "point",
        "shape": _STAR,
        "size": 260,
        "filled": True,
        "opacity": 1,
        "color": colours.average,
    }
    told = {"tooltip": {"value": "The best genome"}}
    edge = {"stroke": colours.surface, "strokeWidth": 1.2}
    return {
        "data": {"values": records(places)},
        "mark": {**mark, **edge},
        "encoding": {**encoding, **told},
    }


def gene_axis(factor: GeneFeature, field: str) -> Spec:
    """A gene's channel, by the values in ``field``: logarithmic, or of its choices, where it is."""
    if factor.choices:
        met = np.unique(factor.values[factor.used]).astype(int).tolist()
        words = word_labels([choice.replace("_", " ") for choice in factor.choices])
        shown = {"values": met, "labelExpr": words, "grid": False}
        return number_channel(
            field, factor.label, **shown, scale={"domain": [min(met) - 0.6, max(met) + 0.6]}
        )
    if factor.log:
        ticks = log_ticks(10 ** factor.scaled[factor.used])
        return number_channel(
            field, factor.label, values=ticks, format="~r", scale={"type": "log", "padding": 6}
        )
    few = factor.integer and factor.varies and np.ptp(factor.values[factor.used]) < 8
    return number_channel(
        field,
        factor.label,
        tickCount=6,
        **({"tickMinStep": 1} if few else {}),
        scale={"padding": 6},
    )


@dataclass(frozen=True, slots=True)
class BoundAlarm:
    """A bound on which ``count`` of the ``of`` best genomes lie."""

    at: OnBound
    count: int
    of: int

    @property
    def widens(self) -> bool:
        """Whether there is anything beyond the bound that a search takes."""
        return self.at.bound != self.at.limit

    @property
    def key(self) -> str:
        """As an address names it: ``gene:side``."""
        return f"{self.at.gene}:{self.at.side}"


def bound_alarms(best: Sequence[Genome], space: SearchSpace) -> tuple[BoundAlarm, ...]:
    """The bounds on which some of the best genomes lie, those of most of them first (see `SearchSpace.on_bounds`)."""
    met: dict[tuple[str, str], list[OnBound]] = {}
    for genome in best:
        for found in space.on_bounds(genome):
            met.setdefault((found.gene, found.side), []).append(found)
    return tuple(
        sorted(
            (BoundAlarm(own[0], len(own), len(best)) for own in met.values()),
            key=lambda a: -a.count,
        )
    )
