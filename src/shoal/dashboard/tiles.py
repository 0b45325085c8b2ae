"""The few figures that a page begins with, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st


def tiles(values: Iterable[tuple[str, str, str]]) -> None:
    """(what it is, the figure, what is to be said of it) of each."""
    st.html(tiles_html(values))


def tiles_html(values: Iterable[tuple[str, str, str]]) -> str:
    """One element for all of them: Streamlit's own ``metric`` is a dozen each, which a browser draws anew at every refresh."""
    told = (
        (escape(label), escape(value), f"<dd>{escape(below)}</dd>" if below else "") for label, value, below in values
    )
    shown = "".join(f"<div><dt>{label}</dt><dd><b>{value}</b></dd>{below}</div>" for label, value, below in told)
    return f'<dl class="tiles">{shown}</dl>'
