"""What is to be told to a webhook: written with what it tells of, kept until somebody took it. Inside the caller's transaction.

A notice is due at a time; who takes it moves that time on, and so has it alone for a while; who has sent it clears the time. A
sender that dies in between leaves it due again: it is sent at least once.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from shoal.store.records import Owner
from shoal.store.runs import insert_new, locked, log, shown_state
from shoal.store.serialization import finite
from shoal.store.tables import evaluation, event, notice, now, run

STALLED_SECONDS = 600.0  # at least so long without anything recorded
STALLED_TRAININGS = 30.0  # and so many times a training: those of a champion are recorded together, up to 21 of them
RECENT_TRAININGS = 100
SENDING_SECONDS = 60.0  # that a notice is left to who took it
RETRY_SECONDS = (15.0, 3600.0)  # after the first failure, doubled each time, up to the second
KEPT_SECONDS = 86_400.0  # that it is tried for; nobody is told of a store's whole history


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One word for a webhook: ``content`` is the JSON object; ``tries`` counts this one."""

    id: int
    run_id: int
    content: dict[str, Any]
    tries: int


def add(connection: Connection, run_id: int, kind: str, key: str, host: str | None) -> bool:
    """Write a notice of the run as it is now; False when the one with that key is there already."""
    if connection.scalar(select(notice.c.id).where(notice.c.key == key)) is not None:
        return False
    row = connection.execute(select(run, now().label("time")).where(run.c.id == run_id)).one()
    content = {
        "event": kind,
        "run": row.id,
        "name": row.name,
        "state": row.state,
        "best_accuracy": finite(row.best_accuracy),
        "error": row.error,
        "result_hash": row.result_hash,
        "time": row.time,
        "host": host,
    }
    values = {
        "run_id": run_id,
        "key": key,
        "content": content,
        "created": row.time,
        "tries": 0,
        "due": row.time,
    }
    insert_new(connection, notice, [values])
    return True


def silent(connection: Connection) -> list[int]:
    """The runs that ought to record something, and have not for too long."""
    running = connection.scalars(select(run.c.id).where(run.c.state == "running")).all()
    return [int(run_id) for run_id in running if _silence(connection, run_id) is not None]


def note_stalled(connection: Connection) -> list[int]:
    """Note each run that is running, or has lost its owner, and recorded nothing for long; those that are new.

    Once for each claim and number of evaluations, however many look.
    """
    found = []
    for run_id in silent(connection):
        row = locked(connection, run_id)
        silence = _silence(connection, row.id)  # again: it may have recorded something meanwhile
        if row.state != "running" or silence is None:
            continue
        host = Owner.parse(row.owner).host if row.owner else None
        if add(
            connection, row.id, "stalled", f"stalled:{row.id}:{row.epoch}:{row.evaluations}", host
        ):
            why = (
                "its supervisor is at work"
                if shown_state(row) == "running"
                else "nobody has taken it over"
            )
            log(
                connection,
                f"Nothing was recorded for {silence / 60:.0f} minutes; {why}.",
                row.id,
                "warning",
            )
            found.append(int(row.id))
    return found


def _silence(connection: Connection, run_id: int) -> float | None:
    """For how many seconds the run has recorded nothing, when that is too long."""
    query = select(evaluation.c.seconds, evaluation.c.created).where(evaluation.c.run_id == run_id)
    recent = connection.execute(
        query.order_by(evaluation.c.id.desc()).limit(RECENT_TRAININGS)
    ).all()
    taken = select(func.max(event.c.created)).where(
        event.c.run_id == run_id
    )  # it was queued, claimed, resumed
    times = [row.created for row in recent[:1]] + [connection.scalar(taken) or 0.0]
    silence = float(connection.scalar(select(now())) or 0.0) - max(times)
    usual = statistics.median(row.seconds for row in recent) if recent else 0.0
    return silence if silence > max(STALLED_SECONDS, STALLED_TRAININGS * usual) else None


def is_due(connection: Connection) -> bool:
    """Whether there is one to be sent now."""
    return connection.scalar(select(notice.c.id).where(notice.c.due <= now()).limit(1)) is not None


def lease_next(connection: Connection) -> OutboxMessage | None:
    """The oldest that is due, for this caller alone for a while; None when there is none."""
    late = select(notice).where(notice.c.due <= now()).order_by(notice.c.id).limit(1)
    row = connection.execute(late.with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    _change(connection, row.id, tries=row.tries + 1, due=now() + SENDING_SECONDS)
    return OutboxMessage(row.id, row.run_id, {"id": row.id, **row.content}, row.tries + 1)


def acknowledge(connection: Connection, sent: OutboxMessage, error: str | None) -> None:
    """Put down what became of a notice: sent, or to be tried again, for a day."""
    row = connection.execute(
        select(notice, now().label("now")).where(notice.c.id == sent.id)
    ).first()
    if (
        row is None or row.due is None or row.tries != sent.tries
    ):  # deleted, or another took it as we were long
        return
    if error is None:
        _change(connection, sent.id, due=None)
        return
    wait = min(RETRY_SECONDS[0] * 2 ** (sent.tries - 1), RETRY_SECONDS[1])
    over = row.now + wait > row.created + KEPT_SECONDS
    _change(connection, sent.id, due=None if over else row.now + wait)
    if over or sent.tries == 1:
        then = "It is not tried again." if over else "It is tried again for a day."
        text = f"The webhook was not told that the run has {sent.content['event']}: {error}. {then}"
        log(connection, text, sent.run_id, "warning")


def _change(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(update(notice).where(notice.c.id == number).values(values))
