"""Stays a run's owner while code of the caller takes its time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shoal.errors import ShoalError
from shoal.store import HEARTBEAT_SECONDS, Claim, Store

_log = logging.getLogger(__name__)


@contextmanager
def lease_kept(
    store: Store,
    claim: Claim,
    seconds: Callable[[], float],
    every: float = HEARTBEAT_SECONDS,
) -> Iterator[None]:
    """Within the block, a thread renews the lease.

    Commands that come meanwhile wait until the block is left.

    Parameters
    ----------
    store, claim
        The run.
    seconds
        Gives its active time.
    every
        Seconds between two renewals; the first comes after as long.
    """
    left = threading.Event()

    def renew() -> None:
        while not left.wait(every):
            try:
                store.heartbeat(claim, seconds())
            except ShoalError as error:
                # The owner's next write meets it, too, and knows what to do.
                _log.warning("run %s: the lease could not be renewed: %s", claim.run_id, error)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
