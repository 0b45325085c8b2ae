"""The process that claims runs and drives them. The command line and the dashboard only make sure that there is one.

`main` takes its store from the environment (SHOAL_STORE), where a password is not seen by other users.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import shoal.data.preparation  # noqa: F401  pandas, which each run's data need, is loaded before there is a run
from shoal.errors import (
    NotOwnerError,
    ShoalError,
    StoreAwayError,
    StoreError,
    StoreFullError,
    StoreLostError,
)
from shoal.orchestration.runner import FULL_SECONDS, Runner
from shoal.orchestration.webhook import VARIABLE, WebhookSender, check_webhook
from shoal.store import ACTIVE, HEARTBEAT_SECONDS, Owner, Store, open_store
from shoal.system.paths import log_path
from shoal.system.shared_log import SharedLog

IDLE_POLL_SECONDS = 0.25
_log = logging.getLogger("shoal.orchestration.supervisor")


class Supervisor:
    """Claims runs of one store, one after another, and drives each. ``scope``: only that run, then end."""

    def __init__(
        self,
        store: Store,
        *,
        scope: int | None = None,
        idle_exit: float | None = None,
        owner: Owner | None = None,
    ) -> None:
        self.store, self.scope, self.idle_exit = store, scope, idle_exit
        self.owner = owner or Owner.here()
        self._leave = threading.Event()

    def leave(self, *_: object) -> None:
        """Ask it to end: the run in hand is released within a second, for the next supervisor to continue."""
        self._leave.set()

    def loop(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Until asked to leave, or nothing is left to do that this supervisor is for.

        A store that is full, locked or away is waited for. Raises `StoreError` for one that cannot be used any more.
        """
        trouble = ""
        beat_at = idle_since = clock()
        try:
            while not self._leave.is_set():
                try:
                    if clock() >= beat_at:
                        self._beat()
                        beat_at = clock() + HEARTBEAT_SECONDS
                    if self._drive_one():
                        idle_since = clock()
                    elif self._unneeded(clock() - idle_since):
                        return
                    else:
                        self._leave.wait(IDLE_POLL_SECONDS)
                    trouble = ""
                except (StoreFullError, StoreAwayError) as error:
                    # A run that could not be let go of is interrupted, and loses nothing.
                    if str(error) != trouble:
                        _log.error("%s", error)
                    trouble, idle_since = str(error), clock()
                    self._leave.wait(FULL_SECONDS)
        except StoreLostError:
            if copy := self.store.rescue():
                _log.error("What the store held, up to the last evaluation, was saved as %s", copy)
            raise
        finally:
            if not trouble:
                with suppress(StoreError):  # its lease ends by itself
                    self.store.remove_supervisor(self.owner)

    def _beat(self) -> None:
        if not self.store.supervisor_heartbeat(
            self.owner
        ):  # not known yet, or forgotten while it was suspended
            self.store.register_supervisor(self.owner, self.scope)

    def _unneeded(self, idle: float) -> bool:
        if self.scope is not None:
            return self.store.run(self.scope).state not in ACTIVE
        return self.idle_exit is not None and idle >= self.idle_exit

    def _drive_one(self) -> bool:
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
        except (StoreFullError, StoreAwayError, StoreLostError):
            raise  # not the run's fault
        except Exception as error:
            _log.exception("run %s failed", claim.run_id)
            text = (
                str(error) if isinstance(error, ShoalError) else f"{type(error).__name__}: {error}"
            )
            self.store.finish(
                claim, "failed", seconds=self.store.run(claim.run_id).seconds, error=text
            )
        return True


def main(argv: list[str] | None = None) -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(prog="shoal.orchestration.supervisor", description=__doc__)
    parser.add_argument("--scope", type=int, help="only this run")
    parser.add_argument("--token", help="the owner's token, known to who started it")
    parser.add_argument(
        "--attached",
        action="store_true",
        help="read token and scope from standard input, and end when it ends",
    )
    parser.add_argument("--idle-exit", type=float, help="end after so many seconds without work")
    options = parser.parse_args(argv)
    if options.attached:
        word = sys.stdin.buffer.readline().decode().split()
        if not word:  # started in advance, and not needed
            return
        options.token, options.scope = word[0], int(word[1]) if word[1:] else None
    path = log_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.INFO, handlers=[SharedLog(path)], format="%(asctime)s %(process)d %(message)s"
    )
    with open_store() as store:
        here = Owner.here()
        owner = Owner(here.host, here.pid, options.token) if options.token else here
        supervisor = Supervisor(
            store, scope=options.scope, idle_exit=options.idle_exit, owner=owner
        )
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, supervisor.leave)
        if options.attached:
            threading.Thread(target=_leave_at_end_of_input, args=(supervisor,), daemon=True).start()
        try:
            with WebhookSender(store, _webhook()):
                supervisor.loop()
        except Exception:
            _log.exception("supervisor ended")
            raise


def _webhook() -> str | None:
    """Who is to be told, if anybody; runs go on without one that cannot be."""
    try:
        return check_webhook(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
    except ShoalError as error:
        _log.error("nobody is told what becomes of runs: %s", error)
        return None


def _leave_at_end_of_input(supervisor: Supervisor) -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock a thread may hold when the interpreter ends
        pass
    supervisor.leave()
