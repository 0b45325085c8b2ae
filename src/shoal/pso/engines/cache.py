"""Where compiled kernels are kept on disk, so that only the first training on a machine waits for the compiler.

Numba decides by one file's time stamp whether its cache is stale. The kernels are made of several files, and an upgrade
may keep the stamp; so the folder's name is a hash of all of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import config

_HERE = Path(__file__).parent
_PACKAGE = _HERE.parents[1]
# What the kernels are made of: the modules beside this one, the random numbers, the reference whose
# functions they compile, and the files that name rules, informants and activations by number.
_SOURCES = (
    *sorted(_HERE.rglob("*.py")),
    _PACKAGE / "numerics" / "philox.py",
    _PACKAGE / "nn" / "activations.py",
    _HERE.parent / "swarm.py",
    *sorted((_PACKAGE / "update_rules").glob("*.py")),
)


def cache_folder() -> Path:
    """The folder of these very sources: under NUMBA_CACHE_DIR, or the user's cache directory."""
    content = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]
    home = config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "shoal" / f"kernels-{content}"


def cached_njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` with a cache in `cache_folder`; where that cannot be written, beside the source, or none."""

    folder = str(cache_folder())

    def decorate(function: Callable[..., Any]) -> Any:
        before, config.CACHE_DIR = config.CACHE_DIR, folder
        try:  # Numba chooses the place when it decorates; other code of this process keeps its own
            return njit(cache=True, **options)(function)
        except RuntimeError:  # no place can be written at all
            return njit(**options)(function)
        finally:
            config.CACHE_DIR = before

    return decorate
