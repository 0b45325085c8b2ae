"""Runs as rows: adding, finding, showing, extending and deleting them.

Every function works inside its caller's transaction.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    Text,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from shoal.errors import RunNotFoundError, RunStateError, SettingsError, StoreError
from shoal.settings.search_settings import SearchSettings
from shoal.store.address import FIRST_RUN
from shoal.store.connection import log_on_commit
from shoal.store.migrate import take_lock
from shoal.store.records import (
    TABLE,
    RunEntries,
    RunEntry,
    RunView,
    TableView,
    is_alive,
    recorded_metric,
)
from shoal.store.serialization import sanitise_text
from shoal.store.tables import (
    NO_TABLE,
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

_log = logging.getLogger(__name__)

BUDGETS = ("generations", "evaluations", "max_seconds")

# PostgreSQL's advisory lock for those who add or delete runs. Any number, in every version the
# same.
_ADDING = 5_301_047_210_118
# How many runs an error message names.
_RUNS_NAMED = 5
# What `RunEntry` has under the names of the columns, and what says its state.
_ENTRY_COLUMNS = (
    "id",
    "name",
    "state",
    "owner",
    "generations",
    "evaluations",
    "seconds",
    "created",
    "started",
    "ended",
    "dataset_hash",
    "tags",
    "note",
    "archived",
)
# What of it may change after a run was queued, beside its heartbeat.
_CHANGING_COLUMNS = (
    "id",
    "name",
    "state",
    "generations",
    "evaluations",
    "seconds",
    "best_accuracy",
    "started",
    "ended",
    "tags",
    "note",
    "archived",
)
# What no text in the store holds: it stands between values, and in place of NULL.
_BETWEEN = "\x1f"
_NOTHING = "\x1e"
# A run's number has fewer digits than this: longer ones do not fit in 64 bits.
_MOST_DIGITS = 19


# --- adding -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewRun:
    """What `add_run` writes.

    Attributes
    ----------
    name
        The run's name.
    dataset
        The row of the table ``dataset``, without its time.
    data_options
        How the table is prepared, as JSON.
    problem
        What is solved, as JSON; None: the table.
    settings
        The search settings.
    notes
        What people should know of the data set; they become the run's first events.
    key
        The key of the command to start it: the same key again gives the same run.
    exclusive
        Whether an active run is given in place of a new one.
    """

    name: str
    dataset: dict[str, Any]
    data_options: dict[str, Any]
    problem: dict[str, Any] | None
    settings: SearchSettings
    notes: tuple[str, ...]
    key: str
    exclusive: bool


def add_run(connection: Connection, new: NewRun) -> tuple[int, bool]:
    """Queue a run, unless its key was used before, or it is exclusive and another one is active.

    Returns
    -------
    run_id : int
        The run that was queued, or the one that takes its place.
    created : bool
        Whether the run is new.

    Raises
    ------
    StoreError
        If the key was used for another kind of command.
    """
    take_lock(connection, _ADDING)
    known = _run_started_by(connection, new.key)
    if known is not None:
        return known, False

    if new.exclusive:
        active = _active_run(connection)
        if active is not None:
            _insert_start(connection, active, new.key, "another run was active")
            log_on_commit(connection, _log, logging.INFO, "run %d is active: none added", active)
            return active, False

    run_id = _insert_run(connection, new)
    _insert_start(connection, run_id, new.key, "queued")
    log_on_commit(connection, _log, logging.INFO, "run %d was queued", run_id)
    return run_id, True


def _insert_run(connection: Connection, new: NewRun) -> int:
    insert_new(connection, dataset, [new.dataset])
    values = {
        "name": new.name,
        "dataset_hash": new.dataset["hash"],
        "data_options": new.data_options,
        "problem": new.problem,
        "settings": new.settings.to_dict(),
        "seed": new.settings.seed,
        "state": "queued",
    }
    statement = insert(run).values(values).returning(run.c.id)
    run_id: int = connection.execute(statement).scalar_one()

    add_event(connection, "Queued.", run_id)
    for note in new.notes:
        add_event(connection, note, run_id)
    return run_id


def _insert_start(connection: Connection, run_id: int, key: str, result: str) -> None:
    """Record the command that has led to that run, so that its key is known."""
    connection.execute(
        insert(command).values(run_id=run_id, kind="start", key=key, applied=now(), result=result)
    )


def _run_started_by(connection: Connection, key: str) -> int | None:
    """The run that a start with this key has led to.

    Raises `StoreError` when the key was used for another command.
    """
    query = select(command.c.run_id, command.c.kind).where(command.c.key == key)
    known = connection.execute(query).first()
    if known is None:
        return None
    if known.kind != "start":
        raise key_taken_error(key, known.kind, known.run_id)
    return int(known.run_id)


def key_taken_error(key: str, kind: str, run_id: int) -> StoreError:
    """The error for a key that was used for another command."""
    return StoreError(
        f"The key {key!r} was used to {kind} run {run_id}.", remedy="use a new key for each command"
    )


def _active_run(connection: Connection) -> int | None:
    """The oldest run that is running, or else the oldest that is queued."""
    active = select(run.c.id).where(run.c.state.in_(("running", "queued")))
    # By the alphabet "running" comes after "queued", so in descending order it comes first.
    return connection.scalar(active.order_by(run.c.state.desc(), run.c.id).limit(1))


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows whose unique keys are not there yet. Nothing is overwritten."""
    if rows:
        statement = dialect_insert(connection, table).on_conflict_do_nothing()
        connection.execute(statement, rows)


def dialect_insert(connection: Connection, table: Table) -> Any:
    """The database's own INSERT, which can have an ON CONFLICT.

    It is imported by name, because the other database's dialect takes a while to load.
    """
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    return dialect.insert(table)


def add_event(
    connection: Connection, text: str, run_id: int | None = None, level: str = "info"
) -> None:
    """Write an event for people.

    Parameters
    ----------
    connection
        The caller's transaction: the event is written with what it tells of, or not at all.
    text
        One or two sentences; characters that a database cannot hold are replaced.
    run_id
        The run that it is about, if it is about one.
    level
        "info", "warning" or "error".
    """
    connection.execute(insert(event).values(run_id=run_id, level=level, text=sanitise_text(text)))


# --- finding ----------------------------------------------------------------------------------


def parse_id(run_id: int | str) -> int:
    """A run's number, as a person may have typed it.

    Text that is no number gives -1, which no run has.

    Examples
    --------
    >>> parse_id(" #12 ")
    12
    >>> parse_id("twelve")
    -1
    """
    text = str(run_id).strip().removeprefix("#")
    if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS:
        return int(text)
    return -1


def run_not_found_error(connection: Connection, run_id: int | str) -> RunNotFoundError:
    """The error for a run that is not there; it names a few that are."""
    newest = select(run.c.id).order_by(run.c.id.desc()).limit(_RUNS_NAMED)
    known = ", ".join(map(str, connection.scalars(newest)))
    problem = f"There is no run {str(run_id)[:40]!r} in this store"
    if not known:
        return RunNotFoundError(f"{problem}, which has none yet.", remedy=FIRST_RUN)
    return RunNotFoundError(
        f"{problem}.",
        expected=f"a run's number, such as {known}",
        remedy="`shoal runs` lists them",
    )


def lock_run(connection: Connection, run_id: int | str) -> Row[Any]:
    """Lock a run's row until the transaction ends.

    Returns
    -------
    Row
        The columns of ``run``, and ``age``: seconds since the last heartbeat.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    """
    row = lock_run_if_there(connection, run_id)
    if row is None:
        raise run_not_found_error(connection, run_id)
    return row


def lock_run_if_there(connection: Connection, run_id: int | str) -> Row[Any] | None:
    """As `lock_run`; None when there is no such run."""
    age = (now() - run.c.heartbeat).label("age")
    query = select(run, age).where(run.c.id == parse_id(run_id))
    return connection.execute(query.with_for_update()).first()


# --- showing ----------------------------------------------------------------------------------


def shown_state(row: Row[Any]) -> str:
    """The state that people see. ``row`` has ``state``, ``owner`` and ``age`` of the heartbeat."""
    if row.state == "running" and not is_alive(row.owner, row.age):
        return "interrupted"
    return str(row.state)


def read_runs(
    connection: Connection, condition: ColumnElement[bool] | None = None, limit: int | None = None
) -> list[RunView]:
    """The runs that meet a condition.

    Parameters
    ----------
    connection
        The caller's transaction.
    condition
        On columns of the table ``run``; None: all runs.
    limit
        How many, at most; None: all of them.

    Returns
    -------
    list of RunView
        The newest first, each with the commands that its owner has yet to obey.
    """
    age = (now() - run.c.heartbeat).label("age")
    query = select(run, dataset.c.name.label("dataset"), age).join(dataset)
    if condition is not None:
        query = query.where(condition)
    rows = connection.execute(query.order_by(run.c.id.desc()).limit(limit)).all()

    pending = _pending_kinds(connection, condition)
    return [_run_view(row, tuple(pending[row.id])) for row in rows]


def read_run(connection: Connection, run_id: int | str) -> RunView:
    """One run. Raises `RunNotFoundError`."""
    runs = read_runs(connection, run.c.id == parse_id(run_id))
    if not runs:
        raise run_not_found_error(connection, run_id)
    return runs[0]


def read_active_runs(connection: Connection, limit: int | None) -> list[RunView]:
    """The runs that are running, or in the queue, in this order; the oldest first among equals."""
    is_active = run.c.state.in_(("running", "queued"))
    # By the alphabet "running" comes after "queued", so in descending order it comes first.
    query = select(run.c.id).where(is_active).order_by(run.c.state.desc(), run.c.id).limit(limit)
    run_ids = list(connection.scalars(query))

    places = {run_id: place for place, run_id in enumerate(run_ids)}
    views = read_runs(connection, run.c.id.in_(run_ids))
    return sorted(views, key=lambda view: places[view.id])


def read_entries(
    connection: Connection, condition: ColumnElement[bool] | None = None
) -> list[RunEntry]:
    """What lists need of each run that meets a condition, the newest first; None: all runs.

    Of the settings and the problem only what says the metric is read, since 5,000 whole records
    would take seconds.
    """
    columns: list[Any] = [
        *(run.c[name] for name in _ENTRY_COLUMNS),
        run.c.best_accuracy.label("best_score"),
        run.c.settings["metric"].as_string().label("setting"),
        run.c.problem["name"].as_string().label("problem_name"),
        run.c.problem["kind"].as_string().label("problem_kind"),
        run.c.problem["metric"].label("problem_metric"),
        dataset.c.name.label("dataset"),
        (now() - run.c.heartbeat).label("age"),
    ]
    query = select(*columns).select_from(run).join(dataset).order_by(run.c.id.desc())
    if condition is not None:
        query = query.where(condition)
    rows = connection.execute(query)
    return [_run_entry(row) for row in rows]


def read_entries_since(connection: Connection, known: RunEntries | None) -> RunEntries:
    """The entries of all runs; those that nobody drives are taken from ``known`` if it holds.

    Whether it does says one row of the database: 5,000 rows, each of which hands Python's lock to
    another thread, take a busy server a second.
    """
    is_driven = run.c.state == "running"
    marker = str(connection.scalar(_marker_query().where(~is_driven)) or "")
    if known is not None and known.marker == marker:
        resting = known.resting
    else:
        resting = tuple(read_entries(connection, ~is_driven))
    # The state that people see of these depends on the time, too.
    return RunEntries(marker, resting, tuple(read_entries(connection, is_driven)))


def _marker_query() -> Select[tuple[str]]:
    """A text of what may have changed of runs: as long as it is the same, so are their entries."""
    row_text: Any = literal("")
    for name in _CHANGING_COLUMNS:
        value = func.coalesce(cast(run.c[name], Text), _NOTHING)
        row_text = row_text.concat(value).concat(_BETWEEN)
    return select(func.aggregate_strings(row_text, _BETWEEN))


def _run_entry(row: Row[Any]) -> RunEntry:
    # Most columns have the name of the field that they fill.
    values = dict(row._mapping)
    values["state"] = shown_state(row)
    values["kind"] = row.problem_kind or TABLE
    values["dataset"] = row.problem_name or row.dataset
    metric = {"metric": row.problem_metric} if row.problem_metric else None
    values["metric"] = recorded_metric(row.setting, metric)
    values["tags"] = tuple(row.tags or ())
    values["note"] = row.note or ""
    return RunEntry(**{name: values[name] for name in RunEntry.__dataclass_fields__})


def read_comparable_runs(
    connection: Connection, run_id: int, other_than: str | None, limit: int | None
) -> list[RunView]:
    """The other finished runs on the same table, newest first.

    ``other_than`` leaves out those whose settings name this sampler, ``limit`` all but so many.
    """
    own_table = select(run.c.dataset_hash).where(run.c.id == run_id).scalar_subquery()
    is_comparable = (
        (run.c.dataset_hash == own_table)
        & (own_table != NO_TABLE)
        & (run.c.state == "finished")
        & (run.c.id != run_id)
    )
    if other_than is not None:
        # Settings of the first versions name no sampler.
        sampler = func.coalesce(run.c.settings["sampler"].as_string(), "")
        is_comparable &= sampler != other_than
    return read_runs(connection, is_comparable, limit)


def read_tables(connection: Connection) -> list[TableView]:
    """The stored tables, the last used first."""
    newest_run = func.max(run.c.id).label("run_id")
    query = (
        select(dataset.c.name, dataset.c.rows, dataset.c.columns, newest_run)
        .join(run)
        .where(dataset.c.hash != NO_TABLE)
        .group_by(dataset.c.hash)
        .order_by(newest_run.desc())
    )
    return [TableView(**row._mapping) for row in connection.execute(query)]


def _pending_kinds(
    connection: Connection, condition: ColumnElement[bool] | None
) -> defaultdict[int, list[str]]:
    """By run: the kinds of the commands that nobody has applied yet, oldest first."""
    query = (
        select(command.c.run_id, command.c.kind)
        .where(command.c.applied.is_(None))
        .order_by(command.c.id)
    )
    if condition is not None:
        query = query.join(run).where(condition)

    kinds: defaultdict[int, list[str]] = defaultdict(list)
    for row in connection.execute(query):
        kinds[row.run_id].append(row.kind)
    return kinds


def _run_view(row: Row[Any], pending: tuple[str, ...]) -> RunView:
    # Most columns have the name of the field that they fill.
    values = dict(row._mapping)
    values["settings"] = SearchSettings.recorded(row.settings)
    values["heartbeat_age"] = row.age
    values["state"] = shown_state(row)
    values["pending"] = pending
    values["best_score"] = row.best_accuracy
    values["mean_score"] = row.avg_accuracy
    values["tags"] = tuple(row.tags or ())
    values["note"] = row.note or ""
    if row.problem is not None:
        values["dataset"] = row.problem["name"]
    return RunView(**{name: values[name] for name in RunView.__dataclass_fields__})


# --- extending and deleting -------------------------------------------------------------------


def extend_run(connection: Connection, run_id: int | str, budgets: Mapping[str, float]) -> int:
    """Give larger budgets to a run that nobody holds; a finished run is queued.

    See `Store.extend`. Returns the run's id.
    """
    row = lock_run(connection, run_id)
    state = shown_state(row)
    if state == "running":
        raise RunStateError(
            f"Run {row.id} is running.",
            expected="a run that nobody drives",
            remedy=f"`shoal pause {row.id}` first, or let it finish",
        )

    before = SearchSettings.recorded(row.settings)
    for name, budget in budgets.items():
        _check_budget(before, name, budget)

    after = SearchSettings.recorded({**row.settings, **budgets})
    values: dict[str, Any] = {"settings": after.to_dict()}
    if state == "finished":
        values |= {"state": "queued", "ended": None, "result_hash": None, "archived": None}
    connection.execute(update(run).where(run.c.id == row.id).values(values))

    changes = [f"{name} {getattr(before, name)} -> {new}" for name, new in budgets.items()]
    text = f"Goes on with more: {', '.join(changes)}."
    add_event(connection, text, row.id)
    log_on_commit(connection, _log, logging.INFO, "run %d (%s): %s", row.id, state, text)
    return int(row.id)


def _check_budget(settings: SearchSettings, name: str, budget: float) -> None:
    """Raise `SettingsError` unless the budget is larger than the one that the run has had."""
    if name not in BUDGETS:
        raise SettingsError(f"{name} is no budget.", expected="one of " + ", ".join(BUDGETS))

    before = getattr(settings, name)
    if before is None:
        expected = f"none: the run has no limit of {name}"
    elif not budget > before:
        expected = f"more than {before}"
    else:
        return
    raise SettingsError(
        f"{name}={budget} is no more than the run has had.",
        expected=expected,
        remedy="name a larger budget",
    )


def delete_run(connection: Connection, run_id: int | str) -> None:
    """Delete a run and all that belongs to it.

    Its table goes too, when no other run uses it. An event for people stays.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    RunStateError
        While a live owner holds it.
    """
    take_lock(connection, _ADDING)
    row = lock_run(connection, run_id)
    if shown_state(row) == "running":
        raise RunStateError(
            f"Run {row.id} is running.",
            expected="a run that has ended",
            remedy=f"`shoal stop {row.id}` first",
        )

    for table in (evaluation, generation, artifact, command, event, notice, live):
        connection.execute(delete(table).where(table.c.run_id == row.id))
    connection.execute(delete(run).where(run.c.id == row.id))
    # The table goes with the last run that uses it.
    is_unused = ~exists().where(run.c.dataset_hash == dataset.c.hash)
    connection.execute(delete(dataset).where(dataset.c.hash == row.dataset_hash, is_unused))

    add_event(connection, f"Run {row.id} ({row.name}) was deleted.")
    log_on_commit(connection, _log, logging.INFO, "run %d was deleted", row.id)
