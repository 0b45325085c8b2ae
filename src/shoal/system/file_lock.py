"""Locks on folders and files, each held by one process at a time. They end with the process."""

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


def hold_if_free(file: Path, *, create: bool = False) -> int | None:
    """Take the lock on a file, without waiting for it.

    Parameters
    ----------
    file
        The file that stands for what is locked.
    create
        Make the file.

    Returns
    -------
    int or None
        The descriptor that holds the lock until it is closed; None: another process holds it.

    Raises
    ------
    OSError
        There is no such file, it may not be opened, or its disk has no locks.
    """
    flags = os.O_RDWR
    if create:
        flags |= os.O_CREAT
    handle = os.open(file, flags, 0o600)
    if fcntl is None:  # pragma: no cover  There, a file that is open cannot be removed.
        return handle

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        # A disk without locks. Nobody else can take this one either.
        if not create:
            os.close(handle)
            raise
    return handle
