"""Brings a store's schema up to date when it is opened.

A migration never takes anything away. Before SQLite's file is changed, a copy of it is kept.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import ProgrammingError

from shoal.errors import StoreError
from shoal.store.connection import Database, log_on_commit, one_line
from shoal.store.tables import REVISION, metadata, version
from shoal.system.part_file import part_file

if TYPE_CHECKING:
    from alembic.config import Config

_log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
# PostgreSQL's advisory lock for those who migrate. Any number, in every version the same.
_LOCK = 5_301_047_210_117
# Alembic keeps the migration at hand in a module's globals.
_one_at_a_time = threading.Lock()


def ensure(database: Database) -> None:
    """Create or upgrade the tables where they need it.

    Any number of processes may try at once.

    Raises
    ------
    StoreError
        If a newer Shoal has written the store, or the database belongs to another program.
    """
    if database.read(_revision) != REVISION:
        with _one_at_a_time:
            database.write(lambda connection: _upgrade(connection, database))


def take_lock(connection: Connection, number: int) -> None:
    """Wait for PostgreSQL's advisory lock of that number; it is held until the transaction ends.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _revision(connection: Connection) -> str | None:
    """The revision of the schema; None for a store that has no tables yet."""
    if not inspect(connection).has_table(version.name):
        return None
    return connection.scalar(select(version.c.version_num))


def _upgrade(connection: Connection, database: Database) -> None:
    take_lock(connection, _LOCK)
    # Read again under the lock: another process may have been faster.
    revision = _revision(connection)
    if revision == REVISION:
        _log.debug("%s: another process has created or upgraded the tables", database.shown)
        return
    if revision is None:
        _create(connection, database.shown)
    else:
        _migrate(connection, database, revision)


def _create(connection: Connection, shown: str) -> None:
    """Make the tables as the newest migration leaves them.

    This does without Alembic, which takes half a second to load.
    """
    others = set(inspect(connection).get_table_names())
    # A PostgreSQL database may hold other tables, as long as their names are none of ours.
    in_the_way = others
    if connection.dialect.name != "sqlite":
        in_the_way = others & set(metadata.tables)
    if in_the_way:
        named = ", ".join(sorted(others)[:3])
        raise StoreError(
            f"The database {shown} belongs to another program: it holds {named}.",
            expected="a store of Shoal, or an empty database",
            remedy="name another with --store or SHOAL_STORE",
        )

    _check_encoding(connection, shown)
    with _explained_refusal(shown):
        metadata.create_all(connection)
        version.create(connection)
        connection.execute(version.insert(), {"version_num": REVISION})
    line = "%s: tables created, schema %s"
    log_on_commit(connection, _log, logging.INFO, line, shown, REVISION)


def _check_encoding(connection: Connection, shown: str) -> None:
    """Raise `StoreError` for a PostgreSQL database that cannot hold every character."""
    if connection.dialect.name != "postgresql":
        return

    encoding = connection.scalar(text("SHOW server_encoding"))
    # SQL_ASCII keeps bytes as they come, and all of ours are UTF-8.
    if encoding not in ("UTF8", "SQL_ASCII"):
        raise StoreError(
            f"The database {shown} has the encoding {encoding}, which lacks most characters.",
            expected="the encoding UTF8",
            remedy="create one by `createdb --encoding UTF8 --template template0 NAME`",
        )


def _migrate(connection: Connection, database: Database, revision: str) -> None:
    """Upgrade the tables from an older revision. Raises `StoreError` for an unknown one."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    if revision not in _known_revisions(config):
        raise StoreError(
            f"The store {database.shown} was written by a newer Shoal (schema {revision}).",
            expected=f"schema {REVISION} or older",
            remedy="upgrade Shoal with `pip install --upgrade shoal`, or name another store",
        )

    # A store without runs is not worth a copy.
    if database.path and connection.scalar(text("SELECT 1 FROM run")):
        _copy_before(database.path, database.shown)

    with _explained_refusal(database.shown):
        command.upgrade(config, "head")
    line = "%s: migrated from schema %s to %s"
    log_on_commit(connection, _log, logging.INFO, line, database.shown, revision, REVISION)


def _known_revisions(config: Config) -> set[str]:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(config)
    return {script.revision for script in scripts.walk_revisions()}


@contextmanager
def _explained_refusal(shown: str) -> Iterator[None]:
    """Explain the error of a user who may not create tables."""
    try:
        yield
    except ProgrammingError as error:
        raise StoreError(
            f"The tables of the store {shown} could not be made: {one_line(error)}.",
            remedy="grant this user CREATE on the database's schema, then try again",
        ) from error


def _copy_before(path: Path, shown: str) -> None:
    """Keep a copy of the file beside it.

    Nobody else writes meanwhile: this process holds the lock, and has written nothing yet.
    """
    copy = path.with_name(f"{path.name}.before-{REVISION}")

    try:
        with part_file(copy) as part:
            # Created first, so that only its owner can ever read it.
            os.close(os.open(part, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
                source.backup(target)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The store {shown} could not be copied before it is upgraded: {error}.",
            expected=f"room for {copy}, and the right to write there",
            remedy="free some space and try again; nothing was changed",
        ) from error

    _log.info("%s: a copy from before the migration is kept as %s", shown, copy)
