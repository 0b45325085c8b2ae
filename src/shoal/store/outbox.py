"""Messages for a webhook, kept until they were sent.

A message (in the database: a notice) is written in the transaction that it tells of. It is due at
a time. Who leases it moves that time on, and so has it alone for a while; who has sent it clears
the time. When a sender dies in between, the message is due again: it is sent at least once.

Every function works inside its caller's transaction.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from shoal.store.connection import log_on_commit
from shoal.store.records import Owner, recorded_metric
from shoal.store.runs import add_event, insert_new, lock_run_if_there, shown_state
from shoal.store.serialization import finite
from shoal.store.tables import evaluation, event, notice, now, run

_log = logging.getLogger(__name__)

# A run stalls when it has recorded nothing for at least this many seconds, ...
STALLED_SECONDS = 600.0
# ... and for this many times the length of a training. A champion's trainings, up to 21 of them,
# are recorded together.
STALLED_TRAININGS = 30.0
# The length of a training is the median of so many that were recorded last.
RECENT_TRAININGS = 100

# How long a message is left to who leased it, in seconds.
SENDING_SECONDS = 60.0
# The pause after the first failure, in seconds. It doubles with each failure, up to the second.
RETRY_SECONDS = (15.0, 3600.0)
# The key in a message's content under which those are noted that have it, while others do not.
_TAKEN = "_taken"
# For how long a message is tried, in seconds: nobody is told of a store's whole history.
KEPT_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message for a webhook.

    Attributes
    ----------
    id
        Its number in the store.
    run_id
        The run that it tells of.
    content
        The JSON object to send.
    tries
        How often it was leased, this time included.
    taken
        The keys of receivers that have it already.
    """

    id: int
    run_id: int
    content: dict[str, Any]
    tries: int
    taken: tuple[str, ...] = ()


def add(connection: Connection, run_id: int, kind: str, key: str, host: str | None) -> bool:
    """Write a message about the run as it is now.

    Parameters
    ----------
    connection
        The transaction.
    run_id
        The run.
    kind
        What has happened: "finished", "failed" or "stalled".
    key
        What makes the message unique.
    host
        The host of the run's owner.

    Returns
    -------
    bool
        False when there is a message with that key already.
    """
    if connection.scalar(select(notice.c.id).where(notice.c.key == key)) is not None:
        return False

    row = connection.execute(select(run, now().label("time")).where(run.c.id == run_id)).one()
    metric = recorded_metric(row.settings.get("metric"), row.problem)
    content = {
        "event": kind,
        "run": row.id,
        "name": row.name,
        "state": row.state,
        "metric": metric.to_dict(),
        "best_score": finite(row.best_accuracy),
        "error": row.error,
        "result_hash": row.result_hash,
        "time": row.time,
        "host": host,
    }
    # The name of best_score until 1.0.
    if metric.is_accuracy:
        content["best_accuracy"] = finite(row.best_accuracy)
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


# --- runs that stall --------------------------------------------------------------------------


def stalled_runs(connection: Connection) -> list[int]:
    """The runs that ought to record something, and have not for too long."""
    stalled = []
    for run_id in connection.scalars(select(run.c.id).where(run.c.state == "running")).all():
        if _stalled_seconds(connection, run_id) is not None:
            stalled.append(int(run_id))
    return stalled


def note_stalled(connection: Connection) -> list[int]:
    """Write an event and a message about each run that stalls.

    Each claim and number of evaluations is noted once, however many processes look.

    Returns
    -------
    list of int
        The runs that were noted now.
    """
    noted = []
    for run_id in stalled_runs(connection):
        row = lock_run_if_there(connection, run_id)
        if row is not None and _note_if_stalled(connection, row):
            noted.append(int(row.id))
    return noted


def _note_if_stalled(connection: Connection, row: Row[Any]) -> bool:
    # Looked at again under the lock: the run may have recorded something meanwhile.
    seconds = _stalled_seconds(connection, row.id)
    if row.state != "running" or seconds is None:
        return False

    host = None
    if row.owner:
        host = Owner.parse(row.owner).host_name
    key = f"stalled:{row.id}:{row.epoch}:{row.evaluations}"
    if not add(connection, row.id, "stalled", key, host):
        return False

    situation = "nobody has taken it over"
    if shown_state(row) == "running":
        situation = "its supervisor is at work"
    text = f"Nothing was recorded for {seconds / 60:.0f} minutes; {situation}."
    add_event(connection, text, row.id, "warning")
    line = "run %d stalls: nothing was recorded for %.0f s; %s"
    log_on_commit(connection, _log, logging.WARNING, line, row.id, seconds, situation)
    return True


def _stalled_seconds(connection: Connection, run_id: int) -> float | None:
    """For how many seconds the run has recorded nothing; None while that is not too long."""
    recent = connection.execute(
        select(evaluation.c.seconds, evaluation.c.created)
        .where(evaluation.c.run_id == run_id)
        .order_by(evaluation.c.id.desc())
        .limit(RECENT_TRAININGS)
    ).all()
    # The run may have been queued, claimed or resumed later than that.
    last_event = connection.scalar(
        select(func.max(event.c.created)).where(event.c.run_id == run_id)
    )

    last_sign = last_event or 0.0
    usual_seconds = 0.0
    if recent:
        last_sign = max(last_sign, recent[0].created)
        usual_seconds = statistics.median(row.seconds for row in recent)

    silence = float(connection.scalar(select(now())) or 0.0) - last_sign
    if silence > max(STALLED_SECONDS, STALLED_TRAININGS * usual_seconds):
        return silence
    return None


# --- sending ----------------------------------------------------------------------------------


def is_due(connection: Connection) -> bool:
    """Whether there is a message to be sent now."""
    return connection.scalar(select(notice.c.id).where(notice.c.due <= now()).limit(1)) is not None


def lease_next(connection: Connection) -> OutboxMessage | None:
    """Lease the oldest message that is due; None when there is none.

    For `SENDING_SECONDS` no other caller gets it.
    """
    oldest = select(notice).where(notice.c.due <= now()).order_by(notice.c.id).limit(1)
    row = connection.execute(oldest.with_for_update(skip_locked=True)).first()
    if row is None:
        return None

    tries = row.tries + 1
    _change(connection, row.id, tries=tries, due=now() + SENDING_SECONDS)
    content = {"id": row.id, **row.content}
    taken = tuple(content.pop(_TAKEN, ()))
    return OutboxMessage(row.id, row.run_id, content, tries, taken)


def acknowledge(
    connection: Connection,
    sent: OutboxMessage,
    errors: Mapping[str, str],
    taken: Sequence[str] = (),
) -> None:
    """Note what has become of a leased message.

    Parameters
    ----------
    connection
        The transaction.
    sent
        The message, as `lease_next` gave it.
    errors
        Why it could not be sent, by who should have got it; empty: all have it. Otherwise it is due
        again later, for a day.
    taken
        The keys of receivers that have it, and do not get it again.
    """
    query = select(notice, now().label("now")).where(notice.c.id == sent.id)
    row = connection.execute(query).first()
    if row is None or row.due is None or row.tries != sent.tries:
        # It was deleted, or the lease has ended and another sender has it.
        return

    event_kind = sent.content["event"]
    if not errors:
        _change(connection, sent.id, due=None)
        text = "run %d: the message %s was sent, try %d"
        log_on_commit(connection, _log, logging.INFO, text, sent.run_id, event_kind, sent.tries)
        return

    first_pause, longest_pause = RETRY_SECONDS
    next_try = row.now + min(first_pause * 2 ** (sent.tries - 1), longest_pause)
    is_last = next_try > row.created + KEPT_SECONDS
    if is_last:
        then = "It is not tried again."
        _change(connection, sent.id, due=None)
    else:
        then = "It is tried again for a day."
        content = row.content
        if taken:
            content = {**content, _TAKEN: list(taken)}
        _change(connection, sent.id, due=next_try, content=content)

    # The error is not logged: it may hold the webhook's address, which is a secret.
    text = "run %d: the message %s was not sent, try %d, the last: %s"
    log_on_commit(
        connection, _log, logging.WARNING, text, sent.run_id, event_kind, sent.tries, is_last
    )
    if is_last or sent.tries == 1:
        for name, error in errors.items():
            add_event(
                connection,
                f"{name.capitalize()} was not told that the run has {event_kind}: {error}. {then}",
                sent.run_id,
                "warning",
            )


def _change(connection: Connection, message_id: int, **values: Any) -> None:
    connection.execute(update(notice).where(notice.c.id == message_id).values(values))
