"""The heading of each page of a run: which run and page, the run's state and name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from shoal.dashboard.components.run_text import state_html
from shoal.dashboard.routing import heading
from shoal.store import RunView


@dataclass(frozen=True, slots=True)
class Badge:
    """A word beside a heading.

    Attributes
    ----------
    text
        The word.
    colour
        "gray", "blue", "green", "orange" or "red".
    """

    text: str
    colour: str


def run_heading(
    run: RunView, page: str, *, detail: str = "", about: str = "", badges: Sequence[Badge] = ()
) -> None:
    """Draw the heading of a page that shows one run.

    Parameters
    ----------
    run
        The run.
    page
        The page's name among `shoal.dashboard.routing.PLACES`.
    detail
        What of the run it shows (see `heading`).
    about
        What stands behind the run's name: a user's text is no markup here.
    badges
        What stands behind the run's state.
    """
    title = escape(heading(page, run.id, detail))
    words = f"<bdi>{escape(run.name)}</bdi> {escape(about)}"
    marks = state_html(run)
    for badge in badges:
        marks += f'<span class="badge {badge.colour}">{escape(badge.text)}</span>'
    st.html(f'<header class="run"><h1>{title}</h1>{marks}<p>{words}</p></header>')
