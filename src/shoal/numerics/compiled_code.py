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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config

_log = logging.getLogger(__name__)

# What the environment chose, while another folder is chosen here.
_chosen_before: list[str] = []


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
    home = chosen or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "shoal"


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

    If that folder cannot be written, the result is kept beside the source, or not at all.

    Parameters
    ----------
    sources
        The files that the function is made of.
    **options
        Of `numba.njit`.
    """
    folder = folder_of(sources)

    def decorate(function: Callable[..., Any]) -> Any:
        # Numba chooses the place when it decorates.
        try:
            with compiled_code_in(folder):
                return njit(cache=True, **options)(function)
        except RuntimeError as error:
            _log.info("Compiled kernels are not kept: %s", error)
            return njit(**options)(function)

    return decorate
