"""Genes against the accuracy, one by one: importance, slices, and bounds that the best genomes lie on. Knows no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from shoal.dashboard.figures.base import SCALE, axis, layout, palette
from shoal.factors import Factor
from shoal.genome import Genome, OnBound, SearchSpace
from shoal.importance import Importances, Scores

MOST_DOTS = 3_000  # in all figures of a page that are seen together: each is an element of the page
BEST = 10  # genomes that a bound's alarm looks at
SLICE_HEIGHT = 250
_JITTER = 0.32  # of the distance between two choices
_MIDDLES, _FEW = 25, 5  # places of a smoothed median, and genomes that one needs


def scale(dark: bool) -> list[list[object]]:
    """`SCALE` without the end that is lost on the theme's background."""
    low, high = (0.22, 1.0) if dark else (0.0, 0.86)
    places = np.linspace(0.0, 1.0, 9)
    colours = sample_colorscale(SCALE, (low + (high - low) * places).tolist())
    return [[float(place), colour] for place, colour in zip(places, colours, strict=True)]


def bars(found: Importances) -> pd.DataFrame:
    """A row a gene, the most important last, as bars are drawn from below: label, mean, low, high, clear."""
    rows = [(g.label, g.loss.mean, g.loss.low, g.loss.high, g.clear) for g in reversed(found.genes)]
    return pd.DataFrame(rows, columns=["label", "mean", "low", "high", "clear"])


def bars_figure(frame: pd.DataFrame, *, dark: bool = False, revision: str = "") -> go.Figure:
    """Importance with intervals. What is not clear of nothing is hollow."""
    colours = palette(dark)
    figure = go.Figure()
    for clear, name in ((True, "Interval above 0"), (False, "Interval holds 0: may be nothing")):
        own = frame[frame["clear"] == clear]
        figure.add_bar(
            orientation="h",
            x=own["mean"].clip(lower=0.0).tolist(),
            y=own["label"].tolist(),
            name=name,
            marker={
                "color": colours.best if clear else "rgba(0,0,0,0)",
                "line": {"color": colours.best if clear else colours.muted, "width": 1},
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (own["high"] - own["mean"].clip(lower=0.0)).clip(lower=0.0).tolist(),
                "arrayminus": (own["mean"].clip(lower=0.0) - own["low"]).tolist(),
                "color": colours.text if clear else colours.muted,
                "thickness": 1.3,
                "width": 3,
            },
            customdata=own[["mean", "low", "high"]].to_numpy().tolist(),
            hovertemplate="%{y}: %{customdata[0]:.2f} [%{customdata[1]:.2f}, %{customdata[2]:.2f}]<extra></extra>",
        )
    order = frame["label"].tolist()
    return figure.update_layout(
        layout(
            colours,
            height=90 + 23 * len(frame),
            x=axis(colours, "Percent points lost without it", zeroline=True, zerolinecolor=colours.muted),
            y=axis(colours, categoryorder="array", categoryarray=order, showgrid=False, automargin=True, dtick=1),
            revision=revision,
            margin={"l": 20, "r": 14, "t": 34, "b": 48},
            bargap=0.35,
        )
    )


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """A gene against the accuracy. ``dots``: x (jittered for choices), accuracy, generation, floored, value; sampled.

    ``middle``: x and the smoothed median of all genomes there (of each choice, its median); ``total`` genomes have the gene.
    ``champion`` is x and accuracy of the champion, or None.
    """

    factor: Factor
    dots: pd.DataFrame
    middle: pd.DataFrame
    total: int
    champion: tuple[float, float] | None


def sampled(count: int, most: int, keep: Sequence[int] = ()) -> NDArray[np.int64]:
    """At most ``most`` of so many places, in order, drawn with a fixed seed; those to ``keep`` among them."""
    if count <= most:
        return np.arange(count)
    others = np.delete(np.arange(count), list(keep))
    drawn = np.random.default_rng(0).choice(others, most - len(keep), replace=False)
    return np.sort(np.concatenate([drawn, np.asarray(keep, dtype=np.int64)]))


def slice_data(
    factor: Factor, told: Scores, generations: NDArray[np.int64], champion: int | None, most: int = MOST_DOTS
) -> Slice:
    """The genomes that use the factor; ``champion`` is the champion's place among the genomes."""
    mine = np.flatnonzero(factor.used)
    x = factor.values if factor.choices else _drawn(factor)
    middle = _by_choice(factor, told, mine) if factor.choices else _running(factor, told.values[mine], mine)
    rows = mine[sampled(len(mine), most)]
    shift = np.random.default_rng(1).uniform(-_JITTER, _JITTER, len(rows)) if factor.choices else 0.0
    dots = pd.DataFrame(
        {
            "x": x[rows] + shift,
            "accuracy": told.values[rows],
            "generation": generations[rows],
            "floored": told.floored[rows],
            "value": [factor.choices[int(v)] if factor.choices else f"{v:.4g}" for v in factor.values[rows]],
        }
    )
    place = None
    if champion is not None and factor.used[champion]:
        place = float(x[champion]), float(told.values[champion])
    return Slice(factor, dots, middle, len(mine), place)


def _drawn(factor: Factor) -> NDArray[np.float64]:
    """The values as an axis shows them: a nothing on a logarithmic one has a place too."""
    return np.asarray(10**factor.scaled if factor.log else factor.values)


def _running(factor: Factor, accuracies: NDArray[np.float64], mine: NDArray[np.int64]) -> pd.DataFrame:
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


def _by_choice(factor: Factor, told: Scores, mine: NDArray[np.int64]) -> pd.DataFrame:
    frame = pd.DataFrame({"x": factor.values[mine], "accuracy": told.values[mine]})
    return frame.groupby("x")["accuracy"].median().reset_index()


def accuracy_axis(told: Scores) -> tuple[float, float]:
    """From a little below the floor to a little above the best, in percent."""
    low, high = float(told.values.min()), float(told.values.max())
    margin = max(0.06 * (high - low), 0.2)
    return low - margin, high + margin


def slice_figure(
    found: Slice, span: tuple[float, float], generations: int, *, dark: bool = False, revision: str = ""
) -> go.Figure:
    """The slice. Dots at the floor point down: they may lie far below; colour is the generation, 1 to ``generations``."""
    colours = palette(dark)
    factor, dots, figure = found.factor, found.dots, go.Figure()
    figure.add_scatter(
        x=dots["x"].tolist(),
        y=dots["accuracy"].tolist(),
        mode="markers",
        marker={
            "size": 6 if len(dots) < 400 else 4.5,
            "symbol": np.where(dots["floored"], "triangle-down", "circle").tolist(),
            "color": dots["generation"].tolist(),
            "colorscale": scale(dark),
            "cmin": 1,
            "cmax": max(2, generations),
            "opacity": 0.75,
        },
        customdata=dots[["value", "generation"]].to_numpy().tolist(),
        hovertemplate="%{customdata[0]}: %{y:.2f} %<br>generation %{customdata[1]}<extra></extra>",
    )
    if factor.choices:
        for x, middle in found.middle[["x", "accuracy"]].itertuples(index=False):
            figure.add_scatter(
                x=[x - 0.42, x + 0.42],
                y=[middle, middle],
                mode="lines",
                line={"color": colours.text, "width": 2.5},
                hovertemplate=f"Median of {factor.choices[int(x)]}: %{{y:.2f}} %<extra></extra>",
            )
    else:
        figure.add_scatter(
            x=found.middle["x"].tolist(),
            y=found.middle["accuracy"].tolist(),
            mode="lines",
            line={"color": colours.text, "width": 2.5},
            hovertemplate="Median around %{x:.4g}: %{y:.2f} %<extra></extra>",
        )
    if found.champion is not None:
        figure.add_scatter(
            x=[found.champion[0]],
            y=[found.champion[1]],
            mode="markers",
            marker={
                "symbol": "star",
                "size": 15,
                "color": colours.average,
                "line": {"color": colours.surface, "width": 1.5},
            },
            hovertemplate="The best genome: %{y:.2f} %<extra></extra>",
        )
    return figure.update_layout(
        layout(
            colours,
            height=SLICE_HEIGHT,
            x=gene_axis(factor, dark),
            y=axis(colours, range=list(span), nticks=5, ticksuffix=" %"),
            revision=revision,
            margin={"l": 52, "r": 8, "t": 10, "b": 42},
            showlegend=False,
        )
    )


def gene_axis(factor: Factor, dark: bool) -> dict[str, object]:
    """The axis of a gene: logarithmic, or of its choices, where it is."""
    colours = palette(dark)
    if factor.choices:
        met = np.unique(factor.values[factor.used]).astype(int).tolist()
        words = [factor.choices[k].replace("_", " ") for k in met]
        return axis(
            colours, factor.label, tickvals=met, ticktext=words, range=[min(met) - 0.6, max(met) + 0.6], showgrid=False
        )
    if factor.log:
        ticks = log_ticks(factor.scaled[factor.used])
        return axis(colours, factor.label, type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    few = factor.integer and factor.varies and np.ptp(factor.values[factor.used]) < 8
    return axis(colours, factor.label, **({"dtick": 1} if few else {"nticks": 6}))


def log_ticks(places: NDArray[np.float64], most: int = 5) -> list[float]:
    """Round numbers for an axis of decadic logarithms: 1, 2 and 5 of each decade, or as many whole decades as fit."""
    low, high = float(places.min(initial=np.inf)), float(places.max(initial=-np.inf))
    decades = range(math.floor(low), math.ceil(high) + 1) if low <= high else range(0)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**n for n in decades for step in steps]
        found = [tick for tick in ticks if low - 0.05 <= math.log10(tick) <= high + 0.05]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


@dataclass(frozen=True, slots=True)
class Alarm:
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


def alarms(best: Sequence[Genome], space: SearchSpace) -> tuple[Alarm, ...]:
    """The bounds on which some of the best genomes lie, those of most of them first (see `SearchSpace.on_bounds`)."""
    met: dict[tuple[str, str], list[OnBound]] = {}
    for genome in best:
        for found in space.on_bounds(genome):
            met.setdefault((found.gene, found.side), []).append(found)
    return tuple(sorted((Alarm(own[0], len(own), len(best)) for own in met.values()), key=lambda a: -a.count))
