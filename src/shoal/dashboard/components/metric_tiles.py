"""The few figures that a page begins with, side by side; and how far it is."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st


def metric_tiles(values: Iterable[tuple[str, str, str]]) -> None:
    """(what it is, the figure, what is to be said of it) of each."""
    st.html(metric_tiles_html(values))


def metric_tiles_html(values: Iterable[tuple[str, str, str]]) -> str:
    """One element for all of them: Streamlit's own ``metric`` is a dozen each, which a browser draws anew at every refresh."""
    told = (
        (escape(label), escape(value), f"<dd>{escape(below)}</dd>" if below else "")
        for label, value, below in values
    )
    shown = "".join(
        f"<div><dt>{label}</dt><dd><b>{value}</b></dd>{below}</div>" for label, value, below in told
    )
    return f'<dl class="tiles">{shown}</dl>'


def progress_bar_html(share: float, text: str, below: str) -> str:
    """How much of it is done, 0 to 1, with words above and below; ``below`` is HTML."""
    done = f"{100 * share:.1f}"
    bar = f'<div role="progressbar" aria-valuenow="{done}" aria-label="{escape(text)}"><i style="width: {done}%"></i></div>'
    return f'<div class="pulse"><p>{escape(text)}</p>{bar}<p>{below}</p></div>'
