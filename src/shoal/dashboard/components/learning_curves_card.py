"""The losses of a genome's trainings on the page Genome; on request those on held-out rows, too.

For these the trainings are made again, in a process beside the server
(`shoal.replay.learning_curves`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from shoal.dashboard.charts.learning_curves import learning_curves_chart, learning_curves_data
from shoal.dashboard.charts.training_losses import losses_chart, losses_data
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.problem_words import curve_metric, problem_words
from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.presentation.formatting import duration, escaped
from shoal.problems.evaluation import Evaluation
from shoal.replay.learning_curves import (
    LearningCurves,
    has_held_out_loss,
    learning_curves,
    trained_again,
)
from shoal.replay.process import MOST_SECONDS
from shoal.store import RunView

_log = logging.getLogger(__name__)

# In the session's state: the genomes whose trainings are to be repeated.
_ASKED = "curves_asked"


class _Genome(NamedTuple):
    """A genome of a run, with as many trainings as are recorded by now."""

    run: int
    genome: str
    trainings: int


def learning_curves_card(
    run: RunView, evaluations: Sequence[Evaluation], highlight: int, dark: bool
) -> None:
    """The recorded losses by iteration, and a button for those on held-out rows.

    Parameters
    ----------
    run
        Its run.
    evaluations
        All trainings of the genome.
    highlight
        The repeat that is drawn in front.
    dark
        Draw for the dark theme.
    """
    genome = evaluations[0].task.genome.hash
    key = _Genome(run.id, genome, len(evaluations))
    asked: set[_Genome] = st.session_state.setdefault(_ASKED, set())
    # What was asked for stays open while the session lasts; `_curves` keeps the result.
    if key in asked:
        try:
            with st.spinner("Training again, for the loss on held-out rows …"):
                curves = _curves(*key)
        except ShoalError as error:
            # So that the button is there again.
            asked.discard(key)
            error_box(error)
        else:
            _draw_curves(curves, f"{run.id}-{genome}", highlight, dark)
            return

    _draw_recorded(run, evaluations, highlight, dark)
    _offer(run, evaluations, key, asked)


def _draw_curves(curves: LearningCurves, revision: str, highlight: int, dark: bool) -> None:
    if not curves.same:
        error_box(
            "This time the training losses are others than those recorded: another version of "
            "Shoal or its packages trained it."
        )
    figure = learning_curves_chart(learning_curves_data(curves), highlight=highlight, dark=dark)
    chart(figure, f"learning-{revision}", "Loss on training rows and on held-out rows by iteration")
    text = (
        f"The loss ({escaped(curves.loss_name)}) of the best particle's network so far, on the "
        "rows that it learns from and on those that validate; thick: the chosen training."
    )
    if curves.same:
        text += " Trained again: every recorded training loss was met to the bit."
    if curves.left_out:
        left_out = _counted(curves.left_out)
        text += f" {left_out} left out, as all together take too long."
    st.caption(text)


def _draw_recorded(
    run: RunView, evaluations: Sequence[Evaluation], highlight: int, dark: bool
) -> None:
    metric = curve_metric(run)
    losses = losses_data(evaluations, metric)
    if not len(losses):
        return
    figure = losses_chart(losses, metric=metric, highlight=highlight, dark=dark)
    word = "loss" if metric is None else metric.word
    revision = f"{run.id}-{evaluations[0].task.genome.hash}"
    chart(figure, f"curves-{revision}", f"{word.capitalize()} by iteration")
    st.caption(
        f"The {escaped(word)} of the best particle so far, "
        f"{problem_words(run).trained_on}; dashed: confirmations; in front: the chosen one."
    )


def _offer(
    run: RunView, evaluations: Sequence[Evaluation], key: _Genome, asked: set[_Genome]
) -> None:
    """A button that adds the genome to those whose trainings are repeated; or why there is none."""
    no_rows = problem_words(run).no_held_out
    if no_rows:
        st.caption(no_rows)
        return
    if not any(has_held_out_loss(evaluation) for evaluation in evaluations):
        st.caption("There is no held-out loss: no rows validate, or all trainings failed.")
        return

    chosen = trained_again(evaluations)
    seconds = sum(evaluation.seconds for evaluation in chosen)
    if not chosen:
        limit = duration(MOST_SECONDS)
        st.caption(f"Each training took more than {limit}: too long to be repeated for a look.")
        return
    took = f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
    st.button(
        "Add the held-out loss",
        icon=":material/stacked_line_chart:",
        key=f"learning-{key.genome}",
        help=f"Trains {_counted(len(chosen))} again, which took {took} together. "
        "The test rows are not looked at.",
        on_click=asked.add,
        args=(key,),
    )


def _counted(trainings: int) -> str:
    return "1 training" if trainings == 1 else f"{trainings} trainings"


@st.cache_data(max_entries=32, show_spinner=False)
def _curves(run_id: int, genome: str, trainings: int) -> LearningCurves:
    # A part of the cache's key only: a genome may be trained some more.
    del trainings
    _log.info("Run %d: genome %s is trained again for a viewer", run_id, genome)
    return learning_curves(store(), run_id, genome)
