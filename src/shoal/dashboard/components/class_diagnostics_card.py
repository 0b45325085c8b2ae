"""How a model of classes predicts the test rows: tiles, curves, a threshold, calibration."""

from __future__ import annotations

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
from shoal.presentation.formatting import quoted, score_text

_HALF = 50


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
            st.caption("ROC: how many are found, over how many others are taken for them")
            chart(roc_chart(found.curves, dark=dark), f"roc-{key}", "ROC curves")
        with right:
            st.caption("Precision-recall: how many of those taken for it are of the class")
            figure = precision_recall_chart(found.curves, dark=dark)
            chart(figure, f"pr-{key}", "Precision over recall")

        if len(found.curves) == 1:
            st.caption("The dashed lines are guesses.")
        elif len(found.curves) > MOST_CURVES:
            st.caption(f"The first {MOST_CURVES} of {len(found.curves)} classes.")


def calibration_card(found: ClassDiagnostics, key: str, dark: bool) -> None:
    """Whether probabilities are what happens."""
    if not found.calibration:
        return
    with st.container(border=True, key="calibration"):
        st.header("Are its probabilities right?", anchor=False)
        figure = calibration_chart(found.calibration, dark=dark)
        chart(figure, f"calibration-{key}", "How often a class happens, by predicted probability")
        st.caption(
            "A point is a tenth of the test rows, with similar probabilities. On the dashed line "
            "they are right; below it they are too high."
        )


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
        percent = st.slider(
            "Threshold",
            1,
            99,
            _threshold_here(),
            format="%d %%",
            key=name,
            on_change=choose,
            help="The second class is predicted where its probability is greater",
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
        _say_scores(found, scores, percent)

    left, right = st.columns(2, gap="small")
    with left:
        st.caption("True classes, and what they are taken for")
        figure = confusion_chart(found.confusion(threshold), dark=dark)
        chart(figure, f"decided-{key}", "How many rows of each true class are taken for each class")
    with right:
        if scores is not None and threshold is not None:
            st.caption("Scores at each threshold")
            column, title = _metric_column(found, scores)
            figure = threshold_chart(scores, column, title, threshold, dark=dark)
            chart(figure, f"thresholds-{key}", "Precision, recall and F1 by threshold")
        else:
            _draw_classes(found, threshold)
    if scores is not None:
        _draw_classes(found, threshold)
        st.caption(
            "These are test rows: a threshold that is chosen here looks better than it will be on "
            "new rows."
        )


def _metric_column(found: ClassDiagnostics, scores: pd.DataFrame) -> tuple[str, str]:
    """The run's metric among the scores, and what people call it; the accuracy in its place."""
    metric = found.metric
    if metric.name in scores:
        return metric.name, metric.label
    return "accuracy", "Accuracy"


def _say_scores(found: ClassDiagnostics, scores: pd.DataFrame, percent: int) -> None:
    own = scores.iloc[percent - 1]
    column, title = _metric_column(found, scores)
    value = f"{own[column]:.2f} %"
    if column == found.metric.name:
        value = score_text(float(own[column]), found.metric)
    st.markdown(
        f"{quoted(found.classes[1])} is predicted above a probability of {percent} %: "
        f"**{title} {value}**, precision {own['precision']:.1%}, recall {own['recall']:.1%}, "
        f"F1 {own['f1']:.3f}."
    )


def _draw_classes(found: ClassDiagnostics, threshold: float | None) -> None:
    table = found.per_class(threshold).reset_index()
    shown = table.set_axis(["Class", "Precision", "Recall", "F1", "Rows"], axis="columns")
    columns = {"Precision": ".1%", "Recall": ".1%", "F1": ".3f", "Rows": ",d"}
    html_table(shown, "classes", columns)
