"""The dashboard's server process: how it is started, and how to know that it answers. Knows no Streamlit."""

from __future__ import annotations

import importlib.util
import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from shoal.dashboard.components.streamlit_theme import THEME
from shoal.dashboard.network_access import ANY_ADDRESS, ServerAccess, expose
from shoal.errors import SettingsError, ShoalError
from shoal.store import Store
from shoal.system import child
from shoal.system.child import Entry

APP = Path(__file__).with_name("asgi.py")
MAX_UPLOAD_MB = 50
_LOCAL = ServerAccess()
_POLL_SECONDS = 0.1
# XSRF and CORS protection are on by default; here they are said, so that a user's own configuration cannot end them.
_OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.enableXsrfProtection": "true",
    "server.enableCORS": "true",
    "server.enableAgentApi": "false",
    "server.maxUploadSize": str(MAX_UPLOAD_MB),
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "type",
    "logger.level": "warning",
    # A collection of everything after each refresh takes as long as all the rest of it once large runs are in memory.
    "runner.postScriptGC": "false",
}


class DashboardError(ShoalError):
    """The dashboard's server did not come up."""

    exit_code = 1


def check_dashboard_installed() -> None:
    """Raises `SettingsError` when the extra is missing."""
    for name in ("streamlit", "plotly"):
        if importlib.util.find_spec(name) is None:
            raise SettingsError(
                f"The dashboard needs {name}, which is missing.",
                remedy="pip install 'shoal[dashboard]'",
            )


def command(host: str, port: int, exposure: ServerAccess = _LOCAL) -> list[str]:
    """The command line of the server. It names no store: a password would be seen in the list of processes."""
    check_dashboard_installed()
    options = {"server.address": host, "server.port": str(port), **_OPTIONS}
    if exposure.certificate:
        options |= dict(
            zip(
                ("server.sslCertFile", "server.sslKeyFile"),
                map(str, exposure.certificate),
                strict=True,
            )
        )
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return child.command(Entry.DASHBOARD, "run", str(APP), *arguments)


def environment(store_url: str, exposure: ServerAccess = _LOCAL) -> dict[str, str]:
    """What the server finds around it: the store's address with its password, the theme, and who is let in."""
    options = dict(THEME)
    if (
        ANY_ADDRESS not in exposure.names
    ):  # a web site whose name resolves to this machine is no user of it
        options["server.allowedHosts"] = " ".join(exposure.names)
    variables = {_variable(name): value for name, value in options.items()}
    return {**os.environ, **variables, **exposure.environment(), "SHOAL_STORE": store_url}


def _variable(option: str) -> str:
    """The variable of one of Streamlit's options: theme.light.textColor is STREAMLIT_THEME_LIGHT_TEXT_COLOR."""
    snake = "".join(f"_{letter}" if letter.isupper() else letter for letter in option)
    return "STREAMLIT_" + snake.replace(".", "_").upper()


def dashboard_process(
    store: Store,
    host: str,
    port: int,
    stderr: IO[bytes] | None = None,
    exposure: ServerAccess | None = None,
) -> subprocess.Popen[bytes]:
    """Start the server; `wait_until_up` tells when it answers. Raises `SettingsError` when the extra is missing."""
    exposure = exposure or expose(host)
    return subprocess.Popen(
        command(host, port, exposure),
        env=environment(store.raw_url, exposure),
        stdin=subprocess.PIPE,  # its end ends the server: see shoal.system.child
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if stderr is None else stderr,
        start_new_session=True,  # a Ctrl-C in the terminal is for the one who started it, who then tells it
    )


def free_port(host: str, preferred: int, tries: int = 20) -> int:
    """``preferred``, or the next port above it that is free, or any."""
    for port in [*range(preferred, min(preferred + tries, 65536)), 0]:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            # As the server itself does: a port in TIME_WAIT is free.
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


def address(host: str, port: int, exposure: ServerAccess | None = None) -> str:
    """Where a browser finds it."""
    scheme = exposure.scheme if exposure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def wait_until_up(process: subprocess.Popen[bytes], url: str, timeout: float = 60.0) -> None:
    """Return once the server answers. Raises `DashboardError` when it ended, or after ``timeout`` seconds."""
    # A proxy knows nothing of this machine, and whose certificate it is does not matter to whether it answers.
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
    raise DashboardError(
        f"The dashboard ended with exit code {process.returncode}.",
        remedy="try another --port",
    )
