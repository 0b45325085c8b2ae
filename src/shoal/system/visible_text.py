"""Texts of others as a terminal may have them: they command nothing.

A name in a shared store may be anybody's. An escape sequence in it would recolour, rename or
overwrite the terminal of whoever lists the runs.
"""

from __future__ import annotations

import re

# Controls but line feed and tab; what reverses the direction of text; halves of characters, which
# stand for bytes of a file's name.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


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
