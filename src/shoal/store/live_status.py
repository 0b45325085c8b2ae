"""What trains right now: a note of a run's owner, and the word of viewers that they look at it.

A note is no record. Each one takes the place of the note before, none enters a result, and the
last one goes when the run is let go of. Functions work inside their caller's transaction.
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
from shoal.store.runs import dialect_insert, parse_id, run_not_found_error, shown_state
from shoal.store.serialization import sanitise_text
from shoal.store.tables import command, live, now, run

# For how long the word of a viewer holds, in seconds.
WATCHED_SECONDS = 5.0
# A younger word, of any viewer, is not written again; in seconds.
RENEWED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunningTraining(TrainingProgress):
    """A training that a worker works on now, and how far it is.

    Attributes
    ----------
    genome
        The genome that is trained. For a baseline it gives the shape of the network.
    repeat
        The number of the repeat.
    generation, individual
        Where the training was first wanted.
    kind
        What it is for: "search", "confirmation", "champion" or "baseline".
    baseline
        The name of the method, for a training of kind "baseline".
    """

    genome: Genome
    repeat: int
    generation: int
    individual: int
    kind: TrainingKind
    baseline: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values. `from_dict` reads them; only the numbers of a frame lose digits."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["genome"] = self.genome.to_dict()
        values["worker"] = sanitise_text(self.worker)
        values["curve"] = [list(point) for point in self.curve]
        if self.frame is not None:
            values["frame"] = self.frame.to_dict()
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunningTraining:
        """A training from the values of `to_dict`."""
        arguments = dict(values)
        arguments["genome"] = Genome.from_dict(values["genome"])
        arguments["curve"] = tuple((iteration, float(loss)) for iteration, loss in values["curve"])
        if values["frame"] is not None:
            arguments["frame"] = SwarmSnapshot.from_dict(values["frame"])
        return cls(**arguments)


@dataclass(frozen=True, slots=True)
class Live:
    """What trains in a run.

    Attributes
    ----------
    updated
        How old the note is, in seconds.
    trainings
        The trainings that were under way then.
    """

    updated: float
    trainings: tuple[RunningTraining, ...]


@dataclass(frozen=True, slots=True)
class PollFlags:
    """What an owner asks for often.

    Attributes
    ----------
    has_commands
        Whether commands wait to be applied.
    watched
        Whether somebody watches the run.
    """

    has_commands: bool
    watched: bool


def note(connection: Connection, run_id: int, trainings: Sequence[RunningTraining]) -> None:
    """Write down what trains now, in the place of the note before.

    The caller has checked its claim on the run.
    """
    content = [training.to_dict() for training in trainings]
    _put(connection, run_id, content=content, updated=now())


def clear(connection: Connection, run_id: int) -> None:
    """Forget the note: nobody holds the run any more, or another owner does."""
    connection.execute(delete(live).where(live.c.run_id == run_id))


def read(connection: Connection, run_id: int | str) -> Live | None:
    """Read the note of a run.

    Returns
    -------
    Live or None
        None when nobody drives the run, or its owner has not written for longer than the lease.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    """
    heartbeat_age = (now() - run.c.heartbeat).label("age")
    note_age = (now() - live.c.updated).label("updated")
    row = _read_row(
        connection, run_id, run.c.state, run.c.owner, heartbeat_age, note_age, live.c.content
    )

    if row.updated is None or abs(row.updated) > LEASE_SECONDS:
        return None
    if shown_state(row) != "running":
        return None
    trainings = tuple(map(RunningTraining.from_dict, row.content))
    # Two clock readings of one query may differ by a little.
    return Live(max(0.0, row.updated), trainings)


def is_watched(connection: Connection, run_id: int | str, seconds: float) -> bool:
    """Whether a viewer has announced itself within the last ``seconds``.

    Raises `RunNotFoundError`.
    """
    age = _read_row(connection, run_id, (now() - live.c.watched).label("age")).age
    # The word lies in the future when the clock was set back since.
    return age is not None and abs(age) < seconds


def announce_viewer(connection: Connection, run_id: int | str) -> None:
    """Note that somebody watches. Raises `RunNotFoundError`."""
    # The lock makes a delete beside us wait, or makes us wait for it. Without it, the row of a run
    # that is gone could stay for ever.
    query = select(run.c.id).where(run.c.id == parse_id(run_id))
    number = connection.scalar(query.with_for_update(read=True, key_share=True))
    if number is None:
        raise run_not_found_error(connection, run_id)
    _put(connection, number, watched=now())


def poll_flags(connection: Connection, run_id: int) -> PollFlags:
    """Whether commands wait, and whether somebody watches."""
    has_commands = exists().where(command.c.run_id == run_id, command.c.applied.is_(None))
    is_recent = func.abs(now() - live.c.watched) < WATCHED_SECONDS
    watched = exists().where(live.c.run_id == run_id, is_recent)
    query = select(has_commands.label("has_commands"), watched.label("watched"))
    row = connection.execute(query).one()
    return PollFlags(bool(row.has_commands), bool(row.watched))


def _put(connection: Connection, run_id: int, **values: Any) -> None:
    """Insert or update some columns of the run's row in ``live``."""
    statement = dialect_insert(connection, live).values(run_id=run_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[live.c.run_id], set_=values))


def _read_row(connection: Connection, run_id: int | str, *columns: ColumnElement[Any]) -> Row[Any]:
    """Some columns of a run and of its note, which may be missing."""
    query = select(*columns).select_from(run.outerjoin(live, live.c.run_id == run.c.id))
    row = connection.execute(query.where(run.c.id == parse_id(run_id))).first()
    if row is None:
        raise run_not_found_error(connection, run_id)
    return row
