"""What a person should know of a table before a search.

What a search would refuse is found by preparing the data, exactly as the search will. The other
findings are things that a search accepts and that spoil its result: identifiers, copies of rows,
features that give the answer away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.canonical import CanonicalTable, as_canonical, is_numeric
from shoal.data.column_profile import ColumnFacts, column_facts
from shoal.data.dataset import NEW_RUN, Dataset, Preset, TaskType
from shoal.data.encoder import NumericColumn, fit_column, skewness
from shoal.data.preparation import FEW_VALUES, prepare_new, recognise_task
from shoal.data.splits import repeated_rows
from shoal.errors import DataError, ShoalError
from shoal.inference.standalone import to_number

Status = Literal["good", "look", "bad"]
_WORST_FIRST = ("bad", "look", "good")

# Rows, evenly spread, that correlations and the like are computed from.
SAMPLE = 50_000

# Of the whole table. The accuracy on a test part of 30 rows is one of a few dozen possible values.
FEW_ROWS = 100

# Of a class.
FEW_MEMBERS = 10

# Of a text column; each is a network input of its own.
MANY_LEVELS = 30

# Shares of the rows.
MOSTLY_MISSING = 0.3
MOSTLY_ONE_CLASS = 0.9

# From this share of numbers on, a text column is said to hold numbers and words.
_SOME_NUMBERS = 0.1

# From this correlation on, a feature is taken for the target in other words.
SAME = 0.9995

# Skewness of a target; an exponential distribution has 2.
LONG_TAIL = 3.0

# Columns that one finding names, and characters of a name.
_SHOWN = 6
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know of a table. Texts quote what files hold.

    Attributes
    ----------
    status
        "bad": no search can start. "look": one can, but see the remedy. "good": all is well.
    what
        The finding, in a sentence.
    remedy
        What to do about it.
    leave
        Columns whose leaving out would mend it.
    together
        Whether keeping rows with equal features in one part would mend it.
    """

    status: Status
    what: str
    remedy: str = ""
    leave: tuple[str, ...] = ()
    together: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, error: ShoalError, features: Sequence[str] = ()) -> Finding:
        """The bad finding that says what a search would say as it refuses.

        If the error names some of the ``features``, leaving them out would mend it.
        """
        expected = ""
        if error.expected:
            expected = f" Expected: {error.expected}."
        named = tuple(column for column in features if _names_column(error, column))
        return cls("bad", error.problem + expected, error.remedy, named)


@dataclass(frozen=True, eq=False)
class Checked:
    """What an examination of a table came to.

    Attributes
    ----------
    findings
        The worst first.
    dataset
        The prepared data; None where a search would refuse the table.
    """

    findings: tuple[Finding, ...]
    dataset: Dataset | None = None

    @property
    def bad(self) -> bool:
        """Whether no search can start."""
        return self.dataset is None


@dataclass(frozen=True, eq=False)
class _Examination:
    """What the functions below look at.

    ``features`` are the columns to learn from, ``facts`` those of every column by its name,
    ``sample`` up to `SAMPLE` rows. ``dataset`` is the prepared data, or else ``error`` says why a
    search would refuse it. ``options`` are those that were asked for.
    """

    name: str
    table: CanonicalTable
    target: str
    preset: Preset
    options: Mapping[str, Any]
    features: Sequence[str]
    facts: Mapping[str, ColumnFacts]
    sample: CanonicalTable
    task: TaskType
    dataset: Dataset | None
    error: ShoalError | None

    @property
    def feature_facts(self) -> list[ColumnFacts]:
        return [self.facts[feature] for feature in self.features]


def check_table(
    name: str,
    source: CanonicalTable | pd.DataFrame,
    target: str,
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

    if refusal is not None and (target not in table or not len(table)):
        return Checked((Finding.of(refusal),))

    task = options.get("task") or recognise_task(table[target])
    if dataset is not None:
        task = dataset.task
    no_features = (target, options.get("group"))
    rows_per_sample_row = -(-len(table) // SAMPLE)
    examination = _Examination(
        name=name,
        table=table,
        target=target,
        preset=preset,
        options=options,
        features=[column for column in table.columns if column not in no_features],
        facts={fact.name: fact for fact in facts or column_facts(table)},
        sample=table.every_nth_row(rows_per_sample_row),
        task=task,
        dataset=dataset,
        error=refusal,
    )

    findings = [
        *_refusals(examination),
        *_size(examination),
        *_logarithms(examination),
        *_folds(examination),
        *_target(examination),
        *_missing_cells(examination),
        *_useless_columns(examination),
        *_text_columns(examination),
        *_answers_in_disguise(examination),
        *_repeated_rows(examination),
    ]
    findings.sort(key=lambda finding: _WORST_FIRST.index(finding.status))
    return Checked(tuple(findings), dataset)


def listed(names: Sequence[str]) -> str:
    """Names of columns in quotes, the first few of them."""
    return _first_few([repr(name[:_SHOWN_CHARACTERS]) for name in names])


def _first_few(items: Sequence[str]) -> str:
    shown = ", ".join(items[:_SHOWN])
    if len(items) > _SHOWN:
        return f"{shown} and {len(items) - _SHOWN} more"
    return shown


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}s"


def _names_column(error: ShoalError, column: str) -> bool:
    return f"column {column!r}" in error.problem


# What a search refuses


def _refusals(examination: _Examination) -> Iterator[Finding]:
    """The error, and what is wrong with every other column: a person mends a table in one go."""
    error = examination.error
    if error is None:
        return

    yield Finding.of(error, examination.features)
    if examination.preset == "classic":
        yield from _columns_classic_cannot_read(examination)
        return

    every_row = np.arange(len(examination.table), dtype=np.int64)
    for column in examination.features:
        if _names_column(error, column):
            continue
        try:
            fit_column(examination.name, examination.table[column], every_row)
        except DataError as other_error:
            yield Finding.of(other_error, (column,))


def _columns_classic_cannot_read(examination: _Examination) -> Iterator[Finding]:
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


def _size(examination: _Examination) -> Iterator[Finding]:
    rows = len(examination.table)
    features = len(examination.features)
    dataset = examination.dataset
    size = f"{_count(rows, 'row')}, {_count(features, 'feature')}"
    if dataset is None:
        yield Finding("good", f"{size}.")
        return

    if dataset.inputs != features:
        size += f" as {_count(dataset.inputs, 'network input')}"
    yield Finding("good", f"{size}: {_split_in_words(dataset)}.")

    if rows < FEW_ROWS:
        tested = ""
        if dataset.test is not None:
            tested = f", and {len(dataset.test.rows):,} that test"
        yield Finding(
            "look",
            f"Only {_count(rows, 'row')}: every score rests on few{tested}.",
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
    return ", ".join(uses)


def _logarithms(examination: _Examination) -> Iterator[Finding]:
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


def _folds(examination: _Examination) -> Iterator[Finding]:
    """Whether the usual folds were given up for a table that is too small for them."""
    dataset = examination.dataset
    options = examination.options
    asked_for = options.get("folds") is not None or "validation_fraction" in options
    if dataset is None or asked_for:
        return

    usual = NEW_RUN.get(examination.preset, {}).get("folds", 1)
    if dataset.options.folds < usual:
        yield Finding(
            "look",
            f"Too few rows, groups or members of a class for {usual} folds: one part validates all "
            "trainings.",
            "add rows, merge rare classes, or ask for 2 or 3 folds",
        )


# Target


def _target(examination: _Examination) -> Iterator[Finding]:
    if examination.task == "regression":
        yield _amounts(examination)
    else:
        yield from _classes(examination)


def _amounts(examination: _Examination) -> Finding:
    name = repr(examination.target[:_SHOWN_CHARACTERS])
    distinct = examination.facts[examination.target].distinct
    if 2 <= distinct <= FEW_VALUES:
        return Finding(
            "look",
            f"The target {name} has only {distinct} different values, taken as amounts.",
            "choose the task classification if they are kinds",
        )

    tail = _tail(examination.table[examination.target])
    if abs(tail) > LONG_TAIL:
        return Finding(
            "look",
            f"The target {name} has a long tail (skewness {tail:.1f}): a few rows decide its "
            "errors.",
            "look for wrong values; have its logarithm predicted if relative errors matter",
        )
    return Finding("good", f"Regression of {name}: {_count(distinct, 'different value')}.")


def _tail(target: pd.Series) -> float:
    """Skewness of the finite values, from a sample of them; 0 where there are none."""
    if not is_numeric(target):
        return 0.0
    values = target.to_numpy(dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0
    values_per_sample_value = -(-len(values) // SAMPLE)
    return skewness(values[::values_per_sample_value])


def _classes(examination: _Examination) -> Iterator[Finding]:
    target = examination.table[examination.target]
    name = repr(examination.target[:_SHOWN_CHARACTERS])
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
        largest = repr(str(counts.index[0])[:_SHOWN_CHARACTERS])
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


# Features


def _missing_cells(examination: _Examination) -> Iterator[Finding]:
    incomplete = [facts for facts in examination.feature_facts if facts.missing]
    # Classic refuses missing cells, which is said elsewhere.
    if not incomplete or examination.preset == "classic":
        return

    incomplete.sort(key=lambda facts: -facts.missing)
    rows = len(examination.table)
    shares = []
    for facts in incomplete:
        name = facts.name[:_SHOWN_CHARACTERS]
        shares.append(f"{name!r} {100 * facts.missing / rows:.2g} %")
    what = (
        f"Missing cells are filled in, and marked by an input of their own: {_first_few(shares)}."
    )

    mostly_empty = _names(facts for facts in incomplete if facts.missing > MOSTLY_MISSING * rows)
    if mostly_empty:
        yield Finding("look", what, "leave out columns that are mostly empty", mostly_empty)
    else:
        yield Finding("good", what)


def _useless_columns(examination: _Examination) -> Iterator[Finding]:
    """Columns that are the same, or different, in every row."""
    constant = _names(facts for facts in examination.feature_facts if facts.constant)
    if constant:
        yield Finding(
            "look",
            f"The same in every row, so nothing to learn from: {listed(constant)}.",
            "leave them out",
            constant,
        )

    identifiers = _names(
        facts for facts in examination.feature_facts if _is_identifier(examination, facts)
    )
    if identifiers:
        yield Finding(
            "look",
            f"A different value in each row, as an identifier has: {listed(identifiers)}.",
            "leave them out: a network learns the rows by heart",
            identifiers,
        )


def _is_identifier(examination: _Examination, facts: ColumnFacts) -> bool:
    """Whether all values differ and are words, or whole numbers that count the rows up."""
    rows = len(examination.table)
    if rows < 2 * FEW_VALUES or facts.distinct != rows:
        return False
    if facts.kind != "whole numbers":
        return facts.kind == "text"

    values = np.sort(examination.sample[facts.name].to_numpy())
    if len(values) < 2:
        return False
    # By one or so: the range is less than twice what steps as large as the first would make.
    first_step = values[1] - values[0] or 1
    return bool(values[-1] - values[0] < 2 * first_step * len(values))


def _text_columns(examination: _Examination) -> Iterator[Finding]:
    texts = [facts for facts in examination.feature_facts if facts.kind in ("text", "categories")]

    mixed = _names(
        facts
        for facts in texts
        if _SOME_NUMBERS < _share_of_numbers(examination.sample[facts.name]) < 1
    )
    if mixed:
        yield Finding(
            "look",
            f"Numbers and words in one column, taken as words: {listed(mixed)}.",
            "leave the cells with words empty, if these are amounts",
        )

    rows = len(examination.table)
    wide = _names(facts for facts in texts if MANY_LEVELS < facts.distinct < rows)
    if wide:
        yield Finding(
            "look",
            f"Over {MANY_LEVELS} different words, each an input of its own: {listed(wide)}.",
            "group rare words, or leave the column out",
        )


def _names(facts: Iterable[ColumnFacts]) -> tuple[str, ...]:
    return tuple(column.name for column in facts)


def _share_of_numbers(values: pd.Series) -> float:
    """The share of the different texts of a column that read as numbers."""
    texts = [value for value in values.unique() if isinstance(value, str)]
    numbers = [text for text in texts if to_number(text) is not None]
    return len(numbers) / max(1, len(texts))


# Features that say the target in other words: they are often known only afterwards


def _answers_in_disguise(examination: _Examination) -> Iterator[Finding]:
    find = {"regression": _correlated_features, "classification": _deciding_features}
    disguised = find[examination.task](examination)
    if disguised:
        target = repr(examination.target[:_SHOWN_CHARACTERS])
        yield Finding(
            "look",
            f"Nearly the target {target} in other words: {listed(disguised)}.",
            "leave them out if they are not known when predicting",
            tuple(disguised),
        )


def _correlated_features(examination: _Examination) -> list[str]:
    sample = examination.sample
    target = sample[examination.target]
    if not is_numeric(target):
        return []

    target_values = target.to_numpy(dtype=np.float64)
    correlated = []
    for feature in examination.features:
        column = sample[feature]
        if is_numeric(column):
            values = column.to_numpy(dtype=np.float64)
            if _correlation(values, target_values) >= SAME:
                correlated.append(feature)
    return correlated


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The larger of Pearson's and Spearman's coefficients, without sign; 0 where there is none.

    Pearson's is of the values, Spearman's of their ranks, and so sees what is monotone.
    """
    known = np.isfinite(x) & np.isfinite(y)
    x = x[known]
    y = y[known]
    if len(x) < FEW_VALUES or x.min() == x.max() or y.min() == y.max():
        return 0.0

    x_ranks = pd.Series(x).rank().to_numpy()
    y_ranks = pd.Series(y).rank().to_numpy()
    with np.errstate(all="ignore"):
        pearson = abs(float(np.corrcoef(x, y)[0, 1]))
        spearman = abs(float(np.corrcoef(x_ranks, y_ranks)[0, 1]))
    return float(np.nanmax([pearson, spearman, 0.0]))


def _deciding_features(examination: _Examination) -> list[str]:
    sample = examination.sample
    classes = pd.factorize(sample[examination.target])[0]
    deciding = []
    for feature in examination.features:
        values = pd.factorize(sample[feature], use_na_sentinel=False)[0]
        if _decides(values, classes):
            deciding.append(feature)
    return deciding


def _decides(values: NDArray[np.int64], classes: NDArray[np.int64]) -> bool:
    """Whether each value has one class, and values are few enough for that to be no accident.

    Both arrays (rows,) are numbered from 0.
    """
    value_count = int(values.max()) + 1
    class_count = int(classes.max()) + 1
    if not 2 <= value_count <= 2 * class_count:
        return False
    if value_count > len(values) // FEW_VALUES:
        return False

    pairs = np.unique(values * class_count + classes)
    return len(pairs) == value_count


# Rows


def _repeated_rows(examination: _Examination) -> Iterator[Finding]:
    if not examination.features:
        return
    groups = repeated_rows(examination.table, examination.features)
    group_sizes = np.bincount(groups)
    alike = int(group_sizes[group_sizes > 1].sum())
    if not alike:
        return

    what = f"{_count(alike, 'row')} with the same features as another"
    copies = _copies(groups, examination.table[examination.target])
    if copies == 1:
        what += ", 1 of them a copy"
    elif copies:
        what += f", {copies:,} of them copies"

    dataset = examination.dataset
    if dataset is not None and not dataset.rows_with_twins():
        yield Finding("good", f"{what}; such rows stay in one part.")
        return

    rows_are_grouped = bool(examination.options.get("same") or examination.options.get("group"))
    is_modern = dataset is not None and dataset.options.preset == "modern"
    together = is_modern and not rows_are_grouped
    remedy = "remove the copies, or have rows kept together by all features (preset modern)"
    if together:
        remedy = "keep rows together that are equal in all features, or remove the copies"
    yield Finding(
        "look",
        f"{what}, in different parts: scores may be too good.",
        remedy,
        together=together,
    )


def _copies(groups: NDArray[np.int64], target: pd.Series) -> int:
    """Rows that repeat an earlier row, target included. ``groups`` (rows,): equal features."""
    rows = pd.DataFrame({"group": groups, "target": target.to_numpy()})
    return len(rows) - len(rows.drop_duplicates())
