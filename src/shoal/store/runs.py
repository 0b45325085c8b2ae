"""Runs as rows: adding, finding, showing and deleting them. Every function works inside its caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from shoal.errors import RunNotFoundError, RunStateError, SettingsError, StoreError
from shoal.settings.search_settings import SearchSettings
from shoal.store.migrate import take_lock
from shoal.store.records import RunView, TableView, is_alive
from shoal.store.serialization import sanitise_text
from shoal.store.tables import (
    artifact,
    command,
    dataset,
    evaluation,
    event,
    generation,
    live,
    notice,
    now,
    run,
)

_ADDING = 5_301_047_210_118  # the advisory lock of those who add or delete runs


@dataclass(frozen=True, slots=True)
class NewRun:
    """What `add` writes; ``dataset`` is the dataset's row without the time, ``notes`` what people should know of it."""

    name: str
    dataset: dict[str, Any]
    data_options: dict[str, Any]
    settings: SearchSettings
    notes: tuple[str, ...]
    key: str
    exclusive: bool


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows whose unique keys are not there yet; never overwrite."""
    if rows:
        connection.execute(insert_or(connection, table).on_conflict_do_nothing(), rows)


def insert_or(connection: Connection, table: Table) -> Any:
    """The database's own INSERT, with an ON CONFLICT. Imported by name: the other database's dialect takes a while to load."""
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)


def log(connection: Connection, text: str, run_id: int | None = None, level: str = "info") -> None:
    """Write an event."""
    connection.execute(insert(event).values(run_id=run_id, level=level, text=sanitise_text(text)))


def add(connection: Connection, new: NewRun) -> tuple[int, bool]:
    """The run's id, and whether it is a new one."""
    take_lock(connection, _ADDING)
    started = start_of_key(connection, new.key)
    if started is not None:
        return started, False
    run_id = _active(connection) if new.exclusive else None
    created = run_id is None
    if run_id is None:
        insert_new(connection, dataset, [new.dataset])
        values = {
            "name": new.name,
            "dataset_hash": new.dataset["hash"],
            "data_options": new.data_options,
            "settings": new.settings.to_dict(),
            "seed": new.settings.seed,
            "state": "queued",
        }
        run_id = connection.execute(insert(run).values(values).returning(run.c.id)).scalar_one()
        log(connection, "Queued.", run_id)
        for note in new.notes:
            log(connection, note, run_id)
    connection.execute(
        insert(command).values(
            run_id=run_id,
            kind="start",
            key=new.key,
            applied=now(),
            result="queued" if created else "another run was active",
        )
    )
    return run_id, created


def start_of_key(connection: Connection, key: str) -> int | None:
    """The run that a start with this key has led to. Raises `StoreError` when the key is of another command."""
    known = connection.execute(
        select(command.c.run_id, command.c.kind).where(command.c.key == key)
    ).first()
    if known is not None and known.kind != "start":
        raise key_taken(key, known.kind, known.run_id)
    return None if known is None else int(known.run_id)


def key_taken(key: str, kind: str, run_id: int) -> StoreError:
    """The error for a key that has been used for something else."""
    return StoreError(
        f"The key {key!r} was used to {kind} run {run_id}.", remedy="use a new key for each command"
    )


def _active(connection: Connection) -> int | None:
    active = select(run.c.id).where(run.c.state.in_(("running", "queued")))
    return connection.scalar(
        active.order_by(run.c.state.desc(), run.c.id).limit(1)
    )  # one that runs, before a queued


def parse_id(run_id: int | str) -> int:
    """A run's number, as a person may have typed it; -1, which no run has, for what is not a number."""
    text = str(run_id).strip().removeprefix("#")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1


def not_found(connection: Connection, run_id: int | str) -> RunNotFoundError:
    """The error for a run that is not there, with a few that are."""
    known = [
        str(i) for i in connection.scalars(select(run.c.id).order_by(run.c.id.desc()).limit(5))
    ]
    return RunNotFoundError(
        f"There is no run {str(run_id)[:40]!r} in this store.",
        expected=f"a run's number, such as {', '.join(known)}"
        if known
        else "a run's number; the store has none yet",
        remedy="`shoal runs` lists them",
    )


def locked(connection: Connection, run_id: int | str) -> Row[Any]:
    """The run's row, and its age of heartbeat, locked until the transaction ends. Raises `RunNotFoundError`."""
    query = select(run, (now() - run.c.heartbeat).label("age")).where(run.c.id == parse_id(run_id))
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        raise not_found(connection, run_id)
    return row


def shown_state(row: Row[Any]) -> str:
    """The state that people see; ``row`` has state, owner and age."""
    if row.state == "running" and not is_alive(row.owner, row.age):
        return "interrupted"
    return str(row.state)


def views(
    connection: Connection, which: ColumnElement[bool] | None = None, limit: int | None = None
) -> list[RunView]:
    """The runs, newest first; at most ``limit``."""
    query = select(
        run, dataset.c.name.label("dataset"), (now() - run.c.heartbeat).label("age")
    ).join(dataset)
    waiting = (
        select(command.c.run_id, command.c.kind)
        .where(command.c.applied.is_(None))
        .order_by(command.c.id)
    )
    if which is not None:
        query, waiting = query.where(which), waiting.join(run).where(which)
    pending: dict[int, list[str]] = defaultdict(list)
    for item in connection.execute(waiting):
        pending[item.run_id].append(item.kind)
    rows = connection.execute(query.order_by(run.c.id.desc()).limit(limit)).all()
    return [_view(row, tuple(pending[row.id])) for row in rows]


def view(connection: Connection, run_id: int | str) -> RunView:
    """One run. Raises `RunNotFoundError`."""
    found = views(connection, run.c.id == parse_id(run_id))
    if not found:
        raise not_found(connection, run_id)
    return found[0]


def comparable(connection: Connection, run_id: int) -> list[RunView]:
    """The other finished runs on the table of this one, newest first."""
    same = (
        run.c.dataset_hash == select(run.c.dataset_hash).where(run.c.id == run_id).scalar_subquery()
    )
    return views(connection, same & (run.c.state == "finished") & (run.c.id != run_id))


def tables(connection: Connection) -> list[TableView]:
    """The stored tables, the last used first."""
    newest = func.max(run.c.id).label("run_id")
    query = (
        select(dataset.c.name, dataset.c.rows, dataset.c.columns, newest)
        .join(run)
        .group_by(dataset.c.hash)
    )
    return [TableView(**row._mapping) for row in connection.execute(query.order_by(newest.desc()))]


def _view(row: Row[Any], pending: tuple[str, ...]) -> RunView:
    values = dict(row._mapping)
    values |= {
        "settings": SearchSettings.recorded(row.settings),
        "heartbeat_age": row.age,
        "state": shown_state(row),
    }
    return RunView(
        **{name: values[name] for name in RunView.__dataclass_fields__ if name != "pending"},
        pending=pending,
    )


BUDGETS = ("generations", "evaluations", "max_seconds")


def extend(connection: Connection, run_id: int | str, budgets: Mapping[str, float]) -> int:
    """Larger budgets for a run that nobody holds; a finished one is queued. See `Store.extend`. Returns the run's id."""
    row = locked(connection, run_id)
    state = shown_state(row)
    if state == "running":
        raise RunStateError(
            f"Run {row.id} is running.",
            expected="a run that nobody drives",
            remedy=f"`shoal pause {row.id}` first, or let it finish",
        )
    before = SearchSettings.recorded(row.settings)
    for name, value in budgets.items():
        if name not in BUDGETS:
            raise SettingsError(f"{name} is no budget.", expected="one of " + ", ".join(BUDGETS))
        had = getattr(before, name)
        if had is None or not value > had:
            raise SettingsError(
                f"{name}={value} is no more than the run has had.",
                expected=f"more than {had}"
                if had is not None
                else f"none: the run has no limit of {name}",
                remedy="name a larger budget",
            )
    after = SearchSettings.recorded({**row.settings, **budgets})
    values: dict[str, Any] = {"settings": after.to_dict()}
    if state == "finished":
        values |= {"state": "queued", "ended": None, "result_hash": None}
    connection.execute(update(run).where(run.c.id == row.id).values(values))
    more = ", ".join(
        f"{name} {getattr(before, name)} -> {value}" for name, value in budgets.items()
    )
    log(connection, f"Goes on with more: {more}.", row.id)
    return int(row.id)


def remove(connection: Connection, run_id: int | str) -> None:
    """Delete a run and all that belongs to it. Raises `RunStateError` while someone holds it."""
    take_lock(connection, _ADDING)
    row = locked(connection, run_id)
    if shown_state(row) == "running":
        raise RunStateError(
            f"Run {row.id} is running.",
            expected="a run that has ended",
            remedy=f"`shoal stop {row.id}` first",
        )
    for table in (evaluation, generation, artifact, command, event, notice, live):
        connection.execute(delete(table).where(table.c.run_id == row.id))
    connection.execute(delete(run).where(run.c.id == row.id))
    unused = ~exists().where(run.c.dataset_hash == dataset.c.hash)
    connection.execute(delete(dataset).where(dataset.c.hash == row.dataset_hash, unused))
    log(connection, f"Run {row.id} ({row.name}) was deleted.")
