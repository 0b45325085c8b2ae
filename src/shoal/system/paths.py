"""Where Shoal keeps its files when nobody names a place."""

from __future__ import annotations

import os
from pathlib import Path


def log_path() -> Path:
    """The log of all supervisors of this user."""
    return default_path().with_name("supervisor.log")


def default_path() -> Path:
    """The default store, below ``XDG_DATA_HOME`` or ``~/.local/share``."""
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG specification asks to ignore a relative path, as an unset one.
    if not data.is_absolute():
        data = Path.home() / ".local" / "share"
    return data / "shoal" / "shoal.db"
