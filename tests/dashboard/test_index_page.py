"""The document that a browser gets first."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

import streamlit

from shoal.dashboard.components.css import CSS
from shoal.dashboard.routing import PLACES
from shoal.dashboard.server.index_page import IndexPageMiddleware

STATIC = Path(streamlit.__file__).with_name("static")
PATHS = ("/", *(f"/{place.name}" for place in PLACES))
BEHIND = "asked what stands behind"


def get(path: str, method: str = "GET") -> str:
    """The text of the answer."""
    sent = b""

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.body", "body": BEHIND.encode()})

    async def receive() -> Any:
        raise AssertionError("it needs to read nothing")

    async def send(message: Any) -> None:
        nonlocal sent
        sent += message.get("body", b"")

    asyncio.run(
        IndexPageMiddleware(behind)(
            {"type": "http", "method": method, "path": path, "headers": []}, receive, send
        )
    )
    return sent.decode()


def named(path: str, how: str = "[^>]*") -> list[str]:
    """The files that the page asks for beforehand."""
    return re.findall(
        rf'<link rel="preload" as="script" crossorigin{how} href="\./([^"]+)"', get(path)
    )


@pytest.mark.parametrize("path", PATHS)
def test_every_page_begins_with_streamlits_document_and_knows_its_server(path: str) -> None:
    text = get(path)
    assert re.search("<title>([A-Z][a-z ]+ · )?Shoal</title>", text) and "BACKEND_BASE_URL" in text
    assert text.index("window.__streamlit") < text.index('<script type="module"')
    assert text.index("</noscript>") < text.index(CSS.strip()), "the last word on how things look"
    plain = (STATIC / "index.html").read_text().replace("<title>Streamlit</title>", "")
    for line in plain.splitlines():
        assert line.strip() in text or "modulepreload" in line


@pytest.mark.parametrize("path", PATHS)
def test_each_file_that_it_asks_for_is_there_and_what_streamlit_begins_with_comes_first(
    path: str,
) -> None:
    files = named(path)
    assert len(files) == len(set(files))
    assert all((STATIC / name).is_file() for name in files)
    assert "modulepreload" not in get(path), (
        "a browser compiles what it asks for as a module each time"
    )

    plain = (STATIC / "index.html").read_text()
    first = named(path, ' fetchpriority="auto"')
    assert first[0] in plain.partition('<script type="module"')[2].partition(">")[0]
    assert set(first) == set(re.findall(r'"\./(static/js/[^"]+)"', plain))

    for element in ("Html", "PageLink"):
        assert any(Path(name).name.startswith(f"{element}.") for name in files), (
            "what does Streamlit call it now?"
        )


def test_a_page_asks_for_the_code_of_its_own_elements() -> None:
    charts, none = named("/champion"), named("/settings")
    assert [name for name in charts if "/ArrowVegaLiteChart." in name]
    assert set(none) < set(charts)


@pytest.mark.parametrize(
    "path", ["/_stcore/health", "/static/js/index.js", "/nowhere", "/live/deeper"]
)
def test_whatever_else_is_asked_is_streamlits(path: str) -> None:
    assert get(path) == get("/live", "POST") == BEHIND
