"""Calls of scikit-learn's scorers for the outputs of one network after the other.

A scorer asks an estimator for its predictions. The estimators here hold them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer

from shoal.errors import ObjectiveError


class _Amounts(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts what it holds, (rows,)."""

    def __init__(self, held: NDArray[Any], classes: int) -> None:
        self.held = held
        self.classes = classes

    def predict(self, _: Any) -> NDArray[Any]:
        return self.held


class _Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Knows its classes: 0, 1 and so on."""

    def __init__(self, held: NDArray[Any], classes: int) -> None:
        self.held = held
        self.classes = classes
        self.classes_ = np.arange(classes)


class _Decisions(_Classifier):
    """Decides what it holds, (rows,)."""

    def predict(self, _: Any) -> NDArray[Any]:
        return self.held


class _RowScores(_Classifier):
    """Holds the score of the second class, (rows,)."""

    def decision_function(self, _: Any) -> NDArray[Any]:
        return self.held


class _Probabilities(_Classifier):
    """Holds probabilities, (rows, classes)."""

    def predict_proba(self, _: Any) -> NDArray[Any]:
        return self.held


# By what the objective is handed.
_ESTIMATORS: dict[str, Callable[[NDArray[Any], int], BaseEstimator]] = {
    "unscaled": _Amounts,
    "decision": _Decisions,
    "score": _RowScores,
    "probability": _Probabilities,
}


def scores(scorer_name: str, handed: str, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """What a scorer says of each network.

    Parameters
    ----------
    scorer_name
        As scikit-learn has it.
    handed
        What the outputs are: "unscaled", "decision", "score" or "probability".
    outputs
        Of P networks, (P, rows) or (P, rows, classes).
    y
        (rows,).

    Returns
    -------
    ndarray of float64, (P,)
        NaN where an output is not finite, or the scorer refuses the outputs: a deviance takes only
        positive ones.

    Raises
    ------
    ObjectiveError
        The installed scikit-learn has no such scorer, or the scorer refuses the target.
    """
    try:
        scorer = get_scorer(scorer_name)
    except ValueError:
        raise ObjectiveError(
            f"The installed scikit-learn has no scorer {scorer_name!r}.",
            expected="a newer version",
            remedy="pip install --upgrade scikit-learn",
        ) from None

    if handed != "unscaled":
        y = np.asarray(y, np.int64)
    found = np.full(len(outputs), np.nan)
    with warnings.catch_warnings():
        # Of classes that no row is taken for, for example: thousands of networks do that.
        warnings.simplefilter("ignore")
        for number, own in enumerate(outputs):
            if not np.isfinite(own).all():
                continue
            estimator = _estimator(handed, own, y)
            try:
                found[number] = scorer(estimator, None, y)
            except ValueError:
                _check_target(scorer, scorer_name, handed, own, y)
    return found


def _estimator(handed: str, own: NDArray[Any], y: NDArray[Any]) -> BaseEstimator:
    if handed == "unscaled":
        return _Amounts(own.astype(np.float64), 0)

    if handed == "probability":
        # Sums of float32 differ from 1 by more than scikit-learn accepts.
        powers = own.astype(np.float64)
        return _Probabilities(powers / powers.sum(axis=1, keepdims=True), own.shape[1])

    classes = int(max(1, y.max()) + 1)
    if handed == "decision":
        classes = max(classes, int(own.max()) + 1)
    return _ESTIMATORS[handed](own, classes)


def _check_target(
    scorer: Any, scorer_name: str, handed: str, own: NDArray[Any], y: NDArray[Any]
) -> None:
    """Raise `ObjectiveError` if the scorer refuses even what equals the target."""
    perfect: NDArray[Any] = y
    if handed == "probability":
        perfect = np.eye(own.shape[1])[y]
    try:
        scorer(_estimator(handed, perfect, y), None, y)
    except ValueError as error:
        raise ObjectiveError(
            f"scikit-learn's scorer {scorer_name} refuses the target: {error}",
            expected="a target that it is for",
            remedy="choose another objective, or folds that have each class",
        ) from error
