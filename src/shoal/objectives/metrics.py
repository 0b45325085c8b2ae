"""Scores of predictions, to the same bit on every machine: sums are exact (`math.fsum`), the logarithm is our own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from shoal.numerics.portable_math import exp, log

_SMALLEST_PROBABILITY = 1e-15


def _mean(values: NDArray[np.float64]) -> float:
    return math.fsum(values.tolist()) / len(values)


def regression_metrics(
    predicted: NDArray[np.float64], target: NDArray[np.float64]
) -> Metrics | None:
    """Accuracy ``100 (1 - MAE / mean|y|)``, MAE, RMSE and R2 of (rows,) on unscaled targets; None if not finite.

    R2 of a constant target is 0 (it explains nothing) rather than undefined.
    """
    with np.errstate(all="ignore"):
        error = predicted - target
        squares = error * error
    if not np.isfinite(squares).all():
        return None
    mae, mse = _mean(np.abs(error)), _mean(squares)
    centred = target - _mean(target)
    variance = _mean(centred * centred)
    return Metrics(
        accuracy=100.0 * (1.0 - mae / _mean(np.abs(target))),
        mae=mae,
        rmse=math.sqrt(mse),
        r2=1.0 - mse / variance if variance > 0.0 else 0.0,
    )


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax of class scores (rows, classes)."""
    weights = exp(scores - scores.max(axis=1, keepdims=True))
    total = np.array([math.fsum(row) for row in weights.tolist()])
    return np.asarray(weights / total[:, None])


def classification_metrics(
    chances: NDArray[np.float64], target: NDArray[np.float64]
) -> Metrics | None:
    """Accuracy in percent, balanced accuracy and macro F1 in [0, 1], log loss; from probabilities (rows, classes).

    Balanced accuracy averages over the classes that occur in ``target`` (rows,), macro F1 over those that occur in it or
    are predicted. None if a probability is not finite.
    """
    if not np.isfinite(chances).all():
        return None
    wanted, chosen = target.astype(np.int64), chances.argmax(axis=1)
    classes = chances.shape[1]
    hits = np.bincount(wanted[wanted == chosen], minlength=classes)
    actual, predicted = (
        np.bincount(wanted, minlength=classes),
        np.bincount(chosen, minlength=classes),
    )
    recalls = [float(hits[c] / actual[c]) for c in range(classes) if actual[c]]
    f1 = [
        float(2 * hits[c] / (actual[c] + predicted[c]))
        for c in range(classes)
        if actual[c] + predicted[c]
    ]
    picked = np.clip(chances[np.arange(len(wanted)), wanted], _SMALLEST_PROBABILITY, 1.0)
    return Metrics(
        accuracy=100.0 * float(hits.sum()) / len(wanted),
        balanced_accuracy=math.fsum(recalls) / len(recalls),
        macro_f1=math.fsum(f1) / len(f1),
        log_loss=-_mean(log(picked)),
    )


def mean_metrics(metrics: Sequence[Metrics]) -> Metrics:
    """The mean of one or more scores, field by field."""
    rows = [m.to_dict() for m in metrics]
    return Metrics(**{name: math.fsum(row[name] for row in rows) / len(rows) for name in rows[0]})


@dataclass(frozen=True, slots=True)
class Metrics:
    """Scores of one prediction on one part of the data, on unscaled targets.

    ``accuracy`` is in percent (regression: ``100 (1 - MAE / mean|y|)``; classification: percent correct) and may be
    negative for regression. ``mae`` and ``rmse`` are in units of the target. Fields of the other task are None.
    """

    accuracy: float
    mae: float | None = None
    rmse: float | None = None
    r2: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None

    def to_dict(self) -> dict[str, float]:
        """The fields that are set."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in values if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> Metrics:
        """The reverse of `to_dict`."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Scores:
    """Metrics by part of the data; a part that does not exist, or was not looked at, is None."""

    train: Metrics
    validation: Metrics | None = None
    test: Metrics | None = None

    @property
    def selection(self) -> Metrics:
        """What a search selects on: validation where there is one, else training. Never test."""
        return self.validation or self.train

    def to_dict(self) -> dict[str, dict[str, float]]:
        """The parts that are set."""
        parts = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: part.to_dict() for name, part in parts if part is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, float]]) -> Scores:
        """The reverse of `to_dict`."""
        return cls(**{name: Metrics.from_dict(part) for name, part in values.items()})
