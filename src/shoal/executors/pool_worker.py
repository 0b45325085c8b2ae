"""What of ours runs in a worker of somebody else's pool: `run_batch`.

The worker, which may be a thread or a process of any library, trains nothing itself. It hands jobs
to a process of its own, a trainer, and stays alive when a job kills that, hangs, or is called off.
So the same is promised on every pool: a death is known to be that of one job, a deadline ends one
job, and a worker ends its trainers when the executor is gone. A trainer ends by itself when its
worker does.
"""

from __future__ import annotations

import atexit
import logging
import os
import pickle
import queue
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from shoal._version import __version__
from shoal.executors.trainer import read_answers
from shoal.system.child import Entry, send, start
from shoal.system.process import SINGLE_THREADED

# Between two looks whether somebody still waits.
_LOOK_SECONDS = 0.1
# How long a trainer without work is kept.
IDLE_SECONDS = 60.0
# How long the lease of another machine may stay as it is, in seconds; `BEAT_SECONDS` renews it.
_SILENCE_SECONDS = 120.0
BEAT_SECONDS = 10.0
# Jobs of a trainer before another one takes its place: what a library leaks is bounded.
_WORN_JOBS = 1_000
# Files of an executor's folder.
LEASE = "lease"
PROBLEM = "problem.pickle"
# How the name of a worker's own folder begins; its process and its machine follow.
_FOLDER = "shoal-worker-"
_log = logging.getLogger(__name__)

# Why a batch has ended before its last job: a job killed its trainer, or took too long; nobody
# waits any more; the problem is not here; it cannot be used here; Shoal is another one.
End = Literal["died", "late", "abandoned", "no_problem", "refused", "unfit"]


@dataclass(frozen=True, slots=True)
class Order:
    """A batch of jobs, as it is sent to a worker.

    Attributes
    ----------
    number
        Unlike that of every other one: a library may take equal calls for the same.
    version
        Shoal's, where the executor is.
    run
        A name for the problem.
    folder
        The executor's; a worker may see it or not.
    host, process
        Where the executor is.
    jobs
        Pickled, each with a number by which the executor knows it.
    deadline
        Seconds that a job may take; None: no limit.
    problem
        The pickled problem; None: it was sent before, or is in the folder.
    """

    number: str
    version: str
    run: str
    folder: str
    host: str
    process: int
    jobs: tuple[tuple[int, bytes], ...]
    deadline: float | None
    problem: bytes | None = None


class Answer(NamedTuple):
    """What became of a batch.

    Attributes
    ----------
    worker
        Where it ran, "host:pid" of the trainer.
    news
        Pickled `shoal.executors.trainer.News` of the first jobs.
    ended
        Why there is none of the next job; None: there is of all.
    reason
        What there is to say of it, or a pickled error.
    """

    worker: str
    news: tuple[bytes, ...] = ()
    ended: End | None = None
    reason: str | bytes = ""


class _Lease:
    """Whether an executor still waits, as far as it can be seen from here."""

    def __init__(self, order: Order) -> None:
        self._file = Path(order.folder) / LEASE
        self._process = order.process
        self._is_near = order.host == socket.gethostname()
        # Elsewhere the same name may be of another folder, or of none.
        self._content = self._read()
        self.is_seen = order.run.encode() in self._content
        self._changed = time.monotonic()

    def is_over(self) -> bool:
        """Whether nobody waits any more."""
        if not self.is_seen:
            return _is_called_off()

        content = self._read()
        if not content:
            return True
        if self._is_near:
            return not _exists(self._process) or _is_called_off()

        now = time.monotonic()
        if content != self._content:
            self._content = content
            self._changed = now
        return now - self._changed > _SILENCE_SECONDS or _is_called_off()

    def _read(self) -> bytes:
        try:
            return self._file.read_bytes()
        except OSError:
            return b""


class _Trainer:
    """A process that trains for us, one batch at a time."""

    def __init__(self, order: Order, problem: Path) -> None:
        folder = ""
        if Path(order.folder).is_dir():
            folder = order.folder
        self.run = order.run
        self.lease = _Lease(order)
        self.jobs = 0
        self.idle_since = time.monotonic()
        self._process = start(
            Entry.TRAINER,
            f"{socket.gethostname()}:{os.getpid()}",
            folder,
            env={**os.environ, **SINGLE_THREADED},
            stdout=-1,
            stderr=None,
        )
        self.worker = f"{socket.gethostname()}:{self._process.pid}"
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        assert self._process.stdout is not None
        read = partial(read_answers, self._process.stdout, self._answers.put)
        threading.Thread(target=read, daemon=True).start()
        self._send(problem=str(problem))

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def train(self, order: Order, jobs: Path) -> Answer | None:
        """Have a batch done; None: the trainer was at its end before it heard of it."""
        if not self.jobs and (problem := self._begin()) is not None:
            return problem

        self._send(jobs=str(jobs))
        news: list[bytes] = []
        for number in range(len(order.jobs)):
            answer = self._next(None)
            if answer is None and number == 0:
                return None
            # It has read the job, and begins.
            if answer == b"":
                self.jobs += 1
                answer = self._next(order.deadline)
            if answer is None or isinstance(answer, str):
                ended: End = answer or "died"
                self.close()
                return Answer(self.worker, tuple(news), ended)
            news.append(answer)
        return Answer(self.worker, tuple(news))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _begin(self) -> Answer | None:
        """Wait until it has the problem; an answer where it does not get so far."""
        first = self._next(None)
        if first is None or isinstance(first, str):
            self.close()
            return Answer(self.worker, ended=first or "died")
        if pickle.loads(first) is not None:
            self.close()
            return Answer(self.worker, ended="refused", reason=first)
        return None

    def _next(self, deadline: float | None) -> bytes | Literal["late", "abandoned"] | None:
        """Its next answer; None at its end. It is waited for as long as somebody wants it."""
        begun = time.monotonic()
        while True:
            with suppress(queue.Empty):
                return self._answers.get(timeout=_LOOK_SECONDS)
            if deadline is not None and time.monotonic() - begun > deadline:
                return "late"
            if self.lease.is_over():
                return "abandoned"

    def _send(self, **request: str) -> None:
        # Where it has ended, there is no answer, which says so.
        with suppress(OSError):
            send(self._process, request)


class _Bench:
    """The trainers of this process that have no work now, and the problems that were sent here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Trainer] = []
        self._folder: Path | None = None
        self._watch: threading.Thread | None = None

    def take(self, order: Order) -> _Trainer | None:
        """A trainer that has the problem already; None: there is none."""
        with self._lock:
            for trainer in self._idle:
                if trainer.run == order.run:
                    self._idle.remove(trainer)
                    break
            else:
                return None
        if trainer.is_alive():
            return trainer
        trainer.close()
        return self.take(order)

    def put_back(self, trainer: _Trainer) -> None:
        """Keep a trainer for the next batch."""
        if not trainer.is_alive() or trainer.jobs >= _WORN_JOBS:
            trainer.close()
            return
        trainer.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(trainer)
            if self._watch is None or not self._watch.is_alive():
                self._watch = threading.Thread(target=self._look_after, daemon=True)
                self._watch.start()

    def problem(self, order: Order) -> Path | None:
        """The file of the problem; None: it is not here."""
        shared = Path(order.folder) / PROBLEM
        if _Lease(order).is_seen and shared.exists():
            return shared

        own = self._own_folder() / f"{order.run}.pickle"
        if order.problem is not None and not own.exists():
            part = own.with_suffix(f".{order.number}")
            part.write_bytes(order.problem)
            part.replace(own)
        return own if own.exists() else None

    @contextmanager
    def jobs(self, order: Order) -> Iterator[Path]:
        """A file of the jobs, as long as they are done."""
        file = self._own_folder() / f"{order.number}.jobs"
        file.write_bytes(pickle.dumps(order.jobs))
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)

    def _own_folder(self) -> Path:
        with self._lock:
            if self._folder is None:
                _remove_folders_of_the_dead()
                prefix = f"{_FOLDER}{os.getpid()}-{socket.gethostname()}-"
                self._folder = Path(tempfile.mkdtemp(prefix=prefix))
                atexit.register(_remove_folder, self._folder, os.getpid())
            return self._folder

    def _look_after(self) -> None:
        """End trainers that nobody needs, until there are none."""
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                over = [trainer for trainer in self._idle if _is_needless(trainer)]
                self._idle = [trainer for trainer in self._idle if trainer not in over]
                if not self._idle:
                    self._watch = None
            for trainer in over:
                trainer.close()
            if self._watch is None:
                return


def _remove_folder(folder: Path, process: int) -> None:
    """Remove a folder at the end of the process that made it, not of one forked from that."""
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)


def _remove_folders_of_the_dead() -> None:
    """Remove what workers left here that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        process, _, rest = folder.name.removeprefix(_FOLDER).partition("-")
        host, _, _ = rest.rpartition("-")
        # Elsewhere the process may be alive.
        is_of_here = process.isdecimal() and host == socket.gethostname()
        if is_of_here and not _exists(int(process)):
            # Another worker may be at it, too.
            shutil.rmtree(folder, ignore_errors=True)


def _is_needless(trainer: _Trainer) -> bool:
    idle = time.monotonic() - trainer.idle_since
    return idle > IDLE_SECONDS or not trainer.is_alive() or trainer.lease.is_over()


_bench = _Bench()


def _forget() -> None:
    """In a process that was forked, nothing of its parent's is ours."""
    global _bench  # noqa: PLW0603
    _bench = _Bench()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def run_batch(order: Order) -> Answer:
    """Have a batch of jobs done in a process of this worker's; called by the pool."""
    here = f"{socket.gethostname()}:{os.getpid()}"
    if order.version != __version__:
        unfit = f"Shoal {__version__} is installed on {socket.gethostname()}, not {order.version}"
        return Answer(here, ended="unfit", reason=unfit)

    with _bench.jobs(order) as jobs:
        # One that ended while it was idle has not heard of the batch.
        while (trainer := _bench.take(order)) is not None:
            answer = trainer.train(order, jobs)
            if answer is not None:
                break
            trainer.close()
        else:
            problem = _bench.problem(order)
            if problem is None:
                return Answer(here, ended="no_problem")
            trainer = _Trainer(order, problem)
            answer = trainer.train(order, jobs) or Answer(trainer.worker, ended="died")

    if answer.ended is None:
        _bench.put_back(trainer)
    else:
        trainer.close()
    return answer


def _exists(process: int) -> bool:
    # On Windows, os.kill(pid, 0) would be a Ctrl+C.
    if sys.platform == "win32":  # pragma: no cover
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_called_off() -> bool:
    """Whether the pool itself says that nobody waits for this call: Dask does."""
    is_called_off: Callable[[], bool] | None = getattr(_calls, "is_called_off", None)
    return is_called_off is not None and is_called_off()


# Of a thread of a pool: how it learns that its call is called off.
_calls = threading.local()


def run_dask_batch(order: Order, problem: bytes | None) -> Answer:
    """`run_batch` in a worker of Dask, whose scheduler calls off what nobody waits for."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_called_off() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    _calls.is_called_off = is_called_off
    try:
        return run_batch(replace(order, problem=problem))
    finally:
        _calls.is_called_off = None
