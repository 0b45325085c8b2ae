"""Small tables of a page, as HTML: text stays text, links are links, and a browser has nothing to learn before it draws one.

Streamlit's own table is a drawing, whose code alone takes a browser a quarter of a second. It stays where cells are edited, and
where rows are sorted that are too many to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

_SHORT, _LONGEST = (
    28,
    300,
)  # characters: what is longer is broken into lines; the rest is told to who points at it
_CLASS = {name: f' class="{name}"' for name in ("n", "long")}


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is shown.

    ``form``: of its numbers, as `format` takes it. ``help``: what its name says when pointed at. ``page``: the address that a
    value leads to; ``text``: what stands there in the value's place.
    """

    form: str = ""
    help: str = ""
    page: Callable[[Any], str] | None = None
    text: Callable[[Any], str] | None = None


def html_table(
    frame: pd.DataFrame, key: str, columns: Mapping[str, Column | str] | None = None
) -> None:
    """The table, without its index. ``columns``: a `Column`, or its form alone; those not named are shown as they are."""
    with st.container(key=f"grid-{key}"):
        st.html(table_html(frame, columns or {}))


def table_html(frame: pd.DataFrame, columns: Mapping[str, Column | str]) -> str:
    """Numbers to the right, a dash for what is missing, yes and no for what is true or not."""
    heads, cells = [], []
    for name, values in frame.items():
        told = columns.get(str(name), "")
        column = Column(told) if isinstance(told, str) else told
        is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        title = f' title="{escape(column.help)}"' if column.help else ""
        heads.append(
            f"<th{_CLASS['n'] if is_number else ''}{title}>{escape(str(name).strip())}</th>"
        )
        cells.append([_cell(value, column, is_number) for value in values])
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    return (
        f'<table class="grid"><thead><tr>{"".join(heads)}</tr></thead><tbody>{body}</tbody></table>'
    )


def _cell(value: Any, column: Column, is_number: bool) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        text = "–"
    elif column.text is not None:
        text = column.text(value)
    elif pd.api.types.is_bool(value):
        text = "yes" if value else "no"
    else:
        text = value if isinstance(value, str) else format(value, column.form)
    look = _CLASS["n"] if is_number else _CLASS["long"] if len(text) > _SHORT else ""
    if len(text) > _LONGEST:
        look += f' title="{escape(text)}"'
        text = f"{text[: _LONGEST - 1]}…"
    shown = escape(text)
    if column.page is not None:
        shown = f'<a href="{escape(column.page(value))}" target="_self">{shown}</a>'
    return f"<td{look}>{shown}</td>"
