"""An export in a process that kills itself at one of its steps on files.

    python faulty_export.py STORE RUN FOLDER [--die 7] [--steps FILE]

It dies before its 7th step; ``--steps`` notes how many there were. A step makes, opens for writing,
moves or removes what lies in the folder, or beside it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from shoal.export.bundle import export_run
from shoal.store import open_store

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}


class Steps:
    """Counts steps on the files around a folder, and dies before one of them."""

    def __init__(self, around: Path, die: int | None) -> None:
        self.seen = 0
        self._around = str(around)
        self._die = die

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """What `sys.addaudithook` calls before anything happens."""
        if event not in _CHANGES and not (event == "open" and _writes(arguments)):
            return
        if not str(arguments[0]).startswith(self._around):
            return

        self.seen += 1
        if self.seen == self._die:
            os.kill(os.getpid(), signal.SIGKILL)


def _writes(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def main() -> None:
    """Export as `shoal export --force` does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("run", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--die", type=int)
    parser.add_argument("--steps", type=Path)
    given = parser.parse_args()

    steps = Steps(given.folder.parent, given.die)
    with open_store(given.store) as store:
        sys.addaudithook(steps)
        export_run(store, given.run, given.folder, force=True)
    if given.steps:
        given.steps.write_text(str(steps.seen))


if __name__ == "__main__":
    main()
