"""Files whose table does not begin with row 1, or that are no tables: read, or refused by name."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shoal.data import (
    DataOptions,
    from_parquet,
    load_dataset,
    prepare,
    prepare_new,
    table_from_bytes,
    to_parquet,
)
from shoal.data.diagnostics import check_table
from shoal.errors import DataError
from shoal.inference.standalone import TableError, parse_csv

ROWS = [(f"{row / 4 - 3:.2f}", f"{row * row + 10}", "uvw"[row % 3]) for row in range(30)]
HEADER = "a,b,c"


def body(separator: str = ",", end: str = "") -> str:
    return "".join(separator.join(row) + end + "\n" for row in ROWS)


def numbered(first: Callable[[int], object]) -> str:
    """The rows with one more cell in front, made of the row's number."""
    return "".join(f"{first(row)},{','.join(cells)}\n" for row, cells in enumerate(ROWS))


def rows_of(text: str) -> list[tuple[str, ...]]:
    return list(zip(*parse_csv(text).values(), strict=True))


PLAIN = f"{HEADER}\n{body()}"

# The text, and what is said to be left out of it.
READ: dict[str, tuple[str, str]] = {
    "plain": (PLAIN, ""),
    "sep=;": ("sep=;\na;b;c\n" + body(";"), "'sep=;'"),
    "SEP=tab": ("\ufeffSEP=\t\na\tb\tc\n" + body("\t"), "SEP="),
    "sep= in quotes": (f'"sep=,"\n{PLAIN}', "sep="),
    "sep= of no usual separator": ("sep=^\na^b^c\n" + body("^"), "'sep=^'"),
    "sep= that a spreadsheet filled up": ("sep=;;;\na;b;c\n" + body(";"), "'sep=;;;'"),
    "comments": (f"# Station 12, logger v3\n# units: m, s\n#\n{PLAIN}", "3 lines above"),
    "comments and blank lines": (f"\n# one\n\n# two\n\n{PLAIN}", "2 lines above"),
    "a comment with a quote": (f'# the "logger, open\n{PLAIN}', "logger"),
    "a comment as wide as the table": (f"# a, b, and c\n{PLAIN}", "# a, b, and c"),
    "more comments than are looked at": ("# x, y\n" * 150 + PLAIN, "150 lines"),
    "a comment before sep=": ("# x\nsep=;\na;b;c\n" + body(";"), "2 lines"),
    "blank lines above": (f"\n \n{PLAIN}", ""),
    "an index of pandas": (f",{HEADER}\n" + numbered(lambda row: row), "first column"),
    "an index in another order": (f",{HEADER}\n" + numbered(lambda row: row * 7 % 30), "first"),
    "row names of R": (f'"",{HEADER}\n' + numbered(lambda row: f'"car {row}"'), "first column"),
    "blank columns": (f"{HEADER},,\n" + body(end=",,"), "4, 5"),
    "a blank first column": (f",{HEADER}\n" + numbered(lambda row: ""), ": 1."),
    "separators at the end of rows": (f"{HEADER}\n" + body(end=","), ""),
    "two separators": ("a||b||c\n" + body("||"), "2, 4"),
    "spaces before quotes": (
        '"a", "b", "c"\n' + "".join(f'{a}, {b}, "{c}"\n' for a, b, c in ROWS),
        "",
    ),
    "doubled line ends": (PLAIN.replace("\n", "\r\r\n"), ""),
    "line ends in another order": (PLAIN.replace("\n", "\n\r"), ""),
    "two byte order marks": ("\ufeff\ufeff" + PLAIN, ""),
    "the end of a file of DOS": (PLAIN + "\x1a", ""),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_no_part_of_the_table_is_left_out_and_named(case: str) -> None:
    text, named = READ[case]
    assert list(parse_csv(text)) == ["a", "b", "c"]
    assert rows_of(text) == ROWS

    said = " ".join(parse_csv(text).left_out)
    assert (named in said) if named else not said


def test_a_header_may_begin_as_a_comment() -> None:
    """NumPy's savetxt and many formats of biology write such headers."""
    assert list(parse_csv(f"# {HEADER}\n{body()}")) == ["# a", "b", "c"]
    assert list(parse_csv("##format=1\n#a\tb\tc\n" + body("\t"))) == ["#a", "b", "c"]
    assert rows_of(f"# {HEADER}\n{body()}") == ROWS
    words = parse_csv("#id,name\np,q\nr,s\n")
    assert words == {"#id": ["p", "r"], "name": ["q", "s"]}


def test_numbers_may_be_names() -> None:
    for header in ("2019,2020,c", "400.5,402.5,c", "land,2019,2020"):
        assert list(parse_csv(f"{header}\n{body()}")) == header.split(",")


def test_rows_are_counted_from_the_header_and_lines_from_the_first() -> None:
    with pytest.raises(TableError, match=r"row 2 \('1'\) has 1 cell"):
        parse_csv(f"# one\n{HEADER}\n1\n{body()}")
    with pytest.raises(TableError, match=r"row 2 \(line 4\) has a quote"):
        parse_csv(f'# one\n\n{HEADER}\n"1,2,3\n{body()}')


WORDS = [("p", "x"), ("q", "y"), ("p", "z")] * 5

# The text, and what its message says.
REFUSED: dict[str, tuple[str, list[str]]] = {
    "title": (f"Monthly report\n{PLAIN}", ["row 1 ('Monthly report')", "row 2 ('a', 'b'", "above"]),
    "title and a blank line": (f"Report, March\n\n{PLAIN}", ["'Report'", "row 3 ('a'"]),
    "title of a spreadsheet": (f"Report,,\n,,\n{PLAIN}", ["row 1 ('Report')", "row 3"]),
    "title with another separator": (
        "Report, March\n\na;b;c\n" + body(";"),
        ["'Report, March'", "row 3 ('a', 'b', 'c')"],
    ),
    "comments of another kind": (f"% one\n% two\n{PLAIN}", ["'% one'", "row 3"]),
    "units": (f"{HEADER}\nm,kg,\n{body()}", ["row 2 ('m', 'kg')", "units", "join both"]),
    "two headers": (f"in,in,out\n{PLAIN}", ["row 2 ('a', 'b', 'c')", "second header"]),
    "levels of names": (f"a,a,c\nmean,std,first\n{body()}", ["row 2 ('mean', 'std'", "header"]),
    "types": (f"{HEADER}\nfloat,int,str\n{body()}", ["row 2 ('float'", "units"]),
    "merged header": (f"in,,\n{PLAIN}", ["row 1 ('in')", "row 2"]),
    "blank row 1": (f",,\n{PLAIN}", ["row 1 is blank", "above"]),
    "no header": (body(), ["row 1 holds values ('-3.00', '10', 'u')", "add a row of column names"]),
    "no header, equal cells": (numbered(lambda row: 10), ["row 1 holds values", "'10'"]),
    "no header, a blank cell": (",10,u\n" + body(), ["row 1 holds values ('10', 'u')"]),
    "no header, words": ("p,x\nq,x\np,y\n", ["row 1 holds values ('p', 'x')"]),
    "no header, equal numbers": ("1,1,Ann\n2,3,Bob\n", ["'1' stands over", "if row 1 is none"]),
    "header again": (f"{PLAIN}{HEADER}\n{body()}", ["row 32 is row 1 again", "remove the row"]),
    "header again with a mark": (f"{PLAIN}\ufeff{PLAIN}", ["row 32 is row 1 again"]),
    "words again": ("a,b\np,q\na,b\nr,s\n", ["row 3 is row 1 again"]),
    "comment between rows": (f"{PLAIN}# new\n{body()}", ["row 32 ('# new') has 1 cell", "remove"]),
    "row in a comment": (f"# one\n{PLAIN}#{body()}", ["row 32 begins with #", "remove the row"]),
    "note at the end": (f"{PLAIN}Source: x, 2024\n", ["row 32 ('Source: x', '2024') has 2 cells"]),
    "names of rows without a name": (
        f"{HEADER}\n" + numbered(lambda row: row + 1),
        ["every row has 4 cells, the header 3", "names of the rows"],
    ),
    "decimal commas without quotes": ("a,y\n1,5,2,5\n3,5,4\n", ["row 2", "4 cells", "quote"]),
    "an index of dates": (
        f",{HEADER}\n" + numbered(lambda row: f"2024-01-{row + 1:02}"),
        ["column 1 has no name", "name the column"],
    ),
    "an index that repeats": (f",{HEADER}\n" + numbered(lambda row: row % 9), ["column 1 has no"]),
    "an index of decimals": (f",{HEADER}\n" + numbered(lambda row: row / 2), ["column 1 has no"]),
    "values without a name": ("a,,y\n1,2,3\n", ["column 2 has no name"]),
    "only sep=": ("sep=;\n", ["empty"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_left_out_is_named(case: str) -> None:
    text, expected = REFUSED[case]
    with pytest.raises(TableError) as raised:
        parse_csv(text)
    assert [part for part in expected if part not in str(raised.value)] == []
    assert raised.value.expected and raised.value.remedy


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, PLAIN)
    return buffer.getvalue()


NO_TABLES: dict[str, tuple[bytes, list[str]]] = {
    "zip": (zipped("table.csv"), ["zip archive", "unpack"]),
    "Excel": (zipped("xl/workbook.xml"), ["Excel workbook", "CSV"]),
    "old Excel": (b"\xd0\xcf\x11\xe0" + bytes(99), ["old Excel"]),
    "empty zip": (zipped(), ["empty zip"]),
    "web page": (b"\n<!DOCTYPE html>\n<html><p>a, b</p></html>", ["web page", "'<!DOCTYPE html>'"]),
    "Excel's web page": (b'<html xmlns:x="urn">\n<table>', ["web page"]),
    "XML": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<rows/>', ["XML"]),
    "JSON": (b'[{"a": 1, "y": 2},\n {"a": 2, "y": 3}]', ["JSON"]),
    "JSON of columns": (b'{\n  "a": [1, 2],\n  "y": [1, 2]\n}', ["JSON"]),
    "JSON lines": (b'{"a": 1, "y": 2}\n' * 20, ["JSON", "save the table as CSV"]),
    "ARFF": (b"% Iris\n\n@RELATION iris\n@DATA\n1,p\n", ["ARFF"]),
    "RTF": (b"{\\rtf1 a,y}", ["RTF"]),
    "Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        ["only says where the table is", "git lfs pull"],
    ),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\n" * 20, ["PDF"]),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), ["picture"]),
    "NumPy": (b"\x93NUMPY\x01\x00v\x00" + bytes(99), ["array of NumPy"]),
    "SQLite": (b"SQLite format 3\x00" + bytes(99), ["SQLite database"]),
}


@pytest.mark.parametrize("case", NO_TABLES)
def test_files_of_another_kind_are_called_by_their_name(case: str) -> None:
    content, expected = NO_TABLES[case]
    with pytest.raises(DataError) as raised:
        table_from_bytes("table.csv", content)
    assert [part for part in expected if part not in str(raised.value)] == []


def test_a_table_that_looks_a_little_like_another_kind_is_read() -> None:
    for header in ("<TICKER>,<DATE>", "[a],[b]", "{a},{b}", "ARROW1,b", "ORC,id", "version,https"):
        table = table_from_bytes("table.csv", f"{header}\n1,2\n".encode())
        assert ",".join(table.columns) == header


def test_one_column_is_told_which_separators_are_known() -> None:
    for separator in ("   ", ":", "~", "^"):
        text = separator.join("aby") + "\n" + (separator.join("123") + "\n") * 12
        with pytest.raises(DataError, match=r"no column 'y'.*separate the columns.*, ; tab or \|"):
            prepare_new("table", table_from_bytes("table.csv", text.encode()), "y")


def test_names_in_quotes_and_rows_without_a_header_are_suspected() -> None:
    with pytest.raises(DataError, match=r"""Did you mean "'y'"\?"""):
        prepare_new("table", table_from_bytes("t.csv", b"'a','y'\n" + b"1,2\n" * 12), "y")
    with pytest.raises(DataError, match="add a row of column names on top"):
        prepare_new("table", table_from_bytes("t.csv", b"7,Ann\n" + b"1,Bob\n" * 12), "y")


def test_check_and_notes_say_what_is_left_out_also_of_an_upload(tmp_path: Path) -> None:
    text = f"# one\n,{HEADER}\n" + numbered(lambda row: row)
    table = table_from_bytes("table.csv", text.encode())
    uploaded = from_parquet(to_parquet(table, with_messages=True))
    for read in (table, uploaded):
        said = [finding.what for finding in check_table("table", read, "a").findings]
        assert "The line '# one' above the header is left out." in said
        assert any("The first column is left out" in what for what in said)

    assert from_parquet(to_parquet(table)).left_out == ()
    assert table.every_nth_row(2).left_out == table.left_out

    path = tmp_path / "table.csv"
    path.write_text(text)
    assert load_dataset(path, "a").notes[:2] == table.left_out


TOTALS = {
    "at the end": ("kind,a,y", 12, "Total,66,90", "row 14 ('Total')"),
    "at the beginning": ("kind,a,y", 0, "TOTAL:,66,90", "row 2 ('TOTAL:')"),
    "in a column of numbers": ("b,a,y", 12, "Summe,66,90", "row 14 ('Summe')"),
    "means": ("kind,a,y", 12, "average,5.5,7", "row 14 ('average')"),
}


@pytest.mark.parametrize("case", TOTALS)
def test_a_row_that_sums_up_the_others_is_refused_by_new_runs(case: str) -> None:
    header, place, total, said = TOTALS[case]
    first = "b" in header
    lines = [f"{row if first else 'pq'[row % 2]},{row},{row + 2}" for row in range(12)]
    text = "\n".join([header, *lines[:place], total, *lines[place:]])
    table = table_from_bytes("table.csv", text.encode())
    with pytest.raises(DataError, match=re.escape(said) + ".*remove the row"):
        prepare_new("table", table, "y")

    # What is recorded goes on.
    if not first:
        prepare("table", table, DataOptions("y", folds=1))


def test_words_for_totals_may_be_values() -> None:
    for text in (
        "kind,a,y\n" + "total,1,2\npart,3,5\n" * 8 + "total,2,5\n",
        "kind,of,a,y\n" + "p,q,1,2\nr,q,3,5\n" * 8 + "total,q,2,5\n",
    ):
        prepare_new("table", table_from_bytes("table.csv", text.encode()), "y")
