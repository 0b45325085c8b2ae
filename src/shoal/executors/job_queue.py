"""Which job may run next, and what is held against it: the same for every executor."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from shoal.executors.base import Executor, Job, Outcome


class JobQueue:
    """Jobs that wait. Those that ran when a worker died are suspects: each runs quite alone until it is cleared.

    What runs alone and dies all the same is guilty; after `Executor.MAX_DEATHS` times it has an outcome with an error.
    """

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        self._deaths: Counter[int] = Counter()  # by id: jobs are held until they have their outcome
        self._losses: Counter[int] = Counter()
        self._alone = False  # what runs is a suspect

    def __len__(self) -> int:
        return len(self._waiting) + len(self._suspects)

    def add(self, job: Job) -> None:
        """At the end."""
        self._waiting.append(job)

    def take(self, running: int, limit: int, count: int = 1) -> list[Job]:
        """At most ``count`` jobs to start now, beside ``running`` others of at most ``limit``; a suspect comes alone."""
        if self._alone and running:
            return []
        self._alone = bool(self._suspects)
        if self._alone:
            return [] if running else [self._suspects.popleft()]
        return (
            [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
            if running < limit
            else []
        )

    def put_back(self, jobs: Sequence[Job]) -> None:
        """They were taken, and nothing is held against them: they come first."""
        self._waiting.extendleft(reversed(jobs))

    def done(self, job: Job) -> None:
        """It has its outcome."""
        self._deaths.pop(id(job), None)
        self._losses.pop(id(job), None)

    def on_worker_death(self, jobs: Sequence[Job], why: str, beside: int = 0) -> list[Outcome]:
        """A worker died, and these were running, ``beside`` others: the guilty one is only known when there is no other."""
        if len(jobs) + beside == 1:
            return [outcome for job in jobs for outcome in self.count_failure(job, why)]
        self._suspects.extendleft(reversed(jobs))
        return []

    def on_node_loss(self, jobs: Sequence[Job], why: str) -> list[Outcome]:
        """Their machine died, which is rarely their doing: they run again, and are suspects when it goes on like that."""
        if self._alone:
            return self.on_worker_death(jobs, why)
        for job in reversed(jobs):
            self._losses[id(job)] += 1
            (
                self._suspects if self._losses[id(job)] >= Executor.MAX_DEATHS else self._waiting
            ).appendleft(job)
        return []

    def count_failure(self, job: Job, why: str) -> list[Outcome]:
        """Count against a job; its outcome, with ``why``, when it was the last time, else it is tried alone."""
        self._deaths[id(job)] += 1
        if self._deaths[id(job)] < Executor.MAX_DEATHS:
            self._suspects.appendleft(job)
            return []
        self.done(job)
        return [Outcome(job, error=why)]
