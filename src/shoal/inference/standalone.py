"""Read a table, encode it, run the trained networks: all that a prediction needs, in NumPy alone.

Shoal encodes its training tables with this very file, and exports it as ``predict.py`` beside
``model.json`` and ``weights.npz``, so that training and prediction cannot differ. The file imports
nothing of Shoal and runs by itself::

    python predict.py table.csv --out predictions.csv

Reading order, which is also the way that a table takes: `decode` (bytes to text), `parse_csv` (text
to columns), `encode` (columns to network inputs), `forward` (inputs to outputs), `predict` (the
mean of a model's networks, in the target's unit), `main` (the command line).
"""

from __future__ import annotations

import argparse
import codecs
import csv
import datetime
import difflib
import glob
import hashlib
import io
import json
import math
import os
import re
import sys
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from encodings.aliases import aliases
from itertools import chain, islice, pairwise, takewhile
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

try:
    import fcntl
except ImportError:  # pragma: no cover  Windows
    fcntl = None  # type: ignore[assignment]

MAX_BYTES = 256 * 2**20
MAX_COLUMNS = 10_000
MAX_ROWS = 5_000_000
MAX_ROW_CHARACTERS = 4 * 2**20
SEPARATORS = ",;\t|"

# The largest number of single precision.
_FLOAT32_MAX = float(np.finfo(np.float32).max)

# The formats of model.json that this file reads. From 2 on, numeric columns may have a
# ``log_floor``. 3 has several targets, 4 columns that are questions, 5 columns with a ``notation``,
# of ``truth`` values, or of dates.
FORMATS = (1, 2, 3, 4, 5)

# Text that means "no value" anywhere, and text that means it only where numbers are expected
# ("none" may be a class).
MISSING = frozenset({"", "na", "n/a", "nan", "null", "#n/a", "<na>", "nat"})
MISSING_NUMBER = MISSING | {"none", "-", "--", ".", "?", "missing"}

# The cells of one column, a row each.
Cells = Sequence[object] | NDArray[Any]

# Rows that go through the networks together. Predictions depend on it in their last bits.
_ROWS_AT_ONCE = 16_384

# Characters that are looked at to find out what a file is.
_HEAD = 65_536
_SNIFFED_ROWS = 100

# Rows from which it is seen what a column holds, and in which a name of the header is looked for.
_TRIED_ROWS = 20
_SEARCHED_ROWS = 1_000

# Lines above a header: a line with its end, what comments begin with, and what Excel writes to say
# which separator follows.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
COMMENT = "#"
_NAMED_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t|]*', re.IGNORECASE)

# A byte order mark stands in the middle of files that were put together.
INVISIBLE = "\ufeff \t"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# DOS ended a file with this control character.
_END_OF_FILE = "\x1a"

# Share of control characters from which on a file is binary.
_BINARY_SHARE = 0.01
_CONTROLS_IN_TEXT = "\t\n\r\v\f\x1a"

_SURROGATES = re.compile("[\udc80-\udcff]+")
# Halves of characters, which no text has by themselves.
_HALVES = re.compile("[\ud800-\udfff]")
# What Python calls text encodings, and no file is written in.
_OF_NO_FILES = frozenset(
    {"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
)
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]+")
# What errors of libraries say to programmers: their classes, and objects by their addresses.
_OF_PROGRAMMERS = re.compile(r"\b\w+(?:Error|Exception): |:? <[^<>]* at 0x[0-9a-f]+>")
# Characters of what a message says is wrong.
_MOST_CHARACTERS = 600
# Characters of a name of an encoding that are looked at.
_MOST_OF_NAME = 60
_RECOGNISE = "leave --file-encoding (file_encoding= in Python) out"
_EXPORT_AGAIN = "export the model again, and keep its files together"
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")

# The first bytes of files that are often taken for tables.
_MAGIC = {
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"PK\x05\x06": "an empty zip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"ARROW1\0": "an Arrow (Feather) file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "an array of NumPy",
    b"\x80\x04\x95": "a pickle of Python",
    b"\x80\x05\x95": "a pickle of Python",
    b"SQLite format 3\0": "an SQLite database",
    b"$FL2@": "an SPSS file",
    b"<stata_dta>": "a Stata file",
    b"MATLAB 5.0": "a MATLAB file",
    b"Obj\x01": "an Avro file",
    b"%PDF-": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}

# The first characters of texts that are often taken for tables.
_TEXT_KINDS = {
    r"<(?:\?xml|error>)": "XML",
    r"<(?:!--|(?:!doctype|html|head|body|table|div|script)\b)": "a web page (HTML)",
    r"\{\\rtf": "a document (RTF)",
    r'[\[{]\s*(?:["\[{]|$)': "JSON",
    r"(?:%[^\r\n]*[\r\n]+\s*)*@relation\b": "ARFF",
}
_POINTER = re.compile(r"version https://git-lfs\.github\.com/|\S*/annex/objects/")


class TableError(ValueError):
    """A table or a model that cannot be used.

    Parameters
    ----------
    problem
        What is wrong, with row (the header is row 1) and column where there are such. A sentence.
    expected
        What would have been right; may be empty.
    remedy
        What to do; may be empty.
    """

    def __init__(self, problem: str, expected: str = "", remedy: str = "") -> None:
        self.problem = _in_few_characters(problem)
        self.expected = expected
        self.remedy = remedy

        text = self.problem
        if expected:
            text += f" Expected: {expected}."
        if remedy:
            text += f" What to do: {remedy}."
        super().__init__(text)


def _in_few_characters(text: str) -> str:
    """A text without its middle if it is long, as names of columns may make it."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    half = _MOST_CHARACTERS // 2
    return f"{text[:half]} ... {text[-half:]}"


# Bytes -> text


def find_encoding(name: str) -> str:
    """What Python calls the text encoding of a name.

    Parameters
    ----------
    name
        Of a codec of Python, in any of its spellings.

    Raises
    ------
    TableError
        If Python has no such encoding of files.

    Examples
    --------
    >>> find_encoding("Windows-1251"), find_encoding("latin1")
    ('cp1251', 'iso8859-1')
    """
    found = _codec_name(name)
    if found is not None:
        return found

    spelling = re.sub("[^a-z0-9]+", "_", name[:_MOST_OF_NAME].lower())
    known = sorted({*aliases, *aliases.values()})
    near = (_codec_name(other) for other in difflib.get_close_matches(spelling, known, 6))
    suggestions = [repr(other) for other in dict.fromkeys(near) if other is not None]
    hint = f" Did you mean {' or '.join(suggestions[:3])}?" if suggestions else ""
    raise TableError(
        f"file encoding {name[:_MOST_OF_NAME]!r}: Python has no text encoding of that name.{hint}",
        expected="the name of one, such as utf-8, cp1252, cp1250, cp1251, gb18030 or shift_jis",
        remedy="correct the name, or leave it out to have the encoding recognised",
    )


def _codec_name(name: str) -> str | None:
    """What Python calls an encoding of files; None if it is none."""
    try:
        # Refuses what makes bytes of bytes, such as base64.
        "a".encode(name)
        found = codecs.lookup(name).name
    # A UnicodeError is a name that is no text, and a ValueError one with a NUL.
    except (LookupError, ValueError):
        return None
    return None if found in _OF_NO_FILES else found


def decode(data: bytes, encoding: str | None = None) -> str:
    """The text of a CSV file.

    Parameters
    ----------
    data
        The whole file.
    encoding
        As `find_encoding` names it. None: recognised. It is UTF-16 or UTF-32 with a byte order
        mark, UTF-8, or else Windows-1252.

    Raises
    ------
    TableError
        If the file is an archive, a workbook, or otherwise no text, or is not in that encoding.
    """
    return _decoded(data, encoding)[0]


def _decoded(data: bytes, encoding: str | None) -> tuple[str, str]:
    """The text of a CSV file, and the encoding that it was read in."""
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            raise TableError(
                f"the file is {kind}, not a table.",
                expected="CSV text",
                remedy="unpack it, or save its table as CSV, first",
            )

    if encoding is None:
        text, encoding = _decode_by_first_fit(data)
    else:
        text = _decode_as(data, encoding)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TableError(
            f"line {line} has a NUL byte: the file is binary, damaged or UTF-16.",
            expected="CSV text",
            remedy="save the table as CSV in UTF-8, or name its encoding: --file-encoding "
            "utf-16-le (file_encoding= in Python)",
        )

    _check_is_no_other_text(text[:_HEAD].lstrip("\ufeff \t\r\n"))
    head = text[:_HEAD]
    controls = sum(c < " " and c not in _CONTROLS_IN_TEXT for c in head)
    if controls > _BINARY_SHARE * len(head):
        raise _not_text()
    return text, encoding


def _decode_as(data: bytes, encoding: str) -> str:
    """The text of a file in an encoding that was named."""
    is_utf8 = encoding in ("utf-8", "utf-8-sig")
    if data.startswith(_BYTE_ORDER_MARK) and not is_utf8:
        raise TableError(
            f"the file begins with the byte order mark of UTF-8, and was to be read as {encoding}.",
            expected=f"a file in {encoding}",
            remedy=_RECOGNISE,
        )
    try:
        text = data.decode("utf-8-sig" if is_utf8 else encoding)
    except UnicodeDecodeError as error:
        raise _not_encoded_so(data, encoding, error) from None

    half = _HALVES.search(text)
    if half is not None:
        line = text.count("\n", 0, half.start()) + 1
        raise TableError(
            f"line {line}: half a character stands there, which no text in {encoding} has.",
            expected=f"a file in {encoding}",
            remedy="save the table as CSV in UTF-8",
        )
    return text


def _not_encoded_so(data: bytes, encoding: str, error: UnicodeDecodeError) -> TableError:
    """The error of a byte that an encoding has no character for."""
    # Some codecs count from behind a mark at the beginning.
    number = error.start + len(data) - len(error.object)
    before = error.object[: error.start].decode(encoding, "replace")
    line = before.rpartition("\n")[2]
    try:
        data.decode("utf-8-sig")
        remedy = _RECOGNISE + ": the file is UTF-8"
    except UnicodeDecodeError:
        remedy = (
            "name the encoding that the file was saved in (--file-encoding, file_encoding= in "
            "Python), or save it as UTF-8"
        )
    return TableError(
        f"line {before.count(chr(10)) + 1}, character {len(line) + 1}: the byte "
        f"0x{data[number]:02x} (number {number + 1:,} of the file) is no text in {encoding}; it "
        f"stands behind {line[-60:]!r}.",
        expected=f"a file in {encoding}",
        remedy=remedy,
    )


def _decode_by_first_fit(data: bytes) -> tuple[str, str]:
    """The text of a file, and the encoding that is recognised."""
    for encoding in _possible_encodings(data):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            if encoding == "utf-8-sig":
                _check_not_mixed(data)
    raise _not_text()


def _possible_encodings(data: bytes) -> list[str]:
    # The mark of UTF-32 begins with that of UTF-16, so it is looked for first.
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return ["utf-32"]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ["utf-16"]
    return ["utf-8-sig", "cp1252"]


def _check_not_mixed(data: bytes) -> None:
    """Raise TableError if bytes that are no UTF-8 stand in a file that has UTF-8, too."""
    # A byte that is no UTF-8 becomes a surrogate.
    text = data.decode("utf-8-sig", "surrogateescape")
    wrong = _SURROGATES.findall(text)
    beyond_ascii = _BEYOND_ASCII.findall(text)

    # Text of Windows-1252 may be UTF-8 by chance, but then for letters of distant scripts.
    of_western_text = sum(len(run.encode("cp1252", "ignore")) for run in beyond_ascii)
    if not of_western_text and len(wrong) >= sum(map(len, beyond_ascii)):
        return

    line = text.count("\n", 0, text.index(wrong[0])) + 1
    wrong_line = text.split("\n")[line - 1].encode("utf-8", "surrogateescape")
    shown = wrong_line.decode("cp1252", "replace")
    raise TableError(
        f"line {line} is not UTF-8, but other lines are: {shown.strip()[:60]!r} "
        f"({len(wrong)} such places).",
        expected="one encoding, best UTF-8",
        remedy="save what is in another encoding as UTF-8, and put the lines together again",
    )


def _check_is_no_other_text(head: str) -> None:
    """Raise TableError if a text begins as one that is no CSV."""
    first = repr(re.split(r"[\r\n]", head, maxsplit=1)[0][:60])
    if _POINTER.match(head):
        raise TableError(
            f"the file only says where the table is: {first}.",
            expected="the table itself",
            remedy="fetch it: git lfs pull, or git annex get",
        )

    for beginning, kind in _TEXT_KINDS.items():
        if re.match(beginning, head, re.IGNORECASE):
            raise TableError(
                f"the file is {kind}, not a table: it begins with {first}.",
                expected="CSV text",
                remedy="save the table as CSV; if it was downloaded, look at what came",
            )


def _not_text() -> TableError:
    return TableError(
        "the file is not text.",
        expected="CSV text",
        remedy="save the table as CSV in UTF-8, or name its encoding: --file-encoding NAME, such "
        "as cp1250 or shift_jis (file_encoding= in Python)",
    )


# Text -> columns


class TextTable(dict[str, Sequence[str]]):
    """The cells of each column of a file, by name, as they are written.

    Parameters
    ----------
    columns
        A text a row.
    separator
        What stands between cells.
    left_out
        What of the file is no part of the table, in sentences.

    Attributes
    ----------
    encoding
        What the file was read in; empty where it was no file.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[str]], separator: str, left_out: Sequence[str] = ()
    ) -> None:
        super().__init__(columns)
        self.separator = separator
        self.left_out = tuple(left_out)
        self.encoding = ""


class Layout(NamedTuple):
    """Where the table of a text begins, and what separates its cells.

    Attributes
    ----------
    start
        Characters before the header.
    line
        The line of the header; the first one is 1.
    separator
        What stands between cells.
    above
        The lines above the header that are no part of the table, but for blank ones.
    """

    start: int
    line: int
    separator: str
    above: tuple[str, ...]

    @property
    def has_comments(self) -> bool:
        """Whether comments stand above the header."""
        return any(line.startswith(COMMENT) for line in self.above)

    @property
    def left_out(self) -> list[str]:
        """What is left out above the header, in sentences."""
        if not self.above:
            return []
        first = repr(self.above[0][:60])
        if len(self.above) == 1:
            return [f"The line {first} above the header is left out."]
        return [f"The {len(self.above)} lines above the header are left out ({first} and so on)."]


def parse_csv(text: str) -> TextTable:
    r"""Columns of a CSV text, by name.

    Parameters
    ----------
    text
        Row 1 is the header. Above it may stand blank lines, comments that begin with #, and Excel's
        ``sep=;``. A blank line inside is a row without values. A column without a name is left out
        if it is blank, or if it is the first one and numbers or names the rows.

    Returns
    -------
    TextTable
        The cells of each column, a text a row.

    Raises
    ------
    TableError
        Naming row and column.

    Examples
    --------
    >>> parse_csv("size;price\n1,5;20\n2;30\n")
    {'size': ['1,5', '2'], 'price': ['20', '30']}
    """
    layout = find_layout(text)
    rows = _read_rows(text, layout)
    if _are_doubled(rows):
        rows = rows[::2]
    # Blank lines at the end, and lines of separators only, are no rows.
    while len(rows) > 1 and not _is_filled(rows[-1]):
        rows.pop()

    check_first_rows(rows)
    header = [name.strip() for name in rows[0]]
    body = rows[1:]
    _check_rows(header, body, has_comments=layout.has_comments)
    columns = [[row[position] for row in body] for position in range(len(header))]
    return _named_columns(header, columns, layout)


def _are_doubled(rows: Sequence[Sequence[str]]) -> bool:
    """Whether line ends were doubled on the way, which makes every second line blank."""
    return len(rows[0]) > 1 and len(rows) > 3 and not any(rows[1::2])


def _named_columns(
    header: Sequence[str], columns: Sequence[Sequence[str]], layout: Layout
) -> TextTable:
    """The columns that have names; what has none may be left out."""
    _check_is_no_row(header, columns)
    index = _is_index(header[0], columns[0])
    blank = [i for i, name in enumerate(header) if not name and not _is_filled(columns[i])]
    check_header(header, unnamed=[0] * index + blank)

    left_out = layout.left_out
    if index:
        left_out.append("The first column is left out: it has no name, and only tells rows apart.")
    if blank:
        numbers = ", ".join(str(position + 1) for position in blank[:10])
        left_out.append(f"Columns without a name and without values are left out: {numbers}.")
    named = {name: columns[position] for position, name in enumerate(header) if name}
    return TextTable(named, layout.separator, left_out)


def find_layout(text: str) -> Layout:
    """Where the table of a text begins, and what separates its cells.

    Raises
    ------
    TableError
        If the text holds no table.
    """
    above: list[re.Match[str]] = []
    separator = ""
    start = len(text)
    for line in _LINE.finditer(text):
        content = _text_of(line)
        named = _NAMED_SEPARATOR.fullmatch(content)
        if named:
            separator = named[1]
        elif content.strip() and not content.startswith(COMMENT):
            start = line.start()
            break
        above.append(line)

    head = text[start : start + _HEAD + 1]
    separator = separator or sniff_separator(head)
    # A header may begin as a comment does.
    comments = [line for line in above if _text_of(line).startswith(COMMENT)]
    if comments and _is_header(_text_of(comments[-1]), head, separator):
        above = above[: above.index(comments[-1])]
        start = comments[-1].start()
    if not text[start:].rstrip(_END_OF_FILE).strip():
        raise TableError(
            "the file is empty.",
            expected="a header and rows",
            remedy="choose a file that holds a table",
        )

    lines = [_text_of(line) for line in above]
    return Layout(start, len(above) + 1, separator, tuple(filter(str.strip, lines)))


def _is_above(line: re.Match[str]) -> bool:
    """Whether a line may stand above a header."""
    content = _text_of(line)
    if not content.strip() or content.startswith(COMMENT):
        return True
    return _NAMED_SEPARATOR.fullmatch(content) is not None


def _text_of(line: re.Match[str]) -> str:
    """A line without its end; a tab may be the separator that it names."""
    return line[0].strip("\ufeff\r\n ")


def _is_header(comment: str, rest: str, separator: str) -> bool:
    """Whether a comment is the header of the rows that follow."""
    rows = _first_rows(rest, separator)
    names = next(csv.reader([comment], delimiter=separator, skipinitialspace=True))
    widths = Counter(map(len, rows))
    if not rows or widths.most_common(1)[0][0] != len(names):
        return not rows
    return not _rows_of_words([names, *rows], at_least=1)


def sniff_separator(text: str) -> str:
    """The separator, of ``, ; tab |``, that splits the first rows most evenly.

    Of equally even ones it is the one that makes more columns. A comma if none splits them: the
    table has one column.
    """
    best = ","
    best_score = (0.0, 0)
    for separator in SEPARATORS:
        # A title above the header is narrower than the table.
        widths = Counter(map(len, _first_rows(text, separator)))
        width, rows = max(widths.most_common(1), default=(0, 0))
        if width <= 1:
            continue
        score = (rows / widths.total(), width)
        if score > best_score:
            best = separator
            best_score = score
    return best


def _first_rows(text: str, separator: str) -> list[list[str]]:
    """The first rows that are not blank."""
    lines = io.StringIO(text[:_HEAD], newline="")
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    rows = [row for row in islice(reader, _SNIFFED_ROWS) if row]
    # The last row may be cut off in the middle.
    if len(text) > _HEAD and len(rows) > 1:
        rows.pop()
    return rows


def check_first_rows(rows: Sequence[Sequence[str]]) -> None:
    """Check that row 1 is the header, and the only one.

    Parameters
    ----------
    rows
        The rows of a file, or the first of them.

    Raises
    ------
    TableError
        If a title stands above the header, or units, types or other names stand below it.
    """
    rows = rows[:_SNIFFED_ROWS]
    # Of a blank row 1 `check_header` says more.
    if not _is_filled(rows[0]):
        return

    title = _rows_of_title(rows)
    if title:
        raise TableError(
            f"row 1 ({_beginning(rows[0])}) stands above the header, which seems to be row "
            f"{title + 1} ({_beginning(rows[title])}).",
            expected="the names of the columns in row 1",
            remedy="remove the rows above the header",
        )

    words = _rows_of_words(rows, at_least=2)
    if words:
        raise TableError(
            f"row {words[0] + 1} ({_beginning(rows[words[0]])}) holds words where the rows below "
            "hold numbers, as units or a second header do.",
            expected="the names of the columns in row 1, and values below",
            remedy="leave one row of names: remove the other, or join both",
        )


def _rows_of_title(rows: Sequence[Sequence[str]]) -> int:
    """How many rows stand above the header; 0: it is not certain that any does."""
    filled = [len(list(filter(str.strip, row))) for row in rows]
    usual = max(Counter(filter(None, filled)).most_common(1), default=(0, 0))[0]

    narrow = 0
    for row, cells, next_cells in zip(rows, filled, [*filled[1:], 0], strict=True):
        is_narrow = 2 * cells <= usual or (cells < usual and not next_cells)
        if not is_narrow or (cells and not row[0].strip()):
            break
        narrow += 1
    if not narrow:
        return 0

    for index in range(narrow, len(rows)):
        if filled[index] >= usual:
            return 0 if _is_number(rows[index][0]) else index
    return 0


def _rows_of_words(rows: Sequence[Sequence[str]], at_least: int) -> list[int]:
    """The rows right below row 1, counted from 0, that hold words where later rows hold numbers.

    ``at_least`` so many, and nowhere a number.
    """
    whole = [index for index in range(1, len(rows)) if len(rows[index]) == len(rows[0])]
    later = [rows[index] for index in whole[len(whole) // 2 :][:_TRIED_ROWS]]

    found: list[int] = []
    for index in whole[: len(whole) // 2]:
        words = 0
        for position, cell in enumerate(rows[index]):
            is_number = _is_number(cell)
            if (is_number or cell.strip()) and _are_numbers([row[position] for row in later]):
                if is_number:
                    return found
                words += 1
        if words < at_least:
            return found
        found.append(index)
    return found


def _is_number(cell: str) -> bool:
    written = read_cell(cell)
    return written is not None and written.unit is not None


def _are_numbers(cells: Sequence[str]) -> bool:
    """Whether cells are numbers or missing, and not all missing."""
    return all(read_cell(cell) is not None for cell in cells) and any(map(_is_number, cells))


def _is_filled(row: Sequence[str]) -> bool:
    return any(cell.strip() for cell in row)


def _beginning(row: Sequence[str]) -> str:
    """The first cells of a row that are not blank, in quotes."""
    cells = [cell.strip()[:40] for cell in row if cell.strip()]
    return ", ".join(map(repr, cells[:3])) + ", ..." * (len(cells) > 3)


def _is_index(name: str, cells: Sequence[str]) -> bool:
    """Whether a column only tells rows apart: without a name, different whole numbers or words."""
    if name:
        return False
    texts = [cell.strip() for cell in cells]
    # A blank cell, or one that stands twice, makes the set smaller.
    if not texts or len({"", *texts}) <= len(texts):
        return False
    if all(text.isdecimal() for text in texts):
        return True
    return not any(MOMENT.fullmatch(text) or read_cell(text) for text in texts)


def check_header(
    names: Sequence[str], *, numbers_are_names: bool = False, unnamed: Container[int] = ()
) -> None:
    """Check the names of columns.

    Parameters
    ----------
    names
        In order, stripped.
    numbers_are_names
        Whether a header of numbers only will do. In a CSV file such a header is a row of values.
    unnamed
        Positions of columns, from 0, that need no name.

    Raises
    ------
    TableError
        If there are too many names, or one is blank or stands twice.
    """
    if len(names) > MAX_COLUMNS:
        raise TableError(
            f"the table has {len(names):,} columns.",
            expected=f"at most {MAX_COLUMNS:,}",
            remedy="keep only the columns that matter",
        )
    if not any(names):
        raise TableError(
            "row 1 is blank.",
            expected="the names of the columns",
            remedy="remove the lines above the header",
        )
    if not numbers_are_names and all(to_number(name) is not None for name in names):
        raise _no_header(names, "numbers")

    # Positions count from 1, as a spreadsheet's do.
    first_position: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if not name and position - 1 in unnamed:
            continue
        if not name:
            raise TableError(
                f"column {position} has no name.",
                expected="a name in row 1",
                remedy="name the column, or remove it",
            )
        if name in first_position:
            remedy = "rename one of them"
            if _is_number(name) and not numbers_are_names:
                remedy += ", or add a row of column names on top if row 1 is none"
            raise TableError(
                f"the name {name!r} stands over columns {first_position[name]} and {position}.",
                expected="a different name for each column",
                remedy=remedy,
            )
        first_position[name] = position


def _check_is_no_row(header: Sequence[str], columns: Sequence[Sequence[str]]) -> None:
    """Raise TableError if every word of the header is a value of its column, too."""
    words = [position for position, name in enumerate(header) if name and not _is_number(name)]
    if len(header) > 1 and words:
        for position in words:
            values = map(str.strip, columns[position][:_SEARCHED_ROWS])
            if header[position] not in values:
                return
        raise _no_header(header, "values")


def _no_header(names: Sequence[str], what: str) -> TableError:
    return TableError(
        f"row 1 holds {what} ({_beginning(names)}), not names.",
        expected="a header",
        remedy="add a row of column names on top",
    )


class Place(NamedTuple):
    """Where in a file some rows begin.

    Attributes
    ----------
    rows
        Rows before, the header one of them.
    line
        The line of the first one.
    """

    rows: int
    line: int


def _read_rows(text: str, layout: Layout) -> list[list[str]]:
    table = text[layout.start :].lstrip("\ufeff").rstrip(_END_OF_FILE)
    return _rows_of(table, layout.separator, Place(0, layout.line))[0]


def _rows_of(
    text: str, separator: str, place: Place, *, may_go_on: bool = False
) -> tuple[list[list[str]], int]:
    """The rows of a text, and how many lines they take.

    With ``may_go_on``, a last row whose quote is not closed is left out.
    """
    rows: list[list[str]] = []
    lines = _BoundedLines(text, rows, place.rows)
    # Strict: a quote that is not closed is an error, and not a cell that holds half of the file.
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)

    # A row with quoted line breaks takes several lines.
    taken = 0
    try:
        for row in reader:
            number = place.rows + len(rows) + 1
            # The header's length is looked at with the header.
            if number > 1 and len(row) > MAX_COLUMNS:
                raise _too_long_row(number, f"{len(row):,} cells", f"{MAX_COLUMNS:,}")
            rows.append(row)
            if number > MAX_ROWS + 1:
                raise _too_many_rows()
            taken = reader.line_num

    except csv.Error as error:
        if may_go_on and lines.ended:
            return rows, taken
        where = f"row {place.rows + len(rows) + 1} (line {place.line + taken})"
        raise _unreadable_row(where, error) from None
    return rows, taken


class _BoundedLines:
    """The lines of a text, as long as those of one row are not too long together.

    Parameters
    ----------
    text
        The text.
    rows
        Those that have been read of it: a row with quoted line breaks takes several lines.
    before
        How many rows stand before the text.
    """

    def __init__(self, text: str, rows: list[list[str]], before: int) -> None:
        self._text = text
        self._rows = rows
        self._before = before
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        row = 0
        characters = 0
        for line in io.StringIO(self._text, newline=""):
            if len(self._rows) > row:
                row = len(self._rows)
                characters = 0
            characters += len(line)
            # Of a line that is too long, its reader may say more: a cell is, or there are too many.
            yield line[:MAX_ROW_CHARACTERS]
            if characters > MAX_ROW_CHARACTERS:
                limit = f"{MAX_ROW_CHARACTERS:,}"
                raise _too_long_row(self._before + row + 1, f"over {limit} characters", limit)
        self.ended = True


def _too_many_rows() -> TableError:
    return TableError(
        f"the table has over {MAX_ROWS:,} rows.",
        expected="fewer",
        remedy="take a random sample of the rows",
    )


def _too_long_row(row: int, size: str, limit: str) -> TableError:
    return TableError(
        f"row {row} has {size}.",
        expected=f"at most {limit}",
        remedy="end each row with a line break, and keep only the columns that matter",
    )


def _unreadable_row(where: str, error: csv.Error) -> TableError:
    if "field larger" in str(error):
        return TableError(
            f"{where} has a cell of over {csv.field_size_limit():,} characters.",
            expected="short cells",
            remedy="shorten it, or close a quote left open there",
        )
    return TableError(
        f"{where} has a quote that is not closed, or text after a closing quote.",
        expected="quotes in pairs",
        remedy='close it, or write a quote inside a cell as ""',
    )


def _check_rows(
    header: Sequence[str],
    body: list[list[str]],
    *,
    has_comments: bool,
    before: int = 0,
    is_all: bool = True,
) -> None:
    """Raise TableError for a row that is none of the table, or of another length.

    Separators at the end of a row are removed from it, and rows that are blank get empty cells.
    ``before`` rows stand between header and body, which is all of the file's unless ``is_all`` is
    false.
    """
    width = len(header)
    blank = [""] * width
    for index, row in enumerate(body):
        if len(row) > width and not _is_filled(row[width:]):
            del row[width:]
        if len(row) != width and not _is_filled(row):
            body[index] = blank
            continue

        number = before + index + 2
        if len(row) != width and is_all and _OneMore(width, body).is_so:
            raise _rows_of_one_more(width)
        if len(row) != width:
            raise _row_of_another_length(number, row, width)
        if has_comments and row[0].startswith(COMMENT):
            raise TableError(
                f"row {number} begins with {COMMENT}, as the comments above the header do.",
                expected="rows of values below the header",
                remedy="remove the row",
            )
        if width > 1 and _is_again(header, row):
            raise TableError(
                f"row {number} is row 1 again.",
                expected="one header, and values below",
                remedy="remove the row, or add a row of column names on top if row 1 is no header",
            )


def _is_again(header: Sequence[str], row: Sequence[str]) -> bool:
    # Most rows differ in their first cell.
    if row[0].strip(INVISIBLE) != header[0]:
        return False
    return [cell.strip(INVISIBLE) for cell in row] == list(header)


class _OneMore:
    """Whether every row has one cell more than the header.

    Parameters
    ----------
    width
        Of the header.
    body
        The first rows below it.
    """

    def __init__(self, width: int, body: Sequence[Sequence[str]]) -> None:
        self._length = width + 1
        self._rows = 0
        self._all_so = True
        self._blank_are_so = True
        self.add(body)

    def add(self, body: Sequence[Sequence[str]]) -> None:
        """Look at more rows."""
        for row in body:
            is_so = not row or len(row) == self._length
            # Blank rows at the end are no rows, of whatever length.
            if not _is_filled(row):
                self._blank_are_so = self._blank_are_so and is_so
                continue
            self._rows += 1
            self._all_so = self._all_so and is_so and self._blank_are_so

    @property
    def is_so(self) -> bool:
        """Whether there are such rows, and no others."""
        return self._rows > 1 and self._all_so


def _rows_of_one_more(width: int) -> TableError:
    return TableError(
        f"every row has {width + 1} cells, the header {width}.",
        expected="a name for each column",
        remedy="name the first column if it has the names of the rows, as tables of R do; else "
        "quote cells that hold the separator",
    )


def _row_of_another_length(number: int, row: Sequence[str], width: int) -> TableError:
    cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
    return TableError(
        f"row {number} ({_beginning(row)}) has {cells}, the header {width}.",
        expected="equally many",
        remedy="quote cells that hold the separator, fill in missing cells, and remove lines that "
        "are no rows of the table",
    )


# Large files -> columns, piece by piece

# What is read at once. Smaller files are left to `parse_csv`.
PIECE_BYTES = 2 * 2**20

# The beginning of a file, of which `parse_csv` has to find nothing unusual.
_BEGINNING_BYTES = 4 * _HEAD
_BEGINNING_LINES = 1_100


class UnusualFileError(Exception):
    """A file that only `parse_csv` reads rightly, which sees all of it. The text says why."""


class NotUtf8Error(UnusualFileError):
    """A file in another encoding, which only `decode` finds out."""


class Header(NamedTuple):
    """What the beginning of a large file says of all its rows.

    Attributes
    ----------
    names
        In row 1, stripped. A column without values, or one that numbers the rows, may have none.
    layout
        Where the table begins.
    error
        What is wrong with the first rows; said if all the rows can be read.
    """

    names: list[str]
    layout: Layout
    error: TableError | None = None


class CompactCells(Sequence[str]):
    """The cells of a column of a large file, in far less memory than a text each takes.

    Parameters
    ----------
    pieces
        Some cells each, as `pack` packs them.
    starts
        (pieces + 1,): the row, from 0, at which each begins, and the number of rows.
    """

    def __init__(self, pieces: Sequence[Any], starts: NDArray[np.int64]) -> None:
        self._pieces = pieces
        self._starts = starts

    @staticmethod
    def pack(cells: Sequence[str]) -> Any:
        """Cells as one text, with NUL between them, which no file has."""
        return "\0".join(cells)

    @staticmethod
    def unpack(piece: Any) -> list[str]:
        """What was packed."""
        cells: list[str] = piece.split("\0")
        return cells

    @classmethod
    def numbers_of(cls, piece: Any) -> NDArray[np.float64] | None:
        """The numbers of a piece, as `to_numbers` says them."""
        cells = cls.unpack(piece)
        if "_" in piece:
            return to_numbers(cells)
        try:
            return np.array([float(cell) if cell else math.nan for cell in cells])
        except ValueError:
            return to_numbers(cells)

    @classmethod
    def distinct_of(cls, piece: Any) -> tuple[list[str], NDArray[np.int64]]:
        """The different cells of a piece, as `distinct_cells` says them."""
        return distinct_cells(cls.unpack(piece))

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            start, stop, step = row.indices(len(self))
            if step > 0:
                return list(islice(self, start, stop, step))
            return list(self)[row]
        row = range(len(self))[row]
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self.unpack(self._pieces[number])[row - int(self._starts[number])]

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            yield from self.unpack(piece)

    def numbers(self) -> NDArray[np.float64] | None:
        """See `to_numbers`."""
        numbers = np.empty(len(self))
        for piece, (start, end) in zip(self._pieces, pairwise(self._starts.tolist()), strict=True):
            found = self.numbers_of(piece)
            if found is None:
                return None
            numbers[start:end] = found
        return numbers

    def distinct(self) -> tuple[list[str], NDArray[np.int64]]:
        """See `distinct_cells`."""
        places: dict[str, int] = {}
        which = np.empty(len(self), dtype=np.int64)
        for piece, (start, end) in zip(self._pieces, pairwise(self._starts.tolist()), strict=True):
            texts, own_which = self.distinct_of(piece)
            own_places = [places.setdefault(text, len(places)) for text in texts]
            which[start:end] = np.array(own_places)[own_which]
        return list(places), which


class PieceReader:
    """Reads a large file piece by piece, to what `parse_csv` reads.

    Parameters
    ----------
    piece_bytes
        How much is read at once.
    """

    cells: ClassVar[type[CompactCells]] = CompactCells

    def __init__(self, piece_bytes: int = PIECE_BYTES) -> None:
        self._piece_bytes = piece_bytes

    def read(self, file: BinaryIO | _AsUtf8) -> TextTable:
        """The columns of a file of UTF-8.

        Raises
        ------
        TableError
            As `parse_csv`.
        NotUtf8Error
            If it may be in another encoding.
        UnusualFileError
            If `parse_csv` has to read it.
        """
        try:
            return self._read(file)
        except UnicodeDecodeError as error:
            raise NotUtf8Error(str(error)) from None

    def plain_columns(self, rows: bytes, header: Header) -> list[Any] | None:
        """The cells of each column of some rows, packed; None if that takes `csv` and its checks.

        Here it always does.
        """
        return None

    def _read(self, file: BinaryIO | _AsUtf8) -> TextTable:
        blocks = _blocks_of_lines(file, self._piece_bytes)
        first = next(blocks, b"")
        if len(first) < self._piece_bytes // 2:
            raise UnusualFileError("it is small")
        # Rows may be so long that a block has few of them.
        following = next(blocks, b"")
        while following and first.count(b"\n") < _BEGINNING_LINES:
            first += following
            following = next(blocks, b"")
        header, body = _examine_beginning(first, is_all=not following)

        left = chain([body, following], blocks)
        pieces: list[list[Any]] = []
        lengths = [0]
        try:
            for columns, length in self._pieces(left, header):
                pieces.append(columns)
                lengths.append(length)
        except TableError:
            # That the file is no text would be said first, wherever it is none.
            for block in left:
                _check_bytes(block)
                block.decode()
            raise

        self._remove_blank_end(pieces, lengths)
        starts = np.cumsum(lengths)
        if not starts[-1]:
            raise UnusualFileError("there are no rows")
        columns_of_pieces = zip(*pieces, strict=True)
        cells = [self.cells(own, starts) for own in columns_of_pieces]
        return _named_columns(header.names, cells, header.layout)

    def _pieces(self, blocks: Iterator[bytes], header: Header) -> Iterator[tuple[list[Any], int]]:
        """The packed cells of each column, some rows at a time, and how many rows these are."""
        layout = header.layout
        width = len(header.names)
        place = Place(1, layout.line + 1)
        rows = b""
        # A row that is wrong is said when all rows could be read, as those that cannot come first.
        error = header.error
        one_more = None
        for block in blocks:
            _check_bytes(block)
            rows += block
            if not rows:
                continue
            columns = None if error else self.plain_columns(rows, header)
            if columns is not None:
                length = len(columns[0])
                place = Place(place.rows + length, place.line + rows.count(b"\n"))
                if place.rows > MAX_ROWS + 1:
                    raise _too_many_rows()
                rows = b""
                yield columns, length
                continue

            text = rows.decode()
            read, taken = _rows_of(text, layout.separator, place, may_go_on=True)
            # A row with a quoted line break may go on in the next block.
            rows = "".join(islice(io.StringIO(text, newline=""), taken, None)).encode()
            if one_more is not None:
                one_more.add(read)
            if error is None:
                try:
                    _check_rows(
                        header.names,
                        read,
                        has_comments=layout.has_comments,
                        before=place.rows - 1,
                        is_all=False,
                    )
                except TableError as wrong:
                    error = wrong
                    one_more = _OneMore(width, read) if place.rows == 1 else None
            place = Place(place.rows + len(read), place.line + taken)
            if error is None and read:
                yield [self.cells.pack(cells) for cells in zip(*read, strict=True)], len(read)

        if rows:
            # A quote is not closed.
            _rows_of(rows.decode(), layout.separator, place)
        if one_more is not None and one_more.is_so:
            raise _rows_of_one_more(width)
        if error is not None:
            raise error

    def _remove_blank_end(self, pieces: list[list[Any]], lengths: list[int]) -> None:
        """Remove rows of blank cells from the end of the last pieces."""
        while pieces:
            columns = [self.cells.unpack(piece) for piece in pieces[-1]]
            length = lengths[-1]
            while length and not any(cells[length - 1].strip() for cells in columns):
                length -= 1
            if length == lengths[-1]:
                return

            pieces.pop()
            lengths.pop()
            if length:
                pieces.append([self.cells.pack(cells[:length]) for cells in columns])
                lengths.append(length)
                return


def _blocks_of_lines(file: BinaryIO | _AsUtf8, size: int) -> Iterator[bytes]:
    """A file in blocks of whole lines, without blank lines at its end."""
    rest = b""
    while data := file.read(size):
        data = rest + data
        end = data.rstrip(b"\r\n").rfind(b"\n") + 1
        rest = data[end:]
        if end:
            yield data[:end]
        elif len(rest) > MAX_ROW_CHARACTERS:
            raise UnusualFileError("a row is too long")
    yield rest.rstrip(b"\r\n")


def _check_bytes(block: bytes) -> None:
    """Raise UnusualFileError for characters that other programs leave behind."""
    if b"\0" in block:
        raise NotUtf8Error("it has bytes of no text, as those of UTF-16")
    if b"\x1a" in block or _BYTE_ORDER_MARK in block:
        raise UnusualFileError("it has characters that are no text")
    if block.count(b"\r") != block.count(b"\r\n"):
        raise UnusualFileError("it has line ends of several kinds")


def _examine_beginning(block: bytes, *, is_all: bool) -> tuple[Header, bytes]:
    """What the first block of a file says of it, and what of the block is below the header.

    ``is_all`` says whether the block is the whole file.
    """
    count = _BEGINNING_LINES
    below = end = 0
    rows: list[list[str]] = []
    # As many rows and characters as `parse_csv` looks at, some of which may take several lines.
    while (len(rows) <= _SEARCHED_ROWS or below <= _HEAD) and end < len(block):
        lines = block.split(b"\n", count)[:count]
        end = max(sum(len(line) + 1 for line in lines), block.find(b"\n", _BEGINNING_BYTES) + 1)
        # In another encoding, `decode` may find a text where UTF-8 has none.
        block[:end].decode()
        try:
            text = decode(block[:end])
            is_part = not is_all or end < len(block)
            lines_above = takewhile(_is_above, _LINE.finditer(text))
            # Characters below what may stand above a header; the last comment may be the header.
            below = len(text) - sum(len(line[0]) for line in lines_above)
            if is_part and not below:
                raise UnusualFileError("its header comes late")
            layout = find_layout(text)
            beginning = text[layout.start :].lstrip("\ufeff")
            rows, _ = _rows_of(
                beginning, layout.separator, Place(0, layout.line), may_go_on=not is_all
            )
        except TableError as error:
            raise UnusualFileError(str(error)) from None
        count *= 2
    if (len(rows) <= _SEARCHED_ROWS or below <= _HEAD) and not is_all:
        raise UnusualFileError("its rows take too many lines")
    if _are_doubled(rows):
        raise UnusualFileError("its line ends are doubled")

    above = text[: layout.start].encode()
    table = block.removeprefix(_BYTE_ORDER_MARK)[len(above) :]
    first, _, body = table.partition(b"\n")
    line = first.decode().lstrip("\ufeff").removesuffix("\r")
    reader = csv.reader([line], delimiter=layout.separator, skipinitialspace=True, strict=True)
    try:
        names = next(reader, [])
    except csv.Error as error:
        raise UnusualFileError(str(error)) from None
    if names != rows[0] or len(names) > MAX_COLUMNS or not _is_filled(names):
        raise UnusualFileError("its header takes several lines, is long or blank")

    # Those at the end are none.
    while is_all and len(rows) > 1 and not _is_filled(rows[-1]):
        rows.pop()
    wrong = None
    try:
        check_first_rows(rows)
    except TableError as error:
        wrong = error
    return Header([name.strip() for name in names], layout, wrong), body


class _AsUtf8:
    """A file in another encoding, of which UTF-8 is read.

    Parameters
    ----------
    file
        At its beginning.
    encoding
        As `find_encoding` names it.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._is_read = False

    def read(self, size: int = -1) -> bytes:
        """About as many characters as ``size``; nothing at the end of the file only.

        Raises
        ------
        NotUtf8Error
            For what is no text in that encoding.
        """
        text = ""
        try:
            while not text and not self._is_read:
                data = self._file.read(size)
                self._is_read = not data
                text = self._decoder.decode(data, self._is_read)
            return text.encode()
        # `decode` says it, or reads what pieces do not show: that an encoding has no mark.
        except UnicodeError as error:
            raise NotUtf8Error(str(error)) from None


def read_csv(
    file: BinaryIO, reader: PieceReader | None = None, encoding: str | None = None
) -> TextTable:
    """Columns of a CSV file, piece by piece if it is large, else as a whole.

    Parameters
    ----------
    file
        At its beginning.
    reader
        Of the pieces.
    encoding
        As `decode` takes it.

    Raises
    ------
    TableError
        As `decode` and `parse_csv`.
    """
    reader = reader or PieceReader()
    is_utf8 = encoding in (None, "utf-8", "utf-8-sig")
    begins_with_mark = file.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK
    file.seek(0)
    try:
        if begins_with_mark and not is_utf8:
            raise NotUtf8Error("its mark contradicts its encoding")
        source = file if is_utf8 or encoding is None else _AsUtf8(file, encoding)
        table = reader.read(source)
        encoding = encoding or "utf-8"
    except UnusualFileError as unusual:
        file.seek(0)
        text, encoding = _decoded(file.read(), encoding)
        in_pieces = reader if isinstance(unusual, NotUtf8Error) else None
        table = _table_of_text(text, in_pieces)
    table.encoding = encoding
    return table


def _table_of_text(text: str, reader: PieceReader | None) -> TextTable:
    """The columns of a text, in pieces if that can be; None: it cannot."""
    if reader is not None:
        with suppress(UnusualFileError):
            return reader.read(io.BytesIO(text.encode()))
    return parse_csv(text)


def distinct_cells(cells: Cells) -> tuple[list[Any], NDArray[np.int64]]:
    """The different texts of a column in the order that they come, and which one (rows,) each is.

    What is no text counts as different from all others.
    """
    if isinstance(cells, CompactCells):
        return cells.distinct()
    if isinstance(cells, np.ndarray):
        cells = cells.tolist()

    places: dict[object, int] = {}
    which = np.empty(len(cells), dtype=np.int64)
    for row, cell in enumerate(cells):
        which[row] = places.setdefault(cell if type(cell) is str else row, len(places))
    first_rows = np.unique(which, return_index=True)[1].tolist()
    return [cells[row] for row in first_rows], which


def to_numbers(cells: Cells) -> NDArray[np.float64] | None:
    """Cells (rows,) as plain numbers, NaN where missing; None if one is something else."""
    if isinstance(cells, CompactCells):
        return cells.numbers()
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf":
        return cells.astype(np.float64)

    numbers = np.empty(len(cells))
    for row, cell in enumerate(cells):
        number = to_number(cell)
        if number is None:
            return None
        numbers[row] = number
    return numbers


# Cells -> values


def to_number(value: object) -> float | None:
    """The number that a cell holds.

    Returns
    -------
    float or None
        NaN if the cell holds no value, None if it holds something that is no number. Infinity is a
        number, a truth value is none.

    Examples
    --------
    >>> to_number(" 1e3 "), to_number("n/a"), to_number("high")
    (1000.0, nan, None)
    """
    if isinstance(value, str):
        return _text_to_number(value.strip())
    if _is_nothing(value):
        return math.nan

    # Python counts truth values among the integers.
    is_truth_value = isinstance(value, bool | np.bool_)
    if is_truth_value or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        return float(value)
    except OverflowError:
        # An integer of more than 308 digits.
        return math.inf


def _text_to_number(text: str) -> float | None:
    if text.lower() in MISSING_NUMBER:
        return math.nan
    # Python reads 1_000 as a number; people do not.
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def to_level(value: object) -> str | None:
    """The text under which a cell is a category; None if the cell holds no value.

    Examples
    --------
    >>> to_level(1), to_level(1.0), to_level(" 1 "), to_level("NA")
    ('1', '1', '1', None)
    """
    if _is_nothing(value):
        return None
    if isinstance(value, float | np.floating):
        return _number_to_level(float(value))

    text = str(value).strip()
    if text.lower() in MISSING:
        return None
    return text


def _number_to_level(number: float) -> str | None:
    if math.isnan(number):
        return None
    if number.is_integer():
        return str(int(number))
    return repr(number)


# What nobody sees in a text: spaces and joiners of no width, marks of direction, soft hyphens.
_UNSEEN_LETTERS = dict.fromkeys(
    map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u202a\u202b\u202c\ufeff")
)


def look_of(text: str) -> str:
    """What people see of a text: letters that are composed in two ways, and spaces, look alike.

    Examples
    --------
    >>> look_of("New\\u00a0 York") == look_of("New York"), look_of("o\\u0308") == look_of("\\u00f6")
    (True, True)
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_UNSEEN_LETTERS))
    return " ".join(text.split())


# A date, a time of day or both, or a duration as pandas writes one.
MOMENT = re.compile(
    r"(?:(?P<first>\d{1,4})(?P<mark>[-/.])(?P<second>\d{1,2})(?P=mark)(?P<third>\d{1,4})"
    r"|(?P<days>-?\d{1,7}) days?)?"
    r"(?:(?:[T ] ?\+?)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second_of>\d{2}(?:[.,]\d+)?))?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)?"
)
# A date with the name of its month, perhaps after that of the day of the week; and a month alone.
_NAMED_MONTH = re.compile(
    r"(?:[A-Za-z]{3,9},? +)?(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?[-/. ]+)?(?P<month>[A-Za-z]{3,9})"
    r"[-/., ]+(?:(?P<later_day>\d{1,2})(?:st|nd|rd|th)?,? +)?"
    r"(?P<year>\d{4}|\d\d)(?:(?:, *|:| +)(?P<time>\d.*))?"
)
# A month, a quarter or a week of a year.
_PART_OF_YEAR = re.compile(
    r"(?P<year>(?:19|20)\d\d)(?:-(?P<month>0[1-9]|1[0-2])|[- ]?[qQ](?P<quarter>[1-4])"
    r"|-?W(?P<week>0[1-9]|[1-4]\d|5[0-3]))"
    r"|(?P<early_month>0?[1-9]|1[0-2])/(?P<late_year>(?:19|20)\d\d)"
    r"|[qQ](?P<early_quarter>[1-4])[-/ ]?(?P<later_year>(?:19|20)\d\d)"
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_MONTH_NUMBERS = {"sept": 9}
for _number, _name in enumerate(_MONTHS, 1):
    _MONTH_NUMBERS |= {_name: _number, _name[:3]: _number}

# What `to_days` tells apart, and how each may be written.
_MOMENTS = {
    "date": "2024-01-31 or 2024-01-31 12:30",
    "time": "12:30",
    "duration": "3 days 04:30:00",
}
# Those that Python itself reads quickly, and in all its versions alike.
_USUAL_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d)?")


def to_days(text: str, day_first: bool | None = None) -> tuple[str, float] | None:
    """The days that a text stands for.

    Parameters
    ----------
    text
        A date with or without a time of day, a time of day, or a duration. Months may have their
        English names, and a month alone is its first day. A zone such as +02:00 is ignored: times
        are as written.
    day_first
        Whether the day comes first in 3/4/2024. None: such a date cannot be read. A year of four
        digits at the beginning, and points, as in 3.4.2024, need no such knowledge.

    Returns
    -------
    tuple of (str, float) or None
        What it is, "date", "time" or "duration", and the days: of a date since 1970-01-01. None if
        it is none of these.

    Examples
    --------
    >>> to_days("1970-01-02 12:00"), to_days("2.1.1970"), to_days("6:00"), to_days("soon")
    (('date', 1.5), ('date', 1.0), ('time', 0.25), None)
    """
    if _USUAL_MOMENT.fullmatch(text):
        return _usual_moment(text)
    found = MOMENT.fullmatch(date_in_digits(text) or text)
    if not text or not found:
        return None

    part_of_day = _part_of_day(found)
    if part_of_day is None:
        return None
    if found["days"]:
        return "duration", int(found["days"]) + part_of_day
    if not found["mark"]:
        return "time", part_of_day

    day = _day(found, day_first)
    if day is None:
        return None
    return "date", day + part_of_day


def zone_of(text: str) -> str:
    """The zone of a date with a time, as +02:00; an empty text if it has none.

    Examples
    --------
    >>> zone_of("2024-01-31T12:30Z"), zone_of("2024-01-31 12:30 -0800"), zone_of("2024-01-31")
    ('+00:00', '-08:00', '')
    """
    # Most dates have none, which is seen at once.
    if _USUAL_MOMENT.fullmatch(text):
        return ""
    found = MOMENT.fullmatch(date_in_digits(text) or text)
    zone = (found and found["zone"]) or ""
    if zone in ("Z", "UTC", "GMT", "-00:00", "-0000"):
        return "+00:00"
    return zone and f"{zone[:3]}:{zone[-2:]}"


def date_in_digits(text: str) -> str | None:
    """A date with the name of a month, or the first day of a month, a quarter or a week of a year,
    as 2024-01-31; None for other text.

    Examples
    --------
    >>> date_in_digits("31-Jan-2024"), date_in_digits("March 5, 2024 14:30")
    ('2024-01-31', '2024-03-05 14:30')
    >>> date_in_digits("2024-03"), date_in_digits("2024Q3"), date_in_digits("soon")
    ('2024-03-01', '2024-07-01', None)
    """
    part = _PART_OF_YEAR.fullmatch(text)
    if part:
        return _first_day_of(part)
    found = _NAMED_MONTH.fullmatch(text)
    month = _MONTH_NUMBERS.get(found["month"].lower()) if found else None
    if not found or not month or (found["day"] and found["later_day"]):
        return None

    day = int(found["day"] or found["later_day"] or 1)
    # Of two digits nobody knows the century: such a date is refused, as 31.01.24 is.
    if len(found["year"]) == 2:
        return f"{day:02}.{month:02}.{found['year']}" if found["day"] else None
    time = f" {found['time']}" if found["time"] else ""
    return f"{found['year']}-{month:02}-{day:02}{time}"


def _first_day_of(part: re.Match[str]) -> str | None:
    """The first day of a match of `_PART_OF_YEAR`; None for a week that its year has not."""
    year = int(part["year"] or part["late_year"] or part["later_year"])
    if part["week"]:
        with suppress(ValueError):
            return datetime.date.fromisocalendar(year, int(part["week"]), 1).isoformat()
        return None
    quarter = part["quarter"] or part["early_quarter"]
    month = 3 * int(quarter) - 2 if quarter else int(part["month"] or part["early_month"])
    return f"{year}-{month:02}-01"


def _usual_moment(text: str) -> tuple[str, float] | None:
    """What `to_days` says of a date such as 2024-01-31 12:30:00, several times as fast."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    part_of_day = (3600 * moment.hour + 60 * moment.minute + moment.second) / 86_400
    return "date", moment.toordinal() - _FIRST_DAY + part_of_day


def _part_of_day(found: re.Match[str]) -> float | None:
    """The time of a match of `MOMENT` in days; None if there is no such time."""
    if not found["hour"]:
        return 0.0
    hour = int(found["hour"])
    minute = int(found["minute"])
    second = float((found["second_of"] or "0").replace(",", "."))
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (found["half"] in "Pp")
    if hour > 23 or minute > 59 or second >= 61:
        return None
    return (3600 * hour + 60 * minute + second) / 86_400


def _day(found: re.Match[str], day_first: bool | None) -> int | None:
    """The date of a match of `MOMENT`, in days since 1970-01-01; None if there is no such day."""
    first, second, third = found["first"], found["second"], found["third"]
    if len(first) == 4 and len(third) <= 2:
        year, month, day = first, second, third
    elif len(first) > 2 or len(third) != 4:
        return None
    elif found["mark"] == "." or day_first:
        day, month, year = first, second, third
    elif day_first is None:
        return None
    else:
        month, day, year = first, second, third

    try:
        return datetime.date(int(year), int(month), int(day)).toordinal() - _FIRST_DAY
    except ValueError:
        return None


_FIRST_DAY = datetime.date(1970, 1, 1).toordinal()
# More than any text of `MOMENT` stands for.
_FURTHEST_DAY = 1e7


def read_days(name: str, cells: Cells, reads: str, day_first: bool | None) -> NDArray[np.float64]:
    """Cells (rows,) as days, NaN where they hold no value.

    Parameters
    ----------
    name
        The column's name.
    cells
        Its cells.
    reads
        What they are, as `to_days` says it.
    day_first
        As for `to_days`.

    Raises
    ------
    TableError
        For the first cell that is something else.
    """
    # Tables have far fewer dates than rows.
    texts, which = distinct_cells(cells)
    days = np.empty(len(texts))
    known: dict[str | None, float] = {None: math.nan}
    for place, cell in enumerate(texts):
        text = to_level(cell)
        if text not in known:
            known[text] = _days_of(name, place, which, str(text), reads, day_first)
        days[place] = known[text]
    return days[which]


def _days_of(
    name: str,
    place: int,
    which: NDArray[np.int64],
    text: str,
    reads: str,
    day_first: bool | None,
) -> float:
    number = to_number(text)
    if number is not None and math.isnan(number):
        return math.nan

    found = to_days(text, day_first)
    if found is None or found[0] != reads:
        row = int(np.flatnonzero(which == place)[0])
        raise TableError(
            f"row {row + 2}, column {name!r}: {text[:60]!r} is not a {reads} that can be read.",
            expected=f"a {reads} such as {_MOMENTS[reads]}",
            remedy="correct the cell, or leave it empty if its value is missing",
        )
    return found[1]


def _is_nothing(value: object) -> bool:
    # pandas' own missing values, by name, as pandas is not imported here.
    return value is None or type(value).__name__ in ("NAType", "NaTType")


# Numbers in other notations

# Characters that stand for those of plain numbers, and what is not seen: marks of direction, and
# spaces of no width.
_ALIKE_BY_PLAIN = {
    "-": "\u2212\u2012\u2013\u2014\ufe63\uff0d",
    "+": "\uff0b",
    "%": "\uff05\u066a",
    "$": "\uff04",
    "¥": "\uffe5",
    " ": "\u00a0\u2007\u2009\u202f",
    "'": "\u2019\u2018\u02bc\u00b4`\u066c",
    ",": "\uff0c",
    ".": "\uff0e\u066b",
    "": "\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u2060\ufeff",
}
_ALIKE = {ord(letter): plain for plain, own in _ALIKE_BY_PLAIN.items() for letter in own}

# Decimal points that group no thousands.
_CERTAIN_POINTS = "\u066b"

# What else programs write for "no value" among numbers. It is no part of MISSING_NUMBER, so that
# recorded tables are read as they were.
_NO_NUMBER = MISSING_NUMBER | {"\\n", "n.a.", "#na", "(null)", "1.#ind", "-1.#ind", "1.#qnan"}

# What spreadsheets put around a cell that is to stay text; whole amounts as 5.- and 5,--; and whole
# numbers in hexadecimal digits, as many as a number holds exactly.
_KEPT_AS_TEXT = re.compile(r'="(.*)"|\'(.*[^\'])')
_NO_CENTS = re.compile(r"(?<=\d)([.,])--?(?!\d)")
_HEXADECIMAL = re.compile(r"([+-]?)0[xX]([\da-fA-F]{1,13})")

# A power of ten behind a number, as in 1.5 x 10^3, 1.5·10³ and 1.5*^3; and one of three digits,
# which Fortran writes without a letter.
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_POWER = re.compile(
    r"(?<=[\d.]) ?(?:(?:[x×*·⋅] ?10(?:\^|\*\*)|\*\^)(?P<plain>[+-]?\d+)"
    r"|[x×*·⋅] ?10(?P<raised>[⁺⁻]?[⁰¹²³⁴-⁹]+))"
)
_LETTERLESS_POWER = re.compile(r"([+-]?\d?\.\d{4,})([+-][1-3]\d\d)")

# Signs of currencies and their codes, which may stand before a number; and what may stand behind:
# these, percent, or a unit such as kg, m2 or per day.
_CURRENCY = (
    r"(?:[A-Z]{0,3}[$¢£¤¥\u20a0-\u20cf]|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|BRL|MXN|ZAR"
    r"|SEK|NOK|DKK|PLN|CZK|HUF|TRY|[Kk]r\.?|R[Ss]\.?|S?Fr\.?)"
)
# Durations in days are left to those who read dates.
_UNIT = rf"(?!days?\b)(?:{_CURRENCY}|[%‰°″′\"]|[^\W\d_])[^\d()]{{0,15}}?[23]?"

_NUMBER_AND_UNIT = re.compile(
    rf"(?P<before>{_CURRENCY}|%)? ?(?P<opened>\()? ?(?P<sign>[+-])? ?"
    rf"(?P<inside>{_CURRENCY})? ?(?P<second_sign>[+-])?"
    r"(?P<digits>[\d.,' ]*\d[.,]?)(?P<exponent>[eEdD][+-]?\d+|[qQ][+-]\d+)?"
    rf" ?(?P<behind>{_UNIT})? ?(?P<closed>\))? ?(?P<last_sign>[+-])?"
)

# The digits of a number, by its decimal mark. Thousands are in groups, but for India's lakhs.
_DIGITS = {
    ".": re.compile(
        r"(?:\d*|(?!0)\d{1,3}([,' ])\d{3}(?:\1\d{3})*|(?!0)\d{1,2}(?:,\d\d)+,\d{3})(?:\.\d*)?"
    ),
    ",": re.compile(r"(?:\d*|(?!0)\d{1,3}([.' ])\d{3}(?:\1\d{3})*)(?:,\d*)?"),
}
_MARKS = tuple(_DIGITS)

# So many different ones are no accident.
_SOME_GROUPS = 3

# A plain number whose point may group thousands.
_MAY_BE_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")


@dataclass(frozen=True)
class Notation:
    """How the numbers of a column are written, where that is not plainly.

    Minus signs of any kind, negative numbers in parentheses, exponents of Fortran and groups of
    thousands that cannot be mistaken need no notation to be read.

    Attributes
    ----------
    decimal
        The decimal mark, a point or a comma. The other may group thousands.
    unit
        What stands beside every number: a percent sign, a currency, a unit.
    example
        A cell of the column.
    """

    decimal: str = "."
    unit: str = ""
    example: str = ""

    def number(self, cell: object) -> float | None:
        """The number that a cell holds; NaN for no value, None for what is no number in it."""
        written = read_cell(cell)
        if written is None or written.unit not in (None, self.unit):
            return None
        return written.values[_MARKS.index(self.decimal)]

    def meaning(self) -> str:
        """What the example is.

        Examples
        --------
        >>> Notation(",", "€", "1.234,50 €").meaning()
        "'1.234,50 €' is 1234.5"
        """
        return f"{self.example[:60]!r} is {self.number(self.example):.15g}"


class WrittenNumber(NamedTuple):
    """A cell that is a number, perhaps in another notation.

    Attributes
    ----------
    unit
        Empty where there is none; None if the cell holds no value.
    values
        The number with a decimal point, and with a decimal comma; None where it cannot have one.
    """

    unit: str | None
    values: tuple[float | None, float | None]

    @property
    def is_unsure(self) -> bool:
        """Whether it may be two numbers, as 1.234 may."""
        point, comma = self.values
        return None not in self.values and self.unit is not None and point != comma


def read_cell(cell: object) -> WrittenNumber | None:
    """The number of a cell in whichever notation; None if it holds something that is no number.

    Examples
    --------
    >>> read_cell("1.234 kg")
    WrittenNumber(unit='kg', values=(1.234, 1234.0))
    >>> read_cell("($1,694.87)"), read_cell("about 5")
    (WrittenNumber(unit='$', values=(-1694.87, None)), None)
    """
    number = to_number(cell)
    if number is not None and not (isinstance(cell, str) and "." in cell):
        unit = None if math.isnan(number) else ""
        return WrittenNumber(unit, (number, number))
    if not isinstance(cell, str):
        return None

    text = cell.translate(_ALIKE).strip()
    if text.lower() in _NO_NUMBER:
        return WrittenNumber(None, (math.nan, math.nan))
    written = _dissect(_plainer(text))
    if written is not None and any(point in cell for point in _CERTAIN_POINTS):
        return written._replace(values=(written.values[0], None))
    return written


def _plainer(text: str) -> str:
    """A cell without what stands around numbers, and with e before exponents."""
    kept = _KEPT_AS_TEXT.fullmatch(text)
    if kept:
        text = (kept[1] or kept[2] or "").strip()
    whole = _HEXADECIMAL.fullmatch(text)
    if whole:
        return f"{whole[1]}{int(whole[2], 16)}"

    text = _NO_CENTS.sub(r"\g<1>0", text)
    text = _POWER.sub(
        lambda power: "e" + (power["plain"] or power["raised"]).translate(_SUPERSCRIPTS), text
    )
    letterless = _LETTERLESS_POWER.fullmatch(text)
    return "e".join(letterless.groups()) if letterless else text


def _dissect(text: str) -> WrittenNumber | None:
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None:
        return None

    units = [unit.strip() for unit in match.group("before", "inside", "behind") if unit]
    signs = [sign for sign in match.group("sign", "second_sign", "opened", "last_sign") if sign]
    is_paired = (match["opened"] is None) == (match["closed"] is None)
    # One sign is enough: +(5) or -5- is something else.
    if len(units) > 1 or len(signs) > 1 or not is_paired:
        return None

    sign = "" if signs in ([], ["+"]) else "-"
    exponent = (match["exponent"] or "").lower().replace("d", "e").replace("q", "e")
    values = []
    for mark, shape in _DIGITS.items():
        digits = match["digits"]
        value = None
        # Nobody groups the digits before an exponent.
        is_plain = not exponent or re.fullmatch(rf"\d*\{mark}?\d*", digits)
        if is_plain and shape.fullmatch(digits):
            plain = re.sub(rf"[^\d{mark}]", "", digits).replace(mark, ".")
            value = float(f"{sign}{plain}{exponent}")
        values.append(value)
    if values == [None, None]:
        return None
    return WrittenNumber("".join(units), (values[0], values[1]))


class _Column(NamedTuple):
    """What the cells of a column are, as far as they are numbers of one unit.

    Attributes
    ----------
    unit
        Beside every number.
    numbers
        With a decimal point, and with a decimal comma, up to the first cell that is no number.
    other
        The first row, from 0, that is no number of this unit; None: all are.
    unreadable
        The first row that cannot have a decimal point; and a decimal comma.
    differing
        The first row whose two numbers differ.
    """

    unit: str
    numbers: tuple[list[float], list[float]]
    other: int | None
    unreadable: tuple[int | None, int | None]
    differing: int | None

    @property
    def marks(self) -> list[str]:
        """The decimal marks with which every cell is a number."""
        if self.other is not None:
            return []
        return [mark for mark, row in zip(_MARKS, self.unreadable, strict=True) if row is None]


def _examine(cells: Cells, unit: str | None = None) -> _Column:
    """What cells (rows,) are. ``unit`` is beside all of them; None: the first number says which."""
    points: list[float] = []
    commas: list[float] = []
    no_point = no_comma = differing = other = None

    for row, cell in enumerate(cells):
        written = read_cell(cell)
        if written is not None and unit is None:
            unit = written.unit
        if written is None or written.unit not in (None, unit):
            other = row
            break

        point, comma = written.values
        if point is None and no_point is None:
            no_point = row
        if comma is None and no_comma is None:
            no_comma = row
        if differing is None and written.is_unsure:
            differing = row
        points.append(math.nan if point is None else point)
        commas.append(math.nan if comma is None else comma)
    return _Column(unit or "", (points, commas), other, (no_point, no_comma), differing)


class NumberReader:
    """Reads the columns of one table as numbers, in one notation each.

    A column says by itself what its decimal mark is, as soon as one number can have only one. Where
    none does (all are like 1.234), the other columns of the table and those of training do, as far
    as they agree. What is left unsure is refused.

    Parameters
    ----------
    columns
        The cells (rows,) of each column, by name.
    trained
        By name, how columns were written in training, but for those that were written plainly.
        None: this is the training.
    learned
        By name, what training found out about columns, as in an encoder's description.
    """

    def __init__(
        self,
        columns: Mapping[str, Cells],
        trained: Mapping[str, Notation] | None = None,
        learned: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._columns = columns
        self._learned = learned or {}
        self._training = trained is None
        self._trained = trained or {}
        self._has_semicolons = isinstance(columns, TextTable) and columns.separator == ";"
        # The decimal marks that columns can have by themselves, of those that others asked for.
        self._own_marks: dict[str, list[str]] = {}

    def read(self, name: str) -> tuple[NDArray[np.float64], Notation | None] | None:
        """The numbers (rows,) of a column, NaN where missing; and their notation, if not plain.

        Parameters
        ----------
        name
            The column.

        Returns
        -------
        tuple or None
            None if a cell is no number, or has another unit than the first; than in training.

        Raises
        ------
        TableError
            If the numbers are written in two ways, or may be two numbers each.
        """
        cells = self._columns[name]
        unit = self._trained.get(name, Notation()).unit
        if not unit:
            plain = _plain_numbers(cells)
            if plain is not None:
                return plain, None

        column = _examine(cells, None if self._training else unit)
        if column.other is not None:
            return None
        mark = self._mark(name, column)
        numbers = column.numbers[_MARKS.index(mark)]
        for cell, number in zip(cells, numbers, strict=True):
            if not math.isnan(number) and to_number(cell) != number:
                return np.array(numbers), Notation(mark, column.unit, str(cell).strip())
        return np.array(numbers), None

    def _mark(self, name: str, column: _Column) -> str:
        """The decimal mark of a column. Raises TableError if it is unsure."""
        if not column.marks:
            comma, point = (row or 0 for row in column.unreadable)
            raise TableError(
                f"column {name!r} has a decimal point in row {point + 2} "
                f"({self._text(name, point)}) and a comma in row {comma + 2} "
                f"({self._text(name, comma)}).",
                expected="one of them",
                remedy="write all numbers of the column alike",
            )
        if len(column.marks) == 1:
            return column.marks[0]
        if column.differing is None:
            return "."

        marks = self._likely_marks(name)
        if len(marks) != 1 or self._only_other_fits(name, column, *marks):
            raise self._unsure(name, column)
        return marks.pop()

    def _only_other_fits(self, name: str, column: _Column, mark: str) -> bool:
        """Whether the numbers are such as training had with the other decimal mark alone."""
        own = _MARKS.index(mark)
        return not self._fits(name, column.numbers[own]) and self._fits(
            name, column.numbers[1 - own]
        )

    def _fits(self, name: str, values: Sequence[float]) -> bool:
        """Whether numbers are near those of training, and whole where these were."""
        learned = self._learned.get(name, {})
        numbers = np.array(values)
        numbers = numbers[~np.isnan(numbers)]
        is_near = not _is_far_outside(learned, numbers).any()
        return is_near and not (learned.get("whole") and (numbers != np.floor(numbers)).any())

    def _likely_marks(self, name: str) -> set[str]:
        """The decimal marks that a column may have of whose numbers each may be two."""
        trained = self._trained.get(name)
        # Where training had both marks, other columns say nothing of this one.
        was_mixed = {notation.decimal for notation in self._trained.values()} == set(_MARKS)
        if trained is not None and was_mixed:
            return {trained.decimal}

        marks = self._marks_of_others(name)
        if trained is not None:
            return marks | {trained.decimal}
        is_plain = all(to_number(cell) is not None for cell in self._columns[name])
        if is_plain and not self._training:
            return marks | {"."}
        if is_plain and marks != {","} and self._seems_grouped(name):
            return set(_MARKS)
        if marks:
            return marks

        # Nothing says more than the separator, which is a semicolon where commas are decimal marks.
        if self._has_semicolons:
            return {",", "."} if is_plain else {","}
        return {"."} if is_plain else set()

    def _seems_grouped(self, name: str) -> bool:
        """Whether plain numbers look as if their points grouped thousands.

        There are 632 and 12.500: programs that write decimals write three for all of them, or none
        that is 0 at the end.
        """
        texts = {cell.strip() for cell in self._columns[name] if isinstance(cell, str)}
        pointed = {text for text in texts if "." in text}
        others = [to_number(text) or 0.0 for text in texts - pointed]
        numbers = [number for number in others if not math.isnan(number)]
        some_are_whole = any(numbers) and all(abs(number) < 1_000 for number in numbers)
        any_zero = any(text.endswith("0") for text in pointed)
        return some_are_whole and any_zero and len(pointed) >= _SOME_GROUPS

    def _marks_of_others(self, name: str) -> set[str]:
        """The decimal marks of the other columns that can have only one."""
        marks: set[str] = set()
        for other, cells in self._columns.items():
            is_text = not (isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf")
            if other != name and is_text:
                if other not in self._own_marks:
                    self._own_marks[other] = _examine(cells).marks
                own = self._own_marks[other]
                if len(own) == 1:
                    marks.update(own)
        return marks

    def _unsure(self, name: str, column: _Column) -> TableError:
        row = column.differing or 0
        point, comma = (f"{numbers[row]:.15g}" for numbers in column.numbers)
        return TableError(
            f"row {row + 2}, column {name!r}: {self._text(name, row)} may be {point} or {comma}, "
            "as its mark may be a decimal mark or a thousands separator.",
            expected="numbers such as 1234.5",
            remedy="remove the separators if they are of thousands, or write decimal points and "
            "one digit more (1.2340)",
        )

    def _text(self, name: str, row: int) -> str:
        """A cell in quotes."""
        return repr(str(list(self._columns[name])[row]).strip()[:60])


def _plain_numbers(cells: Cells) -> NDArray[np.float64] | None:
    """Cells (rows,) as numbers; None if one is no plain number, or all points may group."""
    numbers = to_numbers(cells)
    if numbers is None or (isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf"):
        return numbers

    any_group = False
    for row, cell in enumerate(cells):
        if isinstance(cell, str) and "." in cell and not math.isnan(numbers[row]):
            if not _MAY_BE_GROUPED.fullmatch(cell.strip()):
                return numbers
            any_group = True
    return None if any_group else numbers


# Columns -> network inputs

# Truth values, in lower case, in pairs.
_TRUTHS = ("true", "t", "yes", "y", "1", "on", "wahr", "ja", "vrai", "oui")
_FALSEHOODS = ("false", "f", "no", "n", "0", "off", "falsch", "nein", "faux", "non")
TRUTH = {**dict.fromkeys(_TRUTHS, True), **dict.fromkeys(_FALSEHOODS, False)}
_PAIRS_OF_TRUTH = tuple(zip(_TRUTHS, _FALSEHOODS, strict=True))
# These mean nothing else: NO may be Norway, and T a tumour.
_SURE_TRUTH = frozenset(("true", "false", "wahr", "falsch", "vrai", "faux"))


class Unseen(NamedTuple):
    """Cells of a column with a value that training has never seen.

    Of a column of numbers or dates these are values far outside of those of training, and missing
    ones where training had none.

    Attributes
    ----------
    cells
        How many.
    first_row
        Where the first one is; the header is row 1.
    levels
        The different values, an empty text for a missing one. Of numbers the first hundred.
    known
        What training had in place of them, in words; empty for categories.
    """

    cells: int
    first_row: int
    levels: tuple[str, ...]
    known: str = ""

    def sentence(self, column: str) -> str:
        """What they are, and what becomes of them."""
        shown = ", ".join(repr(level[:60]) if level else "no value" for level in self.levels[:5])
        if len(self.levels) > 5:
            shown += f" and {len(self.levels) - 5} more"
        cells = "1 cell" if self.cells == 1 else f"{self.cells:,} cells"
        return (
            f"column {column!r}: {cells} with what training has never seen ({shown}), the first in "
            f"row {self.first_row}{f'; {self.known}' if self.known else ''}."
        )


# ln 2 in two parts, such that k * _LN2_HIGH is exact for every exponent k (as in fdlibm).
_LN2_HIGH = 0.6931471803691238
_LN2_LOW = 1.9082149292705877e-10

# Taylor series, the coefficient of the highest power first.
_SIN_TERMS = tuple((-1.0) ** n / math.factorial(2 * n + 1) for n in range(8, -1, -1))
_COS_TERMS = tuple((-1.0) ** n / math.factorial(2 * n) for n in range(8, -1, -1))

# 1/23, 1/21, ..., 1/3, 1: the series of atanh, from its smallest term.
_ATANH_TERMS = tuple(1.0 / n for n in range(23, 0, -2))


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of finite positive ``x``, element by element.

    NumPy's differs by processor in its last bit. This one has the same bits everywhere, as it is
    made of additions, multiplications, divisions and exact scalings only.
    """
    # x = m 2^k with m in [0.7, 1.42)
    mantissa, exponent = np.frexp(x)
    is_low = mantissa < math.sqrt(0.5)
    mantissa = np.where(is_low, 2.0 * mantissa, mantissa)
    k = (exponent - is_low).astype(np.float64)

    # ln m = 2 atanh(s) = 2 s (1 + s^2/3 + s^4/5 + ...), by Horner's rule
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    series = np.full_like(s, _ATANH_TERMS[0])
    for term in _ATANH_TERMS[1:]:
        series = series * square + term

    # ln x = ln m + k ln 2
    return np.asarray(k * _LN2_HIGH + (2.0 * s * series + k * _LN2_LOW))


def cos_sin_turns(u: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute cosine and sine of ``2 pi u``.

    Parameters
    ----------
    u
        Turns of a circle, in [0, 1), of any shape.

    Returns
    -------
    tuple of two ndarray of float64
        Cosine and sine, of the shape of ``u``.
    """
    # The nearest quarter turn, and the angle from there, in [-pi/4, pi/4]. The subtraction is
    # exact.
    quarter = np.floor(4.0 * u + 0.5)
    angle = (u - 0.25 * quarter) * (2.0 * math.pi)

    square = angle * angle
    cosine = polynomial(square, _COS_TERMS)
    sine = angle * polynomial(square, _SIN_TERMS)

    # Quarter turns swap the two and change their signs.
    turns = quarter.astype(np.int64) % 4
    turned_cosine = np.choose(turns, (cosine, -sine, -cosine, sine))
    turned_sine = np.choose(turns, (sine, cosine, -sine, -cosine))
    return turned_cosine, turned_sine


def polynomial(x: NDArray[np.float64], terms: tuple[float, ...]) -> NDArray[np.float64]:
    """A polynomial by Horner's scheme, from the coefficient of the highest power down."""
    total = np.full_like(x, terms[0])
    for term in terms[1:]:
        total = total * x + term
    return total


# The cycles of dates, in days. The year is one of the Gregorian calendar, on average.
CYCLES = {"day": 1.0, "week": 7.0, "year": 365.2425}

# 1970-01-01, from which days are counted, was a Thursday.
_THURSDAY = 3.0


def phases(days: NDArray[np.float64], cycle: str) -> NDArray[np.float64]:
    """Where days (rows,) are in a cycle, in [0, 1). A week begins on Monday, and has 7 phases."""
    if cycle == "week":
        days = np.floor(days) + _THURSDAY
    turns = days / CYCLES[cycle]
    return np.asarray(turns - np.floor(turns))


def width(encoder: Mapping[str, Any]) -> int:
    """How many network inputs an encoder makes."""
    return sum(_column_width(column) for column in encoder["columns"])


def _column_width(column: Mapping[str, Any]) -> int:
    if column["kind"] == "categorical":
        return len(column["levels"])
    if column["kind"] == "questions":
        return len(column["thresholds"]) + bool(column["missing_question"])
    if column["kind"] == "date":
        inputs = bool(column["days"]) + 2 * len(column["cycles"])
        return inputs + bool(column["missing_indicator"])
    return 1 + bool(column["missing_indicator"])


def encode(columns: Mapping[str, Cells], encoder: Mapping[str, Any]) -> NDArray[np.float32]:
    """Network inputs of a table.

    Parameters
    ----------
    columns
        The cells (rows,) of each column, by name. Columns that the encoder does not know are
        ignored.
    encoder
        As in model.json. A numeric column becomes ``(v - mean) / scale``, with missing values taken
        as ``fill`` (an error if that is null); if ``missing_indicator``, a second input is 1 where
        values were missing, else 0. If it has a ``log_floor``, the smallest value of training, v is
        ``log(max(v, log_floor))``. An ``extent``, the smallest and the largest value of training,
        and ``whole``, that all of them were whole, only say which numbers are new
        (`Inputs.unseen`), and where a number may be two. A categorical column becomes one 0/1
        input a level; null is the level of missing values, and a level that training never saw is
        all zeros; if ``truth``,
        TRUE, true and the like are one level. Numbers are read in the ``notation`` of training, if
        there is one and they do not say another by themselves. A column of
        questions becomes one 0/1 input for each of its ``thresholds``, 1 where v is greater; if
        ``missing_question``, one more is 1 where values were missing, and all others are 0 there.
        A column of dates is read as days (`to_days`), which are scaled as numbers are, unless
        ``days`` is false; each of its ``cycles`` makes two inputs, cosine and sine, which are 0
        where values were missing.

    Returns
    -------
    ndarray
        (rows, inputs) float32, C-contiguous.

    Raises
    ------
    TableError
        If a column is missing, or a cell cannot be encoded.

    Examples
    --------
    >>> size = {"name": "size", "kind": "numeric", "fill": None, "mean": 2.0, "scale": 0.5}
    >>> size |= {"missing_indicator": False}
    >>> kind = {"name": "kind", "kind": "categorical", "levels": ["flat", "house"]}
    >>> encode({"size": [1, 3], "kind": ["house", "tent"]}, {"columns": [size, kind]})
    array([[-2.,  0.,  1.],
           [ 2.,  0.,  0.]], dtype=float32)
    """
    return Inputs(columns, encoder).of_rows(slice(None))


class Inputs:
    """The network inputs of a table, each column as small as can be until its inputs are needed.

    Errors are those of `encode`; the constructor raises all of them.

    Parameters
    ----------
    columns, encoder
        As of `encode`.
    by_look
        Whether a category that looks like one of training is that one (`look_of`). Tables that
        older runs recorded tell them apart.

    Attributes
    ----------
    rows
        How many.
    unseen
        By column: the cells with a value that training has never seen.
    """

    def __init__(
        self,
        columns: Mapping[str, Cells],
        encoder: Mapping[str, Any],
        *,
        by_look: bool = False,
    ) -> None:
        self.rows = _common_length(columns, encoder)
        self.unseen: dict[str, Unseen] = {}
        self._width = width(encoder)
        self._columns: list[tuple[Mapping[str, Any], NDArray[Any]]] = []

        trained = {}
        for column in encoder["columns"]:
            if column.get("notation") is not None:
                trained[column["name"]] = Notation(**column["notation"])
        reader = NumberReader(columns, trained, {own["name"]: own for own in encoder["columns"]})
        for column in encoder["columns"]:
            name = column["name"]
            cells = columns[name]
            unseen: Unseen | None = None
            if column["kind"] == "categorical":
                values: NDArray[Any] = _known_levels(column, cells, by_look=by_look)
                unseen = _unseen_levels(cells, values)
            elif column["kind"] == "date":
                values = read_days(name, cells, column["reads"], column["day_first"])
                unseen = _unseen_numbers(column, cells, values)
            else:
                values = _numbers(name, reader, cells, trained)
                unseen = _unseen_numbers(column, cells, values)
            if unseen is not None:
                self.unseen[name] = unseen
            if column["kind"] == "numeric":
                values = _scale_numbers(column, values)
            self._columns.append((column, values))

    def of_rows(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """The inputs (rows, inputs) of some rows."""
        length = len(range(self.rows)[rows]) if isinstance(rows, slice) else len(rows)
        inputs = np.zeros((length, self._width), dtype=np.float32)
        first_input = 0
        for column, values in self._columns:
            end = first_input + _column_width(column)
            own_inputs = inputs[:, first_input:end]
            if column["kind"] == "categorical":
                levels = values[rows]
                known = np.flatnonzero(levels >= 0)
                own_inputs[known, levels[known]] = 1
            elif column["kind"] == "date":
                _encode_dates(column, values[rows], own_inputs)
            elif column["kind"] == "questions":
                _encode_questions(column, values[rows], own_inputs)
            else:
                own_inputs[:] = values[rows]
            first_input = end
        return inputs


def _common_length(columns: Mapping[str, Cells], encoder: Mapping[str, Any]) -> int:
    """Rows of the columns that the encoder needs. Raises TableError unless all have as many."""
    needed = [column["name"] for column in encoder["columns"]]
    missing = [name for name in needed if name not in columns]
    if missing:
        present = ", ".join(map(str, list(columns)[:20]))
        separators = "; cells are separated by , ; tab or | in a CSV file"
        raise TableError(
            f"column {missing[0]!r} is missing; there are: {present}.",
            expected="all columns of training",
            remedy="add it" + separators * (len(columns) == 1),
        )

    lengths = {len(columns[name]) for name in needed}
    if len(lengths) != 1:
        raise TableError(
            "the columns have different lengths.",
            expected="equal lengths",
            remedy="give every row every column",
        )
    return lengths.pop()


def _known_levels(column: Mapping[str, Any], cells: Cells, *, by_look: bool) -> NDArray[np.int32]:
    """The index (rows,) of the level of each cell of a categorical column; -1 for unseen ones.

    A cell is the level of its text. Where training has none such, it is the level that is the same
    number, and in a column of truth values the one that is equally true. If ``by_look``, it may be
    the one that looks alike, too.
    """
    position = {level: index for index, level in enumerate(column["levels"])}
    by_truth = {}
    if column.get("truth"):
        by_truth = {truth_of(level): index for level, index in position.items() if level}
    looks: dict[str, int] = {}
    if by_look:
        of_levels = Counter(look_of(level) for level in position if level)
        looks = {
            look_of(level): index
            for level, index in position.items()
            if level and of_levels[look_of(level)] == 1
        }

    texts, which = distinct_cells(cells)
    levels = np.full(len(texts), -1, dtype=np.int32)
    for place, cell in enumerate(texts):
        level = to_level(cell)
        index = position.get(level)
        if index is None and level is not None:
            number = to_number(level)
            if number is not None and math.isfinite(number):
                index = position.get(_number_to_level(number))
        if index is None and by_truth:
            index = by_truth.get(truth_of(level))
        if index is None and looks and level is not None:
            index = looks.get(look_of(level))
        if index is not None:
            levels[place] = index
    return levels[which]


def truth_of(text: str | None) -> bool | None:
    """The truth value that a text is, as programs and spreadsheets write it; None for other text.

    Examples
    --------
    >>> truth_of("TRUE"), truth_of("no"), truth_of("maybe")
    (True, False, None)
    """
    return TRUTH.get((text or "").strip().lower())


def are_truths(texts: Iterable[str]) -> bool:
    """Whether different texts are truth values, among them a pair or one that means nothing else.

    Examples
    --------
    >>> are_truths(["yes", "no"]), are_truths(["TRUE"]), are_truths(["T", "N"])
    (True, True, False)
    """
    words = {text.strip().lower() for text in texts}
    if not words or not words <= TRUTH.keys():
        return False
    has_pair = any(words.issuperset(pair) for pair in _PAIRS_OF_TRUTH)
    return has_pair or words <= _SURE_TRUTH


def count_unseen(columns: Mapping[str, Cells], encoder: Mapping[str, Any]) -> dict[str, Unseen]:
    """What training has never seen, in each column that has such cells.

    Parameters and errors are those of `encode`.

    Examples
    --------
    >>> kind = {"name": "kind", "kind": "categorical", "levels": ["flat", "house"]}
    >>> count_unseen({"kind": ["house", "tent", "tent"]}, {"columns": [kind]})
    {'kind': Unseen(cells=2, first_row=3, levels=('tent',), known='')}
    """
    return Inputs(columns, encoder, by_look=True).unseen


def _unseen_levels(cells: Cells, known: NDArray[np.int32]) -> Unseen | None:
    """What has no level in a categorical column, where ``known`` (rows,) is -1; None: nothing."""
    rows = np.flatnonzero(known < 0)
    if not len(rows):
        return None
    texts, which = distinct_cells(cells)
    # In the order that they come.
    levels = [to_level(texts[place]) or "" for place in np.unique(which[rows])]
    # Rows count from 1, and the header is row 1.
    return Unseen(len(rows), int(rows[0]) + 2, tuple(dict.fromkeys(levels)))


# Different numbers that `Unseen` names.
_MOST_LEVELS = 100


def _unseen_numbers(
    column: Mapping[str, Any], cells: Cells, values: NDArray[np.float64]
) -> Unseen | None:
    """What training has never seen in a column of numbers or days (rows,); None: nothing."""
    is_missing = np.isnan(values)
    # Models of earlier versions do not say what training had.
    if column.get("extent") is None:
        return None
    had_none_missing = not column.get("missing_indicator") and not column.get("missing_question")
    is_new = _is_far_outside(column, values)
    known = []
    if is_new.any():
        low, high = (_shown_number(column, own) for own in column["extent"])
        known.append(f"training had {low} to {high}" if low != high else f"training had {low}")
    if column.get("zones"):
        is_elsewhere = _is_elsewhere(cells, column["zones"])
        is_new |= is_elsewhere
        if is_elsewhere.any():
            known.append(
                f"training had times in {', '.join(column['zones'])}, and zones are ignored"
            )
    if had_none_missing and is_missing.any():
        is_new |= is_missing
        if column.get("fill") is not None:
            known.append(f"no value is taken as {_shown_number(column, column['fill'])}")

    rows = np.flatnonzero(is_new)
    if not len(rows):
        return None
    _, first_places = np.unique(values[rows], return_index=True)
    shown_rows = rows[np.sort(first_places)[:_MOST_LEVELS]].tolist()
    levels = dict.fromkeys(to_level(cells[row]) or "" for row in shown_rows if not is_missing[row])
    if is_missing[rows].any() and had_none_missing:
        levels[""] = None
    return Unseen(len(rows), int(rows[0]) + 2, tuple(levels), ", and ".join(known))


def _is_elsewhere(cells: Cells, zones: Sequence[str]) -> NDArray[np.bool_]:
    """Which dates (rows,) have a zone that training had not."""
    texts, which = distinct_cells(cells)
    known = ("", *zones)
    is_elsewhere = [zone_of(to_level(text) or "") not in known for text in texts]
    return np.array(is_elsewhere, dtype=bool)[which]


def _is_far_outside(column: Mapping[str, Any], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values (rows,) of a column of numbers or days are far outside those of training.

    They are further away than the values of training are from each other: there no network has
    learned anything. None is if the model does not say what training had, or the value is missing.
    """
    if column.get("extent") is None or not column.get("days", True):
        return np.zeros(len(values), dtype=bool)
    low, high = map(float, column["extent"])
    if column.get("log_floor") is not None:
        # Smaller ones are taken as the floor. Differences of logarithms are quotients.
        return np.asarray(values > high * (high / max(low, column["log_floor"])))
    length = high - low
    return np.asarray((values > high + length) | (values < low - length))


def _shown_number(column: Mapping[str, Any], value: float) -> str:
    """A number of a column, or the day that it stands for, in a message."""
    if column["kind"] != "date":
        return f"{value:.6g}"
    if column["reads"] == "date":
        # A damaged model may have days that no calendar has.
        with suppress(ValueError, OverflowError):
            return datetime.date.fromordinal(int(value // 1) + _FIRST_DAY).isoformat()
    return f"{value:.6g} days"


def _encode_questions(
    column: Mapping[str, Any], numbers: NDArray[np.float64], inputs: NDArray[np.float32]
) -> None:
    """Set the inputs (rows, questions) of a numeric column that is asked questions."""
    for index, threshold in enumerate(column["thresholds"]):
        # No comparison with NaN, which stands for missing values, is true.
        inputs[:, index] = numbers > threshold
    if column["missing_question"]:
        inputs[:, -1] = np.isnan(numbers)


def _encode_dates(
    column: Mapping[str, Any], days: NDArray[np.float64], inputs: NDArray[np.float32]
) -> None:
    """Set the inputs (rows, inputs), which are zeros, of a column of dates."""
    is_missing = np.isnan(days)
    days = np.where(is_missing, column["fill"], days)

    place = 0
    if column["days"]:
        inputs[:, 0] = (days - column["mean"]) / column["scale"]
        place = 1
    for cycle in column["cycles"]:
        for wave in cos_sin_turns(phases(days, cycle)):
            inputs[:, place] = np.where(is_missing, 0.0, wave)
            place += 1
    if column["missing_indicator"]:
        inputs[:, place] = is_missing


def _scale_numbers(column: Mapping[str, Any], numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    """The inputs (rows, 1 or 2) of a numeric column."""
    inputs = np.empty((len(numbers), _column_width(column)), dtype=np.float32)
    name = column["name"]
    given = numbers
    is_missing = np.isnan(numbers)
    if is_missing.any():
        if column["fill"] is None:
            # Rows count from 1, and the header is row 1.
            row = int(np.flatnonzero(is_missing)[0])
            raise TableError(
                f"row {row + 2}, column {name!r}: no value.",
                expected="a number",
                remedy="fill it in",
            )
        numbers = np.where(is_missing, column["fill"], numbers)

    # What is not finite is refused below, whether or not the column is logarithmic.
    floor = column.get("log_floor")
    if floor is not None and np.isfinite(numbers).all():
        # In parts, as the logarithm needs ten times the memory of its numbers.
        numbers = np.maximum(numbers, floor)
        for start in range(0, len(numbers), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            numbers[part] = log(numbers[part])

    # Dividing may leave the range of a float32, which is then said with row and column.
    with np.errstate(over="ignore"):
        inputs[:, 0] = (numbers - column["mean"]) / column["scale"]
    is_finite = np.isfinite(inputs[:, 0])
    if not is_finite.all():
        row = int(np.flatnonzero(~is_finite)[0])
        raise TableError(
            f"row {row + 2}, column {name!r}: {given[row]} is too large.",
            expected="a number within the range of single precision",
            remedy="correct or remove it",
        )

    if column["missing_indicator"]:
        inputs[:, 1] = is_missing
    return inputs


def _numbers(
    name: str, reader: NumberReader, cells: Cells, trained: Mapping[str, Notation]
) -> NDArray[np.float64]:
    """The numbers (rows,) of a column, NaN where missing. Raises TableError for other text."""
    read = reader.read(name)
    if read is not None:
        return read[0]

    notation = trained.get(name, Notation())
    expected = f"a number such as {notation.example!r}" if notation.example else "a number"
    for row, cell in enumerate(cells):
        written = read_cell(cell)
        if written is None or written.unit not in (None, notation.unit):
            where = f"row {row + 2}, column {name!r}: {str(cell)[:60]!r}"
            problem = f"{where} is not a number."
            if written is not None:
                problem = f"{where} {_unit_problem(written, notation)}"
            raise TableError(problem, expected=expected, remedy="correct it")
    raise AssertionError("the reader found a cell that is no number")


def _unit_problem(written: WrittenNumber, notation: Notation) -> str:
    """What is wrong with a number of another unit than training had."""
    if not written.unit:
        return f"has no {notation.unit!r}, which training had."
    if not notation.unit:
        return f"has a {written.unit!r}, which training had not."
    return f"has a {written.unit!r} where training had {notation.unit!r}."


# Network inputs -> predictions

_Activation = Callable[[NDArray[np.float32]], NDArray[np.float32]]

ACTIVATIONS: dict[str, _Activation] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "tanh": np.tanh,
    # 1 / (1 + exp(-x)), in a form that cannot overflow
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
    # The tanh form of Hendrycks and Gimpel: Gaussian Error Linear Units (2016), section 2
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
}


def forward(
    weights: NDArray[np.float32], layers: Sequence[int], activation: str, x: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Outputs of a dense network, whose last layer is linear.

    Parameters
    ----------
    weights
        (D,), layer by layer: W of shape (out, in) row by row, then the bias (out,).
    layers
        Widths: network inputs first, outputs last.
    activation
        Of the hidden layers, a name in `ACTIVATIONS`.
    x
        (rows, inputs)

    Returns
    -------
    ndarray
        (rows, outputs)

    Raises
    ------
    TableError
        If ``layers`` need another number of weights, or for an unknown activation.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0]], dtype=np.float32)
    >>> forward(np.array([10.0, 100.0, 0.5], dtype=np.float32), [2, 1], "tanh", x)
    array([[210.5]], dtype=float32)
    """
    needed = _weights_of(layers)
    if weights.shape != (needed,) or activation not in ACTIVATIONS:
        names = ", ".join(ACTIVATIONS)
        raise TableError(
            f"weights {weights.shape} or activation {activation!r} do not fit the layers "
            f"{list(layers)}.",
            expected=f"({needed},) and one of {names}",
            remedy="export the model again",
        )
    return propagate(weights, layers, ACTIVATIONS[activation], x)


def propagate(
    weights: NDArray[np.float32],
    layers: Sequence[int],
    activation: _Activation,
    x: NDArray[np.float32],
) -> NDArray[np.float32]:
    """`forward` with any function as activation, and without its checks."""
    # Overflow is no error here: infinite outputs have an infinite loss.
    last = len(layers) - 2
    start = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for number, (inputs, outputs) in enumerate(pairwise(layers)):
            bias_start = start + inputs * outputs
            end = bias_start + outputs

            matrix = weights[start:bias_start].reshape(outputs, inputs)
            x = x @ matrix.T + weights[bias_start:end]
            if number < last:
                x = activation(x)
            start = end
    return x


def unscale(outputs: NDArray[Any], target: Mapping[str, Any]) -> NDArray[np.float64]:
    """Network outputs in the target's own unit.

    Parameters
    ----------
    outputs
        (rows, outputs)
    target
        The encoder's, as in model.json.

    Returns
    -------
    ndarray
        (rows,) for regression, (rows, targets) of several targets; (rows, classes), as they are,
        for classification.
    """
    values = np.asarray(outputs, dtype=np.float64)
    if target["kind"] == "classification":
        return values
    if target["kind"] == "regressions":
        # A whole number of JSON may be larger than NumPy's.
        scales = np.array(target["scales"], np.float64)
        offsets = np.array(target["offsets"], np.float64)
        return np.asarray(values * scales + offsets)
    return values.reshape(len(values)) * float(target["scale"]) + float(target["offset"])


def softmax(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities ``exp(o_c) / sum_c exp(o_c)`` of outputs (..., classes)."""
    # Less the largest output, which changes no quotient and cannot overflow.
    powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Model:
    """An exported model.

    Attributes
    ----------
    description
        model.json as read.
    weights
        (networks, D)
    """

    description: Mapping[str, Any]
    weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of a table.

    Attributes
    ----------
    values
        (rows,): amounts in the target's unit, or names of classes. (rows, targets): amounts, where
        there are several targets.
    probabilities
        (rows, classes); None for regression.
    classes
        Names of the classes, in the order of the probabilities; none for regression.
    targets
        Names of the targets, in the order of the columns of ``values``; none where there is one.
    unseen
        By column: the cells with what training has never seen. Categories are none of those that
        the networks know; of numbers and dates far outside, no network has learned anything.
    each
        What each network says by itself, where that was asked for: (networks, rows) amounts,
        (networks, rows, targets), or probabilities (networks, rows, classes).
    spread
        How far the networks are apart, where ``each`` is there: their standard deviation around the
        prediction, weighted as they are. (rows,) or (rows, targets) in the target's unit; of
        classes (rows,), that of the probability of the predicted class.
    """

    values: NDArray[np.float64] | NDArray[np.str_]
    probabilities: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    unseen: Mapping[str, Unseen] = field(default_factory=dict)
    each: NDArray[np.float64] | None = None
    spread: NDArray[np.float64] | None = None


# Files -> a model

# More than any model of Shoal has. What a header only claims to hold is never made room for.
_MAX_DESCRIPTION_BYTES = 32 * 2**20
_MAX_WEIGHTS = 2**28
_MAX_LAYERS = 100


def load_model(folder: str | os.PathLike[str]) -> Model:
    """Read an exported model.

    Parameters
    ----------
    folder
        The folder of ``model.json`` and ``weights.npz``.

    Raises
    ------
    TableError
        If a file is missing, damaged, or of a format that this file does not know.
    """
    folder = Path(folder)
    description = read_description(folder)
    _check_format(folder, description.get("format"))
    _check_kind(folder, description)
    _check_encoder(description)
    weights = read_weights(folder, description)
    _check_shares(description.get("shares"), len(weights))
    return Model(description, weights)


def read_description(folder: Path) -> dict[str, Any]:
    """What model.json says. Raises TableError if it is missing or no JSON object."""
    content = _content(folder / "model.json", _MAX_DESCRIPTION_BYTES)
    try:
        description = json.loads(content)
    # Lists in lists in lists end in the latter.
    except (ValueError, RecursionError) as error:
        raise _damaged("model.json", reason_of(error)) from None
    if not isinstance(description, dict):
        raise _damaged("model.json", f"it holds {shown(description)}")
    return description


def read_weights(folder: Path, description: Mapping[str, Any]) -> NDArray[np.float32]:
    """The weights (networks, D) of the networks that a description has.

    Parameters
    ----------
    folder
        The folder of ``weights.npz``.
    description
        What model.json says: ``layers``, ``activation`` and, if it is there, the number of
        ``networks`` and the ``weights_sha256`` of the file.

    Raises
    ------
    TableError
        If the layers are none, or the file is missing, damaged or of another model.
    """
    needed = size_of_network(description)
    content = _content(folder / "weights.npz", 8 * _MAX_WEIGHTS)

    # Earlier versions recorded none.
    digest = description.get("weights_sha256")
    if digest not in (None, hashlib.sha256(content).hexdigest()):
        raise _damaged("weights.npz", "it is not the file that model.json was written with")
    try:
        weights = _array(content, needed)
    except TableError:
        raise
    # An archive that is damaged has Python and NumPy raise errors of many kinds.
    except Exception as error:
        raise _damaged("weights.npz", reason_of(error)) from None

    if description.get("networks", len(weights)) != len(weights):
        raise _unfitting(f"{len(weights)} networks, but {shown(description['networks'])} expected")
    if not np.isfinite(weights).all():
        raise _damaged("weights.npz", "some weights are no finite numbers")
    return weights


def _content(path: Path, most: int) -> bytes:
    """The bytes of a file of a model. Raises TableError."""
    try:
        if path.stat().st_size > most:
            raise _damaged(path.name, f"it has over {most:,} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        raise TableError(
            f"{path} is missing.",
            expected="a folder that `shoal export` wrote",
            remedy="check the path, or export the model again",
        ) from None
    except OSError as error:
        raise _damaged(path.name, str(error.strerror)) from None


def _array(content: bytes, needed: int) -> NDArray[np.float32]:
    """The array "weights" (networks, ``needed``) of an npz file. Raises errors of many kinds."""

    def check(shape: tuple[int, ...]) -> None:
        if len(shape) != 2 or shape[0] < 1 or shape[1] != needed:
            raise _unfitting(f"weights {shape}, but (networks, {needed}) expected")

    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("weights.npy") as file:
        return read_array(file, check)


def read_array(
    file: IO[bytes], check: Callable[[tuple[int, ...]], None], kinds: str = "f"
) -> NDArray[np.float32]:
    """Read an array in NumPy's format. No room is made for more than the file has.

    Parameters
    ----------
    file
        At the beginning of the array.
    check
        Raises an error for a shape that will not do.
    kinds
        NumPy's letters for the kinds of numbers that will.

    Raises
    ------
    Exception
        Of many kinds, for what is damaged.
    """
    # The header first: it may claim any size.
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("another version of NumPy's format")
    shape, is_transposed, kind = np.lib.format.read_array_header_1_0(file)
    check(shape)
    if kind.kind not in kinds or not 0 <= math.prod(shape) <= _MAX_WEIGHTS:
        raise ValueError(f"{kind} {shape}")

    size = math.prod(shape) * kind.itemsize
    # One byte more, which is not there, has an archive compare its check sum.
    data = file.read(size + 1)
    if len(data) != size:
        raise ValueError("not as much data as its header says")

    order: Literal["F", "C"] = "F" if is_transposed else "C"
    with np.errstate(over="ignore"):
        weights = np.frombuffer(data, kind).reshape(shape, order=order).astype(np.float32)
    return np.ascontiguousarray(weights)


def size_of_network(description: Mapping[str, Any]) -> int:
    """How many weights the networks of a description have. Raises TableError."""
    layers: Any = description.get("layers")
    are_widths = isinstance(layers, list) and all(
        type(width) is int and 1 <= width <= _MAX_WEIGHTS for width in layers
    )
    if not are_widths or not 2 <= len(layers) <= _MAX_LAYERS:
        raise _wrong("layers", layers, f"2 to {_MAX_LAYERS} widths")

    activation = description.get("activation")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise _wrong("activation", activation, f"one of {', '.join(ACTIVATIONS)}")
    return _weights_of(layers)


def _weights_of(layers: Sequence[int]) -> int:
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(layers))


def _check_kind(folder: Path, description: Mapping[str, object]) -> None:
    if description.get("kind") == "policy":
        raise TableError(
            f"{folder} holds a policy, which acts in a simulation.",
            expected="a model that predicts rows of a table",
            remedy="`shoal play` lets the policy act, and so does its policy.py",
        )


def _check_format(folder: Path, model_format: object) -> None:
    if model_format not in FORMATS:
        raise TableError(
            f"{folder}: model format {shown(model_format)}.",
            expected=" or ".join(map(str, FORMATS)),
            remedy="use the predict.py exported with it",
        )


def is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a finite number."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    # An integer of more than 308 digits.
    except OverflowError:
        return False


def is_text(value: object) -> bool:
    """Whether a value of a JSON file is a text that can be written to a file."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_list_of(is_right: Callable[[Any], bool], value: object) -> bool:
    """Whether a value of a JSON file is a list of such values, at least of one."""
    return isinstance(value, list) and len(value) > 0 and all(map(is_right, value))


def _are_different(is_right: Callable[[Any], bool], value: Any) -> bool:
    return is_list_of(is_right, value) and len(set(value)) == len(value)


def _is_notation(value: Any) -> bool:
    names = ("decimal", "unit", "example")
    are_known = isinstance(value, dict) and all(name in names for name in value)
    return are_known and all(map(is_text, value.values())) and value.get("decimal", ".") in _MARKS


# What a field of a model has to be, and the words for it.
_Rule = tuple[Callable[[Any], bool], str]
_TRUE_OR_FALSE: _Rule = (lambda value: isinstance(value, bool), "true or false")
_TEXT: _Rule = (is_text, "a text")
_TEXTS: _Rule = (lambda value: is_list_of(is_text, value), "texts")
_NUMBER: _Rule = (is_number, "a finite number")
_NUMBERS: _Rule = (lambda value: is_list_of(is_number, value), "finite numbers")
_DIVISOR: _Rule = (lambda value: is_number(value) and value != 0, "a finite number other than 0")
_MAYBE_NUMBER: _Rule = (lambda value: value is None or is_number(value), "a finite number or null")
_MAYBE_POSITIVE: _Rule = (
    lambda value: value is None or (is_number(value) and value > 0),
    "a finite number above 0, or null",
)
_EXTENT: _Rule = (
    lambda value: (
        value is None or (is_list_of(is_number, value) and len(value) == 2 and value[0] <= value[1])
    ),
    "two finite numbers, the smaller first, or null",
)
_CYCLES_OF_DATES: _Rule = (
    lambda value: isinstance(value, list) and all(cycle in tuple(CYCLES) for cycle in value),
    f"some of {', '.join(CYCLES)}",
)
_LEVELS: _Rule = (
    lambda value: _are_different(lambda level: level is None or is_text(level), value),
    "different texts, and null for missing values",
)
_CLASSES: _Rule = (
    lambda value: _are_different(is_text, value) and len(value) > 1,
    "different texts, two or more",
)

# The fields of each kind of column and of target that `encode`, `unscale` and `predict` read.
_COLUMNS: dict[str, dict[str, _Rule]] = {
    "numeric": {
        "fill": _MAYBE_NUMBER,
        "mean": _NUMBER,
        "scale": _DIVISOR,
        "missing_indicator": _TRUE_OR_FALSE,
    },
    "categorical": {"levels": _LEVELS},
    "questions": {"thresholds": _NUMBERS, "missing_question": _TRUE_OR_FALSE},
    "date": {
        "reads": (lambda value: value in tuple(_MOMENTS), f"one of {', '.join(_MOMENTS)}"),
        "day_first": (
            lambda value: value is None or isinstance(value, bool),
            "true, false or null",
        ),
        "cycles": _CYCLES_OF_DATES,
        "days": _TRUE_OR_FALSE,
        "fill": _NUMBER,
        "mean": _NUMBER,
        "scale": _DIVISOR,
        "missing_indicator": _TRUE_OR_FALSE,
    },
}
# Those that came with later formats.
_LATER: dict[str, _Rule] = {
    "log_floor": _MAYBE_POSITIVE,
    "notation": (
        lambda value: value is None or _is_notation(value),
        "decimal, unit and example, or null",
    ),
    "truth": _TRUE_OR_FALSE,
    "whole": _TRUE_OR_FALSE,
    "extent": _EXTENT,
    "zones": _TEXTS,
}
_TARGETS: dict[str, dict[str, _Rule]] = {
    "regression": {"offset": _NUMBER, "scale": _NUMBER},
    "regressions": {"names": _TEXTS, "offsets": _NUMBERS, "scales": _NUMBERS},
    "classification": {"classes": _CLASSES},
}


def _check_encoder(description: Mapping[str, Any]) -> None:
    """Raise TableError unless the encoder is sound, and fits the layers."""
    layers: Any = description.get("layers")
    encoder = description.get("encoder")
    if not isinstance(encoder, dict):
        raise _wrong("encoder", encoder, "columns and a target")

    columns = encoder.get("columns")
    if not isinstance(columns, list) or not columns:
        raise _wrong("encoder.columns", columns, "a list of columns")
    for number, column in enumerate(columns):
        _check_fields(f"encoder.columns[{number}]", column, _COLUMNS)
        _check_field(f"encoder.columns[{number}]", column, "name", _TEXT)
        for field_name, rule in _LATER.items():
            if field_name in column:
                _check_field(f"encoder.columns[{number}]", column, field_name, rule)
        _check_scaling(f"encoder.columns[{number}]", column)

    target: Any = encoder.get("target")
    _check_fields("encoder.target", target, _TARGETS)
    outputs = [1]
    if target["kind"] == "classification":
        outputs = [len(target["classes"])]
    if target["kind"] == "regressions":
        outputs = [len(target[name]) for name in ("names", "offsets", "scales")]

    fits = isinstance(layers, list) and len(layers) > 0 and layers[0] == width(encoder)
    if not fits or any(count != layers[-1] for count in outputs):
        raise _unfitting(
            f"layers {shown(layers)}, but {width(encoder)} inputs and {outputs[0]} outputs"
        )


def _check_fields(place: str, value: Any, kinds: Mapping[str, Mapping[str, _Rule]]) -> None:
    """Raise TableError unless a value has the fields of one of these kinds."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise _wrong(f"{place}.kind", kind, f"one of {', '.join(kinds)}")
    for name, rule in kinds[kind].items():
        _check_field(place, value, name, rule)


def _check_field(place: str, values: Mapping[str, Any], name: str, rule: _Rule) -> None:
    is_right, expected = rule
    if name not in values or not is_right(values[name]):
        raise _wrong(f"{place}.{name}", values.get(name), expected)


def _check_scaling(place: str, column: Mapping[str, Any]) -> None:
    """Raise TableError for a scaling that makes no single precision of what is filled in, or of
    dates. What else is scaled is checked when it is there, as its row can be said then.
    """
    # Fields that a kind does not have are not checked, and nothing reads them.
    if "fill" not in _COLUMNS[column["kind"]] or column["fill"] is None:
        return
    fill = float(column["fill"])
    if column.get("log_floor") is not None:
        fill = math.log(max(fill, column["log_floor"]))

    scaled = [fill]
    if column["kind"] == "date":
        scaled += [-_FURTHEST_DAY, _FURTHEST_DAY]
    for number in scaled:
        if not abs((number - column["mean"]) / float(column["scale"])) <= _FLOAT32_MAX:
            expected = "numbers that it makes single precision of"
            raise _wrong(f"{place}.scale", column["scale"], expected)


def _check_shares(shares: Any, networks: int) -> None:
    """Raise TableError unless ``shares`` can be the weights of a mean of as many networks."""
    if shares is None:
        return
    are_weights = is_list_of(lambda share: is_number(share) and share >= 0, shares)
    if not are_weights or len(shares) != networks or not 0 < sum(shares) < math.inf:
        raise _wrong("shares", shares, f"{networks} numbers, none below 0 and not all 0")


def _wrong(place: str, value: object, expected: str) -> TableError:
    return TableError(
        f"model.json: {place} is {shown(value)}.", expected=expected, remedy=_EXPORT_AGAIN
    )


def _unfitting(what: str) -> TableError:
    return TableError(
        f"weights, layers and encoder do not fit each other: {what}.",
        expected="model.json and weights.npz of one export",
        remedy=_EXPORT_AGAIN,
    )


def _damaged(name: str, why: str) -> TableError:
    return TableError(
        f"the model cannot be read: {name}: {why}.",
        expected="model.json and weights.npz as `shoal export` wrote them",
        remedy=_EXPORT_AGAIN,
    )


def reason_of(error: Exception) -> str:
    """What an error of Python or of a library says, for a message: one line for people.

    Examples
    --------
    >>> reason_of(KeyError("no item named weights.npy")), reason_of(EOFError())
    ('no item named weights.npy', 'it is damaged')
    """
    text = str(error.args[0] if len(error.args) == 1 else error)
    line = _OF_PROGRAMMERS.sub("", " ".join(text.split()))
    return line[:200].rstrip(". ") or "it is damaged"


def shown(value: object) -> str:
    """A value of a JSON file for a message, shortened."""
    try:
        text = ascii(value)
    except RecursionError:
        return "lists in lists in lists"
    if len(text) > 60:
        return f"{text[:60]}..."
    return text


def predict(
    model: Model | str | os.PathLike[str],
    columns: Mapping[str, Cells],
    *,
    strict: bool = False,
    each: bool = False,
) -> Prediction:
    """Predict the rows of a table.

    Parameters
    ----------
    model
        A model, or its folder. Its networks' outputs (class probabilities, for classification) are
        averaged, weighted by the model's ``shares`` if it has such.
    columns
        The cells (rows,) of each column, by name. All columns of training have to be there.
    strict
        Refuse what training has never seen: categories, numbers and dates far outside of those of
        training, and missing values where it had none.
    each
        Keep what each network says by itself, and how far they are apart.

    Raises
    ------
    TableError
        If the model cannot be read, or the table does not fit it.
    """
    if not isinstance(model, Model):
        model = load_model(model)
    encoder = model.description["encoder"]
    try:
        inputs = Inputs(columns, encoder, by_look=True)
    except MemoryError:
        raise _too_little_memory() from None
    if strict:
        _refuse(inputs.unseen)
    prediction = predict_inputs(model, inputs.rows, inputs.of_rows, each=each)
    return replace(prediction, unseen=inputs.unseen)


def predict_inputs(
    model: Model,
    rows: int,
    of_rows: Callable[[slice], NDArray[np.float32]],
    *,
    each: bool = False,
) -> Prediction:
    """Predict rows whose network inputs are there, such as those of a prepared table.

    Parameters
    ----------
    model, each
        As of `predict`.
    rows
        How many.
    of_rows
        Gives the inputs (rows, inputs) of some of them.

    Raises
    ------
    TableError
        If a prediction is no finite number, or the memory does not suffice.
    """
    target = model.description["encoder"]["target"]
    try:
        means = []
        of_networks = []
        # At least once, so that no rows have outputs of the right shape.
        for start in range(0, max(1, rows), _ROWS_AT_ONCE):
            outputs = _outputs(model, target, of_rows(slice(start, start + _ROWS_AT_ONCE)))
            means.append(_mean_of(model, outputs))
            if each:
                of_networks.append(np.stack(outputs))
        mean = np.concatenate(means)
        apart = np.concatenate(of_networks, axis=1) if each else None
        _check_finite(mean)
        deviation = _deviation(model, apart, mean)
    except MemoryError:
        raise _too_little_memory() from None

    if target["kind"] != "classification":
        names = tuple(target.get("names", ()))
        return Prediction(mean, targets=names, each=apart, spread=deviation)

    classes = tuple(target["classes"])
    likeliest = mean.argmax(axis=1)
    if deviation is not None:
        deviation = deviation[np.arange(len(mean)), likeliest]
    values = np.array(classes, dtype=np.str_)[likeliest]
    return Prediction(values, mean, classes, each=apart, spread=deviation)


def _too_little_memory() -> TableError:
    return TableError(
        "the model and the rows need more memory than there is.",
        expected="fewer rows at once",
        remedy="split the table",
    )


def _refuse(unseen: Mapping[str, Unseen]) -> None:
    """Raise TableError if there are values that training has never seen."""
    for column, cells in unseen.items():
        raise TableError(
            cells.sentence(column),
            expected="categories of training, and numbers such as it had",
            remedy="correct the cells, or predict without --strict (strict=False)",
        )


def _outputs(
    model: Model, target: Mapping[str, Any], x: NDArray[np.float32]
) -> list[NDArray[np.float64]]:
    """What each of a model's networks says of inputs, in the target's unit or as shares."""
    description = model.description
    outputs = []
    # What overflows is refused afterwards.
    with np.errstate(all="ignore"):
        for weights in model.weights:
            output = forward(weights, description["layers"], description["activation"], x)
            outputs.append(unscale(output, target))
        if target["kind"] == "classification":
            outputs = [softmax(output) for output in outputs]
    return outputs


def _mean_of(model: Model, outputs: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean of the networks' outputs, weighted by the model's shares if it has such."""
    shares = model.description.get("shares")
    if shares is not None:
        shares = np.array(shares, np.float64)
    with np.errstate(all="ignore"):
        return np.asarray(np.average(outputs, axis=0, weights=shares))


def _deviation(
    model: Model, apart: NDArray[np.float64] | None, mean: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The standard deviation of the networks' outputs around their mean; None without them."""
    if apart is None:
        return None
    # Of the population: sqrt(sum_k share_k (output_k - mean)^2)
    return np.sqrt(_mean_of(model, list((apart - mean) ** 2)))


def _check_finite(values: NDArray[np.float64]) -> None:
    """Raise TableError unless all predictions (rows,) or (rows, ...) are finite."""
    is_finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not is_finite.all():
        row = int(np.flatnonzero(~is_finite)[0])
        raise TableError(
            f"row {row + 2}: its prediction is no finite number.",
            expected="values such as the model was trained on",
            remedy="correct or remove the row",
        )


# Command line


def escape(text: str) -> str:
    """Text that a spreadsheet will not run as a formula; numbers stay as they are.

    Examples
    --------
    >>> escape("=cmd()"), escape("-1"), escape("house")
    ("'=cmd()", '-1', 'house')
    """
    if text.startswith(_FORMULA_START) and to_number(text) is None:
        return "'" + text
    return text


def write_predictions(
    path: str | os.PathLike[str],
    prediction: Prediction,
    *,
    proba: bool = False,
    kept: Mapping[str, Cells] | None = None,
) -> None:
    """Write predictions as CSV, a line a row: the whole file or nothing.

    Parameters
    ----------
    path
        The file; one that is there is replaced, and so is one that a link leads to. A device or a
        pipe, such as /dev/stdout, is written to.
    prediction
        What to write. Where it has a ``spread``, that is written, too.
    proba
        Whether to add a column of probability for each class.
    kept
        Columns of the table that are written as they are, the cells (rows,) by name.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    target = Path(path)
    lines = prediction_lines(prediction, proba=proba, kept=kept)
    # A file in the place of a device would be harm to the whole machine.
    if target.exists() and not target.is_file():
        with target.open("w", newline="", encoding="utf-8") as device:
            csv.writer(device, lineterminator="\n").writerows(lines)
        return

    if target.is_symlink():
        target = target.resolve()
    _remove_abandoned(target)
    part, file = _new_part(target)
    try:
        with file:
            csv.writer(file, lineterminator="\n").writerows(lines)
            # On the disk before it gets its name: a crash leaves the whole file or none.
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                part.replace(target)
        # Windows renames no file that is open.
        if fcntl is None:  # pragma: no cover
            part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


# The end of the name of a file in the making.
_PART = ".part"


def _remove_abandoned(target: Path) -> None:
    """Remove what processes that were killed have left of a file.

    A file in the making is locked, by a lock that ends with its process. Windows removes no file
    that is open.
    """
    for part in target.parent.glob(f".{glob.escape(target.name)}.*{_PART}"):
        with suppress(OSError), part.open("r+b") as file:
            # Where there are no locks, nobody knows whether it is in use.
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
        if fcntl is None:  # pragma: no cover
            with suppress(OSError):
                part.unlink()


def _new_part(target: Path) -> tuple[Path, IO[str]]:
    """A file in the making, open and locked, and its path."""
    while True:
        # In the same folder, as only there it can be renamed in one step.
        part = target.with_name(f".{target.name}.{os.urandom(4).hex()}{_PART}")
        file = part.open("x", newline="", encoding="utf-8")
        if fcntl is not None:
            # Not all disks have locks.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Somebody may have taken it for abandoned before it was locked.
        if part.exists():
            return part, file
        file.close()


def kept_columns(columns: Mapping[str, Cells], names: str) -> dict[str, Cells]:
    """The columns of a table that are written beside its predictions.

    Parameters
    ----------
    columns
        The cells (rows,) of each column, by name.
    names
        Names with commas between them, "all", or an empty text for none.

    Raises
    ------
    TableError
        If the table has no such column.
    """
    if names.strip() == "all":
        return dict(columns)
    kept = {}
    for name in filter(None, map(str.strip, names.split(","))):
        if name not in columns:
            present = ", ".join(map(str, list(columns)[:20]))
            raise TableError(
                f"there is no column {name!r} to keep; there are: {present}.",
                expected="names of columns with commas between them, or all",
                remedy="correct --keep",
            )
        kept[name] = columns[name]
    return kept


def prediction_lines(
    prediction: Prediction,
    *,
    proba: bool = False,
    kept: Mapping[str, Cells] | None = None,
) -> Iterator[list[str]]:
    """The lines of `write_predictions`, the header first, as lists of cells.

    The first column is the row's number in its file, where the header is row 1.
    """
    kept = kept or {}
    columns: list[tuple[str, Any]] = []
    names = [f" {name}" for name in prediction.targets] or [""]
    for what, values in (("prediction", prediction.values), ("spread", prediction.spread)):
        if values is None:
            continue
        for name, column in zip(names, values.reshape(len(values), len(names)).T, strict=True):
            columns.append((f"{what}{name}", column))
    if proba and prediction.probabilities is not None:
        for name, column in zip(prediction.classes, prediction.probabilities.T, strict=True):
            columns.append((f"probability {name}", column))

    yield ["row", *map(escape, kept), *(name for name, _ in columns)]
    # Cells that are packed in pieces are quick in their order only.
    for row, *cells in zip(range(len(prediction.values)), *kept.values(), strict=True):
        line = [str(row + 2)]
        line += map(_kept_cell, cells)
        line += [_cell(column[row].item()) for _, column in columns]
        yield line


def _kept_cell(value: object) -> str:
    """A cell of the table, as text that no spreadsheet runs as a formula; empty for no value."""
    if isinstance(value, str):
        return escape(value)
    return escape(to_level(value) or "")


def _cell(value: float | str) -> str:
    if isinstance(value, float):
        return repr(value)
    return escape(value)


def main(argv: Sequence[str] | None = None) -> int:
    """Predict a CSV file.

    Parameters
    ----------
    argv
        The arguments; None: those of the process.

    Returns
    -------
    int
        The exit status: 0, or 2 with a message, and then nothing is written.
    """
    options = _parser().parse_args(argv)
    try:
        prediction, kept = _predict_file(options)
        write_predictions(options.out, prediction, proba=options.proba, kept=kept)
    except (TableError, OSError) as error:
        print(_printable(f"predict: {options.table}: {error}"), file=sys.stderr)
        return 2

    for column, cells in prediction.unseen.items():
        print(_printable(f"predict: {options.table}: {cells.sentence(column)}"), file=sys.stderr)
    # Standard output may be where the predictions are.
    place = sys.stdout if options.out.is_file() else sys.stderr
    print(_printable(f"{len(prediction.values)} predictions written to {options.out}"), file=place)
    return 0


def _printable(text: str) -> str:
    """A line that any terminal can show, and that commands none."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def _predict_file(options: argparse.Namespace) -> tuple[Prediction, dict[str, Cells]]:
    """The predictions of a file, and its columns that are written beside them."""
    table, out = options.table, options.out
    model = load_model(options.model)
    if table.stat().st_size > MAX_BYTES:
        raise TableError(
            "the file is too large.", expected=f"at most {MAX_BYTES:,} bytes", remedy="split it"
        )
    if out.exists() and out.samefile(table):
        raise TableError(
            "--out is the table itself.", expected="another file", remedy="choose another name"
        )
    encoding = None
    if options.file_encoding is not None:
        encoding = find_encoding(options.file_encoding)
    with table.open("rb") as file:
        columns = read_csv(file, encoding=encoding)
    kept = kept_columns(columns, options.keep)
    return predict(model, columns, strict=options.strict, each=options.spread), kept


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Predict the rows of a CSV table with an exported Shoal model."
    )

    parser.add_argument(
        "table", type=Path, help="CSV file with the columns that the model was trained on"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("predictions.csv"), help="default: predictions.csv"
    )
    parser.add_argument(
        "--proba", action="store_true", help="add a column of probability for each class"
    )
    parser.add_argument("--spread", action="store_true", help="add how far the networks are apart")
    parser.add_argument(
        "--keep",
        default="",
        metavar="COL,COL",
        help="columns of the table to write beside the predictions, or all",
    )
    parser.add_argument("--strict", action="store_true", help="refuse what training has never seen")
    parser.add_argument(
        "--file-encoding",
        metavar="NAME",
        help="the table's text encoding, such as cp1251; default: recognised",
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=Path(__file__).resolve().parent,
        help="default: beside this file",
    )

    return parser


if __name__ == "__main__":
    raise SystemExit(main())
