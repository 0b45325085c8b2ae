"""Finds tables whose rows are a series in time, which a random split scores by their neighbours.

A column may be their time if it holds dates or years, if its whole numbers count the rows, or if it
rises or falls from row to row. It is, if rows that are neighbours in its order have targets that
are much alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.canonical import is_numeric
from shoal.data.feature_findings import counts_rows
from shoal.data.findings import Examination, Finding, quoted
from shoal.data.partition import order_of_rows
from shoal.errors import DataError

# Fewer places in an order show nothing.
FEW_PLACES = 40

# From this correlation of neighbours on, rows are alike. Of rows in random order it is 0, with a
# standard deviation of one over the root of their number.
ALIKE = 0.5
_DEVIATIONS = 4.0

_YEARS = (1800, 2200)
_FEW_YEARS = 5

Floats = NDArray[np.float64]


def series_in_time(examination: Examination) -> Iterator[Finding]:
    """Find the column that rows of a series are ordered by, unless one was chosen."""
    options = examination.options
    is_chosen = options.get("order") or options.get("group") or options.get("same")
    if is_chosen or not examination.rules.validates or len(examination.table) < FEW_PLACES:
        return

    targets = [_as_numbers(examination, target) for target in examination.targets]
    for column in (*_dates(examination), *_numbers(examination)):
        try:
            places = order_of_rows(examination.name, examination.table[column])
        except DataError:
            continue
        if any(_is_series(places, target) for target in targets):
            yield Finding(
                "look",
                f"Rows that follow each other in the order of {quoted(column)} are alike, as in a "
                "series in time: where rows are split at random, scores are too good for what "
                "comes later.",
                "split the rows in this order",
                order=column,
            )
            return


def _dates(examination: Examination) -> Iterator[str]:
    """Columns of dates."""
    for facts in examination.feature_facts:
        if facts.kind == "dates":
            yield facts.name


def _numbers(examination: Examination) -> Iterator[str]:
    """Columns of numbers that may be a time."""
    for facts in examination.feature_facts:
        if facts.missing or not facts.holds_numbers:
            continue
        values = examination.table[facts.name].to_numpy(dtype=np.float64)
        all_differ = facts.distinct == len(values)
        goes_one_way = _goes_one_way(values)

        if facts.kind == "whole numbers":
            are_years = _YEARS[0] <= values.min() and values.max() <= _YEARS[1]
            may_be_time = are_years and goes_one_way and facts.distinct >= _FEW_YEARS
            may_be_time |= all_differ and (goes_one_way or counts_rows(values))
        else:
            may_be_time = all_differ and goes_one_way and _others_are_alike(examination, facts.name)
        if may_be_time:
            yield facts.name


def _goes_one_way(values: Floats) -> bool:
    steps = np.diff(values)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _others_are_alike(examination: Examination, column: str) -> bool:
    """Whether half of the other columns of numbers are alike from row to row.

    Of a table that is sorted by a feature, they are not.
    """
    alike = []
    for facts in examination.feature_facts:
        if facts.name != column and facts.holds_numbers and not facts.missing:
            alike.append(_are_alike(examination.table[facts.name].to_numpy(dtype=np.float64)))
    return bool(alike) and sum(alike) >= len(alike) / 2


def _as_numbers(examination: Examination, target: str) -> Floats:
    """A target as numbers (rows,); classes are numbered as they are met, block by block."""
    values = examination.table[target]
    if examination.task == "regression" and is_numeric(values):
        return values.to_numpy(dtype=np.float64)
    return pd.factorize(values)[0].astype(np.float64)


def _is_series(places: Floats, target: Floats) -> bool:
    """Whether targets (rows,) are alike from place to place (rows,) of an order."""
    distinct, number, counts = np.unique(places, return_inverse=True, return_counts=True)
    in_order = np.bincount(number, target) / counts
    if len(distinct) < FEW_PLACES:
        # Years, with several rows each, which stand in order within them.
        in_order = target[np.argsort(places, kind="stable")]

    # A table that is sorted by its target says nothing of time.
    return _are_alike(in_order) and not _goes_one_way(in_order)


def _are_alike(values: Floats) -> bool:
    """Whether values are much alike from each to the next, by their first autocorrelation."""
    deviations = values - values.mean()
    spread = float(np.sum(deviations**2))
    if not spread > 0 or len(values) < FEW_PLACES:
        return False
    correlation = float(np.sum(deviations[1:] * deviations[:-1])) / spread
    return correlation >= max(ALIKE, _DEVIATIONS / math.sqrt(len(values)))
