"""Pause, resume and stop. The buttons insert commands; the run's owner obeys them, and the state says so."""

from __future__ import annotations

import uuid

import streamlit as st

from shoal.dashboard.reading import store
from shoal.errors import ShoalError
from shoal.launch import ensure_supervisor
from shoal.store import CommandKind, RunView

_WORKING = ("running", "queued")
_REFUSED = "refused"


def controls(run: RunView, supervised: bool) -> None:
    """The two buttons that fit the state. An unattended run can be resumed, which sees to it that somebody attends."""
    resumable = run.state in ("paused", "stopped", "failed", "interrupted") or (
        run.state == "queued" and not supervised
    )
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if resumable or run.state == "finished":
            why = None if resumable else "A finished run has spent its budget. Start a new run with a larger one."
            _button(run, "resume", "Resume", ":material/play_arrow:", why)
        else:
            _button(run, "pause", "Pause", ":material/pause:", _asked(run, "pause") or _asked(run, "stop"))
        stoppable = run.state in (*_WORKING, "paused", "interrupted")
        why = _asked(run, "stop") if stoppable else f"The run is {run.state}: there is nothing to stop."
        _button(run, "stop", "Stop", ":material/stop:", why)


def problem(error: ShoalError | str) -> None:
    """What went wrong, what was expected and what to do, as plain text: it quotes what users typed."""
    with st.container(key="problem"):
        if isinstance(error, str):
            st.text(error)
            return
        st.text(error.problem)
        if error.expected:
            st.text(f"Expected: {error.expected}.")
        if error.remedy:
            st.text(f"What to do: {error.remedy}.")


def refused(run: RunView) -> None:
    """The answer to a command that came too late, once."""
    if (found := st.session_state.pop(_REFUSED, None)) is not None and found[0] == run.id:
        problem(found[1])


def _asked(run: RunView, kind: str) -> str | None:
    return "Asked for; it happens within a second or two." if kind in run.pending else None


def _button(run: RunView, kind: CommandKind, label: str, icon: str, why_not: str | None) -> None:
    st.button(
        label,
        key=f"{kind}-{run.id}",
        icon=icon,
        type="primary" if kind == "resume" else "secondary",
        disabled=why_not is not None,
        help=why_not,
        on_click=_give,
        args=(run.id, kind, _key(run, kind)),
    )


def _key(run: RunView, kind: str) -> str:
    """One key for as long as the page shows the same state: two clicks on what one has seen are one command."""
    shown = (run.id, run.state, run.pending, run.epoch)
    if st.session_state.get("shown") != shown:
        st.session_state["shown"], st.session_state["command_key"] = shown, uuid.uuid4().hex
    return f"page-{st.session_state['command_key']}-{kind}"


def _give(run_id: int, kind: CommandKind, key: str) -> None:
    try:
        store().command(run_id, kind, key=key)
        if kind == "resume":
            ensure_supervisor(store())
    except ShoalError as error:
        st.session_state[_REFUSED] = (run_id, error)
