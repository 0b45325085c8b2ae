"""HTML from values: what is not HTML already is escaped, so that no user's text becomes HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


class Html(str):
    """Text that is HTML; only `tag` and `join` make it."""

    __slots__ = ()


def tag(name: str, *content: str, **attributes: str | float | None) -> Html:
    """An element.

    Parameters
    ----------
    name
        The tag's name.
    content
        What it holds; escaped unless it is `Html`.
    attributes
        None leaves one out. A name that Python reserves ends in ``_``, and ``_`` inside a name
        stands for ``-``: ``class_="card"``, ``aria_label="A chart"``.

    Examples
    --------
    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    written = []
    for key, value in attributes.items():
        if value is not None:
            attribute = key.rstrip("_").replace("_", "-")
            written.append(f' {attribute}="{escape(_text(value))}"')
    return Html(f"<{name}{''.join(written)}>{join(*content)}</{name}>")


def join(*content: str) -> Html:
    """All parts one after another, escaped unless they are `Html`."""
    return Html("".join(map(_as_html, content)))


def _as_html(part: str) -> str:
    """A text, escaped unless it is HTML already."""
    if isinstance(part, Html):
        return part
    return escape(part)


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    kind: str,
    highlight: int | None = None,
) -> Html:
    """A table that scrolls where the page is narrow.

    Parameters
    ----------
    head, rows
        Cells; escaped unless they are `Html`.
    kind
        The table's class in the style sheet.
    highlight
        The place of the row that stands out; None: none does.
    """
    header = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    lines = []
    for place, row in enumerate(rows):
        cells = [tag("td", cell) for cell in row]
        lines.append(tag("tr", *cells, class_="highlight" if place == highlight else None))
    return tag("div", tag("table", header, tag("tbody", *lines), class_=kind), class_="scroll")


def _text(value: str | float) -> str:
    """A number with at most two decimals; a text as it is."""
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".")
