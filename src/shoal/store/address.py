"""Addresses of stores: how one is read, shown, and chosen when nobody names one."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from shoal.errors import StoreError
from shoal.system.paths import default_path, is_there

# What to do on a machine that has recorded nothing yet.
FIRST_RUN = "`shoal run TABLE` starts a first run, `shoal serve --demo` one to watch"


def parse_url(address: str | os.PathLike[str]) -> URL | Path:
    """Read the address of a store.

    Parameters
    ----------
    address
        A file name, ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``.

    Returns
    -------
    URL or Path
        The absolute path of an SQLite store, or the URL of a PostgreSQL store.

    Raises
    ------
    StoreError
        If the address cannot be read. The message shows no password.

    Examples
    --------
    >>> parse_url("postgres://ann@host/shoal").drivername
    'postgresql+psycopg'
    >>> parse_url("sqlite:////tmp/shoal.db").name
    'shoal.db'
    """
    text = os.fspath(address)
    expected = "a file name, sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"

    if text.startswith("sqlite:///"):
        # The rest is taken as it stands: a path may hold any of ? # % @.
        return _parse_path(text.removeprefix("sqlite:///"), expected)

    # With "//" alone the colon was forgotten: that is no folder of files.
    scheme = re.match(r"([\w+.-]+)://|(sqlite|postgres\w*)(?::|//)", text)
    if scheme is None:
        return _parse_path(text, expected)

    name = scheme[1]
    if name not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise StoreError(
            f"A store URL cannot begin with '{name or scheme[2]}:'.",
            expected=expected,
            remedy="correct the URL",
        )
    return _parse_postgres(text, expected)


def _parse_postgres(text: str, expected: str) -> URL:
    url = None
    # The original error quotes the URL, and with it the password.
    with suppress(ArgumentError, ValueError):
        url = make_url(text).set(drivername="postgresql+psycopg")

    # A password with an @ of its own ends there, and its rest is taken for a part of the address,
    # which messages show.
    if url is None or "@" in f"{url.host}{url.database}":
        remedy = "correct the URL"
        if text.count("@") > 1:
            remedy = (
                "write each @ within the user name or the password as %40, and each / there as %2F"
            )
        raise StoreError(
            "The store URL cannot be read (it is not shown, as it may hold a password).",
            expected=expected,
            remedy=remedy,
        )
    return url


def _parse_path(text: str, expected: str) -> Path:
    if not text or text == ":memory:" or "\0" in text:
        raise StoreError(f"{text!r} names no file, and processes share a store.", expected=expected)
    return Path(text).expanduser().absolute()


def show_url(url: URL) -> str:
    """The URL without its passwords, wherever they stand in it."""
    hidden = {name: "***" for name in url.query if "password" in name.lower()}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def store_exists(url: str | os.PathLike[str] | None = None) -> bool:
    """Whether `open_store` would find a store there. PostgreSQL's is always assumed to be."""
    place = parse_url(address_or_default(url))
    return not isinstance(place, Path) or is_there(place)


def shown_address(url: str | os.PathLike[str] | None = None) -> str:
    """Where `open_store` would look, without a password."""
    place = parse_url(address_or_default(url))
    if isinstance(place, Path):
        return str(place)
    return show_url(place)


def address_or_default(url: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    """The address, or else the environment's SHOAL_STORE, or else the user's own file."""
    return url or os.environ.get("SHOAL_STORE") or default_path()
