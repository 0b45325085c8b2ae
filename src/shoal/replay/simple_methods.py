"""The simplest methods of a run's table, fitted in a process beside the pages that show them.

A page asks again and again, and never waits: it draws the lines that are known by then.

    methods = SimpleMethods(store.raw_url)
    methods.lines(run)             # () at first, and both lines some seconds later
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shoal.analysis.simple_methods import ReferenceLine, reference_lines, simple_methods
from shoal.errors import ShoalError
from shoal.problems.table import as_table
from shoal.replay.process import child_environment, load_problem
from shoal.store import RunView
from shoal.system.child import Child, Entry, Parent, answer, prints_dropped
from shoal.system.process import lower_priority

# A linear model of a huge table may take for ever; then there is no line.
LIMIT_SECONDS = 300.0
# A tenth of a core that other processes want, too.
NICENESS = 10
# A process may end without an answer, as where the store is busy: so many are started for a run.
MOST_TRIES = 3
# Runs whose lines are kept in memory.
MAX_RUNS = 64
_log = logging.getLogger(__name__)


@dataclass
class _Fits:
    """The lines of one run, and the process that computes more; None when that has ended."""

    child: Child | None
    begun: float
    tries: int = 1
    lines: list[ReferenceLine] = field(default_factory=list)


class SimpleMethods:
    """The lines of the runs in one store, for all threads that ask.

    Parameters
    ----------
    store
        The store's address, password included.
    clock
        Seconds that only rise.
    """

    def __init__(self, store: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self._clock = clock
        # The run that was asked for last is the last one.
        self._fits: dict[int, _Fits] = {}
        self._lock = threading.Lock()

    def lines(self, run: RunView) -> tuple[ReferenceLine, ...]:
        """What is known by now; the first call for a table starts a process.

        Parameters
        ----------
        run
            The run. A table and its metric never change, so its lines are computed once.
        """
        if not run.is_table:
            return reference_lines(run)

        with self._lock:
            fits = self._fits.pop(run.id, None)
            if fits is None:
                fits = self._start(run.id)
            elif fits.child is None and not fits.lines and fits.tries < MOST_TRIES:
                tried = fits.tries
                fits = self._start(run.id) or fits
                fits.tries = tried + (fits.child is not None)
            if fits is None:
                return ()
            self._fits[run.id] = fits
            self._look(run.id, fits)
            return tuple(fits.lines)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for fits in self._fits.values():
                if fits.child is not None:
                    fits.child.close()
            self._fits.clear()

    def _start(self, run_id: int) -> _Fits | None:
        """A new process; None while another is at work."""
        for other_id, other in self._fits.items():
            self._look(other_id, other)
            if other.child is not None:
                return None
        while len(self._fits) >= MAX_RUNS:
            del self._fits[next(iter(self._fits))]

        child = Child(Entry.SIMPLE_METHODS, {"run": run_id}, child_environment(self.store))
        _log.debug("run %s: process %d fits simple methods", run_id, child.process.pid)
        return _Fits(child, self._clock())

    def _look(self, run_id: int, fits: _Fits) -> None:
        """Take the new answers of a process, and close it when it is done or late."""
        if fits.child is None:
            return
        # Asked first: when it has ended, all of its answers are there.
        ended = fits.child.has_ended()
        for values in fits.child.new_answers():
            if "label" in values:
                fits.lines.append(ReferenceLine(values["label"], values["score"]))
            else:
                _log.info("run %s: no simple methods: %s", run_id, values.get("error"))

        is_late = self._clock() - fits.begun > LIMIT_SECONDS
        if ended or is_late:
            fits.child.close()
            fits.child = None


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of the process that fits: it answers with one line a method."""
    request = parent.request()
    try:
        with prints_dropped():
            problem = as_table(load_problem(request["run"]), "A simple method")
            lower_priority(NICENESS)
            for line in simple_methods(problem):
                answer(**line.to_dict())
    except ShoalError as error:
        answer(error=str(error))
        return error.exit_code
    return 0
