"""The last part of a run: train the champion's networks, compare them, and keep them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from numpy.typing import NDArray

from shoal.analysis.progress import RunPhase
from shoal.errors import ExecutorError
from shoal.executors import Executor, Outcome
from shoal.orchestration.owned_run import OwnedRun
from shoal.orchestration.search_phase import threads_per_job
from shoal.problems.base import Problem
from shoal.tuning.baselines import Baseline, BaselineJob, baseline_jobs
from shoal.tuning.champion import (
    CHAMPION,
    AssembleChampion,
    Champion,
    RefitJob,
    Selection,
    refit_jobs,
    select_champion,
)
from shoal.tuning.search import Search

_ThreadedJob = TypeVar("_ThreadedJob", RefitJob, BaselineJob)
_log = logging.getLogger(__name__)


class ChampionLostError(ExecutorError):
    """A search is over, and the champion was lost with its workers."""


class ChampionPhase:
    """Makes the champion of a search that is over.

    Parameters
    ----------
    run
        The run that is worked on.
    problem, search, executor
        What was searched, with what result, and where the networks are trained.
    found
        Weights that need no training any more, by the `Task.id` of the recorded one.
    """

    def __init__(
        self,
        run: OwnedRun,
        problem: Problem,
        search: Search,
        executor: Executor,
        found: Mapping[tuple[str, int], NDArray[Any]],
    ) -> None:
        self._run = run
        self._problem = problem
        self._search = search
        self._executor = executor
        self._found = found

    def work(self) -> tuple[Champion, bytes] | None:
        """Make the champion and keep it.

        Returns
        -------
        tuple or None
            The champion, and what is kept of it; None where every training of the search failed.

        Raises
        ------
        ChampionLostError
            It was lost, or all of its networks were; a resumed run makes it again.
        """
        selection = select_champion(self._search)
        if selection is None:
            return None

        jobs = refit_jobs(self._problem, selection)
        weights = self._weights(jobs)
        compared = self._baselines(selection, len(weights), first=jobs[0].task.repeat)
        champion = self._assembled(selection, weights)
        champion = replace(champion, baselines=compared)
        content = champion.to_bytes()
        self._run.save_artifact(CHAMPION, content)
        return champion, content

    def _weights(self, jobs: Sequence[RefitJob]) -> dict[RefitJob, Any]:
        """The trained weights of each network; those that were lost are missing."""
        weights = {job: self._found[job.task.id] for job in jobs if job.task.id in self._found}
        errors = []
        missing = [job for job in jobs if job not in weights]
        if missing:
            self._run.enter(RunPhase.CHAMPION)
        for job, outcome in self._outcomes(missing).items():
            if outcome.error is None:
                weights[job] = outcome.result
            else:
                _log.warning("a champion's network was lost: %s", outcome.error)
                self._run.event(f"A champion's network was lost: {outcome.error}", "warning")
                errors.append(outcome.error)
        if not weights:
            raise ChampionLostError(
                f"Every network of the champion was lost. The first: {errors[0]}",
                remedy="resume the run: it trains them again, and nothing else",
            )
        # In the order of the jobs, whatever came first.
        return {job: weights[job] for job in jobs if job in weights}

    def _baselines(self, selection: Selection, networks: int, first: int) -> tuple[Baseline, ...]:
        """Other methods on the same rows, where they are asked for."""
        if not self._problem.settings.baselines:
            return ()

        self._run.enter(RunPhase.BASELINES)
        jobs = baseline_jobs(self._problem, selection.genome, networks, first)
        baselines = []
        for job, outcome in self._outcomes(jobs).items():
            if outcome.error:
                baselines.append(job.failed(outcome.error))
            else:
                baselines.append(outcome.result)
        return tuple(baselines)

    def _assembled(self, selection: Selection, weights: Mapping[RefitJob, Any]) -> Champion:
        self._executor.submit(AssembleChampion(selection, weights))
        (outcome,) = self._wait_for(1)
        if outcome.error is not None:
            raise ChampionLostError(
                f"The champion was lost: {outcome.error}",
                remedy="resume the run: it makes the champion again, and nothing else",
            )

        assert isinstance(outcome.result, Champion)
        return outcome.result

    def _outcomes(self, jobs: Sequence[_ThreadedJob]) -> dict[_ThreadedJob, Outcome]:
        """Run the jobs side by side; return each with its outcome, in the order of the jobs."""
        threads = threads_per_job(self._executor, len(jobs))
        submitted = {job: replace(job, threads=threads) for job in jobs}
        for threaded in submitted.values():
            self._executor.submit(threaded)

        outcomes = {outcome.job: outcome for outcome in self._wait_for(len(jobs))}
        return {job: outcomes[threaded] for job, threaded in submitted.items()}

    def _wait_for(self, count: int) -> list[Outcome]:
        """The next ``count`` outcomes, in the order in which they come."""
        outcomes: list[Outcome] = []
        while len(outcomes) < count:
            outcomes += self._run.poll(self._executor)
        return outcomes
