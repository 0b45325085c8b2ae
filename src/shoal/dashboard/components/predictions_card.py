"""The card *What its network predicts*: asked for, it trains one recorded training again in a process beside this one."""

from __future__ import annotations

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
from shoal.replay.predictions import (
    MOST_SECONDS,
    Predictions,
    champion_predictions,
    predict_recorded,
)
from shoal.store import RunView

_ASKED = "fits_asked"
_ALT = {
    "predictions": "Predicted over true values",
    "residuals": "Residuals over predicted values",
    "confusion": "How many rows of each true class were taken for each class",
}


def predictions_card(run: RunView, evaluation: Evaluation, dark: bool) -> None:
    """Residuals or a confusion matrix of one training, on demand."""
    st.subheader("What its network predicts", anchor=False)
    name, repeat = evaluation.task.genome.hash, evaluation.task.repeat
    if evaluation.seconds > MOST_SECONDS:
        st.caption(
            f"This training took {duration(evaluation.seconds)}: too long to be repeated for a look."
        )
        return
    asked: set[tuple[int, str, int]] = st.session_state.setdefault(_ASKED, set())
    if (run.id, name, repeat) not in asked:
        st.caption(
            "Networks of single trainings are not kept; this one can be trained again, as it was, in a process of its own. "
            f"It took {_seconds(evaluation.seconds)}. The test rows are not looked at."
        )
        st.button(
            "Train it again and look",
            icon=":material/scatter_plot:",
            key=f"fit-{name}-{repeat}",
            on_click=asked.add,
            args=((run.id, name, repeat),),
        )
        return
    try:
        with st.spinner("Training it again …"):
            fits = _fits(run.id, name, repeat)
    except ShoalError as error:
        asked.discard((run.id, name, repeat))
        error_box(error)
        return
    if not fits.same:
        error_box(
            "This time its scores are others than those recorded: another version of Shoal or its packages trained it."
        )
    shown = draw_predictions(fits, dark, f"{run.id}-{name}-{repeat}")
    if shown:
        st.markdown(f"{shown[:-1]} Its scores are those recorded, to the bit.]")


def champion_predictions_card(run: RunView, dark: bool) -> None:
    """What the champion's networks say together of the test rows."""
    try:
        fits = _champion_fits(run.id, run.ended)
    except ShoalError as error:
        error_box(error)
        return
    if fits is not None:
        with st.container(border=True, key="fit"):
            st.subheader("Its networks together, on the test rows", anchor=False)
            if shown := draw_predictions(fits, dark, f"champion-{run.id}"):
                st.markdown(shown)


def draw_predictions(fits: Predictions, dark: bool, revision: str) -> str:
    """Residuals, with a sentence on the rows; or a confusion matrix, which says it itself (an empty sentence)."""
    if fits.classes:
        _confusion(fits, dark, revision)
        return ""
    frame = residuals_data(fits.parts)
    left, right = st.columns(2, gap="small")
    drawn = (("predictions", left, predictions_chart), ("residuals", right, residuals_chart))
    for kind, column, draw in drawn:
        with column:
            chart(draw(frame, dark=dark), f"{kind}-{revision}", _ALT[kind])
    rows = ", ".join(
        f"{len(fit.target):,} {PART_LABELS[part].lower()}" for part, fit in fits.parts.items()
    )
    return f":small[Target {quoted(fits.target)}, in its unit. Rows: {rows}.]"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _confusion(fits: Predictions, dark: bool, revision: str) -> None:
    for column, (part, fit) in zip(
        st.columns(len(fits.parts), gap="small"), fits.parts.items(), strict=True
    ):
        with column:
            right = float((fit.target == fit.predicted).mean())
            st.caption(f"{PART_LABELS[part]}: {len(fit.target):,} rows, {right:.1%} of them right")
            figure = confusion_chart(confusion_data(fit, fits.classes), dark=dark)
            chart(figure, f"confusion-{part}-{revision}", _ALT["confusion"])


@st.cache_data(max_entries=32, show_spinner=False)
def _fits(run_id: int, genome: str, repeat: int) -> Predictions:
    return predict_recorded(store(), run_id, genome, repeat)


@st.cache_data(max_entries=32, show_spinner=False)
def _champion_fits(run_id: int, ended: float | None) -> Predictions | None:
    del ended  # part of the cache's key: a finished run may have gone on
    return champion_predictions(store(), run_id)
