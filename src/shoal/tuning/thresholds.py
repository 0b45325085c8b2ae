"""The threshold of a classifier of two classes, tuned for a metric.

Under F1, a table of costs or a capacity the best decision is a threshold on the probability of a
class. A method that learns probabilities and tunes its threshold afterwards is what an objective of
one's own has to beat.

References
----------
O. O. Koyejo, N. Natarajan, P. K. Ravikumar, I. S. Dhillon: Consistent Binary Classification with
Generalized Performance Metrics. NIPS 27 (2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.data import Part
from shoal.problems.table import TableProblem

# Thresholds that are tried, at most.
_MOST = 200
# Probabilities are not taken as smaller.
_SMALLEST = 1e-15


def wants_threshold(problem: TableProblem) -> bool:
    """Whether a threshold is tuned: for an own objective or metric of two classes."""
    own = problem.own_objective or problem.own_metric
    dataset = problem.dataset
    return own is not None and dataset.task == "classification" and dataset.outputs == 2


def tuned_shift(problem: TableProblem, probabilities: NDArray[np.float64], part: Part) -> float:
    """What to add to log odds, so that the problem's metric is best.

    Parameters
    ----------
    problem
        Has the metric.
    probabilities
        (rows, 2), of rows that were not trained on.
    part
        These rows.

    Returns
    -------
    float
        0 where no threshold is better than a half.
    """
    odds = _log_odds(probabilities)
    quantiles = np.linspace(0.0, 1.0, _MOST)
    # Between two neighbours, so that no row lies on the threshold.
    places = np.unique(np.quantile(odds, quantiles))
    thresholds = (places[1:] + places[:-1]) / 2

    best_shift = 0.0
    best = _fitness(problem, probabilities, part)
    for threshold in thresholds.tolist():
        fitness = _fitness(problem, shifted(probabilities, -threshold), part)
        if fitness > best:
            best = fitness
            best_shift = -threshold
    return best_shift


def shifted(probabilities: NDArray[np.float64], shift: float) -> NDArray[np.float64]:
    """Probabilities (rows, 2) with another threshold: log odds plus a shift."""
    if shift == 0.0:
        return probabilities
    second = 1.0 / (1.0 + np.exp(-(_log_odds(probabilities) + shift)))
    return np.stack([1.0 - second, second], axis=1)


def _log_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probabilities, _SMALLEST, 1.0)
    return np.asarray(np.log(clipped[:, 1]) - np.log(clipped[:, 0]))


def _fitness(problem: TableProblem, probabilities: NDArray[np.float64], part: Part) -> float:
    metrics = problem.metrics(probabilities, part)
    if metrics is None:
        return -np.inf
    return problem.metric.fitness(metrics[problem.metric.name])
