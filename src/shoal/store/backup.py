"""Copies of a whole store, taken while it is in use.

A copy is a file of SQLite, whatever the store is. It shows one moment of the store (a read
transaction), so it is as good as a store whose machine lost its power at that moment: what ran is
interrupted, and goes on by `resume`.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select, text, update

from shoal.errors import StoreError
from shoal.store.store import Store
from shoal.store.tables import live, metadata, run, supervisor

_log = logging.getLogger(__name__)

# How many rows are copied at a time.
_BATCH = 500
# Who is at work elsewhere, and on what, is not copied.
_NOT_COPIED = (supervisor, live)
# Files that SQLite keeps beside a database.
_SQLITE_ENDINGS = ("-journal", "-wal", "-shm")


def backup(store: Store, to: Path) -> int:
    """Copy everything into a new file.

    The file appears under its name only when it is complete.

    Parameters
    ----------
    store
        The store; it may be in use.
    to
        The file.

    Returns
    -------
    int
        How many runs the copy holds.

    Raises
    ------
    StoreError
        If there is a file of that name already.
    """
    to = to.expanduser().absolute()
    if to.exists():
        raise StoreError(
            f"{to} is there already.", expected="a new file", remedy="name another, or move it away"
        )

    # With the process id, so that two backups at once do not write one file.
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        with Store(part) as target:
            runs = _copy(store, target)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
        for ending in _SQLITE_ENDINGS:
            part.with_name(part.name + ending).unlink(missing_ok=True)

    _log.info("%d runs of %s were copied to %s", runs, store.url, to)
    return runs


def restore(backup_file: Path, store: Store) -> int:
    """Copy a backup into a store that was never used.

    Parameters
    ----------
    backup_file
        A file that `backup` has written.
    store
        An empty store.

    Returns
    -------
    int
        How many runs the store holds now.

    Raises
    ------
    StoreError
        If the file is missing, or the store is not empty: nothing that was recorded is replaced.
    """
    if not backup_file.is_file():
        raise StoreError(f"There is no backup {backup_file}.", remedy="check the path")

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
        runs = _copy(source, store)
    _log.info("%d runs of %s were copied to %s", runs, backup_file, store.url)
    return runs


def _copy(source: Store, target: Store) -> int:
    """Copy all tables but `_NOT_COPIED`; how many runs there are."""

    def write(into: Connection) -> int:
        runs = source.read(lambda connection: _copy_tables(connection, into))

        # Nobody drives the runs here. A higher epoch: a claim on the source is none on the copy.
        into.execute(update(run).values(owner=None, heartbeat=None, epoch=run.c.epoch + 1))
        if into.dialect.name == "postgresql":
            for table in metadata.sorted_tables:
                if "id" in table.c:
                    _continue_numbers(into, table.name)
        return runs

    return target.write(write)


def _copy_tables(source: Connection, into: Connection) -> int:
    # The target was empty. What is there was copied by an earlier try of the read transaction.
    for table in reversed(metadata.sorted_tables):
        into.execute(delete(table))

    for table in metadata.sorted_tables:
        if table in _NOT_COPIED:
            continue
        for rows in source.execute(select(table)).mappings().partitions(_BATCH):
            into.execute(insert(table), [dict(row) for row in rows])
    return source.scalar(select(func.count()).select_from(run)) or 0


def _continue_numbers(connection: Connection, table: str) -> None:
    """Make PostgreSQL number new rows after those that were copied with their numbers."""
    connection.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
            f"COALESCE(MAX(id), 0) + 1, false) FROM {table}"
        )
    )
