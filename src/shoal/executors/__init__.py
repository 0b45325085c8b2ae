"""Where jobs run: in processes of this machine, on a Ray cluster, or in another library's pool.

May import `problems`, `settings`, `pso`, `system` and what these import; no store and no search.
Start reading with `base`, the contract; `make_executor` makes one. `futures` is for all pools that
keep the contract of `concurrent.futures`. Ray and these are extras, and imported only where they
are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from shoal.errors import ExecutorError
from shoal.executors.base import Evaluate, Executor, Job, Outcome, Progress, TrainingJob
from shoal.executors.local import LocalExecutor
from shoal.problems.base import Problem
from shoal.settings.executors import executor_entry

__all__ = [
    "Evaluate",
    "Executor",
    "Job",
    "LocalExecutor",
    "Outcome",
    "Progress",
    "TrainingJob",
    "check_executor_installed",
    "executor_of",
    "make_executor",
]


def make_executor(problem: Problem, workers: int | None = None) -> Executor:
    """Make the executor that the problem's settings name.

    Parameters
    ----------
    problem
        What all jobs are about.
    workers
        How many jobs run side by side; None: as many as there are cores.

    Raises
    ------
    ExecutorError
        It is not installed, or its cluster cannot be reached.
    """
    executor = problem.settings.executor
    check_executor_installed(executor)
    name, _, options = executor.partition(":")
    if name == "local":
        return LocalExecutor(problem, workers)
    if name == "ray":
        from shoal.executors.ray import RayExecutor

        return RayExecutor(problem, workers)

    from shoal.executors.futures import FutureExecutor
    from shoal.executors.pools import open_pool

    return FutureExecutor(problem, open_pool(name, options, workers), workers)


def executor_of(pool: Any) -> Callable[[Problem, int | None], Executor]:
    """What makes executors, like `make_executor`, from a pool that a caller has.

    Parameters
    ----------
    pool
        An object that keeps the contract of `concurrent.futures.Executor`, or one of submitit. It
        stays open.

    Raises
    ------
    ExecutorError
        It is no such object.
    """
    from shoal.executors.futures import FutureExecutor
    from shoal.executors.pools import pool_of

    pool_of(pool)
    return lambda problem, workers: FutureExecutor(problem, pool_of(pool), workers)


def check_executor_installed(executor: str) -> None:
    """Check that what an executor needs is installed here.

    Raises
    ------
    ExecutorError
        It is not.
    """
    entry = executor_entry(executor)
    if entry.package is None or find_spec(entry.package) is not None:
        return

    remedy = f"pip install 'shoal[{entry.name}]'"
    if entry.name == "ray":
        remedy += ", with a Python up to 3.14"
    raise ExecutorError(
        f"executor={executor!r} needs {entry.label}, which is not installed "
        f"(the package {entry.package}).",
        remedy=remedy,
    )
