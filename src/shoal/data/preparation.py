"""From a table to a dataset: checked, split, encoded, scaled.

Preparing is a pure function of the table and the options: every machine gets the same bits, so a
recorded run keeps the table and the options only. A prepared table is not cached: on the bundled
table preparing takes 4 ms, and for a large one a cache would hold memory that trainings need.

Reading order: `load_dataset` is what users call, `prepare` does the work, phase by phase. Three
phases have files of their own, `shoal.data.roles`, `shoal.data.target` and `shoal.data.partition`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.bundled_tables import BUNDLED
from shoal.data.canonical import CanonicalTable, as_canonical, is_numeric, to_data_error
from shoal.data.dataset import DataOptions, Dataset, Encoding, Logs, Part, Preset, TaskType
from shoal.data.dates import DateColumn, holds_dates
from shoal.data.encoder import (
    ClassTarget,
    Column,
    Encoder,
    NumericColumn,
    fit_column,
    fit_dates,
    fit_questions,
)
from shoal.data.messages import check_has_column, count_of, list_columns
from shoal.data.other_tables import Table
from shoal.data.part_targets import check_accuracy_of_folds, check_training_targets
from shoal.data.partition import check_weights_of_parts, split_table
from shoal.data.roles import read_roles
from shoal.data.splits import FoldsError, Rows, Split
from shoal.data.table_io import read_table
from shoal.data.target import fit_target, read_target
from shoal.data.totals import check_no_totals
from shoal.errors import DataError
from shoal.inference.standalone import MAX_COLUMNS, Inputs, TableError

_log = logging.getLogger(__name__)

MIN_ROWS = 10


def load_dataset(
    data: str | os.PathLike[str] | Table,
    target: str | Sequence[str] | None = None,
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
    columns: str | Sequence[str] = (),
    weight: str | None = None,
    encoding: Encoding = "values",
    drop: str | Sequence[str] = (),
    order: str | None = None,
    file_encoding: str | None = None,
) -> Dataset:
    """Read a table and prepare it for training: split it, encode its columns, scale its target.

    Parameters
    ----------
    data
        The name of a bundled table ("concrete"), the path of a CSV or Parquet file, or a table of
        at least 10 rows, which is copied: a DataFrame of pandas or polars, a table of PyArrow, a
        NumPy array (rows, columns), whose columns are called 0, 1 and so on, or a structured one, a
        dict of columns, or a list of dicts.
    target
        Column to predict; or several columns of numbers, as a list or as text with commas between,
        which one network predicts together. None: the bundled table's own target.
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
    columns
        Columns of numbers that are no features, as a list or as text with commas between. Their
        values stay with their rows (`Part.columns`), for objectives that need them.
    weight
        Column of numbers, 0 or more, that is no feature: how much each row counts in scores and in
        trainings. None: all rows count alike.
    encoding
        "values": a column of numbers is one input, scaled. "questions": all inputs are answers to
        yes/no questions, such as whether a value is greater than a quantile of the training rows.
        Modern only.
    drop
        Columns to leave out, as a list or as text with commas between.
    order
        Column of numbers or dates that says which rows come later: the rows are a series in time.
        The last ones are the test part, and each fold validates the rows that follow those that it
        trains on. Rows with equal values stay in one part. Of the column itself only what comes
        again is a feature, such as the day of the week of a date. Modern only. None: rows are
        shared out at random.
    file_encoding
        The text encoding of a CSV file, by a name that Python knows, such as "cp1251". None: it is
        recognised, as UTF-8, UTF-16 or UTF-32 with a byte order mark, or else Windows-1252.

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
    <Dataset 'concrete': 1,030 rows, 8 inputs, regression of compressive_strength>

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
        "columns": columns,
        "weight": weight,
        "encoding": encoding,
        "drop": drop,
        "order": order,
        "file_encoding": file_encoding,
    }
    # Only where it was named: its absence asks for folds.
    if validation_fraction is not None:
        options["validation_fraction"] = validation_fraction

    name, table, target = table_and_target(data, target, file_encoding)
    return prepare_new(name, table, target, preset, **options)


def table_and_target(
    data: str | os.PathLike[str] | Table,
    target: str | Sequence[str] | None = None,
    file_encoding: str | None = None,
) -> tuple[str, CanonicalTable, str | Sequence[str]]:
    """Read a table, and find its target if it is a bundled one.

    A text with commas that is no column's name names several targets.

    Parameters
    ----------
    data, target, file_encoding
        As in `load_dataset`.

    Returns
    -------
    name : str
    table : CanonicalTable
    target : str or sequence of str

    Raises
    ------
    DataError
        If the table cannot be read, or no target is known.
    SettingsError
        As `read_table`.
    """
    name, table = read_table(data, file_encoding)
    if target is None and isinstance(data, str):
        target = BUNDLED.get(data)

    if target is None:
        columns = list_columns(table)
        raise DataError(
            f"{name}: no target was chosen.",
            expected="the name of the column to predict",
            remedy=f"say which with --target (target= in Python); the columns are: {columns}",
        )

    if isinstance(target, str) and target not in table and "," in target:
        names = [part.strip() for part in target.split(",")]
        target = [part for part in names if part]
    return name, table, target


def prepare_new(
    name: str,
    source: CanonicalTable | pd.DataFrame,
    target: str | Sequence[str],
    preset: Preset = "modern",
    *,
    folds: int | None = None,
    **others: Any,
) -> Dataset:
    """Prepare a table for a run that begins now.

    It is `prepare` with the options of `DataOptions.of_new_run`, except that a table has one
    validation part where nobody asked for folds, and they would have too few rows, groups or
    members of a class, or no accuracy.

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
    check_no_totals(name, table)

    dataset = _prepared(name, table, options, folds_were_asked_for=folds is not None)
    check_training_targets(dataset)
    return dataset


def _prepared(
    name: str, table: CanonicalTable, options: DataOptions, folds_were_asked_for: bool
) -> Dataset:
    if folds_were_asked_for:
        return prepare(name, table, options)

    try:
        dataset = prepare(name, table, options)
        check_accuracy_of_folds(dataset)
        return dataset
    except FoldsError:
        _log.debug("%s: folds are given up, one part validates", name)
        return prepare(name, table, replace(options, folds=1))


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

    roles = read_roles(name, table, options)
    # The target comes before the split, which keeps the shares of its classes.
    labels = read_target(name, table, options)
    options = replace(options, task=labels.task)
    split = split_table(name, table, labels, options, features)

    # Learned from the training rows alone: nothing of the other parts may leak into a network.
    target = fit_target(name, labels, split.train, options)
    columns = _fit_columns(name, table, split, options, features)
    encoder = Encoder(tuple(columns), target)
    if not encoder.inputs:
        raise DataError(
            f"{name}: no column has different values in the training rows.",
            expected="a question that not all rows answer alike",
            remedy="add columns",
        )
    if len(encoder.inputs) > MAX_COLUMNS:
        raise DataError(
            f"{name}: the columns make {len(encoder.inputs):,} network inputs.",
            expected=f"at most {MAX_COLUMNS:,}",
            remedy="drop columns with many categories",
        )

    # What networks learn: scaled amounts, or class indices as they are.
    y = labels.values
    if not isinstance(target, ClassTarget):
        y = target.scaled(labels.values)
    inputs = _encode(name, table, encoder, options)
    arrays = _Arrays(inputs, y, labels.values, roles.columns, roles.weight)

    check_weights_of_parts(name, roles, split, options)
    train = arrays.part(split.train)
    assert train is not None, "split_table refuses a split without training rows"
    return Dataset(
        name=name,
        table=table,
        options=options,
        encoder=encoder.written_as(table.notations),
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
        One at a time, so that only one need be in memory.

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


# Columns


def _check_columns(name: str, table: CanonicalTable, options: DataOptions) -> list[str]:
    """The features, in the table's order. Raises DataError for columns or rows that are missing."""
    for column in options.targets:
        check_has_column(name, table, column)
        _require_values(name, table, column)
    if options.order is not None:
        check_has_column(name, table, options.order)
    if options.group is not None:
        check_has_column(name, table, options.group)
        _require_values(name, table, options.group)

    if len(table) < MIN_ROWS:
        raise DataError(
            f"{name}: the table has {count_of(len(table), 'row')} below the header.",
            expected=f"at least {MIN_ROWS}",
            remedy="add rows",
        )

    for column in (*options.with_roles, *options.drop):
        check_has_column(name, table, column)
    for column in options.with_roles:
        table.check_readable(name, column)
    # Classes are texts, whatever they look like.
    if options.task != "classification":
        for column in options.targets:
            table.check_readable(name, column)

    no_features = [*options.no_features]
    if options.order is not None and not holds_dates(table[options.order]):
        no_features.append(options.order)
    features = [column for column in table.columns if column not in no_features]
    if not features:
        raise DataError(
            f"{name}: no column is left to learn from.",
            expected="a feature or more",
            remedy="add columns, separated by , ; tab or | in a CSV file",
        )
    for column in features:
        table.check_readable(name, column)
    return features


def _require_values(name: str, table: CanonicalTable, column: str) -> None:
    missing = np.flatnonzero(table[column].isna())
    if len(missing):
        gap = table.gap(column)
        what = f"{gap!r} means no value" if gap else "no value"
        another = "write it in another way if it means something (Namibia for NA), " if gap else ""
        raise DataError(
            f"{name}: row {missing[0] + 2}, column {column!r}: {what} ({len(missing)} such rows).",
            expected="a value in every row of the target and of the group",
            remedy=f"{another}fill the cells in, or remove the rows",
        )


# Encoding


def _fit_columns(
    name: str, table: CanonicalTable, split: Split, options: DataOptions, features: Sequence[str]
) -> list[Column]:
    columns: list[Column] = []
    for feature in features:
        if feature == options.order:
            columns += _fit_order(name, table[feature], split.train, options)
        elif options.encoding == "questions":
            columns.append(fit_questions(name, table[feature], split.train))
        elif options.rules.encodes_columns:
            logs = options.log_columns == "auto"
            columns.append(fit_column(name, table[feature], split.train, logs=logs))
        else:
            columns.append(NumericColumn(feature))
    return columns


def _fit_order(
    name: str, series: pd.Series, train: Rows, options: DataOptions
) -> Iterator[DateColumn]:
    """Of the dates that rows are ordered by: what comes again. No network has seen later days."""
    column = fit_dates(name, series, train)
    if column.cycles and options.encoding == "values":
        yield replace(column, days=False)


def _encode(name: str, table: CanonicalTable, encoder: Encoder, options: DataOptions) -> Inputs:
    """Network inputs of the whole table."""
    cells: dict[str, Any] = {}
    for column in encoder.columns:
        series = table[column.name]
        if is_numeric(series):
            cells[column.name] = series.to_numpy()
        else:
            cells[column.name] = series.tolist()

    try:
        return Inputs(cells, encoder.to_dict())
    except TableError as error:
        if not options.rules.encodes_columns:
            error.remedy = "use the preset modern, which encodes text and fills in missing values"
        raise to_data_error(name, error) from None


@dataclass(frozen=True, eq=False)
class _Arrays:
    """All rows of the table as arrays, which parts are cut from; shapes as in `Part`."""

    inputs: Inputs
    y: NDArray[np.float64]
    target: NDArray[np.float64]
    columns: Mapping[str, NDArray[np.float64]]
    weight: NDArray[np.float32] | None

    def part(self, rows: Rows) -> Part | None:
        """The part of these rows; None without rows."""
        if not len(rows):
            return None

        weight = None
        if self.weight is not None:
            weight = self.weight[rows]
        return Part(
            x=self.inputs.of_rows(rows),
            y=self.y[rows].astype(np.float32),
            target=self.target[rows],
            rows=rows,
            columns={name: values[rows] for name, values in self.columns.items()},
            weight=weight,
        )
