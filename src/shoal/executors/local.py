"""Worker processes on this machine, by loky. One swarm a process, one thread each.

Where there is a nursery they are forked from it; elsewhere each loads, or compiles, the kernels itself. All are replaced
after so many jobs, or when one of them has grown: whatever a library leaks is bounded, however long a run is. How far they are
they write on a `ProgressDirectory`.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import replace
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from loky.process_executor import ProcessPoolExecutor

from shoal.executors.base import Executor, Job, Outcome, Progress
from shoal.executors.job_queue import JobQueue
from shoal.executors.progress_files import ProgressDirectory, ProgressWriter
from shoal.problems.table import Problem
from shoal.pso.engines import cores, get_engine
from shoal.pso.engines.base import Engine
from shoal.system import forkserver
from shoal.system.process import SINGLE_THREADED

WORN_JOBS = 1_000  # that a worker does, on average, before new ones take their places
WORN_BYTES = 256 << 20  # of resident memory that one may have gained since its first job


class LocalExecutor(Executor):
    """See `Executor`. ``workers`` None: one a core that this process may use."""

    def __init__(self, problem: Problem, workers: int | None = None) -> None:
        self._problem = replace(
            problem, dataset=problem.dataset.without_table()
        )  # pandas stays here
        self._workers = workers or cores()
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[Future[Any], Job] = {}
        self._queue = JobQueue()
        self._ready: Future[Any] = (
            Future()
        )  # done when a worker has started, which no job's deadline counts
        self._begun: dict[
            Future[Any], float
        ] = {}  # when a future was first seen running; some wait in a queue then
        self._done = 0  # jobs, by the workers that are there now
        self._memory: dict[str, int] = {}  # of each after its first job, in bytes
        self._board = ProgressDirectory()
        forkserver.warm_up()
        self._worn = False  # they are to be replaced as soon as they are idle

    @property
    def capacity(self) -> int:
        """Twice the workers, so that none waits for the next job."""
        return 2 * self._workers

    @property
    def cores(self) -> int:
        """One for each worker."""
        return self._workers

    def submit(self, job: Job) -> None:
        """See `Executor.submit`."""
        self._queue.add(job)
        self._feed()

    def poll(self, timeout: float) -> list[Outcome]:
        """See `Executor.poll`."""
        self._feed()
        if not self._running:
            forkserver.is_ready(timeout)
            return []
        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        outcomes, broken = self._end_late(), False
        for future in done & self._running.keys():
            job = self._running.pop(future)
            self._begun.pop(future, None)
            error = future.exception()
            if error is None:
                worker, memory, result = future.result()
                self._wear(worker, memory)
                outcomes.append(Outcome(job, result, worker=worker))
            elif isinstance(error, BrokenProcessPool):
                self._running[future] = job
                broken = True
                continue
            else:
                outcomes.append(Outcome(job, error=f"{type(error).__name__}: {error}"))
            self._queue.done(job)
        if broken:
            outcomes += self._recover()
        self._feed()
        return outcomes

    def under_way(self) -> tuple[Progress, ...]:
        """See `Executor.under_way`. Those that wrote how far they are; then the oldest, as workers take them in their order."""
        jobs = {id(job): job for future, job in self._running.items() if not future.done()}
        known = self._board.read(jobs)
        found = [known.get(number) or Progress(job) for number, job in jobs.items()]
        return tuple(
            sorted(found, key=lambda progress: id(progress.job) not in known)[: self._workers]
        )

    def set_watched(self, watched: bool) -> None:
        """See `Executor.watch`."""
        self._board.set_watched(watched)

    def close(self) -> None:
        """See `Executor.close`."""
        self._queue, self._running = JobQueue(), {}
        self._drop_pool()
        self._board.close()

    def _feed(self) -> None:
        if self._pool is None and not forkserver.is_ready():
            return  # it compiles, which may take half a minute: a run goes on beating
        if self._worn:
            if self._running:
                return
            self._drop_pool()
        while jobs := self._queue.take(len(self._running), self.capacity):
            if not self._start(jobs[0]):
                self._queue.put_back(jobs)
                return

    def _start(self, job: Job) -> bool:
        """Hand it to a worker; False when one has died meanwhile: `poll` finds that out by what was running."""
        try:
            future = self._submitted(job)
        except BrokenProcessPool:
            if self._running:
                return False
            self._drop_pool()  # an idle one died
            future = self._submitted(job)
        self._running[future] = job
        return True

    def _submitted(self, job: Job) -> Future[Any]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers,
                context=forkserver.CONTEXT,
                initializer=_start_worker,
                initargs=(self._problem, self._board.folder),
                env=SINGLE_THREADED,
            )
            self._ready = self._pool.submit(os.getpid)
        submitted: Future[Any] = self._pool.submit(
            _work, job, id(job)
        )  # by id: it is held until it is done
        return submitted

    def _end_late(self) -> list[Outcome]:
        """End the workers when one hangs; what ran beside it runs again."""
        deadline, now = self._problem.settings.deadline, time.monotonic()
        if deadline is None or not self._ready.done():
            return []
        for future in self._running:
            if future.running():
                self._begun.setdefault(future, now)
        limit = deadline if len(self._running) == 1 else 2 * deadline
        late = [
            future
            for future, begun in self._begun.items()
            if now - begun > limit and not future.done()
        ]
        if not late:
            return []
        hanging = [self._running.pop(future) for future in late]
        others = [job for future, job in self._running.items() if not future.done()]
        self._running = {future: job for future, job in self._running.items() if future.done()}
        self._begun = {}
        self._drop_pool()
        outcomes = self._queue.on_worker_death(others, "", beside=len(hanging))
        why = f"It took longer than its deadline of {deadline:g} s, {self.MAX_DEATHS} times."
        return outcomes + [
            outcome for job in hanging for outcome in self._queue.count_failure(job, why)
        ]

    def _recover(self) -> list[Outcome]:
        """A worker died and took the pool with it: every job that was running is a suspect now."""
        jobs = list(self._running.values())
        self._running, self._begun = {}, {}
        self._drop_pool()
        return self._queue.on_worker_death(
            jobs,
            f"It ended its worker process {self.MAX_DEATHS} times (out of memory, or a crash).",
        )

    def _wear(self, worker: str, memory: int) -> None:
        """Count a job of a worker that has so many bytes now."""
        self._done += 1
        gained = memory - self._memory.setdefault(worker, memory)
        self._worn |= self._done >= WORN_JOBS * self._workers or gained > WORN_BYTES

    def _drop_pool(self) -> None:
        self._done, self._memory, self._worn = 0, {}, False
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None
            self._board.clear()


_problem: Problem
_engine: Engine
_reporter: ProgressWriter | None


def _start_worker(problem: Problem, board: Path | None) -> None:
    """Runs once in each worker process."""
    global _problem, _engine, _reporter
    reporter = None if board is None else ProgressWriter(board, _name())
    _problem, _engine, _reporter = problem, get_engine(problem.settings.engine), reporter
    _engine.observer = reporter
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to answer
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _work(job: Job, number: int) -> tuple[str, int, Any]:
    """Where it was done, what memory that process has then, and the result."""
    with _reporter.about(number) if _reporter else nullcontext():
        result = job.run(_problem, _engine)
    return _name(), _resident(), result


def _resident() -> int:
    """Our resident memory in bytes; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
