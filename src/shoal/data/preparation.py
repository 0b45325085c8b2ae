"""From a table to a dataset: checked, split, encoded, scaled.

Preparing is a pure function of the table and the options: every machine gets the same bits, so a
recorded run keeps the table and the options only. A prepared table is not cached: on the bundled
table preparing takes 4 ms, and for a large one a cache would hold memory that trainings need.

Reading order: `load_dataset` is what users call, `prepare` does the work, one phase a helper.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.canonical import CanonicalTable, as_canonical, is_numeric, to_data_error
from shoal.data.dataset import DataOptions, Dataset, Logs, Part, Preset, TaskType
from shoal.data.encoder import (
    MAX_LEVELS,
    ClassTarget,
    Column,
    Encoder,
    NumericColumn,
    RegressionTarget,
    Target,
    check_text,
    finite_numbers,
    fit_column,
    mean_and_scale,
)
from shoal.data.splits import (
    SEEDS,
    Rows,
    Split,
    fold_numbers,
    group_split,
    repeated_rows,
    sample_split,
    stratified_split,
)
from shoal.data.table_io import BUNDLED, read_table
from shoal.errors import DataError
from shoal.inference.standalone import MAX_COLUMNS, TableError, encode, to_level

_log = logging.getLogger(__name__)

MIN_ROWS = 10

# Whole-number targets of at most this many values, each five times on average, are classes.
FEW_VALUES = 10
ROWS_PER_VALUE = 5

# Column names that a message lists.
_LISTED_COLUMNS = 30


def load_dataset(
    data: str | os.PathLike[str] | pd.DataFrame,
    target: str | None = None,
    *,
    preset: Preset = "modern",
    task: TaskType | None = None,
    group: str | None = None,
    test_fraction: float = 0.3,
    validation_fraction: float | None = None,
    seed: int = 42,
    same: str | Sequence[str] = (),
    folds: int | None = None,
    log_columns: Logs | None = None,
) -> Dataset:
    """Read a table and prepare it for training: split it, encode its columns, scale its target.

    Parameters
    ----------
    data
        The name of a bundled table ("concrete"), the path of a CSV or Parquet file, or a DataFrame
        (rows, columns), which is copied. At least 10 rows.
    target
        Column to predict. None: the bundled table's own target.
    preset
        "modern" (default) takes text and missing values, scales columns, and validates. "classic"
        repeats the published experiments: numeric columns as they are, the target divided by its
        largest training value, no validation.
    task
        "regression" or "classification". None: text, truth values, categories and few different
        whole numbers are classes, everything else is a number to predict (`recognise_task`).
    group
        Column that is no feature, and whose equal values stay in one part of the split: a patient,
        a building. None: rows are split one by one. Modern only.
    test_fraction
        Share of the rows that no training sees and only the champion is scored on, in [0, 1).
    validation_fraction
        Share of the other rows that every training is scored on, in [0, 1). Naming it asks for one
        validation part in place of folds. None: 0.2 where there is one part.
    seed
        Of the splits, 0 to 2**32 - 1. The same seed gives the same rows on every machine.
    same
        Columns that stay features, as a list or as text with commas between, or "all" of them.
        Rows that are equal in each of these stay in one part. Modern only.
    folds
        k > 1: the rows that are not test are cut into k folds, and each validates in turn. 1: one
        validation part. None: 5 with modern where the table has rows enough, else 1.
    log_columns
        "auto": columns with a long tail are taken as logarithms. "none": no column is. None: "auto"
        with modern, "none" with classic.

    Returns
    -------
    Dataset
        What `shoal.train` and `shoal.search` take. Its ``notes`` say in words how columns are used.

    Raises
    ------
    DataError
        If the table cannot be read or learned from. The message names row (the header is row 1),
        column and remedy.
    SettingsError
        If an option has no meaning, or does not go with another.

    Examples
    --------
    >>> import shoal
    >>> shoal.load_dataset("concrete")
    Dataset('concrete', 1030 rows, 8 inputs, regression of 'compressive_strength')

    >>> import pandas as pd
    >>> flowers = pd.DataFrame({"petal": range(40), "kind": ["rose", "lily"] * 20})
    >>> shoal.load_dataset(flowers, "kind", folds=1, seed=1).classes
    ('lily', 'rose')
    """
    options: dict[str, Any] = {
        "same": same,
        "folds": folds,
        "log_columns": log_columns,
        "task": task,
        "group": group,
        "test_fraction": test_fraction,
        "seed": seed,
    }
    if validation_fraction is not None:
        options["validation_fraction"] = validation_fraction

    name, table, target = table_and_target(data, target)
    return prepare_new(name, table, target, preset, **options)


def table_and_target(
    data: str | os.PathLike[str] | pd.DataFrame, target: str | None = None
) -> tuple[str, CanonicalTable, str]:
    """Read a table, and find its target if it is a bundled one.

    Parameters
    ----------
    data, target
        As in `load_dataset`.

    Returns
    -------
    name : str
    table : CanonicalTable
    target : str

    Raises
    ------
    DataError
        If the table cannot be read, or no target is known.
    """
    name, table = read_table(data)
    if target is None and isinstance(data, str):
        target = BUNDLED.get(data)

    if target is None:
        columns = _list_columns(table)
        raise DataError(
            f"{name}: no target was chosen.",
            expected="the name of the column to predict",
            remedy=f"say which with --target (target= in Python); the columns are: {columns}",
        )
    return name, table, target


def prepare_new(
    name: str,
    source: CanonicalTable | pd.DataFrame,
    target: str,
    preset: Preset = "modern",
    *,
    folds: int | None = None,
    **others: Any,
) -> Dataset:
    """Prepare a table for a run that begins now.

    It is `prepare` with the options of `DataOptions.of_new_run`, except that a table with too few
    rows, groups or members of a class for folds that nobody asked for has one validation part.

    Parameters
    ----------
    name
        What messages call the table.
    source
        The table.
    target, preset, folds, others
        Options, as in `load_dataset`.

    Raises
    ------
    DataError, SettingsError
        As in `load_dataset`.
    """
    options = DataOptions.of_new_run(target, preset, folds=folds, **others)
    table = as_canonical(name, source)

    folds_are_a_default = folds is None and options.folds > 1
    if folds_are_a_default:
        try:
            return prepare(name, table, options)
        except DataError as error:
            # Of the folds; or of something else, which preparing without folds then raises again.
            _log.debug("%s: one validation part in place of folds (%s)", name, error.problem)
            options = replace(options, folds=1)
    return prepare(name, table, options)


def prepare(name: str, source: CanonicalTable | pd.DataFrame, options: DataOptions) -> Dataset:
    """Split, encode and scale a table.

    The same arguments give the same bits on every machine.

    Parameters
    ----------
    name
        What messages call the table.
    source
        The table. A `CanonicalTable` is used as it is; a DataFrame is converted first.
    options
        Target, split and encoding.

    Returns
    -------
    Dataset
        The rows of a part are in the table's order, except that classic keeps the shuffled order of
        ``df.sample`` for training.

    Raises
    ------
    DataError
        Naming row (the header is row 1) and column.
    """
    table = as_canonical(name, source)
    features = _check_columns(name, table, options)

    labels = _read_target(name, table, options)
    options = replace(options, task=labels.task)
    split = _split(name, table, labels, options, features)

    target = _fit_target(name, labels, split, options)
    columns = _fit_columns(name, table, split, options, features)
    encoder = Encoder(tuple(columns), target)
    if len(encoder.inputs) > MAX_COLUMNS:
        raise DataError(
            f"{name}: the columns make {len(encoder.inputs):,} network inputs.",
            expected=f"at most {MAX_COLUMNS:,}",
            remedy="drop columns with many categories",
        )

    y = labels.values
    if isinstance(target, RegressionTarget):
        y = (labels.values - target.offset) / target.scale
    arrays = _Arrays(_encode(name, table, encoder, options), y, labels.values)

    _check_targets_of_parts(name, labels, split, options)
    train = arrays.part(split.train)
    assert train is not None, "_split refuses a split without training rows"
    return Dataset(
        name=name,
        table=table,
        options=options,
        encoder=encoder,
        train=train,
        validation=arrays.part(split.validation),
        test=arrays.part(split.test),
        fold_numbers=split.folds,
    )


def resplit(dataset: Dataset, seeds: Iterable[int]) -> Iterator[Dataset]:
    """Prepare a dataset's table once for each data seed, which puts other rows in each part.

    What one genome, or one baseline, scores on the test parts of these says how much a score owes
    to its split.

    Parameters
    ----------
    dataset
        Not one of a worker process, which has no table.
    seeds
        0 to 2**32 - 1 each.

    Yields
    ------
    Dataset
        One at a time, so that one only need be in memory.

    Raises
    ------
    DataError
        For a seed that makes no split.

    Examples
    --------
    >>> import shoal
    >>> data = shoal.load_dataset("concrete")
    >>> [int(other.test.rows[0]) for other in resplit(data, [42, 1])]
    [1, 7]
    """
    assert dataset.table is not None, "a worker's dataset has no table"
    for seed in seeds:
        yield prepare(dataset.name, dataset.table, replace(dataset.options, seed=seed))


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

    values = target.to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    all_whole = bool((values == np.floor(values)).all())
    distinct = len(np.unique(values))
    most = min(FEW_VALUES, len(values) // ROWS_PER_VALUE)
    if all_whole and 2 <= distinct <= most:
        return "classification"
    return "regression"


# Columns


def _check_columns(name: str, table: CanonicalTable, options: DataOptions) -> list[str]:
    """The features, in the table's order. Raises DataError for columns or rows that are missing."""
    _require_column(name, table, options.target)
    _require_values(name, table, options.target)
    if options.group is not None:
        _require_column(name, table, options.group)
        _require_values(name, table, options.group)

    if len(table) < MIN_ROWS:
        raise DataError(
            f"{name}: the table has {_count(len(table), 'row')} below the header.",
            expected=f"at least {MIN_ROWS}",
            remedy="add rows",
        )

    no_features = (options.target, options.group)
    features = [column for column in table.columns if column not in no_features]
    if not features:
        raise DataError(
            f"{name}: no column is left to learn from.",
            expected="a feature or more",
            remedy="add columns, separated by , ; tab or | in a CSV file",
        )
    return features


def _require_column(name: str, table: CanonicalTable, column: str) -> None:
    if column in table:
        return

    hint = ""
    near = difflib.get_close_matches(column, table.columns)
    if near:
        hint = f" Did you mean {near[0]!r}?"
    raise DataError(
        f"{name}: there is no column {column!r}.{hint}",
        expected=f"one of {_list_columns(table)}",
        remedy="check the spelling",
    )


def _require_values(name: str, table: CanonicalTable, column: str) -> None:
    missing = np.flatnonzero(table[column].isna())
    if len(missing):
        raise DataError(
            f"{name}: row {missing[0] + 2}, column {column!r}: no value ({len(missing)} such rows).",
            expected="a value in every row of the target and of the group",
            remedy="fill the cells in, or remove the rows",
        )


def _list_columns(table: CanonicalTable) -> str:
    shown = ", ".join(table.columns[:_LISTED_COLUMNS])
    others = len(table.columns) - _LISTED_COLUMNS
    if others > 0:
        return f"{shown} and {others} more"
    return shown


def _count(number: int, noun: str, plural_ending: str = "s") -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{plural_ending}"


# Target


@dataclass(frozen=True, eq=False)
class _Labels:
    """The target column as numbers.

    ``values`` (rows,): amounts, or class indices into ``classes``, which regression has none of.
    """

    task: TaskType
    values: NDArray[np.float64]
    classes: tuple[str, ...] = ()


def _read_target(name: str, table: CanonicalTable, options: DataOptions) -> _Labels:
    series = table[options.target]
    task = options.task or recognise_task(series)
    asked_for_classes = options.task == "classification"

    is_text = not is_numeric(series) and not isinstance(series.dtype, pd.CategoricalDtype)
    if is_text and not asked_for_classes:
        check_text(name, options.target, series.tolist())

    if task == "regression":
        return _read_amounts(name, options.target, series)
    return _read_classes(name, options.target, series)


def _read_amounts(name: str, column: str, series: pd.Series) -> _Labels:
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
    return _Labels("regression", values)


def _read_classes(name: str, column: str, series: pd.Series) -> _Labels:
    other_choice = "choose another target"
    if is_numeric(series):
        finite_numbers(name, series)
        other_choice = "choose another target, or the task regression"

    values, index, counts = np.unique(series.to_numpy(), return_inverse=True, return_counts=True)
    classes = tuple(str(to_level(value)) for value in values.tolist())

    if not 2 <= len(classes) <= MAX_LEVELS:
        raise DataError(
            f"{name}: the target {column!r} has {_count(len(classes), 'class', 'es')}.",
            expected=f"2 to {MAX_LEVELS} classes",
            remedy=other_choice,
        )
    if counts.min() < 2:
        rarest = int(counts.argmin())
        row = int(np.flatnonzero(index == rarest)[0]) + 2
        raise DataError(
            f"{name}: class {classes[rarest]!r} of {column!r} has one member, in row {row}.",
            expected="two rows or more of every class",
            remedy="remove that row, or merge the class with another",
        )
    return _Labels("classification", index.astype(np.float64), classes)


def _fit_target(name: str, labels: _Labels, split: Split, options: DataOptions) -> Target:
    """What a network learns in place of the target, from the training rows."""
    if labels.classes:
        return ClassTarget(options.target, labels.classes)

    train = labels.values[split.train]
    if options.preset == "modern":
        mean, scale = mean_and_scale(train)
        return RegressionTarget(options.target, mean, scale)

    largest = float(train.max())
    if largest <= 0:
        raise DataError(
            f"{name}: the largest training target in {options.target!r} is {largest:g}; classic "
            "divides by it.",
            expected="a positive one",
            remedy="use the preset modern",
        )
    return RegressionTarget(options.target, 0.0, largest)


# Split


def _split(
    name: str,
    table: CanonicalTable,
    labels: _Labels,
    options: DataOptions,
    features: Sequence[str],
) -> Split:
    """Share the rows out. Raises DataError for an empty part, or one that lacks a class."""
    groups = _groups_of_rows(name, table, options, features)

    def take_out(rows: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
        if groups is not None:
            return group_split(name, rows, groups[rows], fraction, seed)
        if labels.classes and options.preset == "modern":
            row_labels = labels.values[rows]
            return stratified_split(name, rows, row_labels, labels.classes, fraction, seed)
        return sample_split(rows, fraction, seed)

    every_row = np.arange(len(table), dtype=np.int64)
    rest, test = take_out(every_row, options.test_fraction, options.seed)
    # The second cut has a seed of its own, so that it does not repeat the pattern of the first.
    second_seed = (options.seed + 1) % SEEDS

    if options.preset == "classic":
        split = Split(rest, rest[:0], test)
    elif options.folds > 1:
        rest = np.sort(rest)
        numbers = _deal_folds(name, rest, labels, groups, options.folds, second_seed)
        split = Split(rest, rest[:0], np.sort(test), numbers)
    else:
        train, validation = take_out(np.sort(rest), options.validation_fraction, second_seed)
        split = Split(np.sort(train), np.sort(validation), np.sort(test))

    _check_parts_have_rows(name, split, options, len(table))
    if labels.classes:
        _check_parts_have_classes(name, labels, split, grouped=groups is not None)
    return split


def _groups_of_rows(
    name: str, table: CanonicalTable, options: DataOptions, features: Sequence[str]
) -> NDArray[np.int64] | None:
    """The number (rows,) of each row's group, where groups stay in one part; else None."""
    if options.same and options.same != "all":
        for column in options.same:
            _require_column(name, table, column)

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
    labels: _Labels,
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
    has_validation_part = options.preset == "modern" and options.folds == 1
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


def _check_parts_have_classes(name: str, labels: _Labels, split: Split, *, grouped: bool) -> None:
    """Raise DataError unless every class can be learned, whichever fold is left out."""
    remedy = "choose another data seed, or add rows of the class"
    if grouped:
        remedy += ", or other groups"

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
    folds = int(split.folds.max()) + 1
    for index, label in enumerate(labels.classes):
        folds_of_class = split.folds[in_training == index]
        if len(folds_of_class) < folds:
            shortage = _count(len(folds_of_class), "row")
        elif len(np.unique(folds_of_class)) < 2:
            shortage = "all rows in one"
        else:
            continue
        raise DataError(
            f"{name}: class {label!r} has {shortage} besides the test part, for {folds} folds.",
            expected="at least one row of every class for each fold, in two folds or more",
            remedy=f"ask for fewer folds, or {remedy}",
        )


def _check_targets_of_parts(name: str, labels: _Labels, split: Split, options: DataOptions) -> None:
    """Raise DataError for a part whose regression targets are all 0: accuracy divides by them."""
    if labels.classes:
        return

    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    if split.folds is not None:
        # Each fold as a part of its own. The others, which are then trained on, have other targets.
        for fold in range(options.folds):
            parts[f"validation (fold {fold + 1})"] = split.train[split.folds == fold]

    for label, rows in parts.items():
        if len(rows) and not labels.values[rows].any():
            raise DataError(
                f"{name}: the {label} part has only zeros in {options.target!r}: its accuracy is "
                "undefined.",
                expected="mean |target| above zero",
                remedy="choose another data seed or fraction, or add rows",
            )


# Encoding


def _fit_columns(
    name: str, table: CanonicalTable, split: Split, options: DataOptions, features: Sequence[str]
) -> list[Column]:
    columns: list[Column] = []
    for feature in features:
        if options.preset == "classic":
            columns.append(NumericColumn(feature))
        else:
            logs = options.log_columns == "auto"
            columns.append(fit_column(name, table[feature], split.train, logs=logs))
    return columns


def _encode(
    name: str, table: CanonicalTable, encoder: Encoder, options: DataOptions
) -> NDArray[np.float32]:
    """Network inputs (rows, inputs) of the whole table."""
    cells: dict[str, Any] = {}
    for column in encoder.columns:
        series = table[column.name]
        if is_numeric(series):
            cells[column.name] = series.to_numpy()
        else:
            cells[column.name] = series.tolist()

    try:
        return encode(cells, encoder.to_dict())
    except TableError as error:
        if options.preset == "classic":
            error.remedy = "use the preset modern, which encodes text and fills in missing values"
        raise to_data_error(name, error) from None


@dataclass(frozen=True, eq=False)
class _Arrays:
    """All rows of the table as arrays, which parts are cut from; shapes as in `Part`."""

    x: NDArray[np.float32]
    y: NDArray[np.float64]
    target: NDArray[np.float64]

    def part(self, rows: Rows) -> Part | None:
        """The part of these rows; None without rows."""
        if not len(rows):
            return None
        return Part(
            x=np.ascontiguousarray(self.x[rows]),
            y=self.y[rows].astype(np.float32),
            target=self.target[rows],
            rows=rows,
        )
