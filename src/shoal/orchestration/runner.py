"""Drives one claimed run: replay what is recorded, have the rest computed, record it, obey commands."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from shoal.errors import ExecutorError, StoreFullError
from shoal.executors import Evaluate, Executor, Outcome, make_executor
from shoal.orchestration.live_status import LiveStatus
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task, result_hash
from shoal.problems.table import Problem
from shoal.settings.phase import Phase
from shoal.settings.schedule import Schedule
from shoal.store import HEARTBEAT_SECONDS, Claim, Command, FinalState, Store
from shoal.tuning.baselines import BaselineJob, baseline_jobs
from shoal.tuning.champion import CHAMPION, AssembleChampion, RefitJob, refit_jobs, select_champion
from shoal.tuning.search import Search

POLL_SECONDS = 0.2  # how soon a command or a signal is noticed
FULL_SECONDS = 2.0  # between two looks at a disk that is full
T = TypeVar("T")
Threaded = TypeVar("Threaded", RefitJob, BaselineJob)
_log = logging.getLogger("shoal.orchestration.supervisor")
_STATE_AFTER: dict[str, FinalState] = {"stop": "stopped", "pause": "paused"}


class _RunReleased(Exception):
    """Ends the work where it is: by a person's commands, or (none) because this process has to go."""

    def __init__(self, commands: tuple[Command, ...] = ()) -> None:
        self.commands = commands


class FinalsBudget:
    """How long the confirmation and the champion will take, from the trainings so far."""

    def __init__(self, problem: Problem, search: Search) -> None:
        self._problem, self._search = problem, search
        self._ways = [
            (schedule, schedule.last_trainings)
            for schedule in search.settings.schedule.shorter_finals
        ]
        self._seconds = self._cost = 0.0
        for evaluation in search.evaluations:
            self.add(evaluation)

    def add(self, evaluation: Evaluation) -> None:
        """Count a training that ended."""
        if evaluation.error is None:
            self._seconds += evaluation.seconds
            self._cost += self._problem.cost(evaluation.task)

    def finals(self, cores: int, limit: float) -> tuple[Schedule, float]:
        """What fits into half of the ``limit`` on so many cores, and its seconds; the search gets the rest."""
        each, best = 0.0, self._search.best
        if best is not None and self._cost:
            each = (
                self._problem.cost(Task(best.genome, Phase.CONFIRMATION.first_repeat))
                * self._seconds
                / self._cost
                / cores
            )
        return next(
            (
                (way, trainings * each)
                for way, trainings in self._ways
                if trainings * each <= limit / 2
            ),
            (self._ways[-1][0], 0.0),
        )


@dataclass
class Runner:
    """One claimed run, on this thread.

    ``leaving`` says that the process was asked to end; ``clock`` gives monotonic seconds.
    """

    store: Store
    claim: Claim
    leaving: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    make_executor: Callable[[Problem, int | None], Executor] = make_executor

    def drive(self) -> str:
        """Work until the run ends or has to be left; returns its state then, "interrupted" when another may continue it.

        Raises `NotOwnerError` when another supervisor has taken the run over; what was recorded stands.
        """
        view = self.store.run(self.claim.run_id)
        self._begun, self._next_beat = self.clock() - view.seconds, self.clock() + HEARTBEAT_SECONDS
        problem = self.store.load_problem(self.claim.run_id)
        search = Search.replay(
            problem.settings, self.store.evaluations(self.claim.run_id, curves=False)
        )
        try:
            with self.make_executor(problem, problem.settings.workers) as executor:
                self._notes = LiveStatus(problem, executor, self.clock)
                self._search(problem, search, executor, view.generations)
                self._crown(problem, search, executor)
        except _RunReleased as left:
            return self._leave(left.commands)
        error = None if search.best else f"Every training failed. The first: {_first_error(search)}"
        state: FinalState = "finished" if error is None else "failed"
        final = result_hash(search.evaluations)
        self._patiently(
            lambda: self.store.finish(
                self.claim, state, seconds=self._seconds, error=error, result_hash=final
            )
        )
        return state

    @property
    def _seconds(self) -> float:
        """Active time of the run, over all its owners."""
        return self.clock() - self._begun

    def _search(self, problem: Problem, search: Search, executor: Executor, recorded: int) -> None:
        """Evaluate until the budget is spent. What is under way when the time is up is finished and recorded.

        The longest first, so that no core waits long for the last; where cores are left over, they share in each. The first
        trainings are made however short the time is: workers may take longer to start, and a run should end with something.
        """
        limit, under_way, waiting = (
            search.settings.max_seconds,
            set[tuple[str, int]](),
            deque[Task](),
        )
        pace, known = FinalsBudget(problem, search), bool(search.evaluations)
        if search.generations[
            recorded:
        ]:  # its evaluations were recorded, the process ended, the summary was not
            self._record([], search.generations[recorded:])
        while True:
            if limit is not None and known and not search.confirming:
                finals, seconds = pace.finals(executor.cores, limit)
                if self._seconds + seconds >= limit:
                    waiting.clear()
                    search.close(finals)
                    if finals != search.settings.schedule:
                        few = f"{finals.finalists} of {search.settings.finalists} finalists"
                        self.store.event(
                            f"There is time to confirm {few}.", "info", self.claim.run_id
                        )
            if not waiting:
                fresh = (task for task in search.ask() if task.id not in under_way)
                waiting.extend(sorted(fresh, key=problem.cost, reverse=True))
            threads = _threads(executor, len(waiting) + len(under_way))
            while waiting and len(under_way) < executor.capacity:
                task = waiting.popleft()
                under_way.add(task.id)
                executor.submit(Evaluate(task, threads))
            if not under_way:
                return
            generations = len(search.generations)
            told = [_evaluation(outcome) for outcome in self._tick(executor)]
            for evaluation in told:
                under_way.remove(evaluation.task.id)
                search.tell(
                    replace(evaluation, curve=(), worker="")
                )  # it needs neither, and keeps all until the end
                pace.add(evaluation)
            if told:
                known = True
                self._record(told, search.generations[generations:])

    def _crown(self, problem: Problem, search: Search, executor: Executor) -> None:
        """Train the champion's networks, and what they are compared with, and keep them."""
        chosen = select_champion(search)
        if chosen is None:
            return
        jobs = refit_jobs(problem, chosen)
        weights = {}
        for job, outcome in self._done(executor, jobs).items():
            if outcome.error is None:
                weights[job] = outcome.result
            else:
                self.store.event(
                    f"A champion's network was lost: {outcome.error}", "warning", self.claim.run_id
                )
        if weights:
            first = jobs[0].task.repeat
            rivals = (
                baseline_jobs(problem, chosen.genome, len(weights), first)
                if problem.settings.baselines
                else ()
            )
            compared = tuple(
                job.failed(outcome.error) if outcome.error else outcome.result
                for job, outcome in self._done(executor, rivals).items()
            )
            executor.submit(AssembleChampion(chosen, weights))
            (crowned,) = self._outcomes(executor, 1)
            if crowned.error is not None:
                raise ExecutorError(
                    f"The champion was lost: {crowned.error}", remedy="resume the run"
                )
            content = replace(crowned.result, baselines=compared).to_bytes()
            self._patiently(lambda: self.store.save_artifact(self.claim, CHAMPION, content))

    def _done(self, executor: Executor, jobs: Sequence[Threaded]) -> dict[Threaded, Outcome]:
        """The jobs' outcomes, in their order."""
        asked = {replace(job, threads=_threads(executor, len(jobs))): job for job in jobs}
        for job in asked:
            executor.submit(job)
        found = {outcome.job: outcome for outcome in self._outcomes(executor, len(asked))}
        return {job: found[threaded] for threaded, job in asked.items()}

    def _outcomes(self, executor: Executor, count: int) -> list[Outcome]:
        """So many, in the order in which they come."""
        found: list[Outcome] = []
        while len(found) < count:
            found += self._tick(executor)
        return found

    def _record(
        self, evaluations: list[Evaluation], generations: Sequence[GenerationSummary]
    ) -> None:
        now = self._notes.snapshot_if_due()
        self._patiently(
            lambda: self.store.record(self.claim, evaluations, generations, self._seconds, now)
        )

    def _patiently(self, write: Callable[[], T]) -> T:
        """What ``write`` gives; while the disk is full it is tried again, and what was computed is kept."""
        waited = 0
        while True:
            try:
                result = write()
            except StoreFullError as error:
                if self.leaving():
                    raise
                if not waited:
                    _log.warning("run %s waits: %s", self.claim.run_id, error)
                waited += 1
                self.wait(FULL_SECONDS)
                continue
            if waited:
                text = f"The disk was full; the run waited about {waited * FULL_SECONDS:g} s and goes on."
                with suppress(StoreFullError):  # full again: the next write waits for it
                    self.store.event(text, "warning", self.claim.run_id)
            return result

    def _tick(self, executor: Executor) -> list[Outcome]:
        """One look at everything that may have happened."""
        if self.leaving():
            raise _RunReleased
        look = self.store.poll_flags(self.claim.run_id)
        executor.set_watched(look.watched)
        if look.has_commands or self.clock() >= self._next_beat:
            self._next_beat = self.clock() + HEARTBEAT_SECONDS
            now = self._notes.snapshot_if_due()
            if commands := self._patiently(
                lambda: self.store.heartbeat(self.claim, self._seconds, now)
            ):
                raise _RunReleased(commands)
        elif (trainings := self._notes.snapshot_if_due(alone=True)) is not None:
            with suppress(StoreFullError):  # nobody waits for a note
                self.store.note_live(self.claim, trainings)
        return executor.poll(POLL_SECONDS)

    def _leave(self, commands: tuple[Command, ...]) -> str:
        # The last word counts, but nothing takes back a stop.
        kinds = [command.kind for command in commands]
        if not kinds:
            self.store.release(self.claim, self._seconds)
            return "interrupted"
        state = _STATE_AFTER["stop" if "stop" in kinds else kinds[-1]]
        self._patiently(
            lambda: self.store.finish(self.claim, state, seconds=self._seconds, applied=commands)
        )
        return state


def _threads(executor: Executor, jobs: int) -> int:
    """For each of so many jobs side by side."""
    return max(1, executor.cores // max(1, jobs))


def _evaluation(outcome: Outcome) -> Evaluation:
    assert isinstance(outcome.job, Evaluate)
    if isinstance(outcome.result, Evaluation):
        return replace(
            outcome.result, worker=outcome.worker, task=outcome.job.task
        )  # its genome is in memory once
    return Evaluation(outcome.job.task, "failed", error=outcome.error)


def _first_error(search: Search) -> str:
    def order(evaluation: Evaluation) -> tuple[int, int, int]:
        task: Task = evaluation.task
        return task.generation, task.individual, task.repeat

    failed = [e for e in search.evaluations if e.error is not None]
    return (
        min(failed, key=order).error or ""
        if failed
        else "no training was finished in the time given."
    )
