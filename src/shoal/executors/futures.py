"""Workers of any pool that keeps the contract of `concurrent.futures.Executor`.

Dask, Slurm (submitit), MPI (mpi4py), executorlib and what a caller hands over: `pools` makes them.
The workers run `shoal.executors.pool_worker.run_batch`.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shoal._version import __version__
from shoal.errors import ExecutorError
from shoal.executors.base import Executor, Job, Outcome, Progress
from shoal.executors.job_queue import JobQueue
from shoal.executors.pool_worker import BEAT_SECONDS, LEASE, PROBLEM, Answer, Order
from shoal.executors.pools import Pool
from shoal.executors.progress_files import ProgressDirectory
from shoal.executors.trainer import News
from shoal.problems.base import Problem

# Weight of the latest duration in the mean of all.
_SMOOTHING = 0.2
# Batches that the pool loses one after another, without an answer, before the run is given up.
_MOST_LOSSES = 9
_AGAIN = "start it again, then go on: shoal resume RUN"
_log = logging.getLogger(__name__)


@dataclass
class _Batch:
    """Jobs that a worker has, without an answer, and when they were handed over."""

    jobs: deque[Job]
    since: float


class FutureExecutor(Executor):
    """Runs jobs in a pool; see `Executor`.

    Parameters
    ----------
    problem
        What all jobs are about.
    pool
        The pool, which is closed with this.
    workers
        Jobs at once, at most; None: as many as the pool has workers.

    Raises
    ------
    ExecutorError
        Also from `poll`: the pool is lost, or its workers cannot run Shoal.
    """

    def __init__(self, problem: Problem, pool: Pool, workers: int | None = None) -> None:
        shipped = problem.for_workers()
        self._deadline = shipped.settings.deadline
        self._workers = workers
        self._pool = pool
        self._run = secrets.token_hex(16)
        self._content = pickle.dumps(shipped)
        self._queue = JobQueue()
        self._running: dict[Future[Answer], _Batch] = {}
        # What a job takes; a batch has one job until that is known.
        self._seconds = pool.batch_seconds
        self._is_measured = False
        # Batches without an answer since the last answer.
        self._losses = 0
        self._is_open = True

        self._progress = ProgressDirectory(pool.folder)
        self._ending = threading.Event()
        if self._progress.folder is not None:
            _write(self._progress.folder / PROBLEM, self._content)
            self._renew(0)
            threading.Thread(target=self._keep_lease, daemon=True).start()

    @property
    def capacity(self) -> int:
        """Two batches a worker, so that none waits for the next."""
        return self._limit * self._batch_size

    @property
    def _at_once(self) -> int:
        """How many workers have something to do at the same time."""
        workers = self._pool.workers()
        if self._workers is not None:
            workers = min(self._workers, workers or self._workers)
        return max(1, workers or 1)

    @property
    def _limit(self) -> int:
        """Batches at once, also in the pool's queue; none waits there where we may not use all."""
        if self._workers is not None and self._workers < (self._pool.workers() or 0):
            return self._workers
        return self._pool.batches_each * self._at_once

    @property
    def _batch_size(self) -> int:
        return max(1, int(self._pool.batch_seconds / max(self._seconds, 1e-3)))

    def submit(self, job: Job) -> None:
        """See `Executor.submit`."""
        self._queue.add(job)

    def poll(self, timeout: float) -> list[Outcome]:
        """See `Executor.poll`."""
        self._pool.look()
        self._feed()
        if not self._running:
            # Where jobs are left, they wait for their time.
            if len(self._queue):
                time.sleep(timeout)
            return []

        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        outcomes = []
        for future in done:
            outcomes += self._received(future)
        self._feed()
        return outcomes

    def under_way(self) -> tuple[Progress, ...]:
        """See `Executor.under_way`.

        First those whose workers wrote how far they are; then the oldest batches' first jobs.
        """
        jobs: dict[int, Job] = {}
        firsts: dict[int, _Batch] = {}
        for future, batch in self._running.items():
            if future.done() or not batch.jobs:
                continue
            firsts[id(batch.jobs[0])] = batch
            jobs |= {id(job): job for job in batch.jobs}

        known = self._progress.read(jobs)
        progress = [known[number] for number in jobs if number in known]
        now = time.monotonic()
        for number, batch in firsts.items():
            if not known.keys() & {id(job) for job in batch.jobs}:
                progress.append(Progress(jobs[number], seconds=now - batch.since))
        return tuple(progress[: self._at_once])

    def set_watched(self, watched: bool) -> None:
        """See `Executor.set_watched`."""
        self._progress.set_watched(watched)

    def close(self) -> None:
        """See `Executor.close`."""
        if not self._is_open:
            return

        self._is_open = False
        self._queue = JobQueue()
        self._ending.set()
        # Workers that see the folder end their trainers when the lease is gone.
        self._progress.close()
        for future in self._running:
            future.cancel()
        self._running = {}
        self._pool.close()

    def _feed(self) -> None:
        """Hand waiting jobs to the pool, in equal batches."""
        share = -(-len(self._queue) // self._limit)
        count = max(1, min(share, self._batch_size))
        while jobs := self._queue.take(len(self._running), self._limit, count):
            self._start(jobs)

    def _start(self, jobs: Sequence[Job], content: bytes | None = None) -> None:
        order = Order(
            number=secrets.token_hex(16),
            version=__version__,
            run=self._run,
            folder=str(self._progress.folder or ""),
            host=socket.gethostname(),
            process=os.getpid(),
            jobs=tuple((id(job), pickle.dumps(job)) for job in jobs),
            deadline=self._deadline,
            problem=content,
        )
        try:
            future = self._pool.submit(order)
        except Exception as error:
            self._queue.put_back(jobs)
            raise self._lost(error) from error
        self._running[future] = _Batch(deque(jobs), time.monotonic())

    def _received(self, future: Future[Answer]) -> list[Outcome]:
        """The outcomes in the answer to a batch."""
        batch = self._running.pop(future)
        try:
            answer = Answer(*future.result())
        except CancelledError as error:
            self._count_loss(error)
            self._queue.put_back(batch.jobs)
            return []
        except BrokenExecutor as error:
            raise self._lost(error) from error
        except (ImportError, AttributeError, pickle.PicklingError) as error:
            raise _cannot_run(f"{type(error).__name__}: {error}") from error
        # A library says in its own way that a worker is gone; nothing of ours raises.
        except Exception as error:
            self._count_loss(error)
            why = f"Its worker was lost with it {self.MAX_DEATHS} times."
            return self._queue.on_node_loss(batch.jobs, why)

        self._losses = 0
        outcomes = []
        for pickled in answer.news:
            news = News(*pickle.loads(pickled))
            outcomes += self._outcomes(batch.jobs.popleft(), news, answer.worker)
        return [*outcomes, *self._after(answer, batch)]

    def _after(self, answer: Answer, batch: _Batch) -> list[Outcome]:
        """What follows from a batch that has ended before its last job."""
        if answer.ended == "unfit":
            raise _cannot_run(str(answer.reason))
        if answer.ended == "refused":
            # The machine lacks the code that the run began with.
            assert isinstance(answer.reason, bytes)
            raise pickle.loads(answer.reason)
        if answer.ended == "no_problem":
            # Once it is there, it stays there.
            self._start(batch.jobs, self._content)
            return []
        if answer.ended not in ("died", "late"):
            self._queue.put_back(batch.jobs)
            return []

        # A batch runs in order: those behind the job have not begun.
        job = batch.jobs.popleft()
        self._queue.put_back(batch.jobs)
        if answer.ended == "late":
            limit = f"{self._deadline:g} s, {self.MAX_DEATHS} times."
            return self._queue.count_failure(job, f"It took longer than its deadline of {limit}")
        why = f"It ended its worker process {self.MAX_DEATHS} times (out of memory, or a crash)."
        return self._queue.on_worker_death([job], why, beside=len(self._running))

    def _outcomes(self, job: Job, news: News, worker: str) -> list[Outcome]:
        """The outcome of a job; none yet where it has to be done again."""
        if news.met_shortage:
            beside = len(self._running)
            return self._queue.on_worker_death([job], news.error or "", beside=beside)
        self._queue.done(job)
        if not self._is_measured:
            self._seconds = news.seconds
            self._is_measured = True
        self._seconds += _SMOOTHING * (news.seconds - self._seconds)
        return [Outcome(job, news.result, news.error, worker)]

    def _count_loss(self, error: BaseException) -> None:
        _log.warning("%s lost a batch: %r", self._pool.label, error)
        self._losses += 1
        if self._losses >= _MOST_LOSSES:
            raise self._lost(error) from error

    def _lost(self, error: BaseException) -> ExecutorError:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        return ExecutorError(
            f"{self._pool.label} runs no jobs any more: {type(error).__name__}: {reason}.",
            remedy=_AGAIN,
        )

    def _keep_lease(self) -> None:
        """Renew the lease: on other machines, its changes are the only sign of life."""
        beats = 0
        while not self._ending.wait(BEAT_SECONDS):
            beats += 1
            with suppress(OSError):
                self._renew(beats)

    def _renew(self, beats: int) -> None:
        if self._progress.folder is not None:
            _write(self._progress.folder / LEASE, f"{self._run} {beats}".encode())


def _write(file: Path, content: bytes) -> None:
    """Write a file in one step, so that a reader sees the old or the new one."""
    part = file.with_suffix(".part")
    part.write_bytes(content)
    part.replace(file)


def _cannot_run(reason: str) -> ExecutorError:
    """An error around the jobs; the errors of jobs are in their outcomes."""
    return ExecutorError(
        f"A worker cannot run Shoal: {reason.rstrip('.')}.",
        expected=f"Shoal {__version__} in the Python of every worker",
        remedy="install it there, then go on: shoal resume RUN",
    )
