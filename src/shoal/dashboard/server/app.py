"""The page's script, which Streamlit runs for each visitor and each click. `launch` starts it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from html import escape

import streamlit as st

from shoal.dashboard.components.css import MARK
from shoal.dashboard.components.deferred_charts import deferred_charts
from shoal.dashboard.components.theme_switch import theme_switch
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import (
    FRONT,
    PLACES,
    Place,
    address,
    arrive,
    build,
    heading,
    link,
    parameter,
)
from shoal.dashboard.session import current_user
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.presentation.formatting import shortened
from shoal.store import RunView

# The side bar has three groups of links: the first pages, those of the chosen run, and the rest.
_TOP = PLACES[:3]
# The page of a genome needs a genome as well as a run, so no link of the side bar leads to it.
_OF_A_RUN = [place for place in PLACES if place.of_run and place.name != "evaluation"]
_BOTTOM = [place for place in PLACES[3:] if not place.of_run]

# Characters of a run's name in the title of a tab.
_LONGEST_TITLE = 60
# Runs to choose from in the side bar. The page Runs has all of them.
NEWEST = 50


def main() -> None:
    """Draw the frame, the side bar, and the page that the address names."""
    st.set_page_config(page_title="Shoal", page_icon=MARK, layout="wide")
    identity = current_user.require_user()

    pages = build()
    page = st.navigation(list(pages.values()), position="hidden")
    here = page.url_path or FRONT.name
    arrive(here)
    place = next((place for place in PLACES if place.name == here), FRONT)

    try:
        runs = store().runs(limit=NEWEST, archived=False)
    except ShoalError as error:
        error_box(error)
        return

    st.set_page_config(page_title=_title(place, runs))
    with st.sidebar:
        _sidebar(runs, here)
        current_user.user_badge(identity)

    with deferred_charts():
        _help_link(here)
        page.run()
        with st.container(key="footer"):
            # The store's URL shows no password.
            st.text(f"Shoal {_version()}  ·  {store().path or store().url}")


def _title(place: Place, runs: Sequence[RunView]) -> str:
    """What a browser's tab and a bookmark are called: the page's heading, and what it is of."""
    parts = [heading(place.name)]
    named = parameter("run")
    shown = None
    if place.of_run and named is not None:
        shown = _run_of(named, runs)
    if shown is not None:
        genome = (parameter("genome") or "")[:8] if place.name == "evaluation" else ""
        parts = [heading(place.name, shown.id, genome), shown.name]
    if place.name == "compare":
        parts.append((parameter("runs") or "").replace(",", ", "))
    known = [shortened(" ".join(part.split()), _LONGEST_TITLE) for part in parts if part]
    return " · ".join([*known, "Shoal"])


def _run_of(named: str, runs: Sequence[RunView]) -> RunView | None:
    """The run that the address names; None for one that is not there."""
    for run in runs:
        if str(run.id) == named:
            return run
    try:
        return store().run(named)
    except ShoalError:
        return None


def _sidebar(runs: list[RunView], here: str) -> None:
    st.html('<div class="brand"><b>Shoal</b></div>')
    with st.container(key="places"):
        _links(_TOP)

    if runs:
        shown = _run_chooser(runs, here)
        with st.container(key="places-of-run"):
            _links(_OF_A_RUN, run=shown)

    with st.container(key="places-below"):
        _links(_BOTTOM)
    theme_switch()


def _links(places: Sequence[Place], run: str | None = None) -> None:
    for place in places:
        link(place.name, place.title, icon=place.icon, run=run)


def _help_link(here: str) -> None:
    """Lead to what the page Help says of the page ``here``."""
    if here == "help":
        return
    with st.container(key="help-link"):
        link("help", "Help for this page", icon=":material/help:", page=here)


def _run_chooser(runs: list[RunView], here: str) -> str:
    """Draw the list of runs; return the number of the run that the links of the side bar lead to.

    That is the run in the address, or the newest one. The other runs link to the same page of
    theirs. The list is HTML, as Streamlit's select box costs a browser a sixth of a page.
    """
    labels = {str(run.id): f"Run {run.id} · {run.name}" for run in runs}

    # A run in the address may be older than those of the list.
    named = parameter("run")
    if named is not None and named.isdecimal() and named not in labels:
        labels[named] = f"Run {named}"

    newest = next(iter(labels))
    shown = named if named in labels else newest

    is_page_of_a_run = here in {place.name for place in _OF_A_RUN}
    page = here if is_page_of_a_run else "live"
    links = []
    for run, label in labels.items():
        if run != shown:
            href = escape(address(page, run=run))
            links.append(f'<a href="{href}" target="_self">{escape(label)}</a>')

    others = "".join(links) or "No other run"
    summary = f"<summary>{escape(labels[shown])}</summary>"
    nav = f'<nav aria-label="Other runs">{others}</nav>'
    st.html(f'<details class="chosen">{summary}{nav}</details>')
    return shown


def _version() -> str:
    try:
        return importlib.metadata.version("shoal")
    except importlib.metadata.PackageNotFoundError:
        # A checkout that was never installed.
        return ""


if __name__ == "__main__":
    main()
