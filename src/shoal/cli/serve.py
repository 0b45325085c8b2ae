"""`shoal serve`: a supervisor process and, where it is wanted, a dashboard process, watched by this one."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time

from shoal.dashboard.network_access import EVERYWHERE, LOOPBACK, ServerAccess
from shoal.dashboard.server.launch import address, dashboard_process, free_port, wait_until_up
from shoal.data import load_dataset
from shoal.errors import StoreError
from shoal.orchestration.launcher import ensure_supervisor
from shoal.settings.search_settings import SearchSettings
from shoal.store import ACTIVE, HEARTBEAT_SECONDS, Store
from shoal.system.paths import log_path
from shoal.system.process import end_process

_WATCH_SECONDS = 0.5
_START_SECONDS = 60.0
DEMO_GENERATIONS = 30
_OPEN = (*ACTIVE, "paused")


def serve(
    store: Store,
    place: tuple[str, int] | None,
    exposure: ServerAccess | None = None,
    *,
    demo: bool = False,
) -> None:
    """Until SIGINT or SIGTERM. A supervisor that dies is replaced; runs are released when the service ends.

    ``place``: host and port of the dashboard; None: there is none. ``exposure``: who is let in there.
    """
    leave = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: leave.set())
    if demo and not any(run.state in _OPEN for run in store.runs()):
        store.add_run(
            load_dataset("concrete"),
            SearchSettings(generations=DEMO_GENERATIONS, seed=len(store.runs())),
            exclusive=True,
        )
    children: list[subprocess.Popen[bytes]] = []
    try:
        supervisor, looked = _supervisor(store, children), time.monotonic()
        dashboard, where = None, "no dashboard"
        if place is not None:
            exposure = exposure or ServerAccess()
            dashboard, port = _dashboard(store, *place, exposure)
            children.append(dashboard)
            wait_until_up(dashboard, address(place[0], port, exposure), _START_SECONDS)
            where = _say_how(place[0], port, exposure)
        print(
            f"Shoal is running: {where}\nStore: {store.url}\nCtrl-C stops it; everything is kept.",
            flush=True,
        )
        while not leave.wait(_WATCH_SECONDS):
            if dashboard is not None and dashboard.poll() is not None:
                raise StoreError(
                    f"The dashboard ended (exit code {dashboard.returncode}).",
                    remedy="start it again: shoal serve",
                )
            ended = supervisor is not None and supervisor.poll() is not None
            if ended:
                print(
                    f"The supervisor ended; a new one goes on ({log_path()} says more).",
                    file=sys.stderr,
                )
            # One that somebody else has started was enough; it may end when it has nothing to do.
            if ended or (supervisor is None and time.monotonic() - looked > HEARTBEAT_SECONDS):
                supervisor, looked = _supervisor(store, children), time.monotonic()
    finally:
        end_process(*children)
    print("Stopped. What was running goes on at the next start.")


def _supervisor(
    store: Store, children: list[subprocess.Popen[bytes]]
) -> subprocess.Popen[bytes] | None:
    """One on this host, in place of one of ours that ended; those of other hosts share the queue with it."""
    supervisor = ensure_supervisor(store, attached=True, on_host=True)
    children[:] = [child for child in children if child.poll() is None] + (
        [supervisor] if supervisor else []
    )
    return supervisor


def _dashboard(
    store: Store, host: str, wanted: int, exposure: ServerAccess
) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port(host, wanted)
    if port != wanted:
        print(f"Port {wanted} is taken (by another Shoal?); using {port}.", file=sys.stderr)
    return dashboard_process(store, host, port, exposure=exposure), port


def _say_how(host: str, port: int, exposure: ServerAccess) -> str:
    """Where it is, with a link for each role where nobody has an account; warns of what others could read."""
    where = address(socket.gethostname() if host in EVERYWHERE else host, port, exposure)
    if host not in LOOPBACK and not exposure.certificate:
        print(
            "Anybody on the way can read plain HTTP: put a proxy with TLS before it, or give --tls-cert.",
            file=sys.stderr,
        )
    if not exposure.links:
        return where
    links = [f"  {role + ':':10}{where}/?token={token}" for role, token in exposure.links]
    return "\n".join(
        [
            where,
            "Nobody has an account yet (shoal access add NAME); until this ends, let in by",
            *links,
        ]
    )
