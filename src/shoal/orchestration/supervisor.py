"""The process that claims runs and drives them.

The command line and the dashboard only make sure that there is one. `main` takes its store from the
environment (``SHOAL_STORE``), where other users do not see a password.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

# With pandas, which each run's data need: loaded before there is a run.
import shoal.data.preparation  # noqa: F401
from shoal.errors import (
    NotOwnerError,
    ShoalError,
    StoreAwayError,
    StoreError,
    StoreFullError,
    StoreLostError,
)
from shoal.orchestration import messengers
from shoal.orchestration.owned_run import FULL_SECONDS
from shoal.orchestration.runner import Runner
from shoal.orchestration.webhook import VARIABLE, WebhookSender, check_webhook
from shoal.store import ACTIVE, HEARTBEAT_SECONDS, Claim, Owner, Store, open_store
from shoal.system.child import Parent
from shoal.system.log_level import chosen_level
from shoal.system.paths import is_log_unwanted, log_path
from shoal.system.private_folder import make_own_folder
from shoal.system.process import END_SIGNALS
from shoal.system.shared_log import SharedLog
from shoal.system.shortage import is_shortage

# Between two looks for a run to claim.
IDLE_POLL_SECONDS = 0.25
# After so many shortages of this process in a row, a run fails.
MOST_SHORTAGES = 20

_log = logging.getLogger(__name__)


class Supervisor:
    """Claims runs of one store, one after another, and drives each.

    Parameters
    ----------
    store
        Where the runs are.
    scope
        The only run that it drives, with which it ends; None: every run.
    idle_exit
        Seconds without work after which it ends; None: it stays.
    owner
        Who it is to the store; None: this process.
    """

    def __init__(
        self,
        store: Store,
        *,
        scope: int | None = None,
        idle_exit: float | None = None,
        owner: Owner | None = None,
    ) -> None:
        self.store = store
        self.scope = scope
        self.idle_exit = idle_exit
        self.owner = owner or Owner.here()
        self._leave = threading.Event()
        # How often in a row this process was short of something.
        self._shortages = 0

    def leave(self, *_: object) -> None:
        """Ask it to end; also a signal handler.

        Within a second it releases its run, which the next supervisor continues.
        """
        self._leave.set()

    def loop(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Work until asked to leave, or until there is nothing left for this supervisor to do.

        A store that is full, locked or away is waited for.

        Raises
        ------
        StoreError
            The store cannot be used any more.
        """
        trouble = ""
        idle_since = clock()
        beat_at = idle_since
        try:
            while not self._leave.is_set():
                try:
                    if clock() >= beat_at:
                        self._beat()
                        beat_at = clock() + HEARTBEAT_SECONDS

                    if self._drive_one():
                        idle_since = clock()
                    elif self._is_unneeded(clock() - idle_since):
                        _log.info("supervisor: nothing left to do")
                        return
                    else:
                        self._leave.wait(IDLE_POLL_SECONDS)
                    trouble = ""
                except (StoreFullError, StoreAwayError) as error:
                    # A run that could not be released is interrupted, and loses nothing.
                    if str(error) != trouble:
                        _log.error("%s", error)
                    trouble = str(error)
                    idle_since = clock()
                    self._leave.wait(FULL_SECONDS)
        except StoreLostError:
            if copy := self.store.rescue():
                _log.error("What the store held, up to the last evaluation, was saved as %s", copy)
            raise
        finally:
            if not trouble:
                # Otherwise its entry expires.
                with suppress(StoreError):
                    self.store.remove_supervisor(self.owner)

    def _beat(self) -> None:
        if not self.store.supervisor_heartbeat(self.owner):
            # The store does not know it yet, or forgot it while this process was suspended.
            _log.debug("supervisor: registers with the store, scope %s", self.scope)
            self.store.register_supervisor(self.owner, self.scope)

    def _is_unneeded(self, idle: float) -> bool:
        if self.scope is not None:
            return self.store.run(self.scope).state not in ACTIVE
        return self.idle_exit is not None and idle >= self.idle_exit

    def _drive_one(self) -> bool:
        """Claim a run and drive it to its end; False when there is none to claim."""
        claim = self.store.claim(self.owner, self.scope)
        if claim is None:
            return False

        try:
            state = Runner(self.store, claim, self._leave.is_set).drive()
            _log.info("run %s: %s", claim.run_id, state)
            self._shortages = 0
        except NotOwnerError as error:
            _log.warning("run %s: lost to another supervisor: %s", claim.run_id, error)
        except (StoreFullError, StoreAwayError, StoreLostError):
            # Not the run's fault.
            raise
        except Exception as error:
            if is_shortage(error) and self._shortages < MOST_SHORTAGES:
                self._try_later(claim, error)
            else:
                _log.exception("run %s failed", claim.run_id)
                self._fail(claim, error)
        return True

    def _try_later(self, claim: Claim, error: Exception) -> None:
        """Release a run that this process, short of memory, threads or files, cannot go on with."""
        self._shortages += 1
        _log.warning("run %s: this machine is short of something: %r", claim.run_id, error)
        self.store.release(claim, self.store.run(claim.run_id).seconds)
        self._leave.wait(FULL_SECONDS)

    def _fail(self, claim: Claim, error: Exception) -> None:
        """Record that a run failed, and why."""
        if isinstance(error, ShoalError):
            text = str(error)
        else:
            text = f"{type(error).__name__}: {error}"
        seconds = self.store.run(claim.run_id).seconds
        self.store.finish(claim, "failed", seconds=seconds, error=text)


def main(arguments: Sequence[str], parent: Parent | None = None) -> None:
    """Serve the store of the environment until there is nothing left to do.

    Parameters
    ----------
    arguments
        The command line, see `_parser`.
    parent
        Who gives an attached supervisor its work, and with whom it ends.
    """
    options = _parser().parse_args(arguments)
    if options.attached:
        assert parent is not None
        request = parent.request()
        # It was started in advance, and is not needed; or its parent has ended.
        if request is None:
            return
        options.token = request["token"]
        options.scope = request["scope"]

    _start_log()
    try:
        _serve(options, parent)
    except ShoalError as error:
        _log.exception("supervisor ended")
        # The last words of this process, which its parent shows.
        raise SystemExit(str(error)) from None
    except Exception:
        _log.exception("supervisor ended")
        raise


def _serve(options: argparse.Namespace, parent: Parent | None) -> None:
    with open_store() as store:
        owner = Owner.here()
        if options.token:
            owner = Owner.of_process(owner.pid, options.token)
        supervisor = Supervisor(
            store, scope=options.scope, idle_exit=options.idle_exit, owner=owner
        )
        for number in END_SIGNALS:
            signal.signal(number, supervisor.leave)
        if options.attached and parent is not None:
            parent.when_gone(supervisor.leave)

        with WebhookSender(store, _webhook(), messengers=_messengers()):
            supervisor.loop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shoal.orchestration.supervisor", description=__doc__)
    parser.add_argument("--scope", type=int, help="drive only this run")
    parser.add_argument("--token", help="the owner's token, which the starting process knows")
    parser.add_argument(
        "--attached",
        action="store_true",
        help="ask the parent for token and scope, and end when it ends",
    )
    parser.add_argument(
        "--idle-exit", type=float, help="end after this number of seconds without work"
    )
    return parser


def _start_log() -> None:
    """Have all of Shoal's modules write to the log that supervisors share, or to standard error."""
    path = log_path()
    handler: logging.Handler = logging.StreamHandler()
    trouble = None
    if not is_log_unwanted():
        try:
            make_own_folder(path.parent)
            handler = SharedLog(path)
        except OSError as error:
            trouble = error.strerror

    line = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(line))
    logger = logging.getLogger("shoal")
    logger.addHandler(handler)
    logger.setLevel(chosen_level(logging.INFO))
    if trouble is not None:
        _log.warning("%s cannot be written (%s): the log goes to standard error", path, trouble)


def _webhook() -> str | None:
    """The address that is informed of runs, if any; runs go on without one that cannot be used."""
    url = os.environ.get(VARIABLE)
    if not url:
        return None
    try:
        return check_webhook(url)
    except ShoalError as error:
        _log.error("the webhook is not informed of runs: %s", error)
        return None


def _messengers() -> list[str]:
    """The addresses at which people are informed of runs; runs go on without those."""
    urls = os.environ.get(messengers.VARIABLE, "").split()
    try:
        return messengers.check_messengers(urls)
    except ShoalError as error:
        _log.error("nobody is informed of runs by Apprise: %s", error)
        return []
