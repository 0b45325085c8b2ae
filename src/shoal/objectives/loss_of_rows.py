"""A loss that a setting names, for rows that may have weights and several targets.

One target without weights is the engines' own, compiled as a whole. Weights, several targets and
decoded networks take the way of losses of one's own, a loss of each row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.objectives.bound import RowObjective, Units
from shoal.objectives.losses import NEGATIVE_ACCURACY, Objective, make_objective


@dataclass(frozen=True, eq=False, slots=True)
class LearnedRows:
    """The rows of a training, as far as a loss sees them.

    Attributes
    ----------
    y
        (rows,) or (rows, targets) float64: scaled targets; or indices of classes (rows,) int64.
    weight
        (rows,): how much each row counts. None: all alike.
    scale
        The size of one unit of the scaled target, in the target's own unit; (targets,) of several.
        For negative accuracy.
    mean_abs
        Mean of ``|target|`` in its own unit; (targets,) of several. For negative accuracy.
    """

    y: NDArray[Any]
    weight: NDArray[np.floating] | None = None
    scale: float | NDArray[np.float64] = 1.0
    mean_abs: float | NDArray[np.float64] = 1.0


def loss_of_rows(
    name: str | None, task: str, rows: LearnedRows, *, bound: bool = False
) -> Objective | RowObjective:
    """The loss that a setting names, on these rows.

    Parameters
    ----------
    name
        As of `make_objective`.
    task
        "regression" or "classification".
    rows
        What it is computed on. Of several targets it is the mean over targets.
    bound
        Whether it has to be bound to the rows, also where the engines' own loss would do.

    Raises
    ------
    SettingsError
        If the loss does not fit the task.
    """
    if rows.y.ndim > 1:
        return _of_several_targets(name, rows)

    loss = make_objective(name, task, _number(rows.scale), _number(rows.mean_abs))
    if rows.weight is None and not bound:
        return loss
    return _bound(loss, Units(task), rows.y, rows.weight)


def _of_several_targets(name: str | None, rows: LearnedRows) -> RowObjective:
    # The accuracy of a target is its error divided by its mean size, so each has a unit of its own:
    # -100 mean over targets of (1 - MAE / mean|t|)
    scale = np.ones(rows.y.shape[1])
    if name == NEGATIVE_ACCURACY:
        scale = np.asarray(rows.scale / rows.mean_abs, np.float64)

    loss = make_objective(name, "regression")
    return _bound(loss, Units("regression", scale), rows.y * scale, rows.weight)


def _bound(
    loss: Objective, units: Units, targets: NDArray[Any], weight: NDArray[np.floating] | None
) -> RowObjective:
    weights = None
    if weight is not None:
        weights = weight.astype(np.float64)
    return RowObjective(
        name=loss.loss.name,
        function=loss.loss.row,
        nonnegative=True,
        units=units,
        targets=targets,
        weights=weights,
        options={},
        gain=loss.gain,
        shift=loss.shift,
    )


def _number(value: float | NDArray[np.float64]) -> float:
    return float(np.asarray(value))
