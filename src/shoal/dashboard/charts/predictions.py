"""What one network says of its rows: predictions beside the truth, residuals, a confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from shoal.dashboard.charts.base import COLOUR_SCALE, palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    category_channel,
    number_channel,
    records,
    tooltip,
    vega_chart,
    word_labels,
)
from shoal.replay.predictions import PartPredictions

MOST_POINTS = 2_000  # of a part: more are neither told apart nor quickly drawn
HEIGHT = 360
PART_LABELS = {"train": "Trained on", "validation": "Held out", "test": "Test rows"}
_SYMBOLS = {"train": "circle", "validation": "diamond", "test": "circle"}
_LONGEST = 24  # characters of a class


def residuals_data(parts: Mapping[str, PartPredictions]) -> pd.DataFrame:
    """``part``, ``target``, ``predicted`` and ``residual`` (predicted - target), in the target's unit.

    Of large parts every n-th row; never by their size, so that the picture is that of all.
    """
    frames = []
    for name, fit in parts.items():
        every = -(-len(fit.target) // MOST_POINTS)
        target, predicted = fit.target[::every], fit.predicted[::every]
        frames.append(
            pd.DataFrame(
                {
                    "part": name,
                    "target": target,
                    "predicted": predicted,
                    "residual": predicted - target,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def predictions_chart(frame: pd.DataFrame, *, dark: bool = False) -> Spec:
    """Predictions over the true values; on the line both are equal."""
    values = frame[["target", "predicted"]].to_numpy()
    low, high = float(values.min()), float(values.max())
    ends = pd.DataFrame({"target": [low, high], "predicted": [low, high]})
    line = {"mark": {"type": "line", "strokeWidth": 1}, "data": {"values": records(ends)}}
    return _points(frame, ("target", "True value"), ("predicted", "Predicted value"), line, dark)


def residuals_chart(frame: pd.DataFrame, *, dark: bool = False) -> Spec:
    """Residuals over the predictions: a shape in them is something that the network has not learned."""
    ends = pd.DataFrame(
        {"predicted": [frame["predicted"].min(), frame["predicted"].max()], "residual": [0.0, 0.0]}
    )
    line = {"mark": {"type": "line", "strokeWidth": 1}, "data": {"values": records(ends)}}
    return _points(
        frame,
        ("predicted", "Predicted value"),
        ("residual", "Residual (predicted - true)"),
        line,
        dark,
    )


def _points(
    frame: pd.DataFrame, across: tuple[str, str], up: tuple[str, str], line: Spec, dark: bool
) -> Spec:
    colours = palette(dark)
    x, y = (number_channel(*of, tickCount=6, scale={"padding": 8}) for of in (across, up))
    keys = [
        LegendEntry(label, colours.series[n], _SYMBOLS[name], hollow=True)
        for n, (name, label) in enumerate(PART_LABELS.items())
        if (frame["part"] == name).any()
    ]
    told = tooltip(
        ("label", "Rows"), ("target", "True", ".4~g"), ("predicted", "Predicted", ".4~g")
    )
    dots = {
        "data": {"values": records(frame.assign(label=frame["part"].map(PART_LABELS)))},
        "mark": {"type": "point", "size": 32, "opacity": 0.75, "strokeWidth": 1.4},
        "encoding": {
            "x": x,
            "y": y,
            "tooltip": told,
            "color": category_channel("label", {key.label: key.colour for key in keys}),
            "shape": category_channel("label", {key.label: key.shape for key in keys}),
        },
    }
    line["mark"] |= {"color": colours.muted}
    return vega_chart(
        colours, height=HEIGHT, layer=[{**line, "encoding": {"x": x, "y": y}}, dots], keys=keys
    )


def confusion_data(fit: PartPredictions, classes: Sequence[str]) -> pd.DataFrame:
    """Rows of each true class (index) that were taken for each class (columns)."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (fit.target.astype(int), fit.predicted.astype(int)), 1)
    return pd.DataFrame(counts, index=list(classes), columns=list(classes))


def confusion_chart(frame: pd.DataFrame, *, dark: bool = False) -> Spec:
    """Counts, coloured by the share of the true class."""
    colours, counts = palette(dark), frame.to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [_short(str(name)) for name in frame.index]
    true, taken = np.indices(counts.shape)
    rows = pd.DataFrame(
        {
            "true": true.ravel(),
            "taken": taken.ravel(),
            "rows": counts.ravel(),
            "share": shares.ravel(),
        }
    )
    rows = rows.assign(
        true_name=[names[k] for k in rows["true"]], taken_name=[names[k] for k in rows["taken"]]
    )
    few = len(names) <= 12
    shared = {
        "labelExpr": word_labels(names),
        "labels": few,
        "ticks": False,
        "domain": False,
        "labelAngle": 0,
        "labelLimit": 110,
    }
    x = {"field": "taken", "type": "ordinal", "axis": {"title": "Predicted class", **shared}}
    y = {"field": "true", "type": "ordinal", "axis": {"title": "True class", **shared}}
    told = tooltip(
        ("true_name", "True class"),
        ("taken_name", "Taken for"),
        ("rows", "Rows", ",d"),
        ("share", "Of its class", ".1%"),
    )
    scale = {"scheme": COLOUR_SCALE.lower(), "domain": [0, 1]}
    legend = {"orient": "right", "format": ".0%", "gradientThickness": 12, "titleLimit": 0}
    layer: list[Spec] = [
        {
            "mark": {"type": "rect", "stroke": colours.surface, "strokeWidth": 2},
            "encoding": {
                "color": {
                    "field": "share",
                    "type": "quantitative",
                    "scale": scale,
                    "legend": legend,
                },
                "tooltip": told,
            },
        }
    ]
    if few:
        bright = {
            "condition": {"test": "datum.share > 0.6", "value": "#15242c"},
            "value": "#ffffff",
        }
        layer.append(
            {
                "mark": {"type": "text"},
                "encoding": {"text": {"field": "rows", "format": ",d"}, "color": bright},
            }
        )
    height = min(620, max(HEIGHT, 110 + 44 * len(names)))
    return vega_chart(
        colours,
        height=height,
        layer=layer,
        fit=True,
        data={"values": records(rows)},
        encoding={"x": x, "y": y},
    )


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
