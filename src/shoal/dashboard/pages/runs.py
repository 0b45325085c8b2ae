"""All runs: what each is doing, how good it is, and what can be done with it."""

from __future__ import annotations

import time

import streamlit as st

from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.run_controls import run_controls, show_refusal
from shoal.dashboard.components.run_text import elapsed, progress, state_html
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, go, link, parameter
from shoal.dashboard.session.commands import command_key, command_service, permission_hint
from shoal.dashboard.session.queries import run_here, store, summary
from shoal.errors import ShoalError
from shoal.presentation.formatting import (
    duration,
    estimate,
    half_width,
    moment,
    percent,
    plus_minus,
    quoted,
)
from shoal.store import ACTIVE, RunView

NEWEST = 20  # runs that are shown until more are asked for
REST_SECONDS = 5.0
_MANAGED = "run"  # of the address: the run whose further commands are open


def page() -> None:
    """The list, and a dialog for what needs a second thought."""
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.title("Runs", anchor=False)
    count = store().run_count()
    with right.container(horizontal=True, horizontal_alignment="right"):
        if st.button("New run", type="primary", icon=":material/add:", key="new"):
            go("new")
    if not count:
        st.markdown("**There is no run yet.**")
        st.caption(
            "A run is one search: a table, settings, a budget. The bundled Concrete data need nothing prepared."
        )
        link("new", "Start your first run", icon=":material/arrow_forward:")
        return
    if parameter(_MANAGED) is not None:
        _manage(run_here())
    shown = st.session_state.setdefault("runs_shown", NEWEST)
    active = any(run.state in ACTIVE for run in store().runs(limit=shown))
    auto_refresh(_list, shown, active, usual=1.0 if active else REST_SECONDS)
    if count > shown:
        st.button(f"Show more of {count:,}", key="more", on_click=_more)


def _more() -> None:
    st.session_state["runs_shown"] *= 3


def _list(shown: int, active: bool) -> None:
    runs, now, zone = store().runs(limit=shown), time.time(), st.context.timezone
    if any(run.state in ACTIVE for run in runs) != active:
        st.rerun()  # another pace
    everybody = store().supervisors()
    with st.container(key="runs"):
        for run in runs:
            supervised = run.state == "running" or any(s.scope in (None, run.id) for s in everybody)
            with st.container(key=f"run-{run.id}", border=True):
                _row(run, supervised, now, zone)


def _row(run: RunView, supervised: bool, now: float, zone: str | None) -> None:
    try:
        found = summary(run)
    except ShoalError:  # deleted since
        return
    name, best, pace, buttons = st.columns([2, 1.4, 2, 3], vertical_alignment="center", gap="small")
    with name:
        with st.container(
            horizontal=True, gap="small", vertical_alignment="center", key=f"name-{run.id}"
        ):
            link("live", f"**Run {run.id}**", run=run.id)
            st.html(state_html(run), width="content")
        st.markdown(f":small[{quoted(run.name)}]")
    with best:
        leader = found.best
        half = plus_minus(half_width(leader.ci95)) if leader else ""
        st.markdown(
            f"**{percent(leader.accuracy if leader else run.best_accuracy)}** :small[{half}]"
        )
        trainings = f"{run.evaluations:,} trainings"
        st.caption(trainings if leader is None else f"best of {trainings}")
    with pace:
        st.progress(
            progress(run),
            text=f":small[{run.generations:,} of {run.settings.generations:,} generations]",
        )
        st.caption(_alive(run, found.time_left, now, zone))
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        run_controls(run, supervised)
        more = "Continue with more, duplicate, delete"
        if st.button("More", key=f"manage-{run.id}", icon=":material/more_horiz:", help=more):
            st.query_params[_MANAGED] = str(run.id)
            st.rerun()  # the dialog is the page's, which does not refresh, and not this list's
    show_refusal(run)
    if run.error:
        st.text(run.error)


def _alive(run: RunView, left: float | None, now: float, zone: str | None) -> str:
    if run.state == "running":
        beat = f"heartbeat {duration(run.heartbeat_age or 0.0)} ago"
        return (
            f"{beat} · about {estimate(left)} left"
            if left is not None
            else f"{beat} · {duration(elapsed(run))} gone"
        )
    when = (
        f"ended {moment(run.ended, zone, now)}"
        if run.ended
        else f"queued {moment(run.created, zone, now)}"
    )
    return f"{when} · {duration(run.seconds)} of training"


def _close() -> None:
    st.query_params.pop(_MANAGED, None)


def _manage(run: RunView) -> None:
    if entered():  # a reload, or the way back: nobody asked for it now
        _close()
        return
    st.dialog(f"Run {run.id}", on_dismiss=_close)(_dialog)(run.id)


def _dialog(run_id: int) -> None:
    try:
        run = store().run(run_id)
    except ShoalError as error:
        error_box(error)
        return
    st.text(run.name)
    carry_on, copy, remove = st.tabs(["Continue with more", "Duplicate", "Delete"])
    with carry_on:
        _continue(run)
    with copy:
        st.caption(
            "A new run with the same table and settings, all of which can be changed before it starts."
        )
        if st.button("Duplicate", icon=":material/content_copy:", key=f"duplicate-{run.id}"):
            go("new", like=run.id)
    with remove:
        _delete(run)


def _continue(run: RunView) -> None:
    if run.state == "running":
        st.caption("It is running. Pause it first, or let it finish.")
        return
    st.caption(
        "It goes on where it is, with the result of a run that had this budget from the start."
        if run.settings.max_seconds is None
        else "It goes on where it is."
    )
    s = run.settings
    with st.form(f"continue-{run.id}", border=False):
        budgets: dict[str, float] = {"generations": s.generations}
        wanted: dict[str, float] = {
            "generations": st.number_input(
                "Generations in all", s.generations, 1_000_000, s.generations + 10
            ),
        }
        if s.evaluations is not None:
            budgets["evaluations"] = s.evaluations
            wanted["evaluations"] = st.number_input(
                "Trainings in all", s.evaluations, None, 2 * s.evaluations
            )
        if s.max_seconds is not None:
            budgets["max_seconds"] = s.max_seconds
            wanted["max_seconds"] = st.number_input(
                "Seconds in all", s.max_seconds, None, 2 * s.max_seconds
            )
        if st.form_submit_button(
            "Continue",
            type="primary",
            icon=":material/play_arrow:",
            disabled=permission_hint() is not None,
            help=permission_hint(),
        ):
            more = {name: value for name, value in wanted.items() if value > budgets[name]}
            try:
                command_service().resume(run.id, more, command_key(run, "resume"))
            except ShoalError as error:
                error_box(error)
                return
            go("live", run=run.id)


def _delete(run: RunView) -> None:
    if run.state == "running":
        st.caption("It is running. Stop it first; that keeps everything.")
        return
    st.caption(
        f"This removes its {run.evaluations:,} trainings and its networks for ever. Stopping a run, or leaving it, never does."
    )
    with st.form(f"delete-{run.id}", border=False):
        word = f"delete {run.id}"
        typed = st.text_input(f"Type “{word}” to confirm")
        if st.form_submit_button(
            "Delete for ever",
            icon=":material/delete_forever:",
            disabled=permission_hint() is not None,
            help=permission_hint(),
        ):
            if typed.strip().lower() != word:
                error_box(f"Nothing was deleted: “{word}” was not what you typed.")
                return
            try:
                command_service().delete(run.id)
            except ShoalError as error:
                error_box(error)
                return
            _close()
            st.rerun()
