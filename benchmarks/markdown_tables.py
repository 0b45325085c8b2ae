"""Tables of Markdown that fit into 100 columns, as reports of docs/ are kept.

A table whose rows are longer is turned, so that its columns become rows, or parted into several
tables with the same first column. A table of sentences becomes a list table of MyST, which the site
draws as a table. GitHub does not, so that it is the last resort.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

COLUMNS = 100
# A table with a longer cell holds sentences. Parts of it would be hard to read.
LONGEST_CELL = 45
MOST_PARTS = 4

Rows = list[list[str]]


def fit_tables(text: str) -> str:
    """Rewrite the tables of a text that have rows of more than 100 columns.

    Parameters
    ----------
    text
        Markdown, whose code blocks hold no tables.

    Returns
    -------
    str
        The same with narrower tables, or list tables, in their places.
    """
    return re.sub(r"(?:^\|.*\n)+", _fit, text, flags=re.MULTILINE)


def _fit(found: re.Match[str]) -> str:
    """One table, rewritten if it is too wide."""
    lines = found.group().splitlines()
    if all(len(line) <= COLUMNS for line in lines):
        return found.group()

    # The second row parts the head from the body.
    rows = [_cells(line) for line in (lines[0], *lines[2:])]
    parts = _narrower(rows)
    if parts is None:
        return _list_table(rows)
    return "\n".join(_pipe_table(part) for part in parts)


def _narrower(rows: Rows) -> list[Rows] | None:
    """The table turned or parted, whatever gives fewer tables. None: it cannot be read so."""
    if max(len(cell) for row in rows for cell in row) > LONGEST_CELL:
        return None

    turned = [list(column) for column in zip(*rows, strict=True)]
    forms = [form for form in (rows, turned) if _has_distinct_names(form)] or [_numbered(rows)]
    choices = [parts for parts in map(_parted, forms) if parts is not None]
    return min(choices, key=len, default=None)


def _has_distinct_names(rows: Rows) -> bool:
    """Whether the first column says which row is which, in every part of the table."""
    names = [row[0] for row in rows[1:]]
    return len(set(names)) == len(names)


def _numbered(rows: Rows) -> Rows:
    """The table with a first column of numbers."""
    head, *others = rows
    return [["#", *head], *([str(number), *row] for number, row in enumerate(others, 1))]


def _parted(rows: Rows) -> list[Rows] | None:
    """Tables with the same first column that hold the others between them, or None."""
    columns = range(1, len(rows[0]))
    for count in range(1, min(MOST_PARTS, len(columns)) + 1):
        groups = [_share(columns, part, count) for part in range(count)]
        if all(_width(rows, group) <= COLUMNS for group in groups):
            return [_with_columns(rows, group) for group in groups]
    return None


def _share(columns: Sequence[int], part: int, count: int) -> Sequence[int]:
    """The columns of one of several parts, which have as many each, or one more."""
    return columns[part * len(columns) // count : (part + 1) * len(columns) // count]


def _with_columns(rows: Rows, group: Sequence[int]) -> Rows:
    """The first column, and those of a group."""
    return [[row[0], *(row[column] for column in group)] for row in rows]


def _width(rows: Rows, group: Sequence[int]) -> int:
    """The longest line of a table with these columns."""
    return max(len(line) for line in _pipe_table(_with_columns(rows, group)).splitlines())


def _pipe_table(rows: Rows) -> str:
    """A table as all renderers of Markdown draw it."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    # An empty cell has one space.
    lines = [line.replace("|  |", "| |") for line in lines]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join([*lines, ""])


def _list_table(rows: Rows) -> str:
    """A table as MyST draws it."""
    lines = ["```{list-table}", ":header-rows: 1", ""]
    for row in rows:
        for number, cell in enumerate(row):
            lines += _item(cell, "* - " if number == 0 else "  - ")
    return "\n".join([*lines, "```", ""])


def _cells(row: str) -> list[str]:
    """The cells of a row. A bar behind a backslash belongs to its cell."""
    inner = row.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def _item(cell: str, mark: str) -> list[str]:
    """A cell as an item of a list, on lines of 100 columns."""
    if not cell:
        return [mark.rstrip()]
    return textwrap.wrap(
        cell,
        COLUMNS,
        initial_indent=mark,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
