"""Small tables as HTML: text stays text, links are links, and a browser draws them at once.

Streamlit's own table is a drawing, whose code alone takes a browser a quarter of a second. It stays
where cells are edited, and where rows are sorted that are too many to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from shoal.dashboard.components.words import explained_html

# Texts with more characters than this are broken into lines.
_LONG = 28

# Longer texts are cut off; the whole text is shown when the cell is pointed at.
_LONGEST = 300

# Class attributes of cells: classes of the style sheet.
_NUMBER_CLASS = ' class="n"'
_LONG_CLASS = ' class="long"'


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is shown.

    Attributes
    ----------
    form
        The format of its values, as `format` takes it, such as ".2f".
    help
        What its name means here. Without it, the name is looked up in the glossary.
    page
        Makes of a value the address to which its cell leads.
    text
        Makes of a value the text of its cell.
    """

    form: str = ""
    help: str = ""
    page: Callable[[Any], str] | None = None
    text: Callable[[Any], str] | None = None


def html_table(
    frame: pd.DataFrame, key: str, columns: Mapping[str, Column | str] | None = None
) -> None:
    """Show a table, without its index.

    Parameters
    ----------
    frame
        The table.
    key
        Names its container on the page.
    columns
        How columns are shown: a `Column`, or the format of its values. A column that is not named
        here is shown as it is.
    """
    with st.container(key=f"grid-{key}"):
        names = ", ".join(str(name).strip() for name in frame.columns)
        st.html(scrollable_html(table_html(frame, columns or {}), f"Table: {names}"))


def table_html(frame: pd.DataFrame, columns: Mapping[str, Column | str]) -> str:
    """The HTML of `html_table`.

    Numbers stand on the right. A missing value is a dash, a truth value is yes or no.
    """
    heads = []
    cells = []
    for name, values in frame.items():
        column = _column(columns.get(str(name), ""))
        is_number = _is_number(values)
        heads.append(_head_html(str(name), column, is_number))
        cells.append([_cell_html(value, column, is_number) for value in values])

    # Cells were made column by column, as a column decides how its cells look.
    head = "".join(heads)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    return f'<table class="grid"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def scrollable_html(table: str, name: str) -> str:
    """A table in a box that scrolls sideways, also by the keys of arrows.

    Parameters
    ----------
    table
        The table's HTML.
    name
        What a screen reader calls the box. It is escaped.
    """
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-label="{escape(name)}">{table}</div>'
    )


def _column(given: Column | str) -> Column:
    if isinstance(given, Column):
        return given
    return Column(given)


def _is_number(values: pd.Series) -> bool:
    # To pandas, truth values are numbers.
    types = pd.api.types
    return types.is_numeric_dtype(values) and not types.is_bool_dtype(values)


def _head_html(name: str, column: Column, is_number: bool) -> str:
    attributes = ""
    if is_number:
        attributes += _NUMBER_CLASS
    # A column without a name has no head that a screen reader could read.
    if not name.strip():
        return f"<td{attributes}></td>"
    return f"<th{attributes}>{explained_html(name, column.help)}</th>"


def _cell_html(value: Any, column: Column, is_number: bool) -> str:
    text = _cell_text(value, column)
    attributes = ""
    if is_number:
        attributes = _NUMBER_CLASS
    elif len(text) > _LONG:
        attributes = _LONG_CLASS

    if len(text) > _LONGEST:
        attributes += f' title="{escape(text)}"'
        text = f"{text[: _LONGEST - 1]}…"

    content = escape(text)
    # The link opens in the same tab, as other links of the page do.
    if column.page is not None:
        address = escape(column.page(value))
        content = f'<a href="{address}" target="_self">{content}</a>'
    return f"<td{attributes}>{content}</td>"


def _cell_text(value: Any, column: Column) -> str:
    # A cell may hold a list or a dictionary, of which `isna` would make an array.
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "–"
    if column.text is not None:
        return column.text(value)
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return format(value, column.form)
