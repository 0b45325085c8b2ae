"""The document that a browser gets first."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

import streamlit

from shoal.dashboard.firstpage import FirstPage
from shoal.dashboard.navigation import PLACES

STATIC = Path(streamlit.__file__).with_name("static")
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

    asyncio.run(FirstPage(behind)({"type": "http", "method": method, "path": path, "headers": []}, receive, send))
    return sent.decode()


def test_every_page_begins_with_streamlits_document_and_knows_its_server() -> None:
    texts = {get(path) for path in ("/", *(f"/{place.name}" for place in PLACES))}
    (text,) = texts
    assert "<title>Shoal</title>" in text and "BACKEND_BASE_URL" in text
    assert text.index("window.__streamlit") < text.index('<script type="module"')
    plain = (STATIC / "index.html").read_text()
    for line in plain.replace("<title>Streamlit</title>", "").splitlines():
        assert line.strip() in text


def test_each_file_that_it_names_is_there_and_the_elements_of_every_page_among_them() -> None:
    named = re.findall(r'modulepreload" crossorigin href="\./([^"]+)"', get("/live"))
    assert len(named) == len(set(named))
    assert all((STATIC / name).is_file() for name in named)
    for element in ("Html", "PageLink"):
        assert any(Path(name).name.startswith(f"{element}.") for name in named), "what Streamlit calls it now?"


@pytest.mark.parametrize("path", ["/_stcore/health", "/static/js/index.js", "/nowhere", "/live/deeper"])
def test_whatever_else_is_asked_is_streamlits(path: str) -> None:
    assert get(path) == get("/live", "POST") == BEHIND
