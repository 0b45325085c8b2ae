"""How a store is reached: its address, its connections, its transactions and what their failures mean."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
)

from shoal.errors import StoreAwayError, StoreError, StoreFullError, StoreLostError

T = TypeVar("T")
BUSY_SECONDS = 30  # how long one statement waits for a lock
PATIENCE_SECONDS = 180.0  # how long a transaction is tried again while the store is locked or away
LOG_BYTES = 16 << 20  # to which a write-ahead log may grow before writers wait for its readers
ABANDONED_SECONDS = 30  # then PostgreSQL ends a transaction whose process stands still: its locks would stop everybody
WAL_IS_SAFE = sqlite3.sqlite_version_info >= (
    3,
    51,
    3,
)  # older ones can corrupt a write-ahead log that is reset

_SQLITE_PROBLEMS = {
    5: ("is locked by another process", "close programs that hold the file open, then try again"),
    6: ("is locked by another process", "close programs that hold the file open, then try again"),
    8: ("is read-only", "give this user the right to write the file and its directory"),
    10: ("cannot be read or written: an input/output error", "check the disk that holds it"),
    11: ("is damaged", "restore it from a backup"),
    13: ("cannot grow: the disk is full", "free some space; what runs waits for it"),
    14: ("cannot be opened", "check that the directory exists and that this user may write in it"),
    26: ("is not an SQLite database", "name another file"),
    1032: (
        "is not at its place any more: its file was deleted, moved or replaced by another",
        "put it back, or the copy that its supervisor saved beside it (.rescued), and start again",
    ),
}
_FULL, _LOST = (13, "53100"), 1032
_POSTGRES_PROBLEMS = {
    "28000": ("refused this user", "check the user name in the URL"),
    "28P01": ("refused the password", "check the user name and the password in the URL"),
    "3D000": ("has no database of that name", "create it with `createdb`, or correct the URL"),
    "42501": ("denies this user a right", "grant CREATE on the schema, and all on its tables"),
    "53100": ("cannot grow: its disk is full", "free some space; what runs waits for it"),
}


def parse_url(address: str | os.PathLike[str]) -> URL | Path:
    """The path of an SQLite store, or the URL of a PostgreSQL one. Raises `StoreError`, which shows no password."""
    text = os.fspath(address)
    expected = "a file name, sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
    if text.startswith("sqlite:///"):  # taken as it stands: a path may hold any of ? # % @
        text = text.removeprefix("sqlite:///")
    elif scheme := re.match(r"([\w+.-]+)://|(sqlite|postgres\w*):", text):
        name = scheme[1] or scheme[2]
        if name not in ("postgresql", "postgres", "postgresql+psycopg") or not scheme[1]:
            raise StoreError(
                f"A store URL cannot begin with '{name}:'.",
                expected=expected,
                remedy="correct the URL",
            )
        try:
            url = make_url(text).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError):
            raise StoreError(
                "The store URL cannot be read.", expected=expected, remedy="correct the URL"
            ) from None
        return url
    if not text or text == ":memory:" or "\0" in text:
        raise StoreError(f"{text!r} names no file, and processes share a store.", expected=expected)
    return Path(text).expanduser().absolute()


def show_url(url: URL) -> str:
    """The URL without its passwords, wherever they stand."""
    hidden = {name: "***" for name in url.query if "password" in name.lower()}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def make_engine(address: URL | Path) -> Engine:
    """An engine for that store; creates a missing SQLite file, readable by its owner only. Raises `StoreError`."""
    serializer = partial(
        json.dumps, allow_nan=False, separators=(",", ":")
    )  # Python's repr of a float is exact
    if isinstance(address, Path):
        _create_file(address)
        engine = create_engine(
            URL.create(
                "sqlite",
                database=f"file:{quote(str(address))}",
                query={"mode": "rw", "uri": "true"},
            ),
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
            json_serializer=serializer,
            pool_pre_ping=True,
        )
        check = partial(_check_file, address, _identity(address))
        event.listen(engine, "do_connect", check)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", check)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        arguments = {} if "connect_timeout" in address.query else {"connect_timeout": 10}
        engine = create_engine(
            address, connect_args=arguments, json_serializer=serializer, pool_pre_ping=True
        )
    except ImportError:
        raise StoreError(
            "A PostgreSQL store needs the driver psycopg.", remedy="pip install 'shoal[postgres]'"
        ) from None
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _create_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise StoreError(
            f"The store {path} cannot be opened: {error.strerror}.",
            expected="a file in a directory that this user may write",
            remedy="name another file with --store or SHOAL_STORE",
        ) from None
    if start and start != b"SQLite format 3\0":
        problem, remedy = _SQLITE_PROBLEMS[26]
        raise StoreError(
            f"The file {path} {problem}.", remedy=f"{remedy} with --store or SHOAL_STORE"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells this file from every other that may come to stand at its place."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_file(path: Path, opened: tuple[int, int] | None, *_: object) -> None:
    """Before each connection and transaction: raises `StoreLostError` when the file is not the one that was opened."""
    # SQLite may go on with a file that has no name any more, and all that it writes is lost; it may even play the
    # journal of the file that stands there now into it.
    if _identity(path) != opened:
        problem, remedy = _SQLITE_PROBLEMS[_LOST]
        raise StoreLostError(f"The store {path} {problem}.", remedy=remedy)


def _prepare_postgres(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{ABANDONED_SECONDS}s'")
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")


def _begin_sqlite(connection: Connection) -> None:
    reader = connection.get_execution_options().get("shoal_reader", False)
    connection.exec_driver_sql(f"PRAGMA query_only = {int(reader)}")
    # A write takes its lock first: one that reads, and then finds that it may not write, could not wait for its turn.
    connection.exec_driver_sql("BEGIN" if reader else "BEGIN IMMEDIATE")


class Database:
    """Transactions on one engine. Each is tried again as a whole while the store is locked or its server away.

    So ``work`` must be a pure function of the connection, and idempotent: an answer to COMMIT may be lost.
    """

    def __init__(self, place: URL | Path, shown: str, patience: float = PATIENCE_SECONDS) -> None:
        self.engine, self.shown, self.patience = make_engine(place), shown, patience
        self.path = place if isinstance(place, Path) else None
        if self.path:
            self._reader = self.engine.execution_options(shoal_reader=True)
        else:
            self._reader = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    def connect(self) -> None:
        """First contact: sets SQLite's journal. Raises `StoreError` at once, without the patience of transactions."""
        try:
            with self.engine.connect() as connection:
                if self.path:
                    self._set_journal(connection)
        except DBAPIError as error:
            raise self._explained(error) from error

    @staticmethod
    def _set_journal(connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        wanted = "wal" if WAL_IS_SAFE else "delete"
        try:
            if raw.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
                raw.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
        except sqlite3.Error as error:
            if not (
                WAL_IS_SAFE and _code(error) in (5, 6)
            ):  # others use it with the slower journal: so do we
                raise OperationalError("PRAGMA journal_mode", None, error) from error

    def bound_log(self) -> None:
        """Empty a write-ahead log that has grown large. SQLite does so only in a moment without a reader, if there is one.

        New readers wait for nothing; writers wait a second for those that read an old state, then it is left for later.
        """
        log = self.path and self.path.with_name(f"{self.path.name}-wal")
        if log is None or not log.exists() or log.stat().st_size <= LOG_BYTES:
            return
        with suppress(sqlite3.Error), self.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA busy_timeout = 1000")
            try:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                raw.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

    def write(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, committed. Raises `StoreError`."""
        return self._attempt(self.engine, work)

    def read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, from one moment of the store; it cannot write. Raises `StoreError`."""
        return self._attempt(self._reader, work)

    def rescue(self) -> Path | None:
        """Copy what the file held that was deleted there, and that a connection of ours still has open, beside it.

        The copy's name; None where nothing can be read or written, or another file stands there.
        """
        if (
            self.path is None or self.path.exists()
        ):  # its journal is not ours, and would be taken for it
            return None
        try:
            with (
                self.engine.connect() as connection
            ):  # one that was open before: a new one is refused
                raw: Any = connection.connection.driver_connection
                copy = _free_name(self.path.with_name(f"{self.path.name}.rescued"))
                with closing(sqlite3.connect(copy)) as target:
                    raw.backup(target)
        except (OSError, sqlite3.Error, DBAPIError, StoreLostError):
            return None
        return copy

    def _attempt(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        deadline = time.monotonic() + self.patience
        for attempt in count():
            try:
                with engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not _will_pass(error) or time.monotonic() > deadline:
                    raise self._explained(error) from error
            time.sleep(random.uniform(0.0, min(0.02 * 2**attempt, 5.0)))
        raise AssertionError  # pragma: no cover

    def _explained(self, error: DBAPIError) -> Exception:
        code = _code(error.orig)
        kind = StoreAwayError if _will_pass(error) else StoreError
        known = (
            _SQLITE_PROBLEMS.get(code) if isinstance(code, int) else _POSTGRES_PROBLEMS.get(code)
        )
        if known:
            kind = StoreFullError if code in _FULL else StoreLostError if code == _LOST else kind
            return kind(f"The store {self.shown} {known[0]}.", remedy=known[1])
        if not isinstance(error, OperationalError | InternalError | InterfaceError):
            return error  # a mistake of ours, not of the store's place
        text = " ".join(str(error.orig).split())
        if self.engine.url.password:
            text = text.replace(str(self.engine.url.password), "***")
        return kind(
            f"The store {self.shown} cannot be used: {text}.",
            remedy="check its address, and that it is up and can be reached from here",
        )


def _free_name(wanted: Path) -> Path:
    """That name, or with a number, of an empty file that was not there before and is its owner's only."""
    for number in count(1):
        name = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with suppress(FileExistsError):
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            return name
    raise AssertionError  # pragma: no cover


def _code(error: BaseException | None) -> int | str:
    """SQLite's primary result code (or `_LOST`), or PostgreSQL's SQLSTATE ("": a connection failed without one)."""
    if isinstance(error, sqlite3.Error):
        code = int(getattr(error, "sqlite_errorcode", 1))
        return code if code == _LOST else code & 0xFF
    return getattr(error, "sqlstate", None) or ""


def _will_pass(error: DBAPIError) -> bool:
    code = _code(error.orig)
    if isinstance(code, int):
        return code in (5, 6)
    away = code[:2] in ("08", "57") or code in ("40001", "40P01", "53300", "55P03")
    return (
        error.connection_invalidated or away or (code == "" and isinstance(error, OperationalError))
    )
