"""Copies of a whole store, taken while it is in use.

A copy is a file of SQLite, whatever the store is. It shows one moment of the store (a read
transaction), so it is as good as a store whose machine lost its power at that moment: what ran is
interrupted, and goes on by `resume`.

Where SQLite keeps a rollback journal, no commit gets through while somebody reads. So the tables
that grow, whose rows never change, are copied in short steps first, between which others commit.
Only what is new since then, and the small tables, are read in that one moment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from shoal.errors import StoreError
from shoal.store.store import Store
from shoal.store.tables import dataset, evaluation, live, metadata, run, supervisor
from shoal.system.part_file import part_file
from shoal.system.paths import is_file_there, is_there

_log = logging.getLogger(__name__)

# How many rows are copied at a time: others wait for so many at most.
_BATCH = 200
# Rows of these are added, and go with their last run; they never change.
_GROWING = (dataset, evaluation)
# Who is at work elsewhere, and on what, is not copied.
_NOT_COPIED = (supervisor, live)

# Runs a query on the source, in a transaction of its own or in a common one.
_Read = Callable[[Select[Any]], Sequence[RowMapping]]


def backup(store: Store, to: Path, on_progress: Callable[[float], None] | None = None) -> int:
    """Copy everything into a new file.

    The file appears under its name only when it is complete.

    Parameters
    ----------
    store
        The store; it may be in use.
    to
        The file.
    on_progress
        Is called now and then with the share that is copied, 0 to 1.

    Returns
    -------
    int
        How many runs the copy holds.

    Raises
    ------
    StoreError
        If there is a file of that name already, or none can be written.
    """
    to = to.expanduser().absolute()
    if is_there(to):
        raise StoreError(
            f"{to} is there already.", expected="a new file", remedy="name another, or move it away"
        )

    try:
        with part_file(to) as part, Store(part) as target:
            runs = _copy(store, target, in_use=True, on_progress=on_progress)
    except OSError as error:
        raise StoreError(
            f"The copy {to} cannot be written: {error.strerror}.",
            expected="a folder that this user may write",
            remedy="name a file in another folder",
        ) from None

    _log.info("%d runs of %s were copied to %s", runs, store.url, to)
    return runs


def check_backup(backup_file: Path) -> None:
    """Check that there is such a file, before a store is made for what it holds.

    Raises
    ------
    StoreError
        If there is none.
    """
    if not is_file_there(backup_file):
        raise StoreError(f"There is no backup {backup_file}.", remedy="check the path")


def restore(
    backup_file: Path, store: Store, on_progress: Callable[[float], None] | None = None
) -> int:
    """Copy a backup into a store that was never used.

    Parameters
    ----------
    backup_file
        A file that `backup` has written.
    store
        An empty store.
    on_progress
        Is called now and then with the share that is copied, 0 to 1.

    Returns
    -------
    int
        How many runs the store holds now.

    Raises
    ------
    StoreError
        If the file is missing, or the store is not empty: nothing that was recorded is replaced.
    """
    check_backup(backup_file)
    known = store.runs()
    # Events outlive the runs that they tell of: a store with events was used.
    if known or store.events(limit=1):
        end = "."
        if not known:
            end = ", and events of earlier ones."
        raise StoreError(
            f"The store {store.url} holds {len(known)} runs{end}",
            expected="a store that was never used",
            remedy="name a new file with --store, and use that from then on",
        )

    with Store(backup_file) as source:
        runs = _copy(source, store, in_use=False, on_progress=on_progress)
    _log.info("%d runs of %s were copied to %s", runs, backup_file, store.url)
    return runs


class _Copied:
    """How many evaluations are copied, of all: nearly all of a store is these."""

    def __init__(self, on_progress: Callable[[float], None] | None) -> None:
        self._on_progress = on_progress
        self._count = 0
        self.total: int | None = None

    def add(self, count: int) -> None:
        self._count += count
        if self._on_progress is not None and self.total:
            self._on_progress(min(1.0, self._count / self.total))


def _copy(
    source: Store,
    target: Store,
    *,
    in_use: bool,
    on_progress: Callable[[float], None] | None,
) -> int:
    """Copy all tables but `_NOT_COPIED`; how many runs there are.

    ``in_use``: others write to the source meanwhile; the target is a new file of SQLite.
    """
    counted = _Copied(on_progress)
    if on_progress is not None:
        counted.total = source.read(
            lambda c: c.scalar(select(func.count()).select_from(evaluation))
        )

    def write(into: Connection) -> int:
        # On PostgreSQL nobody waits for a reader.
        if in_use and source.path is not None:
            _copy_ahead(source, into, counted)
        runs = source.read(lambda connection: _copy_moment(connection, into, counted))

        # Nobody drives the runs here. A higher epoch: a claim on the source is none on the copy.
        into.execute(update(run).values(owner=None, heartbeat=None, epoch=run.c.epoch + 1))
        if into.dialect.name == "postgresql":
            for table in metadata.sorted_tables:
                if "id" in table.c:
                    _continue_numbers(into, table.name)
        return runs

    return target.write(write)


def _copy_ahead(source: Store, into: Connection, counted: _Copied) -> None:
    """Copy what never changes, each batch in a transaction of its own."""
    # The runs that evaluations refer to come at last.
    into.execute(text("PRAGMA defer_foreign_keys = ON"))

    def read(query: Select[Any]) -> Sequence[RowMapping]:
        return source.read(partial(_rows, query=query))

    for table in _GROWING:
        _copy_new(table, read, into, counted)


def _copy_moment(source: Connection, into: Connection, counted: _Copied) -> int:
    """Bring the copy to this moment of the source; how many runs there are."""
    read = partial(_rows, source)
    rewritten = [
        table for table in metadata.sorted_tables if table not in (*_NOT_COPIED, *_GROWING)
    ]
    # What is there was copied by an earlier try of the read transaction.
    for table in reversed(rewritten):
        into.execute(delete(table))

    for table in metadata.sorted_tables:
        if table in _GROWING:
            _copy_new(table, read, into, counted)
        elif table in rewritten:
            for rows in source.execute(select(table)).mappings().partitions(_BATCH):
                into.execute(insert(table), [dict(row) for row in rows])
    return source.scalar(select(func.count()).select_from(run)) or 0


def _rows(connection: Connection, query: Select[Any]) -> Sequence[RowMapping]:
    return connection.execute(query).mappings().all()


def _copy_new(table: Table, read: _Read, into: Connection, counted: _Copied) -> None:
    """Copy the rows of a growing table that the copy has not; remove what is gone."""
    if table is dataset:
        _copy_new_datasets(read, into)
    else:
        _copy_new_evaluations(read, into, counted)


def _copy_new_datasets(read: _Read, into: Connection) -> None:
    hashes = select(dataset.c.hash)
    there = {row["hash"] for row in read(hashes)}
    copied = set(into.scalars(hashes))

    for gone in copied - there:
        into.execute(delete(dataset).where(dataset.c.hash == gone))
    for new in there - copied:
        # Each may have many MB.
        _insert(dataset, read(select(dataset).where(dataset.c.hash == new)), into)


def _copy_new_evaluations(read: _Read, into: Connection, counted: _Copied) -> None:
    # Of one run, a later row has a higher id, and none is deleted before the run is.
    newest = select(evaluation.c.run_id, func.max(evaluation.c.id).label("id"))
    newest = newest.group_by(evaluation.c.run_id)
    there = {row["run_id"]: row["id"] for row in read(newest)}
    copied = {row["run_id"]: row["id"] for row in _rows(into, newest)}

    for gone in copied.keys() - there.keys():
        into.execute(delete(evaluation).where(evaluation.c.run_id == gone))
    for run_id, last in there.items():
        copied_last = copied.get(run_id, 0)
        while copied_last < last:
            is_new = (evaluation.c.run_id == run_id) & (evaluation.c.id > copied_last)
            query = select(evaluation).where(is_new).order_by(evaluation.c.id).limit(_BATCH)
            rows = read(query)
            # The run was deleted meanwhile.
            if not rows:
                break
            _insert(evaluation, rows, into)
            counted.add(len(rows))
            copied_last = rows[-1]["id"]


def _insert(table: Table, rows: Sequence[RowMapping], into: Connection) -> None:
    """Insert rows. SQLite gives the ids of a deleted run's rows again: the new row counts."""
    statement = insert(table).prefix_with("OR REPLACE", dialect="sqlite")
    if rows:
        into.execute(statement, [dict(row) for row in rows])


def _continue_numbers(connection: Connection, table: str) -> None:
    """Make PostgreSQL number new rows after those that were copied with their numbers."""
    connection.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
            f"COALESCE(MAX(id), 0) + 1, false) FROM {table}"
        )
    )
