"""Large CSV files read by PyArrow, to exactly what `shoal.inference.standalone.parse_csv` reads.

PyArrow splits rows without quotes and reads plain numbers. Where it might differ from Python, as
behind a closing quote or for ``nan(1)``, Python reads.
"""

from __future__ import annotations

import csv
import re
from typing import Any

import numpy as np
import pyarrow  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray
from pyarrow import compute
from pyarrow import csv as arrow_csv

from shoal.inference.standalone import (
    COMMENT,
    INVISIBLE,
    MAX_ROW_CHARACTERS,
    CompactCells,
    Header,
    PieceReader,
    to_numbers,
)

# A column is tried by its first cells. The different ones are numbered in a byte.
_SOME_CELLS = 1_000
_FEW_DIFFERENT = 255
_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?\n")


class ArrowCells(CompactCells):
    """The cells of a column, as arrays of Arrow."""

    @staticmethod
    def pack(cells: Any) -> Any:
        """Cells as an array of Arrow; as a dictionary of the different ones where these are few."""
        texts = cells
        if not isinstance(cells, pyarrow.Array):
            texts = pyarrow.array(cells, pyarrow.string())
        if len(texts[:_SOME_CELLS].unique()) > _FEW_DIFFERENT:
            return texts
        encoded = texts.dictionary_encode()
        if len(encoded.dictionary) > _FEW_DIFFERENT:
            return texts
        narrow = encoded.indices.cast(pyarrow.uint8())
        return pyarrow.DictionaryArray.from_arrays(narrow, encoded.dictionary)

    @staticmethod
    def unpack(piece: Any) -> list[str]:
        """What was packed."""
        # By way of NumPy, which takes a tenth of the time of `to_pylist`.
        cells: list[str] = piece.to_numpy(zero_copy_only=False).tolist()
        return cells

    @classmethod
    def numbers_of(cls, piece: Any) -> NDArray[np.float64] | None:
        """The numbers of a piece, as `to_numbers` says them."""
        read = None
        try:
            if not pyarrow.types.is_dictionary(piece.type):
                known = compute.if_else(compute.equal(piece, ""), None, piece)
                read = known.cast(pyarrow.float64())
        except pyarrow.ArrowInvalid:
            # Some cell is no plain number, or one that only Python reads.
            pass
        # All finite numbers that Arrow reads are Python's, to the bit.
        if read is not None and compute.all(compute.is_finite(read)).as_py() is not False:
            return np.asarray(read.to_numpy(zero_copy_only=False), dtype=np.float64)

        texts, which = cls.distinct_of(piece)
        numbers = to_numbers(texts)
        return None if numbers is None else numbers[which]

    @classmethod
    def distinct_of(cls, piece: Any) -> tuple[list[str], NDArray[np.int64]]:
        """The different cells of a piece, as `distinct_cells` says them."""
        encoded = piece.dictionary_encode()
        return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


class ArrowReader(PieceReader):
    """Reads pieces by PyArrow."""

    cells = ArrowCells

    def plain_columns(self, rows: bytes, header: Header) -> list[Any] | None:
        """See `PieceReader.plain_columns`. None if Python might read them otherwise, or refuse."""
        columns = self._columns(rows, header)
        return None if columns is None else [self.cells.pack(column) for column in columns]

    def _columns(self, rows: bytes, header: Header) -> list[Any] | None:
        # Python alone refuses what stands between a closing quote and the next cell. Arrow makes
        # rows of blank lines.
        if b'"' in rows or _BLANK_LINE.search(rows) or len(rows) > MAX_ROW_CHARACTERS:
            return None

        names = [str(number) for number in range(len(header.names))]
        try:
            table = arrow_csv.read_csv(
                pyarrow.BufferReader(rows),
                arrow_csv.ReadOptions(
                    column_names=names, block_size=len(rows) + 1, use_threads=False
                ),
                arrow_csv.ParseOptions(
                    delimiter=header.layout.separator, quote_char=False, ignore_empty_lines=False
                ),
                arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string())),
            )
        except pyarrow.ArrowInvalid:
            return None

        columns = [column.combine_chunks() for column in table.columns]
        for column in columns:
            if _any(compute.starts_with(column, " ")):
                return None
            # Bytes, of which a cell has as many as characters, or more.
            if compute.max(compute.binary_length(column)).as_py() > csv.field_size_limit():
                return None
        # Rows that may be no rows of the table.
        first = compute.utf8_trim(columns[0], INVISIBLE)
        if _any(compute.equal(first, header.names[0])):
            return None
        if header.layout.has_comments and _any(compute.starts_with(columns[0], COMMENT)):
            return None
        return columns


def _any(are_so: Any) -> bool:
    return bool(compute.any(are_so).as_py())
