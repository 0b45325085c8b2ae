"""Which rows train, validate and test. Row numbers only; the same table, options and seed give the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.int64]
SEEDS = 2**32  # what NumPy's legacy generator, which pandas and scikit-learn use, accepts


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint row numbers that cover the table; a part that was not asked for is empty.

    ``folds`` (rows of train,): which fold each is in; None without folds.
    """

    train: Rows
    validation: Rows
    test: Rows
    folds: Rows | None = None


def sample_split(rows: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """(kept, taken out): pandas' ``sample(frac=1 - fraction)`` in its order, and the others in table order."""
    import pandas as pd

    kept = pd.Series(rows).sample(frac=1 - fraction, random_state=seed)
    return kept.to_numpy(dtype=np.int64), pd.Series(rows).drop(kept.index).to_numpy(dtype=np.int64)


def stratified_split(
    name: str, rows: Rows, labels: NDArray[Any], classes: Sequence[str], fraction: float, seed: int
) -> tuple[Rows, Rows]:
    """As `sample_split`, each class (``labels``: index in ``classes``) shared in proportion. Raises DataError."""
    if not fraction:
        return rows, rows[:0]
    from sklearn.model_selection import train_test_split  # type: ignore[import-untyped, unused-ignore]

    kinds, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        problem = f"{name}: class {classes[int(kinds[counts.argmin()])]!r} has too few rows to be in every part of the split."
        remedy = "remove the class or merge it with another, or ask for no validation or test part (fraction 0)"
        raise DataError(problem, expected="a few rows of each class for each part", remedy=remedy)
    try:
        kept, taken = train_test_split(rows, test_size=fraction, random_state=seed, stratify=labels)
    except ValueError as error:
        remedy = "add rows, merge classes, or change the fractions"
        raise DataError(
            f"{name}: no split by class ({error}).", expected="rows for all", remedy=remedy
        ) from error
    return np.asarray(kept, dtype=np.int64), np.asarray(taken, dtype=np.int64)


def group_split(
    name: str, rows: Rows, groups: NDArray[Any], fraction: float, seed: int
) -> tuple[Rows, Rows]:
    """As `sample_split`, but whole groups (``groups`` of these rows); the fraction is of groups. Raises DataError."""
    if not fraction:
        return rows, rows[:0]
    from sklearn.model_selection import GroupShuffleSplit  # type: ignore[import-untyped, unused-ignore]

    try:
        kept, taken = next(
            GroupShuffleSplit(1, test_size=fraction, random_state=seed).split(rows, groups=groups)
        )
    except ValueError as error:
        problem = f"{name}: the columns that keep rows together make too few groups to split."
        raise DataError(
            problem, expected="three groups or more", remedy="choose other columns"
        ) from error
    return rows[kept], rows[taken]


def repeated_rows(source: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """Group numbers (rows,) from 0: equal where all ``columns`` are equal. Missing values are equal to each other."""
    import pandas as pd

    groups = np.zeros(len(source), dtype=np.int64)
    for column in columns:
        values = pd.factorize(source[column], use_na_sentinel=False)[0]
        groups = pd.factorize(groups * (int(values.max()) + 1) + values)[0].astype(np.int64)
    return groups


def fold_numbers(
    name: str, folds: int, seed: int, labels: NDArray[Any], groups: NDArray[Any] | None
) -> Rows:
    """The fold, from 0, of each row. Folds are as equally large as can be. Raises DataError when one would be empty.

    ``labels`` (rows,), all alike for regression: each is dealt out like a pack of cards, so each fold has its share.
    ``groups`` (rows,): whole groups instead, the largest first, each to the smallest fold so far.
    """
    kinds, counts = np.unique(labels if groups is None else groups, return_counts=True)
    found, what = (len(kinds), "groups") if groups is not None else (len(labels), "rows")
    if found < folds:
        problem = f"{name}: {found} {what} besides the test part, for {folds} folds."
        raise DataError(
            problem, expected=f"{what} for every fold", remedy="ask for fewer folds, or add rows"
        )
    random = np.random.RandomState(seed)  # its numbers never change
    numbers = np.empty(len(labels), dtype=np.int64)
    if groups is None:
        order = random.permutation(len(labels))
        order = order[np.argsort(labels[order], kind="stable")]
        numbers[order] = np.arange(len(order)) % folds
        return numbers
    order = random.permutation(len(kinds))
    filled, fold_of = np.zeros(folds, dtype=np.int64), np.empty(len(kinds), dtype=np.int64)
    for group in order[np.argsort(-counts[order], kind="stable")]:
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += counts[group]
    return np.asarray(fold_of[np.searchsorted(kinds, groups)], dtype=np.int64)
