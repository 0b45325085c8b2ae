"""From files, bytes and DataFrames to one canonical table, and to Parquet and back.

A canonical table has four kinds of column: int64, float64 (missing: NaN), text (object; missing: None) and category
(of text). Everything later depends on these alone, so a CSV file, its DataFrame and its Parquet copy mean the same.
"""

from __future__ import annotations

import datetime
import decimal
import difflib
import io
import math
import os
import reprlib
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.errors import DataError
from shoal.inference.standalone import (
    MAX_BYTES,
    MAX_COLUMNS,
    MAX_ROWS,
    TableError,
    check_header,
    decode,
    parse_csv,
    to_level,
    to_number,
)

BUNDLED = {"concrete": "compressive_strength"}
"""Bundled tables and their targets."""

MAX_PARQUET_CELLS = 200_000_000
EXACT_INTEGERS = (
    2**53
)  # from here on a float64 skips integers: such columns are identifiers, and stay text
_PARQUET_MAGIC = b"PAR1"


def read_table(data: str | os.PathLike[str] | pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Name and canonical table of a bundled name, a CSV or Parquet file, or a DataFrame (named "table").

    Raises DataError, naming the file and, where they exist, row (the header is row 1) and column.
    """
    if isinstance(data, pd.DataFrame):
        return "table", canonical("table", data)
    if isinstance(data, str) and data in BUNDLED:
        return data, table_from_bytes(
            data, resources.files("shoal.data").joinpath(f"{data}.csv").read_bytes()
        )
    if not isinstance(data, str | os.PathLike):
        expected = "a bundled name, the path of a CSV or Parquet file, or a DataFrame"
        raise DataError(
            f"data {reprlib.repr(data)}.", expected=expected, remedy="give one of these"
        )
    path = Path(data)
    try:
        if not path.is_file():
            raise _not_a_file(path)
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(path.name)
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DataError(
            f"{path}: {error}.", expected="a file that can be read", remedy="check the path"
        ) from error
    return path.stem, table_from_bytes(path.name, content)


def table_from_bytes(name: str, content: bytes) -> pd.DataFrame:
    """The canonical table in the bytes of a CSV or Parquet file (an upload, say). Raises DataError naming ``name``."""
    if len(content) > MAX_BYTES:
        raise _too_large(name)
    if content.startswith(_PARQUET_MAGIC) or Path(name).suffix.lower() in (".parquet", ".pq"):
        return _read_parquet(name, content)
    try:
        columns = parse_csv(decode(content))
    except TableError as error:
        raise wrapped(name, error) from None
    return pd.DataFrame(
        {column: _from_texts(cells, name, column) for column, cells in columns.items()}
    )


def to_parquet(source: pd.DataFrame) -> bytes:
    """The table as Parquet bytes; equal tables give equal bytes. Raises DataError for a table that is not sound."""
    buffer = io.BytesIO()
    try:
        canonical("table", source).to_parquet(buffer, engine="pyarrow", index=False)
    except (ValueError, TypeError) as error:  # pyarrow's errors are kinds of these
        raise DataError(
            f"table: it cannot be stored ({error}).", remedy="remove what is not text or numbers"
        ) from error
    return buffer.getvalue()


def from_parquet(data: bytes) -> pd.DataFrame:
    """The reverse of `to_parquet`. Raises DataError for damaged bytes."""
    return _read_parquet("stored table", data)


def wrapped(name: str, error: TableError) -> DataError:
    """The DataError that names the file of a TableError."""
    return DataError(f"{name}: {error.problem}", expected=error.expected, remedy=error.remedy)


def canonical(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A copy of the table in its canonical form, index reset. Raises DataError."""
    if isinstance(frame.columns, pd.MultiIndex):
        remedy = "flatten the column index"
        raise DataError(
            f"{name}: the columns have several levels.", expected="one name a column", remedy=remedy
        )
    names = [str(column).strip() for column in frame.columns]
    if not names:
        raise DataError(
            f"{name}: the table is empty.",
            expected="columns and rows",
            remedy="choose another table",
        )
    try:
        check_header(names, numbers_are_names=True)
    except TableError as error:
        raise wrapped(name, error) from None
    if len(frame) > MAX_ROWS:
        problem = f"{name}: {len(frame):,} rows."
        raise DataError(
            problem, expected=f"at most {MAX_ROWS:,}", remedy="take a random sample of the rows"
        )
    columns = {column: _column(frame.iloc[:, i], name, column) for i, column in enumerate(names)}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))


def _column(series: pd.Series, name: str, column: str) -> pd.Series:
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _category([to_level(value) for value in series.tolist()])
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        return _from_numbers(series.to_numpy())
    values = series.tolist()
    if all(value is None or isinstance(value, str) for value in values):
        return _from_texts(values, name, column)
    for row, value in enumerate(values):
        if isinstance(value, decimal.Decimal):
            values[row] = float(value)
        elif isinstance(value, datetime.date | datetime.time | datetime.timedelta):
            values[row] = to_level(value)  # text, which is recognised as a date where it matters
        elif not pd.api.types.is_scalar(value) or isinstance(value, complex | bytes):
            problem = (
                f"{name}: row {row + 2}, column {column!r}: a cell of type {type(value).__name__}."
            )
            raise DataError(
                problem,
                expected="text or numbers",
                remedy="turn the column into either, or drop it",
            )
    numbers = [to_number(value) for value in values]
    if not any(isinstance(value, str) for value in values) and all(
        number is not None for number in numbers
    ):
        whole = all(isinstance(value, int | np.integer) for value in values)
        if whole and all(abs(int(value)) < EXACT_INTEGERS for value in values):
            return pd.Series(np.array(values, dtype=np.int64))
        if not any(
            isinstance(v, int | np.integer) and abs(int(v)) >= EXACT_INTEGERS for v in values
        ):
            return pd.Series(np.array(numbers, dtype=np.float64))
    return _from_texts([to_level(value) for value in values], name, column)


def _from_numbers(values: NDArray[np.generic]) -> pd.Series:
    if values.dtype.kind == "f":
        return pd.Series(values.astype(np.float64))
    if len(values) and (
        int(values.max()) >= EXACT_INTEGERS or int(values.min()) <= -EXACT_INTEGERS
    ):
        return pd.Series([str(value) for value in values.tolist()], dtype=object)
    return pd.Series(values.astype(np.int64))


def _from_texts(texts: list[str] | list[str | None], name: str, column: str) -> pd.Series:
    """int64 or float64 if every value is a finite number that those hold, else text."""
    numbers = np.empty(len(texts))
    whole = True
    for row, text in enumerate(texts):
        number = to_number(text)
        if number is None or math.isinf(number):
            break
        exact = text is not None and text.strip().lstrip("+-").isdecimal()
        if exact and abs(number) >= EXACT_INTEGERS:
            break
        whole = whole and exact
        numbers[row] = number
    else:
        return pd.Series(numbers.astype(np.int64) if whole and len(texts) else numbers)
    return pd.Series([None if text is None else to_level(text) for text in texts], dtype=object)


def _category(texts: list[str | None]) -> pd.Series:
    levels = pd.Index(sorted({text for text in texts if text is not None}), dtype=object)
    return pd.Series(pd.Categorical(pd.Series(texts, dtype=object), categories=levels))


def _read_parquet(name: str, content: bytes) -> pd.DataFrame:
    from pyarrow import parquet  # type: ignore[import-untyped, unused-ignore]  # here, since it takes long to import and most tables are CSV

    remedy = "write the file again, or use CSV"
    try:
        about = parquet.read_metadata(io.BytesIO(content))
        rows, columns = about.num_rows, about.num_columns
        small = rows <= MAX_ROWS and columns <= MAX_COLUMNS and rows * columns <= MAX_PARQUET_CELLS
        frame = pd.read_parquet(io.BytesIO(content), engine="pyarrow") if small else None
    except (
        Exception
    ) as error:  # whatever: damaged bytes raise KeyError and more in the depths of pyarrow
        problem = f"{name}: the Parquet file is damaged or not one ({type(error).__name__}: {str(error)[:200]})."
        raise DataError(problem, expected="a whole Parquet file", remedy=remedy) from error
    if frame is not None:
        return canonical(name, frame)
    limits = f"at most {MAX_ROWS:,} rows, {MAX_COLUMNS:,} columns and {MAX_PARQUET_CELLS:,} cells"
    raise DataError(
        f"{name}: {rows:,} rows and {columns:,} columns.",
        expected=limits,
        remedy="take a sample of it",
    )


def _not_a_file(path: Path) -> DataError:
    if path.exists():
        kind = "a folder" if path.is_dir() else "not a regular file"
        return DataError(
            f"{path} is {kind}.", expected="a CSV or Parquet file", remedy="name a file in it"
        )
    near = difflib.get_close_matches(str(path), BUNDLED)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    expected = f"a bundled name ({', '.join(BUNDLED)}) or the path of a CSV or Parquet file"
    return DataError(
        f"{path}: there is no such file.{hint}", expected=expected, remedy="check the spelling"
    )


def _too_large(name: str) -> DataError:
    limit = f"at most {MAX_BYTES // 2**20} MiB"
    return DataError(
        f"{name}: the file is too large.", expected=limit, remedy="take a random sample of the rows"
    )
