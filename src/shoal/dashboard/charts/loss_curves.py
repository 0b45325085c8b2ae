"""Loss by iteration: of what trains now, and of the trainings that were recorded last.

The chart in the card *Training now* of the page Live.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.loss_axis import has_place, loss_channel, loss_tooltip, with_shown
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    number_channel,
    records,
    tooltip,
    vega_chart,
)
from shoal.objectives.registry import Metric
from shoal.problems.evaluation import Evaluation
from shoal.store import RunningTraining

# The height of the whole chart, in pixels.
HEIGHT = 230


class _Point(NamedTuple):
    """A point of a curve: a row of `loss_curves_data`, whose columns are named like its fields."""

    label: str
    state: str
    iteration: int
    loss: float


def loss_curves_data(
    under_way: Sequence[RunningTraining],
    recorded: Sequence[Evaluation],
    metric: Metric | None = None,
) -> pd.DataFrame:
    """The points of all curves, one row each.

    Parameters
    ----------
    under_way
        What trains now.
    recorded
        The trainings that were recorded last, the newest first.
    metric
        Of the scores that the losses are; None: they are no scores.

    Returns
    -------
    DataFrame
        ``label`` of the training; ``state``, "now" or "recorded"; ``iteration`` from 1; ``loss`` of
        the swarm's best so far. A loss that is not finite, or not above 0 on a logarithmic
        axis, has no place and is left out.
    """
    points: list[_Point] = []
    for evaluation in reversed(recorded):
        task = evaluation.task
        # These are thin and grey in the background: every second point is enough, counted from the
        # end so that the last one stays.
        thinned = evaluation.curve[::-2][::-1]
        points += _points(_label(task.genome.hash, task.repeat), "recorded", thinned, metric)
    for training in under_way:
        label = _label(training.genome.hash, training.repeat)
        points += _points(label, "now", training.curve, metric)

    return pd.DataFrame(points, columns=_Point._fields)


def _label(genome: str, repeat: int) -> str:
    return f"{genome[:8]}, repeat {repeat}"


def _points(
    label: str, state: str, curve: Iterable[tuple[int, float]], metric: Metric | None
) -> list[_Point]:
    """The points of one curve that the axis can show."""
    points = []
    for iteration, loss in curve:
        if has_place(loss, metric):
            points.append(_Point(label, state, iteration, loss))
    return points


def loss_curves_chart(
    frame: pd.DataFrame, *, metric: Metric | None = None, dark: bool = False
) -> Spec:
    """What trains now as thick coloured lines, over thin grey ones of what was recorded last.

    Parameters
    ----------
    frame
        What `loss_curves_data` returned.
    metric
        Of the scores that the losses are; None: they are no scores.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    is_now = frame["state"] == "now"
    line_colours = {}
    for n, label in enumerate(frame.loc[is_now, "label"].unique().tolist()):
        line_colours[label] = colours.series[n % len(colours.series)]
    rows = with_shown(frame, metric).assign(
        colour=frame["label"].map(line_colours).where(is_now, colours.faint)
    )

    encoding = {
        "x": number_channel("iteration", "Iteration", grid=False, tickCount=6, format=",d"),
        "y": loss_channel(rows, "Loss", metric),
        "detail": {"field": "label"},
        "color": {"field": "colour", "type": "nominal", "scale": None},
        "tooltip": tooltip(
            ("label", "Training"), loss_tooltip(metric), ("iteration", "Iteration", ",d")
        ),
    }

    layers: list[Spec] = []
    for state, width in (("recorded", 1.1), ("now", 2.4)):
        layers.append(
            {
                # Both layers filter the chart's data, so that these are sent once.
                "transform": [{"filter": f"datum.state == '{state}'"}],
                "mark": {"type": "line", "clip": True, "strokeWidth": width},
                "encoding": encoding,
            }
        )

    # The legend always has this entry, so that it has a line and the chart does not move between
    # two trainings.
    legend = [LegendEntry("Recorded last", colours.faint)]
    legend += [LegendEntry(label, colour) for label, colour in line_colours.items()]
    return vega_chart(
        colours, height=HEIGHT, layers=layers, legend=legend, data={"values": records(rows)}
    )
