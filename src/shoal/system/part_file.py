"""Files that appear under their name only when they are complete.

A file in the making lies in a folder of its own beside its place, under a lock that ends with its
process. So a process that was killed leaves its folder without a lock, and whoever makes the next
file there removes it, whatever its name is, on this host or another.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shoal.system.file_lock import hold_if_free
from shoal.system.private_folder import make_own_folder

# Folders are named .FILE.part-RANDOM.
_MARK = ".part-"
# The file in the folder whose lock tells that somebody is at work.
_LOCK = "lock"


@contextmanager
def part_file(target: Path) -> Iterator[Path]:
    """Give a place to write to; what is there at the end of the block becomes the target.

    Nothing stays of a block that raises.

    Parameters
    ----------
    target
        The file. Its folder is made if it is missing.

    Yields
    ------
    Path
        A name that is free, in a folder that only this user may open. Files beside it, such as a
        database's journal, are removed at the end.

    Raises
    ------
    OSError
        The file cannot be made there; or there is a device or a pipe, in the place of which a file
        would be harm to the whole machine.
    """
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "there is something that is no file", str(target))
    make_own_folder(target.parent)
    _remove_abandoned(target.parent)

    folder, lock = _make_folder(target)
    try:
        yield folder / target.name
        (folder / target.name).replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make_folder(target: Path) -> tuple[Path, int]:
    """A new folder, and the lock on it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}{_MARK}", dir=target.parent))
        lock = hold_if_free(folder / _LOCK, create=True)
        # Somebody may have taken it for abandoned between the two, and removes it.
        if lock is not None:
            if (folder / _LOCK).exists():
                return folder, lock
            os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f".*{_MARK}*"):
        # One that cannot be opened is not ours, or has no lock yet.
        with suppress(OSError):
            lock = hold_if_free(folder / _LOCK)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
