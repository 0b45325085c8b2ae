"""Brings a store's schema up to date when it is opened; never takes anything away, and keeps a copy of SQLite's file."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import ProgrammingError

from shoal.errors import StoreError
from shoal.store.connection import Database
from shoal.store.tables import REVISION, metadata, version

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 5_301_047_210_117  # of PostgreSQL's advisory locks; any number, the same in every version
_one_at_a_time = threading.Lock()  # Alembic keeps the migration at hand in a module's globals


def ensure(database: Database) -> None:
    """Create or upgrade the tables where they need it; any number of processes may try at once.

    Raises `StoreError` for a store of a newer Shoal, and for a database that belongs to another program.
    """
    if database.read(_revision) != REVISION:
        with _one_at_a_time:
            database.write(lambda connection: _upgrade(connection, database))


def take_lock(connection: Connection, number: int) -> None:
    """Until the transaction ends, the only one with that number; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(version.name):
        return None
    return connection.scalar(select(version.c.version_num))


def _upgrade(connection: Connection, database: Database) -> None:
    take_lock(connection, _LOCK)
    shown = database.shown
    found = _revision(connection)  # again: another process may have been quicker
    if found == REVISION:
        return
    if found is None:
        _create(connection, shown)
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found not in known:
        raise StoreError(
            f"The store {shown} was written by a newer Shoal (schema {found}).",
            expected=f"schema {REVISION} or older",
            remedy="upgrade Shoal with `pip install --upgrade shoal`, or name another store",
        )
    if database.path and connection.scalar(text("SELECT 1 FROM run")):
        _copy_before(database.path, shown)
    with _allowed(shown):
        command.upgrade(config, "head")


def _create(connection: Connection, shown: str) -> None:
    """The tables as the newest migration leaves them, without Alembic, which takes half a second to load."""
    others = set(inspect(connection).get_table_names())
    if others and (connection.dialect.name == "sqlite" or others & set(metadata.tables)):
        raise StoreError(
            f"The database {shown} belongs to another program: it holds {', '.join(sorted(others)[:3])}.",
            expected="a store of Shoal, or an empty database",
            remedy="name another with --store or SHOAL_STORE",
        )
    with _allowed(shown):
        metadata.create_all(connection)
        version.create(connection)
        connection.execute(version.insert(), {"version_num": REVISION})


@contextmanager
def _allowed(shown: str) -> Iterator[None]:
    try:
        yield
    except ProgrammingError as error:
        raise StoreError(
            f"The tables of the store {shown} could not be made: {error.orig}.",
            remedy="grant this user CREATE on the database's schema, then try again",
        ) from error


def _copy_before(path: Path, shown: str) -> None:
    """Keep the file as it is beside it. Nobody else writes meanwhile: we hold the lock, and have written nothing yet."""
    to = path.with_name(f"{path.name}.before-{REVISION}")
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
        part.replace(to)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The store {shown} could not be copied before it is upgraded: {error}.",
            expected=f"room for {to}, and the right to write there",
            remedy="free some space and try again; nothing was changed",
        ) from error
    finally:
        part.unlink(missing_ok=True)
