"""The document that a browser gets first: Streamlit's, which here knows at once what it would find out one after another.

Streamlit asks each part of its address whether its server is there, and its server how it is set, before it connects; it
loads the code of an element when the first one comes; and of modules a browser keeps no compiled code (docs/decisions/0009).
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
from shoal.dashboard.routing import PLACES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_STATIC = Path(streamlit.__file__).with_name("static")
_SCRIPTS = _STATIC / "static" / "js"
_EVERYWHERE = ("Html", "PageLink", "Spinner")  # elements of every page
_CHOICES = ("Autocomplete", "Selectbox", "Multiselect", "ButtonGroup")
_ELEMENTS = {  # and those that a page has beside them
    "": ("Button", "Progress"),
    "runs": ("Button", "Progress"),
    "live": ("ArrowVegaLiteChart", "Button", "Progress"),
    "champion": ("ArrowVegaLiteChart", "DownloadButton"),
    "evaluations": (
        "DataFrame",
        "Button",
        "DownloadButton",
        "NumberInput",
        "Slider",
        "TextInput",
        *_CHOICES,
    ),
    "evaluation": ("ArrowVegaLiteChart", "Button", "ButtonGroup"),
    "matters": ("ArrowVegaLiteChart",),
    "swarm": ("PlotlyChart", "Progress", "Slider", *_CHOICES),
    "compare": ("ArrowVegaLiteChart", *_CHOICES),
    "new": ("Button", "NumberInput", "Radio", "TextInput", *_CHOICES),
    "system": ("Button",),
}
_IMPORTED = re.compile(r"""(?:from|import)\s*["'`]\./([\w.-]+\.js)["'`]""")
_NAMED = re.compile(r'"\./static/js/([\w.-]+\.js)"')
# As scripts, not as modules: Chromium keeps compiled code of both, and finds again only what was asked for as a script.
_LINK = '<link rel="preload" as="script" crossorigin fetchpriority="{priority}" href="./static/js/{name}">\n    '
_MODULES = re.compile(r'<link rel="modulepreload"[^>]*>\s*')
_PATHS = {"/", *(f"/{place.name}" for place in PLACES)}
# Streamlit's way for who serves its page (StreamlitConfig.ts): with these it asks no more. The server is where this page is.
_KNOWN = """<script>
      window.__streamlit = {
        BACKEND_BASE_URL: new URL(".", location.href).href,
        HOST_CONFIG: {allowedOrigins: [location.origin], useExternalAuthToken: false},
      }
    </script>
    """


class FirstPage:
    """ASGI middleware that answers what a browser's address bar asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in _PATHS:
            await HTMLResponse(_document(scope["path"][1:]), headers={"Cache-Control": "no-cache"})(
                scope, receive, send
            )
        else:
            await self._app(scope, receive, send)


@cache
def _document(place: str) -> str:
    text = (_STATIC / "index.html").read_text("utf-8")
    first = _NAMED.findall(text)  # with all that they import
    files = _with_imports([*first, *_files(_EVERYWHERE + _ELEMENTS.get(place, ()))])
    links = "".join(
        _LINK.format(name=name, priority="auto" if name in first else "low") for name in files
    )
    text = _MODULES.sub("", text).replace("<title>Streamlit</title>", "<title>Shoal</title>")
    return text.replace("<script", links + _KNOWN + "<script", 1).replace(
        "</body>", CSS + "</body>", 1
    )


def _files(elements: Iterable[str]) -> list[str]:
    """The files with the code of these elements; none if Streamlit names them otherwise one day."""
    return [file.name for element in elements for file in _SCRIPTS.glob(f"{element}.*.js")]


def _with_imports(names: Iterable[str]) -> list[str]:
    """These files and, behind them, what they import and what that imports."""
    found = dict.fromkeys(names)
    left = list(found)
    while left:
        news = [name for name in _imports(left.pop()) if name not in found]
        found |= dict.fromkeys(news)
        left += news
    return list(found)


@cache  # the pages share most files
def _imports(name: str) -> list[str]:
    found = _IMPORTED.findall((_SCRIPTS / name).read_text("utf-8"))
    return [other for other in found if (_SCRIPTS / other).is_file()]
