"""Parquet files that are read some columns at a time: all is as if they were read as a whole."""

from __future__ import annotations

import datetime
import io
import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from shoal.data import load_dataset, parquet_size, table_from_bytes, to_parquet
from shoal.data.canonical import CanonicalTable
from shoal.data.table_io import cells_from_bytes, from_parquet, read_cells
from shoal.errors import DataError
from shoal.inference import standalone
from support.property_tests import WITH_FIXTURES

ROWS = 40
DAY = datetime.date(2024, 1, 31)


def column(kind: str, draw: Random) -> Any:
    """A column of so many rows, in a form that Parquet has."""
    numbers = [draw.gauss(0, 9) for _ in range(ROWS)]
    whole = [draw.randint(-9, 9) for _ in range(ROWS)]
    words = [draw.choice(["u", "v", "w w", "", "NA", "ß"]) for _ in range(ROWS)]
    ways = {
        "numbers": lambda: np.array(numbers),
        "single": lambda: np.array(numbers, dtype=np.float32),
        "gaps": lambda: [None if number < 0 else number for number in numbers],
        "whole": lambda: np.array(whole, dtype=np.int16),
        "large": lambda: np.array(whole) + 2**60,
        "unsigned": lambda: np.abs(np.array(whole)).astype(np.uint64),
        "nullable": lambda: pd.array([None if n == 3 else n for n in whole], dtype="Int64"),
        "truth": lambda: np.array(whole) > 0,
        "maybe": lambda: [None if n == 3 else n > 0 for n in whole],
        "words": lambda: words,
        "missing words": lambda: [word or None for word in words],
        "categories": lambda: pd.Categorical([word or None for word in words]),
        "numbers in categories": lambda: pd.Categorical(whole),
        "texts of numbers": lambda: [f"{number:.2f}" for number in numbers],
        "german": lambda: [f"{number:.2f}".replace(".", ",") for number in numbers],
        "unsure": lambda: [f"{abs(n) + 1}.125" for n in whole],
        "dates": lambda: [DAY + datetime.timedelta(n) for n in whole],
        "times": lambda: pd.date_range("2024-01-01", periods=ROWS, freq="h"),
        "zones": lambda: pd.date_range("2024-01-01", periods=ROWS, freq="D", tz="Asia/Tokyo"),
        "durations": lambda: pd.to_timedelta(np.array(whole), unit="h"),
        "decimals": lambda: [Decimal(n) / 8 for n in whole],
        "bytes": lambda: [b"x"] * ROWS,
        "nothing": lambda: [None] * ROWS,
    }
    return ways[kind]()


KINDS = (
    *("numbers", "single", "gaps", "whole", "large", "unsigned", "nullable", "truth", "maybe"),
    *("words", "missing words", "categories", "numbers in categories", "texts of numbers"),
    *("german", "unsure", "dates", "times", "zones", "durations", "decimals", "nothing"),
)


def random_file(draw: Random) -> bytes:
    """A Parquet file with any columns and any index, in one row group or several."""
    kinds = [draw.choice(KINDS) for _ in range(draw.randint(2, 6))]
    if draw.random() < 0.1:
        kinds.append("bytes")
    frame = pd.DataFrame({f"c{place}.x": column(kind, draw) for place, kind in enumerate(kinds)})

    way = draw.randrange(8)
    if way == 1:
        frame = frame[np.arange(ROWS) % 3 > 0]
    elif way == 2:
        frame.index = pd.Index(column("words", draw), name=draw.choice(["name", " c0.x", "5"]))
    elif way == 3:
        frame.index = pd.Index(frame["c0.x"].astype(str), name="c0.x")
    elif way == 4:
        levels = [column("whole", draw), column("words", draw)]
        frame.index = pd.MultiIndex.from_arrays(levels, names=["one", None])
    elif way == 5:
        frame.columns = pd.Index([*range(len(frame.columns))])
    elif way == 6:
        frame = frame.rename(columns={"c0.x": draw.choice(["", "c1", " c1.x", "c0", "1"])})
    elif way == 7:
        frame = frame.iloc[:0]

    buffer = io.BytesIO()
    frame.to_parquet(buffer, row_group_size=draw.choice([7, 1000]))
    return buffer.getvalue()


def outcome(content: bytes) -> Any:
    """All that becomes of a file: table, messages, cells of a prediction; or what is wrong."""
    try:
        table = table_from_bytes("t.parquet", content)
    except DataError as error:
        return str(error)
    written = [repr(table.written(name)) for name in table.columns]
    cells = {}
    for name, own in cells_from_bytes("t.parquet", content).items():
        cells[name] = (type(own), getattr(own, "dtype", None), repr([*own]))
    return to_parquet(table, with_messages=True), table.columns, written, cells


@settings(max_examples=60, deadline=None, suppress_health_check=WITH_FIXTURES)
@given(seed=st.integers(0, 2**32), part=st.sampled_from([1, 2 * ROWS, 3 * ROWS]))
def test_parts_hold_what_the_whole_file_holds(seed: int, part: int) -> None:
    content = random_file(Random(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_size, "_PART_CELLS", 10**9)
        whole = outcome(content)
        patch.setattr(parquet_size, "_PART_CELLS", part)
        assert outcome(content) == whole


@pytest.fixture
def single_columns(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Which columns were read together, in files that are read one column at a time."""
    monkeypatch.setattr(parquet_size, "_PART_CELLS", 1)
    read: list[list[str]] = []
    part = parquet_size._part

    def noted(file: Any, fields: list[str]) -> pd.DataFrame:
        read.append(fields)
        return part(file, fields)

    monkeypatch.setattr(parquet_size, "_part", noted)
    return read


def houses(rows: int = 300) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "size": draw.normal(100, 30, rows),
            "kind": draw.choice(["flat", "house", None], rows),
            "rooms": draw.integers(1, 9, rows),
            "price": draw.normal(300, 50, rows),
        }
    )


def test_a_file_is_read_column_by_column(tmp_path: Path, single_columns: list[list[str]]) -> None:
    path = tmp_path / "houses.parquet"
    frame = houses()
    frame[frame["size"] > 60].to_parquet(path)
    data = load_dataset(path, "price")
    assert single_columns == [[name] for name in frame.columns]
    expected = load_dataset(frame[frame["size"] > 60], "price")
    assert data.train.x.tobytes() == expected.train.x.tobytes()
    assert data.encoder == expected.encoder


def test_predictions_are_the_same(tmp_path: Path, single_columns: list[list[str]]) -> None:
    path = tmp_path / "houses.parquet"
    houses().to_parquet(path)
    data = load_dataset(houses(), "price")
    encoder = json.loads(json.dumps(data.encoder.to_dict()))
    cells = read_cells(path)
    assert len(single_columns) == 4
    inputs = standalone.encode(cells, encoder)
    assert inputs[data.train.rows].tobytes() == data.train.x.tobytes()


def test_a_stored_table_is_read_column_by_column(single_columns: list[list[str]]) -> None:
    columns = {"a": ["1,5", "2,5", "3,5"], "b": ["u", "", "NA"], "c": ["1 %", "2 %", "n/a"]}
    table = CanonicalTable.from_texts(columns)
    content = to_parquet(table, with_messages=True)
    again = from_parquet(content)
    assert len(single_columns) == 3
    assert to_parquet(again, with_messages=True) == content


def test_a_damaged_column_is_refused_in_a_sentence(single_columns: list[list[str]]) -> None:
    buffer = io.BytesIO()
    table = pa.table({"a": np.arange(500.0), "b": np.arange(500.0)})
    parquet.write_table(table, buffer, compression="none", use_dictionary=False)
    content = bytearray(buffer.getvalue())
    start = parquet.read_metadata(buffer).row_group(0).column(1).data_page_offset
    content[start : start + 12] = b"\xff" * 12
    with pytest.raises(DataError, match=r"t.parquet: the Parquet file is damaged"):
        table_from_bytes("t.parquet", bytes(content))
    assert single_columns == [["a"], ["b"]]
