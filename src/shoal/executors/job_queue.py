"""Which job may run next, and which failures count against it; the same for every executor."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from shoal.executors.base import Executor, Job, Outcome

# How long a job waits after each of its failures but the last, in seconds. Together they outlast a
# short lack of memory, and cost little where the job itself is to blame.
PAUSES = (5.0, 40.0)
assert len(PAUSES) == Executor.MAX_DEATHS - 1
_log = logging.getLogger(__name__)


class JobQueue:
    """Jobs that wait for a worker.

    When a worker dies, all jobs that ran then are suspects. A suspect runs quite alone until it is
    cleared. A job that runs alone and whose worker dies all the same is guilty; after
    `Executor.MAX_DEATHS` times it gets an outcome with an error. Between two of these times it
    waits (`PAUSES`), as the machine may be short of memory just now. Other jobs run meanwhile.

    Parameters
    ----------
    clock
        Gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        # Suspects that wait, each with the moment from which it may run.
        self._pausing: list[tuple[float, Job]] = []
        # By the jobs' ids: jobs are kept until they have their outcomes.
        self._deaths: Counter[int] = Counter()
        self._losses: Counter[int] = Counter()
        # Whether what runs now is a suspect.
        self._alone = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._suspects) + len(self._pausing)

    def add(self, job: Job) -> None:
        """Add a job behind all others."""
        self._waiting.append(job)

    def take(self, running: int, limit: int, count: int = 1) -> list[Job]:
        """Take jobs that may start now; a suspect comes alone.

        Parameters
        ----------
        running
            How many jobs, or batches of jobs, run already.
        limit
            How many may run at once.
        count
            How many jobs to take at most.
        """
        if self._alone and running:
            return []

        self._end_pauses()
        self._alone = bool(self._suspects)
        if self._alone:
            if running:
                return []
            return [self._suspects.popleft()]

        if running >= limit:
            return []
        count = min(count, len(self._waiting))
        return [self._waiting.popleft() for _ in range(count)]

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Have jobs that were taken come first; nothing is counted against them."""
        self._waiting.extendleft(reversed(jobs))

    def done(self, job: Job) -> None:
        """Forget a job that has its outcome."""
        self._deaths.pop(id(job), None)
        self._losses.pop(id(job), None)

    def on_worker_death(self, jobs: Sequence[Job], why: str, beside: int = 0) -> list[Outcome]:
        """A worker died: the guilty job is only known when there was no other one.

        Parameters
        ----------
        jobs
            What ran in that worker, or in all that went with it.
        why
            The error of a job that has caused it too often.
        beside
            How many other jobs ran.

        Returns
        -------
        list[Outcome]
            The outcome of a job that is given up.
        """
        if len(jobs) + beside == 1:
            return [outcome for job in jobs for outcome in self.count_failure(job, why, pause=True)]

        _log.warning("a worker died; each of %d jobs runs alone now", len(jobs))
        self._suspects.extendleft(reversed(jobs))
        return []

    def on_node_loss(self, jobs: Sequence[Job], why: str) -> list[Outcome]:
        """A machine died with its jobs, which is rarely their doing: they run again.

        Jobs to which it happens again and again are suspects. Parameters and result are those of
        `on_worker_death`.
        """
        if self._alone:
            return self.on_worker_death(jobs, why)

        _log.warning("a machine is gone; %d jobs run again", len(jobs))
        for job in reversed(jobs):
            self._losses[id(job)] += 1
            if self._losses[id(job)] >= Executor.MAX_DEATHS:
                self._suspects.appendleft(job)
            else:
                self._waiting.appendleft(job)
        return []

    def count_failure(self, job: Job, why: str, *, pause: bool = False) -> list[Outcome]:
        """Count a failure against a job.

        Parameters
        ----------
        job
            The job.
        why
            The error, should it be given up.
        pause
            Whether it waits a while before the next time.

        Returns
        -------
        list[Outcome]
            Its outcome with the error ``why``, when this was the last time; otherwise empty, and
            the job is tried alone.
        """
        self._deaths[id(job)] += 1
        deaths = self._deaths[id(job)]
        if deaths < Executor.MAX_DEATHS:
            seconds = PAUSES[deaths - 1] if pause else 0.0
            _log.warning("a job failed with its worker, time %d; again in %g s", deaths, seconds)
            self._pausing.append((self._clock() + seconds, job))
            return []

        _log.error("a job is given up: %s", why)
        self.done(job)
        return [Outcome(job, error=why)]

    def _end_pauses(self) -> None:
        """Have the suspects come first that have waited long enough, the longest first."""
        now = self._clock()
        due = [pair for pair in sorted(self._pausing, key=_moment) if pair[0] <= now]
        self._pausing = [pair for pair in self._pausing if pair[0] > now]
        self._suspects.extendleft(job for _, job in reversed(due))


def _moment(pair: tuple[float, Job]) -> float:
    return pair[0]
