"""How a model of classes predicts the test rows: tiles, curves, a threshold, calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.dashboard.charts.class_diagnostics import (
    MOST_CURVES,
    calibration_chart,
    precision_recall_chart,
    roc_chart,
    threshold_chart,
)
from shoal.dashboard.charts.predictions import confusion_chart
from shoal.dashboard.components.deferred_charts import chart, deferred_charts
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.routing import parameter
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import quoted, score_text

_HALF = 50
# Metrics of at most 1, which have three digits.
_SHARES = ("balanced_accuracy", "macro_f1", "mcc", "f1")


def class_tiles(found: ClassDiagnostics) -> None:
    """The ensemble's score, and the areas below its curves."""
    tiles = [(found.metric.label, score_text(found.score, found.metric), "the ensemble")]
    if found.roc_auc is not None:
        several = len(found.curves) > 1
        note = "mean of all classes" if several else found.curves[0].name
        precisions = [curve.average_precision for curve in found.curves]
        briers = [own.brier for own in found.calibration]
        tiles.append(("ROC AUC", f"{found.roc_auc:.3f}", note))
        tiles.append(("Average precision", f"{sum(precisions) / len(precisions):.3f}", note))
        tiles.append(("Brier score", f"{sum(briers) / len(briers):.3f}", note))
    metric_tiles(tiles)


def curves_card(found: ClassDiagnostics, key: str, dark: bool) -> None:
    """ROC, precision-recall and calibration."""
    with st.container(border=True, key="curves"):
        st.header("How well it tells classes apart", anchor=False)
        if not found.curves:
            st.caption("All test rows are of one class, so that there is nothing to tell apart.")
            return
        left, right = st.columns(2, gap="small")
        with left:
            st.caption(
                "ROC. Let the model name more and more rows as of the class: upwards how many of "
                "the class it finds, to the right how many others it names by mistake. The nearer "
                "to the upper left corner, the better."
            )
            chart(roc_chart(found.curves, dark=dark), f"roc-{key}", "ROC curves")
        with right:
            st.caption(
                "Precision-recall. To the right how many of the class it finds, upwards how many "
                "of the rows that it names are of the class. The higher the line stays, the "
                "better. Look at this one where the class is rare."
            )
            figure = precision_recall_chart(found.curves, dark=dark)
            chart(figure, f"pr-{key}", "Precision over recall")

        if len(found.curves) == 1:
            st.caption("The dashed lines are what guesses reach.")
        elif len(found.curves) > MOST_CURVES:
            st.caption(f"The first {MOST_CURVES} of {len(found.curves)} classes.")


def calibration_card(found: ClassDiagnostics, key: str, dark: bool) -> None:
    """Whether probabilities are what happens."""
    if not found.calibration:
        return
    with st.container(border=True, key="calibration"):
        st.header("Are its probabilities right?", anchor=False)
        st.caption(
            "Where the model says 30 %, does it happen in 30 of 100 rows? Points on the dashed "
            "line: it does. Points below it: the model's probabilities are too high; above it: "
            "too low. A point is a tenth of the test rows, with similar probabilities."
        )
        figure = calibration_chart(found.calibration, dark=dark)
        chart(figure, f"calibration-{key}", "How often a class happens, by predicted probability")


def decisions_card(found: ClassDiagnostics, key: str, dark: bool) -> None:
    """The confusion matrix and the classes, of two classes by a threshold that is chosen."""
    with st.container(border=True, key="decisions"):
        st.header("What it decides", anchor=False)
        if found.by_threshold is None:
            _draw_decisions(found, None, key, dark)
            return
        # Only this part is drawn anew when the slider moves.
        st.fragment(_with_threshold)(found, key, dark)


def _with_threshold(found: ClassDiagnostics, key: str, dark: bool) -> None:
    name = f"threshold-{key}"

    def choose() -> None:
        st.query_params["threshold"] = str(st.session_state[name])

    with deferred_charts():
        st.caption(
            f"The model gives each row a probability of {quoted(found.classes[1])}. Above the "
            "threshold the row counts as such. A lower threshold finds more of them, and names "
            "more others by mistake."
        )
        percent = st.slider(
            "Threshold",
            1,
            99,
            _threshold_here(),
            format="%d %%",
            key=name,
            on_change=choose,
        )
        _draw_decisions(found, percent, key, dark)


def _threshold_here() -> int:
    named = parameter("threshold")
    if named is not None and named.isdecimal() and 1 <= int(named) <= 99:
        return int(named)
    return _HALF


def _draw_decisions(found: ClassDiagnostics, percent: int | None, key: str, dark: bool) -> None:
    threshold = None if percent is None else percent / 100
    scores = found.by_threshold
    if scores is not None and percent is not None:
        _threshold_tiles(found, scores, percent)

    left, right = st.columns(2, gap="small")
    with left:
        st.caption("True classes by line, what they are taken for by column. The diagonal is right")
        figure = confusion_chart(found.confusion(threshold), dark=dark)
        chart(figure, f"decided-{key}", "How many rows of each true class are taken for each class")
    with right:
        if scores is not None and threshold is not None:
            st.caption("The scores at each threshold; the upright line is the chosen one")
            metric = found.threshold_metrics[0]
            figure = threshold_chart(scores, metric.name, metric.label, threshold, dark=dark)
            chart(figure, f"thresholds-{key}", "Precision, recall and F1 by threshold")
        else:
            _draw_classes(found, threshold)
    if scores is not None:
        _draw_classes(found, threshold)
        st.caption(
            "Precision: how many of the rows that are taken for a class are of it. Recall: how "
            "many of a class are found. F1: both in one figure. These are test rows: a threshold "
            "that is chosen here looks better than it will be on new rows."
        )


def _threshold_tiles(found: ClassDiagnostics, scores: pd.DataFrame, percent: int) -> None:
    """What all metrics of decisions are at the threshold, the run's own first."""
    own = scores.iloc[percent - 1]
    best = _best_threshold(found.threshold_metrics[0], scores)
    tiles = []
    for metric in found.threshold_metrics:
        note = ""
        if metric.name == found.metric.name:
            note = f"best at {best} %"
        value = float(own[metric.name])
        text = f"{value:.3f}"
        if metric.unit == "%" or metric.name not in _SHARES:
            text = score_text(value, metric)
        tiles.append((metric.label, text, note))
    # An objective of this name is the same.
    if all(metric.name != "f1" for metric in found.threshold_metrics):
        tiles.append(("F1", f"{own['f1']:.3f}", f"of {found.classes[1]}"))
    st.markdown(
        f"{quoted(found.classes[1])} is predicted above a probability of {percent} %: "
        f"{own['precision']:.1%} of those that it names are right (precision), and it finds "
        f"{own['recall']:.1%} of all (recall)."
    )
    with st.container(key="threshold-tiles"):
        metric_tiles(tiles)
    if found.metric.name not in scores:
        st.caption(
            f"The run's metric, {found.metric.word}, is of probabilities: no threshold changes it."
        )


def _best_threshold(metric: Metric, scores: pd.DataFrame) -> int:
    """Where a metric is best, in percent; of several places the one nearest to a half."""
    fitness = metric.fitness(1.0) * scores[metric.name]
    at_best = (1 + np.flatnonzero(fitness == fitness.max())).tolist()
    return int(min(at_best, key=lambda percent: abs(percent - _HALF)))


def _draw_classes(found: ClassDiagnostics, threshold: float | None) -> None:
    table = found.per_class(threshold).reset_index()
    shown = table.set_axis(["Class", "Precision", "Recall", "F1", "Rows"], axis="columns")
    columns = {"Precision": ".1%", "Recall": ".1%", "F1": ".3f", "Rows": ",d"}
    html_table(shown, "classes", columns)
