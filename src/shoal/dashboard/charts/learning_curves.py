"""The held-out loss beside the training loss, by iteration, on the page Genome."""

from __future__ import annotations

import math

import pandas as pd

from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.loss_axis import (
    SHOWN,
    has_place,
    loss_channel,
    loss_tooltip,
    with_shown,
)
from shoal.dashboard.charts.training_losses import LOSSES_HEIGHT, iteration_channel
from shoal.dashboard.charts.trainings import repeat_name
from shoal.dashboard.charts.vega import LegendEntry, Spec, layer, tooltip, vega_chart
from shoal.replay.learning_curves import LearningCurves

# The parts of the rows, with the words of the legend.
PARTS = {"training": "Training rows", "held_out": "Held-out rows"}
# Held-out losses above the worst training loss by more than this factor are cut off.
_ROOM = 3.0


def learning_curves_data(curves: LearningCurves) -> pd.DataFrame:
    """The points of all curves, one row each.

    Parameters
    ----------
    curves
        Of one genome.

    Returns
    -------
    DataFrame
        ``repeat``; ``part``, one of `PARTS`; ``iteration``, from 1; ``loss``. A loss that is not
        finite, or not above 0, has no place on a logarithmic axis and is left out.
    """
    points = []
    for curve in curves.of:
        for part in PARTS:
            for point in curve.points:
                loss = getattr(point, part)
                if math.isfinite(loss) and has_place(loss, None):
                    points.append((curve.repeat, part, point.iteration, loss))
    return pd.DataFrame(points, columns=["repeat", "part", "iteration", "loss"])


def learning_curves_chart(
    frame: pd.DataFrame, *, highlight: int | None = None, dark: bool = False
) -> Spec:
    """Two lines for each training: the loss on the rows that it learns from, and on others.

    Parameters
    ----------
    frame
        What `learning_curves_data` returned.
    highlight
        The repeat whose lines are drawn in front, and thicker.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    line_colours = dict(zip(PARTS, colours.series, strict=False))
    rows = with_shown(frame, None).assign(
        training=[repeat_name(int(repeat)) for repeat in frame["repeat"]],
        about=frame["part"].map(PARTS),
    )
    of_training = rows.loc[rows["part"] == "training", SHOWN]
    if len(of_training):
        rows = rows[rows[SHOWN] <= _ROOM * float(of_training.max())]

    encoding = {
        "x": iteration_channel(rows),
        "y": loss_channel(rows, "Loss", None),
        "detail": {"field": "repeat"},
        "tooltip": tooltip(
            ("about", " "),
            ("training", "Training"),
            loss_tooltip(None),
            ("iteration", "Iteration", ",d"),
        ),
    }
    layers = []
    legend = []
    for is_in_front in (False, True):
        for part, colour in line_colours.items():
            shown = rows[(rows["part"] == part) & ((rows["repeat"] == highlight) == is_in_front)]
            if not len(shown):
                continue
            mark = {
                "type": "line",
                "clip": True,
                "color": colour,
                "strokeWidth": 3 if is_in_front else 1.3,
                "opacity": 1 if is_in_front else 0.45,
                "strokeDash": _dash(part),
            }
            layers.append(layer(mark, encoding, shown))
    for part, colour in line_colours.items():
        legend.append(LegendEntry(PARTS[part], colour, dash=_dash(part)))
    return vega_chart(colours, height=LOSSES_HEIGHT, layers=layers, legend=legend)


def _dash(part: str) -> list[int]:
    """Lines are told apart without colours, too."""
    return [7, 3] if part == "held_out" else []
