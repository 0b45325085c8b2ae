"""Which rows train, validate and test. Row numbers only; the same table, options and seed give the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DataError

Rows = NDArray[np.int64]
SEEDS = 2**32  # what NumPy's legacy generator, which pandas and scikit-learn use, accepts


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint row numbers that cover the table; a part that was not asked for is empty."""

    train: Rows
    validation: Rows
    test: Rows


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
        problem = (
            f"{name}: class {classes[int(kinds[counts.argmin()])]!r} has too few rows to be in every part of the split."
        )
        remedy = "remove the class or merge it with another, or ask for no validation or test part (fraction 0)"
        raise DataError(problem, expected="a few rows of each class for each part", remedy=remedy)
    try:
        kept, taken = train_test_split(rows, test_size=fraction, random_state=seed, stratify=labels)
    except ValueError as error:
        remedy = "add rows, merge classes, or change the fractions"
        raise DataError(f"{name}: no split by class ({error}).", expected="rows for all", remedy=remedy) from error
    return np.asarray(kept, dtype=np.int64), np.asarray(taken, dtype=np.int64)


def group_split(name: str, rows: Rows, groups: NDArray[Any], fraction: float, seed: int) -> tuple[Rows, Rows]:
    """As `sample_split`, but whole groups (``groups`` of these rows); the fraction is of groups. Raises DataError."""
    if not fraction:
        return rows, rows[:0]
    from sklearn.model_selection import GroupShuffleSplit  # type: ignore[import-untyped, unused-ignore]

    try:
        kept, taken = next(GroupShuffleSplit(1, test_size=fraction, random_state=seed).split(rows, groups=groups))
    except ValueError as error:
        problem = f"{name}: the group column has too few different values to split."
        raise DataError(problem, expected="three groups or more", remedy="choose another column") from error
    return rows[kept], rows[taken]
