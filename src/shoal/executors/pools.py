"""Pools of other libraries, each with what `concurrent.futures.Executor` does not say of it.

Each library is an extra, imported only where it is asked for.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor as StandardExecutor
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from shoal.errors import ExecutorError
from shoal.executors.pool_worker import Answer, Order, run_batch, run_dask_batch
from shoal.pso.engines import cores

# For a scheduler of Dask to answer.
CONNECT_SECONDS = 10.0
# Of every library of MPI.
_LAUNCHER = "mpiexec"
_AGAIN = "then go on: shoal resume RUN"


class Pool:
    """An executor of another library.

    Parameters
    ----------
    executor
        The library's.
    is_ours
        Whether `close` ends it.

    Attributes
    ----------
    label
        What people call it.
    batch_seconds
        What a batch should take at most.
    batches_each
        How many batches a worker should have, of which all but one wait in the pool's queue.
    folder
        Where workers of other machines would look for files; None: there is no such place.
    """

    label = "The executor"
    batch_seconds = 1.0
    batches_each = 2
    folder: Path | None = None

    def __init__(self, executor: StandardExecutor, *, is_ours: bool = False) -> None:
        self._executor = executor
        self._is_ours = is_ours

    def workers(self) -> int | None:
        """How many workers there are now; None: it does not say."""
        known: int | None = getattr(self._executor, "_max_workers", None)
        return known

    def submit(self, order: Order) -> Future[Answer]:
        """Hand a batch to the pool."""
        return self._executor.submit(run_batch, order)

    def look(self) -> None:
        """Raise `ExecutorError` where the pool is gone; called several times a second."""

    def close(self) -> None:
        """End it, if it is ours."""
        if self._is_ours:
            self._executor.shutdown(wait=True, cancel_futures=True)


class DaskPool(Pool):
    """Workers of Dask; each of their threads does one batch at a time."""

    label = "Dask"

    def __init__(
        self, executor: Any, *, is_ours: bool = False, cluster: Any = None, client: Any = None
    ) -> None:
        super().__init__(executor, is_ours=is_ours)
        self._cluster = cluster
        self._client = client or executor._client
        self._problem: Any = None
        self._threads = 0
        # When it was last asked how many there are, in monotonic seconds.
        self._asked = -10.0
        self._away: float | None = None

    def workers(self) -> int | None:
        """The threads of all workers."""
        if time.monotonic() - self._asked > 2.0 and self._client.status == "running":
            self._threads = sum(self._client.nthreads().values())
            self._asked = time.monotonic()
        return self._threads

    def submit(self, order: Order) -> Future[Answer]:
        """Hand a batch over; the problem travels once to each worker."""
        if order.problem is None:
            return self._executor.submit(run_dask_batch, order, None)
        if self._problem is None or self._problem.status != "finished":
            self._problem = self._client.scatter(order.problem, broadcast=True, hash=False)
        return self._executor.submit(run_dask_batch, replace(order, problem=None), self._problem)

    def look(self) -> None:
        """The client tries for 30 seconds to find its scheduler again, and then is closed."""
        if self._client.status in ("closed", "closing"):
            raise ExecutorError(
                "The connection to Dask's scheduler is lost.",
                remedy=f"start the cluster again, {_AGAIN}",
            )

    def close(self) -> None:
        """Close what was opened here."""
        if self._is_ours:
            self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=10)


class SubmititExecutor(StandardExecutor):
    """An executor of submitit, whose jobs are no futures, behind the standard's contract.

    Parameters
    ----------
    executor
        Submitit's.
    """

    # Between two looks at the jobs: submitit looks at files, and asks Slurm once a minute.
    LOOK_SECONDS = 0.2
    # A cancelled job is waited for that long: a local one is a process that its parent sees end.
    CANCEL_SECONDS = 10.0

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._jobs: dict[Future[Any], Any] = {}
        self._cancelled: list[Any] = []
        self._lock = threading.Lock()
        self._is_open = True
        self._watch = threading.Thread(target=self._look_after, daemon=True)
        self._watch.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a call to Slurm as a job."""
        job = self._executor.submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        with self._lock:
            self._jobs[future] = job
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and cancel those that are under way."""
        with self._lock:
            self._is_open = False
            jobs = dict(self._jobs)
            self._jobs = {}
        for future, job in jobs.items():
            self._cancel(job)
            future.cancel()
        if wait:
            self._watch.join()
            self._see_cancelled_end()

    def _look_after(self) -> None:
        while self._is_open:
            with self._lock:
                jobs = dict(self._jobs)
            for future, job in jobs.items():
                if future.cancelled():
                    self._cancel(job)
                elif job.done():
                    _settle(future, job)
                else:
                    continue
                with self._lock:
                    self._jobs.pop(future, None)
            time.sleep(self.LOOK_SECONDS)

    def _cancel(self, job: Any) -> None:
        job.cancel(check=False)
        self._cancelled.append(job)

    def _see_cancelled_end(self) -> None:
        deadline = time.monotonic() + self.CANCEL_SECONDS
        for job in self._cancelled:
            while not job.done() and time.monotonic() < deadline:
                time.sleep(self.LOOK_SECONDS)


def _settle(future: Future[Any], job: Any) -> None:
    """Give a future what has become of a job of submitit."""
    # It may be cancelled meanwhile.
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job.result())
    except Exception as error:
        future.set_exception(error)


class SlurmPool(Pool):
    """Jobs of Slurm, each a batch: a job takes seconds to start."""

    label = "Slurm"
    batch_seconds = 60.0
    batches_each = 1

    def __init__(
        self, executor: SubmititExecutor, workers: int, *, folder: Path, is_ours: bool = False
    ) -> None:
        super().__init__(executor, is_ours=is_ours)
        self._workers = workers
        self.folder = folder

    def workers(self) -> int | None:
        """How many jobs there may be at once."""
        return self._workers


class CountedPool(Pool):
    """A pool that says in a way of its own how many workers it has."""

    def __init__(
        self, executor: StandardExecutor, label: str, count: int, *, is_ours: bool = True
    ) -> None:
        super().__init__(executor, is_ours=is_ours)
        self.label = label
        self._count = count

    def workers(self) -> int | None:
        """How many there were at the start."""
        return self._count


def open_pool(name: str, options: str, workers: int | None) -> Pool:
    """The pool of a name of `shoal.settings.executors`, which is ours to close.

    Parameters
    ----------
    name
        The executor's name.
    options
        What stood behind it; empty for nothing.
    workers
        How many workers a pool gets that is started here; None: one for each core.

    Raises
    ------
    ExecutorError
        It cannot be reached, or does not start.
    """
    makers: dict[str, Callable[[str, int], Pool]] = {
        "dask": _dask,
        "slurm": _slurm,
        "mpi": _mpi,
        "executorlib": _executorlib,
    }
    with _reported(name):
        return makers[name](options, workers or cores())


def pool_of(executor: Any) -> Pool:
    """The pool of an executor that a caller made, and closes.

    Raises
    ------
    ExecutorError
        It is none.
    """
    library = type(executor).__module__.partition(".")[0]
    if library == "distributed" and hasattr(executor, "_client"):
        return DaskPool(executor)
    if library == "submitit":
        folder = Path(executor.folder)
        adapted = SubmititExecutor(executor)
        return SlurmPool(adapted, cores(), folder=_made(folder), is_ours=True)
    if isinstance(executor, StandardExecutor):
        return Pool(executor)
    if library in ("mpi4py", "executorlib") and callable(getattr(executor, "submit", None)):
        return Pool(executor)

    raise ExecutorError(
        f"executor={executor!r} is no executor.",
        expected="a name, or an object that keeps the contract of concurrent.futures.Executor",
        remedy="for Dask: executor=client.get_executor()",
    )


def _dask(options: str, workers: int) -> Pool:
    import dask
    from distributed import Client, LocalCluster

    address = options or dask.config.get("scheduler-address", None)
    cluster = None
    if address is None:
        # Its threads train nothing, so no process of Dask's has to be started.
        cluster = LocalCluster(
            n_workers=1,
            threads_per_worker=workers,
            processes=False,
            # It has a server of HTTP in any case; at a port of its own, for this machine alone.
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        )
        client = Client(cluster, set_as_default=False)
    elif address.endswith(".json"):
        client = Client(scheduler_file=address, set_as_default=False, timeout=CONNECT_SECONDS)
    else:
        client = Client(address, set_as_default=False, timeout=CONNECT_SECONDS)
    return DaskPool(client.get_executor(), is_ours=True, cluster=cluster)


def _slurm(options: str, workers: int) -> Pool:
    import submitit

    given = dict(part.partition("=")[::2] for part in options.split(",") if part)
    folder = _made(Path(given.pop("folder", Path.home() / ".shoal-slurm")))
    executor = submitit.AutoExecutor(folder=folder, cluster=given.pop("cluster", "slurm"))
    parameters: dict[str, Any] = {"timeout_min": 60, "cpus_per_task": 1}
    for name, value in given.items():
        own = name in ("timeout_min", "cpus_per_task", "mem_gb", "name")
        key = name if own or name.startswith("slurm_") else f"slurm_{name}"
        parameters[key] = int(value) if value.isdecimal() else value
    executor.update_parameters(**parameters)
    return SlurmPool(SubmititExecutor(executor), workers, folder=folder, is_ours=True)


def _mpi(options: str, workers: int) -> Pool:
    from mpi4py import MPI
    from mpi4py.futures import MPIPoolExecutor

    if MPI.COMM_WORLD.Get_size() == 1:
        _reach_launcher()
    executor = MPIPoolExecutor(max_workers=workers)
    # It starts with its first call otherwise; and a world of several has as many as it has.
    executor.bootup(wait=True)
    return CountedPool(executor, "MPI", executor.num_workers)


def _reach_launcher() -> None:
    """Have a lone process of MPI find the program that starts others; it waits for ever without."""
    if shutil.which(_LAUNCHER):
        return
    # Wheels of MPI libraries bring it along, in an environment that need not be activated.
    beside = Path(sys.executable).parent
    if not shutil.which(_LAUNCHER, path=str(beside)):
        raise ExecutorError(
            f"executor='mpi': there is no {_LAUNCHER} on the path.",
            expected="the program of an MPI library that starts processes",
            remedy="install one, or put its folder on PATH",
        )
    os.environ["PATH"] = os.pathsep.join([str(beside), os.environ.get("PATH", os.defpath)])


def _executorlib(options: str, workers: int) -> Pool:
    import executorlib

    maker = getattr(executorlib, options or "SingleNodeExecutor", None)
    if maker is None:
        raise ExecutorError(
            f"executor='executorlib:{options}'.",
            expected="the name of an executor of executorlib, such as SlurmJobExecutor",
            remedy="correct it, or leave it out for SingleNodeExecutor",
        )
    executor = maker(max_workers=workers, block_allocation=True)
    return CountedPool(executor, "executorlib", workers)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.absolute()


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """Raise what a library raises while it starts as one of our errors."""
    try:
        yield
    except ExecutorError:
        raise
    except Exception as error:
        reason = (str(error).strip() or "no reason is given").partition("\n")[0].rstrip(".")
        raise ExecutorError(
            f"executor={name!r} cannot be used: {type(error).__name__}: {reason}.",
            expected="a pool that answers, as docs/how-to/cluster.md describes it",
            remedy=f"start it, or correct its address or options, {_AGAIN}",
        ) from error
