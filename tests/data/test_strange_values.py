"""Values that are none: marks of missing values, codes, sums of other rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from shoal.data import from_parquet, load_dataset, table_from_bytes, to_parquet
from shoal.data.diagnostics import check_table
from shoal.errors import DataError

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
