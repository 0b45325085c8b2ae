"""What one network predicts: predictions beside the truth, residuals, and a confusion matrix.

The charts of the card *What its network predicts* on the page Genome, and of the champion's card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from shoal.dashboard.charts.base import COLOUR_SCALE, palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    layer,
    legend_channels,
    number_channel,
    records,
    tooltip,
    vega_chart,
    word_labels,
)
from shoal.presentation.palette import Palette
from shoal.replay.predictions import PartPredictions

# The most points of one part. More cannot be told apart, and are drawn slowly.
MOST_POINTS = 2_000

# The height of a chart with points, and the least height of a confusion matrix, in pixels.
HEIGHT = 360

# What the pages call the parts of the rows, and the shape of their points.
PART_LABELS = {"train": "Trained on", "validation": "Held out", "test": "Test rows"}
_SYMBOLS = {"train": "circle", "validation": "diamond", "test": "circle"}

# The most characters of a class's name that are shown.
_LONGEST_NAME = 24

# From more classes on, cells have no counts and axes no names.
_MANY_CLASSES = 12


def residuals_data(parts: Mapping[str, PartPredictions]) -> pd.DataFrame:
    """Predictions and residuals of all parts of the rows, one row each.

    Of a large part it holds every n-th row. Rows are never chosen by the size of their residual, so
    the picture is that of all.

    Parameters
    ----------
    parts
        Targets and predictions by part: "train", "validation" or "test".

    Returns
    -------
    DataFrame
        ``part``; ``target``, ``predicted`` and ``residual`` (predicted - target), in the target's
        unit.
    """
    frames = []
    for part, predictions in parts.items():
        # Rounded up, so that no part has more points than allowed.
        each = -(-len(predictions.target) // MOST_POINTS)
        target = predictions.target[::each]
        predicted = predictions.predicted[::each]
        columns = {
            "part": part,
            "target": target,
            "predicted": predicted,
            "residual": predicted - target,
        }
        frames.append(pd.DataFrame(columns))

    return pd.concat(frames, ignore_index=True)


def predictions_chart(frame: pd.DataFrame, *, dark: bool = False) -> Spec:
    """Predictions over true values, with the line on which both are equal.

    Parameters
    ----------
    frame
        What `residuals_data` returned.
    dark
        Draw for the dark theme.
    """
    values = frame[["target", "predicted"]].to_numpy()
    low = float(values.min())
    high = float(values.max())
    line = pd.DataFrame({"target": [low, high], "predicted": [low, high]})

    x = _channel("target", "True value")
    y = _channel("predicted", "Predicted value")
    return _points_chart(frame, line, x, y, palette(dark))


def residuals_chart(frame: pd.DataFrame, *, dark: bool = False) -> Spec:
    """Residuals over predictions: a shape in them is something that the network has not learned.

    Parameters
    ----------
    frame
        What `residuals_data` returned.
    dark
        Draw for the dark theme.
    """
    ends = [frame["predicted"].min(), frame["predicted"].max()]
    line = pd.DataFrame({"predicted": ends, "residual": [0.0, 0.0]})

    x = _channel("predicted", "Predicted value")
    y = _channel("residual", "Residual (predicted - true)")
    return _points_chart(frame, line, x, y, palette(dark))


def _channel(field: str, title: str) -> Spec:
    return number_channel(field, title, tickCount=6, scale={"padding": 8})


def _points_chart(
    frame: pd.DataFrame, line: pd.DataFrame, x: Spec, y: Spec, colours: Palette
) -> Spec:
    """A point for each row of data over a thin line."""
    legend = []
    for (part, label), part_colour in zip(PART_LABELS.items(), colours.series, strict=False):
        if (frame["part"] == part).any():
            legend.append(LegendEntry(label, part_colour, _SYMBOLS[part], hollow=True))

    tooltips = tooltip(
        ("label", "Rows"), ("target", "True", ".4~g"), ("predicted", "Predicted", ".4~g")
    )
    colour, shape = legend_channels("label", legend)
    encoding = {"x": x, "y": y, "tooltip": tooltips, "color": colour, "shape": shape}
    points = frame.assign(label=frame["part"].map(PART_LABELS))

    layers = [
        layer({"type": "line", "strokeWidth": 1, "color": colours.muted}, {"x": x, "y": y}, line),
        layer({"type": "point", "size": 32, "opacity": 0.75, "strokeWidth": 1.4}, encoding, points),
    ]
    return vega_chart(colours, height=HEIGHT, layers=layers, legend=legend)


def confusion_data(predictions: PartPredictions, classes: Sequence[str]) -> pd.DataFrame:
    """How many rows of each true class (index) the network took for each class (columns)."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    cells = (predictions.target.astype(int), predictions.predicted.astype(int))
    # Unlike `counts[cells] += 1`, this counts a cell as often as it is named.
    np.add.at(counts, cells, 1)
    return pd.DataFrame(counts, index=list(classes), columns=list(classes))


def confusion_chart(frame: pd.DataFrame, *, dark: bool = False) -> Spec:
    """A confusion matrix: counts, coloured by the share of the true class.

    Parameters
    ----------
    frame
        What `confusion_data` returned.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    names = [_shortened(str(name)) for name in frame.index]
    few_classes = len(names) <= _MANY_CLASSES

    axis = {
        "labelExpr": word_labels(names),
        "labels": few_classes,
        "ticks": False,
        "domain": False,
        "labelAngle": 0,
        "labelLimit": 110,
    }
    encoding = {
        "x": {"field": "taken", "type": "ordinal", "axis": {"title": "Predicted class", **axis}},
        "y": {"field": "true", "type": "ordinal", "axis": {"title": "True class", **axis}},
    }

    layers = [_cells_layer(colours)]
    if few_classes:
        layers.append(_counts_layer())
    return vega_chart(
        colours,
        height=min(620, max(HEIGHT, 110 + 44 * len(names))),
        layers=layers,
        fit=True,
        data={"values": records(_confusion_cells(frame.to_numpy(), names))},
        encoding=encoding,
    )


def _confusion_cells(counts: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """The cells of the matrix, one row each: classes by number and name, rows, and their share."""
    # A class without rows has shares of 0, not of 0 / 0.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    true, taken = np.indices(counts.shape)
    cells = pd.DataFrame(
        {
            "true": true.ravel(),
            "taken": taken.ravel(),
            "rows": counts.ravel(),
            "share": shares.ravel(),
        }
    )

    return cells.assign(
        true_name=[names[number] for number in cells["true"]],
        taken_name=[names[number] for number in cells["taken"]],
    )


def _cells_layer(colours: Palette) -> Spec:
    colour = {
        "field": "share",
        "type": "quantitative",
        "scale": {"scheme": COLOUR_SCALE.lower(), "domain": [0, 1]},
        "legend": {"orient": "right", "format": ".0%", "gradientThickness": 12, "titleLimit": 0},
    }

    tooltips = tooltip(
        ("true_name", "True class"),
        ("taken_name", "Taken for"),
        ("rows", "Rows", ",d"),
        ("share", "Of its class", ".1%"),
    )
    mark = {"type": "rect", "stroke": colours.surface, "strokeWidth": 2}
    return layer(mark, {"color": colour, "tooltip": tooltips})


def _counts_layer() -> Spec:
    """The counts as text: dark on the bright end of the scale, white elsewhere."""
    colour = {
        "condition": {"test": "datum.share > 0.6", "value": "#15242c"},
        "value": "#ffffff",
    }
    return layer({"type": "text"}, {"text": {"field": "rows", "format": ",d"}, "color": colour})


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    return name[: _LONGEST_NAME - 1] + "…"
