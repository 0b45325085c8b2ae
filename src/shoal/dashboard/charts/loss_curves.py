"""Losses over iterations: of what trains now, and of what was recorded last. First the data, then the drawing."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from shoal.dashboard.charts.base import log_ticks, palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    number_channel,
    records,
    tooltip,
    vega_chart,
)
from shoal.problems.evaluation import Evaluation
from shoal.store import RunningTraining

HEIGHT = 230
COLUMNS = ("label", "state", "iteration", "loss")


def loss_curves_data(
    under_way: Sequence[RunningTraining], recorded: Sequence[Evaluation]
) -> pd.DataFrame:
    """A row a point: ``label`` of the training, ``state`` ("now" or "recorded"), ``iteration`` from 1, global best ``loss``.

    What is not finite, or not above zero, has no place on a logarithmic axis and is left out.
    """
    # Of what stands thin and grey behind, every second point is enough, the last one among them.
    sources = [
        ("recorded", e.task.genome.hash, e.task.repeat, e.curve[::-2][::-1])
        for e in reversed(recorded)
    ]
    sources += [("now", u.genome.hash, u.repeat, u.curve) for u in under_way]
    rows = [
        (f"{name[:8]}, repeat {repeat}", state, iteration, loss)
        for state, name, repeat, curve in sources
        for iteration, loss in curve
        if 0.0 < loss < float("inf")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def loss_curves_chart(frame: pd.DataFrame, *, dark: bool = False) -> Spec:
    """What trains now in colours and thick, what was recorded last thin and grey behind it."""
    colours = palette(dark)
    now = frame.loc[frame["state"] == "now", "label"].unique().tolist()
    looks = {label: colours.series[n % 6] for n, label in enumerate(now)}
    rows = frame.assign(
        colour=frame["label"].map(looks).where(frame["state"] == "now", colours.faint)
    )
    marks = log_ticks(frame["loss"], most=8)
    y = number_channel("loss", "Loss", format="~r", values=marks, scale={"type": "log"})
    x = number_channel("iteration", "Iteration", grid=False, tickCount=6, format=",d")
    told = tooltip(("label", "Training"), ("loss", "Loss", ".4g"), ("iteration", "Iteration", ",d"))
    encoding = {
        "x": x,
        "y": y,
        "detail": {"field": "label"},
        "color": {"field": "colour", "type": "nominal", "scale": None},
        "tooltip": told,
    }
    layer = [
        {
            "transform": [{"filter": f"datum.state == '{state}'"}],
            "mark": {"type": "line", "clip": True, "strokeWidth": width},
            "encoding": encoding,
        }
        for state, width in (("recorded", 1.1), ("now", 2.4))
    ]
    # Always a line of the legend, so that the figure stays where it is between two trainings.
    keys = [
        LegendEntry("Recorded last", colours.faint),
        *(LegendEntry(label, colour) for label, colour in looks.items()),
    ]
    return vega_chart(
        colours, height=HEIGHT, layer=layer, keys=keys, data={"values": records(rows)}
    )
