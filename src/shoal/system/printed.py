"""What users' code prints: it is kept out of our own output."""

from __future__ import annotations

import io

# Characters that are kept.
_SHOWN = 80


class Printed(io.TextIOBase):
    """Takes what is printed, and keeps the start of it.

    Attributes
    ----------
    text
        What was printed first.

    Examples
    --------
    >>> import contextlib
    >>> printed = Printed()
    >>> with contextlib.redirect_stdout(printed):
    ...     print("hello")
    >>> printed.text
    'hello\\n'
    """

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, text: str) -> int:
        """Take a text."""
        self.text += text[: _SHOWN - len(self.text)]
        return len(text)
