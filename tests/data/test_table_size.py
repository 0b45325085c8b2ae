"""How large a table may be: small files that decode to large ones, long rows, and uploads."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from shoal.data import table_from_bytes, to_parquet, upload
from shoal.data.table_io import from_parquet
from shoal.data.upload import table_from_upload
from shoal.errors import DataError
from shoal.inference import standalone
from support.child_entries import BE_KILLED, WAIT, let_children_find

ROWS = 2_000
LONG = "x" * 20_000
# A quarter of what the bombs become, and a hundred times what they are.
MOST = 10 * 2**20


def written(columns: dict[str, Any], **options: Any) -> bytes:
    """A Parquet file, compressed as well as can be."""
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer, compression="zstd", **options)
    return buffer.getvalue()


def repeated(value: Any, rows: int = ROWS) -> pa.Array:
    """A column of one value, which takes no memory for its rows."""
    indices = pa.array(np.zeros(rows, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([value]))


def fixed(rows: int) -> bytes:
    """A file of bytes whose type says how many they are."""
    return written({"a": pa.array([LONG.encode()] * rows, pa.binary(len(LONG)))})


BOMBS: dict[str, Callable[[], bytes]] = {
    "text": lambda: written({"a": repeated(LONG), "y": repeated(1.5)}),
    "bytes": lambda: written({"a": repeated(LONG.encode()), "y": repeated(1.5)}),
    "the second text": lambda: written({"a": repeated("x"), "b": repeated(LONG)}),
    "shared beginnings": lambda: written(
        {"a": [LONG] * ROWS}, use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"}
    ),
    "compressed": lambda: written({"a": [LONG] * ROWS}, use_dictionary=False),
    "fixed": lambda: fixed(ROWS),
    "numbers": lambda: written({"a": repeated(1, 4_000_000)}),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_becomes_large_is_refused(bomb: str) -> None:
    content = BOMBS[bomb]()
    assert len(content) < MOST / 100
    with pytest.raises(DataError, match=r"t.parquet: in memory .* too large.*10 MiB.*sample"):
        table_from_bytes("t.parquet", content, MOST)


def test_each_text_counts_as_often_as_it_occurs() -> None:
    texts = ["ab", None, "cde", "ab"]
    for options in ({}, {"use_dictionary": False}):
        content = written({"a": texts, "y": [1, 2, 3, 4]}, **options)
        table = table_from_bytes("t.parquet", content, 200)
        assert table.frame["a"].tolist() == texts
    # 8 bytes a cell, and 7 letters.
    exact = written({"a": texts, "y": [1, 2, 3, 4]})
    stored = parquet.read_metadata(io.BytesIO(exact)).row_group(0).column(0).total_uncompressed_size
    assert table_from_bytes("t.parquet", exact, 64 + max(7, stored))
    with pytest.raises(DataError, match="too large"):
        table_from_bytes("t.parquet", exact, 70)


def test_texts_with_shared_beginnings_are_read_where_they_fit() -> None:
    texts = [f"a long beginning {number}" for number in range(100)]
    content = written(
        {"a": texts, "b": ["z"] * 100},
        use_dictionary=["b"],
        column_encoding={"a": "DELTA_BYTE_ARRAY"},
    )
    assert table_from_bytes("t.parquet", content).frame["a"].tolist() == texts


def test_a_column_of_lists_is_refused_before_it_is_read() -> None:
    content = written({"y": [1.0, 2.0], "many": [[0] * 50, [1]]})
    with pytest.raises(DataError, match=r"column 'many' holds lists"):
        table_from_bytes("t.parquet", content)


def test_a_recorded_table_has_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.data.table_io.MAX_DECODED_BYTES", 1)
    content = to_parquet(pd.DataFrame({"a": ["x", "y"], "y": [1, 2]}))
    assert len(from_parquet(content)) == 2


def test_a_csv_has_the_same_budget() -> None:
    content = b"a,y\n" + b"1,2\n" * 100
    assert len(table_from_bytes("t.csv", content, 200 * 8 + len(content))) == 100
    with pytest.raises(DataError, match=r"t.csv: in memory the table is too large"):
        table_from_bytes("t.csv", content, 200 * 8 + len(content) - 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"," * 500, r"row 3 has 301 cells\. Expected: at most 20"),
        (b"x," + b"x" * 500, r"row 3 has over 300 characters"),
        (b'"\n",' * 100, r"row 3 has over 300 characters"),
        (b"," * 50, r"row 3 has 51 cells\. Expected: at most 20"),
    ],
)
def test_a_long_row_is_refused_before_the_rest_is_read(
    monkeypatch: pytest.MonkeyPatch, row: bytes, said: str
) -> None:
    monkeypatch.setattr(standalone, "MAX_ROW_CHARACTERS", 300)
    monkeypatch.setattr(standalone, "MAX_COLUMNS", 20)
    # A quote in the last line would be an error of its own.
    content = b'a,y\n1,"two\nlines"\n' + row + b'\n"'
    with pytest.raises(DataError, match=said):
        table_from_bytes("t.csv", content)


def test_short_rows_are_as_many_as_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "MAX_ROW_CHARACTERS", 10)
    assert len(table_from_bytes("t.csv", b"a,y\n" + b'"1\n1",2\n' * 500)) == 500


# Uploads


def test_an_upload_is_the_same_table() -> None:
    for content in (
        b"a,w,y\n1,x,2.5\n,y,3\n4,,5\n",
        to_parquet(pd.DataFrame({"c": pd.Categorical(["u", "v", None]), "y": [1, 2, 3]})),
    ):
        expected = table_from_bytes("t", content).frame
        pd.testing.assert_frame_equal(table_from_upload("t", content).frame, expected)


def test_a_bad_upload_is_refused_in_the_words_of_its_reader() -> None:
    bomb = written({"a": repeated(LONG, 20_000)})
    for content in (b"a,a\n1,2\n", bomb):
        with pytest.raises(DataError) as direct:
            table_from_bytes("t.csv", content, upload.MAX_UPLOADED_BYTES)
        with pytest.raises(DataError) as read:
            table_from_upload("t.csv", content)
        assert str(read.value) == str(direct.value)


def test_an_upload_that_ends_its_reader_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    let_children_find(monkeypatch)
    monkeypatch.setattr(upload, "ENTRY", BE_KILLED)
    with pytest.raises(DataError, match=r"t.csv: its reader ended \(exit code -9\)"):
        table_from_upload("t.csv", b"a,y\n1,2\n")


def test_an_upload_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    let_children_find(monkeypatch)
    monkeypatch.setattr(upload, "ENTRY", WAIT)
    monkeypatch.setattr(upload, "READER_SECONDS", 0.0)
    with pytest.raises(DataError, match=r"t.csv: reading it took over 0 s"):
        table_from_upload("t.csv", b"a,y\n1,2\n")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone limits a process's memory")
def test_a_process_gets_so_much_memory_and_no_more() -> None:
    code = """
from shoal.system.process import limit_memory
limit_memory(200 * 2**20)
first = bytearray(100 * 2**20)
try:
    bytearray(200 * 2**20)
except MemoryError:
    print("no more")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "no more\n"
