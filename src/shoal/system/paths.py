"""Where Shoal keeps what is not in a store."""

from __future__ import annotations

import os
from pathlib import Path


def log_path() -> Path:
    """Where supervisors write what they do."""
    return default_path().with_name("supervisor.log")


def default_path() -> Path:
    """Where the store is when nobody says otherwise: below XDG_DATA_HOME, or ~/.local/share."""
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    base = data if data.is_absolute() else Path.home() / ".local" / "share"
    return base / "shoal" / "shoal.db"
