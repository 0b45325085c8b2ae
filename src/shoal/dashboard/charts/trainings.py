"""One genome's trainings: a dot for each, with means and intervals, and their losses by iteration.

The two charts of the page Genome.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.scores import score_title, vega_format
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    layer,
    number_channel,
    tooltip,
    vega_chart,
    word_labels,
)
from shoal.numerics.stats import ci95_half_width, mean
from shoal.objectives.registry import ACCURACY, Metric
from shoal.presentation.palette import Palette
from shoal.problems.evaluation import Evaluation
from shoal.settings.phase import Phase, number_in_phase, phase_of
from shoal.settings.search_settings import SearchSettings

# The columns of `trainings_data`, in their order.
COLUMNS = (
    "repeat",
    "phase",
    "counted",
    "fold",
    "status",
    "score",
    "loss",
    "iterations",
    "seconds",
    "worker",
)

# The phases in the order in which they are drawn, and in which the colours are given out.
PHASES = tuple(phase.value for phase in Phase)

# The height of the whole chart, in pixels.
HEIGHT = 300

# The shape of a dot, by phase: phases are told apart without colours.
_SHAPES = {"search": "circle", "confirmation": "diamond"}


@dataclass(frozen=True, slots=True)
class PhaseMean:
    """The mean score of one phase.

    Attributes
    ----------
    phase
        "search" or "confirmation".
    score
        The mean of the counted repeats, in the metric's unit.
    half
        Half of its 95 % interval, in the same unit; None for a single repeat.
    repeats
        How many repeats were counted.
    """

    phase: str
    score: float
    half: float | None
    repeats: int


def trainings_data(
    evaluations: Sequence[Evaluation], settings: SearchSettings, folds: int
) -> pd.DataFrame:
    """The trainings of one genome, one row each, in order of the repeat.

    Parameters
    ----------
    evaluations
        All trainings of the genome.
    settings
        Of its run.
    folds
        How many folds the run's rows have.

    Returns
    -------
    DataFrame
        ``repeat``; its ``phase``; ``counted``, whether it is in the mean of its phase; ``fold``
        that it was scored on, from 1, or 0 where there is one only; ``status``; ``score`` and
        ``loss``, NaN where it failed; ``iterations``; ``seconds``; ``worker``.
    """
    ordered = sorted(evaluations, key=lambda evaluation: evaluation.task.repeat)
    searched = sum(evaluation.task.phase is Phase.SEARCH for evaluation in ordered)
    scored = settings.schedule.scored_repeats(searched)

    rows = []
    for evaluation in ordered:
        task = evaluation.task
        rows.append(
            {
                "repeat": task.repeat,
                "phase": task.phase.value,
                "counted": task.phase is Phase.CONFIRMATION or task.repeat in scored,
                "fold": _fold(task.repeat, folds),
                "status": evaluation.status,
                "score": _number(evaluation.score),
                "loss": _number(evaluation.loss),
                "iterations": evaluation.iterations,
                "seconds": evaluation.seconds,
                "worker": evaluation.worker,
            }
        )

    return pd.DataFrame(rows, columns=list(COLUMNS))


def _fold(repeat: int, folds: int) -> int:
    """The fold that a repeat is scored on, from 1; 0 where there is one only."""
    if folds <= 1:
        return 0
    return repeat % folds + 1


def _number(value: float | None) -> float:
    if value is None:
        return np.nan
    return value


def phase_means(frame: pd.DataFrame) -> tuple[PhaseMean, ...]:
    """The mean of each phase; of none where a counted repeat failed, or nothing is counted."""
    means = []
    for phase in PHASES:
        scores = frame.loc[frame["counted"] & (frame["phase"] == phase), "score"].tolist()
        if not scores or np.isnan(scores).any():
            continue
        half = ci95_half_width(scores)
        means.append(PhaseMean(phase, mean(scores), half, len(scores)))
    return tuple(means)


def repeat_name(repeat: int) -> str:
    """What the pages call a training: its number in its phase, from 1, with a C for confirmations.

    Examples
    --------
    >>> repeat_name(0), repeat_name(10_000)
    ('1', 'C1')
    """
    number = number_in_phase(repeat) + 1
    if phase_of(repeat) is Phase.CONFIRMATION:
        return f"C{number}"
    return str(number)


def trainings_chart(
    frame: pd.DataFrame,
    *,
    metric: Metric = ACCURACY,
    highlight: int | None = None,
    dark: bool = False,
) -> Spec:
    """A dot for each training, over the mean and the 95 % interval of each phase.

    A dot is hollow where the training is not in the mean; a training that failed is a cross.

    Parameters
    ----------
    frame
        What `trainings_data` returned.
    metric
        What the scores are scores of.
    highlight
        The repeat whose dot is larger.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    rows = frame.assign(
        place=range(len(frame)),
        about=[_about(row) for row in frame.to_dict("records")],
        chosen=frame["repeat"] == highlight,
    )

    title = "Training"
    if (frame["phase"] == "confirmation").any():
        title = "Training (C: confirmation)"
    x = number_channel(
        "place",
        title,
        grid=False,
        values=rows["place"].tolist(),
        labelExpr=word_labels([repeat_name(repeat) for repeat in frame["repeat"]]),
        # A few dots would stand too far apart if they filled the axis.
        scale={"domain": [-0.7, max(len(frame), 4) - 0.3]},
    )
    y = number_channel("score", score_title(metric), tickCount=6, scale={"padding": 12})

    # Bands and lines first, so that the dots are drawn over them.
    layers: list[Spec] = []
    for phase_mean in phase_means(frame):
        places = rows.loc[rows["phase"] == phase_mean.phase, "place"].tolist()
        layers += _mean_layers(phase_mean, places, x, y, colours)
    layers += _dot_layers(rows, x, y, colours, metric)
    layers += _failed_layers(rows, x, y, colours, metric)
    return vega_chart(colours, height=HEIGHT, layers=layers, legend=_legend(frame, colours))


def _legend(frame: pd.DataFrame, colours: Palette) -> list[LegendEntry]:
    entries = []
    for phase, colour in _phase_colours(colours).items():
        if (frame["phase"] == phase).any():
            entries.append(LegendEntry(phase.capitalize(), colour, _SHAPES[phase]))

    if not frame["counted"].all():
        label = "Shorter rungs, not in the mean"
        entries.append(LegendEntry(label, colours.series[0], "circle", hollow=True))
    if frame["score"].isna().any():
        entries.append(LegendEntry("Failed", colours.muted, "cross"))
    return entries


def _phase_colours(colours: Palette) -> dict[str, str]:
    return dict(zip(PHASES, colours.series, strict=False))


def _mean_layers(
    phase_mean: PhaseMean, places: Sequence[int], x: Spec, y: Spec, colours: Palette
) -> list[Spec]:
    """The mean as a line across the dots of its phase, its interval as a band behind it."""
    span = {
        "place": min(places) - 0.4,
        "end": max(places) + 0.4,
        "score": phase_mean.score,
    }
    layers = []

    if phase_mean.half is not None:
        span["low"] = phase_mean.score - phase_mean.half
        span["high"] = phase_mean.score + phase_mean.half
        fill = colours.spread
        if phase_mean.phase == "search":
            fill = colours.band
        band = {"x": x, "x2": {"field": "end"}, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
        layers.append(layer({"type": "rect", "color": fill}, band, pd.DataFrame([span])))

    colour = _phase_colours(colours)[phase_mean.phase]
    line = {"type": "rule", "color": colour, "strokeWidth": 2}
    encoding = {"x": x, "x2": {"field": "end"}, "y": y}
    layers.append(layer(line, encoding, pd.DataFrame([span])))

    return layers


def _dot_layers(
    rows: pd.DataFrame, x: Spec, y: Spec, colours: Palette, metric: Metric
) -> list[Spec]:
    """The trainings that did not fail: a layer for each phase, and for what is in its mean."""
    encoding = {
        "x": x,
        "y": y,
        "size": {"condition": {"test": "datum.chosen", "value": 200}, "value": 80},
        "tooltip": tooltip(("score", score_title(metric), vega_format(metric)), ("about", " ")),
    }
    good = rows[rows["score"].notna()]

    layers = []
    for phase in rows["phase"].unique().tolist():
        colour = _phase_colours(colours)[phase]
        for counted in (True, False):
            shown = good[(good["phase"] == phase) & (good["counted"] == counted)]
            if not len(shown):
                continue
            mark = {
                "type": "point",
                "shape": _SHAPES[phase],
                "fill": colour if counted else colours.surface,
                "opacity": 1,
                "stroke": colour,
                "strokeWidth": 2,
            }
            layers.append(layer(mark, encoding, shown[["place", "score", "about", "chosen"]]))

    return layers


def _failed_layers(
    rows: pd.DataFrame, x: Spec, y: Spec, colours: Palette, metric: Metric
) -> list[Spec]:
    """The trainings that failed: crosses at the worst score of the others."""
    failed = rows[rows["score"].isna()]
    if not len(failed):
        return []

    known = rows["score"].dropna()
    worst = 0.0
    if len(known):
        worst = float(known.min() if metric.maximizes else known.max())
    mark = {
        "type": "point",
        "shape": "cross",
        "angle": 45,
        "filled": True,
        "size": 110,
        "opacity": 1,
        "color": colours.muted,
    }
    encoding = {"x": x, "y": y, "tooltip": {"value": "Failed"}}
    return [layer(mark, encoding, failed.assign(score=worst)[["place", "score"]])]


def _about(row: Mapping[Hashable, Any]) -> str:
    """A tooltip's line about a training."""
    text = f"repeat {row['repeat']}"
    if row["fold"]:
        text += f", fold {row['fold']}"
    text += f", {row['iterations']:,} iterations in {row['seconds']:.2f} s"
    if not row["counted"]:
        text += "; of a shorter rung: not in the mean"
    return text
