"""An objective, a loss of a row and a decoder as users write them, for searches in processes."""

from __future__ import annotations

from typing import Any

import numpy as np

import shoal


@shoal.objective("maximize", columns=("age",), outputs="unscaled", unit="MPa")
def strength_in_time(predicted: Any, y: Any, age: Any, *, cap: float = 20.0) -> Any:
    """How near predictions come, more for young concrete; nothing beyond a cap."""
    error = np.minimum(np.abs(predicted - y), cap)
    return -(error / np.sqrt(age)).mean(axis=1)


@shoal.row_loss(nonnegative=True)
def too_little(output: float, target: float, dear: float = 3.0) -> float:
    """Too little strength is dearer than too much."""
    error = output - target
    if error > 0:
        return error
    return -dear * error


@shoal.decoder
def coarse(positions: Any, *, steps: int = 8) -> Any:
    """Weights in whole parts of one."""
    return np.round(steps * positions) / steps
