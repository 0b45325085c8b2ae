"""A log file of bounded size that several processes write to at once."""

from __future__ import annotations

import logging
from logging.handlers import WatchedFileHandler
from pathlib import Path

from shoal.system.file_lock import alone_in

LIMIT_BYTES = 1_000_000
KEPT = 3  # older files: .1 is the newest of them


class SharedLog(WatchedFileHandler):
    """Appends to ``path``. Who finds it full moves it aside, alone, and the others follow into the new one.

    The standard library's rotating handler would go on writing to the file that another process has moved, and move it again.
    """

    def __init__(self, path: Path, limit: int = LIMIT_BYTES, kept: int = KEPT) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.path, self.limit, self.kept = path, limit, kept

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a disk without room costs the line, and nothing else."""
        try:
            self.reopenIfNeeded()
            if self._is_full():
                with alone_in(self.path.parent):
                    self.reopenIfNeeded()  # another process was quicker
                    if self._is_full():
                        self._move()
            super().emit(record)
        except OSError:
            self.handleError(record)

    def _is_full(self) -> bool:
        return Path(self.baseFilename).stat().st_size >= self.limit

    def _move(self) -> None:
        for n in range(self.kept, 0, -1):
            newer = self.path.with_name(f"{self.path.name}.{n - 1}") if n > 1 else self.path
            if newer.exists():
                newer.replace(self.path.with_name(f"{self.path.name}.{n}"))
        self.reopenIfNeeded()
