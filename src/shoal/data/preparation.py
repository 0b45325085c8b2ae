"""From a table to a dataset: checked, split, encoded, scaled. A pure function of table and options."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.dataset import DataOptions, Dataset, Logs, Part, Preset, TaskType
from shoal.data.encoder import (
    MAX_LEVELS,
    ClassTarget,
    Encoder,
    NumericColumn,
    RegressionTarget,
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
from shoal.data.table_io import BUNDLED, canonical, read_table, wrapped
from shoal.errors import DataError
from shoal.inference.standalone import MAX_COLUMNS, TableError, encode, to_level

MIN_ROWS = 10
FEW_VALUES = (
    10  # whole-number targets of at most so many values, each five times on average, are classes
)
ROWS_PER_VALUE = 5


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
    """Read and prepare a bundled name, a CSV or Parquet file, or a DataFrame. Raises DataError or SettingsError.

    The options are those of `DataOptions`, with what its preset has now for those that are None.
    """
    asked = {} if validation_fraction is None else {"validation_fraction": validation_fraction}
    name, source, target = table_and_target(data, target)
    return prepare_new(
        name,
        source,
        target,
        preset,
        same=same,
        folds=folds,
        log_columns=log_columns,
        task=task,
        group=group,
        test_fraction=test_fraction,
        seed=seed,
        **asked,
    )


def table_and_target(
    data: str | os.PathLike[str] | pd.DataFrame, target: str | None = None
) -> tuple[str, pd.DataFrame, str]:
    """Name, canonical table and target of a bundled name, file or DataFrame. Raises DataError where no target is known."""
    name, source = read_table(data)
    if target is None and isinstance(data, str):
        target = BUNDLED.get(data)
    if target is None:
        columns = _listing(source)
        remedy = f"say which with --target (target= in Python); the columns are: {columns}"
        raise DataError(
            f"{name}: no target was chosen.",
            expected="the name of the column to predict",
            remedy=remedy,
        )
    return name, source, target


def prepare_new(
    name: str,
    source: pd.DataFrame,
    target: str,
    preset: Preset = "modern",
    *,
    folds: int | None = None,
    **others: Any,
) -> Dataset:
    """`prepare` for a run that begins now (`DataOptions.of_new_run`).

    A table with too few rows, groups or members of a class for the folds that nobody asked for has one validation part.
    """
    options = DataOptions.of_new_run(target, preset, folds=folds, **others)
    if folds is None and options.folds > 1:
        try:
            return prepare(name, source, options)
        except DataError:  # of the folds; or of something else, which is then said below
            options = replace(options, folds=1)
    return prepare(name, source, options)


def prepare(name: str, source: pd.DataFrame, options: DataOptions) -> Dataset:
    """Split, encode and scale a table: the same arguments give the same bits on every machine.

    ``name`` names the table in messages. The arrays of a part are in the table's row order, except that classic
    keeps the shuffled order of ``df.sample`` for training. Raises DataError, naming row (the header is row 1) and
    column.
    """
    source = canonical(name, source)
    for column in filter(None, (options.target, options.group)):
        _require(name, source, column)
    if len(source) < MIN_ROWS:
        problem = f"{name}: the table has {len(source)} row{'' if len(source) == 1 else 's'} below the header."
        raise DataError(problem, expected=f"at least {MIN_ROWS}", remedy="add rows")
    features = [
        column for column in source.columns if column not in (options.target, options.group)
    ]
    if not features:
        remedy = "add columns, separated by , ; tab or | in a CSV file"
        raise DataError(
            f"{name}: no column is left to learn from.", expected="a feature or more", remedy=remedy
        )
    task = options.task or recognise_task(source[options.target])
    classes, target = _target(name, source[options.target], task, explicit=options.task is not None)
    options = replace(options, task=task)
    for column in options.same if options.same != "all" else ():
        _require(name, source, column, empty_cells=True)
    split = _split(name, source, classes, target, options, features)
    scaling = None if classes else _scaling(name, target[split.train], options)
    classic, logs = options.preset == "classic", options.log_columns == "auto"
    columns = [
        NumericColumn(c) if classic else fit_column(name, source[c], split.train, logs=logs)
        for c in features
    ]
    encoder = Encoder(tuple(columns), scaling or ClassTarget(options.target, classes))
    if len(encoder.inputs) > MAX_COLUMNS:
        problem = f"{name}: the columns make {len(encoder.inputs):,} network inputs."
        raise DataError(
            problem, expected=f"at most {MAX_COLUMNS:,}", remedy="drop columns with many categories"
        )
    x = _encode(name, source, encoder, options)
    y = (target - scaling.offset) / scaling.scale if scaling else target

    def part(label: str, rows: Rows) -> Part | None:
        if not len(rows):
            return None
        if not classes and not target[rows].any():
            problem = f"{name}: the {label} part has only zeros in {options.target!r}: its accuracy is undefined."
            remedy = "choose another data seed or fraction, or add rows"
            raise DataError(problem, expected="mean |target| above zero", remedy=remedy)
        return Part(np.ascontiguousarray(x[rows]), y[rows].astype(np.float32), target[rows], rows)

    train = part("training", split.train)
    assert train is not None  # _split refuses a split without training rows
    validation, test = part("validation", split.validation), part("test", split.test)
    if split.folds is not None:
        for fold in range(
            options.folds
        ):  # as a part of its own; what the others then train on has targets besides
            part(f"validation (fold {fold + 1})", split.train[split.folds == fold])
    return Dataset(name, source, options, encoder, train, validation, test, split.folds)


def resplit(dataset: Dataset, seeds: Iterable[int]) -> Iterator[Dataset]:
    """The same table prepared once for each data seed: other rows in each part. One is made at a time.

    What one genome, or one baseline, scores on the test parts of these tells how much a score owes to its split. Raises
    DataError for a seed that makes no split.
    """
    assert dataset.source is not None, "a worker's dataset has no table"
    for seed in seeds:
        yield prepare(dataset.name, dataset.source, replace(dataset.options, seed=seed))


def recognise_task(target: pd.Series) -> TaskType:
    """Text, truth values and categories are classes; whole numbers too, if there are few different ones.

    Few is 2 to 10 values with at least five rows a value on average. Everything else is regression.
    """
    if target.dtype.kind not in "if":
        return "classification"
    values = target.to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    kinds = len(np.unique(values))
    whole = bool((values == np.floor(values)).all())
    return (
        "classification"
        if whole and 2 <= kinds <= min(FEW_VALUES, len(values) // ROWS_PER_VALUE)
        else "regression"
    )


def _listing(source: pd.DataFrame) -> str:
    names = list(map(str, source.columns))
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _require(name: str, source: pd.DataFrame, column: str, *, empty_cells: bool = False) -> None:
    if column not in source.columns:
        near = difflib.get_close_matches(column, map(str, source.columns))
        hint = f" Did you mean {near[0]!r}?" if near else ""
        expected = f"one of {_listing(source)}"
        raise DataError(
            f"{name}: there is no column {column!r}.{hint}",
            expected=expected,
            remedy="check the spelling",
        )
    missing = np.flatnonzero(source[column].isna())
    if len(missing) and not empty_cells:
        problem = (
            f"{name}: row {missing[0] + 2}, column {column!r}: no value ({len(missing)} such rows)."
        )
        remedy = "fill the cells in, or remove the rows"
        raise DataError(
            problem, expected="a value in every row of the target and of the group", remedy=remedy
        )


def _target(
    name: str, series: pd.Series, task: TaskType, *, explicit: bool
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Classes (none for regression) and targets (rows,): values, or class indices."""
    column, numeric = str(series.name), series.dtype.kind in "if"
    if (
        not numeric
        and not isinstance(series.dtype, pd.CategoricalDtype)
        and not (explicit and task == "classification")
    ):
        check_text(name, column, series.tolist())
    if task == "regression":
        if not numeric:
            problem = f"{name}: row 2, column {column!r}: the target {str(series.iloc[0])[:60]!r} is not a number."
            remedy = "choose another target, or the task classification"
            raise DataError(problem, expected="numbers for regression", remedy=remedy)
        values = finite_numbers(name, series)
        if values.min() == values.max():
            problem = f"{name}: the target {column!r} is {values[0]:g} in every row."
            raise DataError(
                problem, expected="a target that varies", remedy="choose another target"
            )
        return (), values
    if numeric:
        finite_numbers(name, series)
    kinds, index, counts = np.unique(series.to_numpy(), return_inverse=True, return_counts=True)
    classes = tuple(str(to_level(kind)) for kind in kinds.tolist())
    if not 2 <= len(classes) <= MAX_LEVELS:
        problem = f"{name}: the target {column!r} has {len(classes)} class{'' if len(classes) == 1 else 'es'}."
        remedy = "choose another target" + (", or the task regression" if numeric else "")
        raise DataError(problem, expected=f"2 to {MAX_LEVELS} classes", remedy=remedy)
    if counts.min() < 2:
        rare = int(counts.argmin())
        row = int(np.flatnonzero(index == rare)[0]) + 2
        problem = f"{name}: class {classes[rare]!r} of {column!r} has one member, in row {row}."
        remedy = "remove that row, or merge the class with another"
        raise DataError(problem, expected="two rows or more of every class", remedy=remedy)
    return classes, index.astype(np.float64)


def _split(
    name: str,
    source: pd.DataFrame,
    classes: tuple[str, ...],
    target: NDArray[np.float64],
    options: DataOptions,
    features: Sequence[str],
) -> Split:
    rows, groups = np.arange(len(source), dtype=np.int64), None
    if options.group is not None:
        groups = pd.factorize(source[options.group])[0]
    elif options.same:
        groups = repeated_rows(source, features if options.same == "all" else options.same)

    def cut(rows: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
        if groups is not None:
            return group_split(name, rows, groups[rows], fraction, seed)
        if classes and options.preset == "modern":
            return stratified_split(name, rows, target[rows], classes, fraction, seed)
        return sample_split(rows, fraction, seed)

    rest, test = cut(rows, options.test_fraction, options.seed)
    if options.preset == "classic":
        split = Split(rest, rest[:0], test)
    elif options.folds > 1:
        rest = np.sort(rest)
        labels = target[rest] if classes else np.zeros(len(rest))
        within = None if groups is None else groups[rest]
        folds = fold_numbers(name, options.folds, (options.seed + 1) % SEEDS, labels, within)
        split = Split(rest, rest[:0], np.sort(test), folds)
    else:
        train, validation = cut(
            np.sort(rest), options.validation_fraction, (options.seed + 1) % SEEDS
        )
        split = Split(np.sort(train), np.sort(validation), np.sort(test))
    holdout = options.preset == "modern" and options.folds == 1
    asked = {"test": options.test_fraction, "validation": options.validation_fraction * holdout}
    for label, part in (
        ("train", split.train),
        ("validation", split.validation),
        ("test", split.test),
    ):
        if not len(part) and asked.get(label, 1):
            problem = f"{name}: no row of {len(source)} is left for the {label} part."
            raise DataError(
                problem, expected="rows for every part", remedy="change the fractions, or add rows"
            )
    if classes:
        _check_classes(name, classes, target, split, grouped=groups is not None)
    return split


def _check_classes(
    name: str, classes: tuple[str, ...], target: NDArray[np.float64], split: Split, *, grouped: bool
) -> None:
    """Raises DataError unless there is something to learn of every class, whichever fold is left out."""
    seen = target[split.train]
    remedy = "choose another data seed, or add rows of the class" + (
        ", or other groups" if grouped else ""
    )
    absent = np.setdiff1d(target, seen)
    if len(absent):
        problem = f"{name}: class {classes[int(absent[0])]!r} has no row in the training part."
        raise DataError(problem, expected="rows of every class", remedy=remedy)
    if split.folds is None:
        return
    folds = int(split.folds.max()) + 1
    for index, label in enumerate(classes):
        within = split.folds[seen == index]
        if len(within) < folds or len(np.unique(within)) < 2:
            what = (
                f"{len(within)} row{'' if len(within) == 1 else 's'}"
                if len(within) < folds
                else "all rows in one"
            )
            problem = (
                f"{name}: class {label!r} has {what} besides the test part, for {folds} folds."
            )
            expected = "at least one row of every class for each fold, in two folds or more"
            raise DataError(problem, expected=expected, remedy=f"ask for fewer folds, or {remedy}")


def _scaling(name: str, train: NDArray[np.float64], options: DataOptions) -> RegressionTarget:
    if options.preset == "modern":
        return RegressionTarget(options.target, *mean_and_scale(train))
    largest = float(train.max())
    if largest <= 0:
        problem = f"{name}: the largest training target in {options.target!r} is {largest:g}; classic divides by it."
        raise DataError(problem, expected="a positive one", remedy="use the preset modern")
    return RegressionTarget(options.target, 0.0, largest)


def _encode(
    name: str, source: pd.DataFrame, encoder: Encoder, options: DataOptions
) -> NDArray[np.float32]:
    columns = {
        column.name: values.to_numpy()
        if (values := source[column.name]).dtype.kind in "if"
        else values.tolist()
        for column in encoder.columns
    }
    try:
        return encode(columns, encoder.to_dict())
    except TableError as error:
        if options.preset == "classic":
            error.remedy = "use the preset modern, which encodes text and fills in missing values"
        raise wrapped(name, error) from None
