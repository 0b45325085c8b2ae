"""Which rows of a table train, validate and test: the choice of a split, and what it must fulfil.

`shoal.data.splits` has the ways to take rows out; here one is chosen by the options, and checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.canonical import CanonicalTable, is_numeric
from shoal.data.dataset import DataOptions
from shoal.data.dates import dates_as_days, holds_dates
from shoal.data.encoder import finite_numbers
from shoal.data.messages import check_has_column, count_of
from shoal.data.roles import Roles
from shoal.data.splits import (
    SEEDS,
    FoldsError,
    Rows,
    Split,
    fold_numbers,
    group_split,
    last_rows,
    ordered_folds,
    repeated_rows,
    sample_split,
    stratified_split,
)
from shoal.data.target import Labels
from shoal.errors import DataError


def split_table(
    name: str,
    table: CanonicalTable,
    labels: Labels,
    options: DataOptions,
    features: Sequence[str],
) -> Split:
    """Share the rows of a table out to training, validation and test.

    Parameters
    ----------
    name
        What messages call the table.
    table
        The table.
    labels
        Its target. The shares of classes are kept in every part.
    options
        Fractions, folds, seed, and which rows belong together.
    features
        The columns that `same = "all"` means.

    Raises
    ------
    DataError
        If a part is empty, or a class is missing from one. A `FoldsError` if only folds are.
    """
    groups = _groups_of_rows(name, table, options, features)
    places = None
    if options.order is not None:
        places = order_of_rows(name, table[options.order])

    def take_out(rows: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
        if places is not None:
            return last_rows(rows, places[rows], fraction)
        if groups is not None:
            return group_split(name, rows, groups[rows], fraction, seed)
        if labels.classes and options.rules.shares_classes:
            row_labels = labels.values[rows]
            return stratified_split(name, rows, row_labels, labels.classes, fraction, seed)
        return sample_split(rows, fraction, seed)

    every_row = np.arange(len(table), dtype=np.int64)
    rest, test = take_out(every_row, options.test_fraction, options.seed)

    # The second cut has a seed of its own, so that it does not repeat the pattern of the first.
    second_seed = (options.seed + 1) % SEEDS

    if not options.rules.validates:
        split = Split(rest, rest[:0], test)
    elif options.folds > 1:
        rest = np.sort(rest)
        if places is None:
            numbers = _deal_folds(name, rest, labels, groups, options.folds, second_seed)
        else:
            numbers = ordered_folds(name, options.folds, places[rest])
        split = Split(rest, rest[:0], np.sort(test), numbers)
    else:
        train, validation = take_out(np.sort(rest), options.validation_fraction, second_seed)
        split = Split(np.sort(train), np.sort(validation), np.sort(test))

    _check_parts_have_rows(name, split, options, len(table))
    if labels.classes:
        _check_parts_have_classes(name, labels, split, options)
    return split


def order_of_rows(name: str, series: pd.Series) -> NDArray[np.float64]:
    """The place (rows,) of each row of a column that says which rows come later.

    Raises
    ------
    DataError
        If a cell is empty, or neither number nor date.
    """
    column = str(series.name)
    if holds_dates(series):
        places = dates_as_days(name, series).values
    elif is_numeric(series):
        places = finite_numbers(name, series)
    else:
        raise DataError(
            f"{name}: column {column!r} gives no order: its cells are words.",
            expected="numbers or dates",
            remedy="choose another column, or write it as numbers or dates",
        )

    missing = np.flatnonzero(np.isnan(places))
    if len(missing):
        raise DataError(
            f"{name}: row {missing[0] + 2}, column {column!r}: no value "
            f"({count_of(len(missing), 'such row')}).",
            expected="a value in every row of the column that rows are ordered by",
            remedy="fill the cells in, or remove the rows",
        )
    return places


def _groups_of_rows(
    name: str, table: CanonicalTable, options: DataOptions, features: Sequence[str]
) -> NDArray[np.int64] | None:
    """The number (rows,) of each row's group, where groups stay in one part; else None."""
    if options.same and options.same != "all":
        for column in options.same:
            check_has_column(name, table, column)

    if options.group is not None:
        return np.asarray(pd.factorize(table[options.group])[0])
    if not options.same:
        return None

    columns = features
    if options.same != "all":
        columns = options.same
    return repeated_rows(table, columns)


def _deal_folds(
    name: str,
    rows: Rows,
    labels: Labels,
    groups: NDArray[np.int64] | None,
    folds: int,
    seed: int,
) -> Rows:
    row_labels = np.zeros(len(rows))
    if labels.classes:
        row_labels = labels.values[rows]

    row_groups = None
    if groups is not None:
        row_groups = groups[rows]
    return fold_numbers(name, folds, seed, row_labels, row_groups)


def _check_parts_have_rows(name: str, split: Split, options: DataOptions, rows: int) -> None:
    has_validation_part = options.rules.validates and options.folds == 1
    if not len(split.train):
        raise _empty_part(name, "train", rows)
    if has_validation_part and options.validation_fraction and not len(split.validation):
        raise _empty_part(name, "validation", rows)
    if options.test_fraction and not len(split.test):
        raise _empty_part(name, "test", rows)


def _empty_part(name: str, part: str, rows: int) -> DataError:
    return DataError(
        f"{name}: no row of {rows} is left for the {part} part.",
        expected="rows for every part",
        remedy="change the fractions, or add rows",
    )


def _check_parts_have_classes(
    name: str, labels: Labels, split: Split, options: DataOptions
) -> None:
    """Raise DataError unless every class can be learned, whichever fold is left out."""
    remedy = "choose another data seed, or add rows of the class"
    if options.group is not None or options.same:
        remedy += ", or other groups"
    if options.order is not None:
        remedy = "remove the class, or merge it with another"

    # A class that training never sees cannot be predicted.
    in_training = labels.values[split.train]
    absent = np.setdiff1d(labels.values, in_training)
    if len(absent):
        raise DataError(
            f"{name}: class {labels.classes[int(absent[0])]!r} has no row in the training part.",
            expected="rows of every class",
            remedy=remedy,
        )

    if split.folds is None:
        return
    if options.order is not None:
        _check_first_rows_have_classes(name, labels, split)
        return

    # If all rows of a class were in one fold, training without that fold would lack the class.
    folds = int(split.folds.max()) + 1
    for index, label in enumerate(labels.classes):
        folds_of_class = split.folds[in_training == index]
        if len(folds_of_class) < folds:
            shortage = count_of(len(folds_of_class), "row")
        elif len(np.unique(folds_of_class)) < 2:
            shortage = "all rows in one"
        else:
            continue
        raise FoldsError(
            f"{name}: class {label!r} has {shortage} besides the test part, for {folds} folds.",
            expected="at least one row of every class for each fold, in two folds or more",
            remedy=f"ask for fewer folds, or {remedy}",
        )


def _check_first_rows_have_classes(name: str, labels: Labels, split: Split) -> None:
    """Raise FoldsError unless the rows that train all folds, the first ones, have every class."""
    assert split.folds is not None, "the caller has folds"
    first_rows = split.train[split.folds < 0]
    absent = np.setdiff1d(labels.values, labels.values[first_rows])
    if len(absent):
        raise FoldsError(
            f"{name}: class {labels.classes[int(absent[0])]!r} has no row before those that the "
            "first fold validates.",
            expected="rows of every class, early in the order",
            remedy="ask for fewer folds, or remove the class",
        )


def check_weights_of_parts(name: str, roles: Roles, split: Split, options: DataOptions) -> None:
    """Check that some row of every part counts.

    Raises
    ------
    DataError
        If all weights of a part are 0.
    """
    if roles.weight is None:
        return

    for label, rows, error in _parts_that_score(split):
        if not roles.weight[rows].any():
            raise error(
                f"{name}: the {label} part has only weights of 0 in {options.weight!r}.",
                expected="a weight above 0 in every part",
                remedy="choose another data seed or fraction, or add rows that count",
            )


def _parts_that_score(split: Split) -> Iterator[tuple[str, Rows, type[DataError]]]:
    """Each part that has rows, in words, and the error if it will not do. A fold is a part."""
    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    for label, rows in parts.items():
        if len(rows):
            yield label, rows, DataError

    if split.folds is not None:
        # The rows that a fold trains on hold another fold, or those before the first one.
        for fold in np.unique(split.folds):
            label = f"validation (fold {fold + 1})"
            if fold < 0:
                label = "training (fold 1)"
            yield label, split.train[split.folds == fold], FoldsError
