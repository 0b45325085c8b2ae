"""What a swarm minimises: smooth losses, and losses that no gradient can follow.

Each is a mean over rows, ``gain * mean + shift``, on the network's (scaled) outputs. Classification's outputs are class
scores; its targets are class indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SettingsError

HUBER_DELTA = 1.0  # in units of the scaled target


class Loss(IntEnum):
    """The mean that is taken; the numbers are those of the compiled engines."""

    MSE = 0
    MAE = 1
    HUBER = 2
    CROSS_ENTROPY = 3
    ZERO_ONE = 4


@dataclass(frozen=True, slots=True)
class Objective:
    """``gain * mean(loss) + shift``."""

    loss: Loss
    gain: float = 1.0
    shift: float = 0.0


LOSSES = ("mse", "mae", "huber", "cross_entropy", "zero_one", "negative_accuracy")
_REGRESSION = {"mse": Loss.MSE, "mae": Loss.MAE, "huber": Loss.HUBER}
_CLASSIFICATION = {"cross_entropy": Loss.CROSS_ENTROPY, "zero_one": Loss.ZERO_ONE}


def make_objective(
    name: str | None, task: str, target_scale: float = 1.0, mean_abs_target: float = 1.0
) -> Objective:
    """The objective called ``name`` (None: the task's default) for "regression" or "classification".

    ``target_scale`` is the unscaled size of one unit of the scaled target and ``mean_abs_target`` the mean of ``|y|``:
    negative accuracy needs both. Raises `SettingsError` when the loss does not fit the task.
    """
    fitting = _REGRESSION if task == "regression" else _CLASSIFICATION
    if name is None:
        name = next(iter(fitting))
    if (
        name == "negative_accuracy"
    ):  # -100 (1 - MAE / mean|y|), or minus the percentage of correct rows
        if task == "regression":
            return Objective(Loss.MAE, 100.0 * target_scale / mean_abs_target, -100.0)
        return Objective(Loss.ZERO_ONE, 100.0, -100.0)
    if name not in fitting:
        raise SettingsError(
            f"loss={name!r} does not fit a {task} target.",
            expected="one of " + ", ".join([*fitting, "negative_accuracy"]),
            remedy="choose one of these, or leave the loss out",
        )
    return Objective(fitting[name])


def loss_values(
    objective: Objective, outputs: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The loss of many networks: outputs (P, rows, outputs) and targets (rows,) give (P,). NaN and infinities give +inf."""
    with np.errstate(all="ignore"):
        if objective.loss is Loss.CROSS_ENTROPY:
            top = outputs.max(axis=2, keepdims=True)
            picked = np.take_along_axis(outputs, y.astype(np.int64)[None, :, None], axis=2)
            each = (np.log(np.exp(outputs - top).sum(axis=2)) + (top - picked)[..., 0]).astype(
                np.float64
            )
            each = np.where(np.isfinite(outputs).all(axis=2), each, np.nan)
        elif objective.loss is Loss.ZERO_ONE:
            wrong = outputs.argmax(axis=2) != y.astype(np.int64)
            each = np.where(np.isfinite(outputs).all(axis=2), wrong.astype(np.float64), np.nan)
        else:
            difference = outputs[..., 0] - y
            size = np.abs(difference)
            if objective.loss is Loss.MSE:
                each = difference * difference
            elif objective.loss is Loss.MAE:
                each = size
            else:
                inner = np.float32(0.5) * size * size
                each = np.where(
                    size <= HUBER_DELTA, inner, HUBER_DELTA * (size - np.float32(0.5 * HUBER_DELTA))
                )
        values = objective.gain * each.mean(axis=1, dtype=np.float64) + objective.shift
    return np.where(np.isfinite(values), values, np.inf)
