"""Pages of HTML that have to be whole, harmless and alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "img", "hr", "input", "link"}


class Parsed(HTMLParser):
    """Elements and attributes of a page; fails on an element that is not closed in its place."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.add(name)
        self.attributes += [(name, key, value or "") for key, value in attributes]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        if "style" not in self.open:
            self.text += text


def check_harmless(page: str) -> Parsed:
    """Check that a page runs nothing and loads nothing; its elements."""
    parsed = Parsed(page)
    assert not parsed.names & {
        "script",
        "img",
        "iframe",
        "link",
        "object",
        "embed",
        "form",
        "base",
        "use",
        "image",
    }

    for name, key, value in parsed.attributes:
        assert not key.startswith("on"), (name, key)
        assert key not in ("src", "href", "action", "xlink:href"), (name, key, value)
        assert "url(" not in value.replace("url(#plot)", ""), value

    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"@import|url\(|//", style)
    assert "http:" not in page

    return parsed
