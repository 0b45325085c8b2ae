"""The document that a browser gets first: Streamlit's, with what it would find out step by step.

Streamlit asks each part of its address whether its server is there, and its server how it is
configured, before it connects. It loads the code of an element when the first one comes. And
browsers keep no compiled code of modules (docs/decisions/0009-dashboard.md). This document answers
the first two questions at once, and asks for the files of the page's elements as scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit
from starlette.responses import HTMLResponse

from shoal.dashboard.components.css import CSS
from shoal.dashboard.components.tour import tour_html
from shoal.dashboard.routing import PLACES
from shoal.dashboard.server.svg_button import SCRIPT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_STATIC = Path(streamlit.__file__).with_name("static")
_SCRIPTS = _STATIC / "static" / "js"
_OWN_SCRIPT = Path(__file__).with_name("page.js")
_PATHS = {"/", *(f"/{place.name}" for place in PLACES)}
_TITLES = {"": "Shoal"} | {place.name: f"{place.title} · Shoal" for place in PLACES}

# Streamlit's elements of every page, by the names of their files, and those of each page beside.
_EVERYWHERE = ("Html", "PageLink", "Spinner")
# What pages need now and then only, as while something trains. Browsers warn of a preload that
# nobody uses, and not of a prefetch.
_NOW_AND_THEN = ("Spinner", "Progress", "DownloadButton")
_CHOICES = ("Autocomplete", "Selectbox", "Multiselect", "ButtonGroup")
# Elements that a page shows only after a computation of seconds, or for some tables only.
_LATER = {
    "model": ("ArrowVegaLiteChart", "Slider", *_CHOICES),
    "use": ("Checkbox", "DateInput", *_CHOICES),
}
_RUNS = ("Button", "DataFrame", "Popover", "Progress", "TextInput", *_CHOICES)
_ELEMENTS = {
    "": _RUNS,
    "runs": _RUNS,
    "live": ("ArrowVegaLiteChart", "Button", "Progress"),
    "champion": ("ArrowVegaLiteChart", "DownloadButton"),
    "model": ("ArrowVegaLiteChart", "Slider", *_CHOICES),
    "use": (
        "Button",
        "Checkbox",
        "DateInput",
        "DownloadButton",
        "FileUploader",
        "NumberInput",
        "TextInput",
        *_CHOICES,
    ),
    "evaluations": (
        "DataFrame",
        "Button",
        "Checkbox",
        "DownloadButton",
        "NumberInput",
        "Slider",
        "TextInput",
        *_CHOICES,
    ),
    "evaluation": ("ArrowVegaLiteChart", "Button", "ButtonGroup"),
    "matters": ("ArrowVegaLiteChart",),
    "swarm": ("DownloadButton", "PlotlyChart", "Progress", "Slider", *_CHOICES),
    "compare": ("ArrowVegaLiteChart", *_CHOICES),
    "new": ("Button", "NumberInput", "Radio", "TextInput", *_CHOICES),
    "system": ("Button",),
}

# In a script: the files that it imports. In the document: the files that it names.
_IMPORTED = re.compile(r"""(?:from|import)\s*["'`]\./([\w.-]+\.js)["'`]""")
_NAMED = re.compile(r'"\./static/js/([\w.-]+\.js)"')
_MODULE_PRELOADS = re.compile(r'<link rel="modulepreload"[^>]*>\s*')

# As scripts, not as modules: Chromium keeps compiled code of both, and finds again only what was
# asked for as a script.
_PRELOAD = (
    '<link rel="preload" as="script" crossorigin fetchpriority="{priority}" '
    'href="./static/js/{name}">\n    '
)

_PREFETCH = '<link rel="prefetch" as="script" crossorigin href="./static/js/{name}">\n    '

# Streamlit's interface for whoever serves its page (StreamlitConfig.ts): told both, it asks no
# more. The server is where this page is.
_KNOWN = """<script>
      window.__streamlit = {
        BACKEND_BASE_URL: new URL(".", location.href).href,
        HOST_CONFIG: {allowedOrigins: [location.origin], useExternalAuthToken: false},
      }
    </script>
    """


class IndexPageMiddleware:
    """ASGI middleware that answers requests for the document of a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or one WebSocket."""
        asks_for_page = (
            scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in _PATHS
        )
        if not asks_for_page:
            await self._app(scope, receive, send)
            return

        document = _document(scope["path"].removeprefix("/"))
        answer = HTMLResponse(document, headers={"Cache-Control": "no-cache"})
        await answer(scope, receive, send)


@cache
def _document(place: str) -> str:
    """Streamlit's document for the page ``place``, with style sheet, script and all preloads."""
    text = (_STATIC / "index.html").read_text("utf-8")

    needed_first = _NAMED.findall(text)
    elements = _EVERYWHERE + _ELEMENTS.get(place, ())
    may_wait = _NOW_AND_THEN + _LATER.get(place, ())
    always = [element for element in elements if element not in may_wait]
    now_and_then = [element for element in elements if element in may_wait]
    needed = _with_imports([*needed_first, *_files(always)])
    links = ""
    for name in needed:
        priority = "auto" if name in needed_first else "low"
        links += _PRELOAD.format(name=name, priority=priority)
    for name in _with_imports(_files(now_and_then)):
        if name not in needed:
            links += _PREFETCH.format(name=name)

    text = _MODULE_PRELOADS.sub("", text)
    # Until the script has said which run is shown.
    text = text.replace("<title>Streamlit</title>", f"<title>{_TITLES[place]}</title>")
    script = f"<script>{_OWN_SCRIPT.read_text('utf-8')}</script>\n    "
    text = text.replace("<script", links + _KNOWN + script + "<script", 1)
    return text.replace("</body>", CSS + tour_html() + SCRIPT + "</body>", 1)


def _files(elements: Iterable[str]) -> list[str]:
    """The files with the code of these elements; none should Streamlit rename its files."""
    files: list[str] = []
    for element in elements:
        files += (file.name for file in _SCRIPTS.glob(f"{element}.*.js"))
    return files


def _with_imports(names: Iterable[str]) -> list[str]:
    """These files and, behind them, all files that they import, directly or not."""
    reached = dict.fromkeys(names)
    left = list(reached)
    while left:
        new = [name for name in _imports(left.pop()) if name not in reached]
        reached |= dict.fromkeys(new)
        left += new
    return list(reached)


@cache  # the pages share most files
def _imports(name: str) -> list[str]:
    imported = _IMPORTED.findall((_SCRIPTS / name).read_text("utf-8"))
    return [other for other in imported if (_SCRIPTS / other).is_file()]
