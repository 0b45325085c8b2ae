"""Which files the kernels are made of; see `shoal.numerics.compiled_code`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shoal.numerics.compiled_code import folder_of, kept_njit

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


def cache_folder() -> Path:
    """Name the folder in which compiled kernels are kept."""
    return folder_of(_SOURCES)


def cached_njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile as `numba.njit` does, with its options, and keep the result in `cache_folder`."""
    return kept_njit(_SOURCES, **options)
