"""The pages by name, and the way from one to another. What a page shows stands in its address: a reload finds it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn, cast
from urllib.parse import urlencode

import streamlit as st

_PAGES = "pages"


@dataclass(frozen=True, slots=True)
class Place:
    """A page: ``name`` is its module and its path, ``of_run`` whether it shows one run."""

    name: str
    title: str
    icon: str
    of_run: bool = False


PLACES = (
    Place("runs", "Runs", ":material/list:"),
    Place("new", "New run", ":material/add_circle:"),
    Place("compare", "Compare", ":material/compare_arrows:"),
    Place("live", "Live", ":material/monitoring:", of_run=True),
    Place("champion", "Champion", ":material/trophy:", of_run=True),
    Place("swarm", "Swarm", ":material/bubble_chart:", of_run=True),
    Place("evaluations", "Evaluations", ":material/table_rows:", of_run=True),
    Place("evaluation", "Genome", ":material/genetics:", of_run=True),
    Place("matters", "What matters", ":material/tune:", of_run=True),
    Place("system", "System", ":material/dns:"),
    Place("settings", "Settings", ":material/settings:"),
)
_MODULES = {"new": "new_run", "evaluation": "genome", "matters": "importance"}


def build() -> dict[str, Any]:
    """Streamlit's pages of this session, by name; the first is the front page."""
    pages = {
        place.name: st.Page(
            _drawn(place.name),
            title=place.title,
            icon=place.icon,
            url_path="start"
            if place is PLACES[0]
            else place.name,  # whose path is empty, whatever stands here
            default=place is PLACES[0],
        )
        for place in PLACES
    }
    st.session_state[_PAGES] = pages
    first = PLACES[0]
    return pages | {
        "": st.Page(_drawn(first.name), title=first.title, url_path=first.name)
    }  # also by its name


def module_name(name: str) -> str:
    """Of the module whose ``page`` draws it."""
    return f"shoal.dashboard.pages.{_MODULES.get(name, name)}"


def _drawn(name: str) -> Callable[[], None]:
    def draw() -> None:
        import_module(module_name(name)).page()  # only what is looked at is loaded

    draw.__name__ = name
    return draw


def go(name: str, **params: object) -> NoReturn:
    """Show that page, with these parameters in its address."""
    st.switch_page(st.session_state[_PAGES][name], query_params=_texts(params))
    raise AssertionError  # pragma: no cover  switch_page does not return


def link(
    name: str, label: str, *, icon: str | None = None, help: str | None = None, **params: object
) -> None:
    """A link to that page. ``label`` is Markdown: no user's text."""
    st.page_link(
        st.session_state[_PAGES][name],
        label=label,
        icon=icon,
        help=help,
        query_params=cast("Any", _texts(params)),
    )


def address(name: str, **params: object) -> str:
    """The relative address of that page, for tables whose cells are links."""
    return f"{name}?{urlencode(_texts(params))}"


def parameter(name: str) -> str | None:
    """A parameter of this page's address."""
    found = st.query_params.get(name)
    return found or None


def arrive(name: str) -> None:
    """Note where this session is; `entered` then says whether it came from elsewhere."""
    st.session_state["entered"] = st.session_state.get("here") != name
    st.session_state["here"] = name


def entered() -> bool:
    """Whether this run of the script is the first on its page since another one was shown."""
    return bool(st.session_state.get("entered", True))


def _texts(params: dict[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in params.items() if value is not None}
