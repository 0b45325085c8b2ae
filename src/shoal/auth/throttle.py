"""Makes guessing passwords slow for those who guess.

A wrong try counts for its source, the place that it comes from, and for its source and name
together. After too many for one name a source has to wait with that name. After too many for any
names its tries are looked at one a second, in turn. No try ever counts for another source, so that
nobody is kept out of their account by a stranger's guesses.

Nothing sleeps here: a try is refused, or told when its turn is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shoal.auth.errors import TooManyTriesError

# Wrong tries of a name, from one source, without a wait. After them the wait is a second, and
# doubles each time.
FREE_TRIES = 5
# The longest wait for a name, in seconds.
LONGEST_WAIT = 900.0
# Wrong tries from one source without turns; unknown names count, too.
FREE_TRIES_OF_SOURCE = 30
# After them, the seconds from turn to turn.
TURN_SECONDS = 1.0
# Tries of one source that wait for their turn, or are looked at, at the same time.
MOST_AT_ONCE = 10
# After so many seconds without a try, the wrong ones are forgotten.
FORGOTTEN_AFTER = 3600.0
# How many sources, and how many names of sources, are remembered.
_MOST_REMEMBERED = 10_000
# The wait stops doubling here, long after it has reached the longest.
_MOST_DOUBLINGS = 32
# Names are cut here: no account has a longer one.
_LONGEST_NAME = 101

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(slots=True)
class _Count:
    """Tries of a source, or of a source's name; times are those of the throttle's clock."""

    # Those that were wrong, or are not known to be right yet.
    wrong: int = 0
    last: float = 0.0
    # Those of a source that have not ended yet.
    at_once: int = 0
    # When a source's next turn is.
    next_turn: float = 0.0

    def add(self, now: float) -> None:
        """Count another try."""
        if now - self.last > FORGOTTEN_AFTER:
            self.wrong = 0
        self.wrong += 1
        self.last = now

    def wait(self, now: float) -> float:
        """How long the next try of a name has to wait; 0 or less when it may come now."""
        over = self.wrong - FREE_TRIES
        if over < 0 or now - self.last > FORGOTTEN_AFTER:
            return 0.0
        return self.last + min(2.0 ** min(over, _MOST_DOUBLINGS), LONGEST_WAIT) - now


class _Counts(Generic[_Key]):
    """The counts of the keys that were tried last."""

    def __init__(self) -> None:
        # The key that was tried last stands last.
        self._counts: dict[_Key, _Count] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def get(self, key: _Key) -> _Count:
        """The count of a key; a new one, which is not remembered, if it was never tried."""
        return self._counts.get(key) or _Count()

    def remember(self, key: _Key, count: _Count) -> None:
        """Put the key last, and forget the one that was tried longest ago if there are too many."""
        self._counts.pop(key, None)
        self._counts[key] = count
        if len(self._counts) > _MOST_REMEMBERED:
            del self._counts[next(iter(self._counts))]

    def forget(self, key: _Key) -> None:
        """The key was never tried."""
        self._counts.pop(key, None)


class LoginThrottle:
    """The tries that this process has seen. Safe to use from threads.

    Parameters
    ----------
    clock
        Gives the time in seconds; it never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sources: _Counts[str] = _Counts()
        self._names: _Counts[tuple[str, str]] = _Counts()

    def begin(self, source: str, name: str) -> float:
        """Count a try before its password is looked at; `end` has to follow.

        The try counts as wrong until then, so that many tries at the same moment count, too.

        Parameters
        ----------
        source
            Where it comes from: text that differs from place to place.
        name
            The name that it is for.

        Returns
        -------
        float
            Seconds until its turn: the password must not be looked at earlier.

        Raises
        ------
        TooManyTriesError
            If the try comes too early. It counts for nothing.
        """
        with self._lock:
            now = self._clock()
            of_source = self._sources.get(source)
            of_name = self._names.get(_key(source, name))
            wait = of_name.wait(now)
            if of_source.at_once >= MOST_AT_ONCE:
                wait = max(wait, TURN_SECONDS)
            if wait > 0.0:
                raise TooManyTriesError(wait)

            of_source.add(now)
            of_name.add(now)
            self._sources.remember(source, of_source)
            self._names.remember(_key(source, name), of_name)

            of_source.at_once += 1
            turn = now
            if of_source.wrong > FREE_TRIES_OF_SOURCE:
                turn = max(now, of_source.next_turn)
                of_source.next_turn = turn + TURN_SECONDS
            return turn - now

    def end(self, source: str, name: str, *, was_right: bool) -> None:
        """Say how a try ended. After a right one, the wrong ones of its name are forgotten."""
        with self._lock:
            of_source = self._sources.get(source)
            of_source.at_once = max(0, of_source.at_once - 1)
            if was_right:
                of_source.wrong = max(0, of_source.wrong - 1)
                self._names.forget(_key(source, name))


def _key(source: str, name: str) -> tuple[str, str]:
    return source, name[:_LONGEST_NAME]
