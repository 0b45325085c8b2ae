"""Tables of Markdown that fit into 100 columns, as reports of docs/ are kept.

A table whose rows are longer becomes a list table of MyST, which the site draws as a table.
"""

from __future__ import annotations

import re
import textwrap

COLUMNS = 100


def fit_tables(text: str) -> str:
    """Rewrite the tables of a text that have rows of more than 100 columns.

    Parameters
    ----------
    text
        Markdown, whose code blocks hold no tables.

    Returns
    -------
    str
        The same with list tables in their places.
    """
    return re.sub(r"(?:^\|.*\n)+", _fit, text, flags=re.MULTILINE)


def _fit(found: re.Match[str]) -> str:
    """One table, rewritten if it is too wide."""
    rows = found.group().splitlines()
    if all(len(row) <= COLUMNS for row in rows):
        return found.group()

    lines = ["```{list-table}", ":header-rows: 1", ""]
    # The second row parts the head from the body.
    for row in (rows[0], *rows[2:]):
        for number, cell in enumerate(_cells(row)):
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
