"""The pages by name, and how one leads to another.

What a page shows stands in its address, so that a reload or a shared link shows the same.
A new page is one entry of `PLACES` and one module in `pages/` with a function ``page``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn, cast
from urllib.parse import urlencode

import streamlit as st

# Keys of Streamlit's session state.
_PAGES = "pages"
_HERE = "here"
_ENTERED = "entered"


@dataclass(frozen=True, slots=True)
class Place:
    """A page as the side bar lists it.

    Attributes
    ----------
    name
        Its path in the address.
    title
        What people call it.
    icon
        Streamlit's name of a Material symbol.
    module
        The module in ``dashboard/pages/`` that draws it.
    of_run
        Whether it shows one run, which the address then names.
    """

    name: str
    title: str
    icon: str
    module: str
    of_run: bool = False


PLACES = (
    Place("runs", "Runs", ":material/list:", "runs"),
    Place("new", "New run", ":material/add_circle:", "new_run"),
    Place("compare", "Compare", ":material/compare_arrows:", "compare"),
    Place("live", "Live", ":material/monitoring:", "live", of_run=True),
    Place("champion", "Champion", ":material/trophy:", "champion", of_run=True),
    Place("model", "The model", ":material/neurology:", "model", of_run=True),
    Place("use", "Use the model", ":material/calculate:", "use_model", of_run=True),
    Place("swarm", "Swarm", ":material/bubble_chart:", "swarm", of_run=True),
    Place("evaluations", "Evaluations", ":material/table_rows:", "evaluations", of_run=True),
    Place("evaluation", "Genome", ":material/genetics:", "genome", of_run=True),
    Place("matters", "What matters", ":material/tune:", "importance", of_run=True),
    Place("system", "System", ":material/dns:", "system"),
    Place("settings", "Settings", ":material/settings:", "settings"),
    Place("help", "Help", ":material/help:", "help"),
)
FRONT = PLACES[0]
_PLACE_BY_NAME = {place.name: place for place in PLACES}


def build() -> dict[str, Any]:
    """Streamlit's pages of this session, by name; the front page also under the empty name."""
    pages: dict[str, Any] = {}
    for place in PLACES:
        is_front = place is FRONT
        # Streamlit gives its default page the empty path, whatever stands here.
        path = "start" if is_front else place.name
        pages[place.name] = st.Page(
            _drawer(place),
            title=place.title,
            icon=place.icon,
            url_path=path,
            default=is_front,
        )
    st.session_state[_PAGES] = pages

    # The front page is also found by its own name.
    by_name = st.Page(_drawer(FRONT), title=FRONT.title, url_path=FRONT.name)
    return {**pages, "": by_name}


def load_page(place: Place) -> Callable[[], None]:
    """The function that draws a page; it imports the page's module."""
    module = import_module(f"shoal.dashboard.pages.{place.module}")
    return cast("Callable[[], None]", module.page)


def _drawer(place: Place) -> Callable[[], None]:
    """What Streamlit calls to draw a page. Only pages that are looked at are loaded."""

    def draw() -> None:
        load_page(place)()

    draw.__name__ = place.name
    return draw


def go(name: str, **params: object) -> NoReturn:
    """Show the page ``name`` with these parameters in its address."""
    st.switch_page(st.session_state[_PAGES][name], query_params=_texts(params))
    raise AssertionError  # pragma: no cover  switch_page does not return


def link(
    name: str,
    label: str,
    *,
    icon: str | None = None,
    help: str | None = None,
    **params: object,
) -> None:
    """Draw a link to the page ``name``. ``label`` is Markdown, so it must not be a user's text."""
    st.page_link(
        st.session_state[_PAGES][name],
        label=label,
        icon=icon,
        help=help,
        query_params=cast("Any", _texts(params)),
    )


def address(name: str, **params: object) -> str:
    """The relative address of the page ``name``, for tables whose cells are links."""
    return f"{name}?{urlencode(_texts(params))}"


def heading(name: str, run: int | None = None, detail: str = "") -> str:
    """The heading of the page ``name``; the title of a browser's tab begins with it.

    Parameters
    ----------
    name
        The page.
    run
        The number of the run that it shows; None where it shows none.
    detail
        What of the run it shows, such as the first characters of a genome.

    Examples
    --------
    >>> heading("champion", 12), heading("evaluation", 12, "1a2b3c4d"), heading("runs")
    ('Run 12: champion', 'Run 12: genome 1a2b3c4d', 'Runs')
    """
    title = _PLACE_BY_NAME[name].title
    if run is not None:
        title = f"Run {run}: {title[0].lower()}{title[1:]}"
    return f"{title} {detail}".strip()


def parameter(name: str) -> str | None:
    """A parameter of this page's address; None when it is missing or empty."""
    return st.query_params.get(name) or None


def arrive(name: str) -> None:
    """Note which page this session shows; `entered` then tells whether another one was before."""
    st.session_state[_ENTERED] = st.session_state.get(_HERE) != name
    st.session_state[_HERE] = name


def entered() -> bool:
    """Whether this run of the script is the first on its page since another page was shown."""
    return bool(st.session_state.get(_ENTERED, True))


def _texts(params: dict[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in params.items() if value is not None}
