"""How a store is reached: its connections, its transactions, and their failures.

A store is a SQLite file or a PostgreSQL database. `make_engine` opens it, and `Database`
runs transactions on it. No other module knows the error codes of a database, or tries a transaction
again.
"""

from __future__ import annotations

import json
import logging
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
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
)

from shoal.errors import StoreAwayError, StoreError, StoreFullError, StoreLostError
from shoal.system.private_folder import make_own_folder

_log = logging.getLogger(__name__)

T = TypeVar("T")

# How long one statement waits for a lock, in seconds.
BUSY_SECONDS = 30
# How long a transaction is tried again while the store is locked or away, in seconds.
PATIENCE_SECONDS = 180.0
# A transaction that is tried again for longer than this, in seconds, is worth a warning in the log.
LONG_WAIT_SECONDS = 2.0
# The longest pause between two tries, in seconds.
_LONGEST_PAUSE = 5.0
# The size to which a write-ahead log may grow before writers wait for its readers, in bytes.
LOG_BYTES = 16 << 20
# PostgreSQL ends a transaction whose process stands still for this many seconds. The locks of such
# a transaction would stop every other process.
ABANDONED_SECONDS = 30
# Older versions of SQLite can corrupt a write-ahead log that is reset.
WAL_IS_SAFE = sqlite3.sqlite_version_info >= (3, 51, 3)

_SQLITE_HEADER = b"SQLite format 3\0"

# Primary result codes of SQLite, see https://www.sqlite.org/rescode.html.
_BUSY = 5
_LOCKED = 6
_NOT_A_DATABASE = 26
# An extended result code, SQLITE_READONLY_DBMOVED: the file was moved or deleted.
_FILE_MOVED = 1032

# SQLITE_IOERR_WRITE. It stands for every input/output error of SQLite that is not one of reading:
# a quota that is used up is one.
_WRITE_FAILED = 778
_READ_FAILED = 10
# Extended result codes: SQLITE_IOERR_READ, SHORT_READ, DATA and CORRUPTFS.
_READ_ERRORS = (266, 522, 8202, 8458)

# The store takes nothing for now. Whoever has something to write keeps it, and tries again:
# SQLITE_FULL, SQLITE_CANTOPEN (of a journal: no file can be created), disk_full, and
# read_only_sql_transaction, by which providers answer a full disk.
_FULL_CODES = (13, 14, _WRITE_FAILED, "53100", "25006")

# Classes of PostgreSQL's SQLSTATE that pass by themselves: connection exceptions, insufficient
# resources, and operator intervention such as a shutdown.
_PASSING_CLASSES = ("08", "53", "57")
# Single SQLSTATEs that pass by themselves: serialization_failure, deadlock_detected,
# lock_not_available, system_error, io_error.
_PASSING_STATES = ("40001", "40P01", "55P03", "58000", "58030")

# A server that refuses a connection gives its SQLSTATE to libpq, which hands on only the text. A
# server that speaks another language is waited for, as one that is away.
_REFUSALS = {
    r"password authentication failed|SASL authentication failed|no password supplied": "28P01",
    r"role .* does not exist|no pg_hba.conf entry|authentication failed|no such user": "28000",
    r"database .* does not exist|no such database": "3D000",
}
# PostgreSQL has no SQLSTATE of its own for these errors of the system.
_QUOTA = r"quota exceeded|File too large"


class _Trouble(NamedTuple):
    """What a database's error code means for a person: "The store X ``problem``."."""

    problem: str
    remedy: str


_LOCKED_BY_ANOTHER = _Trouble(
    "is locked by another process", "close programs that hold the file open, then try again"
)
# By SQLite's result code (a number) or PostgreSQL's SQLSTATE (a text).
_TROUBLES: dict[int | str, _Trouble] = {
    _BUSY: _LOCKED_BY_ANOTHER,
    _LOCKED: _LOCKED_BY_ANOTHER,
    8: _Trouble("is read-only", "give this user the right to write the file and its directory"),
    _READ_FAILED: _Trouble("cannot be read: an input/output error", "check the disk that holds it"),
    11: _Trouble("is damaged", "restore it from a backup"),
    13: _Trouble("cannot grow: the disk is full", "free some space; what runs waits for it"),
    14: _Trouble(
        "cannot be opened", "check that the directory exists and that this user may write in it"
    ),
    _NOT_A_DATABASE: _Trouble("is not an SQLite database", "name another file"),
    _WRITE_FAILED: _Trouble(
        "cannot be written: a quota is used up, or its disk has an error",
        "free some space, or check the disk; what runs waits for it",
    ),
    "22P05": _Trouble(
        "cannot hold a character of this text: its encoding is not UTF8",
        "use other characters, or move it to a database with the encoding UTF8 "
        "(`shoal backup`, then `shoal restore`)",
    ),
    "25006": _Trouble(
        "is read-only for now",
        "make its server take writes again (its disk may be full); what runs waits for it",
    ),
    _FILE_MOVED: _Trouble(
        "is not at its place any more: its file was deleted, moved or replaced by another",
        "put it back, or the copy that its supervisor saved beside it (.rescued), and start again",
    ),
    "28000": _Trouble("refused this user", "check the user name in the URL"),
    "28P01": _Trouble("refused the password", "check the user name and the password in the URL"),
    "3D000": _Trouble(
        "has no database of that name", "create it with `createdb`, or correct the URL"
    ),
    "42501": _Trouble(
        "denies this user a right", "grant CREATE on the schema, and all on its tables"
    ),
    "53100": _Trouble("cannot grow: its disk is full", "free some space; what runs waits for it"),
}


# Options of other programs' URLs.
_NO_PREPARED = "leave it out: Shoal prepares no statements, so that PgBouncer needs no option"
_REMEDIES_FOR_OPTIONS = {
    "schema": "name a schema by options=-csearch_path%3DNAME",
    "pgbouncer": _NO_PREPARED,
    "prepare_threshold": _NO_PREPARED,
}


# --- engines ----------------------------------------------------------------------------------


def make_engine(address: URL | Path) -> Engine:
    """Open a store for SQLAlchemy.

    A missing SQLite file is created; only its owner can read it. For SQLite, each connection and
    each transaction first checks that the file is still the one that was opened.

    Raises
    ------
    StoreError
        If the file cannot be opened, is not an SQLite database, or the driver of PostgreSQL is
        not installed.
    """
    # Python writes a float as the shortest text that gives the same float back.
    serializer = partial(json.dumps, allow_nan=False, separators=(",", ":"))
    if isinstance(address, Path):
        return _make_sqlite_engine(address, serializer)
    return _make_postgres_engine(address, serializer)


def _make_sqlite_engine(path: Path, serializer: Callable[[Any], str]) -> Engine:
    _create_file(path)
    url = URL.create(
        "sqlite",
        database=f"file:{quote(str(path))}",
        query={"mode": "rw", "uri": "true"},
    )
    engine = create_engine(
        url,
        # No isolation level: `_begin_sqlite` begins the transactions, not Python's driver.
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        json_serializer=serializer,
        pool_pre_ping=True,
    )

    check = partial(_check_file, path, _file_identity(path))
    event.listen(engine, "do_connect", check)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", check)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_postgres_engine(url: URL, serializer: Callable[[Any], str]) -> Engine:
    arguments: dict[str, Any] = {
        # A pool in between, such as PgBouncer in transaction mode, gives each transaction another
        # connection to the server, which has not prepared what the last one had.
        "prepare_threshold": None,
        # Whatever the server's encoding is: names and messages may have any character.
        "client_encoding": "utf8",
    }
    if "connect_timeout" not in url.query:
        # In seconds. Without it, a host that drops packets would be waited for for minutes.
        arguments["connect_timeout"] = 10

    try:
        engine = create_engine(
            url, connect_args=arguments, json_serializer=serializer, pool_pre_ping=True
        )
    except ImportError:
        raise StoreError(
            "A PostgreSQL store needs the driver psycopg.", remedy="pip install 'shoal[postgres]'"
        ) from None

    _check_options(url)
    event.listen(engine, "begin", _begin_postgres)
    return engine


def _check_options(url: URL) -> None:
    """Raise `StoreError` for what stands after the ? of a URL and is no option of PostgreSQL."""
    from psycopg.pq import Conninfo

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    for name in sorted(url.query.keys() - known):
        raise StoreError(
            f"{name!r} is no option of PostgreSQL's URLs.",
            expected="such as sslmode, connect_timeout or options",
            remedy=_REMEDIES_FOR_OPTIONS.get(name, "leave it out"),
        )


def _create_file(path: Path) -> None:
    """Create the file if it is missing. Raises `StoreError` for a file that is no database."""
    try:
        make_own_folder(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with path.open("rb") as file:
            header = file.read(len(_SQLITE_HEADER))
    except OSError as error:
        raise StoreError(
            f"The store {path} cannot be opened: {error.strerror}.",
            expected="a file in a directory that this user may write",
            remedy="name another file with --store or SHOAL_STORE",
        ) from None

    # An empty file becomes a store.
    if header and header != _SQLITE_HEADER:
        trouble = _TROUBLES[_NOT_A_DATABASE]
        raise StoreError(
            f"The file {path} {trouble.problem}.",
            remedy=f"{trouble.remedy} with --store or SHOAL_STORE",
        )


def _file_identity(path: Path) -> tuple[int, int] | None:
    """Device and inode, which tell this file from every other that may come to its place."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _check_file(path: Path, opened: tuple[int, int] | None, *_: object) -> None:
    """Raise `StoreLostError` when the file at that place is not the one that was opened."""
    # SQLite may go on with a file that has no name any more, and everything that it writes is
    # lost. It may even play the journal of the file that stands there now into that file.
    if _file_identity(path) != opened:
        trouble = _TROUBLES[_FILE_MOVED]
        raise StoreLostError(f"The store {path} {trouble.problem}.", remedy=trouble.remedy)


def _begin_postgres(connection: Connection) -> None:
    # For this transaction only: with a pool in between, the server's session is not ours alone. And
    # a session in which reading alone was allowed would ask to write afterwards, also of a server
    # that is read-only by its own default.
    settings = f"set_config('idle_in_transaction_session_timeout', '{ABANDONED_SECONDS}s', true)"
    if connection.get_execution_options().get("shoal_reader", False):
        settings += ", set_config('transaction_read_only', 'on', true)"
    connection.exec_driver_sql(f"SELECT {settings}")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")


def _begin_sqlite(connection: Connection) -> None:
    is_reader = connection.get_execution_options().get("shoal_reader", False)
    connection.exec_driver_sql(f"PRAGMA query_only = {int(is_reader)}")

    # A writer takes its lock first. A transaction that has read, and then finds that it may not
    # write, could not wait for its turn.
    if is_reader:
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


# --- transactions -----------------------------------------------------------------------------


class _LogLine(NamedTuple):
    """A line for the log, kept until the transaction that it tells of is committed."""

    logger: logging.Logger
    level: int
    message: str
    arguments: tuple[object, ...]


def log_on_commit(
    connection: Connection, logger: logging.Logger, level: int, message: str, *arguments: object
) -> None:
    """Log what a transaction has decided, once it is committed.

    A transaction that is rolled back has decided nothing, and one that is tried again must not
    log its decision twice.

    Parameters
    ----------
    connection
        The connection that `Database.write` has given to its caller's function.
    logger, level, message, arguments
        As for `logging.Logger.log`.
    """
    lines = connection.get_execution_options()["shoal_log_lines"]
    lines.append(_LogLine(logger, level, message, arguments))


class _Wait:
    """The wait of one transaction for a store that is locked or away; logs what it waits for."""

    def __init__(self, shown: str, patience: float) -> None:
        self._shown = shown
        self._patience = patience
        self._started = time.monotonic()
        self._tries = 0
        self._is_long = False

    def is_over(self) -> bool:
        """Whether the patience is over."""
        waited = time.monotonic() - self._started
        if waited <= self._patience:
            return False
        _log.warning("gave up on %s after %.1f s and %d tries", self._shown, waited, self._tries)
        return True

    def pause(self, code: int | str) -> None:
        """Wait for the next try; ``code`` is the database's error code."""
        self._tries += 1
        _log.debug("try %d on %s failed: error code %r", self._tries, self._shown, code)

        waited = time.monotonic() - self._started
        if waited > LONG_WAIT_SECONDS and not self._is_long:
            self._is_long = True
            _log.warning("waiting for %s: error code %r", self._shown, code)

        # A random pause, so that processes that collide once do not collide again.
        longest = min(0.01 * 2**self._tries, _LONGEST_PAUSE)
        time.sleep(random.uniform(0.0, longest))

    def end(self) -> None:
        """The transaction was committed."""
        if self._is_long:
            waited = time.monotonic() - self._started
            _log.info("%s answers again, after %.1f s", self._shown, waited)


class Database:
    """Transactions on one engine.

    A transaction is a function of the connection. It is called again as a whole while the store is
    locked, or its server away. So it must not do anything but use the connection, and it must be
    idempotent: the answer to a COMMIT may be lost, after which the function finds its work done.

    Parameters
    ----------
    place
        A path of SQLite, or a URL of PostgreSQL.
    shown
        The address without passwords, for messages.
    patience
        For how long a transaction is tried again, in seconds.

    Attributes
    ----------
    path
        The file of an SQLite store; None for PostgreSQL.
    """

    def __init__(self, place: URL | Path, shown: str, patience: float = PATIENCE_SECONDS) -> None:
        self.engine = make_engine(place)
        self.shown = shown
        self.patience = patience
        self.path: Path | None = None

        self._reader = self.engine.execution_options(shoal_reader=True)
        if isinstance(place, Path):
            self.path = place
        else:
            self._reader = self._reader.execution_options(isolation_level="REPEATABLE READ")

    def connect(self) -> None:
        """Make the first contact, and set SQLite's journal.

        Raises
        ------
        StoreError
            At once if the store cannot be reached. The patience of transactions does not apply.
        """
        try:
            with self.engine.connect() as connection:
                if self.path:
                    self._set_journal(connection)
        except DBAPIError as error:
            explained = self._explained(error)
            if explained is error:
                # Nothing was asked yet: it is about the address.
                explained = self._unusable(error, StoreError)
            raise explained from error

    @staticmethod
    def _set_journal(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        wanted = "delete"
        if WAL_IS_SAFE:
            wanted = "wal"

        try:
            journal = driver.execute("PRAGMA journal_mode").fetchone()[0]
            if journal != wanted:
                driver.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
                _log.info("journal mode changed from %s to %s", journal, wanted)
        except sqlite3.Error as error:
            if WAL_IS_SAFE and _error_code(error) in (_BUSY, _LOCKED):
                _log.info("the journal mode stays: other processes use the store")
                return
            raise OperationalError("PRAGMA journal_mode", None, error) from error

    def bound_log(self) -> None:
        """Empty a write-ahead log that has grown large.

        SQLite does so by itself only in a moment without a reader, if there is one. New readers
        wait for nothing. Writers wait a second for readers of an old state; then the log is left
        for a later call.
        """
        if self.path is None:
            return
        log_file = self.path.with_name(f"{self.path.name}-wal")
        if not log_file.exists() or log_file.stat().st_size <= LOG_BYTES:
            return

        _log.debug("emptying the write-ahead log of %s", self.shown)
        with suppress(sqlite3.Error), self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            # In milliseconds: heartbeats wait for this call.
            driver.execute("PRAGMA busy_timeout = 1000")
            try:
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                driver.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

    def write(self, work: Callable[[Connection], T]) -> T:
        """Call ``work`` in a transaction, and commit it.

        Raises
        ------
        StoreError
            If the store cannot be written, or not within the patience.
        """
        return self._attempt(self.engine, work)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Call ``work`` in a transaction that sees one moment of the store, and cannot write.

        Raises
        ------
        StoreError
            If the store cannot be read, or not within the patience.
        """
        return self._attempt(self._reader, work)

    def rescue(self) -> Path | None:
        """Copy the content of a file that was deleted, from a connection that still has it open.

        Returns
        -------
        Path or None
            The copy, beside the place of the file. None if nothing can be read or written, or if
            another file stands at that place.
        """
        # The journal beside another file is not ours, and would be taken for ours.
        if self.path is None or self.path.exists():
            return None

        try:
            # This takes a connection that was open before: a new one would be refused.
            with self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                copy = _free_name(self.path.with_name(f"{self.path.name}.rescued"))
                with closing(sqlite3.connect(copy)) as target:
                    driver.backup(target)
        except (OSError, sqlite3.Error, DBAPIError, StoreLostError) as error:
            _log.warning("the content of %s could not be rescued: %s", self.shown, error)
            return None

        _log.warning("the content of the deleted %s was rescued to %s", self.shown, copy)
        return copy

    def _attempt(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        """Call ``work`` in transactions until one is committed, or the patience is over."""
        wait = _Wait(self.shown, self.patience)

        while True:
            lines: list[_LogLine] = []
            try:
                with engine.begin() as connection:
                    connection.execution_options(shoal_log_lines=lines)
                    result = work(connection)
            except DBAPIError as error:
                if not _may_pass(error) or wait.is_over():
                    raise self._explained(error) from error
                wait.pause(_error_code(error.orig))
            else:
                wait.end()
                # Only now: what a transaction that failed had decided did not happen.
                for line in lines:
                    line.logger.log(line.level, line.message, *line.arguments)
                return result

    def _explained(self, error: DBAPIError) -> Exception:
        """The error to raise in place of a database's own. It shows no password."""
        code = _error_code(error.orig)
        kind: type[StoreError] = StoreError
        if _may_pass(error):
            kind = StoreAwayError

        trouble = _TROUBLES.get(code)
        if trouble is not None:
            if code in _FULL_CODES:
                kind = StoreFullError
            elif code == _FILE_MOVED:
                kind = StoreLostError
            return kind(f"The store {self.shown} {trouble.problem}.", remedy=trouble.remedy)

        if not isinstance(error, OperationalError | InternalError | InterfaceError):
            # A mistake in this package, and not a trouble of the store.
            return error

        return self._unusable(error, kind)

    def _unusable(self, error: DBAPIError, kind: type[StoreError]) -> StoreError:
        text = one_line(error)
        if self.engine.url.password:
            text = text.replace(str(self.engine.url.password), "***")
        return kind(
            f"The store {self.shown} cannot be used: {text}.",
            remedy="check its address, and that it is up and can be reached from here",
        )


def _free_name(wanted: Path) -> Path:
    """Create an empty file of that name, or with a number; only its owner can read it."""
    for number in count(1):
        name = wanted
        if number > 1:
            name = wanted.with_name(f"{wanted.name}-{number}")
        with suppress(FileExistsError):
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            return name
    raise AssertionError  # pragma: no cover


# --- errors -----------------------------------------------------------------------------------


def _error_code(error: BaseException | None) -> int | str:
    """SQLite's primary result code (or `_FILE_MOVED`), or PostgreSQL's SQLSTATE.

    An empty text stands for a connection that failed without a SQLSTATE.
    """
    if isinstance(error, sqlite3.Error):
        return _sqlite_code(int(getattr(error, "sqlite_errorcode", 1)))

    state = getattr(error, "sqlstate", None)
    if state == "XX000" and re.search(_QUOTA, str(error)):
        return "53100"
    return state or _refusal(str(error))


def _sqlite_code(extended: int) -> int:
    if extended == _FILE_MOVED:
        return extended

    primary = extended & 0xFF
    if primary == _READ_FAILED and extended not in _READ_ERRORS:
        return _WRITE_FAILED
    return primary


def _refusal(text: str) -> str:
    """The SQLSTATE of a server that refuses a connection for good; empty for every other error."""
    for pattern, state in _REFUSALS.items():
        if re.search(pattern, text):
            return state
    return ""


def one_line(error: DBAPIError) -> str:
    """What a database says is wrong, without the statement and the place in it."""
    diagnosis = getattr(error.orig, "diag", None)
    text = getattr(diagnosis, "message_primary", None) or str(error.orig)
    return " ".join(text.split())


def _may_pass(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed later: the store is locked, or its server away."""
    code = _error_code(error.orig)
    if isinstance(code, int):
        return code in (_BUSY, _LOCKED)

    if code in _FULL_CODES:
        return False
    if error.connection_invalidated:
        return True
    if code == "":
        return isinstance(error, OperationalError)
    return code[:2] in _PASSING_CLASSES or code in _PASSING_STATES
