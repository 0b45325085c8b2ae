"""Pieces that messages about tables are made of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from shoal.data.canonical import CanonicalTable
from shoal.errors import DataError
from shoal.inference.standalone import to_number

# Column names that a message lists.
_LISTED_COLUMNS = 30

# What may separate names in a file whose separator is not known, and what may stand around one.
_BETWEEN_NAMES = re.compile(r"[^\w.()-]")
_AROUND_NAMES = " '\"`#\u2018\u2019\u201c\u201d\u200b\ufeff"


def count_of(number: int, noun: str, plural_ending: str = "s") -> str:
    """A number of things.

    Examples
    --------
    >>> count_of(1, "row"), count_of(1030, "row"), count_of(2, "class", "es")
    ('1 row', '1,030 rows', '2 classes')
    """
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{plural_ending}"


def first_few(items: Sequence[str], most: int) -> str:
    """The first items, and how many more there are.

    Examples
    --------
    >>> first_few(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:most])
    if len(items) > most:
        return f"{shown} and {len(items) - most} more"
    return shown


def list_columns(table: CanonicalTable) -> str:
    """Names of the table's columns, the first few of them."""
    return first_few(table.columns, _LISTED_COLUMNS)


def check_has_column(name: str, table: CanonicalTable, column: str) -> None:
    """Check that the table called ``name`` has a column.

    Raises
    ------
    DataError
        With the name that is nearest to ``column``, if one is near.
    """
    if column in table:
        return

    remedy = "check the spelling"
    if len(table.columns) == 1 and _BETWEEN_NAMES.search(table.columns[0]):
        remedy = "separate the columns of a CSV file by , ; tab or |, with no quotes around rows"
    elif any(to_number(other) is not None for other in table.columns):
        remedy += ", or add a row of column names on top if the first row has none"

    hint = ""
    near = _nearest(table.columns, column)
    if near:
        hint = f" Did you mean {near!r}?"
    raise DataError(
        f"{name}: there is no column {column!r}.{hint}",
        expected=f"one of {list_columns(table)}",
        remedy=remedy,
    )


def _nearest(columns: Sequence[str], column: str) -> str | None:
    """The name that is most like another; it may differ in quotes and what cannot be seen."""
    for name in columns:
        if name.strip(_AROUND_NAMES).casefold() == column.casefold():
            return name
    return next(iter(difflib.get_close_matches(column, columns)), None)
