"""Text on terminals: texts of others command nothing, and no encoding ends a command."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from shoal.system.visible_text import visible

# What our own texts have besides ASCII, for terminals and pipes that know nothing else.
_PLAIN = {
    "±": "+/-",
    "≤": "<=",
    "²": "2",
    "·": "-",
    "–": "-",
    "…": "~",
    "─": "-",
    "┃": "|",
    **dict(zip("▁▂▃▄▅▆▇█", "_.,-=+*#", strict=True)),
}
_ERRORS = "shoal"


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
