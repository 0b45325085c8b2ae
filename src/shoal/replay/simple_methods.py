"""The simplest methods of a run's table, fitted in a process beside the pages that show them.

A page asks again and again, and never waits: it draws the lines that are known by then.

    methods = SimpleMethods(store.raw_url)
    methods.lines(run)             # () at first, and both lines some seconds later
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from shoal.analysis.simple_methods import ReferenceLine, reference_lines, simple_methods
from shoal.errors import ShoalError
from shoal.problems.table import as_table
from shoal.replay.page_processes import PageProcesses, Work
from shoal.replay.process import child_environment, load_problem
from shoal.store import RunView
from shoal.system.child import Entry, Parent, answer, prints_dropped
from shoal.system.process import lower_priority
from shoal.tuning.baselines import load_simple_methods

# A linear model of a huge table may take for ever; then there is no line.
LIMIT_SECONDS = 300.0
# A tenth of a core that other processes want, too.
NICENESS = 10
# A process may end without an answer, as where the store is busy: so many are started for a run.
MOST_TRIES = 3
# Runs whose lines are kept in memory.
MAX_RUNS = 64
_log = logging.getLogger(__name__)


class _Fits(Work):
    """The lines of one run."""

    def __init__(self, run_id: int) -> None:
        super().__init__()
        self.run_id = run_id
        self.tries = 0
        self.lines: list[ReferenceLine] = []

    def take(self, values: Mapping[str, Any]) -> None:
        if "label" in values:
            self.lines.append(ReferenceLine(values["label"], values["score"]))
        else:
            _log.info("run %s: no simple methods: %s", self.run_id, values.get("error"))


class SimpleMethods(PageProcesses[int, _Fits]):
    """The lines of the runs in one store, for all threads that ask.

    Parameters
    ----------
    store
        The store's address, password included.
    clock
        Seconds that only rise.
    """

    entry = Entry.SIMPLE_METHODS
    most_kept = MAX_RUNS
    limit_seconds = LIMIT_SECONDS

    def __init__(self, store: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(partial(child_environment, store), clock)

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
            fits = self._asked(run.id, lambda: _Fits(run.id))
            if fits.child is None and not fits.lines and fits.tries < MOST_TRIES:
                self._start(fits, {"run": run.id})
                fits.tries += fits.child is not None
                self._look(fits)
            return tuple(fits.lines)


def main(parent: Parent, arguments: Sequence[str]) -> int:
    """The entry of the process that fits: it answers with one line a method."""
    request = parent.request()
    try:
        with prints_dropped():
            problem = as_table(load_problem(request["run"]), "A simple method")
            load_simple_methods()
            # Only now: until here it is quick, and somebody waits. The import of scikit-learn alone
            # takes more than the fits of a usual table, and ten times as long beside a search.
            lower_priority(NICENESS)
            for line in simple_methods(problem):
                answer(**line.to_dict())
    except ShoalError as error:
        answer(error=str(error))
        return error.exit_code
    return 0
