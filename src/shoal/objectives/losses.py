"""Losses: what a swarm minimises, as smooth formulas and as ones that no gradient can follow.

A loss is one entry below: a function that gives the loss of each row, and a `Loss` that names it,
says which task it is for, and which number it has in the compiled kernels. `make_objective` makes
of a loss, or of the name "negative_accuracy", what a training minimises.

References
----------
P. J. Huber: Robust Estimation of a Location Parameter. Annals of Mathematical Statistics 35 (1964).
C. M. Bishop: Pattern Recognition and Machine Learning (2006). Section 1.5.1 has the zero-one loss
as the misclassification rate, section 4.3.4 the cross-entropy of a softmax.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SettingsError

# Where the Huber loss turns from a parabola into a line, in units of the scaled target.
HUBER_DELTA = 1.0

_Outputs = NDArray[np.float32]
_RowLosses = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss function, whose mean over rows is minimised.

    Attributes
    ----------
    name
        The value of the setting ``loss``.
    task
        "regression" or "classification": the targets that it is for.
    kernel_number
        Its number in the compiled kernels, never used twice.
    per_row
        Maps outputs (P, rows, outputs) of P networks and targets (rows,), both float32, to the loss
        (P, rows) of each row. Outputs that are not finite give NaN or infinity.
    row
        The same of one row, for rows with weights: of an output and a target, or of the outputs
        (classes,) and the index of the class. Numba compiles it.
    """

    name: str
    task: Literal["regression", "classification"]
    kernel_number: int
    per_row: Callable[[_Outputs, NDArray[np.float32]], _RowLosses]
    row: Callable[[Any, Any], float]


# Regression. Below, o is the network's output and y the target, both in scaled units.


def _squared_error(outputs: _Outputs, y: NDArray[np.float32]) -> _RowLosses:
    """(o - y)^2."""
    difference = outputs[..., 0] - y
    return np.asarray(difference * difference)


def _absolute_error(outputs: _Outputs, y: NDArray[np.float32]) -> _RowLosses:
    """|o - y|."""
    return np.asarray(np.abs(outputs[..., 0] - y))


def _huber_loss(outputs: _Outputs, y: NDArray[np.float32]) -> _RowLosses:
    """e^2 / 2 where e = |o - y| is at most delta, else delta (e - delta / 2).

    References
    ----------
    P. J. Huber: Robust Estimation of a Location Parameter. Annals of Mathematical Statistics 35
    (1964).
    """
    error = np.abs(outputs[..., 0] - y)
    parabola = np.float32(0.5) * error * error
    line = HUBER_DELTA * (error - np.float32(0.5 * HUBER_DELTA))
    return np.asarray(np.where(error <= HUBER_DELTA, parabola, line))


# Classification. Below, o_c is the output for class c and y the index of the row's class.


def _cross_entropy(outputs: _Outputs, y: NDArray[np.float32]) -> _RowLosses:
    """-ln softmax(o)_y = ln sum_c exp(o_c) - o_y, minus the largest o_c, which cannot overflow."""
    largest = outputs.max(axis=2, keepdims=True)
    own_class = y.astype(np.int64)[None, :, None]
    own = np.take_along_axis(outputs, own_class, axis=2)

    log_of_sum = np.log(np.exp(outputs - largest).sum(axis=2))
    losses = (log_of_sum + (largest - own)[..., 0]).astype(np.float64)
    return _nan_where_not_finite(losses, outputs)


def _zero_one_loss(outputs: _Outputs, y: NDArray[np.float32]) -> _RowLosses:
    """1 if the largest output is another class's, else 0. Ties go to the lower class."""
    is_wrong = outputs.argmax(axis=2) != y.astype(np.int64)
    return _nan_where_not_finite(is_wrong.astype(np.float64), outputs)


# The same losses of one row.


def _squared_error_of_row(output: Any, target: Any) -> Any:
    difference = output - target
    return difference * difference


def _absolute_error_of_row(output: Any, target: Any) -> Any:
    return abs(output - target)


def _huber_loss_of_row(output: Any, target: Any) -> Any:
    error = abs(output - target)
    if error <= HUBER_DELTA:
        return 0.5 * error * error
    return HUBER_DELTA * (error - 0.5 * HUBER_DELTA)


def _cross_entropy_of_row(outputs: Any, target: Any) -> Any:
    largest = outputs.max()
    total = 0.0
    for output in outputs:
        total += math.exp(output - largest)
    return math.log(total) + largest - outputs[target]


def _zero_one_loss_of_row(outputs: Any, target: Any) -> Any:
    # The sum is NaN or infinite where an output is.
    if not math.isfinite(outputs.sum()):
        return math.nan
    if outputs.argmax() == target:
        return 0.0
    return 1.0


def _nan_where_not_finite(losses: NDArray[np.float64], outputs: _Outputs) -> NDArray[np.float64]:
    """A row with any output that is not finite has no loss, even if that output would not count."""
    return np.where(np.isfinite(outputs).all(axis=2), losses, np.nan)


MSE = Loss("mse", "regression", 0, _squared_error, _squared_error_of_row)
MAE = Loss("mae", "regression", 1, _absolute_error, _absolute_error_of_row)
HUBER = Loss("huber", "regression", 2, _huber_loss, _huber_loss_of_row)
CROSS_ENTROPY = Loss("cross_entropy", "classification", 3, _cross_entropy, _cross_entropy_of_row)
ZERO_ONE = Loss("zero_one", "classification", 4, _zero_one_loss, _zero_one_loss_of_row)

# By name. The first of a task is its default.
LOSSES: dict[str, Loss] = {loss.name: loss for loss in (MSE, MAE, HUBER, CROSS_ENTROPY, ZERO_ONE)}

NEGATIVE_ACCURACY = "negative_accuracy"

# The values that the setting ``loss`` may have.
LOSS_NAMES: tuple[str, ...] = (*LOSSES, NEGATIVE_ACCURACY)


@dataclass(frozen=True, slots=True)
class Objective:
    """What a training minimises: ``gain * mean over rows of the loss + shift``.

    Attributes
    ----------
    loss
        The loss of a row.
    gain, shift
        They give the number a unit, percent for example.
    """

    loss: Loss
    gain: float = 1.0
    shift: float = 0.0

    @property
    def name(self) -> str:
        """What people call the loss."""
        return self.loss.name


def make_objective(
    name: str | None, task: str, target_scale: float = 1.0, mean_abs_target: float = 1.0
) -> Objective:
    """The objective that a setting names.

    Parameters
    ----------
    name
        One of `LOSS_NAMES`; None: mean squared error for regression, cross-entropy for
        classification. "negative_accuracy" is minus the accuracy in percent.
    task
        "regression" or "classification".
    target_scale
        The size of one unit of the scaled target, in the target's own unit. For negative accuracy.
    mean_abs_target
        Mean of ``|y|``, in the target's own unit. For negative accuracy.

    Raises
    ------
    SettingsError
        If the loss does not fit the task.

    Examples
    --------
    >>> make_objective("huber", "regression").loss.name
    'huber'
    >>> objective = make_objective("negative_accuracy", "classification")
    >>> objective.loss.name, objective.gain, objective.shift
    ('zero_one', 100.0, -100.0)
    """
    if name == NEGATIVE_ACCURACY:
        return _negative_accuracy(task, target_scale, mean_abs_target)

    fitting = [loss.name for loss in LOSSES.values() if loss.task == task]
    if name is None:
        name = fitting[0]
    if name not in fitting:
        raise SettingsError(
            f"loss={name!r} does not fit a {task} target.",
            expected="one of " + ", ".join([*fitting, NEGATIVE_ACCURACY]),
            remedy="choose one of these, or leave the loss out",
        )
    return Objective(LOSSES[name])


def _negative_accuracy(task: str, target_scale: float, mean_abs_target: float) -> Objective:
    """Minus the accuracy that `shoal.objectives.metrics` reports, in percent."""
    if task == "regression":
        # -100 (1 - MAE / mean|y|), where MAE is of the scaled target.
        return Objective(MAE, 100.0 * target_scale / mean_abs_target, -100.0)
    # Minus the percentage of rows whose class is right.
    return Objective(ZERO_ONE, 100.0, -100.0)


def loss_values(
    objective: Objective, outputs: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The objective of many networks on the same rows.

    Parameters
    ----------
    objective
        What is minimised.
    outputs
        (P, rows, outputs): outputs of P networks. Scaled targets, or class scores.
    y
        (rows,): scaled targets, or class indices.

    Returns
    -------
    ndarray
        (P,). Infinite where a value would be NaN or infinite, so that it never becomes a best.
    """
    with np.errstate(all="ignore"):
        row_losses = objective.loss.per_row(outputs, y)
        # In double precision, as sums of many rows in single precision lose digits.
        means = row_losses.mean(axis=1, dtype=np.float64)
        values = objective.gain * means + objective.shift
    return np.where(np.isfinite(values), values, np.inf)
