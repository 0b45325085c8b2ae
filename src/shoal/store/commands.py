"""Pause, resume, stop: what a command makes of a run, whether somebody holds it or nobody does."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from shoal.errors import RunStateError
from shoal.store import live_status
from shoal.store.records import TERMINAL, Command
from shoal.store.runs import key_taken, locked, log, shown_state
from shoal.store.tables import command, now, run

# kind -> state of a run that nobody holds -> its next state. A state that is missing does not allow the command.
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
_MORE = {"finished": "`shoal resume {} --generations N` gives it a larger budget"}


def pending(connection: Connection, run_id: int) -> tuple[Command, ...]:
    """The commands that nobody has applied yet, oldest first."""
    waiting = select(command.c.id, command.c.kind).where(
        command.c.run_id == run_id, command.c.applied.is_(None)
    )
    return tuple(
        Command(row.id, row.kind) for row in connection.execute(waiting.order_by(command.c.id))
    )


def mark_applied(connection: Connection, commands: tuple[Command, ...], result: str) -> None:
    """Mark them as applied."""
    changed = update(command).where(command.c.id.in_([c.id for c in commands]))
    connection.execute(changed.values(applied=now(), result=result))


def submit(connection: Connection, run_id: int | str, kind: str, key: str) -> int:
    """Write the command down, and apply it at once when nobody holds the run. Returns the run's id.

    Raises `RunStateError` where the state does not allow it; nothing is written then.
    """
    row = locked(connection, run_id)
    known = connection.execute(
        select(command.c.run_id, command.c.kind).where(command.c.key == key)
    ).first()
    if known is not None:
        if (known.run_id, known.kind) != (row.id, kind):
            raise key_taken(key, known.kind, known.run_id)
        return int(row.id)
    state, waiting = shown_state(row), pending(connection, row.id)
    result: str | None = None
    if (
        kind == "resume"
    ):  # a person's word: it comes before every pause and stop that has not happened yet
        mark_applied(connection, waiting, "superseded by a resume")
        result = "already running" if state == "running" else None
    elif state == "running":
        if any(c.kind in (kind, "stop") for c in waiting):
            result = "already asked for"
    elif waiting:
        state = apply_pending(connection, row.id, state)
    if state != "running" and state not in NEXT[kind]:
        possible = [
            f"`shoal {k} {row.id}`"
            for k, states in NEXT.items()
            if states.get(state, state) != state
        ]
        raise RunStateError(
            f"Run {row.id} is {state}, so there is nothing to {kind}.",
            expected=f"a run that is {', '.join(['running', *NEXT[kind]])}",
            remedy=" or ".join(possible) or _MORE.get(state, "start a new run").format(row.id),
        )
    values = {"run_id": row.id, "kind": kind, "key": key}
    if result is not None:
        values |= {"applied": now(), "result": result}
    connection.execute(insert(command).values(values))
    if state != "running":
        apply_pending(connection, row.id, state)
    return int(row.id)


def apply_pending(connection: Connection, run_id: int, state: str) -> str:
    """Apply the waiting commands to a run that nobody holds, and whose row is locked. Returns its state after them."""
    new = state
    for waiting in pending(connection, run_id):
        allowed = NEXT[waiting.kind].get(new)
        mark_applied(connection, (waiting,), allowed or f"no effect: the run was {new}")
        new = allowed or new
    if new != state:
        set_state(connection, run_id, new)
        log(connection, f"{new.capitalize()} (it was {state}).", run_id)
    return new


def set_state(connection: Connection, run_id: int, state: str, **values: Any) -> None:
    """Put a run that nobody holds any more into that state; a late write of its former owner will be refused."""
    values |= {
        "state": state,
        "owner": None,
        "heartbeat": None,
        "ended": now() if state in TERMINAL else None,
    }
    if state == "queued":
        values["error"] = None
    connection.execute(update(run).where(run.c.id == run_id).values(values))
    live_status.clear(connection, run_id)
