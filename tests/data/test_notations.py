"""Numbers in other notations: read in one way, or refused, and the same at training as later."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from shoal.cli.model_commands import app
from shoal.data import (
    DataOptions,
    Dataset,
    Encoder,
    from_parquet,
    load_dataset,
    prepare,
    table_from_bytes,
    to_parquet,
)
from shoal.data.diagnostics import check_table
from shoal.data.table_io import read_cells
from shoal.errors import DataError
from shoal.inference import standalone
from shoal.inference.standalone import TableError, count_unseen, encode, parse_csv, read_cell
from shoal.models.model import format_of

ROWS = 60
DRAW = np.random.default_rng(5)
AMOUNTS = DRAW.integers(100_000, 999_999, ROWS) / 100 * np.where(np.arange(ROWS) % 3, 1, -1)
SMALL = DRAW.integers(-500, 500, ROWS) / 100


def german(value: float) -> str:
    """A number as German spreadsheets write it, with two decimals."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def file(amounts: list[str], separator: str = ",", small: list[str] | None = None) -> bytes:
    """A table with columns b (the amounts), a (numbers), c (letters) and y."""
    small = small or [str(value) for value in SMALL]
    rows = [f'"b"{separator}a{separator}c{separator}y']
    for row, (amount, number) in enumerate(zip(amounts, small, strict=True)):
        quoted = amount.replace('"', '""')
        cells = [f'"{quoted}"', f'"{number}"', "uvw"[row % 3], str(row)]
        rows.append(separator.join(cells))
    return "\n".join(rows).encode()


def german_small() -> list[str]:
    return [german(value) for value in SMALL]


def power(value: float, times: str) -> str:
    """A number and its power of ten, to the bit."""
    digits, exponent = f"{value:.15E}".split("E")
    return f"{digits}{times}{int(exponent)}"


def raised(text: str) -> str:
    return text.replace("^3", "\u00b3").replace("^", "").replace("102", "10\u00b2")


ARABIC = str.maketrans("0123456789.,", "".join(map(chr, range(0x660, 0x66A))) + "\u066b\u066c")
WIDE = {letter: letter + 0xFEE0 for letter in map(ord, "0123456789.,-")}


WRITTEN: dict[str, tuple[Callable[[float], str], str]] = {
    "thousands": (lambda v: f"{v:,.2f}", ","),
    "German": (german, ";"),
    "German, tabs": (german, "\t"),
    "German, bars": (german, "|"),
    "German, quoted": (german, ","),
    "decimal commas": (lambda v: str(v).replace(".", ","), "\t"),
    "French": (lambda v: german(v).replace(".", "\u202f"), ";"),
    "Swiss": (lambda v: f"{v:,.2f}".replace(",", "\u2019"), ","),
    "percent": (lambda v: f"{v}%", ","),
    "percent, German": (lambda v: f"{german(v)} %", ";"),
    "dollars": (lambda v: f"{'-' if v < 0 else ''}${abs(v):,.2f}", ","),
    "euros": (lambda v: f"{german(v)} €", ";"),
    "codes": (lambda v: f"CHF {v}", ","),
    "units": (lambda v: f"{v} kg", ","),
    "areas": (lambda v: f"{v}m2", ","),
    "accounting": (lambda v: f"({abs(v)})" if v < 0 else str(v), ","),
    "accounting, dollars": (lambda v: f"$({abs(v):,.2f})" if v < 0 else f"${v:,.2f}", ","),
    "minus behind": (lambda v: f"{abs(v)}-" if v < 0 else str(v), ","),
    "Unicode minus": (lambda v: str(v).replace("-", "\u2212"), ","),
    "en dash": (lambda v: str(v).replace("-", "\u2013"), ","),
    "Fortran": (lambda v: f"{v:.15E}".replace("E", "D"), ","),
    "Swiss francs": (lambda v: f"Fr. {v:,.2f}".replace(",", "\u00b4"), ","),
    "plus and minus behind": (lambda v: f"{abs(v)}{'-' if v < 0 else '+'}", ","),
    "powers of ten": (lambda v: power(v, " x 10^"), ","),
    "powers of ten, raised": (lambda v: raised(power(v, "\u00b710^")), ","),
    "powers of ten, German": (lambda v: power(v, "*10**").replace(".", ","), ";"),
    "Mathematica": (lambda v: power(v, "*^"), ","),
    "Arabic": (lambda v: f"\u200e{v:,.2f}".translate(ARABIC), ";"),
    "wide": (lambda v: f"{v:,.2f}".translate(WIDE), ","),
    "kept as text by a spreadsheet": (lambda v: f'="{v}"', ","),
    "kept as text by a person": (lambda v: f"'{v}", ","),
}


def columns_of(content: bytes) -> Mapping[str, list[str]]:
    return parse_csv(content.decode())


@pytest.mark.parametrize("case", WRITTEN)
def test_numbers_are_read_however_they_are_written(case: str, tmp_path: Path) -> None:
    write, separator = WRITTEN[case]
    content = file([write(value) for value in AMOUNTS], separator)
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    data = load_dataset(path, "y", task="regression")

    assert data.table is not None and data.table["b"].tolist() == AMOUNTS.tolist()
    assert data.train.x.tobytes() == plain().train.x.tobytes()
    assert "'b' (" in data.notes[0] and "are read" in data.notes[0]
    findings = check_table("t", data.table, "y").findings
    assert any("not written plainly are read: 'b' (" in finding.what for finding in findings)

    # The same of new rows, also of one alone, and after JSON, as exported models have it.
    encoder = json.loads(json.dumps(data.encoder.to_dict()))
    assert Encoder.from_dict(encoder) == data.encoder
    assert format_of(data.encoder) == 5
    for rows in (range(ROWS), [4], [7]):
        new = file([write(AMOUNTS[row]) for row in rows], separator, [str(SMALL[r]) for r in rows])
        inputs = encode(columns_of(new), encoder)
        letters = ["uvw"[row % 3] for row in range(len(rows))]
        expected = encode({"b": AMOUNTS[rows], "a": SMALL[rows], "c": letters}, plain_encoder())
        assert inputs.tobytes() == expected.tobytes()


def plain() -> Dataset:
    """The table, written plainly."""
    table = table_from_bytes("t.csv", file([str(value) for value in AMOUNTS]))
    return prepare("t", table, DataOptions.of_new_run("y", task="regression"))


def plain_encoder() -> dict[str, object]:
    encoder = plain().encoder.to_dict()
    assert "notation" not in json.dumps(encoder) and "truth" not in json.dumps(encoder)
    return encoder


def test_points_are_of_thousands_where_other_columns_have_decimal_commas() -> None:
    whole = np.arange(ROWS) * 217 + 12
    amounts = [f"{value:,}".replace(",", ".") for value in whole]
    table = table_from_bytes("t.csv", file(amounts, ";", german_small()))
    assert table["b"].tolist() == whole.tolist() and table["b"].dtype.kind == "i"
    assert table["a"].tolist() == SMALL.tolist()

    # With decimal points elsewhere they are decimal points, and commas are of thousands.
    table = table_from_bytes("t.csv", file([f"{i + 1}.500" for i in range(ROWS)]))
    assert table["b"].tolist() == [i + 1.5 for i in range(ROWS)]
    table = table_from_bytes("t.csv", file([f"{i + 1},500" for i in range(ROWS)]))
    assert table["b"].tolist() == [i * 1000 + 1500 for i in range(ROWS)]


UNSURE = {
    "thousands or decimals, quoted": ("a,b,y", '"{},500"', ","),
    "thousands or decimals, currency": ("a,b,y", '"${},500"', ","),
    "points in a file with semicolons": ("a;b;y", "{}.500", ";"),
}


@pytest.mark.parametrize("case", UNSURE)
def test_what_may_be_two_numbers_is_refused(case: str) -> None:
    header, cell, separator = UNSURE[case]
    rows = [separator.join([str(i), cell.format(i + 1), str(i)]) for i in range(ROWS)]
    table = table_from_bytes("t.csv", "\n".join([header, *rows]).encode())
    with pytest.raises(DataError, match=r"row 2, column 'b'.*may be .*thousands") as raised:
        prepare("t", table, DataOptions("y", task="regression"))
    assert raised.value.remedy
    checked = check_table("t", table, "y")
    assert checked.bad and "thousands" in checked.findings[0].what
    # It is of no importance in a column that nothing is learned from.
    prepare("t", table, DataOptions("y", task="regression", drop=("b",)))


STRAY = {
    "other unit": ("7 kg", "70 g", "'kg'"),
    "no unit": ("7%", "7", "'%'"),
    "other currency": ("$7", "€7", r"'\$'"),
    "word": ("(7)", "much", "most of the column"),
}


@pytest.mark.parametrize("case", STRAY)
def test_a_cell_in_another_notation_is_refused(case: str) -> None:
    usual, stray, said = STRAY[case]
    cells = [usual] * ROWS
    cells[30] = stray
    table = table_from_bytes("t.csv", file(cells))
    with pytest.raises(DataError, match=rf"row 32, column 'b': '{stray}'.*{said}"):
        prepare("t", table, DataOptions("y", task="regression"))


@pytest.mark.parametrize(
    "cells",
    [
        ["2 rooms", "1 room", "3 rooms"],
        ["10-20", "20-30", "30-40"],
        ["C00001", "C00002", "B00003"],
        ["80331 Munich", "10115 Berlin", "20095 Hamburg"],
        ["1st", "2nd", "3rd"],
        ["192.168.1.1", "10.0.0.1", "10.0.0.2"],
    ],
)
def test_words_with_digits_stay_words(cells: list[str]) -> None:
    table = table_from_bytes("t.csv", file(cells * (ROWS // 3)))
    assert table["b"].tolist() == cells * (ROWS // 3)
    prepare("t", table, DataOptions("y", task="regression"))


def test_numbers_in_several_units_are_said_to_be_words() -> None:
    table = table_from_bytes("t.csv", file(["1.2 kg", "850 g", "3 kg"] * (ROWS // 3)))
    looks = [f.what for f in check_table("t", table, "y").findings if f.status == "look"]
    assert any("Numbers and words in one column" in what and "'b'" in what for what in looks)


def test_the_recorded_notation_decides_what_nothing_else_does() -> None:
    data = dataset_of(file([german(value) for value in AMOUNTS], ";", german_small()))
    encoder = data.encoder.to_dict()
    trained = [c["notation"] for c in encoder["columns"] if "notation" in c]
    assert [notation["decimal"] for notation in trained] == [",", ","]

    def number(text: str, separator: str, written: dict[str, object]) -> float:
        content = f"b{separator}a{separator}c\n{text}{separator}1{separator}u".encode()
        inputs = encode(columns_of(content), written)
        column = written["columns"][0]  # type: ignore[index]
        return round(float(inputs[0, 0]) * column["scale"] + column["mean"], 2)

    assert number("1.234", ",", encoder) == 1234
    assert number("1.5", ",", encoder) == 1.5  # which can be one number only
    # A model that was trained on plain numbers, as all were once.
    assert number("1.234", ",", plain_encoder()) == 1.23
    assert number("1,234", ";", plain_encoder()) == 1.23

    # Other columns of new rows are in another notation than training.
    german_rows = columns_of(b"b;a;c\n1.234;1,5;u\n999;1,5;u")
    english_rows = columns_of(b"b,a,c\n1.234,1.5,u\n999,1.5,u")
    for columns, unlike in ((german_rows, plain_encoder()), (english_rows, encoder)):
        with pytest.raises(TableError, match=r"row 2, column 'b': '1.234' may be 1.234 or 1234"):
            encode(columns, unlike)


def test_columns_of_training_with_different_marks_keep_theirs() -> None:
    data = dataset_of(file([german(value) for value in AMOUNTS]))
    encoder = data.encoder.to_dict()
    assert [column.get("notation", {}).get("decimal") for column in encoder["columns"]] == [
        ",",
        ".",
        None,
    ]
    for b, a in (("1,234", "1.5"), ("1,5", "1.234")):
        numbers = {"b": [b.replace(",", ".")], "a": [a], "c": ["u"]}
        expected = encode(numbers, plain_encoder())
        new = columns_of(f'b,a,c\n"{b}",{a},u'.encode())
        assert encode(new, encoder).tobytes() == expected.tobytes()


def dataset_of(content: bytes) -> Dataset:
    table = table_from_bytes("t.csv", content)
    return prepare("t", table, DataOptions.of_new_run("y", task="regression"))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["12", "13"], "'12' has no '%', which training had. Expected: a number such as '"),
        ([0.12, 0.13], "0.12.* has no '%'"),
        (["12 kg"], "'12 kg' has a 'kg' where training had '%'"),
        (["12 %", "many"], "row 3, column 'b': 'many' is not a number"),
        (["1,5 %", "1.5 %"], "decimal point in row 3 .* comma in row 2"),
    ],
)
def test_new_rows_in_another_notation_are_refused(cells: list[object], said: str) -> None:
    encoder = dataset_of(file([f"{value}%" for value in AMOUNTS])).encoder.to_dict()
    columns = {"b": cells, "a": [1.0] * len(cells), "c": ["u"] * len(cells)}
    with pytest.raises(TableError, match=said):
        encode(columns, encoder)
    with pytest.raises(TableError, match="'12 kg' has a 'kg', which training had not"):
        encode({"b": ["12 kg"], "a": [1], "c": ["u"]}, plain_encoder())


def test_a_stored_table_keeps_its_notations_and_its_words() -> None:
    data = dataset_of(file([f"{value} kg" for value in AMOUNTS]))
    again = from_parquet(to_parquet(data.table))
    assert again.notations == data.table.notations and again["b"].tolist() == AMOUNTS.tolist()
    assert prepare("t", again, data.options).encoder == data.encoder

    # A process that reads a table for another one hands on why a column is refused.
    content = file([f"{i + 1}.500" for i in range(ROWS)], ";", ["NA"] * ROWS)
    table = table_from_bytes("t.csv", content)
    for again in (table, from_parquet(to_parquet(table, with_messages=True))):
        assert again.gap("a") == "NA"
        with pytest.raises(DataError, match=r"t: row 2, column 'b': '1.500' may be 1.5 or 1500"):
            again.check_readable("t", "b")

    # What an earlier version took for words stays words in its runs.
    words = pd.DataFrame({"b": ["1 kg", "2 kg"] * 30, "f": ["TRUE", "true"] * 30, "y": range(60)})
    stored = from_parquet(words.to_parquet(index=False))
    inputs = prepare("t", stored, DataOptions("y", task="regression")).encoder.inputs
    assert inputs == ("b=1 kg", "b=2 kg", "f=TRUE", "f=true")


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("0,5", (None, 0.5)),
        ("1.234", (1.234, 1234.0)),
        ("12,34,567", (1234567.0, None)),
        ("1,23", (None, 1.23)),
        ("1.234E3", (1234.0, None)),
        ("-$5", (-5.0, -5.0)),
        ("\u2014", (math.nan, math.nan)),
        ("5.-", (5.0, None)),
        ("1.250,-- €", (None, 1250.0)),
        ("1d3", (1000.0, 1000.0)),
        ("1.67401-102", (1.67401e-102, None)),
        ("-0x1F", (-31.0, -31.0)),
        ("\u0661\u066b\u0665\u0660\u0660", (1.5, None)),
        ("\\N", (math.nan, math.nan)),
        ("N.A.", (math.nan, math.nan)),
    ],
)
def test_cells(cell: str, numbers: tuple[float | None, ...]) -> None:
    written = read_cell(cell)
    assert written is not None
    np.testing.assert_equal(written.values, numbers)


@pytest.mark.parametrize(
    "cell",
    [
        *("--5", "-(5)", "5/10", "2024-01-05", "12:30", "1_000", "v5", "5 days", "5.-3"),
        # Dimensions, a range, a postal code, and an address of memory.
        *("3 x 10", "1.5 x 103", "167-177", "12.345-678", "0x7ffd5e8b1a2c3d4e"),
    ],
)
def test_what_is_no_number(cell: str) -> None:
    assert read_cell(cell) is None


# Categories that training has never seen


def flags(levels: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"f": levels, "a": range(len(levels)), "y": np.arange(len(levels)) * 1.5})


@pytest.mark.parametrize(
    ("trained", "new"),
    [
        ([True, False], ["TRUE", "FALSE"]),
        (["TRUE", "FALSE"], ["true", "false"]),
        (["True", "False"], [1, 0]),
        (["yes", "no"], ["Yes", "NO"]),
        (["True", "False"], ["WAHR", "FALSCH"]),
    ],
)
def test_truth_values_are_one_level_however_they_are_written(
    trained: list[object], new: list[object]
) -> None:
    data = load_dataset(flags(trained * 30), "y", task="regression")
    encoder = json.loads(json.dumps(data.encoder.to_dict()))
    assert encoder["columns"][0]["truth"] and format_of(data.encoder) == 5
    told = encode({"f": trained, "a": [1, 1]}, encoder)
    assert encode({"f": new, "a": [1, 1]}, encoder).tobytes() == told.tobytes()
    assert count_unseen({"f": new}, {"columns": encoder["columns"][:1]}) == {}

    # A model of before knows no truth values.
    del encoder["columns"][0]["truth"]
    assert not encode({"f": ["tRUE"], "a": [1]}, encoder)[0, :2].any()


def test_spellings_of_one_truth_value_are_one_level_in_training() -> None:
    data = load_dataset(flags(["TRUE", "True", "False", "TRUE"] * 15), "y", task="regression")
    assert data.encoder.inputs == ("f=False", "f=TRUE", "a")


def exported(folder: Path, data: Dataset) -> Path:
    """A model with random weights, and the program that predicts with it."""
    folder.mkdir()
    layers = [data.inputs, 1]
    about = {
        "format": format_of(data.encoder),
        "layers": layers,
        "activation": "tanh",
        "encoder": data.encoder.to_dict(),
    }
    (folder / "model.json").write_text(json.dumps(about))
    weights = np.random.default_rng(0).normal(size=(1, data.inputs + 1)).astype(np.float32)
    np.savez(folder / "weights.npz", weights=weights)
    return folder


def test_unseen_categories_are_counted_and_refused_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = dataset_of(file([german(value) for value in AMOUNTS], ";", german_small()))
    folder = exported(tmp_path / "m", data)
    new = tmp_path / "new.csv"
    new.write_text("b;a;c\n1.234;1,5;u\n999;1,5;zzz\n1,5;2;U\n7;2;\n", encoding="utf-8")

    out = tmp_path / "p.csv"
    arguments = ["predict", str(folder), str(new), "--out"]
    command = CliRunner().invoke(app, [*arguments, str(out), "--json"])
    assert command.exit_code == 0
    assert json.loads(command.stdout) == {"rows": 4, "out": str(out), "unseen": {"c": 3}}
    assert "column 'c': 3 cells" in command.stderr and "'zzz', 'U', no value" in command.stderr
    assert "row 3" in command.stderr

    alone = tmp_path / "alone.csv"
    own_arguments = [str(new), "--model", str(folder), "--out"]
    assert standalone.main([*own_arguments, str(alone)]) == 0
    assert alone.read_bytes() == out.read_bytes()
    assert "column 'c': 3 cells" in capsys.readouterr().err

    assert standalone.main([*own_arguments, str(tmp_path / "q.csv"), "--strict"]) == 2
    assert "'zzz', 'U', no value" in capsys.readouterr().err
    refused = CliRunner().invoke(app, [*arguments, str(tmp_path / "q.csv"), "--strict"])
    assert refused.exit_code != 0 and "'zzz'" in str(refused.exception)
    assert not (tmp_path / "q.csv").exists()


def test_categories_that_look_like_numbers_are_the_same_from_any_file(tmp_path: Path) -> None:
    """A file of new rows may have such numbers alone, and then looks like a column of numbers."""
    data = dataset_of(file(["01", "02", "word"] * (ROWS // 3)))
    new = tmp_path / "new.csv"
    new.write_text("b,a,c\n01,1,u\n02,1,u\n")
    encoder = data.encoder.to_dict()
    assert count_unseen(read_cells(new), encoder) == {}
    assert encode(read_cells(new), encoder)[:, :2].tolist() == [[1, 0], [0, 1]]


# Encodings


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([("Köln", "utf-8")] * 8 + [("Köln", "latin-1")], 10),
        ([("Köln", "latin-1")] * 8 + [("Köln", "utf-8")], 2),
        ([("Москва", "utf-8")] * 3 + [("Köln", "latin-1")], 5),
    ],
)
def test_a_file_in_two_encodings_is_refused(rows: list[tuple[str, str]], line: int) -> None:
    content = b"place,y\n" + b"".join(f"{word},1\n".encode(code) for word, code in rows)
    with pytest.raises(DataError, match=rf"line {line} is not UTF-8.*Köln"):
        table_from_bytes("t.csv", content)


@pytest.mark.parametrize("word", ["Köln", "„Gruß“", "CAFÉ”"])
def test_a_file_in_windows_1252_is_read(word: str) -> None:
    """Some of its texts are UTF-8 by chance."""
    content = f"w,y\nKöln,1\n{word},1\n".encode("cp1252")
    assert table_from_bytes("t.csv", content)["w"].tolist() == ["Köln", word]
