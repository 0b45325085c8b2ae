"""The page's script, run by Streamlit for each visitor and each click. `server.py` starts it."""

from __future__ import annotations

import importlib.metadata
from html import escape

import streamlit as st

from shoal.dashboard.components.css import MARK
from shoal.dashboard.components.deferred_charts import deferred_charts
from shoal.dashboard.error_box import problem
from shoal.dashboard.routing import PLACES, address, arrive, build, link, parameter
from shoal.dashboard.session import current_user
from shoal.dashboard.session.queries import store
from shoal.errors import ShoalError
from shoal.store import RunView

_OF_A_RUN = [
    place for place in PLACES if place.of_run and place.name != "evaluation"
]  # which needs a genome as well
NEWEST = 50  # runs to choose from in the side bar; the page of runs has all


def main() -> None:
    """Frame, navigation, and the page that is looked at."""
    st.set_page_config(page_title="Shoal", page_icon=MARK, layout="wide")
    identity = current_user.require_user()
    pages = build()
    page = st.navigation(list(pages.values()), position="hidden")
    here = page.url_path or PLACES[0].name
    arrive(here)
    try:
        runs = store().runs(limit=NEWEST)
    except ShoalError as error:
        problem(error)
        return
    with st.sidebar:
        _sidebar(runs, here)
        current_user.user_badge(identity)
    with deferred_charts():
        page.run()
        with st.container(key="footer"):
            st.text(
                f"Shoal {_version()}  ·  {store().path or store().url}"
            )  # the URL shows no password


def _sidebar(runs: list[RunView], here: str) -> None:
    st.html('<div class="brand"><b>Shoal</b></div>')
    with st.container(key="places"):
        for place in PLACES[:3]:
            link(place.name, place.title, icon=place.icon)
    if runs:
        shown = _choice(runs, here)
        with st.container(key="places-of-run"):
            for place in _OF_A_RUN:
                link(place.name, place.title, icon=place.icon, run=shown)
    with st.container(key="places-below"):
        for place in (p for p in PLACES[3:] if not p.of_run):
            link(place.name, place.title, icon=place.icon)


def _choice(runs: list[RunView], here: str) -> str:
    """The run that the links lead to: the address's, or the newest; and a list of the others, which leads to this page of each.

    It is HTML, as Streamlit's select box takes a browser a sixth of a page.
    """
    named = parameter("run")
    known = {str(run.id): f"Run {run.id} · {run.name}" for run in runs}
    if named is not None and named.isdecimal() and named not in known:
        known[named] = f"Run {named}"
    shown = named if named in known else next(iter(known))
    page = here if here in {place.name for place in _OF_A_RUN} else "live"
    others = "".join(
        f'<a href="{escape(address(page, run=run))}" target="_self">{escape(name)}</a>'
        for run, name in known.items()
        if run != shown
    )
    chosen = f"<summary>{escape(known[shown])}</summary>"
    st.html(
        f'<details class="chosen">{chosen}<nav aria-label="Other runs">{others or "No other run"}</nav></details>'
    )
    return shown


def _version() -> str:
    try:
        return importlib.metadata.version("shoal")
    except importlib.metadata.PackageNotFoundError:
        return ""  # from a checkout


if __name__ == "__main__":
    main()
