"""Findings about single features, and about rows that are alike."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.data.canonical import is_numeric
from shoal.data.column_profile import ColumnFacts
from shoal.data.dates import DateColumn, dates_as_days, holds_dates
from shoal.data.encoder import MAX_LEVELS, number_text
from shoal.data.findings import SHOWN, Examination, Finding, listed, quoted
from shoal.data.messages import count_of, first_few
from shoal.data.splits import repeated_rows
from shoal.data.target import FEW_VALUES
from shoal.data.totals import rows_of_subtotals
from shoal.errors import DataError
from shoal.inference.standalone import MISSING_NUMBER, look_of, read_cell, to_number, truth_of

# Of a text column; each is a network input of its own.
MANY_LEVELS = 30

# Share of the rows without a value.
MOSTLY_MISSING = 0.3

# A value that repeats so often is no accident. It is far outside if its distance from the others
# is so many times their range, for one made of nines and for any other.
_REPEATED = 3
_FAR_OF_NINES = 0.25
_FAR = 3.0

# A single value so many ranges of all others away leaves nothing of them to see.
_GIANT = 100.0

# Several kinds of "none" stand side by side, as 97, 98 and 99 do in answers to questions.
_MARKS_TOGETHER = 3

_FIRST_DAY = datetime.date(1970, 1, 1).toordinal()
_ENDS_OF_CALENDARS = frozenset(
    (
        *("0001-01-01", "1601-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01"),
        *("1901-01-01", "1970-01-01", "2099-12-31", "2999-12-31", "9999-01-01", "9999-12-31"),
    )
)

# How far the clocks of a place are apart, at most.
_MINUTES_OF_SUMMER = 60

# Names of columns that say whose rows they are.
_WORDS_OF_NAMES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_OWNERS = frozenset(
    (
        *("patient", "subject", "person", "participant", "customer", "client", "user", "student"),
        *("animal", "household", "respondent", "proband", "patientin", "kunde", "kundin"),
    )
)

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
    """Find values that repeat far outside all others of their column, or alone below 0."""
    for name in [*examination.features, *examination.targets]:
        values, is_usual, shown = _numbers_of(examination, name)
        values = values[np.isfinite(values)]
        places = {}
        for mark, rows in _outlying_values(values, is_usual):
            where = f"{count_of(rows, 'row')} of {quoted(name)}, far outside all other values"
            if rows < _REPEATED:
                yield Finding(
                    "look",
                    f"{shown(mark)} stands in {where}: it may be wrong.",
                    "correct it, or leave the cell empty",
                )
            else:
                places[shown(mark)] = f"stands in {where}"
        alone = _only_negative_value(values)
        if alone is not None:
            where = f"repeats, and is the only value of {quoted(name)} below 0"
            places.setdefault(shown(alone), where)
        for text, place in places.items():
            yield Finding(
                "look",
                f"{text} {place}: it may stand for a missing value.",
                "leave these cells empty, if so",
            )


def _numbers_of(
    examination: Examination, name: str
) -> tuple[NDArray[np.float64], Callable[[float], bool], Callable[[float], str]]:
    """The numbers of a column, or the days of one of dates; which of them people write for "none",
    and how one is shown. There are none in other columns.
    """
    column = examination.table[name]
    if is_numeric(column):
        return column.to_numpy(dtype=np.float64), _is_made_of_nines, number_text
    try:
        days = dates_as_days(name, column) if holds_dates(column) else None
    except DataError:
        days = None
    if days is None or days.reads != "date":
        return np.empty(0), _is_made_of_nines, number_text
    return np.floor(days.values), _is_end_of_calendar, _date_text


def _date_text(day: float) -> str:
    return datetime.date.fromordinal(int(day) + _FIRST_DAY).isoformat()


def _is_end_of_calendar(day: float) -> bool:
    """Whether programs write the date for "none": 1900-01-01, 9999-12-31."""
    return _date_text(day) in _ENDS_OF_CALENDARS


def _only_negative_value(values: NDArray[np.float64]) -> float | None:
    """-1, -9, -99 and the like, where it repeats and nothing else is below 0; else None."""
    negative = values[values < 0]
    others = np.unique(values[values >= 0])
    if not _REPEATED <= len(negative) < len(values) / 2 or len(others) <= FEW_VALUES:
        return None
    mark = float(negative[0])
    is_usual = mark == -1 or set(number_text(-mark)) == {"9"}
    return mark if is_usual and (negative == mark).all() else None


def _outlying_values(
    values: NDArray[np.float64], is_usual: Callable[[float], bool]
) -> Iterator[tuple[float, int]]:
    """Values far outside the others, with their numbers of rows.

    They repeat, or are so far outside that a single one hides the differences of the others.
    ``is_usual`` says which ones people write for "none"; others beside one may be such, too.
    """
    distinct, counts = np.unique(values, return_counts=True)
    while len(distinct) > 2:
        found = _outermost(distinct, counts, len(values), is_usual)
        if found is None:
            return
        yield from zip(distinct[found].tolist(), counts[found].tolist(), strict=True)
        is_left = np.ones(len(distinct), dtype=bool)
        is_left[found] = False
        distinct, counts = distinct[is_left], counts[is_left]


def _outermost(
    distinct: NDArray[np.float64],
    counts: NDArray[np.int64],
    rows: int,
    is_usual: Callable[[float], bool],
) -> slice | None:
    """Which of the sorted values are far outside: the first or the last few; None: none are."""
    for number in range(1, min(_MARKS_TOGETHER, len(distinct) - 2) + 1):
        ends = [(slice(number), distinct[number:]), (slice(-number, None), distinct[:-number])]
        # The distance to the nearest other value, and how far these lie apart.
        gaps = [ends[0][1][0] - distinct[number - 1], distinct[-number] - ends[1][1][-1]]
        side = int(gaps[1] > gaps[0])
        found, rest = ends[side]
        spread = rest[-1] - rest[0]
        any_usual = any(is_usual(value) for value in distinct[found].tolist())
        is_varied = len(distinct) > FEW_VALUES
        is_far = gaps[side] > _FAR * spread and is_varied and number == 1
        if any_usual:
            is_far = gaps[side] > _FAR_OF_NINES * spread
        repeats = counts[found].min() >= _REPEATED and counts[found].sum() < rows / 2
        is_giant = number == 1 and gaps[side] > _GIANT * spread and is_varied
        if (is_far and repeats) or (is_giant and counts[found].sum() < _REPEATED):
            return found
    return None


def _is_made_of_nines(value: float) -> bool:
    """Whether people write the number for "none": -999, 9999, -99.99."""
    digits = number_text(abs(value)).replace(".", "")
    return len(digits) > 1 and set(digits) == {"9"}


def zones_apart(examination: Examination) -> Iterator[Finding]:
    """Find dates with times in zones that are further apart than summer and winter of a place."""
    columns = examination.dataset.encoder.columns if examination.dataset is not None else ()
    for column in columns:
        if not isinstance(column, DateColumn) or not column.zones:
            continue
        minutes = [
            int(zone[0] + "1") * (60 * int(zone[1:3]) + int(zone[4:])) for zone in column.zones
        ]
        if max(minutes) - min(minutes) > _MINUTES_OF_SUMMER:
            yield Finding(
                "look",
                f"Times of {quoted(column.name)} are in several zones ({', '.join(column.zones)}), "
                "which are ignored: they are taken as written.",
                "write all in one zone, if they say what happened at the same time",
            )


def rows_of_one_kind(examination: Examination) -> Iterator[Finding]:
    """Find columns that say whose rows they are, where rows of one may be in different parts."""
    options = examination.options
    if options.get("group") or options.get("same") or options.get("order"):
        return
    rows = len(examination.table)
    for name in examination.features:
        words = _WORDS_OF_NAMES.findall(name)
        is_owner = bool(words) and (
            any(word.lower() in _OWNERS for word in words) or words[-1].lower() == "id"
        )
        distinct = examination.facts[name].distinct
        # Few that have many rows each are categories; a row each has nothing in common.
        if is_owner and FEW_VALUES < distinct <= rows / 2:
            yield Finding(
                "look",
                f"{quoted(name)} seems to say whose rows they are ({distinct:,} in {rows:,} rows), "
                "and is a feature: rows of one are in different parts.",
                f"--group {name} keeps them together, if new rows are of others",
            )


def codes(examination: Examination) -> Iterator[Finding]:
    """Find codes that are read as numbers: 01067 as 1067, and 12E4 as 120000."""
    for name in [*examination.features, *examination.targets]:
        code = examination.table.written(name).code
        if code:
            yield Finding(
                "look",
                f"{quoted(code)} in {quoted(name)} is read as the number "
                f"{number_text(float(code))}.",
                "write a letter before each cell if these are codes, such as postcodes: they are "
                "categories then",
            )


def dates_in_one_number(examination: Examination) -> Iterator[Finding]:
    """Find whole numbers that are dates: 20220126, and 202201."""
    for name in examination.features:
        column = examination.table[name]
        if not is_numeric(column) or examination.facts[name].distinct <= FEW_VALUES:
            continue
        values = column.to_numpy(dtype=np.float64)
        different = np.unique(values[~np.isnan(values)])
        if not ((different > 190_000) & (different < 21_010_000) & (different % 1 == 0)).all():
            continue
        texts = [str(int(value)) for value in different.tolist()]
        if all(_is_day(f"{text}01"[:8]) for text in texts):
            yield Finding(
                "look",
                f"Whole numbers in {quoted(name)} look like dates ({texts[0]}), and are taken as "
                "amounts.",
                "write them as 2024-01-31, or 2024-01",
            )


def _is_day(text: str) -> bool:
    """Whether eight digits are a day of 1900 to 2100."""
    try:
        day = datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return 1900 <= day.year <= 2100


def subtotals(examination: Examination) -> Iterator[Finding]:
    """Find rows that may sum up others."""
    for name, word, rows in rows_of_subtotals(examination.table):
        yield Finding(
            "look",
            f"{count_of(rows, 'row')} with {quoted(word)} in {quoted(name)} may sum up others.",
            "remove such rows, if so",
        )


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


# Between letters these part words, or do not.
_PARTING_MARKS = re.compile(r"(?<=[^\W\d_])[\s_-]+(?=[^\W\d_])")

# Words for "no value", beside those that are read so among numbers.
_NO_VALUE_WORDS = frozenset(
    (
        *("unknown", "not available", "not applicable", "undefined", "not known", "no data"),
        *("n.a.", "#na", "(null)", "(blank)", "unbekannt", "k.a.", "k. a.", "keine angabe"),
        *(
            "inconnu",
            "desconocido",
            "sconosciuto",
            "#div/0!",
            "#value!",
            "#ref!",
            "#name?",
            "#num!",
        ),
    )
)


def alike_categories(examination: Examination) -> Iterator[Finding]:
    """Find categories and classes that may be one: Berlin and BERLIN, New York and New-York."""
    group = examination.options.get("group")
    names = [*examination.features, *examination.targets]
    if isinstance(group, str) and group in examination.table:
        names.append(group)
    for name in names:
        column = examination.table[name]
        if is_numeric(column) or examination.facts[name].distinct > MAX_LEVELS:
            continue
        texts = sorted(text for text in column.unique() if isinstance(text, str))
        are_truths = all(truth_of(text) is not None for text in texts)
        meanings: dict[object, list[str]] = {}
        for text in texts:
            plain = _PARTING_MARKS.sub("", unicodedata.normalize("NFKC", look_of(text)))
            meanings.setdefault(truth_of(text) if are_truths else plain.casefold(), []).append(text)
        alike = [f"{' and '.join(map(quoted, same))}" for same in meanings.values() if same[1:]]
        if alike:
            yield Finding(
                "look",
                f"Words in {quoted(name)} that may mean the same: {first_few(alike, SHOWN)}.",
                "write each in one way, if so: each is a category of its own",
            )


def classes_without_value(examination: Examination) -> Iterator[Finding]:
    """Find classes that may stand for "no value": rows that nobody has labelled."""
    if examination.task != "classification":
        return
    target = examination.targets[0]
    column = examination.table[target]
    if is_numeric(column):
        return
    words = _NO_VALUE_WORDS | MISSING_NUMBER
    texts = [text for text in column.unique() if isinstance(text, str)]
    marks = [text for text in texts if text.casefold() in words]
    if marks:
        yield Finding(
            "look",
            f"The class {listed(marks)} of {quoted(target)} may stand for a missing value.",
            "remove its rows, if so: it is predicted as any other class",
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
