"""Processes that compute for pages.

A page asks again and again, never waits, and draws what is known by then. A class of such processes
says which one it starts (`PageProcesses.entry`), what it keeps of the answers (a `Work`), and what
pages may ask. Starting, limits, reading, ends and forgetting are here.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from shoal.system.child import Child

_log = logging.getLogger(__name__)


class Work:
    """What is asked for under one key: its process while there is one, and what it has answered.

    Attributes
    ----------
    child
        The process; None before it starts and after its end.
    begun
        When it was started, in the clock's seconds.
    """

    def __init__(self) -> None:
        self.child: Child | None = None
        self.begun = math.nan

    def take(self, values: Mapping[str, Any]) -> None:
        """Keep one answer of the process."""
        raise NotImplementedError

    def end(self, reason: str) -> None:
        """The process has ended by itself, after its last answer.

        One that nobody had asked for a while, and that gave up, is not reported: whoever asks again
        has it started again.
        """


Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept", bound=Work)


class PageProcesses(Generic[Key, Kept]):
    """Processes of one kind, and what they have answered, for all threads that ask.

    Public methods of subclasses hold ``_lock``; what begins with ``_`` here expects it to be held.

    Parameters
    ----------
    environment
        Makes that of a process when it starts.
    clock
        Seconds that only rise.
    """

    # What each process runs, `Entry`.
    entry: ClassVar[str]
    # Processes at once; who asks for another one waits, and asks again.
    most_processes: ClassVar[int] = 1
    # Keys whose answers are kept in memory.
    most_kept: ClassVar[int]
    # A process that takes longer is ended.
    limit_seconds: ClassVar[float] = math.inf

    def __init__(
        self,
        environment: Callable[[], Mapping[str, str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environment = environment
        self._clock = clock
        self._lock = threading.Lock()
        # The one that was asked for last is the last one.
        self._works: dict[Key, Kept] = {}

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for work in self._works.values():
                self._close(work)
            self._works.clear()

    def _asked(self, key: Key, new: Callable[[], Kept]) -> Kept:
        """What is known for a key by now, ``new()`` where it is asked for the first time."""
        work = self._works.pop(key, None) or new()
        self._look(work)
        ended = [other for other, its in self._works.items() if its.child is None]
        for other in ended[: max(0, len(self._works) + 1 - self.most_kept)]:
            del self._works[other]
        self._works[key] = work
        return work

    def _has_room(self, work: Kept) -> bool:
        """Whether a process may start for it, or others are at work."""
        at_work = 0
        for other in self._works.values():
            self._look(other)
            if other.child is not None and self._gives_way(other, work):
                self._close(other)
            at_work += other.child is not None
        return at_work < self.most_processes

    def _start(self, work: Kept, request: Any) -> None:
        """Start its process, if there is room for one."""
        if self._has_room(work):
            work.child = Child(self.entry, request, self._environment())
            work.begun = self._clock()
            _log.debug("%s: process %d", self.entry, work.child.process.pid)

    def _gives_way(self, other: Kept, work: Kept) -> bool:
        """Whether a process at work is ended for the sake of another one; here: never."""
        return False

    def _look(self, work: Kept) -> None:
        """Take the new answers of its process, and close it when it has ended or is late."""
        child = work.child
        if child is None:
            return
        # Asked first: when it has ended, all of its answers are there.
        ended = child.has_ended()
        for values in child.new_answers():
            work.take(values)
        if ended and not child.was_abandoned():
            work.end(child.reason())
        if ended or self._clock() - work.begun > self.limit_seconds:
            self._close(work)

    def _close(self, work: Kept) -> None:
        if work.child is not None:
            work.child.close()
            work.child = None
