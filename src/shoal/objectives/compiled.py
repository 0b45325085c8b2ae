"""Compiled arithmetic of the built-in objectives: the same bits on every machine.

Counts are whole numbers. Sums go through the rows in their order. Nothing is reordered or fused.
It brings the compiler, so `built_in` imports it with the first call of an objective.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shoal.numerics.compiled_code import kept_njit

_compiled = kept_njit((Path(__file__),), nogil=True, error_model="numpy")


@_compiled
def confusion(decisions: Any, truth: Any, classes: int) -> Any:
    """Count the rows by their class and by what a network decides.

    Parameters
    ----------
    decisions
        (P, rows) int64, each from 0 to classes - 1.
    truth
        (rows,) int64, likewise.
    classes
        How many there are.

    Returns
    -------
    ndarray of int64, (P, classes, classes)
        By network, true class and decided class.
    """
    networks, rows = decisions.shape
    counts = np.zeros((networks, classes, classes), np.int64)
    for p in range(networks):
        for row in range(rows):
            counts[p, truth[row], decisions[p, row]] += 1
    return counts


@_compiled
def sum_at_top(scores: Any, worth: Any, count: int) -> Any:
    """Sum what the rows with the largest scores are worth.

    Rows that share the last places with others count in part: the sum is the mean over all orders
    of tied rows.

    Parameters
    ----------
    scores
        (P, rows).
    worth
        (rows,) float64.
    count
        How many rows are at the top, 1 to rows.

    Returns
    -------
    ndarray of float64, (P,)
        NaN where a score is NaN.
    """
    networks, rows = scores.shape
    sums = np.empty(networks, np.float64)
    for p in range(networks):
        own = scores[p]
        if np.isnan(own).any():
            sums[p] = np.nan
            continue

        last = np.partition(own, rows - count)[rows - count]
        above = 0
        tied = 0
        above_sum = 0.0
        tied_sum = 0.0
        for row in range(rows):
            if own[row] > last:
                above += 1
                above_sum += worth[row]
            elif own[row] == last:
                tied += 1
                tied_sum += worth[row]
        sums[p] = above_sum + tied_sum * ((count - above) / tied)
    return sums


@_compiled
def sum_where_positive(scores: Any, worth: Any) -> Any:
    """Sum what the rows with positive scores are worth.

    Parameters
    ----------
    scores
        (P, rows).
    worth
        (rows,) float64.

    Returns
    -------
    ndarray of float64, (P,)
        NaN where a score is NaN.
    """
    networks, rows = scores.shape
    sums = np.zeros(networks, np.float64)
    for p in range(networks):
        for row in range(rows):
            if np.isnan(scores[p, row]):
                sums[p] = np.nan
            elif scores[p, row] > 0.0:
                sums[p] += worth[row]
    return sums


@_compiled
def count_within(predicted: Any, y: Any, within: float) -> Any:
    """Count the rows whose prediction is near the target.

    Parameters
    ----------
    predicted
        (P, rows).
    y
        (rows,) float64.
    within
        The largest distance that is near.

    Returns
    -------
    ndarray of float64, (P,)
        Whole numbers; NaN where a prediction is NaN.
    """
    networks, rows = predicted.shape
    counts = np.zeros(networks, np.float64)
    for p in range(networks):
        for row in range(rows):
            error = abs(np.float64(predicted[p, row]) - y[row])
            if np.isnan(error):
                counts[p] = np.nan
            elif error <= within:
                counts[p] += 1.0
    return counts


@_compiled
def error_at(predicted: Any, y: Any, place: int) -> Any:
    """Find the error that has this place among the sorted absolute errors.

    Parameters
    ----------
    predicted
        (P, rows).
    y
        (rows,) float64.
    place
        0 for the smallest.

    Returns
    -------
    ndarray of float64, (P,)
        NaN where a prediction is NaN.
    """
    networks, rows = predicted.shape
    found = np.empty(networks, np.float64)
    errors = np.empty(rows, np.float64)
    for p in range(networks):
        for row in range(rows):
            errors[row] = abs(np.float64(predicted[p, row]) - y[row])
        found[p] = np.nan
        if not np.isnan(errors).any():
            found[p] = np.partition(errors, place)[place]
    return found


@_compiled
def _dense_ranks(values: Any, ranks: Any) -> None:
    """Number the values by size, from 1; equal ones have the same number."""
    order = np.argsort(values)
    rank = 1
    for place in range(len(values)):
        if place > 0 and values[order[place]] > values[order[place - 1]]:
            rank += 1
        ranks[order[place]] = rank


@_compiled
def _add_one(tree: Any, rank: int) -> None:
    """Count one more of this rank in a Fenwick tree, whose ranks begin at 1."""
    while rank < len(tree):
        tree[rank] += 1
        rank += rank & -rank


@_compiled
def _count_up_to(tree: Any, rank: int) -> Any:
    """Count what a Fenwick tree holds up to this rank."""
    count = 0
    while rank > 0:
        count += tree[rank]
        rank -= rank & -rank
    return count


@_compiled
def concordant_pairs(predicted: Any, times: Any, events: Any) -> Any:
    """Count the pairs of rows that a prediction puts in the right order.

    A pair can be compared if one row has an event, and the other has a later time, or the same time
    and no event. It is right if the row with the event is predicted the smaller time.

    Parameters
    ----------
    predicted
        (P, rows). The rows are sorted: from late to early times, of the same time those without an
        event first.
    times
        (rows,) float64, in that order.
    events
        (rows,) bool: whether the time ends with an event, in that order.

    Returns
    -------
    ndarray of float64, (P,)
        Twice the number of right pairs. Pairs with the same prediction are half right. NaN where a
        prediction is NaN.

    References
    ----------
    P. M. Fenwick: A New Data Structure for Cumulative Frequency Tables. Software: Practice and
    Experience 24 (1994). So each event takes O(log rows).
    """
    networks, rows = predicted.shape
    doubled = np.empty(networks, np.float64)
    ranks = np.empty(rows, np.int64)
    # The rows met so far, by the rank of their prediction: how many, and the tree of these numbers.
    met_by_rank = np.empty(rows + 1, np.int64)
    tree = np.empty(rows + 1, np.int64)

    for p in range(networks):
        if np.isnan(predicted[p]).any():
            doubled[p] = np.nan
            continue
        _dense_ranks(predicted[p], ranks)
        met_by_rank[:] = 0
        tree[:] = 0

        right = 0
        start = 0
        while start < rows:
            # The rows of one time, those with an event from `first_event` on.
            end = start
            first_event = start
            while end < rows and times[end] == times[start]:
                if not events[end]:
                    first_event = end + 1
                end += 1

            for row in range(start, first_event):
                met_by_rank[ranks[row]] += 1
                _add_one(tree, ranks[row])
            for row in range(first_event, end):
                larger = first_event - _count_up_to(tree, ranks[row])
                right += 2 * larger + met_by_rank[ranks[row]]
            for row in range(first_event, end):
                met_by_rank[ranks[row]] += 1
                _add_one(tree, ranks[row])
            start = end
        doubled[p] = right
    return doubled
