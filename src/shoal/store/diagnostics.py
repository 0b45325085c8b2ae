"""`shoal doctor`: what is well with this installation and its store, what is not, and the remedy.

Nothing is changed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import OperationalError

from shoal.errors import ShoalError
from shoal.store.address import shown_address, store_exists
from shoal.store.connection import WAL_IS_SAFE
from shoal.store.records import LEASE_SECONDS, Owner, name_of_host
from shoal.store.store import Store, open_store
from shoal.store.tables import REVISION, dataset, now
from shoal.system.machine import machine_id
from shoal.system.paths import can_be_written

# Less free space than this is worth a look, in bytes.
LITTLE_DISK = 1 << 30
# By how much this machine's clock may differ from the database's, in seconds.
CLOCK_SECONDS = 5.0
# How long the file is examined while somebody records in it, in seconds: commits wait meanwhile.
_INTEGRITY_SECONDS = 3.0
# SQLITE_INTERRUPT.
_INTERRUPTED = 9
# How many interrupted runs a finding names.
_RUNS_NAMED = 5
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes
    ----------
    name
        What was looked at.
    status
        "good", "look" (it works, but see the remedy) or "bad".
    finding
        What was found.
    remedy
        What to do.
    """

    name: str
    status: Literal["good", "look", "bad"]
    finding: str
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def examine(address: str | None = None) -> list[Check]:
    """Make all checks.

    Parameters
    ----------
    address
        The store, as for `open_store`.

    Returns
    -------
    list of Check
        The checks of the store are among them only where there is one.
    """
    checks = list(_check_installation())
    if not store_exists(address):
        finding = f"none yet at {shown_address(address)}; the first run makes it"
        return [*checks, Check("store", "good", finding)]

    try:
        with open_store(address, create=False) as store:
            checks += _check_store(store)
    except ShoalError as error:
        checks.append(Check("store", "bad", error.problem, error.remedy or ""))
    return checks


# --- the installation -------------------------------------------------------------------------


def _check_installation() -> Iterator[Check]:
    yield _check_versions()
    yield _check_sqlite()
    yield _check_kernels()


def _check_versions() -> Check:
    import numba
    import numpy as np

    from shoal._version import __version__

    finding = (
        f"shoal {__version__}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, Numba {numba.__version__}"
    )
    return Check("versions", "good", finding)


def _check_sqlite() -> Check:
    if WAL_IS_SAFE:
        return Check("SQLite", "good", f"{sqlite3.sqlite_version}: write-ahead log")
    return Check(
        "SQLite",
        "good",
        f"{sqlite3.sqlite_version}, older than 3.51.3: a rollback journal keeps clear of its "
        "WAL-reset race",
        "a newer Python brings a newer SQLite, with which readers do not wait for writers",
    )


def _check_kernels() -> Check:
    from shoal.pso.engines.cache import cache_folder

    folder = cache_folder()
    # The folder is made when it is first needed.
    if can_be_written(folder) and _is_ours(folder.parent):
        return Check("kernels", "good", f"kept in {folder}")
    return Check(
        "kernels",
        "look",
        f"{folder} cannot be written, or is another user's: each start compiles anew",
        "set NUMBA_CACHE_DIR to a folder of your own",
    )


def _is_ours(folder: Path) -> bool:
    """Whether a folder belongs to this user, or is not there yet."""
    if os.name == "nt" or not folder.exists():
        return True
    return folder.stat().st_uid == os.geteuid()


# --- the store --------------------------------------------------------------------------------


def _check_store(store: Store) -> Iterator[Check]:
    yield Check("store", "good", f"{store.url}, schema {REVISION}")
    if store.path is not None:
        yield _check_disk(store.path)
        yield store.read(_check_journal)
        yield _check_integrity(store)
    yield store.read(_check_clock)
    yield _check_machine(store)
    yield _check_tables(store)
    yield _check_runs(store)


def _check_disk(path: Path) -> Check:
    free = shutil.disk_usage(path.parent).free
    size = path.stat().st_size
    finding = f"{free / _GB:.1f} GB free; the store has {size / _GB:.3f} GB"
    if free < LITTLE_DISK:
        remedy = "free some space: a run waits when the disk is full, and loses nothing"
        return Check("disk", "look", finding, remedy)
    return Check("disk", "good", finding)


def _check_journal(connection: Connection) -> Check:
    mode = connection.scalar(text("PRAGMA journal_mode"))
    if mode == "wal" and not WAL_IS_SAFE:
        remedy = "close all programs that use the store; the next start changes it"
        return Check("journal", "bad", "wal, by a SQLite that can corrupt it", remedy)
    return Check("journal", "good", str(mode))


def _check_integrity(store: Store) -> Check:
    seconds = None
    # With a write-ahead log, nobody waits for a reader.
    if store.supervisors() and not WAL_IS_SAFE:
        seconds = _INTEGRITY_SECONDS

    answers = store.read(partial(_integrity, seconds=seconds))
    if answers is None:
        finding = f"not examined to the end: its runs would wait for longer than {seconds:g} s"
        remedy = "pause the runs, or examine a copy: shoal backup FILE; shoal doctor --store FILE"
        return Check("integrity", "look", finding, remedy)
    if answers == ["ok"]:
        return Check("integrity", "good", "every page of the file is sound")
    finding = "; ".join(map(str, answers))
    remedy = "restore it from a backup: shoal restore FILE --store NEW"
    return Check("integrity", "bad", finding, remedy)


def _integrity(connection: Connection, seconds: float | None) -> list[str] | None:
    """What SQLite says of the file; None: not within so many seconds."""
    driver: Any = connection.connection.driver_connection
    limit = threading.Timer(seconds or 0.0, driver.interrupt)
    if seconds is not None:
        limit.start()
    try:
        return list(connection.scalars(text("PRAGMA integrity_check(3)")))
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == _INTERRUPTED:
            return None
        raise
    finally:
        limit.cancel()


def _check_clock(connection: Connection) -> Check:
    database_time = float(connection.scalar(select(now())) or 0.0)
    difference = time.time() - database_time
    if abs(difference) <= CLOCK_SECONDS:
        return Check("clock", "good", "as the database's")
    return Check(
        "clock",
        "look",
        f"this machine is {difference:+.0f} s from the database's clock; "
        "leases go by the database's",
        "synchronise the clocks, so that times on pages mean the same",
    )


def _check_machine(store: Store) -> Check:
    """How this machine is told from others that use the store, and from those of its name."""
    here = Owner.here()
    identity = machine_id()
    if identity is None:
        finding = (
            f"{here.host_name}; the system does not say which boot this is, so a process that was "
            f"killed counts as dead only after its lease, {LEASE_SECONDS:.0f} s"
        )
        return Check("machine", "look", finding, "nothing: runs are safe, and only wait that long")

    owners = [run.owner for run in store.runs() if run.owner and run.state == "running"]
    owners += [supervisor.owner for supervisor in store.supervisors()]
    machines = {Owner.parse(owner).host for owner in owners}
    namesakes = {host for host in machines - {here.host} if name_of_host(host) == here.host_name}
    finding = f"{here.host_name}, with the mark {identity}"
    if not namesakes:
        return Check("machine", "good", finding)

    marks = ", ".join(sorted(host.partition("+")[2] or "none" for host in namesakes))
    return Check(
        "machine",
        "look",
        f"{finding}; the same name, but other marks, have owners of runs and supervisors: {marks}",
        "give each machine or container a name of its own, so that people can tell them apart; "
        "runs are safe: those of others are left alone until their lease ends",
    )


def _check_tables(store: Store) -> Check:
    names = store.read(lambda connection: dict(_table_names(connection)))
    # One by one: each may have many MB, and commits wait for readers.
    damaged = [names[key] for key in names if store.read(partial(_is_damaged, key=key))]
    if damaged:
        finding = f"damaged: {', '.join(damaged)}"
        return Check("tables", "bad", finding, "restore the store from a backup")
    return Check("tables", "good", "every stored table has the bytes that it was stored with")


def _table_names(connection: Connection) -> list[tuple[str, str]]:
    """Hash and name of each stored table."""
    query = select(dataset.c.hash, dataset.c.name)
    return [(row.hash, row.name) for row in connection.execute(query)]


def _is_damaged(connection: Connection, key: str) -> bool:
    """Whether the bytes of a table do not have the hash that was stored with them."""
    content = connection.scalar(select(dataset.c.parquet).where(dataset.c.hash == key))
    # None: it was deleted meanwhile.
    return content is not None and hashlib.sha256(bytes(content)).hexdigest() != key


def _check_runs(store: Store) -> Check:
    runs = store.runs()
    supervisors = store.supervisors()
    running = [run.id for run in runs if run.state == "running"]
    interrupted = [run.id for run in runs if run.state == "interrupted"]
    finding = f"{len(runs)}, {len(running)} running; {len(supervisors)} supervisors running"

    # A supervisor of all runs takes interrupted runs up by itself.
    serves_all = any(supervisor.scope is None for supervisor in supervisors)
    if not interrupted or serves_all:
        return Check("runs", "good", finding)
    named = ", ".join(map(str, interrupted[:_RUNS_NAMED]))
    return Check(
        "runs",
        "look",
        f"{finding}; interrupted: {named}",
        f"shoal resume {interrupted[0]}, or shoal serve",
    )
