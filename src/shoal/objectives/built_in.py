"""Objectives of tables and losses of rows that come with Shoal, by name.

An objective is one function below, which gives a value for each of P networks. Its arithmetic is
compiled with its first call (`compiled`), and has the same bits on every machine. A value is NaN
where a network's outputs are.

A capacity is a share of the rows, as folds have fewer rows than the table. Rows that share the last
places within a capacity count in part, which is the mean over all orders of tied rows (McSherry and
Najork 2008).

The optimal decision under F1, costs, money or a capacity is a threshold on the probability of a
class (Koyejo et al. 2014), and the log loss learns that probability with less noise. So compare
with a search on the log loss that selects on the objective.

References
----------
C. J. van Rijsbergen: Information Retrieval, 2nd edition (1979). F1.
K. H. Brodersen et al.: The Balanced Accuracy and Its Posterior Distribution. ICPR (2010).
C. Elkan: The Foundations of Cost-Sensitive Learning. IJCAI (2001). The cost matrix.
T. Verbraken, W. Verbeke, B. Baesens: A Novel Profit Maximizing Metric for Measuring Classification
Performance of Customer Churn Prediction Models. IEEE TKDE 25 (2013). Value per row.
C. D. Manning, P. Raghavan, H. Schuetze: Introduction to Information Retrieval (2008), section 8.4.
Precision at k.
F. McSherry, M. Najork: Computing Information Retrieval Performance Measures Efficiently in the
Presence of Tied Scores. ECIR (2008).
F. E. Harrell, K. L. Lee, D. B. Mark: Multivariable Prognostic Models. Statistics in Medicine 15
(1996). Concordance.
J. Bi, K. P. Bennett: Regression Error Characteristic Curves. ICML (2003). Tolerance.
P. J. Rousseeuw: Least Median of Squares Regression. JASA 79 (1984). The interval, for a coverage of
one half.
R. Koenker, G. Bassett: Regression Quantiles. Econometrica 46 (1978). Pinball.
O. Koyejo et al.: Consistent Binary Classification with Generalized Performance Metrics. NIPS
(2014).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ObjectiveError
from shoal.objectives.definition import RowLoss, TableObjective, objective, row_loss
from shoal.objectives.registry import METRICS

_Values = NDArray[np.float64]

# Shares are rounded to whole rows; 0.1 of 30 rows is not 3.0000000000000004.
_ROUNDING = 1e-9

# ---- Decisions -------------------------------------------------------------------------------


@objective("maximize", outputs="decision", label="F1", task="classification", classes=2)
def f1(decision: NDArray[np.int64], y: NDArray[Any]) -> _Values:
    """``2 TP / (2 TP + FP + FN)``, where the second class is the positive one.

    0 where no row is of that class and none is taken for it.
    """
    counts = _confusion(decision, y, 2)
    hits = 2.0 * counts[:, 1, 1]
    wrong = counts[:, 0, 1] + counts[:, 1, 0]
    return np.asarray(hits / np.maximum(hits + wrong, 1.0))


@objective(
    "maximize",
    outputs="decision",
    label=METRICS["balanced_accuracy"].label,
    task="classification",
)
def balanced_accuracy(decision: NDArray[np.int64], y: NDArray[Any]) -> _Values:
    """The mean recall of the classes that occur: the metric of that name, to the bit."""
    counts = _confusion(decision, y)
    actual = counts[0].sum(axis=1)
    occur = actual > 0

    hits = np.diagonal(counts, axis1=1, axis2=2)[:, occur]
    recalls = hits / actual[occur]
    sums = [math.fsum(own) for own in recalls.tolist()]
    return np.asarray(np.array(sums) / recalls.shape[1])


@objective("minimize", outputs="decision", label="Mean cost", task="classification")
def cost_matrix(
    decision: NDArray[np.int64],
    y: NDArray[Any],
    *,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    matrix: str = "",
) -> _Values:
    """The mean cost of a decision.

    Options
    -------
    false_positive
        What it costs to take a row of the first class for the second one.
    false_negative
        What it costs to take a row of the second class for the first one.
    matrix
        For more classes, or where right decisions cost something, too: the costs of each true
        class's rows by decision, as in ``"0 1 5; 2 0 2; 9 3 0"``. The two above are then not read.
    """
    costs: tuple[tuple[float, ...], ...] = ((0.0, false_positive), (false_negative, 0.0))
    if matrix:
        costs = _parsed(matrix)
    counts = _confusion(decision, y, len(costs))

    # Whole numbers times costs, in a fixed order.
    total = np.zeros(len(decision))
    for true_class, row in enumerate(costs):
        for decided, cost in enumerate(row):
            total = total + counts[:, true_class, decided] * cost
    return total / len(y)


@lru_cache(maxsize=16)
def _parsed(matrix: str) -> tuple[tuple[float, ...], ...]:
    """The numbers of a matrix that is written with semicolons between its rows."""
    try:
        rows = [tuple(float(cost) for cost in row.split()) for row in matrix.split(";")]
    except ValueError:
        rows = []
    size = len(rows)
    numbers = [cost for row in rows for cost in row]
    is_square = size > 1 and all(len(row) == size for row in rows)
    if not (is_square and all(map(math.isfinite, numbers))):
        raise ObjectiveError(
            f"matrix={matrix!r}.",
            expected="as many numbers in each row as there are rows",
            remedy='write a semicolon between rows, as in "0 1; 5 0"',
        )
    return tuple(rows)


def _confusion(
    decision: NDArray[np.int64], y: NDArray[Any], classes: int | None = None
) -> NDArray[np.int64]:
    """Count rows by network, true class and decided class; (P, classes, classes).

    Parameters
    ----------
    decision
        (P, rows).
    y
        (rows,).
    classes
        How many there may be; None: as many as there are.
    """
    from shoal.objectives import compiled

    decisions = np.ascontiguousarray(decision, np.int64)
    truth = np.ascontiguousarray(y, np.int64)
    seen = 1 + max(_largest(decisions), _largest(truth))
    if classes is None:
        classes = seen
    if seen > classes:
        raise ObjectiveError(
            f"The target has {seen} classes.",
            expected=str(classes),
            remedy="choose an objective for more classes; cost_matrix takes a matrix",
        )
    return np.asarray(compiled.confusion(decisions, truth, classes))


def _largest(classes: NDArray[np.int64]) -> int:
    if len(classes) == 0 or classes.min() < 0:
        raise ObjectiveError(
            "There are rows without a class.", expected="indices of classes, from 0"
        )
    return int(classes.max())


# ---- Scores ----------------------------------------------------------------------------------


@objective(
    "maximize", outputs="score", label="Precision at the top", task="classification", classes=2
)
def top_share(score: NDArray[Any], y: NDArray[Any], *, share: float = 0.2) -> _Values:
    """The share of the second class among the rows with the largest scores.

    Options
    -------
    share
        How many rows that is, as a share of all, more than 0 and at most 1. At least one.
    """
    count = _count_of(share, len(y))
    return _sum_at_top(score, y, count) / count


@objective(
    "maximize",
    outputs="score",
    columns=("amount",),
    label="Value per row",
    task="classification",
    classes=2,
)
def value_per_row(
    score: NDArray[Any],
    y: NDArray[Any],
    amount: NDArray[np.float64],
    *,
    share: float = 0.2,
    gain: float = 1.0,
    loss: float = 0.0,
    cost: float = 2.0,
) -> _Values:
    """What acting on the rows with the largest scores brings, divided by the number of all rows.

    Acting on a row of the second class brings ``gain`` times its amount, on one of the first class
    it loses ``loss`` times its amount, and each action costs ``cost``.

    Options
    -------
    share
        On how many rows one can act, as a share of all, at most 1. 0: on those that the network
        takes for the second class, however many these are.
    gain, loss
        Shares of the row's amount.
    cost
        In the amounts' unit.
    """
    worth = np.where(np.asarray(y) == 1, gain * amount, -loss * amount) - cost
    if share == 0.0:
        return _sum_where_positive(score, worth) / len(y)
    return _sum_at_top(score, worth, _count_of(share, len(y))) / len(y)


def _count_of(share: float, rows: int) -> int:
    """How many rows a share is: rounded, and at least one."""
    if not 0.0 < share <= 1.0:
        raise ObjectiveError(f"share={share:g}.", expected="more than 0, and at most 1")
    return max(1, math.floor(share * rows + 0.5 + _ROUNDING))


def _sum_at_top(score: NDArray[Any], worth: NDArray[Any], count: int) -> _Values:
    from shoal.objectives import compiled

    worths = np.ascontiguousarray(worth, np.float64)
    return np.asarray(compiled.sum_at_top(np.ascontiguousarray(score), worths, count))


def _sum_where_positive(score: NDArray[Any], worth: NDArray[np.float64]) -> _Values:
    from shoal.objectives import compiled

    return np.asarray(compiled.sum_where_positive(np.ascontiguousarray(score), worth))


# ---- Times -----------------------------------------------------------------------------------


@objective(
    "maximize", outputs="unscaled", columns=("event",), label="Concordance", task="regression"
)
def concordance(predicted: NDArray[Any], y: NDArray[Any], event: NDArray[Any]) -> _Values:
    """Harrell's C: the share of pairs of rows whose times are predicted in the right order.

    The target is a time. ``event`` is 1 where the time ended with an event, and 0 where it was cut
    off before one: by the end of a study, for example. A pair can be compared if one row has an
    event, and the other has a later time, or the same time and no event. A pair with the same
    prediction is half right.
    """
    return _concordance(predicted, y, np.asarray(event) != 0)


@objective("maximize", outputs="unscaled", label="Concordance", task="regression")
def uncensored_concordance(predicted: NDArray[Any], y: NDArray[Any]) -> _Values:
    """`concordance` where each time ended with an event: the share of pairs in the right order."""
    return _concordance(predicted, y, np.ones(len(y), np.bool_))


def _concordance(predicted: NDArray[Any], y: NDArray[Any], event: NDArray[np.bool_]) -> _Values:
    from shoal.objectives import compiled

    predictions = _of_one_target(predicted)
    times = np.asarray(y, np.float64)
    pairs = _comparable_pairs(times, event)
    if pairs == 0:
        raise ObjectiveError(
            "No two rows can be compared.",
            expected="a row with an event, and another one with a later time",
            remedy="check the target, and the column of events (1: an event, 0: none)",
        )

    # From late to early times, those without an event first.
    order = np.lexsort((event, -times))
    ordered = np.ascontiguousarray(predictions[:, order])
    doubled = compiled.concordant_pairs(ordered, times[order], event[order])
    return np.asarray(doubled / (2.0 * pairs))


def _comparable_pairs(times: NDArray[np.float64], event: NDArray[np.bool_]) -> int:
    """How many pairs of rows `concordance` compares."""
    own = times[event]
    later = len(times) - np.searchsorted(np.sort(times), own, "right")
    cut_off = np.sort(times[~event])
    same = np.searchsorted(cut_off, own, "right") - np.searchsorted(cut_off, own, "left")
    return int(later.sum() + same.sum())


# ---- Amounts ---------------------------------------------------------------------------------


@objective("maximize", outputs="unscaled", label="Share within tolerance", task="regression")
def tolerance(predicted: NDArray[Any], y: NDArray[Any], *, within: float = 1.0) -> _Values:
    """The share of the rows whose prediction is near the target.

    Options
    -------
    within
        The largest distance that is near, in the target's unit.
    """
    from shoal.objectives import compiled

    if not within >= 0.0:
        raise ObjectiveError(f"within={within:g}.", expected="0 or more, in the target's unit")
    targets = np.ascontiguousarray(y, np.float64)
    counts = compiled.count_within(_of_one_target(predicted), targets, within)
    return np.asarray(counts / len(y))


@objective("minimize", outputs="unscaled", label="Interval width", task="regression")
def interval(predicted: NDArray[Any], y: NDArray[Any], *, coverage: float = 0.9) -> _Values:
    """The width of the narrowest interval around the predictions that covers enough rows.

    The interval reaches as far below a prediction as above it, and is as wide for each row.

    Options
    -------
    coverage
        Which share of the targets has to lie in it, more than 0 and at most 1.
    """
    from shoal.objectives import compiled

    if not 0.0 < coverage <= 1.0:
        raise ObjectiveError(f"coverage={coverage:g}.", expected="more than 0, and at most 1")
    targets = np.ascontiguousarray(y, np.float64)
    place = max(0, math.ceil(coverage * len(y) - _ROUNDING) - 1)
    halves = compiled.error_at(_of_one_target(predicted), targets, place)
    return np.asarray(2.0 * halves)


def _of_one_target(predicted: NDArray[Any]) -> NDArray[Any]:
    """The predictions, (P, rows)."""
    if predicted.ndim != 2:
        raise ObjectiveError(
            f"The predictions have the shape {predicted.shape}.",
            expected="(networks, rows)",
            remedy="choose one target, or an objective of your own for several",
        )
    return np.ascontiguousarray(predicted)


@row_loss(nonnegative=True)
def pinball(output: float, target: float, quantile: float = 0.5) -> float:
    """The loss that a quantile of the target minimises: ``max(q e, (q - 1) e)``, e = t - p.

    Options
    -------
    quantile
        q, between 0 and 1. 0.5 is half of the absolute error, whose optimum is the median.
    """
    error = target - output
    if error >= 0.0:
        return quantile * error
    return (quantile - 1.0) * error


TABLE_OBJECTIVES: dict[str, TableObjective] = {
    own.name: own
    for own in (
        f1,
        balanced_accuracy,
        cost_matrix,
        top_share,
        value_per_row,
        concordance,
        uncensored_concordance,
        tolerance,
        interval,
    )
}
ROW_LOSSES: dict[str, RowLoss] = {pinball.name: pinball}
