"""Workers of a Ray cluster, or of a Ray on this machine alone. Each trains one swarm at a time.

Jobs travel in batches, so that short ones are not all overhead. A batch is one task that streams:
first the news that it runs, then one outcome after the other. So it is known what a worker was
doing when it died, and since when.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from shoal._version import __version__
from shoal.errors import ExecutorError, ProblemError, SimulationError
from shoal.executors.base import Executor, Job, Outcome, Progress, shortage_text
from shoal.executors.job_queue import JobQueue
from shoal.executors.ray_connection import Connection
from shoal.problems.base import Problem, ShippedProblem
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine
from shoal.system.shortage import is_shortage

# What a batch should take at most.
BATCH_SECONDS = 1.0
# Weight of the latest duration in the mean of all.
_SMOOTHING = 0.2
_log = logging.getLogger(__name__)


@dataclass
class _Batch:
    """Jobs that a worker has.

    Attributes
    ----------
    jobs
        Those without an outcome, in the order in which they are done.
    since
        When the first of them began, in monotonic seconds; None while the batch waits.
    """

    jobs: deque[Job]
    since: float | None = None


class _News(NamedTuple):
    """What a worker says of a job.

    Attributes
    ----------
    result, error
        What the job gave, or how it failed.
    worker
        The worker's name, "host:pid".
    seconds
        How long the job took.
    met_shortage
        Whether it failed because the machine was short of something.
    """

    result: Any
    error: str | None
    worker: str
    seconds: float
    met_shortage: bool = False


class RayExecutor(Executor):
    """Runs jobs on Ray; see `Executor`.

    Parameters
    ----------
    problem
        What all jobs are about.
    workers
        CPUs to use at most; None: all of the cluster, also those that join later.

    Raises
    ------
    ExecutorError
        Also from `poll`: the cluster cannot be reached, is lost, or cannot run Shoal.
    """

    def __init__(self, problem: Problem, workers: int | None = None) -> None:
        shipped = problem.for_workers()
        self._deadline = shipped.settings.deadline
        self._workers = workers
        self._queue = JobQueue()
        # By their streams.
        self._running: dict[Any, _Batch] = {}
        # What a job takes; a batch has one job until that is known.
        self._seconds = BATCH_SECONDS
        self._connection: Connection | None = Connection(workers)
        self._ray = self._connection.ray
        self._problem = self._ray.put(shipped)
        self._work = self._ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")(_work)

    @property
    def capacity(self) -> int:
        """Two batches a CPU, so that none waits for the next."""
        return self._limit * self._batch_size

    @property
    def _limit(self) -> int:
        """Batches at once, also in Ray's queue; where we may not use all CPUs, none waits there."""
        cpus = 0
        if self._connection is not None:
            cpus = self._connection.cpus
        if self._workers is not None and self._workers < cpus:
            return self._workers
        return 2 * max(1, cpus)

    @property
    def _batch_size(self) -> int:
        return max(1, int(BATCH_SECONDS / max(self._seconds, 1e-3)))

    def submit(self, job: Job) -> None:
        """See `Executor.submit`."""
        self._queue.add(job)

    def poll(self, timeout: float) -> list[Outcome]:
        """See `Executor.poll`."""
        assert self._connection is not None
        self._connection.look()
        self._feed()

        outcomes = []
        # The first call waits for one result. The next ones take, without waiting, what has come
        # since.
        ready = self._ready(timeout, 1)
        while ready:
            for stream in ready:
                outcomes += self._received(stream)
            ready = self._ready(0, len(self._running))

        outcomes += self._end_late()
        self._feed()
        return outcomes

    def under_way(self) -> tuple[Progress, ...]:
        """See `Executor.under_way`.

        The job that each batch is at, and since when; workers do not say how far it is.
        """
        now = time.monotonic()
        progress = []
        for batch in self._running.values():
            if batch.jobs and batch.since is not None:
                progress.append(Progress(batch.jobs[0], seconds=now - batch.since))
        return tuple(progress)

    def close(self) -> None:
        """See `Executor.close`."""
        if self._connection is None:
            return

        for stream in self._running:
            self._cancel(stream)
        self._queue = JobQueue()
        self._running = {}
        connection = self._connection
        self._connection = None
        connection.close()

    def _feed(self) -> None:
        """Hand waiting jobs to Ray, in equal batches."""
        share = -(-len(self._queue) // self._limit)
        count = max(1, min(share, self._batch_size))
        while jobs := self._queue.take(len(self._running), self._limit, count):
            stream = self._work.remote(__version__, [self._problem], jobs)
            self._running[stream] = _Batch(deque(jobs))

    def _ready(self, timeout: float, count: int) -> list[Any]:
        """Streams with news: up to ``count`` of them, within ``timeout`` seconds."""
        if not self._running:
            # Where jobs are left, they wait for their time.
            if len(self._queue):
                time.sleep(timeout)
            return []
        streams: list[Any] = self._ray.wait(
            list(self._running), num_returns=count, timeout=timeout
        )[0]
        return streams

    def _received(self, stream: Any) -> list[Outcome]:
        """The outcomes in the next news of a batch."""
        batch = self._running[stream]
        errors = self._ray.exceptions
        try:
            news = self._ray.get(next(stream))
        except StopIteration:
            # No jobs are left then, unless Ray has ended it early.
            self._queue.put_back(self._running.pop(stream).jobs)
            return []
        except (errors.WorkerCrashedError, errors.OutOfMemoryError):
            del self._running[stream]
            why = (
                f"It ended its worker process {self.MAX_DEATHS} times (out of memory, or a crash)."
            )
            return self._queue.on_worker_death(batch.jobs, why, beside=len(self._running))
        except (errors.NodeDiedError, errors.ObjectLostError):
            del self._running[stream]
            why = f"Its machine died with it {self.MAX_DEATHS} times."
            return self._queue.on_node_loss(batch.jobs, why)
        except errors.RayTaskError as error:
            if error.cause is not None and is_shortage(error.cause):
                del self._running[stream]
                why = shortage_text(error.cause)
                return self._queue.on_worker_death(batch.jobs, why, beside=len(self._running))
            # The node lacks the code that the run began with.
            if isinstance(error.cause, (ProblemError, SimulationError)):
                raise error.cause from None
            raise _cannot_run(error) from None
        except errors.RayError as error:
            assert self._connection is not None
            raise self._connection.lost(f"{type(error).__name__}: {error}") from None

        batch.since = time.monotonic()
        # The first news says only that the batch runs.
        if news is None:
            return []
        return self._outcomes(batch.jobs.popleft(), _News(*pickle.loads(news)))

    def _outcomes(self, job: Job, news: _News) -> list[Outcome]:
        """The outcome of a job; none yet where it has to be done again."""
        if news.met_shortage:
            beside = len(self._running) - 1
            return self._queue.on_worker_death([job], news.error or "", beside=beside)
        return [self._outcome(job, news)]

    def _outcome(self, job: Job, news: _News) -> Outcome:
        self._queue.done(job)
        self._seconds += _SMOOTHING * (news.seconds - self._seconds)
        return Outcome(job, news.result, news.error, news.worker)

    def _end_late(self) -> list[Outcome]:
        """End the workers of jobs that hang. The rest of their batches runs again."""
        if self._deadline is None:
            return []

        now = time.monotonic()
        why = f"It took longer than its deadline of {self._deadline:g} s, {self.MAX_DEATHS} times."
        outcomes = []
        for stream, batch in list(self._running.items()):
            if not batch.jobs or batch.since is None or now - batch.since <= self._deadline:
                continue

            _log.warning("a job took longer than %g s; its worker is ended", self._deadline)
            del self._running[stream]
            self._cancel(stream)
            hanging = batch.jobs.popleft()
            # A batch runs in order: those behind the late job have not begun.
            self._queue.put_back(batch.jobs)
            outcomes += self._queue.count_failure(hanging, why)
        return outcomes

    def _cancel(self, stream: Any) -> None:
        # It may have ended, or all of Ray may have.
        with suppress(self._ray.exceptions.RayError):
            self._ray.cancel(stream, force=True)


def _cannot_run(error: Exception) -> ExecutorError:
    """An error around the jobs; the errors of jobs are in their outcomes."""
    reason = str(error).strip().splitlines()[-1].rstrip(".")
    return ExecutorError(
        f"A worker of Ray cannot run Shoal: {reason}.",
        expected=f"Shoal {__version__} in the Python of every node",
        remedy="install it there, then go on: shoal resume RUN",
    )


# ---- In the worker processes ---------------------------------------------------------------------


def _work(version: str, problem: list[Any], jobs: Sequence[Job]) -> Iterator[bytes | None]:
    """Run a batch: yield None when it begins, then pickled news of each job.

    They are pickled here and not by Ray, so that no array of a result lies in the memory of Ray,
    which goes away with it.
    """
    if version != __version__:
        raise RuntimeError(
            f"Shoal {__version__} is installed on {socket.gethostname()}, not {version}."
        )

    data, engine = _prepared(problem[0])
    worker = f"{socket.gethostname()}:{os.getpid()}"
    yield None

    for job in jobs:
        begun = time.perf_counter()
        # A result that cannot be pickled is an error of the job, too.
        try:
            result = job.run(data, engine)
            news = _pickled(_News(result, None, worker, time.perf_counter() - begun))
        except Exception as error:
            news = _pickled(_failure(error, worker, time.perf_counter() - begun))
        yield news


def _failure(error: Exception, worker: str, seconds: float) -> _News:
    if is_shortage(error):
        return _News(None, shortage_text(error), worker, seconds, met_shortage=True)
    return _News(None, f"{type(error).__name__}: {error}", worker, seconds)


def _pickled(news: _News) -> bytes:
    return pickle.dumps(tuple(news))


# A worker serves one executor.
@lru_cache(maxsize=1)
def _prepared(problem: Any) -> tuple[Problem, Engine]:
    """What all jobs share, fetched once; its arrays are Ray's, and read-only."""
    import ray

    shipped: ShippedProblem = ray.get(problem)
    data = shipped.in_worker()
    # The kernels are loaded before a deadline begins.
    if data.settings.engine == "cpu":
        import shoal.executors.preload  # noqa: F401
    return data, get_engine(data.settings.engine)
