"""Where compiled kernels are kept on disk: only the first training on a machine waits for the
compiler.

Numba decides by the time stamp of one file whether its cache is stale. The kernels are made of
several files, and an upgrade may keep the stamp. So the name of the folder is a hash of all of
them.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config

_log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_PACKAGE = _HERE.parents[1]

# What the kernels are made of: the modules of this package, the constants of the random numbers,
# the reference whose functions are compiled, and the files that number rules, informants,
# activations and losses.
_SOURCES = (
    *sorted(_HERE.rglob("*.py")),
    _HERE.parent / "swarm.py",
    _PACKAGE / "numerics" / "philox.py",
    _PACKAGE / "nn" / "activations.py",
    _PACKAGE / "objectives" / "losses.py",
    *sorted((_PACKAGE / "update_rules").glob("*.py")),
)


def cache_folder(sources: Sequence[Path] = _SOURCES) -> Path:
    """Name the folder of these very sources: under NUMBA_CACHE_DIR, or the user's cache
    directory.
    """
    content = b"".join(path.read_bytes() for path in sources)
    digest = hashlib.sha256(content).hexdigest()[:16]
    home = config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "shoal" / f"kernels-{digest}"


def cached_njit(
    sources: Sequence[Path] = _SOURCES, **options: Any
) -> Callable[[Callable[..., Any]], Any]:
    """Compile as `numba.njit` does, and keep the result in `cache_folder`.

    If that folder cannot be written, the result is kept beside the source, or not at all.

    Parameters
    ----------
    sources
        The files that the function is made of: those of the engines, unless it is another
        package's.
    **options
        Of `numba.njit`.
    """
    folder = str(cache_folder(sources))

    def decorate(function: Callable[..., Any]) -> Any:
        # Numba chooses the place when it decorates. Other code of this process keeps its own.
        before = config.CACHE_DIR
        config.CACHE_DIR = folder
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            _log.info("Compiled kernels are not kept: %s", error)
            return njit(**options)(function)
        finally:
            config.CACHE_DIR = before

    return decorate
