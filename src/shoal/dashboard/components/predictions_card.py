"""The card *What its network predicts*: it trains one recorded training again, when asked to.

That happens in a process beside the server (`shoal.replay.predictions`). A champion's networks are
kept, so its card needs no training.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import pandas as pd
import streamlit as st

from shoal.dashboard.charts.predictions import (
    PART_LABELS,
    confusion_chart,
    confusion_data,
    predictions_chart,
    residuals_chart,
    residuals_data,
)
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.presentation.formatting import duration, quoted
from shoal.problems.evaluation import Evaluation
from shoal.replay.predictions import Predictions, champion_predictions, predict_recorded
from shoal.replay.process import MOST_SECONDS
from shoal.store import RunView

_log = logging.getLogger(__name__)

# In the session's state: the trainings that are to be repeated.
_ASKED = "fits_asked"

# The most targets whose predictions are drawn.
_MOST_TARGETS = 6


class _Training(NamedTuple):
    """One recorded training."""

    run: int
    genome: str
    repeat: int


def predictions_card(run: RunView, evaluation: Evaluation, dark: bool) -> None:
    """Residuals or a confusion matrix of one training, on demand.

    Parameters
    ----------
    run
        Its run.
    evaluation
        The training.
    dark
        Draw for the dark theme.
    """
    st.header("What its network predicts", anchor=False)
    if evaluation.seconds > MOST_SECONDS:
        took = duration(evaluation.seconds)
        st.caption(f"This training took {took}: too long to be repeated for a look.")
        return

    training = _Training(run.id, evaluation.task.genome.hash, evaluation.task.repeat)
    asked: set[_Training] = st.session_state.setdefault(_ASKED, set())
    # What was asked for stays open while the session lasts; `_predictions` keeps the result.
    if training not in asked:
        _offer(training, evaluation.seconds, asked)
        return

    try:
        with st.spinner("Training it again …"):
            predictions = _predictions(*training)
    except ShoalError as error:
        # So that the button is there again.
        asked.discard(training)
        error_box(error)
        return

    if not predictions.same:
        error_box(
            "This time its scores are others than those recorded: another version of Shoal or its "
            "packages trained it."
        )
    revision = f"{training.run}-{training.genome}-{training.repeat}"
    rows_text = draw_predictions(predictions, dark, revision)
    if rows_text and predictions.same:
        rows_text += " Its scores are exactly those recorded."
    if rows_text:
        st.markdown(f":small[{rows_text}]")


def _offer(training: _Training, seconds: float, asked: set[_Training]) -> None:
    """A button that adds the training to those that are to be repeated."""
    took = f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
    st.caption(
        "Networks of single trainings are not kept; this one can be trained again, as it was, in a "
        f"process of its own. It took {took}. The test rows are not looked at."
    )
    st.button(
        "Train it again and look",
        icon=":material/scatter_plot:",
        key=f"fit-{training.genome}-{training.repeat}",
        on_click=asked.add,
        args=(training,),
    )


def champion_predictions_card(run: RunView, dark: bool) -> None:
    """What the champion's networks predict together for the test rows."""
    try:
        predictions = _champion_predictions(run.id, run.ended)
    except ShoalError as error:
        error_box(error)
        return
    if predictions is None:
        return

    with st.container(border=True, key="fit"):
        st.header("What it predicts for the test rows", anchor=False)
        rows_text = draw_predictions(predictions, dark, f"champion-{run.id}")
        if rows_text:
            st.markdown(f":small[{rows_text}]")


def draw_predictions(predictions: Predictions, dark: bool, revision: str) -> str:
    """Draw a confusion matrix for each part of the rows, or two charts of residuals.

    Parameters
    ----------
    predictions
        What is drawn.
    dark
        Draw for the dark theme.
    revision
        Names the charts on the page.

    Returns
    -------
    str
        Sentences about target and rows, for Markdown; empty for confusion matrices, which have
        captions.
    """
    if predictions.classes:
        _draw_confusion(predictions, dark, revision)
        return ""

    shown = predictions.targets[:_MOST_TARGETS]
    for index, target in enumerate(shown):
        if len(predictions.targets) > 1:
            st.caption(f"Target {quoted(target)}, in its unit.")
        frame = residuals_data(predictions.of_target(index))
        _draw_residuals(frame, dark, f"{revision}-{index}" if index else revision)

    rows = []
    for part, of_part in predictions.parts.items():
        rows.append(f"{len(of_part.target):,} {PART_LABELS[part].lower()}")

    rows_text = f"Rows: {', '.join(rows)}."
    if len(predictions.targets) == 1:
        return f"Target {quoted(shown[0])}, in its unit. {rows_text}"
    return f"The first {len(shown)} of {len(predictions.targets)} targets. {rows_text}"


def _draw_residuals(frame: pd.DataFrame, dark: bool, revision: str) -> None:
    left, right = st.columns(2, gap="small")
    with left:
        alt = "Predicted over true values"
        chart(predictions_chart(frame, dark=dark), f"predictions-{revision}", alt)
    with right:
        alt = "Residuals over predicted values"
        chart(residuals_chart(frame, dark=dark), f"residuals-{revision}", alt)


def _draw_confusion(predictions: Predictions, dark: bool, revision: str) -> None:
    columns = st.columns(len(predictions.parts), gap="small")
    for column, (part, of_part) in zip(columns, predictions.parts.items(), strict=True):
        right = float((of_part.target == of_part.predicted).mean())
        rows = f"{len(of_part.target):,} rows"
        with column:
            st.caption(f"{PART_LABELS[part]}: {rows}, {right:.1%} of them right")
            figure = confusion_chart(confusion_data(of_part, predictions.classes), dark=dark)
            alt = "How many rows of each true class were taken for each class"
            chart(figure, f"confusion-{part}-{revision}", alt)


@st.cache_data(max_entries=32, show_spinner=False)
def _predictions(run_id: int, genome: str, repeat: int) -> Predictions:
    _log.info("Run %d: genome %s, repeat %d is trained again for a viewer", run_id, genome, repeat)
    return predict_recorded(store(), run_id, genome, repeat)


@st.cache_data(max_entries=32, show_spinner=False)
def _champion_predictions(run_id: int, ended: float | None) -> Predictions | None:
    # A part of the cache's key only: a finished run may have gone on and ended again.
    del ended
    return champion_predictions(store(), run_id)
