"""Workers of a Ray cluster, or of a Ray on this machine alone: one swarm a task, one thread each.

Jobs travel in batches, so that short ones are not all overhead. A batch is one task that streams: first the news that it
runs, then one outcome after the other, so it is known what a worker was doing when it died, and since when.
"""

from __future__ import annotations

import os
import pickle
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from shoal._version import __version__
from shoal.errors import ExecutorError
from shoal.executors.base import Executor, Job, Outcome, Progress
from shoal.executors.job_queue import JobQueue
from shoal.executors.ray_connection import Connection
from shoal.problems.table import Problem
from shoal.pso.engines import get_engine
from shoal.pso.engines.base import Engine

BATCH_SECONDS = 1.0  # what a batch should take at most
_SMOOTHING = 0.2  # weight of the latest duration in the mean


@dataclass
class _Batch:
    """Jobs without an outcome yet, in the order of their doing; ``since`` is when the first of them began."""

    jobs: deque[Job]
    since: float | None = None


class RayExecutor(Executor):
    """See `Executor`. ``workers`` None: all CPUs of the cluster, also those that join later.

    Raises `ExecutorError`, also from `poll`, when the cluster cannot be reached, is lost, or cannot run Shoal.
    """

    def __init__(self, problem: Problem, workers: int | None = None) -> None:
        problem = replace(problem, dataset=problem.dataset.without_table())  # pandas stays here
        self._deadline, self._workers = problem.settings.deadline, workers
        self._queue = JobQueue()
        self._running: dict[Any, _Batch] = {}  # by their streams
        self._seconds = BATCH_SECONDS  # that a job takes; one a batch until it is known
        self._connection: Connection | None = Connection(workers)
        self._ray = self._connection.ray
        self._problem = self._ray.put(problem)
        self._work = self._ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")(_work)

    @property
    def capacity(self) -> int:
        """Two batches a CPU, so that none waits for the next."""
        return self._limit * self._batch_size

    @property
    def _limit(self) -> int:
        """Tasks at once, in Ray's queue too; of more CPUs than we may use, only as many."""
        cpus = self._connection.cpus if self._connection is not None else 0
        return (
            self._workers
            if self._workers is not None and self._workers < cpus
            else 2 * max(1, cpus)
        )

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
        ready = self._ready(timeout, 1)
        while ready:
            for stream in ready:
                outcomes += self._received(stream)
            ready = self._ready(0, len(self._running))
        outcomes += self._end_late()
        self._feed()
        return outcomes

    def under_way(self) -> tuple[Progress, ...]:
        """See `Executor.under_way`: the job that each batch is at, and since when; workers do not say how far it is."""
        now = time.monotonic()
        begun = [(batch.jobs[0], batch.since) for batch in self._running.values() if batch.jobs]
        return tuple(
            Progress(job, seconds=now - since) for job, since in begun if since is not None
        )

    def close(self) -> None:
        """See `Executor.close`."""
        if self._connection is None:
            return
        for stream in self._running:
            self._cancel(stream)
        self._queue, self._running = JobQueue(), {}
        connection, self._connection = self._connection, None
        connection.close()

    def _feed(self) -> None:
        share = -(-len(self._queue) // self._limit)
        while jobs := self._queue.take(
            len(self._running), self._limit, max(1, min(share, self._batch_size))
        ):
            stream = self._work.remote(__version__, [self._problem], jobs)
            self._running[stream] = _Batch(deque(jobs))

    def _ready(self, timeout: float, count: int) -> list[Any]:
        if not self._running:
            return []
        streams: list[Any] = self._ray.wait(
            list(self._running), num_returns=count, timeout=timeout
        )[0]
        return streams

    def _received(self, stream: Any) -> list[Outcome]:
        """The next news of a batch."""
        batch, errors = self._running[stream], self._ray.exceptions
        try:
            news = self._ray.get(next(stream))
        except StopIteration:
            self._queue.put_back(
                self._running.pop(stream).jobs
            )  # there are none, unless Ray has ended it early
            return []
        except (errors.WorkerCrashedError, errors.OutOfMemoryError):
            del self._running[stream]
            why = (
                f"It ended its worker process {self.MAX_DEATHS} times (out of memory, or a crash)."
            )
            return self._queue.on_worker_death(batch.jobs, why, beside=len(self._running))
        except (errors.NodeDiedError, errors.ObjectLostError):
            del self._running[stream]
            return self._queue.on_node_loss(
                batch.jobs, f"Its machine died with it {self.MAX_DEATHS} times."
            )
        except (
            errors.RayTaskError
        ) as error:  # of what is around the jobs: their own errors are in their outcomes
            reason = str(error).strip().splitlines()[-1].rstrip(".")
            raise ExecutorError(
                f"A worker of Ray cannot run Shoal: {reason}.",
                expected=f"Shoal {__version__} in the Python of every node",
                remedy="install it there, then go on: shoal resume RUN",
            ) from None
        except errors.RayError as error:
            assert self._connection is not None
            raise self._connection.lost(f"{type(error).__name__}: {error}") from None
        batch.since = time.monotonic()
        if news is None:
            return []
        job = batch.jobs.popleft()
        self._queue.done(job)
        result, trouble, worker, seconds = pickle.loads(news)
        self._seconds += _SMOOTHING * (seconds - self._seconds)
        return [Outcome(job, result, trouble, worker)]

    def _end_late(self) -> list[Outcome]:
        """End the workers of jobs that hang. The rest of their batches runs again."""
        deadline, now, outcomes = self._deadline, time.monotonic(), list[Outcome]()
        if deadline is None:
            return []
        for stream, batch in list(self._running.items()):
            if batch.jobs and batch.since is not None and now - batch.since > deadline:
                del self._running[stream]
                self._cancel(stream)
                hanging = batch.jobs.popleft()
                self._queue.put_back(batch.jobs)
                why = (
                    f"It took longer than its deadline of {deadline:g} s, {self.MAX_DEATHS} times."
                )
                outcomes += self._queue.count_failure(hanging, why)
        return outcomes

    def _cancel(self, stream: Any) -> None:
        with suppress(self._ray.exceptions.RayError):  # it has ended, or all of Ray has
            self._ray.cancel(stream, force=True)


def _work(version: str, problem: list[Any], jobs: Sequence[Job]) -> Iterator[bytes | None]:
    """Runs in a worker: None when it begins, then a pickled outcome for each job.

    Pickled here, not by Ray, so that no array of a result lies in the memory of Ray, which goes away with it.
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
        try:
            result = pickle.dumps(
                (job.run(data, engine), None, worker, time.perf_counter() - begun)
            )
        except Exception as error:
            result = pickle.dumps(
                (None, f"{type(error).__name__}: {error}", worker, time.perf_counter() - begun)
            )
        yield result


@lru_cache(maxsize=1)  # a worker serves one executor
def _prepared(problem: Any) -> tuple[Problem, Engine]:
    """What all jobs share, fetched once; its arrays are Ray's, and read-only."""
    import ray

    data: Problem = ray.get(problem)
    if data.settings.engine == "cpu":  # the kernels are loaded before a deadline begins
        import shoal.executors.preload  # noqa: F401
    return data, get_engine(data.settings.engine)
