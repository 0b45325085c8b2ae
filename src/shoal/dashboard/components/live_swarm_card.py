"""The swarm that trains right now, as its worker shows it while somebody watches."""

from __future__ import annotations

import math

import streamlit as st

from shoal.dashboard.charts.live_swarm import live_bounds, live_loss_chart, live_swarm_chart
from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.components.problem_words import curve_metric
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.objectives.registry import Metric
from shoal.presentation.shown_loss import shown_loss
from shoal.pso.snapshot import SwarmSnapshot
from shoal.store import ACTIVE, RunningTraining, RunView
from shoal.store.live_status import WATCHED_SECONDS

_KINDS = {
    "search": "Search: generation {generation}, individual {individual}, repeat {repeat}",
    "confirmation": "Confirmation, repeat {repeat}",
    "champion": "A network of the champion, repeat {repeat}",
    "baseline": "A baseline: {baseline}",
}

# Keys of Streamlit's session state: the axes of the picture, and the training that was seen last.
_BOUNDS = "live_bounds"
_SEEN = "live_seen"


def training_now(run: RunView) -> None:
    """Draw one of the trainings that are under way, refreshed each second."""
    # A viewer has to be announced again before the last announcement lapses.
    auto_refresh(_view, run.id, run.state, longest=0.8 * WATCHED_SECONDS)


def _view(run_id: int, state: str) -> None:
    live = None
    try:
        run = store().run(run_id)
        if run.state in ACTIVE:
            store().announce_viewer(run_id)
            live = store().live(run_id)
    except ShoalError as error:
        error_box(error)
        return
    # The rest of the page was drawn for the old state.
    if run.state != state:
        st.rerun()

    trainings = []
    if live is not None:
        trainings = sorted(live.trainings, key=lambda training: training.worker)
    if not trainings:
        reason = _why_nothing(run)
        if live is not None:
            reason = "The workers are getting ready, or between two generations."
        st.markdown("**Nothing trains at the moment.**")
        st.caption(reason)
        return

    place = _chosen_worker(run_id, len(trainings))
    _training(run, place, trainings[place])


def _chosen_worker(run_id: int, count: int) -> int:
    """The place of the worker that the visitor watches, among ``count``."""
    if count == 1:
        return 0
    chosen = st.segmented_control(
        "Worker",
        list(range(count)),
        format_func=lambda place: f"Worker {place + 1}",
        default=0,
        required=True,
        key=f"worker-{run_id}",
    )
    return min(chosen, count - 1)


def _why_nothing(run: RunView) -> str:
    if run.state == "running":
        return "Its owner has not yet said what it is doing."
    if run.state == "queued":
        return "The run waits for a supervisor."
    return "Nobody works on the run: press Resume."


def _training(run: RunView, place: int, training: RunningTraining) -> None:
    """Draw how far a training is, and its swarm.

    Until its swarm can be seen, the swarm that was seen last at the same worker stays.
    """
    share = 0.0
    iterations = f"iteration {training.iteration:,}"
    if training.iterations:
        share = min(1.0, training.iteration / training.iterations)
        iterations = f"{iterations} of {training.iterations:,}"
    st.progress(share, text=f"{_what(training)} · {iterations} · {training.seconds:.0f} s")

    where = (run.id, place)
    if training.frame is not None:
        st.session_state[_SEEN] = (where, training)
    seen_where, seen = st.session_state.get(_SEEN, (None, None))
    if seen is None or seen_where != where:
        if training.kind != "baseline":
            st.caption("Its swarm appears within a second or two, if it trains for as long.")
        return

    _swarm(run, seen)
    if seen is training:
        st.caption("As it is now.")
    else:
        st.caption(
            f"The last that was seen: {_what(seen)}, iteration {seen.iteration:,}. A short "
            "training is over before."
        )


def _what(training: RunningTraining) -> str:
    return _KINDS[training.kind].format(
        generation=training.generation,
        individual=training.individual + 1,
        repeat=training.repeat,
        baseline=training.baseline,
    )


def _swarm(run: RunView, training: RunningTraining) -> None:
    """Draw a swarm on axes that only grow while it trains."""
    frame = training.frame
    assert frame is not None
    genome = training.genome
    dark = st.context.theme.type == "dark"
    metric = curve_metric(run)

    swarm = (run.id, genome.hash, training.repeat, training.kind)
    known_swarm, known_bounds = st.session_state.get(_BOUNDS, (None, None))
    bounds = live_bounds(frame, known_bounds if known_swarm == swarm else None)
    st.session_state[_BOUNDS] = (swarm, bounds)

    _numbers(frame, metric)
    with st.container(border=True, key="film-now"):
        revision = str(swarm)
        figure = live_swarm_chart(frame, bounds, metric=metric, dark=dark, revision=revision)
        chart(figure, "swarm-now", "Where the particles stand now")
        curve = live_loss_chart(
            training.curve, training.iterations, metric=metric, dark=dark, revision=revision
        )
        shown = shown_loss(metric)
        chart(curve, "curve-now", f"{shown.best} by iteration")
    link("evaluation", "This genome", run=run.id, genome=genome.hash)


def _numbers(frame: SwarmSnapshot, metric: Metric | None) -> None:
    shown = shown_loss(metric)
    best = f"{shown.number(frame.loss):.4g}" if math.isfinite(frame.loss) else "–"
    metric_tiles(
        [
            (shown.best, best, ""),
            ("Diversity", f"{frame.diversity:.3g}", ""),
            ("Speed", f"{frame.speed:.3g}", ""),
            ("At velocity limit", f"{100 * frame.at_velocity_limit:.1f} %", ""),
            ("At position limit", f"{100 * frame.at_position_limit:.1f} %", ""),
            ("Stagnation", f"{frame.stagnation:,}", ""),
        ]
    )
