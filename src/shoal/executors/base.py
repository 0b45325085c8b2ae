"""The contract of an executor: jobs in, outcomes out, in any order.

Executors know no store and no search.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from shoal.problems.base import Problem, evaluate
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.progress import TrainingInfo, TrainingKind, TrainingProgress
from shoal.pso.engines.base import Engine
from shoal.settings.phase import Phase


class Job(Protocol):
    """Work for a worker: picklable, and a pure function of the problem and itself."""

    def run(self, problem: Problem, engine: Engine) -> Any:
        """Compute the result, which is picklable."""


@runtime_checkable
class TrainingJob(Job, Protocol):
    """A job that can say what it trains."""

    def describe(self, problem: Problem) -> TrainingInfo:
        """What it trains, for people."""


@dataclass(frozen=True, slots=True)
class Evaluate:
    """The job of one evaluation.

    Attributes
    ----------
    task
        What is trained.
    threads
        Cores that the training may use; they change no bit of the result.
    """

    task: Task
    threads: int = 1

    def run(self, problem: Problem, engine: Engine) -> Evaluation:
        """See `shoal.problems.base.evaluate`."""
        return evaluate(problem, self.task, engine.with_threads(self.threads))

    def describe(self, problem: Problem) -> TrainingInfo:
        """What it trains, for people."""
        kind: TrainingKind = "search"
        if self.task.phase is Phase.CONFIRMATION:
            kind = "confirmation"
        return TrainingInfo(self.task, kind, iterations=problem.iterations_for(self.task))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    job
        The job.
    result
        What its ``run`` returned.
    error
        Why there is no result: it raised, or killed its worker again and again. None if there is.
    worker
        Where it ran, "host:pid".
    """

    job: Job
    result: Any = None
    error: str | None = None
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Progress(TrainingProgress):
    """How far a worker is with the training that a job is in.

    Attributes
    ----------
    job
        The job; some have several trainings.
    """

    job: Job


class Executor(ABC):
    """Runs jobs of one problem.

    Obligations of an implementation:

    - Every submitted job has exactly one outcome, in any order, unless the executor is closed
      first.
    - A worker that dies costs no job: what it was doing is done again. A job that kills its worker
      `MAX_DEATHS` times while it runs alone gets an outcome with an error; jobs that only ran
      beside it are not blamed (`shoal.executors.job_queue.JobQueue`).
    - A job that raises because the machine is short of memory, threads or open files
      (`shoal.system.shortage`) counts as one whose worker died.
    - A job that takes longer than the settings' ``deadline`` is ended like one that killed its
      worker. Where it is not known when the job left a queue, it gets twice as long while others
      run beside it.
    - Jobs are pure, so running one twice is harmless; the second result is dropped.
    - `close` ends all work within a second or two and leaves no process behind. So does the death
      of the process that made the executor.
    - What `under_way` and `set_watched` need makes no job fail or slow, and changes no result.
    - Where there is nothing to run jobs on, making it, or `poll`, raises `ExecutorError`. Another
      executor can do later what it has taken.
    """

    MAX_DEATHS = 3

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many jobs are worth submitting at once."""

    @property
    def cores(self) -> int:
        """How many threads may work at once, over all jobs."""
        return 1

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Take a job, whose outcome `poll` will give; beyond `capacity` it waits for its turn."""

    @abstractmethod
    def poll(self, timeout: float) -> list[Outcome]:
        """Return the outcomes since the last call.

        Parameters
        ----------
        timeout
            How long to wait for the first one, in seconds.

        Raises
        ------
        ExecutorError
            There is nothing to run jobs on any more.
        """

    def under_way(self) -> tuple[Progress, ...]:
        """What workers work on now, as far as it is known; to be asked about once a second.

        Here nothing is known.
        """
        return ()

    def set_watched(self, watched: bool) -> None:  # noqa: B027  not every executor can
        """Say whether somebody watches; it may be said as often as one likes.

        `under_way` then gives frames, too, where the executor can.
        """

    @abstractmethod
    def close(self) -> None:
        """End all work now."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def shortage_text(error: BaseException) -> str:
    """Why a job is given up that has met a shortage again and again."""
    return (
        f"{type(error).__name__}: {error} The machine was short of memory, threads or open files "
        f"{Executor.MAX_DEATHS} times, although nothing else was trained then. What to do: free "
        "some, or allow smaller swarms and networks."
    )
