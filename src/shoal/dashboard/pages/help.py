"""The page Help: what each page is for, what each word means, and the tour.

Its texts are those of help.md and of the glossary. Nothing is loaded from another machine.
"""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path

import streamlit as st

from shoal.dashboard.routing import PLACES, heading, link, parameter
from shoal.presentation.glossary import ENTRIES, SECTIONS

_TEXTS = Path(__file__).parents[1] / "help.md"

# A section of help.md begins with the name of its page: "## live".
_HEADING = "## "


def page() -> None:
    """What the page that the address names is for, first; then all pages and all words."""
    st.title(heading("help"), anchor=False)
    texts = help_texts()
    st.markdown(texts["start"])
    st.html('<button type="button" class="plain" data-tour="start">Show the tour</button>')

    asked = parameter("page")
    st.header("Pages", anchor=False)
    # The page that was asked for comes first; the others keep their order.
    for place in sorted(PLACES, key=lambda place: place.name != asked):
        if place.name not in texts:
            continue
        is_asked = place.name == asked
        with st.expander(place.title, icon=place.icon, expanded=is_asked, key=f"on-{place.name}"):
            st.markdown(texts[place.name])
            # A page of a run, opened without one, shows the newest.
            if not place.of_run:
                link(place.name, f"Open {place.title}", icon=":material/arrow_forward:")

    st.header("Words", anchor=False)
    st.html(glossary_html())


@cache
def help_texts() -> dict[str, str]:
    """The sections of help.md as Markdown, by the names of their pages; "start" is the first."""
    texts = {}
    for section in _TEXTS.read_text("utf-8").split(f"\n{_HEADING}")[1:]:
        name, _, text = section.partition("\n")
        texts[name.strip()] = text.strip()
    return texts


def glossary_html() -> str:
    """All words in a table, with a field that leaves only those that hold a text."""
    rows = ""
    for section in SECTIONS:
        for entry in section.entries:
            rows += (
                f'<tr><th scope="row">{escape(entry.word)}</th>'
                f"<td>{escape(entry.meaning)}</td></tr>"
            )
    return (
        '<label class="filter" for="filter">Find a word</label>'
        '<input class="filter" id="filter" type="search" autocomplete="off"> '
        f'<span id="found-words" role="status">{len(ENTRIES)} words</span>'
        f'<table class="glossary"><tbody>{rows}</tbody></table>'
    )
