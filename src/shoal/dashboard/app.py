"""The page's script, run by Streamlit for each visitor and each click. `server.py` starts it."""

from __future__ import annotations

import importlib.metadata

import streamlit as st

from shoal.dashboard import gate
from shoal.dashboard.charts import charts_last
from shoal.dashboard.navigation import PLACES, arrive, build, go, link, parameter
from shoal.dashboard.problems import problem
from shoal.dashboard.reading import store
from shoal.dashboard.style import CSS, MARK
from shoal.errors import ShoalError
from shoal.store import RunView

NEWEST = 50  # runs to choose from in the side bar; the page of runs has all


def main() -> None:
    """Frame, navigation, and the page that is looked at."""
    st.set_page_config(page_title="Shoal", page_icon=MARK, layout="wide")
    identity = gate.admit()
    st.html(CSS)
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
        gate.name_tag(identity)
    with charts_last():
        page.run()
        with st.container(key="footer"):
            st.text(f"Shoal {_version()}  ·  {store().path or store().url}")  # the URL shows no password


def _sidebar(runs: list[RunView], here: str) -> None:
    st.html('<div class="brand"><b>Shoal</b></div>')
    with st.container(key="places"):
        for place in PLACES[:3]:
            link(place.name, place.title, icon=place.icon)
    if runs:
        shown = _choice(runs, here)
        with st.container(key="places-of-run"):
            for place in (p for p in PLACES if p.of_run and p.name != "evaluation"):
                link(place.name, place.title, icon=place.icon, run=shown)
    with st.container(key="places-below"):
        for place in (p for p in PLACES[3:] if not p.of_run):
            link(place.name, place.title, icon=place.icon)


def _choice(runs: list[RunView], here: str) -> str:
    """The run that the links lead to: the address's, or the newest. Choosing another shows the same page of it."""
    named = parameter("run")
    known = {str(run.id): f"Run {run.id} · {run.name}" for run in runs}
    if named is not None and named.isdecimal() and named not in known:
        known[named] = f"Run {named}"
    shown = named if named in known else next(iter(known))
    key = f"chosen-{here}-{shown}"  # another address is another widget, which starts at its run
    of_run = any(place.of_run and place.name == here for place in PLACES)

    def choose() -> None:
        st.session_state["wanted_run"] = st.session_state[key]

    st.selectbox("Run", list(known), list(known).index(shown), known.__getitem__, key=key, on_change=choose)
    if (wanted := st.session_state.pop("wanted_run", None)) is not None:
        go(here if of_run and here != "evaluation" else "live", run=wanted)
    return shown


def _version() -> str:
    try:
        return importlib.metadata.version("shoal")
    except importlib.metadata.PackageNotFoundError:
        return ""  # from a checkout


if __name__ == "__main__":
    main()
