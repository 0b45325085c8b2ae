"""A lock on a folder, held by one process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover  Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder, and wait for it first where another process has it.

    The lock ends with the process at the latest. Where there are no such locks (Windows), nothing
    is locked: there, a file that others have open cannot be moved anyway.
    """
    if fcntl is None:  # pragma: no cover
        yield
        return

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
