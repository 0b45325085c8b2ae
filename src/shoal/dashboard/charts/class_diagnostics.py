"""How a model of classes decides: ROC and precision-recall, scores by threshold, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.analysis.class_diagnostics import Calibration, ClassCurves
from shoal.dashboard.charts.base import palette
from shoal.dashboard.charts.vega import (
    LegendEntry,
    Spec,
    layer,
    number_channel,
    tooltip,
    vega_chart,
)
from shoal.presentation.formatting import shortened
from shoal.presentation.palette import Palette

HEIGHT = 320
# Curves that are drawn, as many as there are colours. The legend names them.
MOST_CURVES = 6
# Points of a curve that are drawn.
_MOST_POINTS = 200
_LONGEST_NAME = 24
_DASH = (4.0, 4.0)

# The scores by threshold that are drawn, as people call them.
_SCORES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}


def roc_chart(curves: Sequence[ClassCurves], *, dark: bool = False) -> Spec:
    """The share of a class that is found, over the share of the others that is taken for it."""
    frames = []
    names = []
    for curve in curves[:MOST_CURVES]:
        names.append(f"{shortened(curve.name, _LONGEST_NAME)}: AUC {curve.roc_auc:.3f}")
        frames.append(_points(names[-1], curve.false_positive_rate, curve.true_positive_rate))
    guess = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    return _curves_chart(
        frames, names, guess, ("False positive rate", "True positive rate"), dark=dark
    )


def precision_recall_chart(curves: Sequence[ClassCurves], *, dark: bool = False) -> Spec:
    """How many of those that are taken for a class are of it, over the share that is found."""
    frames = []
    names = []
    for curve in curves[:MOST_CURVES]:
        names.append(f"{shortened(curve.name, _LONGEST_NAME)}: AP {curve.average_precision:.3f}")
        frames.append(_points(names[-1], curve.recall, curve.precision))
    guess = pd.DataFrame(columns=["x", "y"])
    if len(curves) == 1:
        share = curves[0].share
        guess = pd.DataFrame({"x": [0.0, 1.0], "y": [share, share]})
    return _curves_chart(frames, names, guess, ("Recall", "Precision"), dark=dark)


def calibration_chart(groups: Sequence[Calibration], *, dark: bool = False) -> Spec:
    """How often a class happens, over the probability that was predicted."""
    frames = []
    names = []
    for own in groups[:MOST_CURVES]:
        names.append(f"{shortened(own.name, _LONGEST_NAME)}: Brier {own.brier:.3f}")
        frames.append(_points(names[-1], own.predicted, own.happened))
    right = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    titles = ("Predicted probability", "Share that happened")
    return _curves_chart(frames, names, right, titles, points=True, dark=dark)


def _points(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> pd.DataFrame:
    """The points of a curve in their order, every n-th of many, both ends among them."""
    places = np.unique(np.linspace(0, len(x) - 1, _MOST_POINTS).round().astype(int))
    frame = pd.DataFrame({"x": x[places], "y": y[places], "order": np.arange(len(places))})
    return frame.assign(name=name)


def _curves_chart(
    frames: Sequence[pd.DataFrame],
    names: Sequence[str],
    guess: pd.DataFrame,
    titles: tuple[str, str],
    *,
    points: bool = False,
    dark: bool,
) -> Spec:
    """A line for each class, over a dashed one."""
    colours = palette(dark)
    scale: Spec = {"domain": [0, 1]}
    x = number_channel("x", titles[0], format=".0%", tickCount=5, scale=scale)
    y = number_channel("y", titles[1], format=".0%", tickCount=5, scale=scale)
    series = list(colours.series[: len(names)])
    encoding = {
        "x": x,
        "y": y,
        "order": {"field": "order"},
        "color": {
            "field": "name",
            "scale": {"domain": list(names), "range": series},
            "legend": None,
        },
        "tooltip": tooltip(("name", " "), ("x", titles[0], ".1%"), ("y", titles[1], ".1%")),
    }
    layers: list[Spec] = []
    if len(guess):
        dashed = {"type": "line", "strokeDash": list(_DASH), "color": colours.muted}
        layers.append(layer(dashed, {"x": x, "y": y}, guess))
    mark: Spec = {"type": "line", "strokeWidth": 2.4}
    if points:
        mark["point"] = {"size": 45, "filled": True}
    layers.append(layer(mark, encoding, pd.concat(frames, ignore_index=True)))
    legend = [LegendEntry(name, colour) for name, colour in zip(names, series, strict=True)]
    return vega_chart(colours, height=HEIGHT, layers=layers, legend=legend)


def threshold_chart(
    scores: pd.DataFrame, column: str, title: str, threshold: float, *, dark: bool = False
) -> Spec:
    """Precision, recall, F1 and the run's metric at each threshold, and the one that is chosen.

    Parameters
    ----------
    scores
        `ClassDiagnostics.by_threshold`.
    column
        The run's metric in it, or what stands for it.
    title
        What people call that.
    threshold
        The one that is chosen.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    shown = scores.reset_index()
    # Scores in percent, and shares, have one axis.
    own = shown[column] / 100 if column == "accuracy" else shown[column]
    is_share = bool(own.between(0.0, 1.0).all())
    lines = {label: shown[name] for name, label in _SCORES.items()}
    if is_share and column not in _SCORES:
        lines[title] = own

    frames = []
    for label, values in lines.items():
        frame = pd.DataFrame({"threshold": shown["threshold"], "score": values})
        frames.append(frame.assign(label=label))
    series = list(colours.series[: len(lines)])
    x = number_channel("threshold", "Threshold", format=".0%", tickCount=5)
    x["scale"]["domain"] = [0, 1]
    encoding = {
        "x": x,
        "y": number_channel("score", "Score", format=".0%", scale={"domain": [0, 1]}, tickCount=5),
        "color": {
            "field": "label",
            "scale": {"domain": list(lines), "range": series},
            "legend": None,
        },
        "tooltip": tooltip(
            ("label", " "), ("threshold", "Threshold", ".0%"), ("score", "Score", ".1%")
        ),
    }
    layers = [
        layer({"type": "line", "strokeWidth": 2.2}, encoding, pd.concat(frames)),
        _chosen_layer(threshold, x, colours),
    ]
    legend = [LegendEntry(name, colour) for name, colour in zip(lines, series, strict=True)]
    return vega_chart(colours, height=HEIGHT, layers=layers, legend=legend)


def _chosen_layer(threshold: float, x: Spec, colours: Palette) -> Spec:
    mark = {"type": "rule", "color": colours.text, "strokeWidth": 1.5}
    return layer(mark, {"x": x}, pd.DataFrame({"threshold": [threshold]}))
