"""What a monitoring system watches of a store, counted in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select, text

from shoal.store import leases, runs
from shoal.store.tables import evaluation, notice, now, run

# Trainings a second are counted over so many seconds, ...
RATE_SECONDS = 60.0
# ... and among so many trainings that were recorded last, which bounds the work.
_MOST_RECENT = 20_000

STATES = ("queued", "running", "interrupted", "paused", "finished", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class Measures:
    """A store at one moment.

    Attributes
    ----------
    runs
        How many runs are in each of `STATES`.
    evaluations
        Trainings that are recorded, of all runs that are still there.
    evaluations_per_second
        Trainings a second that were recorded within the last minute.
    failed
        Trainings that failed, of those after the id that was asked for.
    last_evaluation
        The id of the newest training; 0: there is none.
    bytes
        What the store takes on its disk.
    supervisors
        Supervisors that are alive.
    messages
        Messages to a webhook or messenger that wait to be sent.
    """

    runs: dict[str, int]
    evaluations: int
    evaluations_per_second: float
    failed: int
    last_evaluation: int
    bytes: int
    supervisors: int
    messages: int


def measure(connection: Connection, failures_after: int | None) -> Measures:
    """Count; see `Store.measure`."""
    last = int(connection.scalar(select(func.max(evaluation.c.id))) or 0)
    waiting = select(func.count()).select_from(notice).where(notice.c.due.is_not(None))
    return Measures(
        runs=_runs_by_state(connection),
        evaluations=int(connection.scalar(select(func.sum(run.c.evaluations))) or 0),
        evaluations_per_second=_rate(connection),
        failed=_failed_between(connection, failures_after, last),
        last_evaluation=last,
        bytes=_size(connection),
        supervisors=len(leases.supervisors(connection)),
        messages=int(connection.scalar(waiting) or 0),
    )


def _runs_by_state(connection: Connection) -> dict[str, int]:
    counts = dict.fromkeys(STATES, 0)
    grouped = select(run.c.state, func.count().label("number")).group_by(run.c.state)
    for row in connection.execute(grouped):
        counts[row.state] = row.number

    # "interrupted" is never stored.
    for view in runs.read_runs(connection, run.c.state == "running"):
        if view.state == "interrupted":
            counts["running"] -= 1
            counts["interrupted"] += 1
    return counts


def _rate(connection: Connection) -> float:
    newest = select(evaluation.c.created).order_by(evaluation.c.id.desc()).limit(_MOST_RECENT)
    recent = newest.subquery()
    within = case((recent.c.created > now() - RATE_SECONDS, 1), else_=0)
    return int(connection.scalar(select(func.sum(within))) or 0) / RATE_SECONDS


def _failed_between(connection: Connection, after: int | None, last: int) -> int:
    if after is None:
        return 0
    new = (evaluation.c.id > after) & (evaluation.c.id <= last)
    failed = select(func.count()).select_from(evaluation).where(new)
    return int(connection.scalar(failed.where(evaluation.c.status == "failed")) or 0)


def _size(connection: Connection) -> int:
    if connection.dialect.name == "postgresql":
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    pages = connection.scalar(text("PRAGMA page_count")) or 0
    return int(pages) * int(connection.scalar(text("PRAGMA page_size")) or 0)
