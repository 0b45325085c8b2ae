"""Who may write for a run, and the writes of the one who may. Every function works inside its caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, cast, delete, func, insert, select, update

from shoal.errors import NotOwnerError
from shoal.store import commands, live_status, outbox
from shoal.store.live_status import RunningTraining
from shoal.store.migrate import take_lock
from shoal.store.records import Claim, Command, Owner, SupervisorView, is_alive
from shoal.store.runs import insert_new, locked, log, shown_state
from shoal.store.serialization import sanitise_text
from shoal.store.tables import artifact, evaluation, generation, now, run, supervisor

_FREE = ("queued", "interrupted")
_RESERVING = 5_301_047_210_119  # the advisory lock of those who are about to start a supervisor


def claim(connection: Connection, owner: Owner, run_id: int | None) -> Claim | None:
    """The oldest run (or that one) which is queued or interrupted, taken by raising its epoch."""
    query = select(run.c.id, run.c.state, run.c.owner, (now() - run.c.heartbeat).label("age"))
    query = query.where(run.c.state.in_(("queued", "running"))).order_by(run.c.id)
    if run_id is not None:
        query = query.where(run.c.id == run_id)
    for candidate in connection.execute(query).all():
        if (
            shown_state(candidate) not in _FREE
        ):  # looked at without a lock: its owner must not wait for us
            continue
        row = locked(connection, candidate.id)
        state = shown_state(row)
        # A stop or a pause that its last owner did not live to apply is older than our wish to go on.
        if (
            state not in _FREE
            or (state := commands.apply_pending(connection, row.id, state)) not in _FREE
        ):
            continue
        taken = connection.execute(
            update(run)
            .where(run.c.id == row.id, run.c.epoch == row.epoch)
            .values(
                epoch=run.c.epoch + 1,
                owner=str(owner),
                state="running",
                heartbeat=now(),
                started=func.coalesce(run.c.started, now()),
                error=None,
            )
        )
        if taken.rowcount == 1:
            live_status.clear(connection, row.id)
            was = f"Taken over from {row.owner}" if row.owner else "Taken"
            log(connection, f"{was} by {owner}.", row.id)
            return Claim(row.id, str(owner), row.epoch + 1)
    return None


def require_ownership(connection: Connection, claim: Claim) -> int:
    """Lock the run's row; how many generations it has. Raises `NotOwnerError` unless the claim is the current one."""
    query = select(run.c.state, run.c.owner, run.c.epoch, run.c.generations).where(
        run.c.id == claim.run_id
    )
    row = connection.execute(query.with_for_update()).first()
    if row is None or (row.state, row.owner, row.epoch) != ("running", claim.owner, claim.epoch):
        now_is = (
            "deleted"
            if row is None
            else f"{row.state}, epoch {row.epoch}, owner {row.owner or 'nobody'}"
        )
        raise NotOwnerError(
            f"{claim.owner} does not own run {claim.run_id} any more (it is {now_is}); nothing was written.",
            expected=f"running, epoch {claim.epoch}",
            remedy="let its new owner go on; what was recorded is kept",
        )
    return int(row.generations)


def note_live(connection: Connection, claim: Claim, trainings: Sequence[RunningTraining]) -> None:
    """Note what trains now."""
    require_ownership(connection, claim)
    live_status.note(connection, claim.run_id, trainings)


def heartbeat(
    connection: Connection,
    claim: Claim,
    seconds: float,
    trainings: Sequence[RunningTraining] | None,
) -> tuple[Command, ...]:
    """Say that the owner lives, and what trains now, if that is to be noted; the commands that wait for it."""
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
    return commands.pending(connection, claim.run_id)


def record(
    connection: Connection,
    claim: Claim,
    evaluations: list[dict[str, Any]],
    generations: list[dict[str, Any]],
    seconds: float,
    trainings: Sequence[RunningTraining] | None,
) -> None:
    """Append those rows that are new, and count exactly those; note what trains now, if that is to be noted."""
    completed = require_ownership(connection, claim)
    if trainings is not None:
        live_status.note(connection, claim.run_id, trainings)
    mine = evaluation.c.run_id == claim.run_id
    last = connection.scalar(select(func.coalesce(func.max(evaluation.c.id), 0)).where(mine))
    insert_new(connection, evaluation, evaluations)
    insert_new(connection, generation, generations)
    # Nobody else inserts for this run while its row is locked, so later ids are what this call has added.
    added = select(
        func.count(), cast(func.coalesce(func.sum(evaluation.c.iterations), 0), BigInteger)
    )
    count, iterations = connection.execute(added.where(mine, evaluation.c.id > last)).one()
    values: dict[str, Any] = {
        "evaluations": run.c.evaluations + count,
        "iterations": run.c.iterations + iterations,
        "heartbeat": now(),
        "seconds": seconds,
    }
    newest = max(generations, key=lambda g: int(g["number"]), default=None)
    if newest is not None and newest["number"] > completed:
        values |= {
            "generations": newest["number"],
            "best_accuracy": newest["best_accuracy"],
            "best_repeats": newest["best_repeats"],
            "avg_accuracy": newest["mean_accuracy"],
        }
    connection.execute(update(run).where(run.c.id == claim.run_id).values(values))


def finish(
    connection: Connection,
    claim: Claim,
    state: str,
    seconds: float,
    error: str | None,
    result_hash: str | None,
    applied: Sequence[Command],
) -> None:
    """Let go of the run in that state; commands that came too late for its owner are settled here."""
    require_ownership(connection, claim)
    waiting = {c.id for c in commands.pending(connection, claim.run_id)}
    obeyed = tuple(c for c in applied if c.id in waiting)
    if state in ("paused", "stopped") and applied and not obeyed:
        state = "queued"  # a resume has overtaken the command that the owner obeyed
    commands.mark_applied(connection, obeyed, state)
    error = None if error is None else sanitise_text(error)
    commands.set_state(
        connection, claim.run_id, state, seconds=seconds, error=error, result_hash=result_hash
    )
    text = state.capitalize() + (f": {error}" if error else ".")
    log(connection, text, claim.run_id, "error" if state == "failed" else "info")
    if state in ("finished", "failed"):
        outbox.add(
            connection,
            claim.run_id,
            state,
            f"{state}:{claim.run_id}:{claim.epoch}",
            Owner.parse(claim.owner).host,
        )
    commands.apply_pending(connection, claim.run_id, state)


def release(connection: Connection, claim: Claim, seconds: float) -> None:
    """Let go of the run as it stands: anybody may take it over at once."""
    require_ownership(connection, claim)
    values = {"owner": None, "heartbeat": None, "seconds": seconds}
    connection.execute(update(run).where(run.c.id == claim.run_id).values(values))
    live_status.clear(connection, claim.run_id)
    commands.apply_pending(connection, claim.run_id, "interrupted")


def save_artifact(connection: Connection, claim: Claim, kind: str, content: bytes) -> None:
    """Write or replace an artifact."""
    require_ownership(connection, claim)
    connection.execute(
        delete(artifact).where(artifact.c.run_id == claim.run_id, artifact.c.kind == kind)
    )
    connection.execute(insert(artifact).values(run_id=claim.run_id, kind=kind, content=content))


def register(
    connection: Connection, owner: Owner, scope: int | None, instead_of: Owner | None
) -> None:
    """Add a supervisor, and drop those that are dead, and the one whose place it takes."""
    dead = [row.owner for row in _supervisors(connection) if not is_alive(row.owner, row.age)]
    replaced = [str(known) for known in (owner, instead_of) if known]
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


def reserve(connection: Connection, owner: Owner, scope: int | None, on_host: bool) -> bool:
    """Add a supervisor unless another one (``on_host``: of its host) serves ``scope``, or every run."""
    take_lock(connection, _RESERVING)
    others = [
        s for s in supervisors(connection) if s.owner != str(owner) and s.scope in (None, scope)
    ]
    if any(s.host == owner.host or not on_host for s in others):
        return False
    register(connection, owner, scope, None)
    return True


def supervisors(connection: Connection) -> list[SupervisorView]:
    """The live ones, oldest first."""
    return [
        SupervisorView(row.owner, row.host, row.pid, row.scope, row.started, row.age)
        for row in _supervisors(connection)
        if is_alive(row.owner, row.age)
    ]


def _supervisors(connection: Connection) -> Sequence[Row[Any]]:
    age = (now() - supervisor.c.heartbeat).label("age")
    return connection.execute(
        select(supervisor, age).order_by(supervisor.c.started, supervisor.c.owner)
    ).all()
