"""The target column: whether it is a number or a class, its values, and how a network learns it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.canonical import CanonicalTable, is_numeric
from shoal.data.dataset import DataOptions, TaskType
from shoal.data.encoder import (
    MAX_LEVELS,
    ClassTarget,
    RegressionTarget,
    RegressionTargets,
    Target,
    check_text,
    finite_numbers,
    mean_and_scale,
)
from shoal.data.messages import count_of
from shoal.data.splits import Rows
from shoal.errors import DataError
from shoal.inference.standalone import to_level

# Whole-number targets of at most this many values, each five times on average, are classes.
FEW_VALUES = 10
ROWS_PER_VALUE = 5


def recognise_task(target: pd.Series) -> TaskType:
    """Whether the values of a canonical column are classes or amounts.

    Text, truth values and categories are classes. So are whole numbers, if there are 2 to 10
    different ones with at least five rows a value on average. Everything else is regression.

    Examples
    --------
    >>> recognise_task(pd.Series([0, 1] * 20)), recognise_task(pd.Series(range(40)))
    ('classification', 'regression')
    """
    if not is_numeric(target):
        return "classification"

    # Missing and infinite values say nothing of the kind; they are refused elsewhere.
    values = target.to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    all_whole = bool((values == np.floor(values)).all())
    distinct = len(np.unique(values))
    most = min(FEW_VALUES, len(values) // ROWS_PER_VALUE)
    if all_whole and 2 <= distinct <= most:
        return "classification"
    return "regression"


@dataclass(frozen=True, eq=False)
class Labels:
    """The target column as numbers.

    Attributes
    ----------
    task
        "regression" or "classification".
    values
        (rows,): amounts in the target's unit, or indices into ``classes``. (rows, targets): amounts
        of several targets.
    classes
        Names of the classes, ordered as their values are; none for regression.
    """

    task: TaskType
    values: NDArray[np.float64]
    classes: tuple[str, ...] = ()


def read_target(name: str, table: CanonicalTable, options: DataOptions) -> Labels:
    """Read the target column as amounts or as classes; several columns as amounts.

    Parameters
    ----------
    name
        What messages call the table.
    table
        Its targets have no missing values.
    options
        Names the target, and the task unless that is to be recognised.

    Raises
    ------
    DataError
        If the target is constant, has too many classes or a class with one row, or holds dates, or
        text where amounts are expected.
    """
    if isinstance(options.target, tuple):
        columns = [_read_amounts_of(name, column, table[column]) for column in options.target]
        return Labels("regression", np.column_stack(columns))

    series = table[options.target]
    task = options.task or recognise_task(series)
    asked_for_classes = options.task == "classification"

    # Text that looks like numbers or dates gone wrong is no class, unless classes are asked for.
    is_text = not is_numeric(series) and not isinstance(series.dtype, pd.CategoricalDtype)
    if is_text and not asked_for_classes:
        check_text(name, options.target, series.tolist())

    if task == "regression":
        return Labels("regression", _read_amounts(name, options.target, series))
    return _read_classes(name, options.target, series)


def _read_amounts_of(name: str, column: str, series: pd.Series) -> NDArray[np.float64]:
    """The amounts (rows,) of one of several targets, none of which can be classes."""
    if not is_numeric(series):
        check_text(name, column, series.tolist())
    return _read_amounts(name, column, series)


def _read_amounts(name: str, column: str, series: pd.Series) -> NDArray[np.float64]:
    if not is_numeric(series):
        first = str(series.iloc[0])[:60]
        raise DataError(
            f"{name}: row 2, column {column!r}: the target {first!r} is not a number.",
            expected="numbers for regression",
            remedy="choose another target, or the task classification",
        )

    values = finite_numbers(name, series)
    if values.min() == values.max():
        raise DataError(
            f"{name}: the target {column!r} is {values[0]:g} in every row.",
            expected="a target that varies",
            remedy="choose another target",
        )
    return values


def _read_classes(name: str, column: str, series: pd.Series) -> Labels:
    other_choice = "choose another target"
    if is_numeric(series):
        finite_numbers(name, series)
        other_choice = "choose another target, or the task regression"

    values, index, counts = np.unique(series.to_numpy(), return_inverse=True, return_counts=True)
    classes = tuple(str(to_level(value)) for value in values.tolist())

    if not 2 <= len(classes) <= MAX_LEVELS:
        raise DataError(
            f"{name}: the target {column!r} has {count_of(len(classes), 'class', 'es')}.",
            expected=f"2 to {MAX_LEVELS} classes",
            remedy=other_choice,
        )
    if counts.min() < 2:
        rarest = int(counts.argmin())
        # From the index to the row in the file: the header is row 1.
        row = int(np.flatnonzero(index == rarest)[0]) + 2
        raise DataError(
            f"{name}: class {classes[rarest]!r} of {column!r} has one member, in row {row}.",
            expected="two rows or more of every class",
            remedy="remove that row, or merge the class with another",
        )
    return Labels("classification", index.astype(np.float64), classes)


def fit_target(name: str, labels: Labels, train: Rows, options: DataOptions) -> Target:
    """What a network learns in place of the target.

    Parameters
    ----------
    name
        What messages call the table.
    labels
        The target.
    train
        Row numbers of the training part. Only these are learned from.
    options
        The preset says how amounts are scaled.

    Raises
    ------
    DataError
        If no training target is positive and the preset is "classic".
    """
    if labels.classes:
        return ClassTarget(options.targets[0], labels.classes)

    columns = labels.values[train].reshape(len(train), -1).T
    targets = []
    for column, values in zip(options.targets, columns, strict=True):
        targets.append(_fit_amounts(name, column, np.ascontiguousarray(values), options))
    if len(targets) == 1:
        return targets[0]
    return RegressionTargets.of(targets)


def _fit_amounts(
    name: str, column: str, train_values: NDArray[np.float64], options: DataOptions
) -> RegressionTarget:
    if options.rules.centres_target:
        mean, scale = mean_and_scale(train_values)
        return RegressionTarget(column, mean, scale)

    largest = float(train_values.max())
    if largest <= 0:
        raise DataError(
            f"{name}: the largest training target in {column!r} is {largest:g}; classic "
            "divides by it.",
            expected="a positive one",
            remedy="use the preset modern",
        )
    return RegressionTarget(column, 0.0, largest)
