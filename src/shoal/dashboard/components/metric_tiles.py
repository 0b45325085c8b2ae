"""The few figures that a page begins with, side by side; and a bar for the progress of a run.

Each is one HTML element. Streamlit's own ``metric`` is a dozen elements, and a browser draws all of
them anew at every refresh.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st

from shoal.dashboard.components.words import explained_html


def metric_tiles(tiles: Iterable[tuple[str, str, str]]) -> None:
    """Show figures side by side: of each its label, the figure, and a note that may be empty."""
    st.html(metric_tiles_html(tiles))


def metric_tiles_html(tiles: Iterable[tuple[str, str, str]]) -> str:
    """The HTML of `metric_tiles`. All texts are escaped; labels say what they mean."""
    items = "".join(_tile_html(label, figure, note) for label, figure, note in tiles)
    return f'<dl class="tiles">{items}</dl>'


def _tile_html(label: str, figure: str, note: str) -> str:
    below = f"<dd>{escape(note)}</dd>" if note else ""
    return f"<div><dt>{explained_html(label)}</dt><dd><b>{escape(figure)}</b></dd>{below}</div>"


def progress_bar_html(share: float, text: str, below: str) -> str:
    """A progress bar with words above and below it.

    Parameters
    ----------
    share
        How much is done, 0 to 1.
    text
        Stands above the bar; a screen reader reads it as the bar's name. It is escaped.
    below
        Stands below the bar. It is HTML.
    """
    done = f"{100 * share:.1f}"
    bar = (
        f'<div role="progressbar" aria-valuenow="{done}" aria-label="{escape(text)}">'
        f'<i style="width: {done}%"></i></div>'
    )
    return f'<div class="pulse"><p>{escape(text)}</p>{bar}<p>{below}</p></div>'
