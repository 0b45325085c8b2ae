"""In which text encoding a CSV file is, where somebody says so; else it is recognised."""

from __future__ import annotations

import reprlib

from shoal.errors import SettingsError
from shoal.inference.standalone import TableError, find_encoding


def parse_file_encoding(given: object) -> str | None:
    """What Python calls the text encoding that a user named; None if none was named.

    Raises
    ------
    SettingsError
        If Python has no such encoding of files; with names that are near.

    Examples
    --------
    >>> parse_file_encoding("Windows-1250")
    'cp1250'
    """
    if given is None:
        return None
    if not isinstance(given, str):
        raise SettingsError(
            f"file_encoding {reprlib.repr(given)}.",
            expected="the name of a text encoding, such as utf-8, cp1250 or cp1251",
            remedy="name one, or leave it out to have the encoding recognised",
        )
    try:
        return find_encoding(given)
    except TableError as error:
        raise SettingsError(error.problem, expected=error.expected, remedy=error.remedy) from None


def refuse_file_encoding(encoding: str | None, what: str) -> None:
    """Raise `SettingsError` if an encoding was named for what is no CSV file."""
    if encoding is not None:
        raise SettingsError(
            f"file_encoding {encoding!r} for {what}.",
            expected="a CSV file; others say themselves how their texts are encoded",
            remedy="leave it out",
        )
