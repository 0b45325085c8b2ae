"""Copies of a whole store, taken while it is in use: a file of SQLite, whatever the store is.

A copy is one moment of the store (a read transaction), so it is as good as a store whose machine lost its power then: what
ran is interrupted, and goes on by `resume`.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select, text, update

from shoal.errors import StoreError
from shoal.store.store import Store
from shoal.store.tables import live, metadata, run, supervisor

_BATCH = 500  # rows at a time


def backup(store: Store, to: Path) -> int:
    """Copy everything into a new file; how many runs it holds. Raises `StoreError` when the file is there already.

    The file appears under its name only when it is complete.
    """
    to = to.expanduser().absolute()
    if to.exists():
        raise StoreError(
            f"{to} is there already.", expected="a new file", remedy="name another, or move it away"
        )
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        with Store(part) as target:
            runs = _copy(store, target)
        part.replace(to)
    finally:
        for leftover in (
            part,
            *(part.with_name(part.name + end) for end in ("-journal", "-wal", "-shm")),
        ):
            leftover.unlink(missing_ok=True)
    return runs


def restore(backup_file: Path, store: Store) -> int:
    """Copy a backup into a store that was never used; how many runs it holds now.

    Raises `StoreError` when the file is missing, or the store is not empty: nothing that was recorded is replaced.
    """
    if not backup_file.is_file():
        raise StoreError(f"There is no backup {backup_file}.", remedy="check the path")
    known = store.runs()
    if known or store.events(limit=1):
        raise StoreError(
            f"The store {store.url} holds {len(known)} runs"
            + (", and events of earlier ones." if not known else "."),
            expected="a store that was never used",
            remedy="name a new file with --store, and use that from then on",
        )
    with Store(backup_file) as source:
        return _copy(source, store)


def _copy(source: Store, target: Store) -> int:
    """All tables but those of who is at work elsewhere, and on what."""

    def write(into: Connection) -> int:
        def read(connection: Connection) -> int:
            for table in reversed(
                metadata.sorted_tables
            ):  # what an earlier try has copied: the target was empty
                into.execute(delete(table))
            for table in metadata.sorted_tables:
                if table not in (supervisor, live):
                    for rows in connection.execute(select(table)).mappings().partitions(_BATCH):
                        into.execute(insert(table), [dict(row) for row in rows])
            return connection.scalar(select(func.count()).select_from(run)) or 0

        runs = source.read(read)
        # Nobody drives them here. A higher epoch: a claim on the source is none on the copy.
        into.execute(update(run).values(owner=None, heartbeat=None, epoch=run.c.epoch + 1))
        if into.dialect.name == "postgresql":
            for table in metadata.sorted_tables:
                if "id" in table.c:
                    _continue_numbers(into, table.name)
        return runs

    return target.write(write)


def _continue_numbers(connection: Connection, table: str) -> None:
    """PostgreSQL counts rows that were given their numbers as not there."""
    connection.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), COALESCE(MAX(id), 0) + 1, false) FROM {table}"
        )
    )
