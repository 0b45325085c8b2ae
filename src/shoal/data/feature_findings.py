"""Findings about single features, and about rows that are alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.canonical import is_numeric
from shoal.data.column_profile import ColumnFacts
from shoal.data.encoder import number_text
from shoal.data.findings import SHOWN, Examination, Finding, listed, quoted
from shoal.data.messages import count_of, first_few
from shoal.data.splits import repeated_rows
from shoal.data.target import FEW_VALUES
from shoal.inference.standalone import read_cell, to_number

# Of a text column; each is a network input of its own.
MANY_LEVELS = 30

# Share of the rows without a value.
MOSTLY_MISSING = 0.3

# A value that repeats so often is no accident. It is far outside if its distance from the others
# is so many times their range, for one made of nines and for any other.
_REPEATED = 3
_FAR_OF_NINES = 0.25
_FAR = 3.0

# From this share of numbers on, a text column is said to hold numbers and words.
_SOME_NUMBERS = 0.1

# From this correlation on, a feature is taken for the target in other words.
SAME = 0.9995


def notations(examination: Examination) -> Iterator[Finding]:
    """Say which columns are read as numbers though they are not written plainly."""
    meanings = examination.table.meanings([*examination.features, *examination.targets])
    if meanings:
        yield Finding(
            "good", f"Numbers that are not written plainly are read: {first_few(meanings, SHOWN)}."
        )


def left_out(examination: Examination) -> Iterator[Finding]:
    """Say what of the file is no part of the table."""
    for sentence in examination.table.left_out:
        yield Finding("good", sentence)


def marks_of_missing(examination: Examination) -> Iterator[Finding]:
    """Find a value that repeats far outside all others of its column, or alone below 0."""
    for name in [*examination.features, *examination.targets]:
        column = examination.table[name]
        if not is_numeric(column):
            continue
        values = column.to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        places = {
            number_text(mark): f"stands in {count_of(rows, 'row')} of {quoted(name)}, far outside "
            "all other values"
            for mark, rows in _outlying_values(values)
        }
        alone = _only_negative_value(values)
        if alone is not None:
            where = f"repeats, and is the only value of {quoted(name)} below 0"
            places.setdefault(number_text(alone), where)
        for mark, place in places.items():
            yield Finding(
                "look",
                f"{mark} {place}: it may stand for a missing value.",
                "leave these cells empty, if so",
            )


def _only_negative_value(values: NDArray[np.float64]) -> float | None:
    """-1, -9, -99 and the like, where it repeats and nothing else is below 0; else None."""
    negative = values[values < 0]
    others = np.unique(values[values >= 0])
    if not _REPEATED <= len(negative) < len(values) / 2 or len(others) <= FEW_VALUES:
        return None
    mark = float(negative[0])
    is_usual = mark == -1 or set(number_text(-mark)) == {"9"}
    return mark if is_usual and (negative == mark).all() else None


def _outlying_values(values: NDArray[np.float64]) -> Iterator[tuple[float, int]]:
    """Values that repeat far outside the others, with their numbers of rows."""
    distinct, counts = np.unique(values, return_counts=True)
    while len(distinct) > 2:
        others = slice(1, None)
        extreme = 0
        if distinct[-1] - distinct[-2] > distinct[1] - distinct[0]:
            others = slice(None, -1)
            extreme = -1

        # The distance to the nearest other value, and how far these lie apart.
        rest = distinct[others]
        gap = abs(distinct[extreme] - rest[extreme])
        spread = rest[-1] - rest[0]
        is_usual = _is_made_of_nines(distinct[extreme])
        if is_usual:
            is_far = gap > _FAR_OF_NINES * spread
        else:
            is_far = gap > _FAR * spread and len(distinct) > FEW_VALUES
        repeats = _REPEATED <= counts[extreme] < len(values) / 2
        if not (is_far and repeats):
            return
        yield float(distinct[extreme]), int(counts[extreme])
        distinct = rest
        counts = counts[others]


def _is_made_of_nines(value: float) -> bool:
    """Whether people write the number for "none": -999, 9999, -99.99."""
    digits = number_text(abs(value)).replace(".", "")
    return len(digits) > 1 and set(digits) == {"9"}


def missing_cells(examination: Examination) -> Iterator[Finding]:
    """Say which features have missing cells, and warn of those that are mostly empty."""
    incomplete = [facts for facts in examination.feature_facts if facts.missing]
    # Where columns are not encoded, missing cells are refused, which is said elsewhere.
    if not incomplete or not examination.rules.encodes_columns:
        return

    # The emptiest first, as only a few are named.
    incomplete.sort(key=lambda facts: -facts.missing)
    rows = len(examination.table)
    shares = []
    for facts in incomplete:
        percent = 100 * facts.missing / rows
        # Two digits; of large shares they are all that stand before the point.
        digits = ".0f" if percent >= 10 else ".2g"
        shares.append(f"{quoted(facts.name)} {percent:{digits}} %")
    shown = first_few(shares, SHOWN)
    what = f"Missing cells are filled in, and marked by an input of their own: {shown}."

    mostly_empty = _names(facts for facts in incomplete if facts.missing > MOSTLY_MISSING * rows)
    if mostly_empty:
        yield Finding("look", what, "leave out columns that are mostly empty", mostly_empty)
    else:
        yield Finding("good", what)


def useless_columns(examination: Examination) -> Iterator[Finding]:
    """Find columns that are the same, or different, in every row."""
    constant = _names(facts for facts in examination.feature_facts if facts.constant)
    if constant:
        yield Finding(
            "look",
            f"The same in every row, so nothing to learn from: {listed(constant)}.",
            "leave them out",
            constant,
        )

    identifiers = _names(
        facts for facts in examination.feature_facts if is_identifier(examination, facts)
    )
    if identifiers:
        yield Finding(
            "look",
            f"A different value in each row, as an identifier has: {listed(identifiers)}.",
            "leave them out: a network learns the rows by heart",
            identifiers,
        )


def is_identifier(examination: Examination, facts: ColumnFacts) -> bool:
    """Whether all values differ and are words, or whole numbers that count the rows up."""
    rows = len(examination.table)
    if rows < 2 * FEW_VALUES or facts.distinct != rows:
        return False
    if facts.kind != "whole numbers":
        return facts.kind == "text"
    return counts_rows(examination.sample[facts.name].to_numpy())


def counts_rows(values: NDArray[Any]) -> bool:
    """Whether whole numbers (rows,), all different, count the rows up in steps of one or so."""
    values = np.sort(values)
    if len(values) < 2:
        return False
    # The range is less than twice what steps as large as the first would make.
    first_step = values[1] - values[0] or 1
    return bool(values[-1] - values[0] < 2 * first_step * len(values))


def text_columns(examination: Examination) -> Iterator[Finding]:
    """Find text that may be meant as numbers, and text of very many kinds."""
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
            "leave the cells with words empty, and write all numbers in one unit, if these are "
            "amounts",
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
    """The share of the different texts of a column that are numbers, in whichever notation.

    It is below 1 unless all are plain numbers: identifiers, which are too long to be held exactly.
    """
    texts = [value for value in values.unique() if isinstance(value, str)]
    numbers = sum(read_cell(text) is not None for text in texts)
    plain = sum(to_number(text) is not None for text in texts)
    if plain < len(texts):
        numbers = min(numbers, len(texts) - 1)
    return numbers / max(1, len(texts))


# The target in other words: such features are often known only afterwards


def answers_in_disguise(examination: Examination) -> Iterator[Finding]:
    """Find features that are nearly the target in other words."""
    find = {"regression": _correlated_features, "classification": _deciding_features}
    disguised = find[examination.task](examination)
    if disguised:
        targets = f"the target {quoted(examination.targets[0])}"
        if len(examination.targets) > 1:
            targets = "one of the targets"
        yield Finding(
            "look",
            f"Nearly {targets} in other words: {listed(disguised)}.",
            "leave them out if they are not known when predicting",
            tuple(disguised),
        )


def _correlated_features(examination: Examination) -> list[str]:
    sample = examination.sample
    targets = []
    for target in examination.targets:
        if is_numeric(sample[target]):
            targets.append(sample[target].to_numpy(dtype=np.float64))

    correlated = []
    for feature in examination.features:
        column = sample[feature]
        if is_numeric(column):
            values = column.to_numpy(dtype=np.float64)
            if any(_correlation(values, target) >= SAME for target in targets):
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


def _deciding_features(examination: Examination) -> list[str]:
    sample = examination.sample
    classes = pd.factorize(sample[examination.targets[0]])[0]
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


def copies_of_rows(examination: Examination) -> Iterator[Finding]:
    """Find rows with equal features, which may be in different parts of the split."""
    if not examination.features:
        return

    # Rows with equal features have the same group number.
    groups = repeated_rows(examination.table, examination.features)
    group_sizes = np.bincount(groups)
    alike = int(group_sizes[group_sizes > 1].sum())
    if not alike:
        return

    what = f"{count_of(alike, 'row')} with the same features as another"
    copies = _copies(groups, examination)
    if copies == 1:
        what += ", 1 of them a copy"
    elif copies:
        what += f", {copies:,} of them copies"

    dataset = examination.dataset
    if dataset is not None and not dataset.rows_with_twins():
        yield Finding("good", f"{what}; such rows stay in one part.")
        return

    # Keeping rows together mends it, unless rows are kept together already by other columns.
    options = examination.options
    rows_are_grouped = bool(options.get("same") or options.get("group") or options.get("order"))
    can_group = dataset is not None and examination.rules.keeps_rows_together
    together = can_group and not rows_are_grouped
    remedy = "remove the copies, or have rows kept together by all features (preset modern)"
    if together:
        remedy = "keep rows together that are equal in all features, or remove the copies"
    yield Finding(
        "look",
        f"{what}, in different parts: scores may be too good.",
        remedy,
        together=together,
    )


def _copies(groups: NDArray[np.int64], examination: Examination) -> int:
    """Rows that repeat an earlier row, targets included. ``groups`` (rows,): equal features."""
    # Numbered columns, as targets may have any names.
    rows = pd.DataFrame({0: groups})
    for number, target in enumerate(examination.targets, 1):
        rows[number] = examination.table[target].to_numpy()
    return len(rows) - len(rows.drop_duplicates())
