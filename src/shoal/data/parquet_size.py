"""Parquet tables in little memory: their size found out before, and some columns at a time.

A few kilobytes of dictionaries and repetitions decode to many gigabytes. The file's metadata says
how many cells there are, and how large their pages are; only decoding says how long their texts
are. Texts are therefore decoded in batches, as dictionaries, which stay small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pandas as pd

from shoal.data.canonical import FrameInParts
from shoal.errors import DataError

# A number's bytes in memory, and a text's besides its characters.
CELL_BYTES = 8
_BATCH_ROWS = 65_536
# How texts are stored that share their beginnings: of a chunk of few bytes, each may be as long as
# the chunk. They are never read as a dictionary, so their batches are limited, in bytes.
_SHARED_BEGINNINGS = "DELTA_BYTE_ARRAY"
_LARGEST_BATCH = 64 * 2**20
# Cells that are read at once, of whole columns; and how often a file's schema is read for it.
_PART_CELLS = 1_000_000
_MOST_PARTS = 32


def check_decoded_size(name: str, file: BinaryIO, most: int) -> None:
    """Refuse a Parquet file that decodes to more than so many bytes.

    Parameters
    ----------
    name
        The file's name, for messages.
    file
        The file. Damaged ones raise what pyarrow raises.
    most
        How many bytes the decoded table may take: 8 a cell, and its texts.

    Raises
    ------
    DataError
        If it is too large, or a column holds lists.
    """
    from pyarrow import parquet  # type: ignore[import-untyped, unused-ignore]

    metadata = parquet.read_metadata(file)
    columns = [metadata.schema.column(position) for position in range(metadata.num_columns)]
    for column in columns:
        if column.max_repetition_level > 0:
            raise DataError(
                f"{name}: column {column.path.partition('.')[0]!r} holds lists.",
                expected="text or numbers",
                remedy="turn the column into either, or drop it",
            )

    texts = [position for position, column in enumerate(columns) if _is_text(column)]
    chunks = [
        metadata.row_group(group).column(position)
        for group in range(metadata.num_row_groups)
        for position in texts
    ]
    decoded = metadata.num_rows * sum(max(CELL_BYTES, column.length) for column in columns)
    # Without compression each text is there at least once.
    if decoded + sum(chunk.total_uncompressed_size for chunk in chunks) > most:
        raise too_large(name, most)
    if not chunks:
        return

    shared = [chunk for chunk in chunks if _SHARED_BEGINNINGS in chunk.encodings]
    longest = max((chunk.total_uncompressed_size for chunk in shared), default=1)
    rows = max(1, min(_BATCH_ROWS, _LARGEST_BATCH // max(1, longest)))
    paths = [columns[position].path for position in texts]
    dictionaries = set(paths) - {chunk.path_in_schema for chunk in shared}

    texts_of_file = parquet.ParquetFile(file, read_dictionary=sorted(dictionaries))
    for batch in texts_of_file.iter_batches(rows, columns=paths, use_threads=False):
        decoded += sum(map(_text_bytes, batch.columns))
        if decoded > most:
            raise too_large(name, most)


def read_in_parts(file: BinaryIO) -> FrameInParts:
    """A Parquet file as a DataFrame, some columns at a time, as ``pandas.read_parquet`` reads it.

    Errors are those of pyarrow and pandas, and most come when the parts are read.

    Parameters
    ----------
    file
        The file, which stays open until the parts are read.
    """
    from pyarrow import parquet

    schema = parquet.read_schema(file)
    empty = schema.empty_table().to_pandas()
    stored_index = (schema.pandas_metadata or {}).get("index_columns", [])
    fields = [name for name in schema.names if name not in stored_index]

    rows = max(1, parquet.read_metadata(file).num_rows)
    at_once = max(1, _PART_CELLS // rows, len(fields) // _MOST_PARTS)
    is_usual = len(set(fields)) == len(empty.columns) and empty.columns.isin(fields).all()
    has_both = any(name in empty.columns for name in empty.index.names)
    if at_once >= len(fields) or not is_usual or has_both:
        return FrameInParts.whole(pd.read_parquet(file, engine="pyarrow"))

    none = pd.read_parquet(file, engine="pyarrow", columns=[])
    parts = _parts(file, fields, at_once)
    return FrameInParts(empty.columns, none.index, parts, none.attrs)


def _parts(file: BinaryIO, fields: Sequence[str], at_once: int) -> Iterator[pd.DataFrame]:
    """Some columns of a Parquet file after the others."""
    for start in range(0, len(fields), at_once):
        # No name keeps a part while the next one is read.
        yield _part(file, [*fields[start : start + at_once]])


def _part(file: BinaryIO, fields: list[str]) -> pd.DataFrame:
    import pyarrow  # type: ignore[import-untyped, unused-ignore]

    part = pd.read_parquet(file, engine="pyarrow", columns=fields)
    if part.shape[1] != len(fields):
        raise ValueError("its columns are not those of its schema")
    # What was read before it became a DataFrame.
    pyarrow.default_memory_pool().release_unused()
    return part


def too_large(name: str, most: int) -> DataError:
    """The error of a table that takes more than so many bytes when it is decoded."""
    return DataError(
        f"{name}: in memory the table is too large.",
        expected=f"at most {most // 2**20:,} MiB, of {CELL_BYTES} bytes a cell and its text",
        remedy="take a random sample of the rows, or leave out long texts",
    )


def _is_text(column: Any) -> bool:
    return str(column.physical_type) == "BYTE_ARRAY"


def _text_bytes(column: Any) -> int:
    """The bytes of a batch's texts, each counted as often as it occurs."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = compute.binary_length(column.dictionary)
    return int(compute.sum(compute.take(lengths, column.indices)).as_py() or 0)
