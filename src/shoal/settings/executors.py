"""The values of the setting ``executor``: a name, and behind a colon what that name needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExecutorEntry:
    """One executor that the setting can name.

    Attributes
    ----------
    name
        The name.
    label
        What people call it.
    package
        The package that it needs beyond those of Shoal; None for no other.
    options
        What may stand behind the name and a colon; None: nothing.
    """

    name: str
    label: str
    package: str | None = None
    options: str | None = None


EXECUTORS = {
    entry.name: entry
    for entry in (
        ExecutorEntry("local", "worker processes of this machine"),
        ExecutorEntry("ray", "Ray", "ray"),
        ExecutorEntry("dask", "Dask", "distributed", "tcp://HOST:PORT or SCHEDULER.json"),
        ExecutorEntry("slurm", "Slurm", "submitit", "partition=cpu,timeout_min=60,folder=/scratch"),
        ExecutorEntry("mpi", "MPI", "mpi4py"),
        ExecutorEntry("executorlib", "executorlib", "executorlib", "SlurmJobExecutor"),
    )
}


def executor_entry(executor: str) -> ExecutorEntry:
    """The entry of a value of the setting ``executor``."""
    return EXECUTORS[executor.partition(":")[0]]


def check_executor_name(executor: str) -> str:
    """``executor`` itself; raises `ValueError` unless it names an executor."""
    name, colon, options = executor.partition(":")
    entry = EXECUTORS.get(name)
    if entry is None:
        names = ", ".join(repr(known) for known in EXECUTORS)
        raise ValueError(f"Input should be {names}, some with options behind a colon")
    if colon and (entry.options is None or not options):
        wanted = f"'{name}' or '{name}:{entry.options}'" if entry.options else f"'{name}'"
        raise ValueError(f"Input should be {wanted}")
    return executor
