"""`shoal doctor`: what is well with this installation and its store, what is not, and how to mend it. Changes nothing."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, select, text

from shoal.errors import ShoalError
from shoal.store import Store, open_store, shown_address, store_exists
from shoal.store.connection import WAL_IS_SAFE
from shoal.store.tables import REVISION, dataset, now

LITTLE_DISK = 1 << 30  # bytes
CLOCK_SECONDS = 5.0  # that this machine may differ from the database's
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``status``: "good", "look" (works, but see the remedy) or "bad"."""

    name: str
    status: Literal["good", "look", "bad"]
    finding: str
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def examine(address: str | None = None) -> list[Check]:
    """All checks, those of the store only where there is one."""
    checks = [*_installation()]
    if not store_exists(address):
        return [
            *checks,
            Check("store", "good", f"none yet at {shown_address(address)}; the first run makes it"),
        ]
    try:
        with open_store(address, create=False) as store:
            checks += _store(store)
    except ShoalError as error:
        checks.append(Check("store", "bad", error.problem, error.remedy or ""))
    return checks


def _installation() -> Iterator[Check]:
    import numba
    import numpy as np

    from shoal._version import __version__

    yield Check(
        "versions",
        "good",
        f"shoal {__version__}, Python {platform.python_version()}, NumPy {np.__version__}, Numba {numba.__version__}",
    )
    if WAL_IS_SAFE:
        yield Check("SQLite", "good", f"{sqlite3.sqlite_version}: write-ahead log")
    else:
        yield Check(
            "SQLite",
            "good",
            f"{sqlite3.sqlite_version}, older than 3.51.3: a rollback journal keeps clear of its WAL-reset race",
            "a newer Python brings a newer SQLite, with which readers do not wait for writers",
        )
    from shoal.pso.engines.cache import cache_folder

    folder = cache_folder()
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if _writable(place):
        yield Check("kernels", "good", f"kept in {folder}")
    else:
        yield Check(
            "kernels",
            "look",
            f"{place} cannot be written: each start compiles anew",
            "set NUMBA_CACHE_DIR to a folder",
        )


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def _store(store: Store) -> Iterator[Check]:
    yield Check("store", "good", f"{store.url}, schema {REVISION}")
    if store.path is not None:
        yield _disk(store.path)
        yield store.read(_journal)
        yield store.read(_integrity)
    yield store.read(_clock)
    yield _tables(store)
    yield _runs(store)


def _disk(path: Path) -> Check:
    free = shutil.disk_usage(path.parent).free
    finding = f"{free / _GB:.1f} GB free; the store has {path.stat().st_size / _GB:.3f} GB"
    if free < LITTLE_DISK:
        return Check(
            "disk",
            "look",
            finding,
            "free some space: a run waits when the disk is full, and loses nothing",
        )
    return Check("disk", "good", finding)


def _journal(connection: Connection) -> Check:
    mode = connection.scalar(text("PRAGMA journal_mode"))
    if mode == "wal" and not WAL_IS_SAFE:
        remedy = "close all programs that use the store; the next start changes it"
        return Check("journal", "bad", "wal, by a SQLite that can corrupt it", remedy)
    return Check("journal", "good", str(mode))


def _integrity(connection: Connection) -> Check:
    found = connection.scalars(text("PRAGMA integrity_check(3)")).all()
    if list(found) == ["ok"]:
        return Check("integrity", "good", "every page of the file is sound")
    return Check(
        "integrity",
        "bad",
        "; ".join(map(str, found)),
        "restore it from a backup: shoal restore FILE --store NEW",
    )


def _clock(connection: Connection) -> Check:
    apart = time.time() - float(connection.scalar(select(now())) or 0.0)
    if abs(apart) > CLOCK_SECONDS:
        finding = (
            f"this machine is {apart:+.0f} s from the database's clock; leases go by the database's"
        )
        return Check(
            "clock", "look", finding, "synchronise the clocks, so that times on pages mean the same"
        )
    return Check("clock", "good", "as the database's")


def _tables(store: Store) -> Check:
    def damaged(connection: Connection) -> list[str]:
        rows = connection.execute(select(dataset.c.name, dataset.c.hash, dataset.c.parquet))
        return [
            row.name for row in rows if hashlib.sha256(bytes(row.parquet)).hexdigest() != row.hash
        ]

    if names := store.read(damaged):
        return Check(
            "tables", "bad", f"damaged: {', '.join(names)}", "restore the store from a backup"
        )
    return Check("tables", "good", "every stored table has the bytes that it was stored with")


def _runs(store: Store) -> Check:
    runs, supervisors = store.runs(), store.supervisors()
    stale = [run.id for run in runs if run.state == "interrupted"]
    finding = f"{len(runs)}, {sum(run.state == 'running' for run in runs)} running; {len(supervisors)} supervisors alive"
    if stale and not any(supervisor.scope is None for supervisor in supervisors):
        those = ", ".join(map(str, stale[:5]))
        return Check(
            "runs",
            "look",
            f"{finding}; interrupted: {those}",
            f"shoal resume {stale[0]}, or shoal serve",
        )
    return Check("runs", "good", finding)
