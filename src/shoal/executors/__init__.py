"""Executors: where jobs run."""

from shoal.executors.base import Evaluate, Executor, Job, Outcome
from shoal.executors.local import LocalExecutor

__all__ = ["Evaluate", "Executor", "Job", "LocalExecutor", "Outcome"]
