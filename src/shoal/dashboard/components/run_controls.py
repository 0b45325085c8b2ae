"""Pause, resume and stop. The buttons insert commands; the run's owner obeys them, and the state says so."""

from __future__ import annotations

import streamlit as st

from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.commands import command_key, command_service, permission_hint
from shoal.errors import ShoalError
from shoal.store import CommandKind, RunView

_WORKING = ("running", "queued")
_REFUSED = "refused"


def run_controls(run: RunView, supervised: bool) -> None:
    """The two buttons that fit the state. An unattended run can be resumed, which sees to it that somebody attends."""
    resumable = run.state in ("paused", "stopped", "failed", "interrupted") or (
        run.state == "queued" and not supervised
    )
    if resumable or run.state == "finished":
        why = (
            None
            if resumable
            else "A finished run has spent its budget. Continue it with a larger one."
        )
        _button(run, "resume", "Resume", ":material/play_arrow:", why)
    else:
        _button(
            run, "pause", "Pause", ":material/pause:", _asked(run, "pause") or _asked(run, "stop")
        )
    stoppable = run.state in (*_WORKING, "paused", "interrupted")
    why = _asked(run, "stop") if stoppable else f"The run is {run.state}: there is nothing to stop."
    _button(run, "stop", "Stop", ":material/stop:", why)


def show_refusal(run: RunView) -> None:
    """The answer to a command that was refused or came too late, once."""
    if (found := st.session_state.pop(_REFUSED, None)) is not None and found[0] == run.id:
        error_box(found[1])


def _asked(run: RunView, kind: str) -> str | None:
    return "Asked for; it happens within a second or two." if kind in run.pending else None


def _button(run: RunView, kind: CommandKind, label: str, icon: str, obstacle: str | None) -> None:
    obstacle = permission_hint() or obstacle
    st.button(
        label,
        key=f"{kind}-{run.id}",
        icon=icon,
        type="primary" if kind == "resume" and obstacle is None else "secondary",
        disabled=obstacle is not None,
        help=obstacle,
        on_click=_give,
        args=(run.id, kind, command_key(run, kind)),
    )


def _give(run_id: int, kind: CommandKind, key: str) -> None:
    try:
        command_service().command(run_id, kind, key=key)
    except ShoalError as error:
        st.session_state[_REFUSED] = (run_id, error)
