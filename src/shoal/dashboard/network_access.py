"""Where the dashboard can be reached, and whether it asks visitors to log in.

`shoal serve` decides it, as a `ServerAccess`, and hands it to the server's process by environment
variables. This module knows no Streamlit.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from shoal.auth import (
    Account,
    Role,
    default_file,
    new_token,
    read_accounts,
    token_digest,
)
from shoal.auth.sessions import SessionManager
from shoal.errors import SettingsError
from shoal.system.paths import is_file_there

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")

# Among names: every address in digits. No web site has digits as its name, so none can pose as us.
ANY_ADDRESS = "*"

_HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)

# Environment variables that carry a `ServerAccess` to the server's process.
_LOGIN = "SHOAL_LOGIN"
_NAMES = "SHOAL_HOSTS"
_LINKS = "SHOAL_LINKS"
_BEHIND_PROXY = "SHOAL_BEHIND_PROXY"


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """How the server can be reached, and by whom.

    Attributes
    ----------
    names
        What browsers may call this server: allowed values of the Host header, without ports.
    login
        Whether visitors have to log in.
    links
        Role and token of links that log a visitor in while the service runs.
    certificate
        Files with a certificate and its key. With them the server speaks HTTPS.
    behind_proxy
        Whether visitors may come through a proxy, which says who they are.
    """

    names: tuple[str, ...] = LOOPBACK
    login: bool = False
    links: tuple[tuple[Role, str], ...] = ()
    certificate: tuple[Path, Path] | None = None
    behind_proxy: bool = False

    @property
    def scheme(self) -> str:
        """The scheme of the server's address: "http" or "https"."""
        return "https" if self.certificate else "http"

    def environment(self) -> dict[str, str]:
        """Environment variables for the server's process. They hold digests, never a token."""
        links = [f"{role}:{token_digest(token)}" for role, token in self.links]
        return {
            _LOGIN: "1" if self.login else "",
            _NAMES: " ".join(self.names),
            _LINKS: " ".join(links),
            _BEHIND_PROXY: "1" if self.behind_proxy else "",
        }


def expose(
    host: str,
    *,
    login: bool = False,
    names: tuple[str, ...] = (),
    certificate: Path | None = None,
    key: Path | None = None,
) -> ServerAccess:
    """The access that `shoal serve` was asked for.

    An address other than this machine's own requires a login, and so does any further name. While
    nobody has an account, one link for each role takes the place of a password.

    Parameters
    ----------
    host
        The address to listen on.
    login
        Whether to require a login on this machine's own address, too.
    names
        Further names under which browsers reach the server, such as a proxy's, without ports.
    certificate, key
        PEM files. Both or neither.

    Raises
    ------
    SettingsError
        When a file cannot be read, a name is no host name, or a certificate has no key.
    AccessError
        When the file of accounts cannot be read.
    """
    _check_certificate(certificate, key)
    for name in names:
        if not _is_address(name) and not _HOST_NAME.fullmatch(name):
            raise SettingsError(
                f"--allow-host {name!r} is no name.",
                expected="as in shoal.example.org, without port",
            )

    login = login or bool(names) or host not in LOOPBACK
    links: tuple[tuple[Role, str], ...] = ()
    if login and not read_accounts(default_file()).accounts:
        links = (("operator", new_token()), ("viewer", new_token()))

    further_names = [name.strip("[]") for name in names]
    pair = (certificate, key) if certificate and key else None
    return ServerAccess((*_names_of(host), *further_names), login, links, pair, bool(names))


def _check_certificate(certificate: Path | None, key: Path | None) -> None:
    if (certificate is None) != (key is None):
        raise SettingsError(
            "A certificate needs its key.", expected="both --tls-cert and --tls-key, or none"
        )
    for file in (certificate, key):
        if file is None:
            continue
        if not (is_file_there(file) and os.access(file, os.R_OK)):
            raise SettingsError(
                f"{file} is not a file that can be read.", remedy="check --tls-cert and --tls-key"
            )


def _names_of(host: str) -> tuple[str, ...]:
    """What browsers may call a server that listens on ``host``."""
    if host in LOOPBACK:
        return LOOPBACK
    if host in EVERYWHERE:
        return (*LOOPBACK, socket.gethostname(), ANY_ADDRESS)
    return (host,)


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
        _ = parts.port  # raises ValueError for a port that is no number
    except ValueError:
        return False

    if not name or parts.path or parts.query or parts.fragment or parts.username is not None:
        return False
    if ANY_ADDRESS in names and _is_address(name):
        return True
    return name in {known.lower() for known in names}


def source_of(address: str) -> str:
    """What counts as one place that visitors come from: an IPv4 address, or an IPv6 network.

    Each customer of a provider has a whole network /64 of IPv6.

    Examples
    --------
    >>> source_of("192.0.2.7"), source_of("::ffff:192.0.2.7"), source_of("2001:db8::1:2:3:4")
    ('192.0.2.7', '192.0.2.7', '2001:db8::/64')
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, 64), strict=False))


def proxies(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Addresses of proxies that may say who a visitor is: this machine's, or what Uvicorn is told.

    None where no proxy is expected: another user of this machine could pose as anybody.
    """
    if not environment.get(_BEHIND_PROXY):
        return ()
    named = environment.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
    return tuple(name.strip() for name in named.split(","))


def cookie_name(port: int) -> str:
    """The session cookie's name. Cookies know no ports, so two servers of a machine need two."""
    return f"shoal-{port}"


def allowed_hosts_from_env(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """In the server's process: what browsers may call the server."""
    return tuple(environment.get(_NAMES, "").split()) or LOOPBACK


@cache
def session_manager_from_env() -> SessionManager | None:
    """In the server's process: who checks logins; None where visitors need none."""
    if not os.environ.get(_LOGIN):
        return None

    link_accounts = []
    for link in os.environ.get(_LINKS, "").split():
        role, _, digest = link.partition(":")
        link_accounts.append(Account(f"{role}-link", cast("Role", role), token=digest))
    return SessionManager(default_file(), tuple(link_accounts))
