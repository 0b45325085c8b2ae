"""The dashboard's server process: Streamlit's application, served by Uvicorn.

It ends with the process that started it, and nothing of a page runs when nobody serves it; see
`shoal.system.child`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

import uvicorn
from streamlit.web import bootstrap
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from shoal.dashboard.components.streamlit_theme import THEME
from shoal.dashboard.network_access import ANY_ADDRESS, allowed_hosts_from_env, proxies
from shoal.dashboard.server.launch import MAX_UPLOAD_MB
from shoal.dashboard.server.listener import BACKLOG, Listener, TimeLimits
from shoal.system.child import Parent
from shoal.system.process import lower_priority, raise_file_limit

# Pages wait for trainings rather than trainings for pages.
NICENESS = 5
# Files that connections, databases and processes may have open together.
_FILES = 4_096
# The seconds between two signs of life of a page, and for an answer to one, as Streamlit has them.
_PING_SECONDS = 30.0
# What a page sends is small: files are uploaded on their own.
_LARGEST_MESSAGE_BYTES = 16 * 2**20

_OPTIONS: dict[str, str | int | bool] = {
    "server.headless": True,
    "server.fileWatcherType": "none",
    # Both protections are on by default. They are named so that a user's own configuration of
    # Streamlit cannot switch them off.
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.enableAgentApi": False,
    "server.maxUploadSize": MAX_UPLOAD_MB,
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "type",
    "logger.level": "warning",
    # Once large runs are in memory, a garbage collection after each refresh takes as long as the
    # rest of the refresh.
    "runner.postScriptGC": False,
}


def serve(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry: serve the pages until this process is asked to end.

    Parameters
    ----------
    parent
        The process that started this one.
    arguments
        Host and port, and with TLS the files of a certificate and its key.
    """
    lower_priority(NICENESS)
    host, port, *certificate = arguments
    certificate_file, key_file = certificate or (None, None)
    configure_streamlit(
        {
            "server.address": host,
            "server.port": int(port),
            "server.sslCertFile": certificate_file,
            "server.sslKeyFile": key_file,
        },
        allowed_hosts_from_env(),
    )

    # Only now: it reads the configuration.
    from shoal.dashboard.server.asgi import app

    trusted = proxies()
    listener = Listener(host, int(port), files=raise_file_limit(_FILES), proxies=trusted)
    # Uvicorn's types of messages are narrower than Starlette's.
    application: Any = ProxyHeadersMiddleware(cast("Any", app), list(trusted))
    config = uvicorn.Config(
        TimeLimits(application, listener),
        # The limits rely on this loop, whatever else is installed; see `Listener`.
        loop="asyncio:SelectorEventLoop",
        http="h11",
        backlog=BACKLOG,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=_LARGEST_MESSAGE_BYTES,
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        ws_per_message_deflate=False,
        ssl_certfile=certificate_file,
        ssl_keyfile=key_file,
        callback_notify=listener.drop_late,
        timeout_notify=1,
        access_log=False,
        log_level="warning",
    )
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def configure_streamlit(place: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Set Streamlit's options, whatever a user's own configuration of Streamlit says.

    Parameters
    ----------
    place
        Options that say where the server listens. Uvicorn does it, but pages ask for the port, and
        Streamlit's own cookies are sent by HTTPS only where there is a certificate.
    names
        What browsers may call this server.
    """
    options: dict[str, Any] = {**_OPTIONS, **THEME, **place}
    # A web site whose name resolves to this machine must not act for a user of it.
    if ANY_ADDRESS not in names:
        options["server.allowedHosts"] = list(names)
    # Where the identity provider may be described.
    if files := os.environ.get("STREAMLIT_SECRETS_FILES"):
        options["secrets.files"] = files.split()
    bootstrap.load_config_options(options)
