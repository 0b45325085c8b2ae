"""Worker processes on this machine, by loky. Each trains one swarm at a time.

Where there is a fork server, workers are forked from it; elsewhere each loads, or compiles, the
kernels itself. All are replaced after a number of jobs, or when one of them has grown: so whatever
a library leaks is bounded, however long a run is. How far they are, workers write to a
`ProgressDirectory`.
"""

from __future__ import annotations

import logging
import mmap
import os
import signal
import socket
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError

from shoal.errors import ProblemError, SimulationError
from shoal.executors.base import Executor, Job, Outcome, Progress, shortage_text
from shoal.executors.job_queue import JobQueue
from shoal.executors.progress_files import ProgressDirectory, ProgressWriter
from shoal.problems.base import Problem, ShippedProblem
from shoal.pso.engines import cores, get_engine
from shoal.pso.engines.base import Engine
from shoal.system import forkserver
from shoal.system.process import SAFE_PATH, environment, forget_safe_path
from shoal.system.shortage import is_shortage

# Jobs that a worker does, on average, before new workers take the places of all.
WORN_JOBS = 1_000
# Bytes of resident memory that a worker may have gained since its first job.
WORN_BYTES = 256 << 20
_log = logging.getLogger(__name__)


class _NoProblemError(Exception):
    """A worker could not load the problem. Its cause, a `ShoalError`, is its argument."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What a worker gives back for a job.

    Attributes
    ----------
    worker
        Its name, "host:pid".
    memory
        Its resident memory after the job, in bytes.
    result
        The job's result.
    """

    worker: str
    memory: int
    result: Any


class LocalExecutor(Executor):
    """Runs jobs in processes on this machine; see `Executor`.

    Parameters
    ----------
    problem
        What all jobs are about.
    workers
        How many processes; None: one for each core that this process may use.
    """

    def __init__(self, problem: Problem, workers: int | None = None) -> None:
        self._problem = problem.for_workers()
        self._workers = workers or cores()
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[Future[Any], Job] = {}
        self._queue = JobQueue()
        # Outcomes of jobs that were given up, for the next `poll`.
        self._given_up: list[Outcome] = []

        # Done when a worker has started: no job's deadline counts the start.
        self._ready: Future[Any] = Future()
        # When a future was first seen running, in monotonic seconds; some wait in a queue first.
        self._begun: dict[Future[Any], float] = {}

        # How many workers there are at present: no more than there were jobs.
        self._started = 0
        # How many jobs the present workers have done.
        self._done = 0
        # Memory of each present worker after its first job, in bytes.
        self._memory: dict[str, int] = {}
        # Whether the workers are to be replaced as soon as they are idle.
        self._worn = False

        self._progress = ProgressDirectory()
        forkserver.warm_up()

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
        # It begins with the next `poll`, when it is known how many workers there is work for.
        self._queue.add(job)

    def poll(self, timeout: float) -> list[Outcome]:
        """See `Executor.poll`."""
        self._feed()
        if not self._running:
            # Where jobs are left, the fork server is getting ready, or they wait for their time.
            if forkserver.is_ready(timeout) and len(self._queue) and not self._given_up:
                time.sleep(timeout)
            return self._take_given_up()

        done, _ = wait(self._running, timeout=timeout, return_when=FIRST_COMPLETED)
        self._given_up += self._end_late()
        outcomes = []
        company = len(self._running) - 1
        broken: BrokenProcessPool | None = None
        # `_end_late` may have given some up meanwhile.
        for future in done & self._running.keys():
            error = future.exception()
            if isinstance(error, _NoProblemError):
                raise error.args[0]
            if isinstance(error, BrokenProcessPool):
                broken = error
            elif error is not None and is_shortage(error):
                self._do_again(future, error, company)
            else:
                outcomes.append(self._outcome(future, error))

        if broken is not None:
            self._recover(broken)
        self._feed()
        return [*outcomes, *self._take_given_up()]

    def under_way(self) -> tuple[Progress, ...]:
        """See `Executor.under_way`.

        First those whose workers wrote how far they are; then the oldest, as workers take jobs in
        their order.
        """
        jobs = {id(job): job for future, job in self._running.items() if not future.done()}
        known = self._progress.read(jobs)
        unknown = [Progress(job) for number, job in jobs.items() if number not in known]
        ordered = [known[number] for number in jobs if number in known]
        return tuple([*ordered, *unknown][: self._workers])

    def set_watched(self, watched: bool) -> None:
        """See `Executor.set_watched`."""
        self._progress.set_watched(watched)

    def close(self) -> None:
        """See `Executor.close`."""
        self._queue = JobQueue()
        self._running = {}
        self._given_up = []
        self._drop_pool()
        self._progress.close()

    def _outcome(self, future: Future[Any], error: BaseException | None) -> Outcome:
        """The outcome of a job that is done, or raised."""
        job = self._running.pop(future)
        self._begun.pop(future, None)
        self._queue.done(job)
        if error is not None:
            return Outcome(job, error=f"{type(error).__name__}: {error}")

        done: _Done = future.result()
        self._wear(done)
        return Outcome(job, done.result, worker=done.worker)

    def _do_again(self, future: Future[Any], error: BaseException, company: int) -> None:
        """A job met a shortage: it is done again, alone and by a new worker.

        What runs beside it goes on: it has what it needs.
        """
        _log.warning("a worker is short of something (%r); all are replaced when idle", error)
        job = self._running.pop(future)
        self._begun.pop(future, None)
        self._worn = True
        why = shortage_text(error)
        self._given_up += self._queue.on_worker_death([job], why, beside=company)

    def _take_given_up(self) -> list[Outcome]:
        """The outcomes of jobs that were given up since the last call."""
        outcomes = self._given_up
        self._given_up = []
        return outcomes

    def _feed(self) -> None:
        """Hand waiting jobs to the workers."""
        # The fork server may compile for half a minute; the caller has other things to do then.
        if self._pool is None and not forkserver.is_ready():
            return

        if self._pool is not None and self._started < self._useful():
            self._worn = True
        if self._worn:
            if self._running:
                return
            _log.info("workers are replaced after %d jobs", self._done)
            self._drop_pool()

        while jobs := self._queue.take(len(self._running), self.capacity):
            if not self._start(jobs[0]):
                self._queue.put_back(jobs)
                return

    def _start(self, job: Job) -> bool:
        """Hand a job to a worker; False when one has died, which `poll` deals with."""
        try:
            future = self._submitted_surely(job)
        except BrokenProcessPool as error:
            if self._running:
                return False
            self._recover(error, job)
        except (EOFError, OSError, RuntimeError, MemoryError) as error:
            # An EOFError: the fork server died of it, again and again.
            if not is_shortage(error) and not isinstance(error, EOFError):
                raise
            _log.warning("workers cannot be started: %r", error)
            self._recover(error, job)
        else:
            self._running[future] = job
        return True

    def _submitted_surely(self, job: Job) -> Future[Any]:
        """Hand a job to a worker, also where one has died while there was nothing to do."""
        try:
            return self._submitted(job)
        except BrokenProcessPool:
            if self._running:
                raise
            _log.warning("an idle worker died; all are replaced")
            self._drop_pool()
            return self._submitted(job)

    def _submitted(self, job: Job) -> Future[Any]:
        if self._pool is None:
            self._make_pool(self._useful(1))
        assert self._pool is not None
        # Its id is a name for the job, which is held until it is done.
        submitted: Future[Any] = self._pool.submit(_work, job, id(job))
        return submitted

    def _useful(self, taken: int = 0) -> int:
        """How many workers have something to do, with jobs that were taken and not yet started."""
        return min(self._workers, taken + len(self._queue) + len(self._running))

    def _make_pool(self, workers: int) -> None:
        _log.debug("%d workers are started", workers)
        self._started = workers
        # What the pool starts for itself, it starts now.
        with environment(SAFE_PATH):
            self._pool = ProcessPoolExecutor(
                workers,
                context=forkserver.CONTEXT,
                initializer=_start_worker,
                initargs=(self._problem, self._progress.folder),
            )
            self._ready = self._pool.submit(os.getpid)

    def _end_late(self) -> list[Outcome]:
        """End the workers when a job of one hangs; what ran beside it runs again."""
        deadline = self._problem.settings.deadline
        if deadline is None or not self._ready.done():
            return []

        late = self._late(deadline)
        if not late:
            return []

        _log.warning("%d jobs took longer than %g s; their workers are ended", len(late), deadline)
        hanging = [self._running.pop(future) for future in late]
        # One worker cannot be ended alone, since the pool does not say which process has which job.
        # All are ended, and what ran beside the late jobs is begun again, without blame.
        finished = {}
        beside = []
        for future, job in self._running.items():
            if future.done():
                finished[future] = job
            else:
                beside.append(job)

        self._running = finished
        self._begun = {}
        self._drop_pool()

        outcomes = self._queue.on_worker_death(beside, "", beside=len(hanging))
        why = f"It took longer than its deadline of {deadline:g} s, {self.MAX_DEATHS} times."
        for job in hanging:
            outcomes += self._queue.count_failure(job, why)
        return outcomes

    def _late(self, deadline: float) -> list[Future[Any]]:
        """Futures that have run for too long."""
        now = time.monotonic()
        for future in self._running:
            if future.running():
                self._begun.setdefault(future, now)

        # A future counts as running while it still waits in a queue of loky's.
        limit = deadline
        if len(self._running) > 1:
            limit = 2 * deadline

        late = []
        for future, begun in self._begun.items():
            if now - begun > limit and not future.done():
                late.append(future)
        return late

    def _recover(self, error: BaseException, *jobs: Job) -> None:
        """A worker died and took the pool with it: all that was running is a suspect now.

        Parameters
        ----------
        error
            What loky, or the start of the worker, says of it.
        jobs
            What was about to run.
        """
        why = _death_text(error)
        _log.warning("a worker process has died; all are replaced: %s", why)
        suspects = [*self._running.values(), *jobs]
        self._running = {}
        self._begun = {}
        self._drop_pool()
        self._given_up += self._queue.on_worker_death(suspects, why)

    def _wear(self, done: _Done) -> None:
        """Count a job, and see whether its worker has grown."""
        self._done += 1
        first = self._memory.setdefault(done.worker, done.memory)
        if self._done >= WORN_JOBS * self._workers or done.memory - first > WORN_BYTES:
            self._worn = True

    def _drop_pool(self) -> None:
        self._done = 0
        self._memory = {}
        self._worn = False
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None
            self._progress.clear()


def _death_text(error: BaseException) -> str:
    """Why a job is given up whose worker died again and again, by the last of the deaths."""
    if isinstance(error, TerminatedWorkerError) or not isinstance(error, BrokenProcessPool):
        return (
            f"It ended its worker process {Executor.MAX_DEATHS} times (out of memory, or a crash)."
        )

    # The worker could not read the job, and says so with a traceback in quotes.
    lines = [line.strip() for line in str(error.__cause__ or error).splitlines()]
    said = [line for line in lines if line.strip("'\"")]
    return (
        f"Its worker process could not read it, {Executor.MAX_DEATHS} times: {said[-1]} "
        "(Shoal may have been changed while the run went on.)"
    )


# ---- In the worker processes ---------------------------------------------------------------------

# Why there is no problem, if there is none.
_refusal: ProblemError | SimulationError | None = None
_problem: Problem
_engine: Engine
_writer: ProgressWriter | None


def _start_worker(problem: ShippedProblem, folder: Path | None) -> None:
    """Prepare a worker process; ``folder`` is where it writes how far it is, if anywhere."""
    # A worker's jobs have nothing else in common.
    global _problem, _engine, _writer, _refusal  # noqa: PLW0603
    forget_safe_path()
    try:
        _problem = problem.in_worker()
    except (ProblemError, SimulationError) as error:
        if is_shortage(error):
            raise
        # A worker that fails to start is taken for one that died, and nobody would hear why.
        _refusal = error
    _engine = get_engine(problem.settings.engine)
    _writer = None
    if folder is not None:
        _writer = ProgressWriter(folder, _name())
    _engine.observer = _writer

    # A Ctrl-C is for the supervisor, which decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _work(job: Job, number: int) -> _Done:
    """Run a job, under a number by which the executor knows it."""
    if _refusal is not None:
        raise _NoProblemError(_refusal)
    with _writer.about(number) if _writer else nullcontext():
        result = job.run(_problem, _engine)
    return _Done(_name(), _resident_bytes(), result)


def _resident_bytes() -> int:
    """Our resident memory; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * mmap.PAGESIZE
