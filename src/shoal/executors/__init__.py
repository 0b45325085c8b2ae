"""Where jobs run: in processes of this machine, or on a Ray cluster.

May import `problems`, `settings`, `pso`, `system` and what these import; no store and no search.
Start reading with `base`, the contract; `make_executor` makes one. Ray is an extra, and imported
only where it is asked for.
"""

from __future__ import annotations

from importlib.util import find_spec

from shoal.errors import ExecutorError
from shoal.executors.base import Evaluate, Executor, Job, Outcome, Progress, TrainingJob
from shoal.executors.local import LocalExecutor
from shoal.problems.base import Problem

__all__ = [
    "Evaluate",
    "Executor",
    "Job",
    "LocalExecutor",
    "Outcome",
    "Progress",
    "TrainingJob",
    "check_executor_installed",
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
    check_executor_installed(problem.settings.executor)
    if problem.settings.executor == "ray":
        from shoal.executors.ray import RayExecutor

        return RayExecutor(problem, workers)
    return LocalExecutor(problem, workers)


def check_executor_installed(executor: str) -> None:
    """Check that what an executor needs is installed here.

    Raises
    ------
    ExecutorError
        It is not.
    """
    if executor == "ray" and find_spec("ray") is None:
        raise ExecutorError(
            "executor='ray' needs Ray, which is not installed.",
            remedy="pip install 'shoal[ray]', with a Python up to 3.14",
        )
