"""HTML from values: whatever is not HTML already is escaped, so that no user's text can become any."""

from __future__ import annotations

from html import escape


class Html(str):
    """Text that is HTML; only `tag` and `join` make it."""

    __slots__ = ()


def tag(name: str, *content: str, **attributes: str | float | None) -> Html:
    """An element. Attributes that Python reserves end in ``_``; ``_`` inside stands for ``-``; None is left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{told}>{join(*content)}</{name}>")


def join(*content: str) -> Html:
    """One after the other."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in content))


def table(
    head: tuple[str, ...], rows: list[tuple[str, ...]], *, kind: str, chief: int | None = None
) -> Html:
    """A table with the class ``kind``, in which the row ``chief`` stands out."""
    header = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    lines = [
        tag("tr", *(tag("td", cell) for cell in row), class_="chief" if n == chief else None)
        for n, row in enumerate(rows)
    ]
    return tag("div", tag("table", header, tag("tbody", *lines), class_=kind), class_="scroll")


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
