"""The newest runs at a glance, for a person who waits for the next key.

It loads no database library, waits for no lock, and neither upgrades nor changes a store.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from shoal.system.paths import default_path


class GlancedRun(NamedTuple):
    """A run's number, its name, and its state as it was last written."""

    id: int
    name: str
    state: str


def newest_runs(address: str | None, most: int) -> list[GlancedRun]:
    """Read the newest runs of a store.

    Parameters
    ----------
    address
        A file or a URL; None: what the environment says, or the user's own file.
    most
        How many runs, at most.

    Returns
    -------
    list of GlancedRun
        The newest first. Empty where there is no store that could be read at once.

    Raises
    ------
    ShoalError
        A store of PostgreSQL cannot be reached.
    """
    place = address or os.environ.get("SHOAL_STORE") or str(default_path())
    if place.startswith("postgres"):
        return _from_postgres(place, most)
    path = Path(place.removeprefix("sqlite:///")).expanduser().absolute()
    if not path.is_file():
        return []

    query = "SELECT id, name, state FROM run ORDER BY id DESC LIMIT ?"
    try:
        uri = f"file:{quote(path.as_posix())}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=0.2)) as connection:
            rows = connection.execute(query, (most,)).fetchall()
    except sqlite3.Error:
        return []
    return [GlancedRun(*row) for row in rows]


def _from_postgres(address: str, most: int) -> list[GlancedRun]:
    from shoal.store.store import open_store

    with open_store(address, create=False) as store:
        runs = store.runs(limit=most)
    return [GlancedRun(run.id, run.name, run.state) for run in runs]
