"""Paths that users name, and where Shoal keeps its files when nobody names a place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

# In the environment: "stderr" has supervisors log to standard error rather than to a file.
LOG_VARIABLE = "SHOAL_LOG"


def log_path() -> Path:
    """The log of all supervisors of this user."""
    return default_path().with_name("supervisor.log")


def writable_log() -> Path | None:
    """The log of all supervisors of this user; None: they log to standard error."""
    log = log_path()
    if is_log_unwanted() or not can_be_written(log):
        return None
    return log


def is_log_unwanted() -> bool:
    """Whether supervisors are to log to standard error, where something else keeps it."""
    return os.environ.get(LOG_VARIABLE) == "stderr"


def can_be_written(path: Path) -> bool:
    """Whether this user may write a file, or make it with its folders."""
    try:
        nearest = next(place for place in (path, *path.parents) if place.exists())
    except OSError:
        return False
    return (nearest == path or nearest.is_dir()) and os.access(nearest, os.W_OK)


def is_there(path: Path) -> bool:
    """Whether a path is there. None is whose name no file can have, as one of 300 letters."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file_there(path: Path) -> bool:
    """Whether a path is a file; see `is_there`."""
    return is_there(path) and path.is_file()


def named_path(name: str) -> Path:
    """The path that a user names, with ~ for a home.

    Raises
    ------
    OSError
        If no file can have that name.
    """
    if "\0" in name:
        raise OSError(errno.EINVAL, "no file has a NUL in its name")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise OSError(errno.ENOENT, "there is no such home") from None


def home() -> Path:
    """The user's home. In a container, a user may have none, and nothing can be written there."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def default_path() -> Path:
    """The default store, below ``XDG_DATA_HOME`` or ``~/.local/share``."""
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG specification asks to ignore a relative path, as an unset one.
    if not data.is_absolute():
        data = home() / ".local" / "share"
    return data / "shoal" / "shoal.db"
