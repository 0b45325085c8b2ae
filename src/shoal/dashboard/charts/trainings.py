"""One genome's trainings: a dot each, and their losses. First the data, then the drawing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from shoal.dashboard.charts.base import log_ticks, palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    number_channel,
    records,
    tooltip,
    vega_chart,
    word_labels,
)
from shoal.numerics.stats import ci95_half_width, mean
from shoal.problems.evaluation import Evaluation
from shoal.settings.phase import Phase, number_in_phase, phase_of
from shoal.settings.search_settings import SearchSettings

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
PHASES = tuple(phase.value for phase in Phase)
HEIGHT = 300
CURVES_HEIGHT = 340
_SHAPES = {"search": "circle", "confirmation": "diamond"}


@dataclass(frozen=True, slots=True)
class PhaseMean:
    """Of one phase's counted repeats: accuracy in percent, half of its 95 % interval (None for one), how many."""

    phase: str
    accuracy: float
    half: float | None
    repeats: int


def trainings_data(
    evaluations: Sequence[Evaluation], settings: SearchSettings, folds: int
) -> pd.DataFrame:
    """One row a training of a genome, in order of the repeat.

    ``counted``: whether its accuracy (percent, NaN where it failed) enters the mean of its ``phase``; ``fold``: the part that
    it was scored on, from 1, 0 where there is but one.
    """
    ordered = sorted(evaluations, key=lambda e: e.task.repeat)
    searched = sum(e.task.phase is Phase.SEARCH for e in ordered)
    counted = settings.schedule.scored_repeats(searched)
    rows = [
        (
            e.task.repeat,
            e.task.phase.value,
            e.task.phase is Phase.CONFIRMATION or e.task.repeat in counted,
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


def phase_means(frame: pd.DataFrame) -> tuple[PhaseMean, ...]:
    """Of each phase that has counted repeats none of which failed."""
    found = []
    for phase in PHASES:
        values = frame.loc[frame["counted"] & (frame["phase"] == phase), "accuracy"].tolist()
        if values and not np.isnan(values).any():
            found.append(PhaseMean(phase, mean(values), ci95_half_width(values), len(values)))
    return tuple(found)


def repeat_name(repeat: int) -> str:
    """What a training is called: repeats from 1, confirmations from 1."""
    number = number_in_phase(repeat) + 1
    if phase_of(repeat) is Phase.CONFIRMATION:
        return f"C{number}"
    return str(number)


def trainings_chart(
    frame: pd.DataFrame, *, highlight: int | None = None, dark: bool = False
) -> Spec:
    """A dot a training, with mean and 95 % interval of each phase; hollow where it does not count, a cross where it failed."""
    colours, layer = palette(dark), list[Spec]()
    places = dict(zip(frame["repeat"].tolist(), range(len(frame)), strict=True))
    known = frame["accuracy"].dropna()
    keys = [
        LegendEntry(phase.capitalize(), colours.series[n], _SHAPES[phase])
        for n, phase in enumerate(PHASES)
        if (frame["phase"] == phase).any()
    ]
    if not frame["counted"].all():
        keys.append(
            LegendEntry("Shorter rungs, not in the mean", colours.series[0], "circle", hollow=True)
        )
    if frame["accuracy"].isna().any():
        keys.append(LegendEntry("Failed", colours.muted, "cross"))
    title = "Training (C: confirmation)" if (frame["phase"] == "confirmation").any() else "Training"
    label = word_labels([repeat_name(r) for r in frame["repeat"]])
    shown = {"grid": False, "values": list(places.values()), "labelExpr": label}
    x = number_channel("place", title, **shown, scale={"domain": [-0.7, max(len(frame), 4) - 0.3]})
    y = number_channel("accuracy", "Accuracy (%)", tickCount=6, scale={"padding": 12})
    for mean_of in phase_means(frame):
        colour = colours.series[PHASES.index(mean_of.phase)]
        of_phase = [places[r] for r in frame.loc[frame["phase"] == mean_of.phase, "repeat"]]
        span = {
            "place": min(of_phase) - 0.4,
            "end": max(of_phase) + 0.4,
            "accuracy": mean_of.accuracy,
        }
        if mean_of.half is not None:
            span |= {
                "low": mean_of.accuracy - mean_of.half,
                "high": mean_of.accuracy + mean_of.half,
            }
            fill = colours.band if mean_of.phase == "search" else colours.spread
            band = {
                "x": x,
                "x2": {"field": "end"},
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
            }
            layer.append(
                {
                    "data": {"values": [span]},
                    "mark": {"type": "rect", "color": fill},
                    "encoding": band,
                }
            )
        line = {"type": "rule", "color": colour, "strokeWidth": 2}
        layer.append(
            {
                "data": {"values": [span]},
                "mark": line,
                "encoding": {"x": x, "x2": {"field": "end"}, "y": y},
            }
        )
    told = tooltip(("accuracy", "Accuracy (%)", ".2f"), ("about", " "))
    rows = frame.assign(
        place=frame["repeat"].map(places),
        about=[_about(row) for row in frame.to_dict("records")],
        chosen=frame["repeat"] == highlight,
    )
    for phase in frame["phase"].unique().tolist():
        for counted in (True, False):
            good = rows[
                (rows["phase"] == phase) & (rows["counted"] == counted) & rows["accuracy"].notna()
            ]
            if len(good):
                colour = colours.series[PHASES.index(phase)]
                fill = colour if counted else colours.surface
                mark = {
                    "type": "point",
                    "shape": _SHAPES[phase],
                    "fill": fill,
                    "opacity": 1,
                    "stroke": colour,
                }
                size = {"condition": {"test": "datum.chosen", "value": 200}, "value": 80}
                told_by = {"x": x, "y": y, "size": size, "tooltip": told}
                values = records(good[["place", "accuracy", "about", "chosen"]])
                layer.append(
                    {
                        "data": {"values": values},
                        "mark": {**mark, "strokeWidth": 2},
                        "encoding": told_by,
                    }
                )
    lost = rows[rows["accuracy"].isna()].assign(accuracy=float(known.min()) if len(known) else 0.0)
    if len(lost):
        mark = {
            "type": "point",
            "shape": "cross",
            "angle": 45,
            "filled": True,
            "size": 110,
            "opacity": 1,
        }
        encoding = {"x": x, "y": y, "tooltip": {"value": "Failed"}}
        values = records(lost[["place", "accuracy"]])
        layer.append(
            {
                "data": {"values": values},
                "mark": {**mark, "color": colours.muted},
                "encoding": encoding,
            }
        )
    return vega_chart(colours, height=HEIGHT, layer=layer, keys=keys)


def _about(row: Mapping[Hashable, Any]) -> str:
    fold = f", fold {row['fold']}" if row["fold"] else ""
    why = "" if row["counted"] else "; of a shorter rung: not in the mean"
    return f"repeat {row['repeat']}{fold}, {row['iterations']:,} iterations in {row['seconds']:.2f} s{why}"


def losses_data(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """The recorded points of all losses: ``repeat``, ``iteration`` (from 1), ``loss`` of the best particle so far, above 0."""
    rows = [
        (e.task.repeat, iteration, loss)
        for e in sorted(evaluations, key=lambda e: e.task.repeat)
        for iteration, loss in e.curve
        if loss > 0  # a logarithmic axis has no place for another
    ]
    return pd.DataFrame(rows, columns=["repeat", "iteration", "loss"])


def losses_chart(frame: pd.DataFrame, *, highlight: int | None = None, dark: bool = False) -> Spec:
    """Training loss by iteration, a line a training; ``highlight`` is the repeat in front."""
    colours = palette(dark)
    rows = frame.assign(
        training=[repeat_name(int(r)) for r in frame["repeat"]],
        phase=[phase_of(repeat).value for repeat in frame["repeat"]],
    )
    marks = log_ticks(frame["loss"], most=8)
    encoding = {
        "x": number_channel(
            "iteration", "Iteration", grid=False, format=",d", tickCount=7, scale={"domainMin": 0}
        ),
        "y": number_channel(
            "loss", "Training loss", format="~r", values=marks, scale={"type": "log"}
        ),
        "detail": {"field": "repeat"},
        "strokeDash": {
            "condition": {"test": "datum.phase == 'confirmation'", "value": [6, 3]},
            "value": [1, 0],
        },
        "tooltip": tooltip(
            ("training", "Training"), ("loss", "Loss", ".4g"), ("iteration", "Iteration", ",d")
        ),
    }
    by_phase = {
        "condition": {"test": "datum.phase == 'confirmation'", "value": colours.series[1]},
        "value": colours.series[0],
    }
    looks = (  # the one in front is drawn last
        (rows[rows["repeat"] != highlight], {"strokeWidth": 1.5, "opacity": 0.5}, by_phase),
        (rows[rows["repeat"] == highlight], {"strokeWidth": 3}, {"value": colours.text}),
    )
    layer = [
        {
            "data": {"values": records(own)},
            "mark": {"type": "line", **look},
            "encoding": {**encoding, "color": colour},
        }
        for own, look, colour in looks
        if len(own)
    ]
    return vega_chart(colours, height=CURVES_HEIGHT, layer=layer)
