"""Executors: where jobs run. `make_executor` is the one door; Ray is an extra, and imported by those who ask for it."""

from __future__ import annotations

from importlib.util import find_spec

from shoal.errors import ExecutorError
from shoal.executors.base import Evaluate, Executor, Job, Outcome, Progress
from shoal.executors.local import LocalExecutor
from shoal.problems.table import Problem

__all__ = [
    "Evaluate",
    "Executor",
    "Job",
    "LocalExecutor",
    "Outcome",
    "Progress",
    "check_executor_installed",
    "make_executor",
]


def make_executor(problem: Problem, workers: int | None = None) -> Executor:
    """The executor that the problem's settings name.

    Raises `ExecutorError` where it is not installed, or its cluster cannot be reached.
    """
    check_executor_installed(problem.settings.executor)
    if problem.settings.executor == "ray":
        from shoal.executors.ray import RayExecutor

        return RayExecutor(problem, workers)
    return LocalExecutor(problem, workers)


def check_executor_installed(executor: str) -> None:
    """Raises `ExecutorError` when what the executor needs is not installed here."""
    if executor == "ray" and find_spec("ray") is None:
        raise ExecutorError(
            "executor='ray' needs Ray, which is not installed.", remedy="pip install 'shoal[ray]'"
        )
