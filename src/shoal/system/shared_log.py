"""A log file of bounded size that several processes write to at once."""

from __future__ import annotations

import logging
from contextlib import suppress
from logging.handlers import WatchedFileHandler
from pathlib import Path

from shoal.system.file_lock import alone_in

LIMIT_BYTES = 1_000_000
# Older files: .1 is the newest of them.
KEPT_FILES = 3


class SharedLog(WatchedFileHandler):
    """Appends to a file. The process that finds it full moves it aside; the others follow.

    The standard library's rotating handler would go on writing to the file that another process
    has moved, and would move it once more.

    Parameters
    ----------
    path
        The file.
    limit
        Its size in bytes from which it is moved aside.
    kept
        How many files that were moved aside are kept, 1 or more.
    """

    def __init__(self, path: Path, limit: int = LIMIT_BYTES, kept: int = KEPT_FILES) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.path = path
        self.limit = limit
        self.kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. A disk without room costs the line, and nothing else."""
        try:
            self.reopenIfNeeded()
            if self._is_full():
                self._move_alone()
            super().emit(record)
        except OSError:
            self.handleError(record)

    def _move_alone(self) -> None:
        with alone_in(self.path.parent):
            # Another process may have been quicker.
            self.reopenIfNeeded()
            if self._is_full():
                self._let_go()
                # Windows moves no file that another process has open: it grows until then.
                with suppress(PermissionError):
                    self._move()

    def _let_go(self) -> None:
        """Close the file, which the next line opens."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    def _is_full(self) -> bool:
        return Path(self.baseFilename).stat().st_size >= self.limit

    def _move(self) -> None:
        # First what may be refused.
        self._rename(self.path, self._old(0))
        for number in range(self.kept, 0, -1):
            self._rename(self._old(number - 1), self._old(number))

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    @staticmethod
    def _rename(path: Path, new: Path) -> None:
        if path.exists():
            path.replace(new)
