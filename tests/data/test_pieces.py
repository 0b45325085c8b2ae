"""Large files that are read piece by piece: all is as if they were read as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shoal.data import load_dataset, table_io
from shoal.data.arrow_csv import ArrowReader
from shoal.data.canonical import CanonicalTable
from shoal.errors import DataError
from shoal.inference import standalone
from shoal.inference.standalone import (
    PieceReader,
    TableError,
    UnusualFileError,
    count_unseen,
    decode,
    distinct_cells,
    encode,
    parse_csv,
    to_numbers,
)
from support.exported_models import untrained_model
from support.fuzzing.tables import small_beginnings
from support.property_tests import WITH_FIXTURES

READERS = (PieceReader, ArrowReader)
PIECE = 600


@pytest.fixture(autouse=True)
def short_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are enough to begin with, so that files of 100 rows have pieces."""
    monkeypatch.setattr(standalone, "_HEAD", 80)
    monkeypatch.setattr(standalone, "_BEGINNING_BYTES", 100)
    monkeypatch.setattr(standalone, "_BEGINNING_LINES", 6)
    monkeypatch.setattr(standalone, "_SEARCHED_ROWS", 4)
    monkeypatch.setattr(standalone, "_SNIFFED_ROWS", 4)


CELLS: dict[str, Callable[[Random], str]] = {
    "numbers": lambda r: repr(round(r.gauss(0, 100), r.randint(0, 6))),
    "integers": lambda r: str(r.randint(-5, 500)),
    "German": lambda r: f"{r.uniform(0, 9999):_.2f}".replace(".", ",").replace("_", "."),
    "percent": lambda r: f"{r.uniform(0, 100):.1f} %",
    "unsure": lambda r: f"{r.randint(1, 9)}.{r.randint(100, 999)}",
    "words": lambda r: r.choice(["a", "bb", "ß", "x y", 'q"q', "line\nbreak", "s,;s", "true", "1"]),
    "dates": lambda r: f"2024-0{r.randint(1, 9)}-1{r.randint(0, 9)}",
    "identifiers": lambda r: str(r.randint(10**16, 10**17)),
    "strange": lambda r: r.choice(
        [
            "1",
            "2.50",
            "x",
            "1_0",
            "1e3",
            "inf",
            "+4",
            "nan(1)",
            "0x1F",
            "6 ",
            "1e400",
            "-0",
            "1e-400",
        ]
    ),
}


def random_file(random: Random) -> bytes:
    """A file of columns in any notation."""
    kinds = [random.choice([*CELLS]) for _ in range(random.randint(1, 5))]
    text = io.StringIO()
    text.write(random.choice(["", "", "# made by hand\n#\n", "\n\n", "#\n"]))
    writer = csv.writer(
        text,
        delimiter=random.choice(",;\t|"),
        lineterminator=random.choice(["\n", "\r\n"]),
        quoting=random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )
    has_index = random.random() < 0.3
    writer.writerow([""] * has_index + [f"c{number}" for number in range(len(kinds))])
    for row in range(random.randint(60, 150)):
        cells = [CELLS[kind](random) for kind in kinds]
        missing = random.choice(["", "NA", "-"])
        cells = [missing if random.random() < 0.05 else cell for cell in cells]
        writer.writerow([str(row)] * has_index + cells)
        if random.random() < 0.01:
            text.write(random.choice(["\n", ";;\n", ",\n"]))
    whole = text.getvalue()
    if random.random() < 0.2:
        whole = whole.replace(",", ", ")
    encoding = random.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16"])
    return whole.encode(encoding)


def same(found: NDArray[Any] | None, expected: NDArray[Any] | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return found.tobytes() == expected.tobytes()


def canonical(columns: Any) -> tuple[Any, ...]:
    table = CanonicalTable.from_texts(columns)
    written = [repr(table.written(column)) for column in table.columns]
    return table_io.to_parquet(table, with_messages=True), written


def read(data: bytes, reader: PieceReader) -> standalone.TextTable | None:
    """What is read in pieces; None if the file is unusual, or refused."""
    try:
        return reader.read(io.BytesIO(data))
    except (UnusualFileError, TableError):
        return None


def read_in_pieces_only(data: bytes, reader: PieceReader) -> Any:
    """What `read_csv` makes of a file, of which the reader may not say that it is unusual."""
    return outcome(lambda: reader.read(io.BytesIO(data)))


def outcome(read_it: Callable[[], Any]) -> Any:
    """What is read, or what is wrong with it."""
    try:
        columns = read_it()
    except TableError as error:
        return str(error)
    return {name: [*cells] for name, cells in columns.items()}


@settings(max_examples=60, suppress_health_check=WITH_FIXTURES)
@given(seed=st.integers(0, 2**32), piece=st.sampled_from([200, 600, 1500]))
def test_pieces_hold_what_the_whole_file_holds(seed: int, piece: int) -> None:
    data = random_file(Random(seed))
    for reader in READERS:
        found = read(data, reader(piece))
        if found is None:
            continue
        whole = parse_csv(decode(data))
        assert [*found] == [*whole] and found.separator == whole.separator
        assert found.left_out == whole.left_out
        for column, cells in whole.items():
            assert [*found[column]] == cells
            assert (found[column][-1], found[column][7]) == (cells[-1], cells[7])
            assert same(to_numbers(found[column]), to_numbers(cells))
            texts, which = found[column].distinct()
            assert texts == distinct_cells(cells)[0] and same(which, distinct_cells(cells)[1])
        assert canonical(found) == canonical(whole)


def usual_file(rows: int = 400, last: str = "2024-01-05,1.5,red,3") -> bytes:
    """A file that is read in pieces; a third of its words have quotes, some a line break."""
    lines = ["day,size,colour,price"]
    for row in range(rows - 1):
        colour = ["red", '"gre\nen"', "blue", "", '"r""ed"', "TRUE"][row % 6]
        size = "" if row % 17 == 3 else f"{row % 40 / 8}"
        lines.append(f"2024-0{row % 9 + 1}-1{row % 10},{size},{colour},{row % 23 + row / 8}")
    return "\n".join([*lines, last, ""]).encode()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("piece", [300, PIECE, 5_000])
def test_quotes_and_line_breaks_across_pieces(reader: type[PieceReader], piece: int) -> None:
    data = usual_file()
    found = read(data, reader(piece))
    assert found is not None
    assert {name: [*cells] for name, cells in found.items()} == parse_csv(decode(data))


UNUSUAL = {
    "another encoding": b"2024-01-05,1.5,gr\xfcn,3\n",
    "a NUL": b"2024-01-05,1.5,r\0d,3\n",
    "a mark inside": b"\xef\xbb\xbf2024-01-05,1.5,red,3\n",
    "a lone return": b"2024-01-05,1.5,red,3\r2024-01-05,1.5,red,3\n",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\n\r\n"])
def test_doubled_line_ends_are_no_rows(reader: type[PieceReader], end: str) -> None:
    data = end.join(["a,b", *(f"{row},{row * 2}" for row in range(300)), ""]).encode()
    found = standalone.read_csv(io.BytesIO(data), reader(PIECE))
    assert len(found["a"]) == 300
    assert outcome(lambda: found) == parse_csv(decode(data))


# Row 4 says what is wrong; one begins that is a few lines, or longer than a piece.
LATE = {
    "the header is a row, which is long": [f"{'p' * 400},q"] * 2 + [f"x,{'q' * 400}", "x,y"],
    "the header is a row, of several lines": ['"p\n\n\np",q'] * 3 + ["x,y"],
    "units below the header, and long rows": ["kg,m"] + [f"{'7' * 400},1"] * 8,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("what", LATE)
def test_as_many_rows_are_looked_at_as_in_the_whole_file(
    what: str, reader: type[PieceReader]
) -> None:
    data = "\n".join(["x,y", *LATE[what], *["5,6"] * 200, ""]).encode()
    whole = outcome(lambda: parse_csv(decode(data)))
    assert "Expected: " in whole
    assert outcome(lambda: standalone.read_csv(io.BytesIO(data), reader(PIECE))) == whole


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("what", UNUSUAL)
def test_what_is_unusual_is_read_as_a_whole(reader: type[PieceReader], what: str) -> None:
    data = usual_file() + UNUSUAL[what]
    with pytest.raises(UnusualFileError):
        reader(PIECE).read(io.BytesIO(data))

    whole = outcome(lambda: parse_csv(decode(data)))
    assert outcome(lambda: standalone.read_csv(io.BytesIO(data), reader(PIECE))) == whole


@pytest.mark.parametrize("reader", READERS)
def test_a_header_below_many_lines_is_found(reader: type[PieceReader]) -> None:
    """What is read at first has no row; its comment is no header."""
    lines = ["# note;1;", *["sep=;"] * 200, "a;b", *["1;2"] * 200, ""]
    data = "\n".join(lines).encode()
    found = standalone.read_csv(io.BytesIO(data), reader(PIECE))
    assert outcome(lambda: found) == parse_csv(decode(data))
    assert list(found) == ["a", "b"]


@pytest.mark.parametrize("reader", READERS)
def test_a_comment_is_a_header_by_as_much_text_as_in_the_whole_file(
    reader: type[PieceReader],
) -> None:
    """By so many characters below it; the beginning that is read has as many."""
    notes = ["# note"] * 4
    rows = ["1.234,50", "# note", "€ 4,20", *notes, "# note note", "# nonote", *notes * 6]
    data = "\n".join(["# notd", *notes * 7, *rows]).encode()
    with small_beginnings():
        whole = outcome(lambda: parse_csv(decode(data)))
        pieces = outcome(lambda: standalone.read_csv(io.BytesIO(data), reader(512)))
    assert "row 2 ('# note') has 1 cell, the header 2" in whole
    assert pieces == whole


def test_the_mark_of_utf8_is_no_text_of_a_file_whose_encoding_is_named() -> None:
    data = b"\xef\xbb\xbf" + TABLE
    for encoding in (None, "utf-8", "utf-8-sig"):
        assert decode(data, encoding) == TABLE.decode()


TABLE = usual_file()
HEADER, ROWS = TABLE.split(b"\n", 1)
WRONG = {
    "a row of another length": TABLE + b"2024-01-05,1.5,red\n",
    "text behind a quote": TABLE + b'2024-01-05,1.5,"red"s,3\n',
    "text behind a quote, and many rows": TABLE + b'2024-01-05,1.5,"red"s,3\n' + ROWS,
    "a quote that is not closed": TABLE + b'2024-01-05,1.5,"red,3\n',
    "a quote that is closed by the next": TABLE + b'2024-01-05,1.5,"red,3\n' + ROWS,
    "a quote that is not closed, and much text": TABLE + b'1,1,"red,3\n' + b"1,1,red,3\n" * 20_000,
    "the header again": TABLE + b"day,size,colour,price\n" + ROWS,
    "a long cell": TABLE + b"2024-01-05,1.5," + b"x" * 140_000 + b",3\n",
    "a long row": TABLE + b"1," * 400 + b"\n" + ROWS,
    "long rows that are one": TABLE + b'1,1,"' + b"\n" * 600 + b'",1\n' + ROWS,
    "too many rows": TABLE + ROWS * 6,
    "a wrong row, and then a wrong quote": TABLE + b"1,2\n" + ROWS + b'1,"2"3\n' + ROWS,
    "a wrong row, and another": TABLE + b"1,2\n" + ROWS + b"1,2,3\n",
    "the first row is wrong": HEADER + b"\n1,2,red\n" + ROWS,
    "all rows are longer": HEADER + b"\n" + b"r,2024-01-05,1.5,red,3\n" * 300,
    "all rows are longer, and blank ones": HEADER
    + b"\n"
    + b"r,2024-01-05,1.5,red,3\n\n" * 300
    + b",,,,,,\n,\n" * 40,
    "all rows are longer but one": HEADER + b"\n" + b"r,1,1.5,red,3\n" * 300 + b"1,1,1,3\n",
    "all rows are longer but a blank one": HEADER
    + b"\n"
    + (b"r,1,1.5,red,3\n" * 100 + b",,,,,\n") * 2
    + b"r,1,1.5,red,3\n",
    "a title above the header": b"My table,,,\n" + TABLE,
    "a title, and a wrong row": b"My table,,,\n" + TABLE + b"1,2\n",
    "a title, and a wrong quote": b"My table,,,\n" + TABLE + b'1,"2"3\n',
    "units below the header": b"x,y\nkg,m\n" + b"1.5,2\n" * 300,
    "a name that stands twice": b"day,size,day,price\n" + ROWS,
    "a comment below comments": b"# made by hand\n" + TABLE + b"# the end,1,2,3\n",
    "numbered rows, of which one stands twice": b",size\n" + b"1,2\n2,3\n" * 200,
    "a column without a name that has a value": b"day,size,\n" + b"1,2,\n" * 300 + b"1,2,3\n",
    "the header again, behind a space": TABLE + b" day,size,colour,price\n",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_from_the_pieces(
    what: str, reader: type[PieceReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standalone, "MAX_COLUMNS", 300)
    monkeypatch.setattr(standalone, "MAX_ROWS", 2_000)
    if "long rows" in what:
        monkeypatch.setattr(standalone, "MAX_ROW_CHARACTERS", 500)
    if "much text" in what:
        monkeypatch.setattr(standalone, "MAX_ROWS", 50_000)
    whole = outcome(lambda: parse_csv(decode(WRONG[what])))
    assert "Expected: " in whole
    for piece in (300, PIECE, 1_500):
        assert read_in_pieces_only(WRONG[what], reader(piece)) == whole


@settings(max_examples=150, deadline=None, suppress_health_check=WITH_FIXTURES)
@given(seed=st.integers(0, 2**32), piece=st.sampled_from([200, 600, 1500]))
def test_damaged_files_are_refused_in_the_same_words(seed: int, piece: int) -> None:
    random = Random(seed)
    data = random_file(random)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(data))
        what = [
            b'"',
            b"\n",
            b"\r\n",
            b",",
            b";",
            b" ",
            b"#",
            b"\xfc",
            b"\xc3",
            b"x,",
            b'"x',
            b"\n\n",
        ]
        end = place + random.choice([0, 0, 1, 5])
        data = data[:place] + random.choice(what) + data[end:]
    whole = outcome(lambda: parse_csv(decode(data)))
    for reader in READERS:
        assert (
            outcome(lambda reader=reader: standalone.read_csv(io.BytesIO(data), reader(piece)))
            == whole
        )


LAYOUTS = {
    "a blank line below the header": HEADER + b"\n\n" + ROWS,
    "blank lines among the first rows": HEADER + b"\r\n\r\n1,1,red,1\r\n\r\n\r\n" + ROWS,
    "rows of several lines": HEADER + b"\n" + b'1,1,"r\n\ned",3\n' * 300,
    "blank lines": TABLE + (b"2024-01-05,1.5,red,3\n" * 9 + b"\n") * 30,
    "blank lines with returns": TABLE + (b"2024-01-05,1.5,red,3\r\n" * 9 + b"\r\n") * 30,
    "cells that begin with a space": TABLE.replace(b",", b", "),
    "a row that begins with a space": TABLE + b" 2024-01-05,1.5,red,3\n",
    "separators at the end of rows": TABLE.replace(b"\n2024-03", b",,\n2024-03"),
    "blank rows at the end": TABLE + b",,,\n" * 300,
    "blank lines at the end": TABLE + b"\n" * 700,
    "comments above": b"# made by hand\n#\n\n" + TABLE,
    "a mark and comments above": b"\xef\xbb\xbf# made by hand\n" + TABLE,
    "a header that is a comment": b"# made by hand\n#" + TABLE,
    "a separator that is named": b"sep=,\r\n" + TABLE,
    "rows that are numbered": b",size\n" + b"".join(b"%d,%d\n" % (i, i % 7) for i in range(400)),
    "rows that have names": b",size\n" + b"".join(b"r%d,%d\n" % (i, i % 7) for i in range(400)),
    "a column without name and values": b"day,size,colour,\n" + b"1,2,red,\n" * 300,
    "one column": b"size\n" + b"".join(b"%d\n" % (i % 7) for i in range(400)),
    "one column, with gaps": b"size\n" + b"".join(b"%d\n\n" % (i % 7) for i in range(400)),
    "a cell that is the name of its column": b"a,b\n" + b"a,5\nb,6\n" * 300,
    "Latin-1": TABLE.replace(b"blue", b"gr\xfcn"),
    "UTF-16": TABLE.decode().encode("utf-16"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("what", LAYOUTS)
def test_layouts_are_read_in_pieces(
    what: str, reader: type[PieceReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = LAYOUTS[what]
    whole = parse_csv(decode(data))

    def refuse(text: str) -> None:
        raise AssertionError("it was read as a whole")

    beginning = standalone.parse_csv
    monkeypatch.setattr(
        standalone, "parse_csv", lambda text: (refuse if len(text) > 3_000 else beginning)(text)
    )
    found = standalone.read_csv(io.BytesIO(data), reader(PIECE))
    assert outcome(lambda: found) == whole
    assert (found.left_out, found.separator) == (whole.left_out, whole.separator)


BAD = {
    "separators alone": b",,\n" * 400,
    "separators for a header": b",,\n" * 200 + b"1,2,3\n" * 200,
    "a comment below comments": b"# made by hand\n" + TABLE + b"# the end,1,2,3\n",
    "numbered rows, of which one stands twice": b",size\n" + b"1,2\n2,3\n" * 200,
    "a column without a name that has a value": b"day,size,\n" + b"1,2,\n" * 300 + b"1,2,3\n",
    "UTF-16 without a mark": TABLE.decode().encode("utf-16-le"),
    "NULs in a line above the header": b"1e\0\0\0\n" + TABLE,
    "controls in the header": b"c0;" + b"1" * 60 + b"\x11" * 60 + b"\n" + b"1;2\n" * 300,
    "the header again, behind a space": TABLE + b" day,size,colour,price\n",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("what", BAD)
def test_what_is_refused_is_refused_in_the_same_words(what: str, reader: type[PieceReader]) -> None:
    whole = outcome(lambda: parse_csv(decode(BAD[what])))
    assert "Expected: " in whole
    assert outcome(lambda: standalone.read_csv(io.BytesIO(BAD[what]), reader(PIECE))) == whole


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of the usual file: dates, numbers with gaps, words."""
    table = tmp_path / "table.csv"
    table.write_bytes(usual_file())
    data = load_dataset(table, "price")
    return untrained_model(tmp_path / "model", data, hidden=9)


@pytest.mark.parametrize("reader", READERS)
def test_predictions_are_the_same_bytes(
    model: Path, tmp_path: Path, reader: type[PieceReader]
) -> None:
    data = usual_file(last="2024-01-05,1.5,violet,3")
    encoder = standalone.load_model(model).description["encoder"]

    def predicted(columns: Any) -> tuple[bytes, Any, bytes]:
        out = tmp_path / "predictions.csv"
        standalone.write_predictions(out, standalone.predict(model, columns))
        unseen = count_unseen(columns, encoder)
        return out.read_bytes(), unseen, encode(columns, encoder).tobytes()

    expected = predicted(parse_csv(decode(data)))
    assert expected[1]["colour"] == (1, 401, ("violet",), "")
    # Of 200 bytes a few rows, of 300 seven or so; and all in one.
    for piece in (200, 300, 2_000, len(data)):
        found = read(data, reader(piece))
        assert found is not None
        assert predicted(found) == expected


def test_rows_go_through_the_networks_in_parts(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = parse_csv(decode(usual_file()))
    whole = standalone.predict(model, columns).values
    monkeypatch.setattr(standalone, "_ROWS_AT_ONCE", 128)
    np.testing.assert_allclose(standalone.predict(model, columns).values, whole, rtol=1e-5)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("2024-01-05,many,red,3", "row 401, column 'size': 'many' is not a number."),
        ("2024-13-05,1.5,red,3", "row 401, column 'day': '2024-13-05' is not a date"),
        ("2024-01-05,1.5,red", "has 3 cells, the header 4."),
    ],
)
def test_a_bad_last_row_leaves_no_file(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    last: str,
    said: str,
) -> None:
    monkeypatch.setattr(standalone.PieceReader.__init__, "__defaults__", (PIECE,))
    new = tmp_path / "new.csv"
    new.write_bytes(usual_file(last=last))
    out = tmp_path / "out.csv"
    assert standalone.main([str(new), "--out", str(out), "--model", str(model)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists() and not [*tmp_path.glob(".*.part")]


def test_tables_in_pieces_make_the_same_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(usual_file())
    whole = load_dataset(path, "price")
    monkeypatch.setattr(table_io, "PIECE_BYTES", PIECE)
    monkeypatch.setattr(PieceReader.__init__, "__defaults__", (PIECE,))
    lengths = []
    read_pieces = ArrowReader._pieces

    def counted(*arguments: Any) -> Any:
        for columns, length in read_pieces(*arguments):
            lengths.append(length)
            yield columns, length

    monkeypatch.setattr(ArrowReader, "_pieces", counted)
    pieces = load_dataset(path, "price")

    assert len(lengths) > 10 and sum(lengths) == 400
    assert table_io.to_parquet(pieces.table) == table_io.to_parquet(whole.table)
    assert pieces.encoder == whole.encoder
    for part in ("train", "test"):
        assert same(getattr(pieces, part).x, getattr(whole, part).x)

    path.write_bytes(usual_file(last="2024-01-05,1.5,red"))
    with pytest.raises(DataError, match=r"row 401 .* has 3 cells, the header 4"):
        load_dataset(path, "price")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "cell", ["nan(1)", "inf", "-Infinity", "1e400", "1e-400", "+4", "1_0", "0x1F", "1.", "-0", "5 "]
)
def test_numbers_are_those_of_python(reader: type[PieceReader], cell: str) -> None:
    # Different numbers, as few different texts are read one by one.
    lines = ["size,price", *(f"{row / 8},{row * 1.7e-5}" for row in range(900)), f"{cell},1", ""]
    found = read("\n".join(lines).encode(), reader(20_000))
    assert found is not None
    for column in found.values():
        assert same(to_numbers(column), to_numbers([*column]))
