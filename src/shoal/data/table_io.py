"""Read files, bytes and DataFrames as canonical tables; write them as Parquet and read it back."""

from __future__ import annotations

import difflib
import io
import logging
import os
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import BinaryIO, TypeVar

import pandas as pd

from shoal.data.bundled_tables import BUNDLED
from shoal.data.canonical import (
    CanonicalTable,
    FrameInParts,
    Written,
    as_canonical,
    is_numeric,
    stored_columns,
    to_data_error,
)
from shoal.data.file_encoding import parse_file_encoding, refuse_file_encoding
from shoal.data.other_tables import Table, to_frame
from shoal.data.parquet_size import CELL_BYTES, check_decoded_size, read_in_parts, too_large
from shoal.errors import DataError
from shoal.inference.standalone import (
    MAX_BYTES,
    MAX_COLUMNS,
    MAX_ROWS,
    PIECE_BYTES,
    Cells,
    TableError,
    TextTable,
    read_csv,
    reason_of,
)

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

# How large a table may be in memory: 8 bytes a cell, and its texts.
MAX_DECODED_BYTES = 2**30
MAX_PARQUET_CELLS = 200_000_000
_PARQUET_MAGIC = b"PAR1"
_PARQUET_SUFFIXES = (".parquet", ".pq")

# A path makes one slash of two.
_ADDRESS = re.compile(r"(?:https?|ftps?|s3|gs|gcs|az|abfss?|hdfs|file):/+")

# Where Parquet has how columns were written, and what of their file is no part of the table: among
# the attributes of its DataFrame.
_WRITTEN = "shoal_written"
_LEFT_OUT = "shoal_left_out"
_FILE_ENCODING = "shoal_file_encoding"


def read_table(
    data: str | os.PathLike[str] | Table, file_encoding: str | None = None
) -> tuple[str, CanonicalTable]:
    """Read a table from wherever a user has it.

    Parameters
    ----------
    data
        The name of a bundled table ("concrete"), the path of a CSV or Parquet file, or a DataFrame
        or another table (`to_frame`).
    file_encoding
        The text encoding of a CSV file, by a name that Python knows. None: recognised.

    Returns
    -------
    name : str
        The bundled name, the file's name without its suffix, or "table" for a table.
    table : CanonicalTable
        Its columns in canonical form.

    Raises
    ------
    DataError
        If it cannot be read. The message names the file and, where they exist, row (the header is
        row 1) and column.
    SettingsError
        If there is no such encoding, or if the table is no CSV file.

    Examples
    --------
    >>> name, table = read_table("concrete")
    >>> name, len(table), table.columns[0]
    ('concrete', 1030, 'cement')
    """
    encoding = parse_file_encoding(file_encoding)
    if not isinstance(data, str | os.PathLike):
        frame = to_frame(data)
        if frame is not None:
            refuse_file_encoding(encoding, "a table in memory")
            return "table", CanonicalTable.from_frame("table", frame)

    with _opened(data) as (file_name, file):
        table = _table_from_file(file_name, file, MAX_DECODED_BYTES, encoding)
    # The suffix says the format, and is no part of what people call the table.
    return Path(file_name).stem, table


@contextmanager
def _opened(data: object) -> Iterator[tuple[str, BinaryIO]]:
    """The name and the bytes of a bundled table, or of a file."""
    if isinstance(data, str) and data in BUNDLED:
        content = resources.files("shoal.data").joinpath(f"{data}.csv").read_bytes()
        yield data, io.BytesIO(content)
        return

    if not isinstance(data, str | os.PathLike):
        raise DataError(
            f"data {reprlib.repr(data)} of type {type(data).__name__}.",
            expected="a bundled name, the path of a CSV or Parquet file, or a table: a DataFrame, "
            "a table of Arrow, a NumPy array of two dimensions, or a dict of columns",
            remedy="give one of these",
        )
    address = _ADDRESS.match(str(data))
    if address:
        # Without what follows, which may have a password in it.
        raise DataError(
            f"{address[0]}... is an address, and Shoal fetches nothing.",
            expected="the path of a CSV or Parquet file",
            remedy="download the table first",
        )

    path = Path(data)
    try:
        with _open_file(path) as file:
            yield path.name, file
    except OSError as error:
        raise _unreadable(path, error) from error


def table_from_bytes(
    name: str,
    content: bytes,
    most_bytes: int = MAX_DECODED_BYTES,
    file_encoding: str | None = None,
) -> CanonicalTable:
    """Read the bytes of a CSV or Parquet file, an upload for example.

    Parameters
    ----------
    name
        The file's name, for messages. A name that ends in .parquet or .pq says the format; bytes
        that begin as a Parquet file does are read as one, whatever the name.
    content
        The whole file.
    most_bytes
        How large the table may be in memory: 8 bytes a cell, and its texts.
    file_encoding
        As `read_table` takes it.

    Raises
    ------
    DataError
        If the bytes hold no sound table, or too large a one.
    SettingsError
        As `read_table`.
    """
    encoding = parse_file_encoding(file_encoding)
    if len(content) > MAX_BYTES:
        raise _too_large(name)
    return _table_from_file(name, io.BytesIO(content), most_bytes, encoding)


def _table_from_file(
    name: str, file: BinaryIO, most_bytes: int, encoding: str | None
) -> CanonicalTable:
    """Read a file of at most `MAX_BYTES`."""
    size = file.seek(0, io.SEEK_END)
    if _is_parquet(name, file):
        refuse_file_encoding(encoding, f"the Parquet file {name}")
        _log.debug("reading %r (%d bytes) as Parquet", name, size)
        convert = partial(CanonicalTable.from_frame, name)
        return _read_parquet(name, file, convert, most_bytes)

    _log.debug("reading %r (%d bytes) as CSV", name, size)
    columns = _parse(name, file, encoding)
    _log.debug("%r is read in %s", name, columns.encoding)
    _check_size(name, columns, size, most_bytes)
    return CanonicalTable.from_texts(columns)


def _check_size(name: str, columns: TextTable, size: int, most_bytes: int) -> None:
    """Refuse a CSV file of ``size`` bytes whose cells take too much memory."""
    cells = sum(map(len, columns.values()))
    if CELL_BYTES * cells + size > most_bytes:
        raise too_large(name, most_bytes)


def _is_parquet(name: str, file: BinaryIO) -> bool:
    # An upload may come under any name, so that the first bytes count, too.
    file.seek(0)
    begins_so = file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    return begins_so or Path(name).suffix.lower() in _PARQUET_SUFFIXES


def _parse(name: str, file: BinaryIO, encoding: str | None) -> TextTable:
    """The columns of a CSV file; its encoding is recognised where none is named."""
    reader = None
    if file.seek(0, io.SEEK_END) >= PIECE_BYTES:
        # PyArrow takes long to load.
        from shoal.data.arrow_csv import ArrowReader

        reader = ArrowReader()
    file.seek(0)
    try:
        return read_csv(file, reader, encoding)
    except TableError as error:
        raise to_data_error(name, error) from None


def to_parquet(table: CanonicalTable | pd.DataFrame, *, with_messages: bool = False) -> bytes:
    """Write a table as Parquet; equal tables give equal bytes.

    Parameters
    ----------
    table
        The table, with the notations of its numbers.
    with_messages
        Write also what only messages need: why columns are refused, what gaps were, what of the
        file is left out, and its encoding.

    Raises
    ------
    DataError
        If a DataFrame is not a sound table, or text cannot be stored (a lone surrogate).
    """
    # Without the index: rows are numbered anew as they are read.
    canonical = as_canonical("table", table)
    frame = canonical.frame
    written = {}
    for column in canonical.columns:
        own = canonical.written(column)
        values = (own if with_messages else Written(own.notation)).to_dict()
        if values:
            written[column] = values
    if written:
        frame.attrs[_WRITTEN] = written
    if with_messages and canonical.left_out:
        frame.attrs[_LEFT_OUT] = list(canonical.left_out)
    if with_messages and canonical.file_encoding:
        frame.attrs[_FILE_ENCODING] = canonical.file_encoding
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, engine="pyarrow", index=False)
    except (ValueError, TypeError) as error:
        # pyarrow's own errors are kinds of these two.
        raise DataError(
            f"table: it cannot be stored ({reason_of(error)}).",
            remedy="remove what is not text or numbers",
        ) from error
    return buffer.getvalue()


def from_parquet(content: bytes) -> CanonicalTable:
    """Read what `to_parquet` wrote.

    Raises
    ------
    DataError
        If the bytes are damaged.
    """
    return _read_parquet("stored table", io.BytesIO(content), _from_stored)


def _from_stored(frame: FrameInParts) -> CanonicalTable:
    written = {}
    for column, values in frame.attrs.get(_WRITTEN, {}).items():
        written[column] = Written.from_dict(values)
    table = CanonicalTable.from_stored("stored table", frame, written)
    return replace(
        table,
        left_out=tuple(frame.attrs.get(_LEFT_OUT, ())),
        file_encoding=frame.attrs.get(_FILE_ENCODING, ""),
    )


def read_cells(
    data: str | os.PathLike[str], file_encoding: str | None = None
) -> Mapping[str, Cells]:
    """Read the columns of a table for a prediction, with texts as they are written.

    A model knows which columns are numbers, and how they were written in training.

    Parameters
    ----------
    data
        As in `read_table`, but for a DataFrame.
    file_encoding
        As in `read_table`; it may be another one than that of the training table.

    Raises
    ------
    DataError, SettingsError
        As in `read_table`.
    """
    encoding = parse_file_encoding(file_encoding)
    with _opened(data) as (name, file):
        if _is_parquet(name, file):
            refuse_file_encoding(encoding, f"the Parquet file {name}")
            return _parquet_cells(name, file, MAX_DECODED_BYTES)
        return _parse(name, file, encoding)


def cells_from_bytes(
    name: str,
    content: bytes,
    most_bytes: int = MAX_DECODED_BYTES,
    file_encoding: str | None = None,
) -> Mapping[str, Cells]:
    """The columns of an uploaded table for a prediction, as `read_cells` reads a file.

    Parameters and errors are those of `table_from_bytes`.
    """
    encoding = parse_file_encoding(file_encoding)
    if len(content) > MAX_BYTES:
        raise _too_large(name)
    file = io.BytesIO(content)
    if _is_parquet(name, file):
        refuse_file_encoding(encoding, f"the Parquet file {name}")
        return _parquet_cells(name, file, most_bytes)
    columns = _parse(name, file, encoding)
    _check_size(name, columns, len(content), most_bytes)
    return columns


def _parquet_cells(name: str, file: BinaryIO, most_bytes: int) -> Mapping[str, Cells]:
    def convert(frame: FrameInParts) -> Mapping[str, Cells]:
        return {column: cells_of_series(cells) for column, cells in stored_columns(name, frame)}

    return _read_parquet(name, file, convert, most_bytes)


def cells_of_series(series: pd.Series) -> Cells:
    """The cells of a canonical column, as small as can be."""
    return series.to_numpy() if is_numeric(series) else series.tolist()


def _open_file(path: Path) -> BinaryIO:
    try:
        if not path.is_file():
            raise _not_a_file(path)
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(path.name)
        return path.open("rb")
    except (OSError, ValueError) as error:
        # A ValueError is a NUL in the path.
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: {error}.", expected="a file that can be read", remedy="check the path"
    )


def _read_parquet(
    name: str,
    file: BinaryIO,
    convert: Callable[[FrameInParts], _T],
    most_bytes: int | None = None,
) -> _T:
    """Read a Parquet file; None: it is one of ours, however large it becomes."""
    # Imported here, since it takes long to load and most tables are CSV.
    from pyarrow import parquet  # type: ignore[import-untyped, unused-ignore]

    # The size is read first: a small file may unpack to more than memory holds.
    try:
        metadata = parquet.read_metadata(file)
        rows = metadata.num_rows
        columns = metadata.num_columns
        fits = rows <= MAX_ROWS and columns <= MAX_COLUMNS and rows * columns <= MAX_PARQUET_CELLS
        frame = None
        if fits and most_bytes is not None:
            check_decoded_size(name, file, most_bytes)
        if fits:
            frame = read_in_parts(file)
    except DataError:
        raise
    except MemoryError as error:
        raise not_enough_memory(name) from error
    except Exception as error:
        # Anything: damaged bytes raise KeyError and more in the depths of pyarrow.
        raise _damaged_parquet(name, error) from error

    if frame is None:
        limits = (
            f"at most {MAX_ROWS:,} rows, {MAX_COLUMNS:,} columns and {MAX_PARQUET_CELLS:,} cells"
        )
        raise DataError(
            f"{name}: {rows:,} rows and {columns:,} columns.",
            expected=limits,
            remedy="take a sample of it",
        )
    # Here most of it is read.
    try:
        return convert(frame)
    except DataError:
        raise
    except MemoryError as error:
        raise not_enough_memory(name) from error
    except Exception as error:
        raise _damaged_parquet(name, error) from error


def not_enough_memory(name: str) -> DataError:
    """The error of a table for which the memory does not suffice."""
    return DataError(
        f"{name}: there is not enough memory to read it.",
        expected="a smaller table",
        remedy="take a random sample of the rows",
    )


def _damaged_parquet(name: str, error: Exception) -> DataError:
    return DataError(
        f"{name}: the Parquet file is damaged or not one ({reason_of(error)}).",
        expected="a whole Parquet file",
        remedy="write the file again, or use CSV",
    )


def _not_a_file(path: Path) -> DataError:
    if path.is_dir():
        return _wrong_kind_of_file(path, "a folder")
    if path.exists():
        return _wrong_kind_of_file(path, "not a regular file")

    hint = ""
    near = difflib.get_close_matches(str(path), BUNDLED)
    if near:
        hint = f" Did you mean {near[0]!r}?"
    bundled_names = ", ".join(BUNDLED)
    return DataError(
        f"{path}: there is no such file.{hint}",
        expected=f"a bundled name ({bundled_names}) or the path of a CSV or Parquet file",
        remedy="check the spelling",
    )


def _wrong_kind_of_file(path: Path, kind: str) -> DataError:
    return DataError(
        f"{path} is {kind}.", expected="a CSV or Parquet file", remedy="name a file in it"
    )


def _too_large(name: str) -> DataError:
    return DataError(
        f"{name}: the file is too large.",
        expected=f"at most {MAX_BYTES // 2**20} MiB",
        remedy="take a random sample of the rows",
    )
