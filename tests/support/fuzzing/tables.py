"""Tables: the reader of files, the reader of large ones, `shoal check`, and what predictions read.

An input is two bytes, which choose the file's suffix and the options, and then the file.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from shoal.cli.tables import findings_table
from shoal.cli.terminal import Terminal
from shoal.data import CanonicalTable, from_parquet, to_parquet
from shoal.data.arrow_csv import ArrowReader
from shoal.data.column_profile import column_facts
from shoal.data.diagnostics import check_table
from shoal.data.preparation import prepare
from shoal.data.table_io import read_cells, read_table
from shoal.errors import ShoalError
from shoal.inference import standalone
from shoal.inference.standalone import PieceReader, TableError, UnusualFileError
from support.fuzzing.targets import Finding, Target, check_sentence, damaged, scratch

# What files are said to be in.
NAMED = ("utf-8", "cp1252", "cp1251", "utf-16-le", "utf-16", "gb18030", "shift_jis", "utf-7")

SUFFIXES = (".csv", ".csv", ".csv", ".tsv", ".txt", ".dat", ".json", ".xlsx", ".parquet", "")

# With these, files of 600 bytes have pieces. They are to each other as they are in large files.
_SMALL = {
    "_HEAD": 64,
    "_SNIFFED_ROWS": 5,
    "_TRIED_ROWS": 3,
    "_SEARCHED_ROWS": 8,
    "_BEGINNING_BYTES": 256,
    "_BEGINNING_LINES": 10,
}
_PIECE_BYTES = 512

# How `shoal check` may be asked; a column stands for its name in braces.
_ASKED: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"preset": "classic"},
    {"same": "all"},
    {"folds": 1},
    {"folds": 3, "group": "{}"},
    {"drop": ("{}",)},
    {"order": "{}"},
    {"weight": "{}"},
    {"columns": ("{}",)},
    {"encoding": "questions"},
    {"task": "classification"},
    {"task": "regression"},
)


def run(data: bytes) -> None:
    """Read the file in every way; what is read has to be the same."""
    choice, content = data[:2].ljust(2, b"\0"), data[2:]
    path = scratch() / f"table{SUFFIXES[choice[0] % len(SUFFIXES)]}"
    path.write_bytes(content)
    table = _refused_or(lambda: read_table(path)[1])
    cells = _refused_or(lambda: read_cells(path))

    _check_pieces(content)
    _check_named(content, NAMED[choice[1] % len(NAMED)])
    if (table is None) != (cells is None):
        raise Finding("a table is read for a search, and not for a prediction, or the reverse")
    if table is not None and cells is not None:
        # What takes most of the time is asked of some inputs only.
        if choice[0] & 64:
            _check_is_kept(table)
        _check(table, cells, choice[1])
        if choice[0] & 128:
            _check_is_shown(table)


def _refused_or(read: Any) -> Any:
    """What is read; None if it is refused in a sentence."""
    try:
        return read()
    except (ShoalError, TableError) as error:
        check_sentence(str(error))
        return None


def _check_is_kept(table: CanonicalTable) -> None:
    """Check that a store gives the table back."""
    kept = _refused_or(lambda: to_parquet(table, with_messages=True))
    if kept is not None and to_parquet(from_parquet(kept), with_messages=True) != kept:
        raise Finding("a table that was stored is another one")


def _check_pieces(content: bytes) -> None:
    """Check that a large file is read piece by piece as it is as a whole."""
    with small_beginnings():
        whole: Any = None
        for reader in (PieceReader(_PIECE_BYTES), ArrowReader(_PIECE_BYTES)):
            try:
                pieces = _everything(lambda reader=reader: reader.read(io.BytesIO(content)))
            except UnusualFileError:
                continue
            if whole is None:
                whole = _everything(lambda: standalone.parse_csv(standalone.decode(content)))
            if pieces != whole:
                raise Finding("a file in pieces is another one")


def _check_named(content: bytes, encoding: str) -> None:
    """Check that a large file in an encoding that was named is read as it is as a whole."""
    with small_beginnings():
        whole = _everything(
            lambda: standalone.parse_csv(standalone.decode(content, encoding)),
        )
        read = standalone.read_csv
        pieces = _everything(lambda: read(io.BytesIO(content), PieceReader(_PIECE_BYTES), encoding))
    if pieces != whole:
        raise Finding(f"a file in {encoding} is another one in pieces")
    if isinstance(whole, str):
        check_sentence(whole)


@contextmanager
def small_beginnings() -> Iterator[None]:
    """Files of a few lines are looked at as large ones are."""
    with mock.patch.multiple(standalone, **_SMALL):
        yield


def _everything(read: Callable[[], Any]) -> Any:
    """All that becomes of the columns of a file, or what is wrong with it."""
    try:
        columns = read()
    except TableError as error:
        return str(error)
    table = CanonicalTable.from_texts(columns)
    cells = {name: [*column] for name, column in columns.items()}
    written = [repr(table.written(name)) for name in table.columns]
    return cells, columns.separator, table.frame.to_json(), written, table.left_out


def _check(table: CanonicalTable, cells: Any, choice: int) -> None:
    """What `shoal check` says, and the inputs of networks at training and at prediction."""
    names = table.columns
    asked: dict[str, Any] = {}
    for option, value in _ASKED[choice % len(_ASKED)].items():
        other = names[choice // 3 % len(names)]
        asked[option] = json.loads(json.dumps(value).replace("{}", json.dumps(other)[1:-1]))
    target = names[-1 - choice // len(_ASKED) % min(2, len(names))]

    facts = column_facts(table)
    checked = check_table("table", table, target, facts=facts, **asked)
    for finding in checked.findings:
        check_sentence(finding.what, has_remedy=False)
        if finding.remedy:
            check_sentence(f"{finding.remedy}.", has_remedy=False)
        json.dumps(finding.to_dict(), allow_nan=False)

    data = checked.dataset
    if data is None:
        return
    for part in (data.train, data.validation, data.test):
        if part is not None and not (np.isfinite(part.x).all() and np.isfinite(part.y).all()):
            raise Finding("networks are given what is no number")
    if data.table is None or not data.options.scales_inputs:
        return
    _check_same_inputs(data, cells)
    if choice & 128:
        _check_same_after_storing(data)


def _check_is_shown(table: CanonicalTable) -> None:
    """Check that a terminal can show what is found."""
    facts = column_facts(table)
    found = check_table("table", table, table.columns[-1], facts=facts).findings
    Terminal(file=io.StringIO(), width=80).print(findings_table(facts, found))


def _check_same_inputs(data: Any, cells: Any) -> None:
    """Check that what trained a network is what predicts, and what a resumed run trains."""
    encoder = json.loads(json.dumps(data.encoder.to_dict(), allow_nan=False))
    inputs = standalone.encode(cells, encoder)
    # By value: a cell of -0 is an integer in training, which has no sign.
    if not np.array_equal(inputs[data.train.rows], data.train.x):
        raise Finding("a row has other inputs at prediction than it had at training")


def _check_same_after_storing(data: Any) -> None:
    """Check that what is trained in a process of its own is what was checked here."""
    kept = from_parquet(to_parquet(data.table))
    again = prepare(data.name, kept, data.options)
    if again.train.x.tobytes() != data.train.x.tobytes():
        raise Finding("a stored table trains on other inputs")


# Seeds

CELLS = (
    *("1", "2.50", "-3", "1e3", "x", "", "NA", "nan", "inf", "-0", "1e400", "1e-400", "0x1F"),
    *("1.234", "1.234,50", "1,5", "1,234", "12 %", "5 %", "$5", "(5)", "5-", "−5", "1,5D+03"),
    *("3 kg", "€ 4,20", "1’000", "1_0", "+4", "nan(1)", "12345678901234567890", "9007199254740993"),
    *("2024-01-31", "31.1.2024", "1/2/24", "12:30", "3 days 04:30:00", "2024-13-05", "TRUE"),
    *("yes", "no", "True", "false", "none", "-", "?", '"a"', '"a, b"', '"line\nbreak"', '"x""y"'),
    *("ß", "gr\xfcn", "=cmd()", "#", "# note", "sep=;", "\ufeff", "\u200b", " ", "\t", "1.", ".5"),
    *("Infinity", "1" * 400, "1e39", "٣", "²", "Ⅷ", "1\u00a0234", "0 0", "00:00", "day 5"),
)
_ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-16-le")


def _column(kind: str, rows: int) -> list[str]:
    draw = Random(kind)
    ways: dict[str, Any] = {
        "numbers": lambda row: repr(round(draw.gauss(0, 100), row % 7)),
        "whole": lambda row: str(draw.randint(-5, 500)),
        "german": lambda row: f"{draw.uniform(0, 9999):_.2f}".replace(".", ",").replace("_", "."),
        "percent": lambda row: f"{draw.uniform(0, 100):.1f} %",
        "money": lambda row: f"${draw.uniform(0, 9999):,.2f}",
        "unsure": lambda row: f"{draw.randint(1, 9)}.{draw.randint(100, 999)}",
        "words": lambda row: draw.choice(["red", "green", "blue"]),
        "truth": lambda row: draw.choice(["TRUE", "FALSE"]),
        "dates": lambda row: f"2024-0{row % 9 + 1}-1{draw.randint(0, 9)}",
        "times": lambda row: f"{draw.randint(0, 23)}:{draw.randint(10, 59)}",
        "gaps": lambda row: draw.choice(["", "NA", "-999", "1.5", "2.5", "7"]),
        "quoted": lambda row: draw.choice(['"a, b"', '"line\nbreak"', '"x""y"', "z"]),
        "ids": lambda row: str(10**16 + row),
    }
    return [ways[kind](row) for row in range(rows)]


_SEEDS = (
    (",", "utf-8", ("numbers", "words", "whole")),
    (";", "utf-8", ("german", "truth", "german", "numbers")),
    ("\t", "utf-8-sig", ("percent", "gaps", "dates", "words")),
    ("|", "utf-8", ("money", "unsure", "numbers")),
    (",", "cp1252", ("quoted", "times", "numbers", "whole")),
    (",", "utf-16", ("dates", "ids", "words", "truth")),
)


def seeds() -> list[bytes]:
    """Small tables in many notations, some of which are long enough to have pieces."""
    found = []
    for number, (separator, encoding, kinds) in enumerate(_SEEDS):
        for rows in (12, 60):
            columns = [_column(kind, rows) for kind in kinds]
            lines = [separator.join(f"c{i}" for i in range(len(kinds)))]
            lines += map(separator.join, zip(*columns, strict=True))
            text = "\n".join([*lines, ""])
            found.append(bytes([0, 17 * number + rows]) + text.encode(encoding))

    frame = pd.DataFrame({"a": range(12), "b": ["x", "y", None] * 4, "c": np.linspace(0, 1, 12)})
    frame["d"] = pd.date_range("2024-01-01", periods=12)
    frame["e"] = pd.Categorical(["u", "v"] * 6)
    for compression in ("snappy", "none"):
        buffer = io.BytesIO()
        frame.to_parquet(buffer, compression=None if compression == "none" else compression)
        found.append(bytes([8, 1]) + buffer.getvalue())
    return found


def mutate(data: bytes, random: Random) -> bytes:
    """Another file: other cells, rows, columns, separators, lines above, encodings or bytes."""
    head, content = data[:2].ljust(2, b"\0"), data[2:]
    way = random.randrange(8)
    if way == 0:
        head = bytes([random.randrange(256), random.randrange(256)])
    if way < 2 or content.startswith(b"PAR1"):
        return head + damaged(content, random)

    text = content.decode("utf-8", "surrogateescape")
    separator = max(standalone.SEPARATORS, key=text.count)
    lines = text.split("\n")
    row = random.randrange(len(lines))
    if way == 2:
        cells = lines[row].split(separator)
        cells[random.randrange(len(cells))] = random.choice(CELLS)
        lines[row] = separator.join(cells)
    elif way == 3:
        _change_column(lines, separator, random)
    elif way == 4:
        end = row + random.randint(1, 8)
        lines[row:row] = lines[row:end] * random.randint(1, 4)
    elif way == 5:
        del lines[row : row + random.randint(1, 4)]
    elif way == 6:
        lines.insert(random.choice([0, row]), random.choice(CELLS))
    text = "\n".join(lines)

    if way == 7:
        encoding = random.choice(_ENCODINGS)
        text = text.replace(separator, random.choice(standalone.SEPARATORS))
        return head + text.encode("utf-8", "surrogateescape").decode(errors="replace").encode(
            encoding, "replace"
        )
    return head + text.encode("utf-8", "surrogateescape")


def _change_column(lines: list[str], separator: str, random: Random) -> None:
    """Give all rows of a column other cells, but for the header now and then."""
    place = random.randrange(lines[0].count(separator) + 1)
    cells = random.sample(CELLS, random.choice([1, 2, 5]))
    for row in range(random.randint(0, 1), len(lines)):
        own = lines[row].split(separator)
        if place < len(own):
            own[place] = random.choice(cells)
        lines[row] = separator.join(own)


TARGET = Target(
    "tables",
    run,
    seeds,
    mutate,
    words=tuple(cell.encode() for cell in CELLS),
)
