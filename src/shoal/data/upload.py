"""Tables that strangers upload, read in a process of their own with a limit on its memory.

Whatever a file does to its reader, the server goes on.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from shoal.data.canonical import CanonicalTable, is_numeric
from shoal.data.file_encoding import parse_file_encoding
from shoal.data.table_io import (
    cells_from_bytes,
    from_parquet,
    not_enough_memory,
    table_from_bytes,
    to_parquet,
)
from shoal.errors import DataError, SettingsError
from shoal.inference.standalone import Cells, reason_of
from shoal.system.child import Child, Entry, Parent, answer
from shoal.system.process import SINGLE_THREADED, limit_memory

# How large an uploaded table may be in memory, see `table_from_bytes`.
MAX_UPLOADED_BYTES = 256 * 2**20
# What reading it may take beyond what the process has when it begins, in bytes.
READER_BYTES = 2 * 2**30
# How long it may take.
READER_SECONDS = 300.0

# What it may refuse a file with.
_REFUSALS = {refusal.__name__: refusal for refusal in (DataError, SettingsError)}

# What the process runs.
ENTRY: str = Entry.UPLOAD

_ENVIRONMENT = {
    **SINGLE_THREADED,
    # Other allocators, and one arena for each thread, reserve gigabytes that they never use.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
}

# Several files at once would take the memory of several.
_ONE_AT_A_TIME = threading.Lock()


def table_from_upload(
    name: str, content: bytes, file_encoding: str | None = None
) -> CanonicalTable:
    """Read the bytes of an uploaded CSV or Parquet file.

    Parameters
    ----------
    name, content, file_encoding
        As `table_from_bytes` takes them.

    Raises
    ------
    DataError
        If the bytes hold no sound table, or one that takes too much memory or time to read.
    SettingsError
        As `table_from_bytes`.
    """
    return from_parquet(_read(name, content, file_encoding, as_cells=False))


def cells_from_upload(
    name: str, content: bytes, file_encoding: str | None = None
) -> dict[str, Cells]:
    """The columns of an uploaded table for a prediction, with texts as they are written.

    Parameters and errors are those of `table_from_upload`.
    """
    table = _read(name, content, file_encoding, as_cells=True)
    frame = pd.read_parquet(io.BytesIO(table), engine="pyarrow")
    columns: dict[str, Cells] = {}
    for column in frame.columns:
        series = frame[column]
        columns[column] = series.to_numpy() if is_numeric(series) else series.tolist()
    return columns


def _read(name: str, content: bytes, file_encoding: str | None, *, as_cells: bool) -> bytes:
    """What the process makes of an upload, as a Parquet file of ours."""
    encoding = parse_file_encoding(file_encoding)
    with _ONE_AT_A_TIME, TemporaryDirectory(prefix="shoal-upload-") as folder:
        upload = Path(folder) / "upload"
        upload.write_bytes(content)
        table = Path(folder) / "table.parquet"

        request = {
            "name": name,
            "upload": str(upload),
            "table": str(table),
            "as_cells": as_cells,
            "file_encoding": encoding,
        }
        reader = Child(ENTRY, request, env={**os.environ, **_ENVIRONMENT})
        try:
            has_ended = reader.has_ended(READER_SECONDS)
            answers = reader.new_answers()
        finally:
            reader.close()

        if not has_ended:
            raise _gave_up(name, f"reading it took over {READER_SECONDS:g} s")
        if not answers:
            raise _gave_up(name, f"its reader ended ({reader.reason()})")
        if answers[0]["error"] is not None:
            raise _REFUSALS[answers[0]["kind"]](**answers[0]["error"])
        return table.read_bytes()


def main(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry of the process: read the upload that it is asked to, and write the table."""
    request = parent.request()
    limit_memory(READER_BYTES)

    refusal: DataError | SettingsError | None = None
    try:
        content = Path(request["upload"]).read_bytes()
        Path(request["table"]).write_bytes(_converted(request, content))
    except (DataError, SettingsError) as error:
        refusal = error
    except MemoryError:
        refusal = not_enough_memory(request["name"])

    if refusal is None:
        answer(error=None)
    else:
        fields = (refusal.problem, refusal.expected, refusal.remedy)
        said = dict(zip(("problem", "expected", "remedy"), fields, strict=True))
        answer(kind=type(refusal).__name__, error=said)


def _converted(request: Mapping[str, Any], content: bytes) -> bytes:
    """The upload as a Parquet file."""
    name = request["name"]
    encoding = request["file_encoding"]
    if not request["as_cells"]:
        table = table_from_bytes(name, content, MAX_UPLOADED_BYTES, encoding)
        return to_parquet(table, with_messages=True)

    columns = cells_from_bytes(name, content, MAX_UPLOADED_BYTES, encoding)
    series = {}
    for column, cells in columns.items():
        values = cells if isinstance(cells, np.ndarray) else np.array(list(cells), dtype=object)
        series[column] = values
    buffer = io.BytesIO()
    try:
        pd.DataFrame(series).to_parquet(buffer, engine="pyarrow", index=False)
    except (ValueError, TypeError) as error:
        # Of pyarrow, for texts that are no UTF-8.
        raise DataError(
            f"{name}: it cannot be read ({reason_of(error)}).",
            expected="text and numbers",
            remedy="write the file again as UTF-8",
        ) from None
    return buffer.getvalue()


def _gave_up(name: str, why: str) -> DataError:
    return DataError(
        f"{name}: {why}.",
        expected="a smaller table",
        remedy="take a random sample of the rows, or use the command line: shoal run FILE",
    )
