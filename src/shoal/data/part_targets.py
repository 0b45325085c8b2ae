"""Whether the targets of each part of a table can be learned and scored.

The accuracy of amounts, ``100 (1 - MAE / mean|target|)``, is undefined on a part where all are 0.
The other metrics are defined there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.data.dataset import Dataset, Part
from shoal.data.splits import FoldsError
from shoal.errors import DataError


def check_training_targets(dataset: Dataset) -> None:
    """Check that there is something to learn.

    Raises
    ------
    DataError
        If a target is the same in all rows that train. Rows of weight 0 do not.
    """
    part = dataset.train
    targets = part.target.reshape(len(part.rows), -1)
    if part.weight is not None:
        targets = targets[part.weight > 0]

    for column, values in zip(dataset.options.targets, targets.T, strict=True):
        if (values == values[0]).all():
            raise DataError(
                f"{dataset.name}: the target {column!r} is {values[0]:g} in all of the "
                f"{len(values):,} rows that train.",
                expected="different values",
                remedy="choose another data seed, or add rows with other values",
            )


def check_accuracy(dataset: Dataset) -> None:
    """Check that the accuracy is defined on every part.

    Raises
    ------
    DataError
        If all targets of a part are 0. Rows of weight 0 do not count. A `FoldsError` if it is a
        fold.
    """
    parts = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    for label, part in parts.items():
        if part is not None:
            _check(dataset, label, _counts(part), DataError)

    check_accuracy_of_folds(dataset)


def check_accuracy_of_folds(dataset: Dataset) -> None:
    """Check that the accuracy is defined on every fold. Raises `FoldsError`."""
    if dataset.fold_numbers is None:
        return

    counts = _counts(dataset.train)
    for fold in np.unique(dataset.fold_numbers):
        # Where rows are in order, those before the first fold only train.
        label = f"validation (fold {fold + 1})" if fold >= 0 else "training (fold 1)"
        _check(dataset, label, counts[dataset.fold_numbers == fold], FoldsError)


def has_accuracy(dataset: Dataset) -> bool:
    """Whether the accuracy is defined on every part."""
    try:
        check_accuracy(dataset)
    except DataError:
        return False
    return True


def _counts(part: Part) -> NDArray[np.bool_]:
    """Whether a row's target (rows, targets) is other than 0, and the row counts."""
    counts = part.target.reshape(len(part.rows), -1) != 0
    if part.weight is not None:
        counts &= part.weight[:, None] > 0
    return np.asarray(counts)


def _check(dataset: Dataset, label: str, counts: NDArray[np.bool_], error: type[DataError]) -> None:
    if dataset.task == "classification":
        return

    any_row_counts = np.asarray(counts.any(axis=0))
    for column, any_counts in zip(dataset.options.targets, any_row_counts, strict=True):
        if not any_counts:
            raise error(
                f"{dataset.name}: the {label} part has only zeros in {column!r}: its accuracy is "
                "undefined.",
                expected="mean |target| above zero",
                remedy="choose another metric (--metric mae), or another data seed",
            )
