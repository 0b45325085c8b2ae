"""The contract of an executor: jobs in, outcomes out, in any order. Executors know no store and no search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.table import Problem, evaluate
from shoal.pso.engines.base import Engine
from shoal.pso.snapshot import SwarmSnapshot


class Job(Protocol):
    """Something to compute in a worker: picklable, and a pure function of the problem and itself."""

    def run(self, problem: Problem, engine: Engine) -> Any:
        """The result, picklable."""


@dataclass(frozen=True, slots=True)
class Evaluate:
    """The job of one evaluation, on ``threads`` cores."""

    task: Task
    threads: int = 1

    def run(self, problem: Problem, engine: Engine) -> Evaluation:
        """See `shoal.problems.table.evaluate`."""
        return evaluate(problem, self.task, engine.with_threads(self.threads))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: its result, or why there is none (it raised, or killed its worker again and again)."""

    job: Job
    result: Any = None
    error: str | None = None
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is that a worker works on now.

    Of the training that it is in: ``iteration`` of ``iterations`` that are planned are done, in ``seconds``; all three are 0
    while that is not known. ``curve`` holds at most 64 points (iteration, global best loss); ``frame`` is there while somebody
    watches.
    """

    job: Job
    worker: str = ""
    iteration: int = 0
    iterations: int = 0
    seconds: float = 0.0
    curve: tuple[tuple[int, float], ...] = ()
    frame: SwarmSnapshot | None = None


class Executor(ABC):
    """Runs jobs of one problem. Obligations of an implementation:

    - Every submitted job has exactly one outcome, in any order, unless the executor is closed first.
    - A worker that dies costs no job: what it was doing is done again. A job that kills its worker `MAX_DEATHS` times
      while it runs alone gets an outcome with an error; jobs that only ran beside it are not blamed (`suspicion.JobQueue`).
    - A job that takes longer than the settings' ``deadline`` is ended like one that killed its worker; where it is not
      known when it left a queue, twice as long while others run beside it.
    - Jobs are pure, so running one twice is harmless; the second result is dropped.
    - `close` ends all work within a second or two and leaves no process behind; so does the death of the process that
      made the executor.
    - What `under_way` and `set_watched` need makes no job fail or slow, and changes no result.
    - Where there is nothing to run jobs on, making it, or `poll`, raises `ExecutorError`; what it has taken can be done
      later by another one.
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
        """Take a job."""

    @abstractmethod
    def poll(self, timeout: float) -> list[Outcome]:
        """Outcomes since the last call; waits at most ``timeout`` seconds for the first."""

    def under_way(self) -> tuple[Progress, ...]:
        """What workers work on now, as far as it is known; to be asked about once a second. Here: nothing is known."""
        return ()

    def set_watched(self, watched: bool) -> None:  # noqa: B027  not every executor can
        """Whether somebody watches: then `under_way` gives frames, too, where it can. To be said as often as one likes."""

    @abstractmethod
    def close(self) -> None:
        """End all work now."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
