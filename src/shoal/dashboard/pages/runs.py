"""The page Runs: what each run is doing, how good it is, and what can be done with it."""

from __future__ import annotations

import time

import streamlit as st

from shoal.analysis.progress import elapsed
from shoal.analysis.summary import Best, Summary
from shoal.dashboard.components.auto_refresh import auto_refresh
from shoal.dashboard.components.run_controls import run_controls, show_refusal
from shoal.dashboard.components.run_text import state_html
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import entered, go, link, parameter
from shoal.dashboard.session.commands import command_key, command_service, permission_hint
from shoal.dashboard.session.queries import run_here, store, summary
from shoal.errors import ShoalError
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import (
    duration,
    escaped,
    half_width,
    moment,
    phase_text,
    quoted,
    score_text,
    spread_text,
    time_left_text,
)
from shoal.settings.search_settings import SearchSettings
from shoal.store import ACTIVE, RunView

# Runs that are shown until more are asked for, and by how much the list then grows.
NEWEST = 20
_GROWTH = 3

REST_SECONDS = 5.0

# The parameter of the address that names the run whose further commands are open.
_MANAGED = "run"

# Key of Streamlit's session state.
_SHOWN = "runs_shown"


def page() -> None:
    """The list of runs, and a dialog for commands that need a second thought."""
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.title("Runs", anchor=False)
    with right.container(horizontal=True, horizontal_alignment="right"):
        if st.button("New run", type="primary", icon=":material/add:", key="new"):
            go("new")

    count = store().run_count()
    if not count:
        st.markdown("**There is no run yet.**")
        st.caption(
            "A run is one search: a table, settings, a budget. The bundled Concrete data need "
            "nothing prepared."
        )
        link("new", "Start your first run", icon=":material/arrow_forward:")
        return

    if parameter(_MANAGED) is not None:
        _manage(run_here())

    shown = st.session_state.setdefault(_SHOWN, NEWEST)
    active = any(run.state in ACTIVE for run in store().runs(limit=shown))
    auto_refresh(_list, shown, active, usual=1.0 if active else REST_SECONDS)
    if count > shown:
        st.button(f"Show more of {count:,}", key="more", on_click=_show_more)


def _show_more() -> None:
    st.session_state[_SHOWN] *= _GROWTH


def _list(shown: int, active: bool) -> None:
    """Draw the newest runs. ``active`` is whether any was active when the page was drawn."""
    runs = store().runs(limit=shown)
    if any(run.state in ACTIVE for run in runs) != active:
        # The page refreshes at another pace now.
        st.rerun()

    now = time.time()
    zone = st.context.timezone
    supervisors = store().supervisors()
    with st.container(key="runs"):
        for run in runs:
            is_awaited = any(supervisor.scope in (None, run.id) for supervisor in supervisors)
            supervised = run.state == "running" or is_awaited
            with st.container(key=f"run-{run.id}", border=True):
                _row(run, supervised, now, zone)


def _row(run: RunView, supervised: bool, now: float, zone: str | None) -> None:
    """One run: its name and state, its best, its progress, its buttons."""
    try:
        recorded = summary(run)
    except ShoalError:
        # The run was deleted meanwhile.
        return

    name, best, pace, buttons = st.columns(
        [1.6, 1.9, 2, 2.9], vertical_alignment="center", gap="small"
    )
    with name:
        _name(run)
    with best:
        _best(run, recorded.best)
    with pace:
        done = f"{run.generations:,} of {run.settings.generations:,} generations"
        if run.state == "running":
            done = f"{done} · {phase_text(recorded.progress.phase)}"
        st.progress(recorded.progress.share, text=f":small[{done}]")
        st.caption(_time_text(recorded, now, zone))
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        run_controls(run, supervised)
        more = "Continue with more, duplicate, delete"
        if st.button("More", key=f"manage-{run.id}", icon=":material/more_horiz:", help=more):
            st.query_params[_MANAGED] = str(run.id)
            # The dialog belongs to the page, which does not refresh, and not to this list.
            st.rerun()

    show_refusal(run)
    if run.error:
        st.text(run.error)


def _name(run: RunView) -> None:
    box = st.container(
        horizontal=True, gap="small", vertical_alignment="center", key=f"name-{run.id}"
    )
    with box:
        link("live", f"**Run {run.id}**", run=run.id)
        st.html(state_html(run), width="content")
    st.markdown(f":small[{quoted(run.name)}]")


def _best(run: RunView, best: Best | None) -> None:
    trainings = f"{run.evaluations:,} trainings"
    if best is None:
        st.markdown(f"**{score_text(run.best_score, run.metric)}** :small[]")
        st.caption(trainings)
        return
    half = spread_text(half_width(best.ci95), run.metric)
    st.markdown(f"**{score_text(best.score, run.metric)}** :small[{half}]")
    st.caption(f"{_score_words(run.metric)}best of {trainings}")


def _score_words(metric: Metric) -> str:
    """What a score is, before other words; nothing for accuracies, whose unit says it."""
    if metric.is_accuracy:
        return ""
    return f"{escaped(metric.unit or metric.word)}, "


def _time_text(summary: Summary, now: float, zone: str | None) -> str:
    """When the run ended or was queued; of a running one, its heartbeat and the time left."""
    run = summary.run
    if run.state == "running":
        heartbeat = f"heartbeat {duration(run.heartbeat_age or 0.0)} ago"
        left = time_left_text(run, summary.progress)
        return f"{heartbeat} · {left or duration(elapsed(run)) + ' gone'}"

    if run.ended:
        when = f"ended {moment(run.ended, zone, now)}"
    else:
        when = f"queued {moment(run.created, zone, now)}"
    return f"{when} · {duration(run.seconds)} of training"


def _close() -> None:
    st.query_params.pop(_MANAGED, None)


def _manage(run: RunView) -> None:
    """Open the dialog; not after a reload or the way back, since nobody asked for it then."""
    if entered():
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
            f"A new run with the same {run.kind} and settings, all of which can be changed before "
            "it starts."
        )
        if st.button("Duplicate", icon=":material/content_copy:", key=f"duplicate-{run.id}"):
            go("new", like=run.id)
    with remove:
        _delete(run)


def _continue(run: RunView) -> None:
    """Larger budgets for a run that does not train now."""
    if run.state == "running":
        st.caption("It is running. Pause it first, or let it finish.")
        return

    note = "It goes on where it is."
    if run.settings.max_seconds is None:
        note = (
            "It goes on where it is, with the result of a run that had this budget from the start."
        )
    st.caption(note)

    with st.form(f"continue-{run.id}", border=False):
        larger = _larger_budgets(run.settings)
        hint = permission_hint()
        pressed = st.form_submit_button(
            "Continue",
            type="primary",
            icon=":material/play_arrow:",
            disabled=hint is not None,
            help=hint,
        )
        if not pressed:
            return
        try:
            command_service().resume(run.id, larger, command_key(run, "resume"))
        except ShoalError as error:
            error_box(error)
            return
        go("live", run=run.id)


def _larger_budgets(settings: SearchSettings) -> dict[str, float]:
    """Fields for the budgets that the run has; those that were raised, by their names."""
    now = settings.generations
    budgets: dict[str, float] = {"generations": now}
    wanted: dict[str, float] = {
        "generations": st.number_input("Generations in all", now, 1_000_000, now + 10)
    }

    if settings.evaluations is not None:
        budgets["evaluations"] = settings.evaluations
        wanted["evaluations"] = st.number_input(
            "Trainings in all", settings.evaluations, None, 2 * settings.evaluations
        )

    if settings.max_seconds is not None:
        budgets["max_seconds"] = settings.max_seconds
        wanted["max_seconds"] = st.number_input(
            "Seconds in all", settings.max_seconds, None, 2 * settings.max_seconds
        )

    return {name: value for name, value in wanted.items() if value > budgets[name]}


def _delete(run: RunView) -> None:
    """The removal of a run, which has to be typed."""
    if run.state == "running":
        st.caption("It is running. Stop it first; that keeps everything.")
        return

    st.caption(
        f"This removes its {run.evaluations:,} trainings and all that they found for ever. "
        "Stopping a run, or leaving it, never does."
    )
    with st.form(f"delete-{run.id}", border=False):
        word = f"delete {run.id}"
        typed = st.text_input(f"Type “{word}” to confirm")
        hint = permission_hint()
        pressed = st.form_submit_button(
            "Delete for ever",
            icon=":material/delete_forever:",
            disabled=hint is not None,
            help=hint,
        )
        if not pressed:
            return
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
