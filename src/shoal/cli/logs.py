"""`--log-level`: what Shoal's modules log, on standard error."""

from __future__ import annotations

import logging
import os
import sys

from shoal._version import __version__
from shoal.errors import SettingsError
from shoal.system.log_level import LEVELS, VARIABLE
from shoal.system.visible_text import visible

_log = logging.getLogger(__name__)


class _StandardError(logging.Handler):
    """Writes to what is standard error now, which a live display may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        print(visible(self.format(record)), file=sys.stderr)


def log_to_stderr(level: str) -> None:
    """Have everything from ``level`` on logged on standard error, and by supervisors in their log.

    A supervisor that this command starts inherits the level with the environment.

    Raises
    ------
    SettingsError
        The level is not "debug", "info", "warning" or "error".
    """
    name = level.lower()
    if name not in LEVELS:
        raise SettingsError(
            f"--log-level {level} is not a level.",
            expected=", ".join(LEVELS),
            remedy="choose one of these",
        )
    os.environ[VARIABLE] = name

    handler = _StandardError()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("shoal")
    # In place of an earlier handler: the option may be given twice, before and after the command.
    logger.handlers = [handler]
    logger.setLevel(LEVELS[name])
    _log.debug("shoal %s on Python %s", __version__, sys.version.split()[0])
