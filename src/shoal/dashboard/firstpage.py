"""The document that a browser gets first: Streamlit's, which here knows at once what it would find out one after another.

Streamlit asks each part of its address whether its server is there, and its server how it is set, before it connects; and it
loads the code of an element when the first one comes (docs/decisions/0009).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit
from starlette.responses import HTMLResponse

from shoal.dashboard.navigation import PLACES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_STATIC = Path(streamlit.__file__).with_name("static")
_EVERYWHERE = ("Html", "PageLink")  # elements of every page
_IMPORTED = re.compile(r"""(?:from|import)\s*["'`]\./([\w.-]+\.js)["'`]""")
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
            await HTMLResponse(_document(), headers={"Cache-Control": "no-cache"})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


@cache
def _document() -> str:
    text = (_STATIC / "index.html").read_text("utf-8")
    links = "".join(
        f'  <link rel="modulepreload" crossorigin href="./static/js/{name}">\n  ' for name in _needed(_EVERYWHERE, text)
    )
    return (
        text.replace("<title>Streamlit</title>", "<title>Shoal</title>")
        .replace("<script", _KNOWN + "<script", 1)
        .replace("</head>", links + "</head>", 1)
    )


def _needed(elements: Iterable[str], text: str) -> list[str]:
    """The files with the code of these elements that ``text`` does not name; none if Streamlit names them otherwise one day."""
    folder, found = _STATIC / "static" / "js", list[str]()
    left = [file.name for element in elements for file in folder.glob(f"{element}.*.js")]
    while left:
        name = left.pop()
        if name not in found and name not in text and (folder / name).is_file():
            found.append(name)
            left += _IMPORTED.findall((folder / name).read_text("utf-8"))
    return found
