"""The dashboard's server process: how it is started, and how to know that it answers.

This module knows no Streamlit, so that the command line loads without it.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from typing import IO

from shoal.dashboard.network_access import ServerAccess, expose
from shoal.errors import SettingsError, ShoalError
from shoal.store import Store
from shoal.system import child
from shoal.system.child import Entry

_log = logging.getLogger(__name__)

MAX_UPLOAD_MB = 50
_LOCAL = ServerAccess()
_POLL_SECONDS = 0.1
_HIGHEST_PORT = 65_535


class DashboardError(ShoalError):
    """The dashboard's server did not come up."""

    exit_code = 1


def check_dashboard_installed() -> None:
    """Check that the packages of the extra "dashboard" are there.

    Raises
    ------
    SettingsError
        When one is missing.
    """
    for name in ("streamlit", "plotly"):
        if importlib.util.find_spec(name) is None:
            raise SettingsError(
                f"The dashboard needs {name}, which is missing.",
                remedy="pip install 'shoal[dashboard]'",
            )


def server_arguments(host: str, port: int, access: ServerAccess = _LOCAL) -> list[str]:
    """The arguments of the server's process.

    They do not name the store, since a password would be seen in the list of processes.
    """
    check_dashboard_installed()
    return [host, str(port), *map(str, access.certificate or ())]


def environment(store_url: str, access: ServerAccess = _LOCAL) -> dict[str, str]:
    """The environment of the server: the store's address with its password, and the access."""
    return {**os.environ, **access.environment(), "SHOAL_STORE": store_url}


def dashboard_process(
    store: Store,
    host: str,
    port: int,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    access: ServerAccess | None = None,
) -> subprocess.Popen[bytes]:
    """Start the server; `wait_until_up` waits until it answers.

    It ends when this process ends, see `shoal.system.child`.

    Parameters
    ----------
    store
        The store that the pages read and command.
    host, port
        Where the server listens.
    stderr
        Where it writes what goes wrong, as in `subprocess.Popen`; by default nowhere.
    access
        How it can be reached; by default what `expose` says for ``host``.

    Raises
    ------
    SettingsError
        When the extra "dashboard" is missing.
    """
    access = access or expose(host)
    _log.info("dashboard: starting on %s, port %d, login %s", host, port, access.login)
    return child.start(
        Entry.DASHBOARD,
        *server_arguments(host, port, access),
        env=environment(store.raw_url, access),
        stderr=stderr,
    )


def free_port(host: str, preferred: int, tries: int = 20) -> int:
    """A free port: ``preferred``, the next above it that is free, or any.

    Raises
    ------
    DashboardError
        When no port of ``host`` can be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = min(preferred + tries - 1, _HIGHEST_PORT)
    any_port = 0

    for port in [*range(preferred, last + 1), any_port]:
        with socket.socket(family) as probe:
            # As the server itself does, so that a port in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
            try:
                probe.bind((host, port))
            except OSError as error:
                refused = error
                continue
            return int(probe.getsockname()[1])

    raise DashboardError(
        f"No port of {host} can be used: {refused}.", remedy="check --host and --port"
    )


def address(host: str, port: int, access: ServerAccess | None = None) -> str:
    """The address that a browser opens."""
    scheme = access.scheme if access else "http"
    if ":" in host:
        return f"{scheme}://[{host}]:{port}"
    return f"{scheme}://{host}:{port}"


def wait_until_up(process: subprocess.Popen[bytes], url: str, timeout: float = 60.0) -> None:
    """Return once the server at ``url`` answers.

    Raises
    ------
    DashboardError
        When the process ended, or after ``timeout`` seconds.
    """
    # A proxy knows nothing of this machine. Whose certificate it is does not matter here.
    https = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)

    deadline = time.monotonic() + timeout
    while process.poll() is None:
        try:
            with direct.open(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise DashboardError(
                    f"The dashboard has not answered at {url} within {timeout:g} s.",
                    remedy="try again, or another --port",
                ) from None
            time.sleep(_POLL_SECONDS)

    _log.warning("dashboard: ended with exit code %s before it answered", process.returncode)
    raise DashboardError(
        f"The dashboard ended with exit code {process.returncode}.",
        remedy="try another --port",
    )
