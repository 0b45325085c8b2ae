"""Values that are none: marks of missing values, codes, sums of other rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from shoal.data import from_parquet, load_dataset, table_from_bytes, to_parquet
from shoal.data.diagnostics import check_table
from shoal.errors import DataError
from shoal.inference.standalone import count_unseen

ROWS = 120
DRAW = np.random.default_rng(8)
NUMBERS = DRAW.normal(0, 3, ROWS).round(2)
TARGET = DRAW.normal(0, 1, ROWS).round(3)
DAYS = [str(np.datetime64("2020-01-01") + int(day)) for day in DRAW.integers(0, 900, ROWS)]
IS_MARKED = np.arange(ROWS) % 10 == 3


def marked(values: Sequence[object], *marks: object) -> list[object]:
    """Values, every tenth of which is a mark."""
    rows = enumerate(zip(values, IS_MARKED, strict=True))
    return [marks[row // 10 % len(marks)] if is_so else own for row, (own, is_so) in rows]


def looks_of(x: Sequence[object], name: str = "x") -> list[str]:
    """What `shoal check` says to look at in a column."""
    lines = [f"{name},y", *(f"{cell},{own}" for cell, own in zip(x, TARGET, strict=True))]
    table = table_from_bytes("t", "\n".join(lines).encode())
    checked = check_table("t", table, "y")
    return [found.what for found in checked.findings if found.status == "look"]


# Marks of missing values


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        (DRAW.integers(1, 6, ROWS), [98, 99]),
        (DRAW.integers(1, 6, ROWS), [97, 98, 99]),
        (NUMBERS, [-9999, -8888]),
        (DAYS, ["9999-12-31"]),
        (DAYS, ["1900-01-01"]),
        (DAYS, ["1970-01-01", "9999-12-31"]),
    ],
)
def test_marks_of_missing_values_are_found(values: Sequence[object], marks: list[object]) -> None:
    said = " ".join(looks_of(marked(values, *marks)))
    for mark in marks:
        assert f"{mark} stands in" in said
    assert said.count("may stand for a missing value") == len(marks)


@pytest.mark.parametrize("giant", ["1e12", "-1e9"])
def test_a_single_giant_is_found(giant: str) -> None:
    cells: list[object] = [*NUMBERS.tolist()]
    cells[7] = giant
    said = looks_of(cells)[0]
    assert said == f"{float(giant):.0f} stands in 1 row of 'x', far outside all other values: " + (
        "it may be wrong."
    )
    days: list[object] = [*DAYS]
    days[5] = "9999-12-31"
    assert looks_of(days)[0].startswith("9999-12-31 stands in 1 row of 'x'")


@pytest.mark.parametrize(
    "values",
    [NUMBERS, DAYS, np.exp(3 * NUMBERS / 3), DRAW.integers(0, 2, ROWS), [5] * (ROWS - 1) + [6]],
)
def test_usual_values_are_no_marks(values: Sequence[object]) -> None:
    assert not any("far outside" in said for said in looks_of(values))


# Codes


def test_codes_that_are_read_as_numbers_are_said() -> None:
    postcodes = DRAW.choice(["01067", "04109", "80331"], ROWS)
    assert "'01067' in 'x' is read as the number 1067." in looks_of(["01067", *postcodes[1:]])
    powers = DRAW.choice(["13E2", "11E3"], ROWS)
    assert "'12E4' in 'x' is read as the number 120000." in looks_of(["12E4", *powers[1:]])


@pytest.mark.parametrize(
    "cells", [["0.05", "1"], ["01", "12"], ["1e5", "1.5e3"], ["0", "10"], ["a012", "b"]]
)
def test_plain_numbers_are_no_codes(cells: list[str]) -> None:
    assert not any("is read as" in said for said in looks_of(cells * (ROWS // 2)))


def test_a_recorded_table_knows_its_codes() -> None:
    table = table_from_bytes("t", b"x,y\n" + b"007,1\n" * 20)
    again = from_parquet(to_parquet(table, with_messages=True))
    assert again.written("x").code == table.written("x").code == "007"


# Sums


def summed(last: str) -> bytes:
    rows = [
        f"{a},{b},{'uvw'[b % 3]},{y}" for a, b, y in zip(NUMBERS, range(ROWS), TARGET, strict=True)
    ]
    return "\n".join(["a,b,c,y", *rows, last]).encode()


@pytest.mark.parametrize(
    "word",
    ["Total (120 rows)", "Totaal", "Итого", "合计", "Σ", "Count", "Std Dev", "Max", "TOTAL:"],
)
def test_rows_of_sums_and_figures_are_refused_by_their_words(word: str) -> None:
    with pytest.raises(DataError, match=r"row 122 .*seems to sum up the other rows"):
        load_dataset_of(summed(f"5,7140,{word},9"))
    with pytest.raises(DataError, match="row 122"):
        load_dataset_of(summed(f"5,7140,{word},9\n1,2,u,3"))


def test_rows_of_sums_are_refused_by_their_numbers() -> None:
    last = f"{NUMBERS.sum():.2f},{sum(range(ROWS))},,{TARGET.sum():.3f}"
    with pytest.raises(DataError, match=r"row 122 .*all its numbers are the sums of their columns"):
        load_dataset_of(summed(last))
    first, rows = summed(last).split(b"\n")[0], summed(last).split(b"\n")[1:]
    with pytest.raises(DataError, match=r"row 2 .*all its numbers"):
        load_dataset_of(b"\n".join([first, rows[-1], *rows[:-1]]))


def test_rows_that_are_alike_are_none() -> None:
    assert load_dataset_of(summed("5,7140,,9")) is not None
    zeros = pd.DataFrame({"a": [0] * 20, "b": [0.0] * 20, "y": range(20)})
    assert load_dataset(zeros, target="y") is not None


def test_subtotals_between_rows_are_said() -> None:
    lines = summed("1,2,u,3").split(b"\n")
    lines[40:40] = [b"5,1000,Subtotal,9"]
    lines[90:90] = [b"5,1000,Subtotal,9"]
    checked = check_table("t", table_from_bytes("t", b"\n".join(lines)), "y")
    assert "2 rows with 'Subtotal' in 'c' may sum up others." in [
        found.what for found in checked.findings
    ]


def load_dataset_of(data: bytes) -> object:
    return load_dataset(table_from_bytes("t", data).frame, target="y")


# Zones


def hours(zones: Sequence[str]) -> list[str]:
    start = np.datetime64("2020-01-01T00:00")
    return [f"{start + row * 60}:00{zones[row % len(zones)]}" for row in range(ROWS)]


def test_zones_far_apart_are_said() -> None:
    said = looks_of(hours(["+00:00", "-08:00"]))
    assert any("'x' are in several zones (+00:00, -08:00)" in own for own in said)
    # Summer and winter of one place, and one zone in two forms.
    for zones in (["+01:00", "+02:00"], ["Z", "+0000"], [""], ["", "Z"]):
        assert not any("zones" in own for own in looks_of(hours(zones)))


def test_times_of_another_zone_are_counted_in_new_rows() -> None:
    """Those of a server in UTC were read two hours off, without a word."""
    data = load_dataset(pd.DataFrame({"x": hours(["+02:00"]), "y": TARGET}), target="y")
    encoder = data.encoder.to_dict()
    assert encoder["columns"][0]["zones"] == ["+02:00"]
    new = ["2020-01-02 13:00:00+0200", "2020-01-02T11:00Z", "2020-01-02 13:00:00", "2020-01-03"]
    found = count_unseen({"x": new}, encoder)["x"]
    assert (found.cells, found.first_row, found.levels) == (1, 3, ("2020-01-02T11:00Z",))
    assert "training had times in +02:00, and zones are ignored" in found.sentence("x")

    plain = load_dataset(pd.DataFrame({"x": hours([""]), "y": TARGET}), target="y")
    assert count_unseen({"x": new}, plain.encoder.to_dict()) == {}


# Rows that belong together


@pytest.mark.parametrize("name", ["patient", "PatientID", "customer_id", "subject.no", "site_id"])
def test_columns_that_say_whose_rows_they_are_are_said(name: str) -> None:
    (said,) = [own for own in looks_of(DRAW.integers(0, 30, ROWS).tolist(), name) if "whose" in own]
    assert said.startswith(f"'{name}' seems to say whose rows they are (")


@pytest.mark.parametrize("name", ["width", "inpatient", "x", "humid"])
def test_other_columns_say_nothing_of_that_kind(name: str) -> None:
    assert not any("whose" in own for own in looks_of(DRAW.integers(0, 30, ROWS).tolist(), name))


def test_groups_that_may_be_one_are_said() -> None:
    table = pd.DataFrame({"x": NUMBERS, "g": ["P1", "p1", "P2", "P3"] * (ROWS // 4), "y": TARGET})
    said = [found.what for found in check_table("t", table, "y", group="g").findings]
    assert "Words in 'g' that may mean the same: 'P1' and 'p1'." in said


def test_an_infinite_weight_is_said_by_its_own_cell() -> None:
    weights: list[object] = [1.5] * ROWS
    weights[8] = "inf"
    table = pd.DataFrame({"x": NUMBERS, "w": pd.Series(weights, dtype=object), "y": TARGET})
    with pytest.raises(DataError, match=r"row 10, column 'w': 'inf' is infinite"):
        load_dataset(table.astype({"w": str}), target="y", weight="w")


def test_categories_of_a_frame_that_look_alike_are_one() -> None:
    words = pd.Categorical(["Köln", "Ko\u0308ln", "Köln", "Ulm"] * (ROWS // 4))
    data = load_dataset(pd.DataFrame({"x": words, "y": TARGET}), target="y")
    assert data.encoder.inputs == ("x=Köln", "x=Ulm")
