"""`shoal serve`: a supervisor process and a dashboard process, watched by this one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

from shoal.dashboard.server import address, dashboard_process, free_port, wait_until_up
from shoal.data import load_dataset
from shoal.errors import StoreError
from shoal.launch import end_process, ensure_supervisor, log_path
from shoal.settings import SearchSettings
from shoal.store import ACTIVE, Store

_WATCH_SECONDS = 0.5
_START_SECONDS = 60.0
DEMO_GENERATIONS = 30
_OPEN = (*ACTIVE, "paused")


def serve(store: Store, host: str, port: int, *, demo: bool = False) -> None:
    """Until SIGINT or SIGTERM, with a supervisor on this host; services of other hosts have theirs.

    A supervisor that dies is replaced; runs are released when the service ends.
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
    wanted, port = port, free_port(host, port)
    if port != wanted:
        print(f"Port {wanted} is taken (by another Shoal?); using {port}.", file=sys.stderr)
    try:
        supervisor = ensure_supervisor(store, attached=True, on_host=True)
        children += [supervisor] if supervisor is not None else []
        dashboard = dashboard_process(store, host, port)
        children.append(dashboard)
        url = address(host, port)
        wait_until_up(dashboard, url, _START_SECONDS)
        print(f"Shoal is running: {url}\nStore: {store.url}\nCtrl-C stops it; everything is kept.", flush=True)
        while not leave.wait(_WATCH_SECONDS):
            if dashboard.poll() is not None:
                raise StoreError(
                    f"The dashboard ended (exit code {dashboard.returncode}).", remedy="start it again: shoal serve"
                )
            if supervisor is not None and supervisor.poll() is not None:
                print(f"The supervisor ended; a new one goes on ({log_path()} says more).", file=sys.stderr)
                supervisor = ensure_supervisor(store, attached=True, on_host=True)
                children += [supervisor] if supervisor is not None else []
    finally:
        end_process(*children)
    print("Stopped. What was running goes on at the next start.")
