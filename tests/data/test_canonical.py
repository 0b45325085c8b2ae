"""Canonical tables: made once, trusted from then on, and not to be changed from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shoal.data import (
    CanonicalTable,
    DataOptions,
    from_parquet,
    load_dataset,
    prepare,
    read_table,
    resplit,
    to_parquet,
)
from shoal.data import canonical as canonical_module
from shoal.data.canonical import Written
from shoal.data.diagnostics import check_table
from shoal.errors import DataError
from shoal.settings.search_settings import SearchSettings
from shoal.store import Store

COLUMNS = ["size", "kind", "price"]


def houses(rows: int = 60) -> pd.DataFrame:
    """A table of numbers and words."""
    draw = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "size": draw.normal(100, 20, rows),
            "kind": draw.choice(["flat", "house", None], rows),
            "price": draw.normal(300, 50, rows),
        }
    )


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each column has been made canonical, by any of the functions that do it."""
    counts: Counter[str] = Counter()
    from_frame = CanonicalTable.from_frame.__func__
    from_stored = CanonicalTable.from_stored.__func__
    from_texts = CanonicalTable.from_texts.__func__

    def counting_from_frame(
        cls: type[CanonicalTable], name: str, frame: pd.DataFrame
    ) -> CanonicalTable:
        counts.update(map(str, frame.columns))
        return from_frame(cls, name, frame)

    def counting_from_stored(
        cls: type[CanonicalTable], name: str, frame: pd.DataFrame, written: dict[str, Written]
    ) -> CanonicalTable:
        counts.update(map(str, frame.columns))
        return from_stored(cls, name, frame, written)

    def counting_from_texts(
        cls: type[CanonicalTable], columns: dict[str, list[str]]
    ) -> CanonicalTable:
        counts.update(list(columns))
        return from_texts(cls, columns)

    monkeypatch.setattr(CanonicalTable, "from_frame", classmethod(counting_from_frame))
    monkeypatch.setattr(CanonicalTable, "from_stored", classmethod(counting_from_stored))
    monkeypatch.setattr(CanonicalTable, "from_texts", classmethod(counting_from_texts))
    return counts


def once(columns: list[str] = COLUMNS) -> dict[str, int]:
    return dict.fromkeys(columns, 1)


def test_a_csv_file_is_made_canonical_once(tmp_path: Path, conversions: Counter[str]) -> None:
    path = tmp_path / "houses.csv"
    houses().to_csv(path, index=False)
    data = load_dataset(path, "price")
    assert conversions == once()
    to_parquet(data.table)
    list(resplit(data, [1, 2]))
    check_table("houses", data.table, "price")
    assert conversions == once()


def test_a_frame_is_made_canonical_once(conversions: Counter[str]) -> None:
    # The folds that a new run has are given up for a table of 10 rows, which prepares it twice.
    data = load_dataset(houses(10), "price", test_fraction=0.6)
    assert data.options.folds == 1
    assert conversions == once()


@pytest.mark.parametrize(
    "use",
    [
        lambda frame: prepare("houses", frame, DataOptions("price")),
        lambda frame: check_table("houses", frame, "price"),
        to_parquet,
    ],
    ids=["prepare", "check_table", "to_parquet"],
)
def test_every_edge_takes_a_frame_and_makes_it_canonical_once(
    use: Callable[[pd.DataFrame], object], conversions: Counter[str]
) -> None:
    use(houses())
    assert conversions == once()


def test_a_stored_table_is_made_canonical_once_as_it_is_recorded_and_once_as_it_is_read(
    store: Store, conversions: Counter[str]
) -> None:
    data = load_dataset(houses(), "price")
    run_id, _ = store.add_run(data, SearchSettings())
    assert conversions == once()

    conversions.clear()
    store.load_problem(run_id)
    assert conversions == once()


def test_no_other_module_makes_tables_canonical() -> None:
    """The constructor trusts what it is given, so only the module of the class may call it."""
    home = Path(canonical_module.__file__)
    package = home.parent.parent
    callers = [
        path.name
        for path in sorted(package.rglob("*.py"))
        if path != home and "CanonicalTable(" in path.read_text(encoding="utf-8")
    ]
    assert callers == []


def test_a_canonical_table_stays_itself_and_a_second_conversion_changes_nothing() -> None:
    frame = houses()
    frame["grade"] = pd.Categorical(["b", " a "] * 30)
    frame["long"] = [str(2**60 + row) for row in range(60)]
    frame["count"] = np.arange(60)
    table = CanonicalTable.from_frame("houses", frame)
    again = CanonicalTable.from_frame("houses", table.frame)
    pd.testing.assert_frame_equal(again.frame, table.frame)

    assert to_parquet(again) == to_parquet(table) == to_parquet(frame)
    assert canonical_module.as_canonical("houses", table) is table

    data = prepare("houses", table, DataOptions("price", drop=("long",)))
    assert data.table is table and "long" not in data.encoder.inputs


@pytest.mark.parametrize(
    "index",
    ["size", ["kind", "size"], pd.date_range("2024-01-01", periods=60, name="day")],
    ids=["one", "two", "dates"],
)
def test_an_index_with_a_name_is_a_column_as_in_the_file_that_is_written(
    index: list[str] | pd.Index, tmp_path: Path
) -> None:
    frame = houses().set_index(index)
    frame.to_csv(tmp_path / "houses.csv")
    frame.to_parquet(tmp_path / "houses.parquet")

    table = CanonicalTable.from_frame("houses", frame)
    assert table.columns == tuple(frame.reset_index().columns)
    _, from_file = read_table(tmp_path / "houses.parquet")
    pd.testing.assert_frame_equal(from_file.frame, table.frame)
    _, from_file = read_table(tmp_path / "houses.csv")
    assert from_file.columns == table.columns


def test_an_index_is_no_second_column_of_the_same_name() -> None:
    kept = houses().set_index("size", drop=False)
    assert CanonicalTable.from_frame("houses", kept).columns == tuple(COLUMNS)
    assert CanonicalTable.from_frame("houses", houses(5).sample(frac=1)).columns == tuple(COLUMNS)
    with pytest.raises(DataError, match="'price' stands over columns 1 and"):
        CanonicalTable.from_frame("houses", houses().rename_axis("price"))


def test_a_dataset_does_not_change_with_the_frame_that_it_shows() -> None:
    data = load_dataset(houses(), "price")
    before = to_parquet(data.table)
    data.source["price"] = 0.0
    assert data.source["price"].eq(0).all()
    assert to_parquet(data.table) == before
    again = next(resplit(data, [data.options.seed]))
    np.testing.assert_array_equal(again.train.target, data.train.target)


def test_rows_can_be_sampled() -> None:
    _, table = read_table("concrete")
    sample = table.every_nth_row(100)
    assert sample.shape == (11, 9)
    assert sample["age"].tolist() == table["age"].iloc[::100].tolist()
    assert repr(sample) == "CanonicalTable(11 rows, 9 columns)"
    assert repr(from_parquet(to_parquet(sample))) == repr(sample)


def test_workers_get_no_table() -> None:
    data = load_dataset(houses(), "price")
    assert data.source is not None
    light = data.without_table()
    assert light.table is None and light.source is None and light.notes == ()
    assert light.train is data.train
