"""What a person should know of a table before a search.

What a search would refuse is found by preparing the data, exactly as the search will. The other
findings are things that a search accepts and that spoil its result: identifiers, copies of rows,
features that give the answer away.

Reading order: `check_table`, then the functions that it calls, each of which looks for one thing.
Those about single features and rows are in `shoal.data.feature_findings`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from shoal.data.canonical import CanonicalTable, as_canonical, is_numeric
from shoal.data.column_profile import ColumnFacts, column_facts
from shoal.data.dataset import DataOptions, Dataset, Preset
from shoal.data.dates import DateColumn
from shoal.data.encoder import FLOAT32_MAX, NumericColumn, fit_column, skewness
from shoal.data.encoding_findings import misread_texts
from shoal.data.feature_findings import (
    alike_categories,
    answers_in_disguise,
    classes_without_value,
    codes,
    copies_of_rows,
    dates_in_one_number,
    is_identifier,
    left_out,
    marks_of_missing,
    missing_cells,
    notations,
    rows_of_one_kind,
    subtotals,
    text_columns,
    useless_columns,
    zones_apart,
)
from shoal.data.findings import (
    SAMPLE,
    SHOWN,
    Checked,
    Examination,
    Finding,
    listed,
    names_column,
    quoted,
)
from shoal.data.messages import count_of, first_few
from shoal.data.other_tables import Table
from shoal.data.part_targets import check_accuracy, check_accuracy_of_folds
from shoal.data.preparation import prepare, prepare_new, table_and_target
from shoal.data.series_findings import series_in_time
from shoal.data.splits import FoldsError
from shoal.data.target import FEW_VALUES, recognise_task
from shoal.errors import DataError, SettingsError, ShoalError

__all__ = ["Checked", "Finding", "check", "check_table"]

_WORST_FIRST = ("bad", "look", "good")

# A table with fewer rows is small: the accuracy on a test part of 30 rows is one of a few dozen
# possible values.
FEW_ROWS = 100

# A class with fewer rows is rare.
FEW_MEMBERS = 10

# Share of the rows that are of one class.
MOSTLY_ONE_CLASS = 0.9

# Skewness of a target; an exponential distribution has 2.
LONG_TAIL = 3.0


def check(
    data: str | os.PathLike[str] | Table,
    target: str | Sequence[str] | None = None,
    *,
    preset: Preset = "modern",
    **options: Any,
) -> Checked:
    """Say what to know of a table before it is searched, as ``shoal check`` does.

    Parameters
    ----------
    data, target, preset, options
        As for `shoal.load_dataset`.

    Returns
    -------
    Checked
        Its ``findings``, the worst first, with remedies, and the prepared ``dataset``; None where
        a search would refuse the table, which raises nothing here.

    Raises
    ------
    DataError
        If the table cannot be read at all, or no target is known.
    SettingsError
        If its ``file_encoding`` is none.

    Examples
    --------
    >>> import pandas as pd
    >>> flowers = pd.DataFrame({"petal": range(40), "kind": ["rose", "lily"] * 20})
    >>> check(flowers, "kind").bad
    False
    """
    name, table, known = table_and_target(data, target, options.get("file_encoding"))
    return check_table(name, table, known, preset, **options)


def check_table(
    name: str,
    source: CanonicalTable | pd.DataFrame,
    target: str | Sequence[str],
    preset: Preset = "modern",
    facts: Sequence[ColumnFacts] | None = None,
    **options: Any,
) -> Checked:
    """Examine a table for a search for ``target``.

    Parameters
    ----------
    name
        What messages call the table.
    source
        The table.
    target, preset, options
        As for `shoal.data.prepare_new`, which is called.
    facts
        Those of its columns (`column_facts`), to spare counting again; others may be among them.

    Returns
    -------
    Checked
        A bad table, or bad options, are findings: nothing is raised for them.
    """
    try:
        table = as_canonical(name, source)
    except DataError as error:
        return Checked((Finding.of(error),))

    dataset = None
    refusal = None
    try:
        dataset = prepare_new(name, table, target, preset, **options)
    except ShoalError as error:
        refusal = error

    # Without the target or without rows there is nothing more to examine.
    targets = (target,) if isinstance(target, str) else tuple(target)
    all_there = bool(targets) and all(name in table for name in targets)
    if refusal is not None and not (all_there and len(table)):
        return Checked((Finding.of(refusal),))

    task = options.get("task") or recognise_task(table[targets[0]])
    if len(targets) > 1:
        task = "regression"
    if dataset is not None:
        task = dataset.task
    no_features = _no_features(targets, preset, options)
    rows_per_sample_row = -(-len(table) // SAMPLE)
    examination = Examination(
        name=name,
        table=table,
        targets=targets,
        preset=preset,
        options=options,
        features=[column for column in table.columns if column not in no_features],
        facts={fact.name: fact for fact in facts or column_facts(table)},
        sample=table.every_nth_row(rows_per_sample_row),
        task=task,
        dataset=dataset,
        error=refusal,
    )

    # Numbers that a search refuses may be too large for what is computed of them here.
    with np.errstate(over="ignore", invalid="ignore"):
        findings = _without_refused([*_all_findings(examination)])
    # The sort is stable: findings of one status stay in the order above.
    findings.sort(key=lambda finding: _WORST_FIRST.index(finding.status))
    return Checked(tuple(findings), dataset)


def _all_findings(examination: Examination) -> Iterator[Finding]:
    yield from _refusals(examination)
    yield from _size(examination)
    yield from _roles(examination)
    yield from _logarithms(examination)
    yield from _days(examination)
    yield from _folds(examination)
    yield from _target(examination)
    yield from _accuracy(examination)
    yield from left_out(examination)
    yield from misread_texts(examination)
    yield from notations(examination)
    yield from codes(examination)
    yield from dates_in_one_number(examination)
    yield from zones_apart(examination)
    yield from rows_of_one_kind(examination)
    yield from subtotals(examination)
    yield from marks_of_missing(examination)
    yield from missing_cells(examination)
    yield from useless_columns(examination)
    yield from text_columns(examination)
    yield from alike_categories(examination)
    yield from classes_without_value(examination)
    yield from answers_in_disguise(examination)
    yield from copies_of_rows(examination)
    yield from series_in_time(examination)


def _without_refused(findings: list[Finding]) -> list[Finding]:
    """Leave out what would only say again to leave out a column that a search refuses."""
    refused: set[str] = set()
    for finding in findings:
        if finding.status == "bad":
            refused.update(finding.leave)

    kept = []
    for finding in findings:
        repeats = finding.status == "look" and finding.leave and refused.issuperset(finding.leave)
        if not repeats:
            kept.append(finding)
    return kept


def _no_features(
    targets: tuple[str, ...], preset: Preset, options: Mapping[str, Any]
) -> tuple[str | None, ...]:
    """Columns that are no features; those with a role only if the options make sense."""
    try:
        found = DataOptions.of_new_run(targets, preset, **options)
        return (*found.no_features, found.order)
    except SettingsError:
        return (*targets, options.get("group"), options.get("order"))


# What a search refuses


def _refusals(examination: Examination) -> Iterator[Finding]:
    """The error, and what is wrong with every other column: a person mends a table in one go."""
    error = examination.error
    if error is None:
        return

    yield Finding.of(error, examination.features)
    if not examination.rules.encodes_columns:
        yield from _columns_classic_cannot_read(examination)
        return

    # A column may be refused for any row, so each is tried as if every row were for training.
    every_row = np.arange(len(examination.table), dtype=np.int64)
    for column in examination.features:
        if names_column(error, column):
            continue
        try:
            examination.table.check_readable(examination.name, column)
            fit_column(examination.name, examination.table[column], every_row)
        except DataError as other_error:
            yield Finding.of(other_error, (column,))


def _columns_classic_cannot_read(examination: Examination) -> Iterator[Finding]:
    unreadable = []
    for column in examination.features:
        values = examination.table[column]
        if not is_numeric(values) or values.isna().any():
            unreadable.append(column)

    # One such column is what the error itself names.
    if len(unreadable) > 1:
        yield Finding(
            "bad",
            f"Classic takes complete numbers only; not so: {listed(unreadable)}.",
            "use the preset modern, which encodes text and fills in missing values",
            tuple(unreadable),
        )


# Size and split


def _size(examination: Examination) -> Iterator[Finding]:
    rows = len(examination.table)
    features = len(examination.features)
    dataset = examination.dataset
    size = f"{count_of(rows, 'row')}, {count_of(features, 'feature')}"
    if dataset is None:
        yield Finding("good", f"{size}.")
        return

    if dataset.inputs != features:
        size += f" as {count_of(dataset.inputs, 'network input')}"
    yield Finding("good", f"{size}: {_split_in_words(dataset)}.")

    if rows < FEW_ROWS:
        tested = ""
        if dataset.test is not None:
            tested = f", and {len(dataset.test.rows):,} that test"
        yield Finding(
            "look",
            f"Only {count_of(rows, 'row')}: every score rests on few{tested}.",
            "add rows if there are more; look at intervals rather than at single scores",
        )


def _split_in_words(dataset: Dataset) -> str:
    use_of_train = "train"
    if dataset.fold_numbers is not None:
        use_of_train = f"train and validate in {dataset.options.folds} folds"

    uses = [f"{len(dataset.train.rows):,} {use_of_train}"]
    if dataset.validation is not None:
        uses.append(f"{len(dataset.validation.rows):,} validate")
    if dataset.test is not None:
        uses.append(f"{len(dataset.test.rows):,} test")
    words = ", ".join(uses)
    if dataset.options.order is not None:
        return f"in the order of {quoted(dataset.options.order)}, {words}"
    return words


def _roles(examination: Examination) -> Iterator[Finding]:
    """Say which columns have a role."""
    dataset = examination.dataset
    if dataset is None:
        return

    if dataset.options.drop:
        yield Finding("good", f"Left out: {listed(dataset.options.drop)}.")
    if dataset.options.columns:
        yield Finding(
            "good", f"No features, and stay with their rows: {listed(dataset.options.columns)}."
        )
    if dataset.options.weight is not None:
        weight = quoted(dataset.options.weight)
        yield Finding("good", f"{weight} says how much each row counts, and is no feature.")


def _logarithms(examination: Examination) -> Iterator[Finding]:
    if examination.dataset is None:
        return

    logged = []
    for column in examination.dataset.encoder.columns:
        if isinstance(column, NumericColumn) and column.log_floor is not None:
            logged.append(column.name)
    if logged:
        yield Finding(
            "good", f"Taken as logarithms, as their values have a long tail: {listed(logged)}."
        )


def _days(examination: Examination) -> Iterator[Finding]:
    """Say which columns are dates, and which parts of them are inputs."""
    if examination.dataset is None:
        return

    dates = []
    for column in examination.dataset.encoder.columns:
        if isinstance(column, DateColumn):
            dates.append(f"{quoted(column.name)} ({column.parts})")
    if dates:
        yield Finding("good", f"Dates, taken as numbers: {first_few(dates, SHOWN)}.")


def _folds(examination: Examination) -> Iterator[Finding]:
    """Say why the usual folds were given up, where they were."""
    dataset = examination.dataset
    options = examination.options
    asked_for = options.get("folds") is not None or "validation_fraction" in options
    if dataset is None or asked_for:
        return

    usual = examination.rules.new_run.get("folds", 1)
    if dataset.options.folds < usual:
        try:
            folded = replace(dataset.options, folds=usual)
            check_accuracy_of_folds(prepare(examination.name, examination.table, folded))
        except FoldsError as error:
            yield Finding(
                "look",
                f"One part validates all trainings, as {usual} folds fail: {error.problem}",
                error.remedy,
            )


# Target


def _target(examination: Examination) -> Iterator[Finding]:
    if examination.task == "regression":
        for target in examination.targets:
            # A target that does not vary is refused, and nothing about it is good.
            if examination.facts[target].distinct > 1:
                yield _amounts(examination, target)
    else:
        yield from _classes(examination)


def _amounts(examination: Examination, target: str) -> Finding:
    name = quoted(target)
    distinct = examination.facts[target].distinct
    if 2 <= distinct <= FEW_VALUES:
        return Finding(
            "look",
            f"The target {name} has only {distinct} different values, taken as amounts.",
            "choose the task classification if they are kinds",
        )

    if is_identifier(examination, examination.facts[target]):
        return Finding(
            "look",
            f"The target {name} counts the rows up, as an identifier does.",
            "choose another target, if it is one",
        )

    tail = _tail(examination.table[target])
    if abs(tail) > LONG_TAIL:
        return Finding(
            "look",
            f"The target {name} has a long tail (skewness {tail:.1f}): a few rows decide its "
            "errors.",
            "look for wrong values; have its logarithm predicted if relative errors matter",
        )
    return Finding("good", f"Regression of {name}: {count_of(distinct, 'different value')}.")


def _accuracy(examination: Examination) -> Iterator[Finding]:
    """Say where the accuracy is undefined, by which a search selects unless told otherwise."""
    if examination.dataset is None:
        return
    try:
        check_accuracy(examination.dataset)
    except DataError as error:
        yield Finding("look", error.problem, error.remedy)


def _tail(target: pd.Series) -> float:
    """Skewness of the values that a search takes, from a sample of them; 0 where there are none."""
    if not is_numeric(target):
        return 0.0
    values = target.to_numpy(dtype=np.float64)
    values = values[np.abs(values) <= FLOAT32_MAX]
    if not len(values):
        return 0.0
    values_per_sample_value = -(-len(values) // SAMPLE)
    return skewness(values[::values_per_sample_value])


def _classes(examination: Examination) -> Iterator[Finding]:
    target = examination.table[examination.targets[0]]
    name = quoted(examination.targets[0])
    counts = target.value_counts()
    if len(counts) < 2:
        return

    classes = f"{len(counts):,} classes"
    task_was_recognised = examination.options.get("task") is None
    if task_was_recognised and is_numeric(target):
        yield Finding(
            "look",
            f"The numbers in {name} are taken for {classes}.",
            "choose regression if they are amounts",
        )
    else:
        yield Finding("good", f"Classification of {name}: {classes}.")

    largest_share = counts.iloc[0] / counts.sum()
    if largest_share >= MOSTLY_ONE_CLASS:
        largest = quoted(str(counts.index[0]))
        yield Finding(
            "look",
            f"{100 * largest_share:.0f} % of the rows are of class {largest}: always saying so is "
            "right as often.",
            "judge by balanced accuracy, or add rows of the other classes",
        )

    rare = counts[counts < FEW_MEMBERS]
    if len(rare):
        rare_names = [str(label) for label in rare.index]
        yield Finding(
            "look",
            f"Classes with fewer than {FEW_MEMBERS} rows: {listed(rare_names)}.",
            "add rows of them, or merge them with others",
        )
