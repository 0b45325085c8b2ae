"""`CanonicalTable`: the one form that every table takes before anything is done with it.

A canonical table has four kinds of column:

========== ======== ================================
kind       dtype    a missing value is
========== ======== ================================
integers   int64    impossible (the column is float64)
numbers    float64  NaN
text       object   None
categories category NaN (the categories are text, sorted)
========== ======== ================================

Everything later depends on these alone, so a CSV file, its DataFrame and its Parquet copy give the
same dataset. The class methods of `CanonicalTable` are the only places where a table becomes
canonical. Whoever holds one need not check or convert it again.

Numbers in another notation (``1.234,50``, ``$5``, ``12 %``) are read here, once, and so is what is
found out about each column as it was written (`Written`). A table from a store is taken as it is.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.errors import DataError
from shoal.inference.standalone import (
    MAX_ROWS,
    Notation,
    NumberReader,
    TableError,
    are_truths,
    check_header,
    date_in_digits,
    distinct_cells,
    look_of,
    read_cell,
    to_level,
    to_number,
    to_numbers,
)

# From here on a float64 skips integers. Columns of such integers are identifiers, and stay text.
EXACT_INTEGERS = 2**53

# From this share of numbers in one notation on, the other cells of a column are taken for mistakes.
_MOSTLY = 0.8

# Cells that tell what a column is.
_FEW_CELLS = 1_000


@dataclass(frozen=True)
class Written:
    """What is known of a column as it was written, before it became canonical.

    Attributes
    ----------
    notation
        Of its numbers, unless they are written plainly.
    refusal
        Why nothing can be learned from it; None: something can.
    gap
        The text of the first cell without a value, such as NA; empty where it is blank.
    code
        A cell that may be a code and is read as a number, such as 01067; empty where there is none.
    """

    notation: Notation | None = None
    refusal: TableError | None = None
    gap: str = ""
    code: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, without what is not there."""
        values: dict[str, Any] = {}
        if self.notation is not None:
            values["notation"] = asdict(self.notation)
        if self.refusal is not None:
            refusal = self.refusal
            values["refusal"] = [refusal.problem, refusal.expected, refusal.remedy]
        if self.gap:
            values["gap"] = self.gap
        if self.code:
            values["code"] = self.code
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Written:
        """Read what `to_dict` wrote."""
        notation = None
        if "notation" in values:
            notation = Notation(**values["notation"])
        refusal = None
        if "refusal" in values:
            refusal = TableError(*values["refusal"])
        return cls(notation, refusal, values.get("gap", ""), values.get("code", ""))


_AS_IT_IS = Written()


@dataclass(frozen=True, eq=False)
class FrameInParts:
    """A DataFrame, some columns at a time: there is no room for all of them before they are small.

    Attributes
    ----------
    columns
        Of all columns, in order.
    index
        Of the rows. None of its names is a column's, but where there is one part.
    parts
        All columns, some in each part, in order.
    attrs
        Of the DataFrame.
    """

    columns: pd.Index
    index: pd.Index
    parts: Iterable[pd.DataFrame]
    attrs: Mapping[Any, Any] = field(default_factory=dict)

    @classmethod
    def whole(cls, frame: pd.DataFrame) -> FrameInParts:
        """All of a DataFrame at once."""
        return cls(frame.columns, frame.index, [frame], frame.attrs)

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, eq=False, repr=False)
class CanonicalTable:
    """A table whose columns are known to be canonical (see `shoal.data.canonical`).

    Make one with `from_frame` or `from_texts`; the constructor itself converts nothing.

    Attributes
    ----------
    left_out
        What of its file is no part of the table, in sentences.
    file_encoding
        In what its CSV file was read; empty where there was none.

    Examples
    --------
    >>> import pandas as pd
    >>> table = CanonicalTable.from_frame("houses", pd.DataFrame({" area ": ["12", "", "9.5"]}))
    >>> table.columns, len(table)
    (('area',), 3)
    >>> table["area"].tolist()
    [12.0, nan, 9.5]
    """

    _frame: pd.DataFrame
    _written: Mapping[str, Written] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    file_encoding: str = ""

    @classmethod
    def from_frame(cls, name: str, frame: pd.DataFrame | FrameInParts) -> CanonicalTable:
        """Convert a copy of any DataFrame; rows are numbered anew, from 0.

        An index with a name is a column, as it is in a file that the DataFrame is written to. One
        without a name is left out, and so is one that is a column besides.

        Parameters
        ----------
        name
            What messages call the table.
        frame
            Columns of numbers, truth values, text, categories or dates. It is not changed.

        Raises
        ------
        DataError
            If a column has no usable name, a cell is neither text nor number, or the table is empty
            or too large. The message names row (the header is row 1) and column.
        """
        columns = dict(_columns_of_frame(name, frame))
        texts = {column: cells for column, cells in columns.items() if isinstance(cells, list)}
        return cls._read(columns, NumberReader(texts))

    @classmethod
    def from_stored(
        cls, name: str, frame: pd.DataFrame | FrameInParts, written: Mapping[str, Written]
    ) -> CanonicalTable:
        """Convert the DataFrame of a canonical table that was stored.

        Its text is text, also where a later version would read numbers in it.

        Parameters
        ----------
        name
            What messages call the table.
        frame
            As `frame` was.
        written
            How its columns were written, as far as that is known.

        Raises
        ------
        DataError
            As in `from_frame`.
        """
        series = dict(stored_columns(name, frame))
        return cls(_frame_of(series), written)

    @classmethod
    def from_texts(cls, columns: Mapping[str, Sequence[str]]) -> CanonicalTable:
        """Convert columns of text cells: to numbers where all cells of a column are, else as text.

        Parameters
        ----------
        columns
            By name, as `read_csv` gives them, of equal length. An empty cell is missing.
        """
        table = cls._read(columns, NumberReader(columns))
        left_out = getattr(columns, "left_out", ())
        return replace(table, left_out=left_out, file_encoding=getattr(columns, "encoding", ""))

    @classmethod
    def _read(
        cls, columns: Mapping[str, pd.Series | Sequence[Any]], reader: NumberReader
    ) -> CanonicalTable:
        """Read the columns that are sequences of texts."""
        series = {}
        written = {}
        for column, cells in columns.items():
            if isinstance(cells, pd.Series):
                series[column] = _with_one_spelling_each(cells)
            else:
                series[column], written[column] = _read_texts(column, cells, reader)

        # Where some columns have decimal commas, it is worth knowing which have points.
        notations = [own.notation for own in written.values() if own.notation is not None]
        if any(notation.decimal == "," for notation in notations):
            for column, cells in columns.items():
                if isinstance(cells, pd.Series) or written[column].notation is not None:
                    continue
                if is_numeric(series[column]):
                    points = _with_points(cells)
                    written[column] = replace(written[column], notation=points)
        return cls(_frame_of(series), written)

    @property
    def frame(self) -> pd.DataFrame:
        """A shallow copy as a DataFrame (rows, columns); columns set in it are not set here."""
        return self._frame.copy(deep=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._frame.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._frame.shape

    def __len__(self) -> int:
        return len(self._frame)

    def __contains__(self, column: object) -> bool:
        return column in self._frame.columns

    def __getitem__(self, column: str) -> pd.Series:
        return self._frame[column]

    @property
    def notations(self) -> dict[str, Notation]:
        """How the numbers of columns were written, of those that are not written plainly."""
        found = {column: self.written(column).notation for column in self.columns}
        return {column: notation for column, notation in found.items() if notation is not None}

    def written(self, column: str) -> Written:
        """How a column was written."""
        return self._written.get(column, _AS_IT_IS)

    def meanings(self, columns: Sequence[str]) -> list[str]:
        """What the numbers of those columns mean that are not written plainly, an example each."""
        found = self.notations
        return [f"{name[:60]!r} ({found[name].meaning()})" for name in columns if name in found]

    def gap(self, column: str) -> str:
        """The text of a column's first cell without a value; empty where it is blank."""
        return self.written(column).gap

    def check_readable(self, name: str, column: str) -> None:
        """Check that the numbers of a column could be read.

        Parameters
        ----------
        name
            What messages call the table.
        column
            The column.

        Raises
        ------
        DataError
            If they are written in several notations, or in one that may mean two numbers.
        """
        refusal = self.written(column).refusal
        if refusal is not None:
            raise to_data_error(name, refusal)

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"CanonicalTable({rows} rows, {columns} columns)"

    def every_nth_row(self, step: int) -> CanonicalTable:
        """An evenly spread sample: rows 0, ``step``, 2 ``step`` and so on.

        Its rows are numbered anew, from 0.
        """
        rows = self._frame.iloc[::step].reset_index(drop=True)
        return CanonicalTable(rows, self._written, self.left_out, self.file_encoding)


def as_canonical(name: str, table: CanonicalTable | pd.DataFrame) -> CanonicalTable:
    """``table`` itself if it is canonical already, else its canonical copy.

    Raises
    ------
    DataError
        See `CanonicalTable.from_frame`.
    """
    if isinstance(table, CanonicalTable):
        return table
    return CanonicalTable.from_frame(name, table)


def is_numeric(column: pd.Series) -> bool:
    """Whether a canonical column holds numbers (integers included)."""
    return column.dtype.kind in "if"


def to_data_error(name: str, error: TableError) -> DataError:
    """The `DataError` that says the same of the table called ``name``."""
    return DataError(f"{name}: {error.problem}", expected=error.expected, remedy=error.remedy)


def stored_columns(
    name: str, frame: pd.DataFrame | FrameInParts
) -> Iterator[tuple[str, pd.Series]]:
    """The columns of `CanonicalTable.from_stored`, with their names, one after the other."""
    for column, cells in _columns_of_frame(name, frame):
        yield column, _from_texts(cells) if isinstance(cells, list) else cells


def _frame_of(series: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Canonical columns as a DataFrame, which takes them as they are and no memory besides."""
    return pd.DataFrame(series, copy=False)


def _columns_of_frame(
    name: str, frame: pd.DataFrame | FrameInParts
) -> Iterator[tuple[str, pd.Series | list[Any]]]:
    """The columns of a DataFrame with their names, in canonical form or as lists of texts.

    Errors are those of `CanonicalTable.from_frame`.
    """
    if isinstance(frame, pd.DataFrame):
        frame = FrameInParts.whole(frame)
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(
            f"{name}: the columns have several levels.",
            expected="one name a column",
            remedy="flatten the column index",
        )

    index = [*_named_index(frame)]
    column_names = [column for column, _ in index]
    column_names += [str(label).strip() for label in frame.columns]
    if not column_names:
        raise DataError(
            f"{name}: the table is empty.",
            expected="columns and rows",
            remedy="choose another table",
        )

    try:
        check_header(column_names, numbers_are_names=True)
    except TableError as error:
        raise to_data_error(name, error) from None

    if len(frame) > MAX_ROWS:
        raise DataError(
            f"{name}: {len(frame):,} rows.",
            expected=f"at most {MAX_ROWS:,}",
            remedy="take a random sample of the rows",
        )

    for column, cells in index:
        yield column, _column_or_texts(cells, name, column)
    places = iter(column_names[len(index) :])
    for part in frame.parts:
        # By position, as labels of a DataFrame may be of any type, or stand twice.
        for position in range(part.shape[1]):
            column = next(places)
            yield column, _column_or_texts(part.iloc[:, position], name, column)
        # The next one takes its place.
        del part


def _named_index(frame: FrameInParts) -> Iterator[tuple[str, pd.Series]]:
    """The levels of the frame's index that have names, with their cells."""
    for level, label in enumerate(frame.index.names):
        cells = frame.index.get_level_values(level).to_series(index=frame.index)
        is_a_column_besides = label in frame.columns and any(
            cells.equals(part[label]) for part in frame.parts
        )
        if label is not None and not is_a_column_besides:
            yield str(label).strip(), cells


def _column_or_texts(series: pd.Series, name: str, column: str) -> pd.Series | list[Any]:
    """One column of a DataFrame in its canonical form, by what its dtype says; or its texts."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_categories(series)
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        return _from_numbers(series.to_numpy())

    values = _shared_cells(series) if isinstance(dtype, pd.StringDtype) else series.tolist()
    if _are_texts(values):
        return [value if isinstance(value, str) else None for value in values]
    return _from_objects(values, name, column)


def _shared_cells(series: pd.Series) -> list[Any]:
    """The cells of a column of texts. Equal ones are one object, in an eighth of the memory."""
    which, different = pd.factorize(series)
    # The last one is that of -1, of no value.
    texts = np.array([*different, None], dtype=object)
    cells: list[Any] = texts[which].tolist()
    return cells


def _are_texts(values: list[object]) -> bool:
    """Whether cells are texts, of which some may be missing: None, pandas' NA, or NaN."""
    others = [value for value in values if not isinstance(value, str)]
    if len(others) == len(values) and any(value is not None for value in others):
        return False
    return all(value is None or value is pd.NA or _is_nan(value) for value in others)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _from_numbers(values: NDArray[np.generic]) -> pd.Series:
    """A column of a numeric dtype: float64 or int64, or text if integers are too large."""
    if values.dtype.kind == "f":
        return pd.Series(values.astype(np.float64))

    if len(values):
        too_large = int(values.max()) >= EXACT_INTEGERS or int(values.min()) <= -EXACT_INTEGERS
        if too_large:
            return pd.Series([str(value) for value in values.tolist()], dtype=object)
    return pd.Series(values.astype(np.int64))


def _from_texts(texts: Sequence[str | None]) -> pd.Series:
    """Numbers if every cell is empty or a plain number that is held exactly, else text."""
    numbers = to_numbers(texts)
    if numbers is None:
        return _text_column(texts)
    return _number_column(texts, numbers)


def _number_column(
    texts: Sequence[str | None], numbers: NDArray[np.float64], decimal: str = "."
) -> pd.Series:
    """Numbers that were read from texts; text if one is infinite, or an integer that is too large.

    They are integers if all are, and none is written with a decimal mark.
    """
    if np.isinf(numbers).any():
        return _text_column(texts)

    large = np.flatnonzero(np.abs(numbers) >= EXACT_INTEGERS)
    if any(_is_whole(texts[row], decimal) for row in large.tolist()):
        return _text_column(texts)

    all_whole = bool((numbers == np.floor(numbers)).all())
    if all_whole and len(texts) and all(_is_whole(text, decimal) for text in texts):
        return pd.Series(numbers.astype(np.int64))
    return pd.Series(numbers)


def _is_whole(text: str | None, decimal: str) -> bool:
    """Whether a number is written without decimals, and without an exponent."""
    # Most whole numbers are digits and no more.
    if text is None or text.isdecimal():
        return text is not None
    return not any(mark in text.lower() for mark in (decimal, "e", "d"))


def _read_texts(
    column: str, texts: Sequence[Any], reader: NumberReader
) -> tuple[pd.Series, Written]:
    """A column of texts in its canonical form, and how it was written."""
    notation = None
    refusal = None
    code = ""
    try:
        read = reader.read(column)
    except TableError as error:
        refusal = error
        series = _from_texts(texts)
    else:
        if read is None:
            refusal = _stray_cell(column, texts)
            series = _with_dates_in_digits(_text_column(_with_one_spelling(texts)))
        else:
            numbers, notation = read
            series = _number_column(texts, numbers, notation.decimal if notation else ".")
            if notation is None and is_numeric(series):
                code = _code_among(texts, series.to_numpy(dtype=np.float64))

    missing = np.flatnonzero(series.isna())
    gap = (texts[missing[0]] or "").strip() if len(missing) else ""
    return series, Written(notation, refusal, gap, code)


# Whole numbers with leading zeros, of three digits or more (01 is a month, too), and codes that
# look like powers of ten.
_ZEROS_FIRST = re.compile(r"0\d\d+")
_LIKE_A_POWER = re.compile(r"\d+[eE]\d+")


def _code_among(texts: Sequence[str | None], numbers: NDArray[np.float64]) -> str:
    """The first of a column's plain numbers that may be a code; an empty text if none is."""
    if (numbers[~np.isnan(numbers)] % 1 != 0).any():
        return ""
    all_powers = True
    first = ""
    for cell in texts:
        # Quick, as nearly all cells of nearly all tables end here.
        if not cell or (cell[0] not in " 0" and not all_powers):
            continue
        text = cell.strip()
        if _ZEROS_FIRST.fullmatch(text):
            return text
        if all_powers and to_level(text) is not None:
            all_powers = _LIKE_A_POWER.fullmatch(text) is not None
            first = first or text
    return first if all_powers else ""


def _with_points(texts: Sequence[str | None]) -> Notation | None:
    """The notation of plain numbers, an example of which has a decimal point; None: none has."""
    for text in texts:
        if text and "." in text and to_level(to_number(text)) is not None:
            return Notation(example=text.strip())
    return None


def _stray_cell(column: str, texts: Sequence[str | None]) -> TableError | None:
    """Why a column is refused that is numbers in another notation, but for some cells.

    Of plain numbers it is said where features and targets are checked (`encoder.check_text`).
    """
    cells = Counter(texts)
    for missing in [cell for cell in cells if to_level(cell) is None]:
        del cells[missing]
    most_words = (1 - _MOSTLY) * cells.total()
    units: Counter[str] = Counter()
    plain = words = 0
    for cell, count in cells.items():
        written = read_cell(cell)
        if written is None:
            words += count
        elif written.unit is not None:
            units[written.unit] += count
            plain += count * (to_number(cell) is not None)
        # Most columns of words are recognised by a part of them.
        if words > most_words:
            return None

    unit, numbers = max(units.items(), key=lambda item: item[1], default=("", 0))
    if numbers < _MOSTLY * cells.total() or plain >= _MOSTLY * cells.total():
        return None

    for row, text in enumerate(texts):
        written = read_cell(text)
        if written is None or written.unit not in (None, unit):
            kind = f"number with {unit!r}" if unit else "number"
            return TableError(
                f"row {row + 2}, column {column!r}: {str(text)[:60]!r} is not a {kind}, but most "
                "of the column is.",
                expected=f"a {kind} in every row",
                remedy="correct the cell, or leave it empty if its value is missing",
            )
    return None


def _with_one_spelling(texts: Sequence[Any]) -> Sequence[Any]:
    """Texts of which those that look alike are the same, and so are TRUE and True: the commonest.

    Nobody sees how a letter with a mark is composed, which kind of space stands between words, and
    how many.
    """
    levels: Counter[str] = Counter()
    for text, count in Counter(texts).items():
        level = to_level(text)
        if level is not None:
            levels[level] += count
    # As the encoder has it, by which new rows are read.
    ignore_case = are_truths(levels)

    def key(level: str) -> str:
        return level.lower() if ignore_case else look_of(level)

    spellings: dict[str, str] = {}
    for level, _ in levels.most_common():
        spellings.setdefault(key(level), level)
    if len(spellings) == len(levels):
        return texts
    return [
        text if to_level(text) is None else spellings[key(to_level(text) or "")] for text in texts
    ]


def _with_one_spelling_each(cells: pd.Series) -> pd.Series:
    """A column of categories of which those that look alike are one; any other as it is."""
    if not isinstance(cells.dtype, pd.CategoricalDtype):
        return cells
    texts = [text if isinstance(text, str) else None for text in cells.tolist()]
    spelt = _with_one_spelling(texts)
    return cells if spelt is texts else _from_categories(pd.Series(spelt, dtype=object))


def _with_dates_in_digits(column: pd.Series) -> pd.Series:
    """A text column in which dates have digits for their months, if it is one of dates.

    They are written so here, and not where dates are read: recorded tables keep their words.
    """
    texts, which = distinct_cells(column.tolist())
    # A few cells tell most columns of words.
    if not any(text and date_in_digits(text) for text in texts[:_FEW_CELLS]):
        return column
    dates = [date_in_digits(text) if text else None for text in texts]
    is_date = np.array([date is not None for date in dates])
    if is_date[which].sum() < _MOSTLY * column.notna().sum():
        return column
    written = [date or text for date, text in zip(dates, texts, strict=True)]
    return pd.Series(np.array(written, dtype=object)[which], dtype=object)


def _from_objects(values: list[object], name: str, column: str) -> pd.Series:
    """A column of Python objects of mixed types: numbers if all cells are, else text."""
    cells = [_scalar(value, name, column, row) for row, value in enumerate(values)]

    # Cells without text that are numbers or missing stay numbers. Integers that a float64 does not
    # hold become text, as they are identifiers.
    numbers = [to_number(cell) for cell in cells]
    any_text = any(isinstance(cell, str) for cell in cells)
    if not any_text and None not in numbers:
        integers = [cell for cell in cells if isinstance(cell, int | np.integer)]
        largest = max(map(abs, map(int, integers)), default=0)
        is_exact = largest < EXACT_INTEGERS
        if is_exact and len(integers) == len(cells):
            return pd.Series(np.array(cells, dtype=np.int64))
        if is_exact:
            return pd.Series(np.array(numbers, dtype=np.float64))

    series = _from_texts([to_level(cell) for cell in cells])
    return series if is_numeric(series) else _with_dates_in_digits(series)


def _scalar(value: object, name: str, column: str, row: int) -> object:
    """A cell as a plain number or text. ``row`` counts from 0. Raises DataError for other types."""
    if isinstance(value, decimal.Decimal):
        return float(value)

    # As text, which is recognised as a date where it matters (`encoder.check_text`).
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return to_level(value)

    if not pd.api.types.is_scalar(value) or isinstance(value, complex | bytes):
        kind = type(value).__name__
        raise DataError(
            f"{name}: row {row + 2}, column {column!r}: a cell of type {kind}.",
            expected="text or numbers",
            remedy="turn the column into either, or drop it",
        )
    return value


def _from_categories(series: pd.Series) -> pd.Series:
    """A categorical column whose categories are the texts that occur, sorted."""
    # Sorted, and without those that do not occur: equal columns then have equal categories.
    texts = [to_level(value) for value in series.tolist()]
    occurring = {text for text in texts if text is not None}
    categories = pd.Index(sorted(occurring), dtype=object)
    return pd.Series(pd.Categorical(pd.Series(texts, dtype=object), categories=categories))


def _text_column(texts: Sequence[str | None]) -> pd.Series:
    """Text cells, stripped; None where a cell holds no value."""
    different, which = distinct_cells(texts)
    levels = np.array([to_level(text) for text in different], dtype=object)
    return pd.Series(levels[which], dtype=object)
