"""Folders that only their user may open, whatever the umask is.

Those in the system's place for temporary files do not stay when their process is killed: each is
named after the process that made it, and whoever makes the next one removes those whose process is
gone.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path


def make_own_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone.

    Raises
    ------
    OSError
        It cannot be made.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)


def take_own_folder(folder: Path) -> bool:
    """Make a folder whose files are trusted, as code is; others lose their right to write there.

    Returns
    -------
    bool
        False: it cannot be made, or it belongs to another user, who may change what is in it.
    """
    try:
        make_own_folder(folder)
        # Windows has no such owners and modes.
        if sys.platform == "win32":  # pragma: no cover
            return True

        status = folder.stat()
        if status.st_uid != os.geteuid():
            return False
        if status.st_mode & 0o022:
            folder.chmod(0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def make_private_folder(prefix: str) -> Path:
    """Make a folder for this process, which nobody else may open.

    The folders of the same ``prefix`` whose processes have ended are removed.

    Raises
    ------
    OSError
        There is no place for it.
    """
    _remove_abandoned(prefix)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-"))


def _remove_abandoned(prefix: str) -> None:
    # On Windows, os.kill(pid, 0), which asks whether a process exists, would be a Ctrl+C.
    if sys.platform == "win32":  # pragma: no cover
        return

    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            with suppress(OSError, OverflowError):
                if _is_abandoned(entry, prefix):
                    shutil.rmtree(entry.path, ignore_errors=True)


def _is_abandoned(entry: os.DirEntry[str], prefix: str) -> bool:
    if not entry.name.startswith(prefix):
        return False

    pid = entry.name.removeprefix(prefix).partition("-")[0]
    if not pid.isdecimal():
        return False

    is_ours = entry.stat(follow_symlinks=False).st_uid == os.getuid()
    return is_ours and entry.is_dir(follow_symlinks=False) and not _exists(int(pid))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
