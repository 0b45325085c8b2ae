"""What trains right now: a note of a run's owner, overwritten each time, and the word of readers that they look at it.

A note is no record: it enters no result, and goes when the run is let go of. Functions work inside their caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, select

from shoal.genome.genome import Genome
from shoal.problems.progress import TrainingKind, TrainingProgress
from shoal.pso.snapshot import SwarmSnapshot
from shoal.store.records import LEASE_SECONDS
from shoal.store.runs import insert_or, not_found, parse_id, shown_state
from shoal.store.serialization import sanitise_text
from shoal.store.tables import command, live, now, run

WATCHED_SECONDS = 5.0  # that a reader's word holds
RENEWED_SECONDS = 1.0  # a younger word, of any reader, is not written again


@dataclass(frozen=True, slots=True)
class RunningTraining(TrainingProgress):
    """A training that a worker works on now, and how far it is.

    Attributes
    ----------
    genome, repeat
        What is trained.
    generation, individual
        Where it was first wanted.
    kind
        What it is for.
    baseline
        Name of the method of a baseline, whose genome gives the shape.
    """

    genome: Genome
    repeat: int
    generation: int
    individual: int
    kind: TrainingKind
    baseline: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; `from_dict` reverses it, but for the digits of a frame."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {
            "genome": self.genome.to_dict(),
            "worker": sanitise_text(self.worker),
            "curve": [list(point) for point in self.curve],
            "frame": self.frame and self.frame.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunningTraining:
        """The reverse of `to_dict`."""
        return cls(
            **{
                **values,
                "genome": Genome.from_dict(values["genome"]),
                "curve": tuple((iteration, float(loss)) for iteration, loss in values["curve"]),
                "frame": values["frame"] and SwarmSnapshot.from_dict(values["frame"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Live:
    """What trained ``updated`` seconds ago."""

    updated: float
    trainings: tuple[RunningTraining, ...]


@dataclass(frozen=True, slots=True)
class PollFlags:
    """What an owner has to know at once: whether commands wait to be obeyed, and whether somebody watches."""

    has_commands: bool
    watched: bool


def note(connection: Connection, run_id: int, trainings: Sequence[RunningTraining]) -> None:
    """Write down what trains now, in the place of the note before. The caller has checked the claim."""
    _put(connection, run_id, content=[training.to_dict() for training in trainings], updated=now())


def clear(connection: Connection, run_id: int) -> None:
    """Forget the note: nobody holds the run any more, or another does."""
    connection.execute(delete(live).where(live.c.run_id == run_id))


def read(connection: Connection, run_id: int | str) -> Live | None:
    """The note; None when nobody drives the run, or its owner has not written for long. Raises `RunNotFoundError`."""
    ages = (now() - run.c.heartbeat).label("age"), (now() - live.c.updated).label("updated")
    found = _found(connection, run_id, run.c.state, run.c.owner, *ages, live.c.content)
    if (
        found.updated is None
        or shown_state(found) != "running"
        or abs(found.updated) > LEASE_SECONDS
    ):
        return None
    return Live(max(0.0, found.updated), tuple(map(RunningTraining.from_dict, found.content)))


def is_watched(connection: Connection, run_id: int | str, seconds: float) -> bool:
    """Whether a reader has said so within the last ``seconds``. Raises `RunNotFoundError`."""
    said = _found(connection, run_id, (now() - live.c.watched).label("ago")).ago
    return said is not None and abs(said) < seconds  # in the future: the clock was set back


def announce_viewer(connection: Connection, run_id: int | str) -> None:
    """Somebody watches. Raises `RunNotFoundError`."""
    # So that a delete beside us waits, or is waited for: a row of a run that is gone would stay for ever.
    there = (
        select(run.c.id)
        .where(run.c.id == parse_id(run_id))
        .with_for_update(read=True, key_share=True)
    )
    number = connection.scalar(there)
    if number is None:
        raise not_found(connection, run_id)
    _put(connection, number, watched=now())


def poll_flags(connection: Connection, run_id: int) -> PollFlags:
    """See `PollFlags`."""
    told = exists().where(command.c.run_id == run_id, command.c.applied.is_(None))
    watched = exists().where(
        live.c.run_id == run_id, func.abs(now() - live.c.watched) < WATCHED_SECONDS
    )
    row = connection.execute(select(told.label("told"), watched.label("watched"))).one()
    return PollFlags(bool(row.told), bool(row.watched))


def _put(connection: Connection, run_id: int, **values: Any) -> None:
    new = insert_or(connection, live).values(run_id=run_id, **values)
    connection.execute(new.on_conflict_do_update(index_elements=[live.c.run_id], set_=values))


def _found(connection: Connection, run_id: int | str, *columns: ColumnElement[Any]) -> Row[Any]:
    """Those columns of a run and of its note, if there is one."""
    query = select(*columns).select_from(run.outerjoin(live, live.c.run_id == run.c.id))
    row = connection.execute(query.where(run.c.id == parse_id(run_id))).first()
    if row is None:
        raise not_found(connection, run_id)
    return row
