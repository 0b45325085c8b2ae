"""Where compiled functions are kept on disk: only their first call on a machine waits for the
compiler.

Numba decides by the time stamp of one file whether its cache is stale. Compiled functions are made
of several files, and an upgrade may keep the stamp. So the name of the folder is a hash of all of
them.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config
from numba.core.caching import FunctionCache

from shoal.system.paths import home
from shoal.system.private_folder import take_own_folder

_log = logging.getLogger(__name__)

# What the environment chose, while another folder is chosen here.
_chosen_before: list[str] = []


class _ForgivingCache(FunctionCache):  # type: ignore[misc]
    """Numba's files of one function, in which trouble costs time and no training.

    A full disk, a file of another user and a damaged file would otherwise fail whatever calls the
    function.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is kept for a signature; None: nothing that can be used."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:
            _log.warning("compiled code in %s cannot be read: %r", self.cache_path, error)
            # Otherwise a damaged index would stay.
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, if that can be done."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _log.warning("compiled code cannot be kept in %s: %r", self.cache_path, error)


def folder_of(sources: Sequence[Path]) -> Path:
    """Name the folder of what is compiled from these very files: under NUMBA_CACHE_DIR, or the
    user's cache directory.
    """
    content = b"".join(path.read_bytes() for path in sources)
    digest = hashlib.sha256(content).hexdigest()[:16]
    return cache_home() / f"kernels-{digest}"


def cache_home() -> Path:
    """Name the folder that holds all compiled code."""
    chosen = config.CACHE_DIR
    if _chosen_before:
        chosen = _chosen_before[0]
    place = chosen or os.environ.get("XDG_CACHE_HOME") or home() / ".cache"
    return Path(place) / "shoal"


@cache
def can_keep_in(folder: Path) -> bool:
    """Whether compiled code may be kept in a folder, which is made if it is missing.

    Whoever may write there has his code run by us, so that it has to be ours alone.
    """
    if take_own_folder(folder):
        return True
    _log.info("compiled code is not kept: %s is no folder of this user alone", folder)
    return False


@contextmanager
def compiled_code_in(folder: Path) -> Iterator[None]:
    """Within the block, what Numba decorates is kept in this folder. Other code keeps its own."""
    _chosen_before.append(config.CACHE_DIR)
    config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = _chosen_before.pop()


def kept_njit(sources: Sequence[Path], **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile as `numba.njit` does, and keep the result in `folder_of` the sources.

    If that folder cannot be written, or is another user's, nothing is kept.

    Parameters
    ----------
    sources
        The files that the function is made of.
    **options
        Of `numba.njit`.
    """
    folder = folder_of(sources)

    def decorate(function: Callable[..., Any]) -> Any:
        compiled = njit(**options)(function)
        if not can_keep_in(cache_home()):
            return compiled

        # Numba chooses the place when it decorates. RuntimeError: there is none.
        with suppress(RuntimeError), compiled_code_in(folder):
            compiled._cache = _ForgivingCache(function)
        return compiled

    return decorate
