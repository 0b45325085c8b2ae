"""Text on terminals: texts of others command nothing, and no encoding ends a command.

A name in a shared store may be anybody's. An escape sequence in it would recolour, rename or
overwrite the terminal of whoever lists the runs.
"""

from __future__ import annotations

import codecs
import io
import re
import sys
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console, ConsoleOptions
from rich.segment import Segment

# Controls but line feed and tab; what reverses the direction of text; halves of characters, which
# stand for bytes of a file's name.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# What our own texts have besides ASCII, for terminals and pipes that know nothing else.
_PLAIN = {
    "±": "+/-",
    "≤": "<=",
    "²": "2",
    "·": "-",
    "–": "-",
    "…": "~",
    **dict(zip("▁▂▃▄▅▆▇█", "_.,-=+*#", strict=True)),
}
_ERRORS = "shoal"


def visible(text: str) -> str:
    """A text in which what could command a terminal is written out.

    Examples
    --------
    >>> print(visible("bad\x1b[31mred"))
    bad\\x1b[31mred
    """
    return _HIDDEN.sub(_written_out, text.replace("\r\n", "\n"))


def _written_out(found: re.Match[str]) -> str:
    # Of quotes and backslashes, which it would write out as well, there are none.
    return ascii(found.group())[1:-1]


def echo(text: str, *, err: bool = False) -> None:
    """Print a line; ``err`` is for standard error."""
    typer.echo(visible(text), err=err)


class Terminal(Console):
    """A console that writes out what texts would command the terminal with."""

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, as `Console` does. Parts of a layout come through here before they are fitted."""
        for segment in super().render(renderable, options):
            if segment.control is None:
                yield Segment(visible(segment.text), segment.style)
            else:
                yield segment


def accept_any_text() -> None:
    """Have standard output and standard error write what their encoding lacks in other words."""
    codecs.register_error(_ERRORS, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    shown = ""
    for letter in letters:
        plain = _PLAIN.get(letter)
        shown += plain or letter.encode("ascii", "backslashreplace").decode()
    return shown, error.end
