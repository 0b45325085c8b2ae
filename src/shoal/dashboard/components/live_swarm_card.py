"""The swarms that train right now, as their workers show them while somebody watches."""

from __future__ import annotations

import math

import streamlit as st

from shoal.dashboard.charts.live_swarm import live_bounds, live_loss_chart, live_swarm_chart
from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import link
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.pso.snapshot import SwarmSnapshot
from shoal.store import ACTIVE, RunningTraining, RunView
from shoal.store.live_status import WATCHED_SECONDS

_KINDS = {
    "search": "Search: generation {generation}, individual {individual}, repeat {repeat}",
    "confirmation": "Confirmation, repeat {repeat}",
    "champion": "A network of the champion, repeat {repeat}",
    "baseline": "A baseline: {baseline}",
}
_BOUNDS, _SEEN = "live_bounds", "live_seen"


def training_now(run: RunView) -> None:
    """One of the trainings that are under way, refreshed each second."""
    auto_refresh(_view, run.id, run.state, longest=0.8 * WATCHED_SECONDS)


def _view(run_id: int, state: str) -> None:
    try:
        run, found = store().run(run_id), None
        if run.state in ACTIVE:
            store().announce_viewer(run_id)
            found = store().live(run_id)
    except ShoalError as error:
        error_box(error)
        return
    if run.state != state:
        st.rerun()
    trainings = sorted(found.trainings, key=lambda t: t.worker) if found else []
    if not trainings:
        st.markdown("**Nothing trains at the moment.**")
        st.caption(
            "The workers are getting ready, or between two generations." if found else _why_not(run)
        )
        return
    places = list(range(len(trainings)))
    chosen = 0
    if len(places) > 1:
        chosen = st.segmented_control(
            "Worker",
            places,
            format_func=lambda n: f"Worker {n + 1}",
            default=0,
            required=True,
            key=f"worker-{run_id}",
        )
    place = min(chosen, len(trainings) - 1)
    _training(run_id, place, trainings[place])


def _why_not(run: RunView) -> str:
    if run.state == "running":
        return "Its owner has not yet said what it is doing."
    return (
        "The run waits for a supervisor."
        if run.state == "queued"
        else "Nobody works on the run: press Resume."
    )


def _training(run_id: int, place: int, training: RunningTraining) -> None:
    """How far it is, and its swarm; until that can be seen, the one that was seen last."""
    planned = f" of {training.iterations:,}" if training.iterations else ""
    st.progress(
        min(1.0, training.iteration / training.iterations) if training.iterations else 0.0,
        text=f"{_what(training)} · iteration {training.iteration:,}{planned} · {training.seconds:.0f} s",
    )
    if training.frame is not None:
        st.session_state[_SEEN] = (run_id, place), training
    where, seen = st.session_state.get(_SEEN, (None, None))
    if seen is None or where != (run_id, place):
        if training.kind != "baseline":
            st.caption("Its swarm appears within a second or two, if it trains for as long.")
        return
    _swarm(run_id, seen)
    if seen is training:
        st.caption("As it is now.")
    else:
        st.caption(
            f"The last that was seen: {_what(seen)}, iteration {seen.iteration:,}. A short training is over before."
        )


def _what(training: RunningTraining) -> str:
    return _KINDS[training.kind].format(
        generation=training.generation,
        individual=training.individual,
        repeat=training.repeat,
        baseline=training.baseline,
    )


def _swarm(run_id: int, training: RunningTraining) -> None:
    genome, dark = training.genome, st.context.theme.type == "dark"
    assert training.frame is not None
    this = (run_id, genome.hash, training.repeat, training.kind)
    known = st.session_state.get(_BOUNDS)
    bounds = live_bounds(training.frame, known[1] if known and known[0] == this else None)
    st.session_state[_BOUNDS] = this, bounds
    _numbers(training.frame)
    with st.container(border=True, key="film-now"):
        figure = live_swarm_chart(training.frame, bounds, dark=dark, revision=str(this))
        chart(figure, "swarm-now", "Where the particles stand now")
        curve = live_loss_chart(training.curve, training.iterations, dark=dark, revision=str(this))
        chart(curve, "curve-now", "Its loss by iteration")
    link("evaluation", "This genome", run=run_id, genome=genome.hash)


def _numbers(frame: SwarmSnapshot) -> None:
    values = {
        "Global best loss": f"{frame.loss:.4g}" if math.isfinite(frame.loss) else "–",
        "Diversity": f"{frame.diversity:.3g}",
        "Speed": f"{frame.speed:.3g}",
        "At velocity limit": f"{100 * frame.at_velocity_limit:.1f} %",
        "At position limit": f"{100 * frame.at_position_limit:.1f} %",
        "Stagnation": f"{frame.stagnation:,}",
    }
    metric_tiles((label, value, "") for label, value in values.items())
