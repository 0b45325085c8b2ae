"""The documents: which there are, where their links lead, and their blocks of code.

`python -m support.documents` (with `PYTHONPATH=src:tests`) lists the addresses outside of the
repository that they name, which no test visits.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from support.locations import ROOT

# Pages that stand outside of docs/.
OUTSIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
_GENERATED = "docs/reference/generated"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a document.

    Attributes
    ----------
    document
        Where it stands.
    target
        What it says: an address, or a path with an anchor.
    """

    document: Path
    target: str

    @property
    def is_external(self) -> bool:
        """Whether it leaves the repository."""
        return re.match(r"[a-z]+:", self.target) is not None


def documents() -> list[Path]:
    """All documents that people write."""
    pages = [ROOT / name for name in OUTSIDE]
    for path in sorted((ROOT / "docs").rglob("*.md")):
        if not path.relative_to(ROOT).as_posix().startswith(_GENERATED):
            pages.append(path)
    return pages


def place_of(path: Path) -> str:
    """A document's path in the repository."""
    return path.relative_to(ROOT).as_posix()


def links_of(document: Path) -> Iterator[Link]:
    """The links and pictures of a document."""
    for token in MarkdownIt().parse(document.read_text(encoding="utf-8")):
        for child in token.children or []:
            target = child.attrs.get("href") or child.attrs.get("src")
            if isinstance(target, str):
                yield Link(document, target)


def anchors_of(document: Path) -> set[str]:
    """The anchors that the headings of a document make, as GitHub and MyST name them."""
    anchors: set[str] = set()
    tokens = MarkdownIt().parse(document.read_text(encoding="utf-8"))
    for token, following in itertools.pairwise(tokens):
        if token.type == "heading_open":
            anchors.add(_anchor(following))
    return anchors


def _anchor(heading: object) -> str:
    """The anchor of a heading: small letters, hyphens for spaces, no punctuation."""
    words = []
    for child in heading.children:  # type: ignore[attr-defined]
        if child.type in {"text", "code_inline"}:
            words.append(child.content)
    text = "".join(words).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def broken_links(document: Path) -> list[str]:
    """The links of a document that lead nowhere in the repository."""
    broken = []
    for link in links_of(document):
        if link.is_external:
            continue
        path, _, anchor = link.target.partition("#")
        target = (document.parent / path).resolve() if path else document
        is_page = target.suffix == ".md" and target.is_file()
        if not target.exists() or (anchor and is_page and anchor not in anchors_of(target)):
            broken.append(link.target)
    return broken


def external_links() -> dict[str, list[str]]:
    """The addresses outside of the repository, each with the documents that name it."""
    places: dict[str, list[str]] = {}
    for document in documents():
        for link in links_of(document):
            if link.is_external:
                places.setdefault(link.target, []).append(place_of(document))
    return dict(sorted(places.items()))


if __name__ == "__main__":
    for address, places in external_links().items():
        print(address, *sorted(set(places)))
