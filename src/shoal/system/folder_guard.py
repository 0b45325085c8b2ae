"""A process that outlives its parent by a moment, to end what the parent left behind.

Only for Linux, whose ``/proc`` says which files a process has open.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from shoal.system.child import Parent

_PAUSE_SECONDS = 0.02


def guard(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry: when the parent has ended, end all that has files of a folder open, and remove it.

    Parameters
    ----------
    parent
        Whose end it waits for.
    arguments
        The folder, and the process id of the parent, which may be ending just now by itself.
    """
    folder, starter = arguments
    parent.wait_until_gone()

    while processes := list(_users(folder, starter)):
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        # Until they are gone; and one of them may have started another one meanwhile.
        time.sleep(_PAUSE_SECONDS)

    shutil.rmtree(folder, ignore_errors=True)


def _users(folder: str, starter: str) -> Iterator[int]:
    """Processes, but for ``starter``, that have a file in ``folder`` open."""
    for process in Path("/proc").glob("[0-9]*"):
        # Processes of other users do not say, and some end while we look.
        with suppress(OSError):
            is_user = any(_is_inside(file, folder) for file in (process / "fd").iterdir())
            if is_user and process.name != starter:
                yield int(process.name)


def _is_inside(descriptor: Path, folder: str) -> bool:
    return str(descriptor.readlink()).startswith(folder)
