"""The runs that are worked on, or wait for it: how far each is, and its buttons."""

from __future__ import annotations

import time

import streamlit as st

from shoal.analysis.progress import elapsed
from shoal.analysis.summary import Summary
from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.run_controls import run_controls, show_refusal
from shoal.dashboard.components.run_text import state_html
from shoal.dashboard.routing import link
from shoal.dashboard.session.queries import is_attended, store, summary
from shoal.errors import ShoalError
from shoal.presentation.formatting import (
    duration,
    moment,
    phase_text,
    quoted,
    score_text,
    time_left_text,
)
from shoal.store import RunView

# How many are shown; those that wait behind them stand in the table.
_MOST = 5
# Seconds between two looks while nothing is worked on.
_REST_SECONDS = 5.0

# What a change of makes the whole page draw itself again: the number of runs, and of the active
# ones their numbers and states.
_Moment = tuple[int, tuple[tuple[int, str], ...]]


def active_runs() -> None:
    """Draw them, and again by themselves. The page is drawn anew when one begins or ends."""
    seen = _moment(_read())
    auto_refresh(_draw, seen, usual=1.0 if seen[1] else _REST_SECONDS)


def _read() -> list[RunView]:
    # One more says whether there are more.
    return store().active_runs(limit=_MOST + 1)


def _moment(runs: list[RunView]) -> _Moment:
    return store().run_count(), tuple((run.id, run.state) for run in runs)


def _draw(seen: _Moment) -> None:
    runs = _read()
    if _moment(runs) != seen:
        st.rerun()
    if not runs:
        return

    now = time.time()
    zone = st.context.timezone
    supervisors = store().supervisors()
    with st.container(key="active"):
        for run in runs[:_MOST]:
            with st.container(key=f"run-{run.id}", border=True):
                _row(run, is_attended(run, supervisors), now, zone)
        if len(runs) > _MOST:
            st.caption("More wait behind them: filter by the state “queued”.")


def _row(run: RunView, supervised: bool, now: float, zone: str | None) -> None:
    """One run: its name and state, its progress, its buttons."""
    try:
        recorded = summary(run)
    except ShoalError:
        # The run was deleted meanwhile.
        return

    name, pace, buttons = st.columns([2, 2.6, 1.7], vertical_alignment="center", gap="small")
    with name:
        _name(run)
    with pace:
        done = f"{run.generations:,} of {run.settings.generations:,} generations"
        if run.state == "running":
            done = f"{done} · {phase_text(recorded.progress.phase)}"
        if recorded.best is not None:
            done = f"{done} · best {score_text(recorded.best.score, run.metric)}"
        st.progress(recorded.progress.share, text=f":small[{done}]")
        st.caption(_time_text(recorded, now, zone))
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        run_controls(run, supervised)
    show_refusal(run)


def _name(run: RunView) -> None:
    box = st.container(
        horizontal=True, gap="small", vertical_alignment="center", key=f"name-{run.id}"
    )
    with box:
        link("live", f"**Run {run.id}**", run=run.id)
        st.html(state_html(run), width="content")
    st.markdown(f":small[{quoted(run.name)}]")


def _time_text(summary: Summary, now: float, zone: str | None) -> str:
    """Of a running run its heartbeat and the time left, of another since when it waits."""
    run = summary.run
    if run.state != "running":
        return f"queued {moment(run.created, zone, now)} · {duration(run.seconds)} of training"
    heartbeat = f"heartbeat {duration(run.heartbeat_age or 0.0)} ago"
    left = time_left_text(run, summary.progress)
    return f"{heartbeat} · {left or duration(elapsed(run)) + ' gone'}"
