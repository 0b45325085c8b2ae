"""Which rows train, validate and test.

Only row numbers are handled here. The same table, options and seed give the same rows on every
machine, which is why the generators are NumPy's legacy ones, whose numbers never change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DataError
from shoal.system.one_import import ONE_IMPORT

if TYPE_CHECKING:
    import pandas as pd

    from shoal.data.canonical import CanonicalTable

Rows = NDArray[np.int64]

# What NumPy's legacy generator accepts; pandas and scikit-learn use it.
SEEDS = 2**32


class FoldsError(DataError):
    """A table makes no such folds. It may still have one validation part."""


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint row numbers that cover the table.

    Attributes
    ----------
    train, validation, test
        Row numbers from 0; a part that was not asked for is empty.
    folds
        (rows of train,): the fold of each training row, from 0; None without folds. Where rows are
        in order, a fold trains on the rows of earlier folds alone, and the first rows, which never
        validate, have the number -1.
    """

    train: Rows
    validation: Rows
    test: Rows
    folds: Rows | None = None


def sample_split(rows: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Take a random share of rows out.

    Parameters
    ----------
    rows
        (rows,): row numbers.
    fraction
        Share to take out, in [0, 1).
    seed
        Of the draw.

    Returns
    -------
    kept : ndarray
        In the shuffled order of pandas' ``sample(frac=1 - fraction)``.
    taken : ndarray
        The others, in the order of ``rows``.
    """
    import pandas as pd

    kept = pd.Series(rows).sample(frac=1 - fraction, random_state=seed)
    taken = pd.Series(rows).drop(kept.index)
    return kept.to_numpy(dtype=np.int64), taken.to_numpy(dtype=np.int64)


def stratified_split(
    name: str, rows: Rows, labels: NDArray[Any], classes: Sequence[str], fraction: float, seed: int
) -> tuple[Rows, Rows]:
    """Take a random share of rows out, the same share of each class.

    Parameters
    ----------
    name
        What messages call the table.
    rows
        (rows,): row numbers.
    labels
        (rows,): index of each row's class in ``classes``.
    classes
        Names, for messages.
    fraction, seed
        As in `sample_split`.

    Returns
    -------
    kept, taken : ndarray

    Raises
    ------
    DataError
        If a class has too few rows to be in both.
    """
    if not fraction:
        return rows, rows[:0]
    # scikit-learn takes a second to load.
    with ONE_IMPORT:
        from sklearn.model_selection import train_test_split  # type: ignore[import-untyped, unused-ignore]

    present, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        rarest = classes[int(present[counts.argmin()])]
        raise DataError(
            f"{name}: class {rarest!r} has too few rows to be in every part of the split.",
            expected="a few rows of each class for each part",
            remedy="remove the class or merge it with another, or ask for no validation or test "
            "part (fraction 0)",
        )

    try:
        kept, taken = train_test_split(rows, test_size=fraction, random_state=seed, stratify=labels)
    except ValueError as error:
        raise DataError(
            f"{name}: no split by class ({error}).",
            expected="rows for all",
            remedy="add rows, merge classes, or change the fractions",
        ) from error
    return np.asarray(kept, dtype=np.int64), np.asarray(taken, dtype=np.int64)


def group_split(
    name: str, rows: Rows, groups: NDArray[Any], fraction: float, seed: int
) -> tuple[Rows, Rows]:
    """Take a random share of the groups out, whole.

    Parameters
    ----------
    name
        What messages call the table.
    rows
        (rows,): row numbers.
    groups
        (rows,): the group of each row.
    fraction, seed
        As in `sample_split`, but the share is of groups.

    Returns
    -------
    kept, taken : ndarray

    Raises
    ------
    DataError
        If there are too few groups.
    """
    if not fraction:
        return rows, rows[:0]
    with ONE_IMPORT:
        from sklearn.model_selection import GroupShuffleSplit  # type: ignore[import-untyped, unused-ignore]

    splitter = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    try:
        kept, taken = next(splitter.split(rows, groups=groups))
    except ValueError as error:
        raise DataError(
            f"{name}: the columns that keep rows together make too few groups to split.",
            expected="three groups or more",
            remedy="choose other columns",
        ) from error
    return rows[kept], rows[taken]


def last_rows(rows: Rows, places: NDArray[np.float64], fraction: float) -> tuple[Rows, Rows]:
    """Take the last share of rows out.

    Parameters
    ----------
    rows
        (rows,): row numbers.
    places
        (rows,): the place of each row in their order. Rows with equal places stay together, so that
        a little more may be taken.
    fraction
        As in `sample_split`.

    Returns
    -------
    kept, taken : ndarray
        In the order of ``rows``.
    """
    count = round(fraction * len(rows))
    if not count:
        return rows, rows[:0]
    is_late = places >= np.sort(places)[-count]
    return rows[~is_late], rows[is_late]


def ordered_folds(name: str, folds: int, places: NDArray[np.float64]) -> Rows:
    """Cut rows that are in order into folds, each of which validates what it follows on.

    Parameters
    ----------
    name
        What messages call the table.
    folds
        Number of folds, 2 or more.
    places
        (rows,): as in `last_rows`.

    Returns
    -------
    ndarray
        (rows,): the fold of each row, from 0; -1 for the first rows, which train all folds. These
        and each fold are as equally large as can be.

    Raises
    ------
    FoldsError
        If a fold, or the rows before the first, would be empty.
    """
    # The place at which each fold begins. Of few places, two folds begin at one.
    beginnings = [part[0] for part in np.array_split(np.sort(places), folds + 1)[1:] if len(part)]
    numbers = np.searchsorted(beginnings, places, side="right") - 1
    if len(np.unique(numbers)) <= folds:
        different = len(np.unique(places))
        raise FoldsError(
            f"{name}: {different} different places in the order besides the test part, for "
            f"{folds} folds.",
            expected="rows for every fold, and before the first",
            remedy="ask for fewer folds, or add rows",
        )
    return np.asarray(numbers, dtype=np.int64)


def repeated_rows(
    table: CanonicalTable | pd.DataFrame, columns: Sequence[str]
) -> NDArray[np.int64]:
    """Number the rows so that rows that are equal in all ``columns`` have the same number.

    Returns
    -------
    ndarray
        (rows,): group numbers from 0. Missing values are equal to each other.

    Examples
    --------
    >>> import pandas as pd
    >>> repeated_rows(pd.DataFrame({"a": [1, 1, 2], "b": ["x", "x", None]}), ["a", "b"])
    array([0, 0, 1])
    """
    import pandas as pd

    # Column by column, two rows stay in one group as long as their values are equal. Renumbering
    # after each column keeps the numbers small.
    groups = np.zeros(len(table), dtype=np.int64)
    for column in columns:
        values = pd.factorize(table[column], use_na_sentinel=False)[0]
        pairs = groups * (int(values.max()) + 1) + values
        groups = pd.factorize(pairs)[0].astype(np.int64)
    return groups


def fold_numbers(
    name: str, folds: int, seed: int, labels: NDArray[Any], groups: NDArray[Any] | None
) -> Rows:
    """Deal rows out to folds that are as equally large as can be.

    Parameters
    ----------
    name
        What messages call the table.
    folds
        Number of folds, 2 or more.
    seed
        Of the order in which rows, or groups, are dealt out.
    labels
        (rows,): class of each row, all alike for regression. Each class is dealt out like a pack of
        cards, so each fold has its share.
    groups
        (rows,): the group of each row; then whole groups are dealt out. None: single rows.

    Returns
    -------
    ndarray
        (rows,): the fold of each row, from 0.

    Raises
    ------
    FoldsError
        If a fold would be empty.
    """
    random = np.random.RandomState(seed)
    if groups is None:
        _check_enough(name, len(labels), "rows", folds)
        return _deal_rows(folds, labels, random)

    group_names, sizes = np.unique(groups, return_counts=True)
    _check_enough(name, len(group_names), "groups", folds)
    fold_of_group = _deal_groups(folds, sizes, random)
    return np.asarray(fold_of_group[np.searchsorted(group_names, groups)], dtype=np.int64)


def _check_enough(name: str, number: int, unit: str, folds: int) -> None:
    if number < folds:
        raise FoldsError(
            f"{name}: {number} {unit} besides the test part, for {folds} folds.",
            expected=f"{unit} for every fold",
            remedy="ask for fewer folds, or add rows",
        )


def _deal_rows(folds: int, labels: NDArray[Any], random: np.random.RandomState) -> Rows:
    """Shuffle the rows, sort them by class, and deal them out in turn."""
    # A stable sort keeps the random order within a class.
    order = random.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]

    numbers = np.empty(len(labels), dtype=np.int64)
    numbers[order] = np.arange(len(order)) % folds
    return numbers


def _deal_groups(folds: int, sizes: NDArray[np.int64], random: np.random.RandomState) -> Rows:
    """The fold (groups,) of each group: the largest first, each to the smallest fold so far."""
    order = random.permutation(len(sizes))
    largest_first = order[np.argsort(-sizes[order], kind="stable")]

    fold_sizes = np.zeros(folds, dtype=np.int64)
    fold_of_group = np.empty(len(sizes), dtype=np.int64)
    for group in largest_first:
        smallest = fold_sizes.argmin()
        fold_of_group[group] = smallest
        fold_sizes[smallest] += sizes[group]
    return fold_of_group
