"""The page's script, run by Streamlit for each visitor and each click. `server.py` starts it."""

from __future__ import annotations

import importlib.metadata

import streamlit as st

from shoal.dashboard import gate
from shoal.dashboard.controls import problem
from shoal.dashboard.newrun import begin_draft, new_run
from shoal.dashboard.reading import store
from shoal.dashboard.style import CSS, MARK
from shoal.dashboard.views import go_to, run_list, run_view
from shoal.errors import ShoalError

NEW = "new"


def search_page() -> None:
    """The one page so far: the list of runs beside the chosen one, or beside the form."""
    try:
        opened = store()
        runs = opened.runs()
    except ShoalError as error:
        problem(error)
        return
    if "run" not in st.query_params and runs:
        go_to(runs[0].id)
    shown = st.query_params.get("run")
    with st.sidebar:
        st.button("New run", type="primary", icon=":material/add:", width="stretch", on_click=_draft, key="new")
        run_list(shown)
    if shown is None or shown == NEW:
        st.title("New run" if runs else "Start your first run", anchor=False)
        if not runs:
            st.caption(
                "Nothing to prepare: the bundled table has 1,030 mixes of concrete, with the strength to predict."
            )
        new_run()
    else:
        run_view(shown)
    with st.container(key="footer"):
        st.text(f"Shoal {_version()}  ·  {opened.path or opened.url}")  # the URL shows no password


def _draft() -> None:
    begin_draft()
    go_to(NEW)


def _version() -> str:
    try:
        return importlib.metadata.version("shoal")
    except importlib.metadata.PackageNotFoundError:
        return ""  # from a checkout


def main() -> None:
    """Frame and navigation; a further page is one more `st.Page`."""
    st.set_page_config(page_title="Shoal", page_icon=MARK, layout="wide")
    identity = gate.admit()
    st.html(CSS)
    with st.container(key="header"):
        line = "Particle swarms train the networks, a genetic algorithm tunes them, every training is recorded."
        st.html(f'<div class="brand"><b>Shoal</b><span>{line}</span></div>')
        gate.name_tag(identity)
    st.navigation([st.Page(search_page, title="Search", default=True)], position="hidden").run()


if __name__ == "__main__":
    main()
