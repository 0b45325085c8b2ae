"""Pieces that messages about tables are made of."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from shoal.data.canonical import CanonicalTable
from shoal.errors import DataError

# Column names that a message lists.
_LISTED_COLUMNS = 30


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

    hint = ""
    near = difflib.get_close_matches(column, table.columns)
    if near:
        hint = f" Did you mean {near[0]!r}?"
    raise DataError(
        f"{name}: there is no column {column!r}.{hint}",
        expected=f"one of {list_columns(table)}",
        remedy="check the spelling",
    )
