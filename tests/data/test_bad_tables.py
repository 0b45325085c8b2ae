"""Tables as people have them: each works, or is refused with file, row, column and remedy."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.data import (
    DataOptions,
    from_parquet,
    load_dataset,
    prepare,
    table_from_bytes,
    to_parquet,
)
from shoal.errors import DataError

ROWS = 20


def table(
    cell: str = "", *, row: int = 5, column: int = 1, header: str = "a,b,y", separator: str = ","
) -> str:
    """A sound table of 20 rows; `cell`, if given, is put into file row `row` (the header is 1)."""
    lines = [header]
    for i in range(ROWS):
        cells = [str(i), str(i * 0.5), str(i * 1.5 + 1)]
        if cell and i == row - 2:
            cells[column] = cell
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


def column(make: Callable[[int], object], name: str = "b") -> str:
    """A table whose column b (or y) is made from the row number."""
    rows = [
        (i, make(i) if name == "b" else i, make(i) if name == "y" else i * 1.5 + 1)
        for i in range(ROWS)
    ]
    return "a,b,y\n" + "".join(f"{a},{b},{y}\n" for a, b, y in rows)


REFUSED: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["empty"]),
    "blank lines only": ("\n\n \n", ["empty"]),
    "the end of a file of DOS only": ("\x1a", ["empty"]),
    "blanks before it": ("\ufeff \n\x1a\x1a", ["empty"]),
    "blank first row": (",,\n" + table(), ["row 1 is blank", "remove the lines above"]),
    "header only": ("a,b,y\n", ["0 rows", "at least 10"]),
    "one row": ("a,b,y\n1,2,3\n", ["1 row below", "at least 10"]),
    "nine rows": ("a,b,y\n" + "1,2,3\n4,5,6\n7,8,9\n" * 3, ["9 rows", "at least 10"]),
    "one column": ("y\n" + "1\n2\n" * 10, ["no column is left", "separated by"]),
    "UTF-16 without mark": (table().encode("utf-16-le"), ["line 1", "NUL", "UTF-8"]),
    "broken UTF-16": (b"\xff\xfe" + table().encode("utf-16-le") + b"\x00\xd8\x01", ["not text"]),
    "NUL": (table("1\x00"), ["line 5", "NUL"]),
    "unclosed quote": (table('"1.5'), ["row 5", "line 5", "quote"]),
    "text after quote": (table('"1"5'), ["row 5", "quote"]),
    "ragged, long": (table("1,2"), ["row 5", "4 cells", "3"]),
    "ragged, short": (table().replace("3,1.5,5.5", "3,1.5"), ["row 5", "2 cells", "3"]),
    "duplicate header": (table(header="a,a,y"), ["'a'", "columns 1 and 2", "rename"]),
    "blank header": (table(header="a,,y"), ["column 2", "no name"]),
    "no header": (table(header="7,8,9"), ["row 1", "header", "add a row"]),
    "thousands or decimals": (
        "b,y\n" + "".join(f'"{i + 1},500",{i}\n' for i in range(ROWS)),
        ["row 2", "'b'", "'1,500'", "1500 or 1.5", "remove the separators"],
    ),
    "decimal comma quoted": (table('"1,5"'), ["row 5", "'b'", "'1,5'", "alike"]),
    "decimal comma and point": (
        table("1,5", separator=";", header="a;b;y"),
        ["row 5", "'b'", "row 2", "alike"],
    ),
    "mixed types": (
        table("broken"),
        ["row 5", "'b'", "'broken'", "not a number", "correct the cell"],
    ),
    "all missing": (column(lambda i: ""), ["'b'", "no value", "drop"]),
    "infinity": (table("inf"), ["row 5", "'b'", "'inf'", "finite"]),
    "1e400": (table("1e400"), ["row 5", "'b'", "'1e400'", "finite"]),
    "beyond float32": (table("1e39"), ["row 5", "'b'", "1e+39", "too large"]),
    "20 digits": (
        column(lambda i: 12345678901234567890 + i),
        ["row 2", "'b'", "12345678901234567890", "identifier"],
    ),
    "identifier at the end": (
        table("9007199254740993"),
        ["row 5", "'b'", "9007199254740993", "digits"],
    ),
    "day or month": (
        column(lambda i: f"{i % 9 + 1}/{i % 5 + 1}/2024"),
        ["'b'", "day or month", "'1/1/2024'", "2024-01-31"],
    ),
    "years of two digits": (
        column(lambda i: f"{i + 1:02}.01.24"),
        ["'b'", "'01.01.24'", "four digits", "drop"],
    ),
    "no such day": (
        column(lambda i: "30.02.2024" if i == 3 else f"{i + 1:02}.01.2024"),
        ["row 5", "'b'", "'30.02.2024'", "is not a date", "correct the cell"],
    ),
    "dates as target": (
        column(lambda i: f"{i + 1:02}.03.2024", "y"),
        ["row 2", "'y'", "date", "numbers"],
    ),
    "missing target": (
        table("NA", column=2),
        ["row 5", "'y'", "no value", "1 such", "remove the rows"],
    ),
    "words in target": (table("high", column=2), ["row 5", "'y'", "'high'", "not a number"]),
    "infinite target": (table("-inf", column=2), ["row 5", "'y'", "'-inf'", "finite"]),
    "single class": (column(lambda i: "yes", "y"), ["'y'", "1 class", "another target"]),
    "one-member class": (
        column(lambda i: "odd" if i == 7 else "even", "y"),
        ["'odd'", "row 9", "merge"],
    ),
    "two-member class": (
        column(lambda i: "odd" if i in (7, 8) else "even", "y"),
        ["'odd'", "merge"],
    ),
    "too many classes": (
        "a,y\n" + "".join(f"{i},c{i // 2}\n" for i in range(240)),
        ["120 classes", "2 to 100"],
    ),
    "constant target": (column(lambda i: 3.5, "y"), ["'y'", "3.5 in every row", "another target"]),
    "too many levels": (
        "a,b,y\n" + "".join(f"{i},w{i},{i}.5\n" for i in range(300)),
        ["'b'", "at most 100", "drop"],
    ),
    "huge cell": (table("x" * 10_000_000), ["row 5", "131,072", "shorten"]),
    "100,000 columns": (
        ",".join(f"c{i}" for i in range(100_000)) + "\n",
        ["100,000 columns", "10,000", "keep"],
    ),
    "binary": (bytes(range(256)) * 50, ["not text"]),
    "binary with NUL": (b"RDX3\nX\n\x00\x00" + bytes(100), ["NUL"]),
    "gzip": (gzip.compress(table().encode()), ["gzip archive", "unpack"]),
    "Excel workbook": (b"PK\x03\x04" + bytes(50), ["Excel", "CSV"]),
    "damaged Parquet": (b"PAR1" + b"junk" * 40 + b"PAR1", ["Parquet", "damaged", "CSV"]),
    "cut Parquet": (to_parquet(pd.DataFrame({"a": np.arange(50)}))[:-20], ["Parquet", "damaged"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_place_and_remedy(case: str, tmp_path: Path) -> None:
    content, expected = REFUSED[case]
    path = tmp_path / "odd_table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as raised:
        load_dataset(path, "y")
    message = str(raised.value)

    assert "odd_table" in message and raised.value.remedy and raised.value.expected
    assert [part for part in expected if part not in message] == []
    assert len(message) < 700


ACCEPTED: dict[str, bytes] = {
    "UTF-8": table().encode(),
    "BOM": b"\xef\xbb\xbf" + table().encode(),
    "UTF-16": table().encode("utf-16"),
    "UTF-16 big-endian": b"\xfe\xff" + table().encode("utf-16-be"),
    "UTF-32": table().encode("utf-32"),
    "CRLF": table().replace("\n", "\r\n").encode(),
    "CR": table().replace("\n", "\r").encode(),
    "mixed newlines": table().replace("\n", "\r\n", 7).encode(),
    "blank lines at the beginning": ("\n\n" + table()).encode(),
    "blank lines at the end": (table() + "\n\n  \n").encode(),
    "no newline at the end": table().rstrip().encode(),
    "semicolons": table().replace(",", ";").encode(),
    "tabs": table().replace(",", "\t").encode(),
    "bars": table().replace(",", "|").encode(),
    "decimal commas": table().replace(",", ";").replace(".", ",").encode(),
    "spaces": table().replace(",", " , ").encode(),
    "quotes": ('"a","b","y"\n' + table().split("\n", 1)[1]).encode(),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_same_table_however_written(case: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(ACCEPTED[case])
    data = load_dataset(path, "y")
    assert data.source["b"].tolist() == [i * 0.5 for i in range(ROWS)]
    assert data.source["y"].tolist() == [i * 1.5 + 1 for i in range(ROWS)]


def test_latin_1_formulas_and_markup_are_just_text(tmp_path: Path) -> None:
    path = tmp_path / "<b>t.csv"
    text = table(header="größe,<img src=x onerror=alert(1)>,y") + '5,=HYPERLINK("x"),3\n'.replace(
        '"', "'"
    )
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"HYPERLINK.*not a number"):
        load_dataset(path, "y")
    lines = [f"w{i % 3},=1+{i % 2},{i}.5" for i in range(ROWS)]
    path.write_text("\n".join(["größe,<img src=x onerror=alert(1)>,y", *lines]), encoding="latin-1")
    data = load_dataset(path, "y")

    assert data.encoder.inputs[0] == "größe=w0"
    assert data.encoder.inputs[3] == "<img src=x onerror=alert(1)>==1+0"


@pytest.mark.parametrize(
    "spelling", ["", "NA", "n/a", "NaN", "null", "#N/A", "-", "?", "none", " . "]
)
def test_spellings_of_missing_numbers(spelling: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table(spelling or " ", row=3))
    data = load_dataset(path, "y", test_fraction=0, validation_fraction=0)
    assert data.encoder.inputs == ("a", "b", "b=missing") and data.train.x[1, 2] == 1


def test_a_class_may_be_called_none_and_a_column_may_be_constant(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "a,b,y\n" + "".join(f"{i},5,{'none' if i % 2 else 'some'}\n" for i in range(ROWS))
    )
    data = load_dataset(path, "y")
    assert data.classes == ("none", "some") and not data.train.x[:, 1].any()


def test_classic_refuses_what_it_cannot_divide_or_read() -> None:
    frame = pd.DataFrame(
        {"a": np.arange(ROWS), "b": np.arange(ROWS) % 3 * 0.5, "y": np.arange(ROWS) * 1.0}
    )
    for change, words in (
        ({"y": frame["y"] - 100}, ["table", "'y'", "classic", "modern"]),
        ({"b": frame["b"].where(frame["a"] != 3)}, ["table", "row 5", "'b'", "modern"]),
        ({"b": ["x", "y"] * 10}, ["table", "row 2", "'b'", "'x'", "modern"]),
    ):
        with pytest.raises(DataError) as raised:
            load_dataset(frame.assign(**change), "y", preset="classic")
        assert [word for word in words if word not in str(raised.value)] == []
        load_dataset(frame.assign(**change), "y")


FRAMES: dict[str, tuple[pd.DataFrame, list[str]]] = {
    "no columns": (pd.DataFrame(), ["empty"]),
    "no rows": (pd.DataFrame({"a": [], "y": []}), ["0 rows"]),
    "duplicate names": (pd.DataFrame(np.ones((20, 3)), columns=["a", "a", "y"]), ["'a'", "rename"]),
    "levels of names": (
        pd.DataFrame(np.ones((20, 2)), columns=[["a", "y"], ["b", "y"]]),
        ["several levels"],
    ),
    "infinity": (pd.DataFrame({"a": [1.0, np.inf] * 10, "y": range(20)}), ["row 3", "'a'", "inf"]),
    "dates and a word": (
        pd.DataFrame({"a": [*pd.date_range("2024-01-01", periods=19), "soon"], "y": range(20)}),
        ["row 21", "'a'", "'soon'", "not a date"],
    ),
    "durations and a time": (
        pd.DataFrame({"a": [*pd.to_timedelta(range(19), "h"), "12:30"], "y": range(20)}),
        ["row 21", "'a'", "'12:30'", "not a duration"],
    ),
    "lists": (pd.DataFrame({"a": [[1]] * 20, "y": range(20)}), ["row 2", "'a'", "list"]),
    "complex": (pd.DataFrame({"a": [1j] * 20, "y": range(20)}), ["row 2", "'a'", "complex"]),
    "bytes": (pd.DataFrame({"a": [b"x"] * 20, "y": range(20)}), ["row 2", "'a'", "bytes"]),
    "mixed": (pd.DataFrame({"a": [*range(19), "x"], "y": range(20)}), ["row 21", "'a'", "'x'"]),
    "large integers": (
        pd.DataFrame({"a": [2**60 + i for i in range(20)], "y": range(20)}),
        ["'a'", "digits"],
    ),
    "only the target": (pd.DataFrame({"y": range(20)}), ["no column is left"]),
    "huge cell": (pd.DataFrame({"a": ["x" * 200_000] * 20, "y": range(20)}), ["'a'", "131,072"]),
    "missing value in y": (
        pd.DataFrame({"a": range(20), "y": [1.5, None] * 10}),
        ["row 3", "'y'", "10 such"],
    ),
}


@pytest.mark.parametrize("case", FRAMES)
def test_frames_get_the_same_checks(case: str) -> None:
    frame, expected = FRAMES[case]
    with pytest.raises(DataError) as raised:
        load_dataset(frame, "y")
    assert raised.value.remedy and "table" in str(raised.value)
    assert [part for part in expected if part not in str(raised.value)] == []


def test_large_identifiers_may_be_groups() -> None:
    frame = pd.DataFrame(
        {"id": [2**60 + i // 2 for i in range(40)], "a": np.arange(40) * 0.5, "y": np.arange(40)}
    )
    assert load_dataset(frame, "y", group="id").inputs == 1
    with pytest.raises(DataError, match="too few groups"):
        load_dataset(frame.assign(id="same"), "y", group="id")


def test_targets_are_asked_for_and_near_names_suggested() -> None:
    frame = pd.DataFrame({"area": range(20), "price": range(20)})
    with pytest.raises(DataError, match=r"--target.*area, price"):
        load_dataset(frame)
    with pytest.raises(DataError, match=r"'prize'.*Did you mean 'price'.*area, price"):
        load_dataset(frame, "prize")
    with pytest.raises(DataError, match=r"'aera'.*Did you mean 'area'"):
        prepare("table", frame, DataOptions("price", group="aera"))


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'concrete'"):
        load_dataset("concrte")
    with pytest.raises(DataError, match="is a folder"):
        load_dataset(tmp_path, "y")
    with pytest.raises(DataError, match=r"no such file.*check the spelling"):
        load_dataset(tmp_path / ".." / "nothing.csv", "y")
    with pytest.raises(DataError, match=r"check the path|no such file"):
        load_dataset("a\0b", "y")


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.csv"
    path.write_text(table())
    monkeypatch.setattr("shoal.data.table_io.MAX_BYTES", 100)
    with pytest.raises(DataError, match=r"big.csv.*too large.*sample"):
        load_dataset(path, "y")
    monkeypatch.undo()
    monkeypatch.setattr("shoal.inference.standalone.MAX_ROWS", 15)
    with pytest.raises(DataError, match=r"big.csv.*over 15 rows.*sample"):
        load_dataset(path, "y")
    monkeypatch.undo()
    content = to_parquet(load_dataset("concrete").source)
    monkeypatch.setattr("shoal.data.table_io.MAX_PARQUET_CELLS", 50)
    with pytest.raises(DataError, match=r"1,030 rows.*sample"):
        from_parquet(content)


PARQUET = to_parquet(
    pd.DataFrame({"a": np.arange(40) * 0.5, "w": ["x", "y"] * 20, "y": np.arange(40)})
)


def test_a_text_that_is_no_utf8_is_a_damaged_file() -> None:
    """It shows only when the text is read, after the file."""
    # The dictionary of the texts: each with its length.
    damaged = PARQUET.replace(b"\1\0\0\0x\1\0\0\0y", b"\1\0\0\0x\1\0\0\0\x80")
    assert damaged != PARQUET

    with pytest.raises(DataError, match="is damaged"):
        table_from_bytes("t.parquet", damaged)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_the_bytes_only_a_data_error_is_raised(data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        pieces = [*"ab1,;\t|\"'\r\n .-\0é", "1e999", "a,b,y\n", "\n1,2,3", "1,000", "\ufeff"]
        content = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=60))).encode()
    else:
        content = bytearray(PARQUET)
        for place in data.draw(st.lists(st.integers(0, len(PARQUET) - 1), max_size=8)):
            content[place] = data.draw(st.integers(0, 255))

    try:
        prepare("t", table_from_bytes("t.csv", bytes(content)), DataOptions("y"))
    except DataError as error:
        assert error.problem.startswith("t") and error.remedy  # noqa: PT017  either outcome is right
