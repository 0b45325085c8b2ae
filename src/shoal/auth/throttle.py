"""Makes guessing passwords slow.

After too many wrong tries a caller has to wait, for each name and for all names together. Nothing
sleeps: a try that comes too early is refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from shoal.auth.errors import TooManyTriesError

# Wrong tries of one name without a wait. After them the wait is a second, and doubles each time.
FREE_TRIES = 5
# The longest wait for one name, in seconds.
LONGEST_WAIT = 900.0
# Wrong tries of all names together without a wait; unknown names count, too.
FREE_TRIES_OF_ALL = 30
# The longest wait for all names, in seconds. It is short: a stranger must not keep out everybody.
LONGEST_WAIT_OF_ALL = 10.0
# After so many seconds without a try, the wrong ones are forgotten.
FORGOTTEN_AFTER = 3600.0
# How many names are remembered.
_MOST_NAMES = 10_000
# The wait stops doubling here, long after it has reached the longest.
_MOST_DOUBLINGS = 32


@dataclass(slots=True)
class _Count:
    """Wrong tries, and when the last one was, by the throttle's clock."""

    wrong: int = 0
    last: float = 0.0

    def add(self, now: float) -> None:
        """Count another wrong try."""
        if now - self.last > FORGOTTEN_AFTER:
            self.wrong = 0
        self.wrong += 1
        self.last = now

    def wait(self, free_tries: int, longest_wait: float, now: float) -> float:
        """How long the next try has to wait.

        Parameters
        ----------
        free_tries
            How many wrong tries cost no wait.
        longest_wait
            The longest wait, in seconds: each wrong try beyond the free ones doubles the wait.
        now
            The time, in seconds of the same clock as in `add`.

        Returns
        -------
        float
            Seconds; 0 or less when the try may come now.
        """
        over = self.wrong - free_tries
        if over < 0 or now - self.last > FORGOTTEN_AFTER:
            return 0.0
        return self.last + min(2.0 ** min(over, _MOST_DOUBLINGS), longest_wait) - now


class LoginThrottle:
    """The wrong tries that this process has seen. Safe to use from threads.

    Parameters
    ----------
    clock
        Gives the time in seconds; it never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all = _Count()
        # By name; the name that was tried last stands last.
        self._names: dict[str, _Count] = {}

    def begin(self, name: str) -> None:
        """Count a try before its password is looked at.

        The try counts as wrong until `succeeded` is called, so that many tries at the same moment
        count, too.

        Raises
        ------
        TooManyTriesError
            If the try comes too early. It counts for nothing.
        """
        with self._lock:
            now = self._clock()
            count = self._names.get(name) or _Count(last=now)
            wait = max(
                count.wait(FREE_TRIES, LONGEST_WAIT, now),
                self._all.wait(FREE_TRIES_OF_ALL, LONGEST_WAIT_OF_ALL, now),
            )
            if wait > 0.0:
                raise TooManyTriesError(wait)

            count.add(now)
            self._all.add(now)
            self._remember(name, count)

    def succeeded(self, name: str) -> None:
        """The try was right: forget the wrong tries of that name."""
        with self._lock:
            self._names.pop(name, None)
            self._all.wrong = max(0, self._all.wrong - 1)

    def _remember(self, name: str, count: _Count) -> None:
        """Put the name last; forget the one that was tried longest ago when there are too many."""
        self._names.pop(name, None)
        self._names[name] = count
        if len(self._names) > _MOST_NAMES:
            oldest = next(iter(self._names))
            del self._names[oldest]
