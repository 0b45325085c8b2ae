"""Compiled functions of this package, kept on disk under a hash of all their sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from shoal.numerics import compiled_code

_HERE = Path(__file__).parent
_PACKAGE = _HERE.parent
_ENGINES = _PACKAGE / "pso" / "engines"

SOURCES = (
    *sorted(_HERE.rglob("*.py")),
    *sorted((_ENGINES / "intrinsics").glob("*.py")),
    _ENGINES / "kernels.py",
    _ENGINES / "llvm_vectors.py",
    _ENGINES / "vector_math.py",
    _PACKAGE / "numerics" / "philox.py",
    _PACKAGE / "numerics" / "scalar_math.py",
    _PACKAGE / "nn" / "activations.py",
)


def kept_njit(*, nogil: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile without Python's lock, and keep the result."""
    return compiled_code.kept_njit(SOURCES, nogil=nogil, **options)
