"""Folders in the system's place for temporary files that do not stay when their process is killed.

Each is named after the process that made it. Whoever makes the next one removes those whose process
is gone.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path


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
