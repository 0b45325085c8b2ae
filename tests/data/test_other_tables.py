"""Tables of other libraries give the data set that their DataFrame gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shoal import SwarmRegressor, load_dataset
from shoal.data.canonical import CanonicalTable
from shoal.errors import DataError

FRAME = pd.DataFrame(
    {
        "a": np.arange(40) * 0.5,
        "n": np.arange(40) % 7,
        "kind": ["p", "q"] * 20,
        "y": np.arange(40) * 1.5 + 1,
    }
)
COLUMNS = FRAME.to_dict("list")


class OfArrow:
    """What polars, DuckDB and others have: Arrow's interface, and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class OfPandas:
    """What Modin and others have."""

    def to_pandas(self) -> pd.DataFrame:
        return FRAME


TABLES: dict[str, Any] = {
    "table of PyArrow": pa.table(COLUMNS),
    "batch of PyArrow": pa.table(COLUMNS).to_batches()[0],
    "table with Arrow's interface": OfArrow(pa.table(COLUMNS)),
    "table with to_pandas": OfPandas(),
    "dict of lists": COLUMNS,
    "dict of arrays": {name: np.array(cells) for name, cells in COLUMNS.items()},
    "list of dicts": FRAME.to_dict("records"),
    "structured array": FRAME.to_records(index=False),
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_table_gives_the_data_set_of_its_data_frame(kind: str) -> None:
    data = load_dataset(TABLES[kind], "y")
    expected = load_dataset(FRAME, "y")
    assert data.encoder == expected.encoder
    assert data.train.x.tobytes() == expected.train.x.tobytes()
    assert data.name == expected.name == "table"


def test_columns_of_an_array_are_called_by_their_positions() -> None:
    numbers = FRAME[["a", "n", "y"]].to_numpy()
    data = load_dataset(numbers, "2")
    assert data.encoder.inputs == ("0", "1")
    assert data.train.x.tobytes() == load_dataset(FRAME.drop(columns="kind"), "y").train.x.tobytes()

    data = load_dataset(FRAME.to_numpy(dtype=object), "3")
    assert data.encoder.inputs == ("0", "1", "2=p", "2=q")


def test_arrows_whole_numbers_categories_and_dates_keep_their_meaning() -> None:
    table = pa.table(
        {
            "id": pa.array([None, *(2**60 + row // 2 for row in range(39))]),
            "kind": pa.array(["p", None] * 20).dictionary_encode(),
            "day": pd.date_range("2024-01-01", periods=40).date,
            "y": np.arange(40) * 1.5,
        }
    )
    data = load_dataset(table, "y", drop="id")
    assert data.source["id"][1] == str(2**60)
    assert {"kind=p", "kind=missing"} <= set(data.encoder.inputs)
    assert any(name.startswith("day") for name in data.encoder.inputs)


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "columns of different lengths": ({"a": [1, 2], "y": [1]}, ["dict", "same length", "pandas"]),
    "dict of numbers": ({"a": 1, "y": 2}, ["dict", "columns of equal length"]),
    "a column": (FRAME["y"], ["type Series", "it is one column"]),
    "one dimension": (np.arange(40), ["ndarray", "(40,)"]),
    "three dimensions": (np.ones((40, 2, 2)), ["ndarray", "(40, 2, 2)"]),
    "a single column of Arrow": (FRAME["y"].array, ["type"]),
    "a name twice": (pa.table([[1], [2]], names=["y", "y"]), ["'y'", "columns 1 and 2"]),
    "lists in cells": (pa.table({"a": [[1]] * 40, "y": range(40)}), ["row 2", "'a'"]),
    "rows without names": ([[1, 2]] * 40, ["type list", "DataFrame", "dict of columns"]),
    "nothing": (None, ["type NoneType"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_in_a_sentence(case: str) -> None:
    data, expected = REFUSED[case]
    with pytest.raises(DataError) as raised:
        load_dataset(data, "y")
    assert [part for part in expected if part not in str(raised.value)] == []
    assert raised.value.remedy


def test_nothing_is_fetched_and_no_password_is_shown() -> None:
    for address in ("https://ann:secret@example.org/a.csv", "s3://secret/a.csv", "file:///secret"):
        for data in (address, Path(address)):
            with pytest.raises(DataError, match=r"fetches nothing.*download the table") as raised:
                load_dataset(data, "y")
            assert "secret" not in str(raised.value)


def test_estimators_learn_from_tables_of_arrow_as_from_arrays() -> None:
    table = pa.table(COLUMNS)
    inputs = table.select(["a", "n"])
    fitted = SwarmRegressor(iterations=5).fit(inputs, table["y"])
    expected = SwarmRegressor(iterations=5).fit(FRAME[["a", "n"]], FRAME["y"])
    assert fitted.predict(inputs).tolist() == expected.predict(FRAME[["a", "n"]]).tolist()


@pytest.mark.parametrize("dtype", ["object", "str", "string[python]", "string[pyarrow]"])
def test_gaps_of_any_kind_leave_decimal_commas_numbers(dtype: str) -> None:
    cells = pd.Series(["1,5", None, "2,5", "10,25"] * 20, dtype=dtype)
    for gap in (None, float("nan"), pd.NA):
        frame = pd.DataFrame({"size": cells.where(cells.notna(), gap)})
        table = CanonicalTable.from_frame("sizes", frame)
        np.testing.assert_array_equal(table["size"][:4], [1.5, np.nan, 2.5, 10.25])
        notation = table.written("size").notation
        assert notation is not None and notation.decimal == ","
