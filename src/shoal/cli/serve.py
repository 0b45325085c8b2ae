"""`shoal serve`: keeps a supervisor process and, where it is wanted, a dashboard process alive."""

from __future__ import annotations

import logging
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
from shoal.orchestration.launcher import end_text, ensure_supervisor
from shoal.settings.search_settings import SearchSettings
from shoal.store import ACTIVE, HEARTBEAT_SECONDS, Store
from shoal.system.child import HeardProcess
from shoal.system.process import END_SIGNALS, end_process
from shoal.system.visible_text import visible

# Seconds between two looks at the processes.
_WATCH_SECONDS = 0.5
# Seconds that the dashboard may take until it answers.
_START_SECONDS = 60.0
# A dashboard that ends is started again, after so many seconds; each time twice as many, unless it
# lived for longer than the longest of these pauses.
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0

# Supervisors that end within so many seconds of their start, one after the other, have a reason
# that stays: after so many of them nobody starts another one.
_SHORT_LIFE_SECONDS = 30.0
_MOST_SHORT_LIVES = 5

DEMO_GENERATIONS = 30
# With a run in one of these states, `--demo` starts no other.
_OPEN_STATES = (*ACTIVE, "paused")

_log = logging.getLogger(__name__)


def serve(
    store: Store,
    place: tuple[str, int] | None,
    access: ServerAccess | None = None,
    *,
    demo: bool = False,
) -> None:
    """Serve the store's queue until it is asked to end (`END_SIGNALS`); its runs are then released.

    Parameters
    ----------
    store
        The store whose runs are trained.
    place
        Host and port of the dashboard; None: there is no dashboard.
    access
        Who may reach the dashboard, and how.
    demo
        Start a search on the Concrete data unless a run is open.

    Raises
    ------
    DashboardError
        The dashboard did not come up at first. A process that ends later is replaced: neither takes
        the other with it.
    StoreError
        Several supervisors in a row have ended at once.
    """
    leave = threading.Event()
    for number in END_SIGNALS:
        # Handlers only set a flag: the loop below ends the processes in their order.
        signal.signal(number, lambda *_: leave.set())
    if demo:
        _start_demo(store)

    service = _Service(store)
    try:
        service.start_supervisor()
        where = "no dashboard"
        if place is not None:
            where = service.start_dashboard(*place, access or ServerAccess())
        print(f"Shoal is running: {where}")
        print(f"Store: {visible(store.url)}")
        print("Ctrl-C stops it; everything is kept.", flush=True)

        while not leave.wait(_WATCH_SECONDS):
            service.check_dashboard()
            service.check_supervisor()
    finally:
        service.end()
    print("Stopped. What was running goes on at the next start.")


def _start_demo(store: Store) -> None:
    """Queue a search on the bundled data, unless a run is open."""
    runs = store.runs()
    if any(run.state in _OPEN_STATES for run in runs):
        return
    # The number of runs as seed: each demonstration is another search.
    settings = SearchSettings(generations=DEMO_GENERATIONS, seed=len(runs))
    store.add_run(load_dataset("concrete"), settings, exclusive=True)


class _Service:
    """The processes of one `shoal serve`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # None: a supervisor that somebody else started serves this host.
        self._supervisor: HeardProcess | None = None
        self._dashboard: _Dashboard | None = None
        # When this host was last asked for a supervisor, in seconds of the monotonic clock.
        self._asked_at = 0.0
        # How many supervisors in a row have ended at once.
        self._short_lives = 0

    def start_supervisor(self) -> None:
        """Start a supervisor, unless one that somebody else started is alive on this host.

        Supervisors of other hosts share the queue with it.
        """
        self._supervisor = ensure_supervisor(self._store, attached=True, on_host=True)
        self._asked_at = time.monotonic()
        if self._supervisor is not None:
            _log.info("supervisor process %d started", self._supervisor.pid)

    def check_supervisor(self) -> None:
        """Replace a supervisor that ended. Raises `StoreError` where that is in vain."""
        if self._supervisor is not None:
            if self._supervisor.poll() is None:
                return
            self._count_end(end_text(self._supervisor))
            self.start_supervisor()
            return

        # Somebody else's supervisor was enough. It may end when it has nothing left to do.
        if time.monotonic() - self._asked_at > HEARTBEAT_SECONDS:
            self.start_supervisor()

    def _count_end(self, reason: str) -> None:
        if time.monotonic() - self._asked_at < _SHORT_LIFE_SECONDS:
            self._short_lives += 1
        else:
            self._short_lives = 1

        if self._short_lives == _MOST_SHORT_LIVES:
            raise StoreError(
                f"The supervisor ended {_MOST_SHORT_LIVES} times, each time at once: {reason}.",
                remedy="put that right, then start it again: shoal serve",
            )
        print(f"The supervisor ended; a new one goes on. The reason: {reason}.", file=sys.stderr)

    def start_dashboard(self, host: str, wanted_port: int, access: ServerAccess) -> str:
        """Start the dashboard, wait until it answers, and return the text that says where it is."""
        port = free_port(host, wanted_port)
        if port != wanted_port:
            print(
                f"Port {wanted_port} is taken (by another Shoal?); using {port}.", file=sys.stderr
            )
        self._dashboard = _Dashboard(self._store, host, port, access)
        wait_until_up(self._dashboard.process, address(host, port, access), _START_SECONDS)
        return _address_text(host, port, access)

    def check_dashboard(self) -> None:
        """Replace a dashboard that ended."""
        if self._dashboard is not None:
            self._dashboard.check()

    def end(self) -> None:
        """End both processes. The supervisor releases its run before it ends."""
        processes: list[subprocess.Popen[bytes]] = []
        if self._supervisor is not None:
            processes.append(self._supervisor)
        if self._dashboard is not None:
            processes.append(self._dashboard.process)
        end_process(*processes)


class _Dashboard:
    """The dashboard's process, and how it is kept alive."""

    def __init__(self, store: Store, host: str, port: int, access: ServerAccess) -> None:
        self._store = store
        self._place = (host, port)
        self._access = access
        self._pause = _FIRST_PAUSE
        self._start_at: float | None = None
        self._start()

    def _start(self) -> None:
        self.process = dashboard_process(self._store, *self._place, access=self._access)
        self._started_at = time.monotonic()
        self._start_at = None

    def check(self) -> None:
        """Start it again, after a pause, once it has ended."""
        if self.process.poll() is None:
            return

        now = time.monotonic()
        if self._start_at is None:
            if now - self._started_at > _LONGEST_PAUSE:
                self._pause = _FIRST_PAUSE
            code = self.process.returncode
            print(
                f"The dashboard ended (exit code {code}); it starts again in {self._pause:g} s. "
                "Trainings go on.",
                file=sys.stderr,
            )
            _log.warning("dashboard ended with exit code %s", code)
            self._start_at = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        elif now >= self._start_at:
            self._start()


def _address_text(host: str, port: int, access: ServerAccess) -> str:
    """Where the dashboard is, with a link for each role while there is no account.

    Warns on standard error of what others in the network could read.
    """
    name = socket.gethostname() if host in EVERYWHERE else host
    where = address(name, port, access)
    if host not in LOOPBACK:
        print(
            "This address is for a network that you trust. "
            "Before the internet belongs a proxy: docs/how-to/service.md has one.",
            file=sys.stderr,
        )
    if host not in LOOPBACK and not access.certificate:
        print(
            "Anybody on the way can read plain HTTP: "
            "put a proxy with TLS before it, or give --tls-cert.",
            file=sys.stderr,
        )
    if not access.links:
        return where

    lines = [
        where,
        "Nobody has an account yet (shoal access add NAME). Until this ends, these links let in:",
    ]
    for role, token in access.links:
        lines.append(f"  {role + ':':10}{where}/?token={token}")
    return "\n".join(lines)
