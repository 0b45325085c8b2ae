"""What a score is: its metric, with a name, a unit and a direction.

A search selects, confirms and reports on one metric. A score is a metric's value as it is recorded,
in the metric's own unit and direction. Code compares scores by `Metric.better` and
`Metric.fitness`, never by sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from shoal.errors import SettingsError
from shoal.numerics.portable_math import log

Direction = Literal["minimize", "maximize"]
DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")

# A rung of a race is worth more than any difference of fitness within one: see `Metric.rank`.
_ACCURACY_LEVEL = 1000.0
_LEVEL = 4000.0
# Scores of other metrics are told apart from this size on.
_LEAST = 1e-300


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that says how good something is.

    Attributes
    ----------
    name
        As settings, files and JSON have it.
    label
        As people read it.
    direction
        "maximize" if larger scores are better, "minimize" if smaller ones are.
    unit
        What a score is counted in, "" for a pure number.
    task
        "regression" or "classification" for a metric of tables of that task only.

    Examples
    --------
    >>> cost = Metric("cost", "Cost", "minimize", "EUR")
    >>> cost.better(4.7, 4.8), cost.fitness(4.7)
    (True, -4.7)
    """

    name: str
    label: str
    direction: Direction
    unit: str = ""
    task: str | None = None

    @property
    def maximizes(self) -> bool:
        """Whether larger scores are better."""
        return self.direction == "maximize"

    @property
    def is_accuracy(self) -> bool:
        """Whether it is the accuracy in percent, the metric of the first versions."""
        return self.name == ACCURACY.name

    @property
    def difference_unit(self) -> str:
        """What the difference of two scores is counted in."""
        if self.unit == "%":
            return "percentage points"
        return self.unit

    @property
    def word(self) -> str:
        """The label within a sentence: without its capital, unless that is a symbol's.

        Examples
        --------
        >>> ACCURACY.word, METRICS["r2"].word
        ('accuracy', 'R²')
        """
        second = self.label[1:2]
        if not second.isalpha() or second.isupper():
            return self.label
        return self.label[0].lower() + self.label[1:]

    def better(self, score: float, other: float) -> bool:
        """Whether a score is better than another one."""
        return self.fitness(score) > self.fitness(other)

    def fitness(self, score: float) -> float:
        """The score, with its sign turned where smaller scores are better."""
        if self.maximizes:
            return score
        return -score

    def score(self, fitness: float) -> float:
        """The score that has this `fitness`."""
        return self.fitness(fitness)

    def rank(self, fitness: float, level: int) -> float:
        """What selection compares: a genome that came further in its race ranks higher.

        Only the order of ranks counts. Accuracies are taken as they are, as the first versions did.
        Of other metrics nobody knows the size, so their logarithm is taken: no difference within a
        level is then as large as the step between two levels.

        Parameters
        ----------
        fitness
            Of the genome; -inf if it failed.
        level
            How far it came in its race.

        Examples
        --------
        >>> ACCURACY.rank(81.0, level=1)
        1081.0
        >>> cost = Metric("cost", "Cost", "minimize")
        >>> cost.rank(cost.fitness(1e300), level=2) > cost.rank(cost.fitness(1e-300), level=1)
        True
        """
        if self.is_accuracy:
            return fitness + _ACCURACY_LEVEL * level
        if not np.isfinite(fitness):
            return fitness

        # ln(1 + |f| / least), which is 0 for 0 and at most 1401
        size = float(np.diff(log(np.array([_LEAST, _LEAST + abs(fitness)])))[0])
        return float(np.copysign(size, fitness)) + _LEVEL * level

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Metric:
        """Read what `to_dict` wrote."""
        return cls(**values)


ACCURACY = Metric("accuracy", "Accuracy", "maximize", "%")

_TABLE_METRICS = (
    ACCURACY,
    Metric("mae", "Mean absolute error", "minimize", task="regression"),
    Metric("rmse", "Root mean squared error", "minimize", task="regression"),
    Metric("r2", "R²", "maximize", task="regression"),
    Metric("balanced_accuracy", "Balanced accuracy", "maximize", task="classification"),
    Metric("macro_f1", "Macro F1", "maximize", task="classification"),
    Metric("log_loss", "Log loss", "minimize", task="classification"),
)

# The metrics that every scored table has, by name. The first is the default.
METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE_METRICS}


def table_metric(name: str | None, task: str) -> Metric:
    """The metric that a setting names.

    Parameters
    ----------
    name
        One of `METRICS`; None: the accuracy.
    task
        "regression" or "classification".

    Raises
    ------
    SettingsError
        If there is no such metric, or it is for the other task.
    """
    if name is None:
        return ACCURACY

    fitting = [metric.name for metric in METRICS.values() if metric.task in (None, task)]
    if name not in fitting:
        raise SettingsError(
            f"metric={name!r} does not fit a {task} target.",
            expected="one of " + ", ".join(fitting),
            remedy="choose one of these, or leave the metric out: then it is the accuracy",
        )
    return METRICS[name]
