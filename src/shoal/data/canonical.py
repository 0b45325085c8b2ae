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
same dataset. The two class methods of `CanonicalTable` are the only places where a table becomes
canonical. Whoever holds one need not check or convert it again.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.errors import DataError
from shoal.inference.standalone import MAX_ROWS, TableError, check_header, to_level, to_number

# From here on a float64 skips integers. Columns of such integers are identifiers, and stay text.
EXACT_INTEGERS = 2**53


@dataclass(frozen=True, eq=False, repr=False)
class CanonicalTable:
    """A table whose columns are known to be canonical (see `shoal.data.canonical`).

    Make one with `from_frame` or `from_texts`; the constructor itself converts nothing.

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

    @classmethod
    def from_frame(cls, name: str, frame: pd.DataFrame) -> CanonicalTable:
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
        if isinstance(frame.columns, pd.MultiIndex):
            raise DataError(
                f"{name}: the columns have several levels.",
                expected="one name a column",
                remedy="flatten the column index",
            )

        columns = [*_named_index(frame)]
        # By position, as labels of a DataFrame may be of any type, or stand twice.
        for position, label in enumerate(frame.columns):
            columns.append((str(label).strip(), frame.iloc[:, position]))
        column_names = [column for column, _ in columns]
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

        canonical = {column: _canonical_column(cells, name, column) for column, cells in columns}
        return cls(pd.DataFrame(canonical, index=pd.RangeIndex(len(frame))))

    @classmethod
    def from_texts(cls, columns: Mapping[str, list[str]]) -> CanonicalTable:
        """Convert columns of text cells: to numbers where all cells of a column are, else as text.

        Parameters
        ----------
        columns
            By name, as `parse_csv` gives them: lists of equal length. An empty cell is missing.
        """
        converted = {name: _from_texts(cells) for name, cells in columns.items()}
        return cls(pd.DataFrame(converted))

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

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"CanonicalTable({rows} rows, {columns} columns)"

    def every_nth_row(self, step: int) -> CanonicalTable:
        """An evenly spread sample: rows 0, ``step``, 2 ``step`` and so on.

        Its rows are numbered anew, from 0.
        """
        return CanonicalTable(self._frame.iloc[::step].reset_index(drop=True))


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


def _named_index(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """The levels of the frame's index that have names, with their cells."""
    for level, label in enumerate(frame.index.names):
        cells = frame.index.get_level_values(level).to_series(index=frame.index)
        is_a_column_besides = label in frame.columns and cells.equals(frame[label])
        if label is not None and not is_a_column_besides:
            yield str(label).strip(), cells


def _canonical_column(series: pd.Series, name: str, column: str) -> pd.Series:
    """One column of a DataFrame in its canonical form, by what its dtype says."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_categories(series)
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        return _from_numbers(series.to_numpy())

    values = series.tolist()
    if all(value is None or isinstance(value, str) for value in values):
        return _from_texts(values)
    return _from_objects(values, name, column)


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
    """Numbers if every cell is empty or a finite number that int64 or float64 holds, else text."""
    # The first cell that is no number makes the whole column text.
    numbers = np.empty(len(texts))
    all_whole = True

    for row, text in enumerate(texts):
        number = to_number(text)
        if number is None or math.isinf(number):
            return _text_column(texts)

        is_whole = text is not None and text.strip().lstrip("+-").isdecimal()
        if is_whole and abs(number) >= EXACT_INTEGERS:
            return _text_column(texts)

        all_whole = all_whole and is_whole
        numbers[row] = number

    if all_whole and len(texts):
        return pd.Series(numbers.astype(np.int64))
    return pd.Series(numbers)


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

    return _from_texts([to_level(cell) for cell in cells])


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
    return pd.Series([to_level(text) for text in texts], dtype=object)
