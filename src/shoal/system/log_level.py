"""How much of what happens is logged: ``SHOAL_LOG_LEVEL``, which child processes inherit."""

from __future__ import annotations

import logging
import os

VARIABLE = "SHOAL_LOG_LEVEL"

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def chosen_level(default: int) -> int:
    """The level that the environment names, or ``default`` where it names none that there is."""
    name = os.environ.get(VARIABLE, "").lower()
    return LEVELS.get(name, default)
