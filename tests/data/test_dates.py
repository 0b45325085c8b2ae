"""Columns of dates: days as numbers, and what comes again; the same in an exported model."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal.data import (
    DataOptions,
    Dataset,
    DateColumn,
    Encoder,
    from_parquet,
    load_dataset,
    prepare,
    table_from_bytes,
)
from shoal.data.column_profile import column_facts
from shoal.data.dates import cycles_of
from shoal.data.diagnostics import check_table
from shoal.errors import DataError
from shoal.inference.standalone import TableError, date_in_digits, encode, parse_csv, to_days

DAYS = pd.date_range("2021-03-01", periods=800)


def sales(days: object = DAYS) -> pd.DataFrame:
    """Sales by day; on Sundays there are none."""
    draw = np.random.default_rng(1)
    amounts = np.where(DAYS.day_of_week == 6, 1.0, 20.0) + draw.random(800)
    return pd.DataFrame({"day": days, "ads": draw.random(800), "y": amounts})


def encoded(days: object) -> tuple[DateColumn, np.ndarray]:
    """The column of dates of a table, and its inputs."""
    data = prepare("sales", sales(days), DataOptions("y"))
    column = data.encoder.columns[0]
    assert isinstance(column, DateColumn)
    return column, data.train.x[:, : len(column.inputs)]


READ = {
    "1970-01-02": ("date", 1.0),
    "1970/1/2": ("date", 1.0),
    "2.1.1970": ("date", 1.0),
    "1969-12-31 18:00": ("date", -0.25),
    "1970-01-02T12:00:00Z": ("date", 1.5),
    "1970-01-02 12:00:00+02:00": ("date", 1.5),
    "1970-01-02 6:00 PM": ("date", 1.75),
    "12:00 am": ("time", 0.0),
    "6:00:00.5": ("time", 21600.5 / 86400),
    "3 days 06:00:00": ("duration", 3.25),
    "-1 days +18:00:00": ("duration", -0.25),
    "1 day": ("duration", 1.0),
    "1969-12-31 18:00:00,000": ("date", -0.25),
    "2 Jan 1970": ("date", 1.0),
    "02-JAN-1970": ("date", 1.0),
    "January 2nd, 1970": ("date", 1.0),
    "Jan. 2, 1970 6:00 PM": ("date", 1.75),
    "Fri, 02 Jan 1970 12:00:00 GMT": ("date", 1.5),
    "02/Jan/1970:12:00:00 +0000": ("date", 1.5),
    "February 1970": ("date", 31.0),
    "1970-02": ("date", 31.0),
}


@pytest.mark.parametrize("text", READ)
def test_what_a_cell_stands_for(text: str) -> None:
    assert to_days(text) == READ[text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2024",
        "2024-02-30",
        "29.2.2023",
        "1.2.24",
        "24:00",
        "13:00 pm",
        "1:60",
        "1/2/1970",
        "31 Feb 1970",
        "2 Jan 3 1970",
        "Jan 70",
        "02-JAN-70",
        "1970-13",
        "Marble 2 1970",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert to_days(text) is None


def test_whether_the_day_or_the_month_comes_first() -> None:
    assert to_days("1/2/1970", day_first=True) == ("date", 31.0)
    assert to_days("1/2/1970", day_first=False) == ("date", 1.0)
    assert to_days("1.2.1970", day_first=False) == to_days("1970-02-01", day_first=False)


@given(st.datetimes(min_value=pd.Timestamp("1800-01-01"), max_value=pd.Timestamp("2200-01-01")))
def test_days_are_those_of_the_calendar(moment: pd.Timestamp) -> None:
    found = to_days(str(moment))
    assert found is not None and found[0] == "date"
    assert found[1] == pytest.approx((moment - pd.Timestamp(0)) / pd.Timedelta("1D"), abs=1e-9)


WRITTEN: dict[str, Callable[[pd.DatetimeIndex], object]] = {
    "text": lambda days: days.strftime("%Y-%m-%d"),
    "German": lambda days: days.strftime("%d.%m.%Y"),
    "British": lambda days: days.strftime("%d/%m/%Y"),
    "American": lambda days: days.strftime("%m/%d/%Y"),
    "objects": lambda days: days.date,
    "zones": lambda days: days.tz_localize("Europe/Berlin"),
    "names of months": lambda days: days.strftime("%d %b %Y"),
    "American, names": lambda days: days.strftime("%B %d, %Y"),
    "databases": lambda days: days.strftime("%d-%b-%Y").str.upper(),
}


@pytest.mark.parametrize("notation", WRITTEN)
def test_the_same_dates_give_the_same_bits_however_they_are_written(notation: str) -> None:
    column, inputs = encoded(DAYS)
    assert column.reads == "date" and column.cycles == ("week", "year")
    other, other_inputs = encoded(WRITTEN[notation](DAYS))
    assert other.inputs == column.inputs
    assert other_inputs.tobytes() == inputs.tobytes()


def test_names_of_months_are_read_in_new_tables_and_in_exported_models_alone() -> None:
    named = sales(DAYS.strftime("%d %b %Y"))
    data = prepare("sales", named, DataOptions("y"))
    assert data.table is not None and data.table["day"].tolist()[0] == "2021-03-01"
    encoder = data.encoder.to_dict()
    cells = {"day": ["05 Mar 2021"], "ads": [0.5]}
    assert (
        encode(cells, encoder).tobytes()
        == encode({**cells, "day": ["2021-03-05"]}, encoder).tobytes()
    )

    # In a run of an earlier version they are categories, and stay it.
    stored = from_parquet(named.assign(day=["05 Mar 2021", "06 Mar 2021"] * 400).to_parquet())
    assert prepare("sales", stored, DataOptions("y")).encoder.inputs[:2] == (
        "day=05 Mar 2021",
        "day=06 Mar 2021",
    )


def test_years_of_two_digits_are_refused_whatever_the_month_is_called() -> None:
    with pytest.raises(DataError, match="four digits"):
        prepare("sales", sales(DAYS.strftime("%d-%b-%y")), DataOptions("y"))
    # A month and two digits may be a day of any year.
    assert date_in_digits("3-JAN-23") == "03.01.23"
    assert date_in_digits("Jan-23") is None


def test_inputs_are_scaled_days_and_places_on_circles() -> None:
    column, inputs = encoded(DAYS)
    rows = prepare("sales", sales(), DataOptions("y")).train.rows
    days = (DAYS[rows] - pd.Timestamp(0)).days.to_numpy(dtype=float)
    np.testing.assert_allclose(inputs[:, 0], (days - days.mean()) / days.std(), rtol=1e-5)

    turns = 2 * np.pi * DAYS[rows].day_of_week.to_numpy() / 7
    np.testing.assert_allclose(inputs[:, 1], np.cos(turns), atol=1e-6)
    np.testing.assert_allclose(inputs[:, 2], np.sin(turns), atol=1e-6)
    assert column.inputs[1] == "day (week, cosine)"
    # The first of January has the same place in each year, but for leap years.
    place = inputs[:, 3:5][DAYS[rows].day_of_year == 1]
    assert np.ptp(place, axis=0).max() < 0.02


HOURS = np.random.default_rng(2).integers(0, 24, 800)
CYCLES = {
    "days": (DAYS, ("week", "year")),
    "moments": (DAYS + pd.to_timedelta(HOURS, "h"), ("day", "week", "year")),
    "months": (pd.date_range("1955-01-01", periods=800, freq="MS"), ("year",)),
    "ends of months": (
        pd.date_range("1955-01-31", periods=800, freq=pd.offsets.MonthEnd()),
        ("year",),
    ),
    "one week": (DAYS[:7].repeat(115)[:800], ()),
    "times": (pd.Series(pd.to_datetime(HOURS * 3600, unit="s").time), ("day",)),
    "durations": (pd.to_timedelta(HOURS, "h"), ()),
}


@pytest.mark.parametrize("case", CYCLES)
def test_what_comes_again_is_an_input(case: str) -> None:
    days, cycles = CYCLES[case]
    assert encoded(days)[0].cycles == cycles


def test_what_comes_again_is_learned_from_training_rows() -> None:
    assert cycles_of(np.arange(5.0), "date") == ()
    assert cycles_of(np.array([]), "date") == ()


def test_missing_dates_are_the_median_and_marked() -> None:
    days = DAYS.to_series(index=range(800)).where(np.arange(800) % 3 > 0)
    column, inputs = encoded(days)
    missing = inputs[inputs[:, -1] == 1]
    assert column.missing_indicator and column.inputs[-1] == "day=missing"
    assert len(missing) and not missing[:, 1:-1].any()
    assert missing[:, 0] == pytest.approx((column.fill - column.mean) / column.scale)


def predicted(data: Dataset, table: pd.DataFrame) -> np.ndarray:
    """What an exported model makes of a CSV file: as predict.py encodes it."""
    text = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    return encode(parse_csv(text), json.loads(json.dumps(data.encoder.to_dict())))


def test_a_model_reads_dates_as_its_training_did() -> None:
    data = prepare("sales", sales(WRITTEN["British"](DAYS)), DataOptions("y", test_fraction=0))
    column = data.encoder.columns[0]
    assert isinstance(column, DateColumn) and column.day_first is True
    assert Encoder.from_dict(data.encoder.to_dict()) == data.encoder

    for notation in ("British", "text", "German", "zones"):
        x = predicted(data, sales(WRITTEN[notation](DAYS)))
        assert x[data.train.rows].tobytes() == data.train.x.tobytes()
    # 3/13 is no day of a month that begins with the day.
    with pytest.raises(TableError, match=r"row 14, column 'day': '03/13/2021' is not a date"):
        predicted(data, sales(WRITTEN["American"](DAYS)))


def test_what_was_taken_for_categories_still_is() -> None:
    days = np.where(np.arange(800) % 3 > 0, "later", DAYS[np.arange(800) % 9].astype(str))
    data = prepare("sales", sales(days), DataOptions("y"))
    assert "day=later" in data.encoder.inputs
    chosen = pd.Categorical(DAYS[np.arange(800) % 9].astype(str))
    assert "day=2021-03-01" in prepare("sales", sales(chosen), DataOptions("y")).encoder.inputs


def test_checks_and_notes_say_what_of_dates_is_taken() -> None:
    data = shoal.load_dataset(sales(), "y")
    assert "day is taken as numbers: days, time of week, time of year." in data.notes
    assert [fact.kind for fact in column_facts(data.table)] == ["dates", "numbers", "numbers"]

    found = check_table("sales", sales(), "y").findings
    said = [finding.what for finding in found if "Dates" in finding.what]
    assert said == ["Dates, taken as numbers: 'day' (days, time of week, time of year)."]
    assert not any("identifier" in finding.what for finding in found)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        *(("2024Q3", "2024-07-01"), ("2024-Q1", "2024-01-01"), ("Q4 2024", "2024-10-01")),
        *(("q2/2024", "2024-04-01"), ("07/2024", "2024-07-01"), ("7/2024", "2024-07-01")),
        *(("2024-W05", "2024-01-29"), ("2024W52", "2024-12-23"), ("2020-W53", "2020-12-28")),
    ],
)
def test_parts_of_years_are_their_first_day(text: str, day: str) -> None:
    assert to_days(text) == to_days(day)
    assert to_days(text) is not None


@pytest.mark.parametrize("text", ["2024Q5", "2023-W53", "13/2024", "2024-13", "Q1", "1024Q1"])
def test_parts_that_no_year_has_are_no_dates(text: str) -> None:
    assert to_days(text) is None


@pytest.mark.parametrize(
    "write",
    [
        lambda month: f"{2018 + month // 12}Q{month % 12 // 3 + 1}",
        lambda month: f"{month % 12 + 1:02}/{2018 + month // 12}",
        lambda month: f"{2018 + month // 50}-W{month % 50 + 1:02}",
        lambda month: pd.Period(f"{2018 + month // 12}-{month % 12 + 1:02}", freq="M"),
        lambda month: pd.Period(f"{2018 + month // 12}-{month % 12 + 1:02}", freq="Q"),
    ],
)
def test_a_column_of_parts_of_years_is_one_of_dates(write: Callable[[int], object]) -> None:
    months = np.random.default_rng(1).integers(0, 60, 120)
    table = pd.DataFrame({"x": [write(int(month)) for month in months], "y": range(120)})
    for source in (table, table_from_bytes("t", table.to_csv(index=False).encode()).frame):
        assert load_dataset(source, target="y").encoder.inputs[0] == "x"


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m"])
def test_whole_numbers_that_are_dates_are_said(form: str) -> None:
    days = pd.date_range("2020-01-01", periods=120, freq="9D").strftime(form)
    table = pd.DataFrame({"x": days.astype(int), "y": np.random.default_rng(1).normal(size=120)})
    said = [found.what for found in check_table("t", table, "y").findings]
    assert f"Whole numbers in 'x' look like dates ({days[0]}), and are taken as amounts." in said
    table["x"] += 7_777
    assert not any("look like dates" in own.what for own in check_table("t", table, "y").findings)
