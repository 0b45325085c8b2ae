"""Metrics: how predictions are scored, to the same bit on every machine.

Sums are rounded once (`math.fsum`), and exponentials and logarithms are our own
(`shoal.numerics.portable_math`). Each formula stands at the line that computes it; p is a
prediction, t the target, and means are over rows, weighted where rows have weights. The accuracy of
a regression is the student system's; the others are scikit-learn's.

A row of weight 2 counts as two rows, one of weight 0 as none. Weights that are all alike change no
bit.

References
----------
K. H. Brodersen et al.: The Balanced Accuracy and Its Posterior Distribution. ICPR (2010).
J. Opitz, S. Burst: Macro F1 and Macro F1. arXiv:1911.03347 (2019). Ours is the mean of F1 scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from shoal.numerics.portable_math import exp, log

# Probabilities are not taken as smaller, as the logarithm of 0 is infinite.
_SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True, slots=True)
class Metrics:
    """Scores of one prediction on one part of the data. Those of the other task are None.

    Attributes
    ----------
    accuracy
        In percent, of both tasks. Regression: ``100 (1 - MAE / mean|t|)``, which is negative if
        errors are larger than targets, and None if all targets are 0. Classification: rows whose
        class is right. Of several targets, this and the next three are means over targets.
    mae
        Regression: mean absolute error, in the target's unit.
    rmse
        Regression: root mean squared error, in the target's unit.
    r2
        Regression: share of the target's variance that is explained, at most 1.
    balanced_accuracy
        Classification: mean recall of the classes that occur, in [0, 1].
    macro_f1
        Classification: mean F1 of the classes that occur or are predicted, in [0, 1].
    log_loss
        Classification: mean of ``-ln`` of the true class's probability.
    others
        Scores of other metrics, by name: those of simulations, functions and own objectives.
    """

    accuracy: float | None = None
    mae: float | None = None
    rmse: float | None = None
    r2: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """The score of a metric, by its name. Raises `KeyError` where there is none."""
        return self.to_dict()[name]

    def to_dict(self) -> dict[str, float]:
        """The scores that there are, by name."""
        values = {}
        for name in _NAMED:
            value = getattr(self, name)
            if value is not None:
                values[name] = value
        return {**values, **self.others}

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> Metrics:
        """Read what `to_dict` wrote."""
        named = {}
        others = {}
        for name, value in values.items():
            if name in _NAMED:
                named[name] = value
            else:
                others[name] = value
        return cls(**named, others=others)


# The metrics that are fields.
_NAMED = tuple(own.name for own in fields(Metrics) if own.name != "others")


@dataclass(frozen=True, slots=True)
class Scores:
    """Metrics by part of the data.

    Attributes
    ----------
    train
        On the rows that the network was trained on.
    validation
        On rows that a search selects by; None if there are none.
    test
        On rows that nothing was chosen by; None if there are none, or nobody looked.
    """

    train: Metrics
    validation: Metrics | None = None
    test: Metrics | None = None

    @property
    def selection(self) -> Metrics:
        """What a search selects by: validation where there is one, else training. Never test."""
        return self.validation or self.train

    def to_dict(self) -> dict[str, dict[str, float]]:
        """The metrics of the parts that there are, by the part's name."""
        values = {}
        for part in fields(self):
            metrics = getattr(self, part.name)
            if metrics is not None:
                values[part.name] = metrics.to_dict()
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, float]]) -> Scores:
        """Read what `to_dict` wrote."""
        parts = {part: Metrics.from_dict(metrics) for part, metrics in values.items()}
        return cls(**parts)


def regression_metrics(
    predicted: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.floating] | None = None,
) -> Metrics | None:
    """Score predicted amounts.

    Parameters
    ----------
    predicted, target
        (rows,), in the target's own unit. (rows, targets): each score is then the mean over targets
        of the target's own.
    weight
        (rows,): how much each row counts, 0 or more, and not all 0. None: all alike.

    Returns
    -------
    Metrics or None
        None if a squared error is not finite. R2 of a constant target, which is undefined, is 0: it
        explains nothing.

    Examples
    --------
    >>> metrics = regression_metrics(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    >>> metrics.accuracy, metrics.mae, metrics.r2
    (50.0, 1.0, 0.0)
    """
    if target.ndim == 2:
        return _mean_over_targets(predicted, target, weight)

    with np.errstate(all="ignore"):
        errors = predicted - target
        squared_errors = errors * errors
    if not np.isfinite(squared_errors).all():
        return None

    shares = _relative(weight)
    # MAE = mean |p - t|, MSE = mean (p - t)^2
    mae = _mean(np.abs(errors), shares)
    mse = _mean(squared_errors, shares)

    # R2 = 1 - MSE / variance of t
    deviations = target - _mean(target, shares)
    variance = _mean(deviations * deviations, shares)
    r2 = 0.0
    if variance > 0.0:
        r2 = 1.0 - mse / variance

    # accuracy = 100 (1 - MAE / mean |t|)
    mean_size = _mean(np.abs(target), shares)
    accuracy = None
    if mean_size > 0.0:
        accuracy = 100.0 * (1.0 - mae / mean_size)

    return Metrics(
        accuracy=accuracy,
        mae=mae,
        rmse=math.sqrt(mse),
        r2=r2,
    )


def _mean_over_targets(
    predicted: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.floating] | None,
) -> Metrics | None:
    """Scores of several targets (rows, targets): the mean over targets of each score."""
    scores = []
    for own, true in zip(predicted.T, target.T, strict=True):
        metrics = regression_metrics(own, true, weight)
        if metrics is None:
            return None
        scores.append(metrics)
    return mean_metrics(scores)


def classification_metrics(
    class_probabilities: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.floating] | None = None,
) -> Metrics | None:
    """Score probabilities of classes.

    Parameters
    ----------
    class_probabilities
        (rows, classes). The predicted class has the largest; ties go to the lower class.
    target
        (rows,): indices of the true classes.
    weight
        (rows,): how much each row counts, 0 or more, and not all 0. None: all alike.

    Returns
    -------
    Metrics or None
        None if a probability is not finite.

    Examples
    --------
    >>> classification_metrics(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0.0, 1.0])).accuracy
    50.0
    """
    if not np.isfinite(class_probabilities).all():
        return None

    rows, classes = class_probabilities.shape
    truth = target.astype(np.int64)
    chosen = class_probabilities.argmax(axis=1)

    shares = _relative(weight)
    # Rows by class: right ones, true ones, predicted ones.
    right = np.where(truth == chosen, truth, -1)
    hits = _counts(right, classes, shares)
    actual = _counts(truth, classes, shares)
    predicted = _counts(chosen, classes, shares)

    # Classes that neither occur nor are predicted have no recall and no F1.
    recalls = []
    f1_scores = []
    for c in range(classes):
        # recall = hits / actual
        if actual[c]:
            recalls.append(hits[c] / actual[c])
        # F1 = 2 hits / (actual + predicted), the harmonic mean of precision and recall
        if actual[c] + predicted[c]:
            f1_scores.append(2 * hits[c] / (actual[c] + predicted[c]))

    # log loss = mean -ln(probability of the true class)
    of_truth = class_probabilities[np.arange(rows), truth]
    of_truth = np.clip(of_truth, _SMALLEST_PROBABILITY, 1.0)

    return Metrics(
        accuracy=100.0 * math.fsum(hits) / math.fsum(actual),
        balanced_accuracy=math.fsum(recalls) / len(recalls),
        macro_f1=math.fsum(f1_scores) / len(f1_scores),
        log_loss=-_mean(log(of_truth), shares),
    )


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax ``exp(s_c) / sum_c exp(s_c)`` of class scores (rows, classes)."""
    # Less the largest score, which changes no quotient and cannot overflow.
    powers = exp(scores - scores.max(axis=1, keepdims=True))
    sums = np.array([math.fsum(row) for row in powers.tolist()])
    return np.asarray(powers / sums[:, None])


def mean_metrics(metrics: Sequence[Metrics]) -> Metrics:
    """The mean of one or more scores of the same task, of each metric that all of them have."""
    rows = [scores.to_dict() for scores in metrics]
    means = {}
    for name in rows[0]:
        if all(name in row for row in rows):
            means[name] = math.fsum(row[name] for row in rows) / len(rows)
    return Metrics.from_dict(means)


def _relative(weight: NDArray[np.floating] | None) -> NDArray[np.float64] | None:
    """Weights as shares of the largest, so that no product overflows; None: all rows alike."""
    if weight is None:
        return None
    exact = weight.astype(np.float64)
    return np.asarray(exact / exact.max())


def _mean(values: NDArray[np.float64], shares: NDArray[np.float64] | None) -> float:
    if shares is None:
        return math.fsum(values.tolist()) / len(values)
    # weighted mean = sum w v / sum w
    return math.fsum((shares * values).tolist()) / math.fsum(shares.tolist())


def _counts(
    indices: NDArray[np.int64], classes: int, shares: NDArray[np.float64] | None
) -> list[float]:
    """The rows of each class, or the sum of their weights. Rows of the index -1 are of none."""
    if shares is None:
        counts = np.bincount(indices[indices >= 0], minlength=classes)
        return [float(count) for count in counts]
    return [math.fsum(shares[indices == c].tolist()) for c in range(classes)]
