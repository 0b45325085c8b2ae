"""The buttons of a run: pause, resume and stop.

They insert commands; the run's owner obeys them, and the run's state says so.
"""

from __future__ import annotations

import logging

import streamlit as st

from shoal.dashboard.error_box import error_box
from shoal.dashboard.session.commands import command_key, command_service, permission_hint
from shoal.errors import ShoalError
from shoal.store import CommandKind, RunView

_log = logging.getLogger(__name__)

# States in which a run can be resumed, and those in which it can be stopped.
_RESUMABLE = ("paused", "stopped", "failed", "interrupted")
_STOPPABLE = ("running", "queued", "paused", "interrupted")

# In the session's state: (run, error) of a command that was refused.
_REFUSED = "refused"


def run_controls(run: RunView, supervised: bool, place: str = "") -> None:
    """The two buttons that fit the run's state.

    Parameters
    ----------
    run
        The run.
    supervised
        Whether a supervisor attends to it. A queued run that none attends to can be resumed, which
        starts one.
    place
        What tells these buttons from others of the same run on the page.
    """
    unattended = run.state == "queued" and not supervised
    if run.state in _RESUMABLE or unattended:
        _button(run, place, "resume", "Resume", ":material/play_arrow:", None)
    elif run.state == "finished":
        why = "A finished run has spent its budget. Continue it with a larger one."
        _button(run, place, "resume", "Resume", ":material/play_arrow:", why)
    else:
        pending = _pending_text(run, "pause") or _pending_text(run, "stop")
        _button(run, place, "pause", "Pause", ":material/pause:", pending)

    if run.state in _STOPPABLE:
        _button(run, place, "stop", "Stop", ":material/stop:", _pending_text(run, "stop"))
    else:
        why = f"The run is {run.state}: there is nothing to stop."
        _button(run, place, "stop", "Stop", ":material/stop:", why)


def show_refusal(run: RunView) -> None:
    """Show once why the last command for this run was refused, or came too late."""
    refusal = st.session_state.pop(_REFUSED, None)
    if refusal is None:
        return
    run_id, error = refusal
    # It may be of a run whose page was left before the answer came.
    if run_id == run.id:
        error_box(error)


def _pending_text(run: RunView, kind: str) -> str | None:
    """What to say about a command that the run's owner has yet to obey; None without one."""
    if kind in run.pending:
        return "Asked for; it happens within a second or two."
    return None


def _button(
    run: RunView, place: str, kind: CommandKind, label: str, icon: str, obstacle: str | None
) -> None:
    """A button for a command; disabled where an ``obstacle`` says why."""
    # What a viewer may not do comes before what nobody can do now.
    obstacle = permission_hint() or obstacle
    is_primary = kind == "resume" and obstacle is None

    st.button(
        label,
        key=f"{place}{kind}-{run.id}",
        icon=icon,
        type="primary" if is_primary else "secondary",
        disabled=obstacle is not None,
        help=obstacle,
        on_click=_give_command,
        # The key makes of two clicks on what the page shows one command.
        args=(run.id, kind, command_key(run, kind)),
    )


def _give_command(run_id: int, kind: CommandKind, key: str) -> None:
    try:
        command_service().command(run_id, kind, key=key)
    except ShoalError as error:
        _log.info("Run %d: %s was refused: %s", run_id, kind, error)
        st.session_state[_REFUSED] = (run_id, error)
