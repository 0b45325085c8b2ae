"""What a form asks for a row, and the predictions of the test rows."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.data import Dataset
from shoal.models.row_form import input_fields, predict_test_rows


def table() -> pd.DataFrame:
    """Prices with a unit, whole numbers, categories with gaps, dates, times of day."""
    draw = np.random.default_rng(0)
    amounts = draw.normal(1200, 300, 90).round(2)
    prices = [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) + " €" for value in amounts]
    days = pd.date_range("2020-03-01", periods=90, freq="5D")
    return pd.DataFrame(
        {
            "price": prices,
            "rooms": draw.integers(1, 7, 90),
            "heating": draw.choice(["gas", "gas", "oil", ""], 90),
            "sold": [day.strftime("%d.%m.%Y") for day in days],
            "viewed": [f"{hour:02d}:30" for hour in draw.integers(8, 18, 90)],
            "y": amounts * 2 + draw.normal(0, 9, 90),
        }
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    file = tmp_path_factory.mktemp("rows") / "t.csv"
    table().to_csv(file, index=False, sep=";")
    return shoal.load_dataset(file, "y", folds=1)


def test_fields_begin_with_the_usual_row_of_the_rows_that_are_not_test(data: Dataset) -> None:
    known = table().drop(index=data.test.rows)
    fields = {field.name: field for field in input_fields(data)}
    assert list(fields) == ["price", "rooms", "heating", "sold", "viewed"]

    amounts = known["price"].str.strip(" €").str.replace(".", "").str.replace(",", ".")
    price = fields["price"]
    assert price.kind == "number" and not price.whole
    assert price.usual == pytest.approx(np.median(amounts.astype(float)))
    assert (price.low, price.high) == (amounts.astype(float).min(), amounts.astype(float).max())

    rooms = fields["rooms"]
    assert rooms.whole and rooms.usual == int(np.median(known["rooms"]))
    heating = fields["heating"]
    assert heating.kind == "category" and heating.usual == "gas"
    counts = known["heating"].replace("", None).value_counts(dropna=False)
    assert [counts.get(level, counts.get(np.nan)) for level in heating.levels] == sorted(
        counts, reverse=True
    )
    sold = fields["sold"]
    assert sold.kind == "date" and isinstance(sold.usual, datetime.date)
    known_days = pd.to_datetime(known["sold"], dayfirst=True)
    assert (sold.first, sold.last) == (known_days.min().date(), known_days.max().date())
    assert fields["viewed"].kind == "text"
    assert fields["viewed"].usual == known["viewed"].mode()[0]


def test_cells_of_the_form_are_read_as_those_of_the_file(data: Dataset) -> None:
    model = shoal.train(data, iterations=10).model
    fields = {field.name: field for field in input_fields(data)}
    values = {
        "price": 1234.5,
        "rooms": 3,
        "heating": "oil",
        "sold": datetime.date(2020, 4, 9),
        "viewed": "09:30",
    }
    cells = {name: [fields[name].cell(value)] for name, value in values.items()}
    written = {
        "price": "1.234,50 €",
        "rooms": "3",
        "heating": "oil",
        "sold": "09.04.2020",
        "viewed": "09:30",
    }
    assert model.predict_cells(cells).values.tolist() == model.predict(written).tolist()

    # No value, as a cell of the file that is empty.
    none = {name: [field.cell(None)] for name, field in fields.items()}
    empty = dict.fromkeys(written, "")
    with pytest.warns(shoal.ShoalWarning, match="no value"):
        expected = model.predict(empty).tolist()
    assert model.predict_cells(none).values.tolist() == expected


@pytest.mark.parametrize("target", ["y", "heating", ["y", "rooms"]])
def test_test_rows_have_what_is_true_and_what_the_table_itself_is_predicted(
    target: str | list[str],
) -> None:
    frame = table().drop(columns=["price"])
    frame["heating"] = frame["heating"].replace("", "none at all")
    data = shoal.load_dataset(frame, target, folds=1)
    model = shoal.train(data, iterations=10).model
    found = predict_test_rows(model, data)
    assert found["row"].tolist() == sorted(data.test.rows + 2)

    rows = frame.iloc[found["row"] - 2]
    expected = model.predict_rows(rows).to_frame()
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False)
    for name in [target] if isinstance(target, str) else target:
        column = "actual" if isinstance(target, str) else f"actual {name}"
        assert found[column].tolist() == rows[name].tolist()


def test_without_test_rows_there_are_none() -> None:
    data = shoal.load_dataset(table(), "y", test_fraction=0, folds=1)
    assert predict_test_rows(shoal.train(data, iterations=5).model, data) is None
