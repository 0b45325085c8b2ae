"""Drives one claimed run to its end.

What is recorded is replayed, so that the search is where it was; the rest is computed and recorded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from shoal.errors import ProblemError, SimulationError
from shoal.executors import Executor, make_executor
from shoal.orchestration.champion_phase import ChampionPhase
from shoal.orchestration.owned_run import OwnedRun, RunReleasedError
from shoal.orchestration.search_phase import SearchPhase
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation, result_hash
from shoal.store import Claim, Store
from shoal.tuning.search import Search

_log = logging.getLogger(__name__)


@dataclass
class Runner:
    """Drives one claimed run, on this thread.

    Attributes
    ----------
    store
        Where the run is.
    claim
        The right to write for it.
    leaving
        Whether this process was asked to end.
    clock
        Gives monotonic seconds.
    wait
        Waits for a number of seconds.
    make_executor
        Makes the executor of a problem, for a number of workers or (None) one a core.
    """

    store: Store
    claim: Claim
    leaving: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    make_executor: Callable[[Problem, int | None], Executor] = make_executor

    def drive(self) -> str:
        """Work until the run ends or has to be left.

        Returns
        -------
        str
            The run's state then; "interrupted" when another supervisor may continue it, and
            "paused" when the code that it began with is not here.

        Raises
        ------
        NotOwnerError
            Another supervisor has taken the run over. What was recorded stands.
        """
        view = self.store.run(self.claim.run_id)
        run = OwnedRun(self.store, self.claim, view.seconds, self.leaving, self.clock, self.wait)
        try:
            problem = self.store.load_problem(self.claim.run_id)
            return self._work(run, problem, view.generations)
        except (ProblemError, SimulationError) as error:
            # A run that were left as interrupted would be claimed again at once, in vain.
            _log.warning("run %s: its code cannot be used: %s", self.claim.run_id, error)
            run.finish("paused", error=str(error))
            return "paused"

    def _work(self, run: OwnedRun, problem: Problem, generations: int) -> str:
        recorded = self.store.evaluations(self.claim.run_id, curves=False)
        # The record is the state: a search that went on elsewhere is played again from its
        # evaluations.
        search = Search.replay(problem.settings, recorded, problem.metric)
        _log.debug("run %s: %d evaluations are recorded", self.claim.run_id, len(recorded))

        try:
            with self.make_executor(problem, problem.settings.workers) as executor:
                run.show_live(problem, executor)
                searching = SearchPhase(run, problem, search, executor)
                searching.work(generations)
                phase = ChampionPhase(run, problem, search, executor, searching.found)
                champion = phase.work()
        except RunReleasedError as released:
            return run.release(released.commands)

        final_hash = result_hash(search.evaluations)
        if search.best:
            # What lists show is the champion's score, as everywhere, and not that of the leader.
            best = (champion.score, len(champion.selection_scores)) if champion else None
            run.finish("finished", result_hash=final_hash, best=best)
            return "finished"

        error = f"Every training failed. The first: {_first_error(search)}"
        run.finish("failed", error=error, result_hash=final_hash)
        return "failed"


def _first_error(search: Search) -> str:
    """The error of the first training that failed, in the order of the search."""
    failed = [evaluation for evaluation in search.evaluations if evaluation.error is not None]
    if not failed:
        return "no training was finished in the time given."
    return min(failed, key=_place).error or ""


def _place(evaluation: Evaluation) -> tuple[int, int, int]:
    task = evaluation.task
    return task.generation, task.individual, task.repeat
