"""Numbers and dates of new rows that training never had: counted, refused where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from shoal.data import Dataset, load_dataset, prepare_new, table_from_bytes
from shoal.errors import DataError
from shoal.inference.standalone import TableError, Unseen, count_unseen, encode, parse_csv

ROWS = 200
DRAW = np.random.default_rng(3)
TARGET = DRAW.normal(size=ROWS)
EVEN = np.linspace(-10.0, 10.0, ROWS)
DAYS = pd.Series(pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d"))


def dataset_of(x: Any, **options: Any) -> Dataset:
    """A dataset of one feature x."""
    return load_dataset(pd.DataFrame({"x": x, "y": TARGET}), target="y", **options)


def unseen_of(data: Dataset, cells: Sequence[Any]) -> Unseen | None:
    return count_unseen({"x": cells}, data.encoder.to_dict()).get("x")


def test_numbers_far_outside_of_training_are_counted() -> None:
    data = dataset_of(EVEN)
    found = unseen_of(data, ["0", "29", "-29", "1e6", "-999", "-999", "31"])
    assert found is not None
    assert (found.cells, found.first_row, found.levels) == (4, 5, ("1e6", "-999", "31"))
    sentence = found.sentence("x")
    assert "4 cells" in sentence and "'1e6', '-999', '31'" in sentence
    assert "training had -" in sentence and " to 9." in sentence
    # Further than each other, which a column of one value never is.
    assert unseen_of(data, [12.0, -12.0]) is None


def test_a_column_that_was_constant_has_one_known_value() -> None:
    data = dataset_of(np.full(ROWS, 36.6))
    found = unseen_of(data, [36.6, 37.0])
    assert found is not None
    assert found.levels == ("37",) and found.known == "training had 36.6"


def test_of_logarithms_the_quotient_counts() -> None:
    skewed = np.exp(DRAW.normal(size=ROWS) * 2)
    data = dataset_of(skewed)
    assert data.encoder.to_dict()["columns"][0]["log_floor"] is not None
    high = float(skewed.max())
    # What is below the floor is taken as the floor.
    assert unseen_of(data, [high * 20, 1e-9, -5.0]) is None
    found = unseen_of(data, [high * 1e6])
    assert found is not None and found.cells == 1


def test_dates_far_outside_are_counted() -> None:
    data = dataset_of(DAYS)
    found = unseen_of(data, ["2020-03-01", "2020-12-24", "9999-12-31", "0021-01-26"])
    assert found is not None
    assert found.levels == ("9999-12-31", "0021-01-26")
    assert found.known == "training had 2020-01-01 to 2020-07-17"


def test_of_a_series_in_time_later_dates_are_what_it_is_for() -> None:
    days = pd.Series(pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d"))
    data = dataset_of(days, order="x")
    assert unseen_of(data, ["2031-01-01"]) is None


@pytest.mark.parametrize(
    ("training", "new", "taken"),
    [(EVEN, ["1", "", "NULL"], "-"), (DAYS, ["2020-03-01", "", "NA"], "2020-04-")],
)
def test_a_missing_value_is_new_where_training_had_none(
    training: Any, new: list[str], taken: str
) -> None:
    found = unseen_of(dataset_of(training), new)
    assert found is not None
    assert (found.cells, found.first_row, found.levels) == (2, 3, ("",))
    assert f"no value is taken as {taken}" in found.sentence("x")

    gaps = pd.Series(training, dtype=object)
    gaps.iloc[::4] = None
    assert unseen_of(dataset_of(gaps), new) is None


def test_models_without_an_extent_have_nothing_to_say() -> None:
    description = dataset_of(EVEN).encoder.to_dict()
    del description["columns"][0]["extent"]
    assert count_unseen({"x": ["1e6", ""]}, description) == {}


# A point or a comma that may be two things


def read_of(data: Dataset, cells: list[str]) -> list[float]:
    """The numbers that are read of cells, in a file where others have a decimal point."""
    lines = [f'"{cell}";{row}.25' for row, cell in enumerate(cells)]
    table = parse_csv("\n".join(["x;other", *lines]))
    column = data.encoder.to_dict()["columns"][0]
    inputs = encode(table, {"columns": [column]})[:, 0].astype(np.float64)
    numbers: list[float] = (inputs * column["scale"] + column["mean"]).round(3).tolist()
    return numbers


def test_whole_numbers_of_training_get_no_decimals_by_their_thousands() -> None:
    """Those who write 1.010 for 1010 got 1.01, without a word."""
    data = dataset_of(DRAW.integers(0, 2000, ROWS))
    with pytest.raises(TableError, match=r"'1\.010' may be 1\.01 or 1010"):
        read_of(data, ["632", "1.010", "1.451"])
    assert read_of(data, ["632", "5.000", "12.000"]) == [632, 5, 12]


def test_decimals_are_read_where_thousands_would_be_too_much() -> None:
    data = dataset_of(DRAW.integers(18, 80, ROWS))
    assert read_of(data, ["34.512", "61.250"]) == [34.512, 61.25]


def test_a_decimal_comma_is_no_separator_of_thousands_where_these_are_far_outside() -> None:
    """2,410 was 2410 in a column of -10 to 10, as other columns have decimal points."""
    data = dataset_of(EVEN)
    with pytest.raises(TableError, match=r"'2,410' may be 2410 or 2\.41"):
        read_of(data, ["2,410", "3,970"])
    amounts = dataset_of(DRAW.uniform(0, 5000, ROWS))
    assert read_of(amounts, ["2,410", "3,970"]) == [2410, 3970]


@pytest.mark.parametrize("other", ["7", "7.25"])
def test_points_that_seem_to_group_thousands_are_refused_in_training(other: str) -> None:
    """Prices in Indonesia, and counts in Brazil: 12.500 was 12.5, beside 632."""
    prices = [f"{price:,}".replace(",", ".") for price in range(500, 100_500, 500)]
    lines = ["price,other,y", *(f"{price},{other},{n}" for n, price in enumerate(prices))]
    table = table_from_bytes("t", "\n".join(lines).encode())
    with pytest.raises(DataError, match=r"'1\.000' may be 1 or 1000"):
        prepare_new("t", table, "y")


@pytest.mark.parametrize(
    "cells",
    [
        ["1.500", "2.250", "3.125", "4.000"],
        ["1.5", "2.250", "3.125", "4"],
        ["1.234", "2.345", "3.456", "4"],
        ["0.500", "2.250", "3.120", "4"],
        ["1.500", "2.250", "3.120", "4000"],
    ],
)
def test_other_points_are_decimal(cells: list[str]) -> None:
    lines = ["x,y", *(f"{cells[n % 4]},{n}" for n in range(ROWS))]
    table = table_from_bytes("t", "\n".join(lines).encode())
    assert table["x"].head(4).tolist() == [float(cell) for cell in cells]
    assert prepare_new("t", table, "y") is not None
