"""The best genomes of a run, one line each with a dot for every repeat: how much of a lead is luck.

The chart of the page Champion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.rank_reasons import leaders
from shoal.dashboard.charts.base import extent, palette
from shoal.dashboard.charts.scores import column_title, least_width, score_title, vega_format
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    layer,
    number_channel,
    tooltip,
    vega_chart,
)
from shoal.numerics.stats import ci95_half_width
from shoal.objectives.registry import ACCURACY, Metric
from shoal.settings.phase import phase_of

# The height of the line of one genome, in pixels.
ROW_HEIGHT = 34

# How far the dots of search and confirmation stand above and below their genome's line.
_OFFSET = 0.16


class _PhaseStyle(NamedTuple):
    """How one phase is drawn: ``mean`` and ``half`` are columns of `leaderboard_data`."""

    phase: str
    label: str
    shape: str
    mean: str
    half: str


_PHASES = (
    _PhaseStyle("search", "Search", "circle", "score", "half"),
    _PhaseStyle("confirmation", "Confirmation", "diamond", "confirmed", "confirmed_half"),
)


def leaderboard_data(
    table: EvaluationTable, count: int = 10, champion: str | None = None
) -> pd.DataFrame:
    """The best genomes of a run, one row each, in the order of `leaders`: the champion first.

    Parameters
    ----------
    table
        The run's evaluations.
    count
        The most genomes.
    champion
        The hash of the champion; None: there is none yet.

    Returns
    -------
    DataFrame
        The columns of `EvaluationTable.genomes`, and ``rank``, from 1; ``half``, half of the 95 %
        interval of ``score``; ``confirmed_half``, that of ``confirmed``; ``luck``, by how much the
        best scored repeat is better than their mean. The last three are in
        `Metric.difference_unit`.
    """
    best = leaders(table, count, champion)
    dots = repeats_data(table, best)
    scored = dots[dots["counted"]].groupby("genome", sort=False)["score"]
    confirmed = dots[dots["phase"] == "confirmation"].groupby("genome", sort=False)["score"]

    luck = scored.mean() - scored.min()
    if table.metric.maximizes:
        luck = scored.max() - scored.mean()
    return best.assign(
        rank=range(1, len(best) + 1),
        half=scored.agg(_half_width).reindex(best.index),
        confirmed_half=confirmed.agg(_half_width).reindex(best.index),
        luck=luck.reindex(best.index),
    )


def repeats_data(table: EvaluationTable, best: pd.DataFrame) -> pd.DataFrame:
    """The repeats of the best genomes that did not fail, one row each.

    Parameters
    ----------
    table
        The run's evaluations.
    best
        Genomes of `leaderboard_data`.

    Returns
    -------
    DataFrame
        ``genome``; ``rank`` of the genome, from 1; ``repeat``; ``phase``, "search" or
        "confirmation"; ``counted``, whether it is in the mean of the search; ``score``.
    """
    frame = table.frame
    of_best = frame["genome"].isin(best.index) & frame["score"].notna()
    dots = frame.loc[of_best, ["genome", "repeat", "score"]]

    ranks = {genome: rank for rank, genome in enumerate(best.index, 1)}
    scored = {}
    for genome, repeats in best["repeats"].items():
        scored[genome] = table.settings.schedule.scored_repeats(int(repeats))

    counted = []
    for genome, repeat in zip(dots["genome"], dots["repeat"], strict=True):
        counted.append(repeat in scored[genome])

    dots = dots.assign(
        rank=dots["genome"].map(ranks),
        phase=[phase_of(repeat).value for repeat in dots["repeat"]],
        counted=np.array(counted, dtype=bool),
    )
    return dots.sort_values(["rank", "repeat"])


def _half_width(values: pd.Series) -> float:
    half = ci95_half_width(values.tolist())
    if half is None:
        return float("nan")
    return half


def leaderboard_chart(
    best: pd.DataFrame, dots: pd.DataFrame, *, metric: Metric = ACCURACY, dark: bool = False
) -> Spec:
    """A line for each genome, the best at the top, with its repeats, its mean and its interval.

    Parameters
    ----------
    best
        What `leaderboard_data` returned.
    dots
        What `repeats_data` returned.
    metric
        What the scores are scores of.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    phases = [style for style in _PHASES if (dots["phase"] == style.phase).any()]
    both_phases = len(phases) > 1

    x = number_channel(
        "score",
        score_title(metric),
        tickCount=8,
        scale={"domain": list(_score_range(best, dots, metric))},
    )
    y = number_channel(
        "y",
        None,
        grid=False,
        values=best["rank"].tolist(),
        labelExpr="datum.label + '.'",
        domain=False,
        ticks=False,
        # Rank 1 stands at the top.
        scale={"domain": [0.4, len(best) + 0.6], "reverse": True},
    )

    layers: list[Spec] = []
    legend: list[LegendEntry] = []
    for style in phases:
        is_confirmation = style.phase == "confirmation"
        offset = 0.0
        if both_phases:
            offset = _OFFSET if is_confirmation else -_OFFSET

        entry = LegendEntry(
            style.label,
            colours.series[is_confirmation],
            style.shape,
            hollow=style.shape == "circle",
        )
        legend.append(entry)

        # Repeats of shorter rungs are not drawn: their scores cannot be compared.
        shown = dots[(dots["phase"] == style.phase) & (dots["counted"] | is_confirmation)]
        layers.append(_dots_layer(shown, offset, entry, x, y, metric))
        layers += _mean_layers(_means(best, style, offset), entry, x, y, metric)

    # A leaderboard of one or two genomes is as high as one of three.
    height = 80 + ROW_HEIGHT * max(len(best), 3)
    return vega_chart(colours, height=height, layers=layers, legend=legend)


def _dots_layer(
    dots: pd.DataFrame, offset: float, entry: LegendEntry, x: Spec, y: Spec, metric: Metric
) -> Spec:
    """A dot for each repeat."""
    mark = {
        "type": "point",
        "filled": not entry.hollow,
        "size": 52,
        "opacity": 0.85,
        "clip": True,
    }
    tooltips = tooltip(
        ("repeat", f"{entry.label}, repeat"),
        ("score", score_title(metric), vega_format(metric)),
    )

    encoding = {
        "x": x,
        "y": y,
        "color": {"value": entry.colour},
        "shape": {"value": entry.shape},
        "tooltip": tooltips,
    }

    placed = dots.assign(y=dots["rank"] + offset)
    return layer(mark, encoding, placed[["score", "y", "repeat"]])


def _means(best: pd.DataFrame, style: _PhaseStyle, offset: float) -> pd.DataFrame:
    """Mean and interval of each genome in one phase, with its place on the axis."""
    known = best[best[style.mean].notna()]
    means = pd.DataFrame(
        {"score": known[style.mean], "y": known["rank"] + offset, "half": known[style.half]}
    )
    low = means["score"] - means["half"]
    high = means["score"] + means["half"]
    return means.assign(low=low, high=high)


def _mean_layers(
    means: pd.DataFrame, entry: LegendEntry, x: Spec, y: Spec, metric: Metric
) -> list[Spec]:
    """The interval of each mean as a line, the mean as a tick across it."""
    colour = {"value": entry.colour}
    interval = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": colour}
    number_format = vega_format(metric)
    tooltips = tooltip(
        ("score", column_title(f"{entry.label}, mean", metric), number_format),
        ("half", "± (95 %)", number_format),
    )
    mean = {"x": x, "y": y, "color": colour, "tooltip": tooltips}

    return [
        layer({"type": "rule", "strokeWidth": 1.6, "clip": True}, interval, means),
        layer({"type": "tick", "thickness": 3, "size": 15, "clip": True}, mean, means),
    ]


def _score_range(best: pd.DataFrame, dots: pd.DataFrame, metric: Metric) -> tuple[float, float]:
    """The scores that the axis shows.

    It shows every dot. An interval may be far wider than its dots, so it widens the axis by at most
    their range on each side.
    """
    scores = dots["score"]
    if scores.empty:
        return 0.0, 100.0

    lowest = float(scores.min())
    highest = float(scores.max())
    width = max(highest - lowest, least_width(metric, highest))

    lower_ends = best["score"] - best["half"]
    upper_ends = best["score"] + best["half"]
    ends = pd.concat([lower_ends, upper_ends]).dropna()
    lowest_end, highest_end = extent(ends, empty=(0.0, 0.0))

    low = max(lowest - width, min(lowest, lowest_end))
    high = min(highest + width, max(highest, highest_end))
    return low - 0.06 * width, high + 0.06 * width
