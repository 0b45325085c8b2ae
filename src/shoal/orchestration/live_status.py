"""What a run's executor works on now, in the words of its store, and when that is to be noted."""

from __future__ import annotations

import math
from collections.abc import Callable

from shoal.executors import Evaluate, Executor, Progress
from shoal.problems.evaluation import Task
from shoal.problems.table import Problem
from shoal.settings.phase import Phase
from shoal.store import RunningTraining, TrainingKind
from shoal.tuning.baselines import NAMES, BaselineJob
from shoal.tuning.champion import AssembleChampion, RefitJob

NOTE_SECONDS = 1.0  # between two notes, at least
ALONE_SECONDS = 1.5  # after which a note has a transaction of its own, where no other came by


class LiveStatus:
    """The notes of one run; ``clock`` gives monotonic seconds."""

    def __init__(self, problem: Problem, executor: Executor, clock: Callable[[], float]) -> None:
        self._problem, self._executor, self._clock = problem, executor, clock
        self._last = -math.inf

    def snapshot_if_due(self, *, alone: bool = False) -> tuple[RunningTraining, ...] | None:
        """What to note now; None when the last note is young. ``alone``: it would need a transaction of its own."""
        now = self._clock()
        if now - self._last < (ALONE_SECONDS if alone else NOTE_SECONDS):
            return None
        self._last = now
        return tuple(
            running_training(self._problem, progress) for progress in self._executor.under_way()
        )


def running_training(problem: Problem, progress: Progress) -> RunningTraining:
    """One job of a run, and how far it is."""
    job = progress.job
    kind: TrainingKind = "search"
    planned, baseline = 0, ""
    if isinstance(job, BaselineJob):
        task, kind, baseline = Task(job.genome, 0), "baseline", NAMES[job.kind]
    elif isinstance(job, RefitJob):
        task, kind, planned = job.task, "champion", job.iterations
    elif isinstance(job, AssembleChampion):
        task, kind = Task(job.selection.found.genome, 0), "champion"
    else:
        assert isinstance(job, Evaluate)
        task, planned = job.task, problem.iterations_for(job.task)
        if task.phase is Phase.CONFIRMATION:
            kind = "confirmation"
    return RunningTraining(
        genome=task.genome,
        repeat=task.repeat,
        generation=task.generation,
        individual=task.individual,
        kind=kind,
        worker=progress.worker,
        iteration=progress.iteration,
        iterations=progress.iterations or planned,
        seconds=progress.seconds,
        curve=progress.curve,
        frame=progress.frame,
        baseline=baseline,
    )
