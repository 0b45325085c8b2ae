"""Makes guessing slow: whoever was wrong too often has to wait, by name and altogether. Nothing sleeps; a try is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from shoal.auth.errors import TooManyTriesError

FREE_TRIES = 5  # of one name; after that the wait doubles from a second on
LONGEST_WAIT = 900.0
FREE_TRIES_OF_ALL = 30  # of all names together, unknown ones included
LONGEST_WAIT_OF_ALL = 10.0  # short: a stranger must not keep out everybody
FORGOTTEN_AFTER = 3600.0  # seconds without a try
_MOST_NAMES = 10_000


@dataclass(slots=True)
class _Count:
    wrong: int = 0
    last: float = 0.0  # by the clock


class LoginThrottle:
    """Wrong tries of this process. Safe to use from threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all = _Count()
        self._names: dict[str, _Count] = {}

    def begin(self, name: str) -> None:
        """Before a password is looked at: the try counts as wrong until `succeeded`, so that many at once count too.

        Raises `TooManyTriesError`; such a try counts for nothing.
        """
        with self._lock:
            now = self._clock()
            count = self._names.get(name) or _Count(last=now)
            wait = max(
                _wait(count, FREE_TRIES, LONGEST_WAIT, now),
                _wait(self._all, FREE_TRIES_OF_ALL, LONGEST_WAIT_OF_ALL, now),
            )
            if wait > 0.0:
                raise TooManyTriesError(wait)
            for one in (count, self._all):
                one.wrong = 1 if now - one.last > FORGOTTEN_AFTER else one.wrong + 1
                one.last = now
            self._names.pop(name, None)
            self._names[name] = count  # the newest stands last
            if len(self._names) > _MOST_NAMES:
                del self._names[next(iter(self._names))]

    def succeeded(self, name: str) -> None:
        """The try was right: the name's are forgotten."""
        with self._lock:
            self._names.pop(name, None)
            self._all.wrong = max(0, self._all.wrong - 1)


def _wait(count: _Count, free: int, longest: float, now: float) -> float:
    """Seconds from now until the next try."""
    over = count.wrong - free
    if over < 0 or now - count.last > FORGOTTEN_AFTER:
        return 0.0
    return count.last + min(2.0 ** min(over, 32), longest) - now
