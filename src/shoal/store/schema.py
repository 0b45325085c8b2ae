"""Brings a store's schema up to date when it is opened; never takes anything away."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table, text
from sqlalchemy.exc import ProgrammingError

from shoal.errors import StoreError
from shoal.store.connection import Database
from shoal.store.tables import REVISION, VERSION_TABLE, metadata

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 5_301_047_210_117  # of PostgreSQL's advisory locks; any number, the same in every version
_one_at_a_time = threading.Lock()  # Alembic keeps the migration at hand in a module's globals


def ensure(database: Database) -> None:
    """Create or upgrade the tables where they need it; any number of processes may try at once.

    Raises `StoreError` for a store of a newer Shoal, and for a database that belongs to another program.
    """
    if database.read(_revision) != REVISION:
        with _one_at_a_time:
            database.write(lambda connection: _upgrade(connection, database.shown))


def take_lock(connection: Connection, number: int) -> None:
    """Until the transaction ends, the only one with that number; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))


def _upgrade(connection: Connection, shown: str) -> None:
    take_lock(connection, _LOCK)
    found = _revision(connection)  # again: another process may have been quicker
    if found == REVISION:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"The store {shown} was written by a newer Shoal (schema {found}).",
            expected=f"schema {REVISION} or older",
            remedy="upgrade Shoal with `pip install --upgrade shoal`, or name another store",
        )
    if found is None:
        others = set(inspect(connection).get_table_names())
        if others and (connection.dialect.name == "sqlite" or others & set(metadata.tables)):
            raise StoreError(
                f"The database {shown} belongs to another program: it holds {', '.join(sorted(others)[:3])}.",
                expected="a store of Shoal, or an empty database",
                remedy="name another with --store or SHOAL_STORE",
            )
    try:
        command.upgrade(config, "head")
    except ProgrammingError as error:
        raise StoreError(
            f"The store {shown} could not be upgraded: {error.orig}.",
            remedy="grant this user CREATE on the database's schema, then try again",
        ) from error
