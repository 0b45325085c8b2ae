"""Objectives of one's own, bound to the rows that a training sees.

`WholeObjective` hands a `TableObjective` the outputs of many networks. `RowObjective` takes the
mean of a loss over rows, which may have weights. Both give what a swarm minimises: a loss for each
network, +inf where it is not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ObjectiveError
from shoal.objectives.definition import Handed, RowLoss, TableObjective
from shoal.objectives.options import Option


@dataclass(frozen=True, eq=False, slots=True)
class Units:
    """How the outputs of networks become what people read.

    Attributes
    ----------
    task
        "regression" or "classification".
    scale, offset
        Of a regression: the prediction is ``scale * output + offset``. Numbers, or one for each
        output, (outputs,).
    """

    task: str
    scale: float | NDArray[np.float64] = 1.0
    offset: float | NDArray[np.float64] = 0.0

    def handed(self, kind: Handed, outputs: NDArray[np.float32]) -> NDArray[Any]:
        """What a function is handed of raw outputs.

        Parameters
        ----------
        kind
            See `TableObjective.outputs`.
        outputs
            (P, rows, outputs), raw.

        Returns
        -------
        ndarray
            (P, rows), or (P, rows, outputs) for "raw", for "probability" and for several targets.
        """
        if kind == "raw":
            return outputs
        if self.task == "regression":
            return self._amounts(outputs)
        if kind == "score":
            return np.asarray(outputs[..., 1] - outputs[..., 0])
        if kind == "decision":
            return np.asarray(outputs.argmax(axis=2))

        # Softmax, less the largest output, which cannot overflow.
        powers = np.exp(outputs - outputs.max(axis=2, keepdims=True))
        return np.asarray(powers / powers.sum(axis=2, keepdims=True))

    def _amounts(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        scale = np.asarray(self.scale, np.float32)
        offset = np.asarray(self.offset, np.float32)
        if outputs.shape[2] == 1:
            outputs = outputs[..., 0]
        return np.asarray(outputs * scale + offset)

    def handed_of_predictions(self, kind: Handed, predictions: NDArray[np.float64]) -> NDArray[Any]:
        """What a function is handed of one prediction, alone or of an ensemble.

        Parameters
        ----------
        kind
            See `TableObjective.outputs`.
        predictions
            In the target's unit (rows,) or (rows, targets); or probabilities (rows, classes).

        Returns
        -------
        ndarray of float64 or int64
            As `handed`, of one network. Raw outputs of classes are logarithms of probabilities,
            which differ from a network's by a constant of the row.
        """
        alone = predictions[None]
        if self.task == "regression":
            if kind == "raw":
                scaled = (alone - self.offset) / self.scale
                return np.asarray(scaled.reshape(*alone.shape[:2], -1))
            return alone

        if kind == "probability":
            return alone
        if kind == "decision":
            return np.asarray(alone.argmax(axis=2))

        with np.errstate(divide="ignore"):
            logarithms = np.log(alone)
        if kind == "raw":
            return np.asarray(logarithms)
        return np.asarray(logarithms[..., 1] - logarithms[..., 0])


@dataclass(frozen=True, eq=False, slots=True)
class WholeObjective:
    """An objective of a whole table, and the rows that it is computed on.

    Attributes
    ----------
    objective
        The function.
    units
        How outputs become what it is handed.
    y
        (rows,) float64: targets in their own unit, or indices of classes as int64.
    columns
        Those that the function names, each (rows,) float64.
    """

    objective: TableObjective
    units: Units
    y: NDArray[Any]
    columns: tuple[NDArray[np.float64], ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.objective.name

    def every(self, step: int) -> WholeObjective:
        """The same on every ``step``-th row."""
        columns = tuple(column[::step] for column in self.columns)
        return replace(self, y=self.y[::step], columns=columns)

    def losses(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """The losses (P,) of networks by their raw outputs (P, rows, outputs) on these rows.

        Raises
        ------
        ObjectiveError
            If the function raises, or returns something else than one number a network.
        """
        return self.losses_of(self.units.handed(self.objective.outputs, outputs))

    def losses_of(self, handed: NDArray[Any]) -> NDArray[np.float64]:
        """The same, by what the function is handed of the outputs; see `Units.handed`."""
        values = self.objective.values(handed, self.y, self.columns)
        return finite_or_infinite(self.objective.sign * values)


@dataclass(frozen=True, eq=False, slots=True)
class RowObjective:
    """The mean over rows of a loss: ``gain * sum of w * loss / sum of w + shift``.

    Attributes
    ----------
    name
        What people call the loss.
    function
        ``f(output, target, **options)`` of one row; see `RowLoss.function`.
    nonnegative
        Whether no value is below 0.
    units
        How outputs become what the function is handed. Of classes it gets the raw outputs of the
        row, (classes,). Of several targets, each output with its target; their mean is the row's
        loss.
    targets
        (rows,) or (rows, targets) float64, in the unit that the function is handed; or indices of
        classes (rows,) int64.
    weights
        (rows,) float64, not negative; None: all rows count alike.
    options
        Of the function.
    gain, shift
        They give the number a unit.
    """

    name: str
    function: Callable[..., Any]
    nonnegative: bool
    units: Units
    targets: NDArray[Any]
    weights: NDArray[np.float64] | None
    options: Mapping[str, Option]
    gain: float = 1.0
    shift: float = 0.0

    def every(self, step: int) -> RowObjective:
        """The same on every ``step``-th row."""
        weights = None
        if self.weights is not None:
            weights = self.weights[::step]
        return replace(self, targets=self.targets[::step], weights=weights)

    def losses(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """The losses (P,) of networks by their raw outputs (P, rows, outputs), row by row.

        It is the definition, in plain Python. The CPU engine compiles the function.
        """
        rows = self._row_losses(outputs)
        means = np.average(rows, axis=1, weights=self.weights)
        return finite_or_infinite(self.gain * means + self.shift)

    def _row_losses(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """(P, rows)."""
        networks, rows, _ = outputs.shape
        losses = np.empty((networks, rows))
        for p in range(networks):
            for row in range(rows):
                losses[p, row] = self._row_loss(outputs[p, row], self.targets[row])
        return losses

    def _row_loss(self, outputs: NDArray[np.float32], target: Any) -> float:
        values = outputs.astype(np.float64)
        if self.units.task == "classification":
            return float(self.function(values, target, **self.options))

        amounts = self.units.scale * values + self.units.offset
        total = 0.0
        for amount, own in zip(amounts, np.atleast_1d(target), strict=True):
            total += self.function(amount, own, **self.options)
        return total / len(amounts)


BoundObjective = WholeObjective | RowObjective


def mean_of(
    loss: RowLoss,
    units: Units,
    targets: NDArray[Any],
    scaled: NDArray[Any],
    weights: NDArray[np.floating] | None = None,
) -> RowObjective:
    """The mean of a loss over some rows.

    Parameters
    ----------
    loss
        Of one row.
    units
        How outputs become what people read.
    targets
        (rows,) or (rows, targets) float64: targets in their own unit; or indices of classes (rows,)
        int64.
    scaled
        The same as networks learn them.
    weights
        (rows,): how much each row counts; None: all alike.
    """
    if loss.outputs == "raw":
        units = Units(units.task)
        targets = scaled
    precise = None
    if weights is not None:
        precise = weights.astype(np.float64)
    return RowObjective(
        loss.name, loss.function, loss.nonnegative, units, targets, precise, loss.options
    )


def finite_or_infinite(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The losses, +inf where they are not finite, so that they never become a best."""
    return np.where(np.isfinite(losses), losses, np.inf)


def check_fits(objective: TableObjective, task: str, classes: int) -> None:
    """Whether an objective can be computed for a target.

    Parameters
    ----------
    objective
        Of a whole table.
    task
        "regression" or "classification".
    classes
        How many there are, of a classification.

    Raises
    ------
    ObjectiveError
        It is for another task, or for another number of classes.
    """
    name = objective.name
    if objective.task not in (None, task):
        raise ObjectiveError(
            f"The objective {name} does not fit a {task} target.",
            expected=f"a {objective.task} target",
            remedy="choose another objective, or another target",
        )
    if task != "classification":
        return

    wanted = objective.classes
    if wanted is None and objective.outputs == "score":
        wanted = 2
    if wanted is not None and wanted != classes:
        raise ObjectiveError(
            f"The objective {name} is for {wanted} classes, and the target has {classes}.",
            expected=f"a target of {wanted} classes",
            remedy='choose another objective; one that is handed outputs="probability" or '
            '"decision" may take any number of classes',
        )
