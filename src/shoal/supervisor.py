"""The process that claims runs and drives them. The command line and the dashboard only make sure that there is one.

`python -m shoal.supervisor` takes its store from the environment (SHOAL_STORE), where a password is not seen by other users.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from shoal.errors import NotOwnerError, ShoalError
from shoal.runner import Runner
from shoal.store import ACTIVE, HEARTBEAT_SECONDS, Owner, Store, default_path, open_store

IDLE_POLL_SECONDS = 0.25
LEAVE_SECONDS = 10.0  # that a process gets to end when asked, before it is killed
IDLE_EXIT_SECONDS = 60.0  # a supervisor that nobody attends ends itself after so long without work
_log = logging.getLogger("shoal.supervisor")


class Supervisor:
    """Claims runs of one store, one after another, and drives each. ``scope``: only that run, then end."""

    def __init__(
        self, store: Store, *, scope: int | None = None, idle_exit: float | None = None, owner: Owner | None = None
    ) -> None:
        self.store, self.scope, self.idle_exit = store, scope, idle_exit
        self.owner = owner or Owner.here()
        self._leave = threading.Event()

    def leave(self, *_: object) -> None:
        """Ask it to end: the run in hand is released within a second, for the next supervisor to continue."""
        self._leave.set()

    def loop(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Until asked to leave, or nothing is left to do that this supervisor is for."""
        self._beat()
        beaten = idle_since = clock()
        try:
            while not self._leave.is_set():
                if self._work():
                    idle_since = clock()
                elif self._unneeded(clock() - idle_since):
                    return
                else:
                    self._leave.wait(IDLE_POLL_SECONDS)
                if clock() - beaten >= HEARTBEAT_SECONDS:
                    self._beat()
                    beaten = clock()
        finally:
            self.store.remove_supervisor(self.owner)

    def _beat(self) -> None:
        if not self.store.beat_supervisor(self.owner):  # not known yet, or forgotten while it was suspended
            self.store.register_supervisor(self.owner, self.scope)

    def _unneeded(self, idle: float) -> bool:
        if self.scope is not None:
            return self.store.run(self.scope).state not in ACTIVE
        return self.idle_exit is not None and idle >= self.idle_exit

    def _work(self) -> bool:
        """Claim a run and drive it to its end; False when there is none to claim."""
        claim = self.store.claim(self.owner, self.scope)
        if claim is None:
            return False
        _log.info("run %s: claimed, epoch %s", claim.run_id, claim.epoch)
        try:
            state = Runner(self.store, claim, self._leave.is_set).drive()
            _log.info("run %s: %s", claim.run_id, state)
        except NotOwnerError as error:
            _log.warning("run %s: %s", claim.run_id, error)
        except Exception as error:
            _log.exception("run %s failed", claim.run_id)
            text = str(error) if isinstance(error, ShoalError) else f"{type(error).__name__}: {error}"
            self.store.finish(claim, "failed", seconds=self.store.run(claim.run_id).seconds, error=text)
        return True


def log_path() -> Path:
    """Where supervisors write what they do."""
    return default_path().with_name("supervisor.log")


def ensure_supervisor(
    store: Store, *, scope: int | None = None, attached: bool = False
) -> subprocess.Popen[bytes] | None:
    """Start a supervisor process unless one is alive that serves ``scope`` (None: every run).

    ``attached``: it is given back, releases its run and ends when this process ends, however that happens. Otherwise it
    is nobody's child, outlives the caller, and ends by itself after a minute without work; the result is None.
    """
    # One of those who ask at once may start it; its place is taken before the process exists.
    place = Owner.here()
    if not store.reserve_supervisor(place, scope):
        return None
    command = [sys.executable, "-m", "shoal.supervisor", "--token", place.token]
    command += ["--scope", str(scope)] if scope is not None else []
    try:
        process, pid = _launch(command, {**os.environ, "SHOAL_STORE": store.raw_url}, attached)
    except BaseException:
        store.remove_supervisor(place)
        raise
    store.register_supervisor(Owner(place.host, pid, place.token), scope, instead_of=place)
    return process


def _launch(
    command: list[str], environment: dict[str, str], attached: bool
) -> tuple[subprocess.Popen[bytes] | None, int]:
    if not attached:
        launch = [sys.executable, "-c", _LAUNCH, *command, "--idle-exit", str(IDLE_EXIT_SECONDS)]
        return None, int(subprocess.run(launch, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    # The end of its standard input is how it learns of our death. A session of its own: a Ctrl-C in the terminal is
    # for the one who started it, who then tells it.
    process = subprocess.Popen(
        [*command, "--attached"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    return process, process.pid


_LAUNCH = """
import subprocess, sys
null = subprocess.DEVNULL
child = subprocess.Popen(sys.argv[1:], stdin=null, stdout=null, stderr=null, start_new_session=True)
print(child.pid)
child.returncode = 0  # not ours to wait for
"""


def end_process(*processes: subprocess.Popen[bytes]) -> None:
    """Ask processes of ours to end, see that they do, and close their input."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def main(argv: list[str] | None = None) -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(prog="shoal.supervisor", description=__doc__)
    parser.add_argument("--scope", type=int, help="only this run")
    parser.add_argument("--token", help="the owner's token, known to who started it")
    parser.add_argument("--attached", action="store_true", help="end when standard input ends")
    parser.add_argument("--idle-exit", type=float, help="end after so many seconds without work")
    options = parser.parse_args(argv)
    path = log_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=3)
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(process)d %(message)s")
    with open_store() as store:
        here = Owner.here()
        owner = Owner(here.host, here.pid, options.token) if options.token else here
        supervisor = Supervisor(store, scope=options.scope, idle_exit=options.idle_exit, owner=owner)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, supervisor.leave)
        if options.attached:
            threading.Thread(target=_leave_at_end_of_input, args=(supervisor,), daemon=True).start()
        try:
            supervisor.loop()
        except Exception:
            _log.exception("supervisor ended")
            raise


def _leave_at_end_of_input(supervisor: Supervisor) -> None:
    sys.stdin.buffer.read()
    supervisor.leave()


if __name__ == "__main__":
    main()
