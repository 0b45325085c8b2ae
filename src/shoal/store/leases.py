"""Who may write for a run, and what the owner of a run writes.

A run is claimed by raising its epoch. The claim holds as long as the run is running with this
owner and this epoch, and every write of an owner checks that first. The owner renews its lease
with each write; an owner whose lease has expired, or whose process is gone, counts as dead, and
its run may be claimed by another one. Supervisors have leases of the same kind.

Every function works inside its caller's transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from shoal.errors import NotOwnerError
from shoal.store import commands, live_status, outbox
from shoal.store.connection import log_on_commit
from shoal.store.live_status import RunningTraining
from shoal.store.migrate import take_lock
from shoal.store.records import Claim, Command, Owner, SupervisorView, is_alive, process_of
from shoal.store.runs import add_event, insert_new, lock_run_if_there, shown_state
from shoal.store.serialization import sanitise_text
from shoal.store.tables import artifact, evaluation, generation, now, run, supervisor

_log = logging.getLogger(__name__)

# Shown states of a run that may be claimed.
_FREE = ("queued", "interrupted")
# PostgreSQL's advisory lock for those who are about to start a supervisor.
_RESERVING = 5_301_047_210_119


# --- claims -----------------------------------------------------------------------------------


def claim_run(connection: Connection, owner: Owner, run_id: int | None) -> Claim | None:
    """Claim the oldest run that is queued or interrupted.

    Parameters
    ----------
    connection
        The transaction.
    owner
        Who claims the run.
    run_id
        Only this run; None: any run.

    Returns
    -------
    Claim or None
        None when there is no run to claim.
    """
    age = (now() - run.c.heartbeat).label("age")
    query = select(run.c.id, run.c.state, run.c.owner, age)
    query = query.where(run.c.state.in_(("queued", "running"))).order_by(run.c.id)
    if run_id is not None:
        query = query.where(run.c.id == run_id)

    for candidate in connection.execute(query).all():
        # Looked at without a lock first, so that the owner of a run never has to wait for us.
        if shown_state(candidate) in _FREE:
            claim = _claim_if_free(connection, owner, candidate.id)
            if claim is not None:
                return claim
    return None


def _claim_if_free(connection: Connection, owner: Owner, run_id: int) -> Claim | None:
    """Lock the run and look again; claim it if it is still free."""
    row = lock_run_if_there(connection, run_id)
    if row is None or shown_state(row) not in _FREE:
        # It was deleted, or claimed by another, since it was looked at.
        _log.debug("run %d: another process was faster", run_id)
        return None

    # A stop or a pause that its last owner did not live to apply is older than our wish to go on.
    state = commands.apply_pending(connection, row.id, shown_state(row))
    if state not in _FREE:
        return None

    claimed = connection.execute(
        update(run)
        .where(run.c.id == row.id, run.c.epoch == row.epoch)
        .values(
            epoch=run.c.epoch + 1,
            owner=str(owner),
            state="running",
            heartbeat=now(),
            started=func.coalesce(run.c.started, now()),
            error=None,
            archived=None,
        )
    )
    if claimed.rowcount != 1:
        _log.debug("run %d: another process was faster", run_id)
        return None

    live_status.clear(connection, row.id)
    claim = Claim(row.id, str(owner), row.epoch + 1)
    _report_claim(connection, claim, row)
    return claim


def _report_claim(connection: Connection, claim: Claim, before: Row[Any]) -> None:
    """Say in an event and in the log who has claimed a run, and from whom."""
    process = process_of(claim.owner)
    if before.owner is None:
        add_event(connection, f"Taken by {process}.", claim.run_id)
        text = "run %d: claimed by %s, epoch %d"
        log_on_commit(connection, _log, logging.INFO, text, claim.run_id, process, claim.epoch)
        return

    last = process_of(before.owner)
    add_event(connection, f"Taken over from {last} by {process}.", claim.run_id)
    text = (
        "run %d: taken over by %s, epoch %d: the lease of %s has ended, last heartbeat %.1f s ago"
    )
    log_on_commit(
        connection,
        _log,
        logging.WARNING,
        text,
        claim.run_id,
        process,
        claim.epoch,
        last,
        before.age or 0.0,
    )


def require_ownership(connection: Connection, claim: Claim) -> int:
    """Lock the run's row, and check that the claim on it is the current one.

    Returns
    -------
    int
        How many generations the run has completed.

    Raises
    ------
    NotOwnerError
        If the run is not running, or no longer with this owner and epoch.
    """
    query = select(run.c.state, run.c.owner, run.c.epoch, run.c.generations)
    query = query.where(run.c.id == claim.run_id)
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        raise _ownership_lost(claim, "deleted")
    if (row.state, row.owner, row.epoch) != ("running", claim.owner, claim.epoch):
        holder = process_of(row.owner)
        raise _ownership_lost(claim, f"{row.state}, epoch {row.epoch}, owner {holder}")
    return int(row.generations)


def _ownership_lost(claim: Claim, situation: str) -> NotOwnerError:
    """The error for a claim that is not the current one; ``situation`` is that of the run."""
    process = process_of(claim.owner)
    _log.warning(
        "run %d: %s has lost its claim, epoch %d: the run is %s",
        claim.run_id,
        process,
        claim.epoch,
        situation,
    )

    return NotOwnerError(
        f"{process} does not own run {claim.run_id} any more (it is {situation}); "
        "nothing was written.",
        expected=f"running, epoch {claim.epoch}",
        remedy="let its new owner go on; what was recorded is kept",
    )


# --- writes of an owner -----------------------------------------------------------------------


def note_live(connection: Connection, claim: Claim, trainings: Sequence[RunningTraining]) -> None:
    """Note what trains now. Raises `NotOwnerError`, as every function of this section does."""
    require_ownership(connection, claim)
    live_status.note(connection, claim.run_id, trainings)


def heartbeat(
    connection: Connection,
    claim: Claim,
    seconds: float,
    trainings: Sequence[RunningTraining] | None,
) -> tuple[Command, ...]:
    """Renew the lease.

    Parameters
    ----------
    connection
        The transaction.
    claim
        The owner's claim.
    seconds
        The run's active training time so far, in seconds.
    trainings
        What trains now; None: leave the last note as it is.

    Returns
    -------
    tuple of Command
        The commands that wait for the owner, oldest first.
    """
    require_ownership(connection, claim)
    if trainings is not None:
        live_status.note(connection, claim.run_id, trainings)

    connection.execute(
        update(run).where(run.c.id == claim.run_id).values(heartbeat=now(), seconds=seconds)
    )
    # A supervisor that drives a run for hours does not come round to its own heartbeat.
    connection.execute(
        update(supervisor).where(supervisor.c.owner == claim.owner).values(heartbeat=now())
    )
    _log.debug("run %d: heartbeat of %s", claim.run_id, process_of(claim.owner))
    return commands.pending(connection, claim.run_id)


def record(
    connection: Connection,
    claim: Claim,
    evaluations: list[dict[str, Any]],
    generations: list[dict[str, Any]],
    seconds: float,
    trainings: Sequence[RunningTraining] | None,
) -> None:
    """Append the rows that are new, count exactly those, and renew the lease.

    Parameters
    ----------
    connection
        The transaction.
    claim
        The owner's claim.
    evaluations, generations
        Rows of the tables ``evaluation`` and ``generation``. Those that are there are ignored.
    seconds
        The run's active training time so far, in seconds.
    trainings
        What trains now; None: leave the last note as it is.
    """
    completed = require_ownership(connection, claim)
    if trainings is not None:
        live_status.note(connection, claim.run_id, trainings)

    of_run = evaluation.c.run_id == claim.run_id
    last = connection.scalar(select(func.coalesce(func.max(evaluation.c.id), 0)).where(of_run))
    insert_new(connection, evaluation, evaluations)
    insert_new(connection, generation, generations)

    # Nobody else inserts for this run while its row is locked, so what this call has added are
    # the evaluations with later ids.
    added = _counts(connection, of_run & (evaluation.c.id > last))

    values: dict[str, Any] = {
        "evaluations": run.c.evaluations + added["evaluations"],
        "iterations": run.c.iterations + added["iterations"],
        "heartbeat": now(),
        "seconds": seconds,
    }
    values |= _newest_scores(generations, completed)
    connection.execute(update(run).where(run.c.id == claim.run_id).values(values))
    log_on_commit(
        connection,
        _log,
        logging.DEBUG,
        "run %d: %d evaluations recorded, %d given",
        claim.run_id,
        added["evaluations"],
        len(evaluations),
    )


def _newest_scores(generations: list[dict[str, Any]], completed: int) -> dict[str, Any]:
    """Columns of the run that show its newest generation, if it is later than ``completed``."""
    newest = max(generations, key=_generation_number, default=None)
    if newest is None or newest["number"] <= completed:
        return {}
    return {
        "generations": newest["number"],
        "best_accuracy": newest["best_accuracy"],
        "best_repeats": newest["best_repeats"],
        "avg_accuracy": newest["mean_accuracy"],
    }


def _generation_number(row: dict[str, Any]) -> int:
    return int(row["number"])


def finish(
    connection: Connection,
    claim: Claim,
    state: str,
    seconds: float,
    error: str | None,
    result_hash: str | None,
    evaluations: int | None,
    applied: Sequence[Command],
    best: tuple[float, int] | None = None,
) -> bool:
    """Let go of a run in its new state.

    Commands that came too late for the owner are applied here. See `Store.finish` for the
    parameters and the result.
    """
    require_ownership(connection, claim)
    if evaluations is not None and evaluations != _count_again(connection, claim.run_id):
        return False

    # A resume may have superseded commands that the owner obeyed.
    waiting = {command.id for command in commands.pending(connection, claim.run_id)}
    obeyed = tuple(command for command in applied if command.id in waiting)
    if state in ("paused", "stopped") and applied and not obeyed:
        state = "queued"
    commands.mark_applied(connection, obeyed, state)
    for command in obeyed:
        text = "run %d: %s was applied by its owner: %s"
        log_on_commit(connection, _log, logging.INFO, text, claim.run_id, command.kind, state)

    if error is not None:
        error = sanitise_text(error)
    values: dict[str, Any] = {"seconds": seconds, "error": error, "result_hash": result_hash}
    if best is not None:
        values["best_accuracy"], values["best_repeats"] = best
    commands.set_state(connection, claim.run_id, state, **values)
    _report_end(connection, claim, state, error)
    commands.apply_pending(connection, claim.run_id, state)
    return True


def _count_again(connection: Connection, run_id: int) -> int:
    """Count a run's evaluations and their iterations anew; return how many there are.

    What was counted when they were recorded is too much where some have been lost since.
    """
    counts = _counts(connection, evaluation.c.run_id == run_id)
    connection.execute(update(run).where(run.c.id == run_id).values(counts))
    return counts["evaluations"]


def _counts(connection: Connection, condition: ColumnElement[bool]) -> dict[str, int]:
    """How many evaluations meet a condition, and the sum of their iterations."""
    iterations = cast(func.coalesce(func.sum(evaluation.c.iterations), 0), BigInteger)
    query = select(func.count().label("evaluations"), iterations.label("iterations"))
    return dict(connection.execute(query.where(condition)).one()._mapping)


def _report_end(connection: Connection, claim: Claim, state: str, error: str | None) -> None:
    """Say in an event, in the log and to a webhook how a claim has ended."""
    text = f"{state.capitalize()}."
    if error:
        text = f"{state.capitalize()}: {error}"
    event_level = "info"
    log_level = logging.INFO
    if state == "failed":
        event_level = "error"
        log_level = logging.ERROR
    elif error:
        # It was paused by itself.
        event_level = "warning"
        log_level = logging.WARNING

    add_event(connection, text, claim.run_id, event_level)
    process = process_of(claim.owner)
    line = "run %d: %s, let go of by %s"
    log_on_commit(connection, _log, log_level, line, claim.run_id, state, process)

    # In the transaction that ends the run: there is a message exactly when the run has ended.
    if state in ("finished", "failed"):
        key = f"{state}:{claim.run_id}:{claim.epoch}"
        outbox.add(connection, claim.run_id, state, key, Owner.parse(claim.owner).host_name)


def release(connection: Connection, claim: Claim, seconds: float) -> None:
    """Let go of the run as it stands: anybody may claim it at once.

    Its state stays "running" without an owner, which people see as "interrupted". Commands that
    wait are applied now, as nobody is left who would.

    Parameters
    ----------
    connection
        The caller's transaction.
    claim
        The owner's claim.
    seconds
        The run's active training time, in seconds.
    """
    require_ownership(connection, claim)
    values = {"owner": None, "heartbeat": None, "seconds": seconds}
    connection.execute(update(run).where(run.c.id == claim.run_id).values(values))
    live_status.clear(connection, claim.run_id)
    process = process_of(claim.owner)
    log_on_commit(connection, _log, logging.INFO, "run %d: released by %s", claim.run_id, process)
    commands.apply_pending(connection, claim.run_id, "interrupted")


def save_artifact(connection: Connection, claim: Claim, kind: str, content: bytes) -> None:
    """Write an artifact, in place of the one of the same name.

    Parameters
    ----------
    connection
        The caller's transaction.
    claim
        The owner's claim.
    kind
        The artifact's name.
    content
        Its bytes.
    """
    require_ownership(connection, claim)
    is_old = (artifact.c.run_id == claim.run_id) & (artifact.c.kind == kind)
    connection.execute(delete(artifact).where(is_old))
    connection.execute(insert(artifact).values(run_id=claim.run_id, kind=kind, content=content))
    text = "run %d: %s saved, %d bytes"
    log_on_commit(connection, _log, logging.DEBUG, text, claim.run_id, kind, len(content))


# --- supervisors ------------------------------------------------------------------------------


def register(
    connection: Connection, owner: Owner, scope: int | None, instead_of: Owner | None
) -> None:
    """Add a supervisor. Forget the dead ones, and the one whose place it takes.

    Parameters
    ----------
    connection
        The transaction.
    owner
        The supervisor.
    scope
        The one run that it serves; None: all of them.
    instead_of
        The reservation that it takes the place of.
    """
    dead = [row.owner for row in _all_supervisors(connection) if not is_alive(row.owner, row.age)]
    for gone in dead:
        text = "the supervisor %s is dead: forgotten"
        log_on_commit(connection, _log, logging.WARNING, text, process_of(gone))

    replaced = [str(owner)]
    if instead_of is not None:
        replaced.append(str(instead_of))
    connection.execute(delete(supervisor).where(supervisor.c.owner.in_(dead + replaced)))

    connection.execute(
        insert(supervisor).values(
            owner=str(owner),
            host=owner.host,
            pid=owner.pid,
            scope=scope,
            started=now(),
            heartbeat=now(),
        )
    )
    log_on_commit(
        connection,
        _log,
        logging.INFO,
        "the supervisor %s is registered, for %s",
        process_of(str(owner)),
        _scope_text(scope),
    )


def _scope_text(scope: int | None) -> str:
    if scope is None:
        return "all runs"
    return f"run {scope}"


def reserve(connection: Connection, owner: Owner, scope: int | None, on_host: bool) -> bool:
    """Add a supervisor unless another one serves its scope, or every run.

    Parameters
    ----------
    connection
        The transaction.
    owner
        Who is about to start a supervisor.
    scope
        The one run that it would serve; None: all of them.
    on_host
        Whether supervisors of other hosts do not count.

    Returns
    -------
    bool
        Whether the supervisor was added.
    """
    take_lock(connection, _RESERVING)
    for other in supervisors(connection):
        is_another = other.owner != str(owner)
        serves_scope = other.scope in (None, scope)
        counts = other.host == owner.host or not on_host
        if is_another and serves_scope and counts:
            _log.debug("the supervisor %s serves %s", process_of(other.owner), _scope_text(scope))
            return False

    register(connection, owner, scope, None)
    return True


def supervisors(connection: Connection) -> list[SupervisorView]:
    """The live supervisors, oldest first."""
    views = []
    for row in _all_supervisors(connection):
        if is_alive(row.owner, row.age):
            view = SupervisorView(row.owner, row.host, row.pid, row.scope, row.started, row.age)
            views.append(view)
    return views


def _all_supervisors(connection: Connection) -> Sequence[Row[Any]]:
    """All supervisors, also dead ones, with ``age``: seconds since the last heartbeat."""
    age = (now() - supervisor.c.heartbeat).label("age")
    query = select(supervisor, age).order_by(supervisor.c.started, supervisor.c.owner)
    return connection.execute(query).all()
