"""The losses of one genome's trainings by iteration, on the page Genome."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.loss_axis import has_place, loss_channel, loss_tooltip, with_shown
from shoal.dashboard.charts.trainings import repeat_name
from shoal.dashboard.charts.vega import Spec, layer, number_channel, tooltip, vega_chart
from shoal.objectives.registry import Metric
from shoal.presentation.log_ticks import log_ticks
from shoal.problems.evaluation import Evaluation
from shoal.settings.phase import phase_of

# The height of the whole chart, in pixels.
LOSSES_HEIGHT = 340


def losses_data(evaluations: Sequence[Evaluation], metric: Metric | None = None) -> pd.DataFrame:
    """The recorded points of all losses, one row each.

    Parameters
    ----------
    evaluations
        Trainings of one genome.
    metric
        Of the scores that the losses are; None: they are no scores.

    Returns
    -------
    DataFrame
        ``repeat``; ``iteration``, from 1; ``loss`` of the best particle so far. A loss of 0 or
        below has no place on a logarithmic axis and is left out.
    """
    points = []
    for evaluation in sorted(evaluations, key=lambda evaluation: evaluation.task.repeat):
        for iteration, loss in evaluation.curve:
            if has_place(loss, metric):
                points.append((evaluation.task.repeat, iteration, loss))

    return pd.DataFrame(points, columns=["repeat", "iteration", "loss"])


def losses_chart(
    frame: pd.DataFrame,
    *,
    metric: Metric | None = None,
    highlight: int | None = None,
    dark: bool = False,
) -> Spec:
    """The training loss by iteration, a line for each training.

    Parameters
    ----------
    frame
        What `losses_data` returned.
    metric
        Of the scores that the losses are; None: they are no scores.
    highlight
        The repeat whose line is drawn in front, and thicker.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    rows = with_shown(frame, metric).assign(
        training=[repeat_name(int(repeat)) for repeat in frame["repeat"]],
        phase=[phase_of(repeat).value for repeat in frame["repeat"]],
    )

    is_confirmation = "datum.phase == 'confirmation'"
    encoding = {
        "x": iteration_channel(rows),
        "y": loss_channel(rows, "Training loss", metric),
        "detail": {"field": "repeat"},
        "strokeDash": {
            "condition": {"test": is_confirmation, "value": [6, 3]},
            "value": [1, 0],
        },
        "tooltip": tooltip(
            ("training", "Training"), loss_tooltip(metric), ("iteration", "Iteration", ",d")
        ),
    }
    by_phase = {
        "condition": {"test": is_confirmation, "value": colours.series[1]},
        "value": colours.series[0],
    }

    # The line in front is drawn last.
    behind = rows[rows["repeat"] != highlight]
    in_front = rows[rows["repeat"] == highlight]
    layers = []
    if len(behind):
        mark = {"type": "line", "clip": True, "strokeWidth": 1.5, "opacity": 0.5}
        layers.append(layer(mark, {**encoding, "color": by_phase}, behind))
    if len(in_front):
        mark = {"type": "line", "clip": True, "strokeWidth": 3}
        layers.append(layer(mark, {**encoding, "color": {"value": colours.text}}, in_front))

    return vega_chart(colours, height=LOSSES_HEIGHT, layers=layers)


def iteration_channel(rows: pd.DataFrame) -> Spec:
    """The horizontal channel of iterations: logarithmic, with ticks at 1, 2 and 5.

    Most is learned in the first iterations.
    """
    ticks = log_ticks(rows["iteration"], most=12)
    return number_channel(
        "iteration", "Iteration", grid=False, format=",d", values=ticks, scale={"type": "log"}
    )
