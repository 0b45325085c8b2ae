"""What a person should know of a table before a search. What a search refuses is found by preparing the data, as it will."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.column_profile import ColumnFacts, column_facts
from shoal.data.dataset import NEW_RUN, Dataset, Preset, TaskType
from shoal.data.encoder import NumericColumn, fit_column, skewness
from shoal.data.preparation import FEW_VALUES, prepare_new, recognise_task
from shoal.data.splits import repeated_rows
from shoal.errors import DataError, ShoalError
from shoal.inference.standalone import to_number

Status = Literal["good", "look", "bad"]
SAMPLE = 50_000  # rows, evenly spread, that correlations and the like are computed from
FEW_ROWS = 100  # of the whole table; a test part of 30 is then one of a few dozen possible answers
FEW_MEMBERS = 10  # of a class
MANY_LEVELS = 30  # of a text column, each an input of its own
MOSTLY_MISSING, MOSTLY_ONE_CLASS = 0.3, 0.9
SAME = 0.9995  # a correlation from here on is taken for the target in other words
LONG_TAIL = 3.0  # skewness of a target; an exponential distribution has 2
_SHOWN = 6  # columns named in one finding
_ORDER = ("bad", "look", "good")


@dataclass(frozen=True, slots=True)
class Finding:
    """``status``: "bad" (no search can start), "look" (it can, but see the remedy) or "good". Texts quote what files hold.

    ``leave``: columns whose leaving out would mend it; ``together``: keeping equal rows together would.
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
        """What a search would say as it refuses; where it names one of the ``features``, that may be left out."""
        expected = f" Expected: {error.expected}." if error.expected else ""
        named = tuple(c for c in features if f"column {c!r}" in error.problem)
        return cls("bad", error.problem + expected, error.remedy, named)


@dataclass(frozen=True, eq=False)
class Checked:
    """The findings, the worst first, and the prepared data; None where a search would refuse the table."""

    findings: tuple[Finding, ...]
    dataset: Dataset | None = None

    @property
    def bad(self) -> bool:
        """Whether no search can start."""
        return self.dataset is None


def check_table(
    name: str,
    source: pd.DataFrame,
    target: str,
    preset: Preset = "modern",
    facts: Sequence[ColumnFacts] | None = None,
    **options: Any,
) -> Checked:
    """Examine a canonical table (see `shoal.data.table_io`) for a search for ``target``.

    ``options`` are those of `prepare_new`, which is called. ``facts`` spares who has them counting. Raises nothing for a
    bad table or bad options: that is a finding.
    """
    dataset, error = None, None
    try:
        dataset = prepare_new(name, source, target, preset, **options)
    except ShoalError as refusal:
        error = refusal
    if target not in source.columns or not len(source):
        return Checked((Finding.of(error),) if error else ())
    group = options.get("group")
    features = [c for c in source.columns if c not in (target, group)]
    known = {fact.name: fact for fact in facts or column_facts(source)}
    of_features = [known[c] for c in features]
    task = dataset.task if dataset else options.get("task") or recognise_task(source[target])
    sample = source.iloc[:: -(-len(source) // SAMPLE)]
    found = [
        *_refusals(name, source, features, preset, error),
        *_size(source, features, dataset),
        *_folds(dataset, preset, options),
        *_target(source[target], known[target], task, recognised=options.get("task") is None),
        *_missing(of_features, len(source), preset),
        *_columns(of_features, sample, len(source)),
        *_like_the_target(sample, features, target, task),
        *_repeated(source, features, target, dataset, grouped=bool(options.get("same") or group)),
    ]
    return Checked(tuple(sorted(found, key=lambda f: _ORDER.index(f.status))), dataset)


def listed(names: Sequence[str]) -> str:
    """Names of columns in quotes, the first few of them."""
    shown = ", ".join(repr(name[:60]) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _refusals(
    name: str,
    source: pd.DataFrame,
    features: Sequence[str],
    preset: Preset,
    error: ShoalError | None,
) -> Iterator[Finding]:
    """The error, and what is wrong with every other column: a person mends a table in one go."""
    if error is None:
        return
    yield Finding.of(error, features)
    if preset == "classic":
        unread = [c for c in features if source[c].dtype.kind not in "if" or source[c].isna().any()]
        if len(unread) > 1:
            remedy = "use the preset modern, which encodes text and fills in missing values"
            yield Finding(
                "bad",
                f"Classic takes complete numbers only; not so: {listed(unread)}.",
                remedy,
                tuple(unread),
            )
        return
    every = np.arange(len(source), dtype=np.int64)
    for column in features:
        if f"column {column!r}" not in error.problem:
            try:
                fit_column(name, source[column], every)
            except DataError as other:
                yield Finding.of(other, (column,))


def _size(
    source: pd.DataFrame, features: Sequence[str], dataset: Dataset | None
) -> Iterator[Finding]:
    rows = len(source)
    text = f"{_counted(rows, 'row')}, {_counted(len(features), 'feature')}"
    if dataset is None:
        yield Finding("good", f"{text}.")
        return
    parts = {"train": dataset.train, "validate": dataset.validation, "test": dataset.test}
    split = ", ".join(
        f"{len(part.rows):,} {verb}" for verb, part in parts.items() if part is not None
    )
    if dataset.fold_numbers is not None:
        split = split.replace("train", f"train and validate in {dataset.options.folds} folds")
    inputs = (
        f" as {_counted(dataset.inputs, 'network input')}"
        if dataset.inputs != len(features)
        else ""
    )
    yield Finding("good", f"{text}{inputs}: {split}.")
    if rows < FEW_ROWS:
        tested = f", and {len(dataset.test.rows):,} of them" if dataset.test else ""
        yield Finding(
            "look",
            f"Only {_counted(rows, 'row')}: every score rests on few{tested.replace(' of them', ' that test')}.",
            "add rows if there are more; look at intervals rather than at single scores",
        )
    logs = [
        c.name
        for c in dataset.encoder.columns
        if isinstance(c, NumericColumn) and c.log_floor is not None
    ]
    if logs:
        yield Finding(
            "good", f"Taken as logarithms, as their values have a long tail: {listed(logs)}."
        )


def _folds(dataset: Dataset | None, preset: Preset, options: dict[str, Any]) -> Iterator[Finding]:
    usual = NEW_RUN.get(preset, {}).get("folds", 1)
    unasked = options.get("folds") is None and "validation_fraction" not in options
    if dataset is not None and unasked and dataset.options.folds < usual:
        yield Finding(
            "look",
            f"Too few rows, groups or members of a class for {usual} folds: one part validates all trainings.",
            "add rows, merge rare classes, or ask for 2 or 3 folds",
        )


def _target(
    target: pd.Series, facts: ColumnFacts, task: TaskType, *, recognised: bool
) -> Iterator[Finding]:
    name, numeric = repr(facts.name[:60]), target.dtype.kind in "if"
    if task == "regression":
        values = target.to_numpy(dtype=np.float64) if numeric else np.empty(0)
        values = values[np.isfinite(values)]
        if 2 <= facts.distinct <= FEW_VALUES:
            what = (
                f"The target {name} has only {facts.distinct} different values, taken as amounts."
            )
            yield Finding("look", what, "choose the task classification if they are kinds")
        elif (
            len(values) and abs(tail := skewness(values[:: -(-len(values) // SAMPLE)])) > LONG_TAIL
        ):
            what = f"The target {name} has a long tail (skewness {tail:.1f}): a few rows decide its errors."
            yield Finding(
                "look",
                what,
                "look for wrong values; have its logarithm predicted if relative errors matter",
            )
        else:
            yield Finding(
                "good", f"Regression of {name}: {_counted(facts.distinct, 'different value')}."
            )
        return
    counts = target.value_counts()
    if len(counts) < 2:
        return
    kinds = f"{_counted(len(counts), 'class')[:-1]}es"
    if recognised and numeric:
        yield Finding(
            "look",
            f"The numbers in {name} are taken for {kinds}.",
            "choose regression if they are amounts",
        )
    else:
        yield Finding("good", f"Classification of {name}: {kinds}.")
    share = counts.iloc[0] / counts.sum()
    if share >= MOSTLY_ONE_CLASS:
        kind = repr(str(counts.index[0])[:60])
        what = f"{100 * share:.0f} % of the rows are of class {kind}: always saying so is right as often."
        yield Finding("look", what, "judge by balanced accuracy, or add rows of the other classes")
    rare = counts[counts < FEW_MEMBERS]
    if len(rare):
        what = f"Classes with fewer than {FEW_MEMBERS} rows: {listed([str(kind) for kind in rare.index])}."
        yield Finding("look", what, "add rows of them, or merge them with others")


def _missing(features: Sequence[ColumnFacts], rows: int, preset: Preset) -> Iterator[Finding]:
    holes = sorted((f for f in features if f.missing), key=lambda f: -f.missing)
    if not holes or preset == "classic":  # which refuses them
        return
    names = ", ".join(f"{f.name[:60]!r} {100 * f.missing / rows:.2g} %" for f in holes[:_SHOWN])
    more = f" and {len(holes) - _SHOWN} more" if len(holes) > _SHOWN else ""
    what = f"Missing cells are filled in, and marked by an input of their own: {names}{more}."
    if mostly := tuple(f.name for f in holes if f.missing > MOSTLY_MISSING * rows):
        yield Finding("look", what, "leave out columns that are mostly empty", mostly)
    else:
        yield Finding("good", what)


def _columns(features: Sequence[ColumnFacts], sample: pd.DataFrame, rows: int) -> Iterator[Finding]:
    """What one column alone shows."""
    if constant := [f.name for f in features if f.constant]:
        yield Finding(
            "look",
            f"The same in every row, so nothing to learn from: {listed(constant)}.",
            "leave them out",
            tuple(constant),
        )
    unique = [
        f.name
        for f in features
        if f.distinct == rows >= 2 * FEW_VALUES and _names_rows(sample[f.name], f.kind)
    ]
    if unique:
        what = f"A different value in each row, as an identifier has: {listed(unique)}."
        yield Finding(
            "look", what, "leave them out: a network learns the rows by heart", tuple(unique)
        )
    texts = [f for f in features if f.kind in ("text", "categories")]
    if mixed := [f.name for f in texts if 0.1 < _share_of_numbers(sample[f.name]) < 1]:
        what = f"Numbers and words in one column, taken as words: {listed(mixed)}."
        yield Finding("look", what, "leave the cells with words empty, if these are amounts")
    if wide := [f.name for f in texts if MANY_LEVELS < f.distinct < rows]:
        what = f"Over {MANY_LEVELS} different words, each an input of its own: {listed(wide)}."
        yield Finding("look", what, "group rare words, or leave the column out")


def _names_rows(values: pd.Series, kind: str) -> bool:
    """Whether values that are all different are words, or whole numbers that go up with the rows by one or so."""
    if kind != "whole numbers":
        return kind == "text"
    numbers = np.sort(values.to_numpy())
    return bool(
        len(numbers) > 1
        and numbers[-1] - numbers[0] < 2 * (numbers[1] - numbers[0] or 1) * len(numbers)
    )


def _share_of_numbers(values: pd.Series) -> float:
    known = [to_number(value) for value in values.unique() if isinstance(value, str)]
    return sum(number is not None for number in known) / max(1, len(known))


def _like_the_target(
    sample: pd.DataFrame, features: Sequence[str], target: str, task: TaskType
) -> Iterator[Finding]:
    """Features that say the target in other words: they are often known only afterwards."""
    if task == "regression":
        found = _correlated(sample, features, target)
    else:
        kinds = pd.factorize(sample[target])[0]
        found = [
            c
            for c in features
            if _decides(pd.factorize(sample[c], use_na_sentinel=False)[0], kinds)
        ]
    if found:
        what = f"Nearly the target {target[:60]!r} in other words: {listed(found)}."
        yield Finding(
            "look", what, "leave them out if they are not known when predicting", tuple(found)
        )


def _correlated(sample: pd.DataFrame, features: Sequence[str], target: str) -> list[str]:
    numeric = [c for c in features if sample[c].dtype.kind in "if"]
    if sample[target].dtype.kind not in "if":
        return []
    goal = sample[target].to_numpy(dtype=np.float64)
    return [c for c in numeric if _correlation(sample[c].to_numpy(dtype=np.float64), goal) >= SAME]


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The larger of the two coefficients, of values and of ranks (what is monotone), without sign; 0 where there is none."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < FEW_VALUES or x.min() == x.max() or y.min() == y.max():
        return 0.0
    ranks = [pd.Series(v).rank().to_numpy() for v in (x, y)]
    with np.errstate(all="ignore"):
        both = [abs(float(np.corrcoef(a, b)[0, 1])) for a, b in ((x, y), (ranks[0], ranks[1]))]
    return float(np.nanmax([*both, 0.0]))


def _decides(values: NDArray[np.int64], kinds: NDArray[np.int64]) -> bool:
    """Whether each value of a feature has one class, and values are few enough for that to be no accident."""
    number = int(values.max()) + 1
    if not 2 <= number <= 2 * (int(kinds.max()) + 1) or number > len(values) // FEW_VALUES:
        return False
    return len(np.unique(values * (int(kinds.max()) + 1) + kinds)) == number


def _repeated(
    source: pd.DataFrame,
    features: Sequence[str],
    target: str,
    dataset: Dataset | None,
    *,
    grouped: bool,
) -> Iterator[Finding]:
    groups = repeated_rows(source, features) if features else np.zeros(0, dtype=np.int64)
    counts = np.bincount(groups) if len(groups) else groups
    alike = int(counts[counts > 1].sum())
    if not alike:
        return
    copies = len(source) - int(
        pd.DataFrame({"g": groups, "t": source[target].to_numpy()}).drop_duplicates().shape[0]
    )
    same = (
        f", {_counted(copies, 'of them a copy') if copies == 1 else f'{copies:,} of them copies'}"
        if copies
        else ""
    )
    what = f"{_counted(alike, 'row')} with the same features as another{same}"
    if dataset is not None and not dataset.rows_with_twins():
        yield Finding("good", f"{what}; such rows stay in one part.")
        return
    remedy = "keep rows together that are equal in all features, or remove the copies"
    can_mend = not grouped and dataset is not None and dataset.options.preset == "modern"
    if not can_mend:
        remedy = "remove the copies, or have rows kept together by all features (preset modern)"
    yield Finding(
        "look", f"{what}, in different parts: scores may be too good.", remedy, together=can_mend
    )
