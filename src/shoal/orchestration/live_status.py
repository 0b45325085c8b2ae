"""What the workers of a run train now, as its store shows it, and when that is noted there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from shoal.executors import Executor, Progress, TrainingJob
from shoal.problems.base import Problem
from shoal.store import RunningTraining

# Between two notes, at least.
NOTE_SECONDS = 1.0
# After this time a note has a transaction of its own, where no other transaction came by.
ALONE_SECONDS = 1.5
# Swarms that one note shows. A frame has 20 kB or so, and readers see one swarm at a time.
MAX_FRAMES = 16


class LiveStatus:
    """The notes of one run.

    Parameters
    ----------
    problem
        The run's problem.
    executor
        Where its jobs run.
    clock
        Gives monotonic seconds.
    """

    def __init__(self, problem: Problem, executor: Executor, clock: Callable[[], float]) -> None:
        self._problem = problem
        self._executor = executor
        self._clock = clock
        self._last = -math.inf
        self._next_frame = 0

    def snapshot_if_due(self, *, alone: bool = False) -> tuple[RunningTraining, ...] | None:
        """What to note now; None when the last note is young.

        Parameters
        ----------
        alone
            The note would need a transaction of its own.
        """
        interval = NOTE_SECONDS
        if alone:
            interval = ALONE_SECONDS

        now = self._clock()
        if now - self._last < interval:
            return None

        self._last = now
        trainings = [
            running_training(self._problem, progress) for progress in self._executor.under_way()
        ]
        return self._with_few_frames(trainings)

    def _with_few_frames(self, trainings: Sequence[RunningTraining]) -> tuple[RunningTraining, ...]:
        """The trainings, at most `MAX_FRAMES` of them with a frame: they take turns."""
        framed = [place for place, training in enumerate(trainings) if training.frame is not None]
        if len(framed) <= MAX_FRAMES:
            return tuple(trainings)

        kept = set()
        for turn in range(self._next_frame, self._next_frame + MAX_FRAMES):
            kept.add(framed[turn % len(framed)])
        self._next_frame = (self._next_frame + MAX_FRAMES) % len(framed)

        noted = []
        for place, training in enumerate(trainings):
            if place in kept:
                noted.append(training)
            else:
                noted.append(replace(training, frame=None))
        return tuple(noted)


def running_training(problem: Problem, progress: Progress) -> RunningTraining:
    """One job of a run, and how far it is."""
    assert isinstance(progress.job, TrainingJob)
    info = progress.job.describe(problem)

    return RunningTraining(
        genome=info.task.genome,
        repeat=info.task.repeat,
        generation=info.task.generation,
        individual=info.task.individual,
        kind=info.kind,
        baseline=info.baseline,
        worker=progress.worker,
        iteration=progress.iteration,
        iterations=progress.iterations or info.iterations,
        seconds=progress.seconds,
        curve=progress.curve,
        frame=progress.frame,
    )
