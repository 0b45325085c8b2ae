"""Rows of a target on which objectives are tried out, and what some networks could say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.objectives.bound import RowObjective, Units, WholeObjective, check_fits, mean_of
from shoal.objectives.definition import RowLoss, TableObjective
from shoal.problems.table import TableProblem

# So many rows say enough, and go to another process in a message.
MOST_ROWS = 1000
_MADE_UP_ROWS = 200
_SEED = 20
# Of a made-up target: the share of the first class, and the size of amounts.
_FIRST_CLASS = 0.7
_AMOUNT = 40.0
# How sure a perfect network is of a class, and one that is only good: differences of outputs.
_SURE = 4.0
_HALF_SURE = 2.0
# How far a good network is off an amount, in units of the scaled target.
_OFF = 0.3
# What is added so that no two rows have the same outputs.
_JITTER = 1e-3
_NOISE_NETWORKS = 5


@dataclass(frozen=True, eq=False, slots=True)
class TargetSample:
    """Rows of a target.

    Attributes
    ----------
    text
        What they are, such as "200 made-up rows".
    task
        "regression" or "classification".
    classes
        How many there are; 0 of a regression.
    y
        (rows,) or (rows, targets) float64, in the target's unit; or indices of classes.
    scale, offset
        The target is ``scale * scaled target + offset``: numbers, or (targets,).
    columns
        Columns with a role, (rows,) float64 each; None: any that is asked for is made up.
    """

    text: str
    task: str
    classes: int
    y: NDArray[np.float64]
    scale: Any = 1.0
    offset: Any = 0.0
    columns: Mapping[str, NDArray[np.float64]] | None = None

    @classmethod
    def of_table(cls, problem: TableProblem) -> TargetSample:
        """Rows that networks are trained on, spread over the table."""
        dataset = problem.dataset
        part = dataset.train
        chosen = np.arange(len(part.target))
        if len(chosen) > MOST_ROWS:
            chosen = np.linspace(0, len(chosen) - 1, MOST_ROWS).astype(np.int64)

        return cls(
            text=f"{len(chosen)} rows of {dataset.name}",
            task=dataset.task,
            classes=len(dataset.classes),
            y=part.target[chosen],
            scale=problem.units.scale,
            offset=problem.units.offset,
            columns={name: values[chosen] for name, values in part.columns.items()},
        )

    @classmethod
    def made_up(cls, task: str, classes: int = 2) -> TargetSample:
        """Random rows of a regression with positive targets, or of so many classes."""
        random = np.random.default_rng(_SEED)
        if task == "regression":
            y = _AMOUNT * np.exp(0.5 * random.normal(size=_MADE_UP_ROWS))
            text = f"{_MADE_UP_ROWS} made-up rows with positive numbers as targets"
            return cls(text, task, 0, y, float(y.std()), float(y.mean()))

        others = random.integers(1, classes, _MADE_UP_ROWS)
        y = np.where(random.random(_MADE_UP_ROWS) < _FIRST_CLASS, 0, others).astype(np.float64)
        # Each class occurs.
        y[:classes] = np.arange(classes)
        return cls(f"{_MADE_UP_ROWS} made-up rows of {classes} classes", task, classes, y)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        columns = None
        if self.columns is not None:
            columns = {name: values.tolist() for name, values in self.columns.items()}
        return {
            "text": self.text,
            "task": self.task,
            "classes": self.classes,
            "y": self.y.tolist(),
            "scale": np.asarray(self.scale).tolist(),
            "offset": np.asarray(self.offset).tolist(),
            "columns": columns,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TargetSample:
        """Read what `to_dict` wrote."""
        columns = values["columns"]
        if columns is not None:
            columns = {name: np.array(own) for name, own in columns.items()}
        numbers = {name: np.array(values[name]) for name in ("y", "scale", "offset")}
        return cls(values["text"], values["task"], values["classes"], **numbers, columns=columns)

    # ---- Objectives on these rows ----------------------------------------------------------------

    @property
    def units(self) -> Units:
        """How outputs of networks become numbers in the target's unit."""
        if self.task == "classification":
            return Units(self.task)
        return Units(self.task, self.scale, self.offset)

    def bind_objective(self, objective: TableObjective) -> WholeObjective:
        """The objective on these rows.

        Raises
        ------
        ObjectiveError
            It does not fit the target, or needs a column that has no role.
        """
        check_fits(objective, self.task, self.classes)
        return WholeObjective(objective, self.units, self._targets, self._columns(objective))

    def bind_loss(self, loss: RowLoss) -> RowObjective:
        """The mean of the loss on these rows."""
        scaled = self._targets
        if self.task == "regression":
            scaled = (scaled - self.offset) / self.scale
        return mean_of(loss, self.units, self._targets, scaled)

    @property
    def _targets(self) -> NDArray[Any]:
        if self.task == "classification":
            return self.y.astype(np.int64)
        return self.y

    def _columns(self, objective: TableObjective) -> tuple[NDArray[np.float64], ...]:
        if self.columns is not None:
            return objective.columns_in(self.columns)

        made_up = []
        for number in range(len(objective.columns)):
            random = np.random.default_rng((_SEED, 1 + number))
            made_up.append(np.exp(random.normal(size=len(self.y))))
        return tuple(made_up)

    # ---- Networks on these rows ------------------------------------------------------------------

    def networks(self) -> NDArray[np.float64]:
        """Raw outputs (P, rows, outputs) of a perfect network, of a good one, then of noise."""
        return np.concatenate(
            [self.perfect_network(), self.good_networks(1, 0.0), self.noise_networks()]
        )

    def perfect_network(self) -> NDArray[np.float64]:
        """Raw outputs (1, rows, outputs) of a network that is right about each row."""
        if self.task == "regression":
            return self._scaled()[None]

        # Rows of a class differ a little, so that none is first by its place in the table.
        random = np.random.default_rng((_SEED, 300))
        sure = _SURE * np.eye(self.classes)[self.y.astype(np.int64)][None]
        return sure + _JITTER * random.normal(size=sure.shape)

    def good_networks(self, count: int, spread: float) -> NDArray[np.float64]:
        """Raw outputs (count, rows, outputs) of networks that are often right.

        Parameters
        ----------
        count
            How many.
        spread
            How far they are from each other, in units of the outputs.
        """
        random = np.random.default_rng((_SEED, 100))
        if self.task == "classification":
            base = self.perfect_network() * (_HALF_SURE / _SURE)
            base = base + random.normal(size=base.shape)
        else:
            base = self.perfect_network()
            base = base + _OFF * random.normal(size=base.shape)
        return base + spread * random.normal(size=(count, *base.shape[1:]))

    def noise_networks(self) -> NDArray[np.float64]:
        """Raw outputs (P, rows, outputs) of networks that know nothing of a row."""
        random = np.random.default_rng((_SEED, 200))
        shape = (_NOISE_NETWORKS, *self.perfect_network().shape[1:])
        if self.task == "classification":
            return random.normal(size=shape)

        scaled = self._scaled()
        others = np.array([random.permutation(scaled) for _ in range(_NOISE_NETWORKS)])
        return others + _JITTER * random.normal(size=shape)

    def _scaled(self) -> NDArray[np.float64]:
        """(rows, targets)."""
        scaled = (self.y - self.offset) / self.scale
        return np.asarray(scaled.reshape(len(self.y), -1))
