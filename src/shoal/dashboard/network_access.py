"""Where the dashboard can be reached, and who is let in there: decided by `shoal serve`, told to the server's process by its
environment. Knows no Streamlit.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from shoal.auth import (
    Account,
    Role,
    SessionManager,
    default_file,
    new_token,
    read_accounts,
    token_digest,
)
from shoal.errors import SettingsError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")
ANY_ADDRESS = "*"  # among names: every address in digits. No web site has one as its name, so none can pass itself off as us
_NAME = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)
_LOGIN, _NAMES, _LINKS = "SHOAL_LOGIN", "SHOAL_HOSTS", "SHOAL_LINKS"


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """``names``: what a browser may call this server (Host). ``login``: whether it asks who is there. ``links``: tokens that
    are good for as long as the service runs, by role. ``certificate``: files of certificate and key; with them it speaks HTTPS.
    """

    names: tuple[str, ...] = LOOPBACK
    login: bool = False
    links: tuple[tuple[Role, str], ...] = ()
    certificate: tuple[Path, Path] | None = None

    @property
    def scheme(self) -> str:
        """Of its address."""
        return "https" if self.certificate else "http"

    def environment(self) -> dict[str, str]:
        """What the server's process has to know; no token can be read from it."""
        links = [f"{role}:{token_digest(token)}" for role, token in self.links]
        return {
            _LOGIN: "1" if self.login else "",
            _NAMES: " ".join(self.names),
            _LINKS: " ".join(links),
        }


def expose(
    host: str,
    *,
    login: bool = False,
    names: tuple[str, ...] = (),
    certificate: Path | None = None,
    key: Path | None = None,
) -> ServerAccess:
    """What `shoal serve` was asked for. Any other address than this machine's own asks for a login, and so does a further name.

    Where nobody has an account yet, there is a link for each role instead. Raises `SettingsError`, `AccessError`.
    """
    if (certificate is None) != (key is None):
        raise SettingsError(
            "A certificate needs its key.", expected="both --tls-cert and --tls-key, or none"
        )
    for file in filter(None, (certificate, key)):
        if not (file.is_file() and os.access(file, os.R_OK)):
            raise SettingsError(
                f"{file} is not a file that can be read.", remedy="check --tls-cert and --tls-key"
            )
    for name in names:
        if not _is_address(name) and not _NAME.fullmatch(name):
            raise SettingsError(
                f"--allow-host {name!r} is no name.",
                expected="as in shoal.example.org, without port",
            )
    login = login or bool(names) or host not in LOOPBACK
    links: tuple[tuple[Role, str], ...] = ()
    if login and not read_accounts(default_file()).accounts:
        links = (("operator", new_token()), ("viewer", new_token()))
    known = LOOPBACK if host in LOOPBACK else _own_names() if host in EVERYWHERE else (host,)
    pair = (certificate, key) if certificate and key else None
    return ServerAccess((*known, *(name.strip("[]") for name in names)), login, links, pair)


def _own_names() -> tuple[str, ...]:
    return (*LOOPBACK, socket.gethostname(), ANY_ADDRESS)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_named(header: str | None, names: tuple[str, ...]) -> bool:
    """Whether a request's Host header has one of the names, with any port."""
    try:
        parts = urlsplit(f"//{header or ''}")
        name = (parts.hostname or "").rstrip(".")
        _ = parts.port  # raises for what is no number
    except ValueError:
        return False
    if not name or parts.path or parts.query or parts.fragment or parts.username is not None:
        return False
    return name in map(str.lower, names) or (ANY_ADDRESS in names and _is_address(name))


def cookie_name(port: int) -> str:
    """Of the session. Cookies know no ports, so that two servers of one machine need two names."""
    return f"shoal-{port}"


def told_names(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """In the server's process: what it may be called."""
    return tuple(environment.get(_NAMES, "").split()) or LOOPBACK


@cache
def told_keeper() -> SessionManager | None:
    """In the server's process: the one who lets people in; None where nobody is asked."""
    if not os.environ.get(_LOGIN):
        return None
    service = []
    for link in os.environ.get(_LINKS, "").split():
        role, _, digest = link.partition(":")
        service.append(Account(f"{role}-link", cast("Role", role), token=digest))
    return SessionManager(default_file(), tuple(service))
