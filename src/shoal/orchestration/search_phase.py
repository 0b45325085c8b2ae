"""The first part of a run: evaluate genomes until the budget is spent."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from shoal.analysis.progress import RunPhase
from shoal.executors import Evaluate, Executor, Outcome
from shoal.orchestration.finals_budget import FinalsBudget
from shoal.orchestration.owned_run import OwnedRun
from shoal.problems.base import Problem
from shoal.problems.evaluation import Evaluation, Task
from shoal.tuning.search import Search

_log = logging.getLogger(__name__)


class SearchPhase:
    """Hands the search's tasks to the executor, and the results to search and store.

    Parameters
    ----------
    run
        The run that is worked on.
    problem, search, executor
        What is trained, what decides what is trained, and where.
    """

    def __init__(self, run: OwnedRun, problem: Problem, search: Search, executor: Executor) -> None:
        self._run = run
        self._problem = problem
        self._search = search
        self._executor = executor
        self._budget = FinalsBudget(problem, search)
        self._has_evaluations = bool(search.evaluations)
        # Tasks by `Task.id` that the executor has.
        self._under_way: set[tuple[str, int]] = set()
        # What confirmations found that the champion needs, by `Task.id`.
        self.found: dict[tuple[str, int], NDArray[Any]] = {}
        # Tasks that it gets next.
        self._waiting: deque[Task] = deque()

    def work(self, recorded_generations: Collection[int]) -> None:
        """Evaluate until the search, its confirmation included, wants nothing more.

        What is under way when the time is up is finished and recorded.

        Parameters
        ----------
        recorded_generations
            The numbers of the search's generations that the store has.
        """
        # The process may have ended after a generation's last evaluation was recorded, and before
        # its summary was.
        unrecorded = [
            summary
            for summary in self._search.generations
            if summary.number not in recorded_generations
        ]
        if unrecorded:
            self._run.record([], unrecorded)

        phase = None
        while True:
            self._close_in_time()
            # In the first round, too: a resumed run may be anywhere.
            before = phase
            phase = RunPhase.CONFIRMATION if self._search.confirming else RunPhase.SEARCH
            if phase is not before:
                self._run.enter(phase)
            self._ask()
            self._submit()
            if not self._under_way:
                return
            self._take_results()

    def _close_in_time(self) -> None:
        """End the search when the rest of the run's time is needed for the finals.

        The first trainings are made however short the time is: workers may take longer to start,
        and a run should end with something.
        """
        limit = self._search.settings.max_seconds
        if limit is None or not self._has_evaluations or self._search.confirming:
            return

        finals = self._budget.finals(self._executor.cores, limit)
        if self._run.seconds + finals.seconds < limit:
            return
        # There was time for all of that once: nothing is given up because its record was lost.
        if self._search.is_behind:
            return

        _log.info("the search ends after %.0f s; finals: %.0f s", self._run.seconds, finals.seconds)
        self._waiting.clear()
        self._search.close(finals.schedule)
        planned = self._search.settings.schedule
        if finals.schedule != planned:
            count = f"{finals.schedule.finalists} of {planned.finalists} finalists"
            self._run.event(f"There is time to confirm {count}.")

    def _ask(self) -> None:
        """Ask the search for tasks; the longest come first, so that no core waits for the last."""
        if self._waiting:
            return

        new_tasks = [task for task in self._search.ask() if task.id not in self._under_way]
        self._waiting.extend(sorted(new_tasks, key=self._problem.cost, reverse=True))

    def _submit(self) -> None:
        """Hand out tasks; where cores are left over, the tasks share them."""
        threads = threads_per_job(self._executor, len(self._waiting) + len(self._under_way))
        while self._waiting and len(self._under_way) < self._executor.capacity:
            task = self._waiting.popleft()
            self._under_way.add(task.id)
            self._executor.submit(Evaluate(task, threads))

    def _take_results(self) -> None:
        evaluations = [_evaluation(outcome) for outcome in self._run.poll(self._executor)]
        if not evaluations:
            return

        self._has_evaluations = True
        generations = len(self._search.generations)
        for evaluation in evaluations:
            self._under_way.remove(evaluation.task.id)
            if evaluation.weights is not None:
                self.found[evaluation.task.id] = evaluation.weights
            # The search keeps what it is told until its end, and needs no more than scores.
            self._search.tell(replace(evaluation, curve=(), worker="", weights=None))
            self._budget.add(evaluation)

        self._run.record(evaluations, self._search.generations[generations:])


def threads_per_job(executor: Executor, jobs: int) -> int:
    """How many threads each job may use, where several run side by side.

    Parameters
    ----------
    executor
        Has the cores.
    jobs
        How many jobs there are. With fewer jobs than cores, each gets several threads; a result
        does not depend on their number.
    """
    return max(1, executor.cores // max(1, jobs))


def _evaluation(outcome: Outcome) -> Evaluation:
    assert isinstance(outcome.job, Evaluate)
    task = outcome.job.task
    if isinstance(outcome.result, Evaluation):
        # With our task instead of its copy from the worker, each genome is in memory once.
        return replace(outcome.result, worker=outcome.worker, task=task)

    _log.warning("genome %s, repeat %d: %s", task.genome.hash, task.repeat, outcome.error)
    return Evaluation(task, "failed", error=outcome.error)
