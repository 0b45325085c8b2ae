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
from shoal.orchestration.champion_phase import ChampionLostError, ChampionPhase
from shoal.orchestration.owned_run import OwnedRun, RunReleasedError
from shoal.orchestration.search_phase import SearchPhase
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation, result_hash
from shoal.store import Claim, FinalState, Store
from shoal.system.shortage import is_shortage
from shoal.tuning.champion import CHAMPION, Champion
from shoal.tuning.search import Search

# How often a run is made anew from its record when that has lost something meanwhile.
MOST_REPLAYS = 3
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
        Makes the executor of a problem, for a number of workers or (None) one for each core.
    look
        Called about five times a second while the run is worked on. What it raises ends the work,
        and the run stays claimed.
    """

    store: Store
    claim: Claim
    leaving: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    make_executor: Callable[[Problem, int | None], Executor] = make_executor
    look: Callable[[], None] | None = None

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
        run = OwnedRun(
            self.store, self.claim, view.seconds, self.leaving, self.clock, self.wait, self.look
        )
        try:
            problem = self.store.load_problem(self.claim.run_id)
            return self._work(run, problem)
        except (ProblemError, SimulationError) as error:
            if is_shortage(error):
                raise
            # A run that were left as interrupted would be claimed again at once, in vain.
            _log.warning("run %s: its code cannot be used: %s", self.claim.run_id, error)
            run.finish("paused", error=str(error))
            return "paused"

    def _work(self, run: OwnedRun, problem: Problem) -> str:
        for _ in range(MOST_REPLAYS):
            search = self._replayed(problem)
            try:
                made = self._train(run, problem, search)
            except RunReleasedError as released:
                return run.release(released.commands)
            except ChampionLostError as lost:
                # Finished it is not: nothing of what a finished run has could be asked for.
                _log.warning("run %s: %s", self.claim.run_id, lost)
                run.finish("failed", error=str(lost))
                return "failed"

            state = self._finish(run, search, made)
            if state is not None:
                return state
            _log.warning("run %s: some of what was recorded is gone", self.claim.run_id)
            run.event(
                "Some of what was recorded is gone from the store; it is made again.", "warning"
            )

        error = (
            f"What is recorded did not stay in the store, {MOST_REPLAYS} times. "
            "What to do: look for what deletes or changes it, then resume the run."
        )
        run.finish("failed", error=error)
        return "failed"

    def _replayed(self, problem: Problem) -> Search:
        """The search as it stands by its record, which is the state of the run."""
        recorded = self.store.evaluations(self.claim.run_id, curves=False)
        _log.debug("run %s: %d evaluations are recorded", self.claim.run_id, len(recorded))
        return Search.replay(problem.settings, recorded, problem.metric)

    def _train(
        self, run: OwnedRun, problem: Problem, search: Search
    ) -> tuple[Champion, bytes] | None:
        """Bring the search to its end, and make the champion; see `ChampionPhase.work`."""
        generations = self._recorded_generations()
        with self.make_executor(problem, problem.settings.workers) as executor:
            run.show_live(problem, executor)
            searching = SearchPhase(run, problem, search, executor)
            searching.work(generations)
            return ChampionPhase(run, problem, search, executor, searching.found).work()

    def _finish(
        self, run: OwnedRun, search: Search, made: tuple[Champion, bytes] | None
    ) -> str | None:
        """End the run, if its record is what this process was told; return its state then.

        A database that has failed over to a copy may have lost what it had confirmed.
        """
        recorded = self.store.evaluations(self.claim.run_id, curves=False)
        final_hash = result_hash(search.evaluations)
        if result_hash(search.belonging(recorded)) != final_hash:
            return None
        if len(self._recorded_generations()) < len(search.generations):
            return None
        best = None
        if made is not None:
            champion, content = made
            if self.store.artifact(self.claim.run_id, CHAMPION) != content:
                return None
            # What lists show is the champion's score, as everywhere, and not that of the leader.
            best = (champion.score, len(champion.selection_scores))

        state: FinalState = "finished"
        error = None
        if not search.best:
            state = "failed"
            error = f"Every training failed. The first: {_first_error(search)}"
        is_written = run.finish(
            state,
            error=error,
            result_hash=final_hash,
            evaluations=len(recorded),
            best=best,
        )
        return state if is_written else None

    def _recorded_generations(self) -> set[int]:
        records = self.store.generations(self.claim.run_id)
        return {record.summary.number for record in records}


def _first_error(search: Search) -> str:
    """The error of the first training that failed, in the order of the search."""
    failed = [evaluation for evaluation in search.evaluations if evaluation.error is not None]
    if not failed:
        return "no training was finished in the time given."
    return min(failed, key=_place).error or ""


def _place(evaluation: Evaluation) -> tuple[int, int, int]:
    task = evaluation.task
    return task.generation, task.individual, task.repeat
