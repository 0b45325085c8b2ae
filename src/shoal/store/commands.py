"""Pause, resume, stop: what a command makes of a run, whether somebody holds it or nobody does.

A live owner applies the commands of its run itself: they come to it with its heartbeat, and
`leases.finish` marks them. The commands of a run that nobody holds are applied here, at once.
Every function works inside its caller's transaction.
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from shoal.errors import RunStateError
from shoal.store import live_status
from shoal.store.connection import log_on_commit
from shoal.store.records import TERMINAL, Command
from shoal.store.runs import add_event, key_taken_error, lock_run, shown_state
from shoal.store.tables import command, now, run

_log = logging.getLogger(__name__)

# kind -> state of a run that nobody holds -> its next state. A state that is missing does not
# allow the command.
NEXT = {
    "pause": {"queued": "paused", "interrupted": "paused", "paused": "paused"},
    "stop": {
        "queued": "stopped",
        "interrupted": "stopped",
        "paused": "stopped",
        "stopped": "stopped",
        "failed": "failed",
    },
    "resume": {
        "queued": "queued",
        "interrupted": "queued",
        "paused": "queued",
        "stopped": "queued",
        "failed": "queued",
    },
}
# What to do with a run in a state that no command changes.
_REMEDIES = {"finished": "`shoal resume {} --generations N` gives it a larger budget"}


def submit(connection: Connection, run_id: int | str, kind: str, key: str) -> int:
    """Record a command, and apply it at once when nobody holds the run.

    Parameters
    ----------
    connection
        The transaction.
    run_id
        The run, as a person may have typed it.
    kind
        "pause", "stop" or "resume".
    key
        What makes the command unique. A key that was used before for this command has no effect.

    Returns
    -------
    int
        The run's id.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    RunStateError
        If the state of the run does not allow the command. Nothing is written then.
    StoreError
        If the key was used for another command.
    """
    row = lock_run(connection, run_id)
    if _is_known(connection, row.id, kind, key):
        log_on_commit(connection, _log, logging.DEBUG, "run %d: %s is known", row.id, kind)
        return int(row.id)

    state = shown_state(row)
    result = None
    if kind == "resume":
        # A person's word comes before every pause and stop that has not happened yet.
        superseded = pending(connection, row.id)
        mark_applied(connection, superseded, "superseded by a resume")
        for waiting in superseded:
            text = "run %d: %s is superseded by a resume"
            log_on_commit(connection, _log, logging.INFO, text, row.id, waiting.kind)
        if state == "running":
            result = "already running"
    elif state == "running":
        result = _asked_before(connection, row.id, kind)
    else:
        state = apply_pending(connection, row.id, state)

    if state != "running" and state not in NEXT[kind]:
        raise _refusal(row, state, kind)

    values = {"run_id": row.id, "kind": kind, "key": key}
    if result is not None:
        values |= {"applied": now(), "result": result}
    connection.execute(insert(command).values(values))

    if state != "running":
        apply_pending(connection, row.id, state)
    elif result is not None:
        log_on_commit(connection, _log, logging.INFO, "run %d: %s: %s", row.id, kind, result)
    else:
        text = "run %d: %s waits for the run's owner"
        log_on_commit(connection, _log, logging.INFO, text, row.id, kind)
    return int(row.id)


def _is_known(connection: Connection, run_id: int, kind: str, key: str) -> bool:
    """Whether this very command was recorded before. Raises `StoreError` if another has its key."""
    query = select(command.c.run_id, command.c.kind).where(command.c.key == key)
    known = connection.execute(query).first()
    if known is None:
        return False
    if (known.run_id, known.kind) != (run_id, kind):
        raise key_taken_error(key, known.kind, known.run_id)
    return True


def _asked_before(connection: Connection, run_id: int, kind: str) -> str | None:
    """The result of a pause or stop that the owner of the run has been asked for already."""
    for waiting in pending(connection, run_id):
        if waiting.kind in (kind, "stop"):
            return "already asked for"
    return None


def _refusal(row: Row[Any], state: str, kind: str) -> RunStateError:
    """The error for a command that the state does not allow; it names the commands that are."""
    _log.info("run %d is %s: %s is refused", row.id, state, kind)
    possible = []
    for other, next_states in NEXT.items():
        if next_states.get(state, state) != state:
            possible.append(f"`shoal {other} {row.id}`")

    remedy = " or ".join(possible)
    if not possible:
        remedy = _REMEDIES.get(state, "start a new run").format(row.id)
    return RunStateError(
        f"Run {row.id} is {state}, so there is nothing to {kind}.",
        expected=f"a run that is {', '.join(['running', *NEXT[kind]])}",
        remedy=remedy,
    )


def pending(connection: Connection, run_id: int) -> tuple[Command, ...]:
    """The commands that nobody has applied yet, oldest first."""
    query = (
        select(command.c.id, command.c.kind)
        .where(command.c.run_id == run_id, command.c.applied.is_(None))
        .order_by(command.c.id)
    )
    return tuple(Command(row.id, row.kind) for row in connection.execute(query))


def mark_applied(connection: Connection, commands: tuple[Command, ...], result: str) -> None:
    """Mark commands as applied.

    Parameters
    ----------
    connection
        The caller's transaction.
    commands
        The commands; they may be none.
    result
        What has become of them, in words for people.
    """
    ids = [applied.id for applied in commands]
    changed = update(command).where(command.c.id.in_(ids))
    connection.execute(changed.values(applied=now(), result=result))


def apply_pending(connection: Connection, run_id: int, state: str) -> str:
    """Apply the waiting commands to a run that nobody holds.

    Parameters
    ----------
    connection
        The transaction. It holds the lock of the run's row.
    run_id
        The run.
    state
        The shown state that it is in.

    Returns
    -------
    str
        The state after the commands.
    """
    new_state = state
    for waiting in pending(connection, run_id):
        next_state = NEXT[waiting.kind].get(new_state)
        # It was allowed when it was given. The state of the run has changed since.
        if next_state is None:
            result = f"no effect: the run was {new_state}"
        else:
            result = next_state
            new_state = next_state
        mark_applied(connection, (waiting,), result)
        text = "run %d: %s was applied: %s"
        log_on_commit(connection, _log, logging.INFO, text, run_id, waiting.kind, result)

    if new_state != state:
        set_state(connection, run_id, new_state)
        add_event(connection, f"{new_state.capitalize()} (it was {state}).", run_id)
    return new_state


def set_state(connection: Connection, run_id: int, state: str, **values: Any) -> None:
    """Put a run that nobody holds any more into a state.

    Later writes of its former owner are refused. ``values`` are further columns of the run.
    """
    values |= {"state": state, "owner": None, "heartbeat": None, "ended": None}
    if state in TERMINAL:
        values["ended"] = now()
    if state == "queued":
        # What goes on is of interest again.
        values |= {"error": None, "archived": None}
    connection.execute(update(run).where(run.c.id == run_id).values(values))
    live_status.clear(connection, run_id)
