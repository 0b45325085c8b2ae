"""Processes of this machine: their environment, priority, start and end."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

LEAVE_SECONDS = 10.0  # that a process gets to end when asked, before it is killed


def end_process(*processes: subprocess.Popen[bytes]) -> None:
    """Ask processes of ours to end, see that they do, and close their input."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


SINGLE_THREADED: dict[str, str | None] = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@contextmanager
def gc_paused() -> Iterator[None]:
    """For blocks that import much: the garbage collector would look at all of it again and again, and find nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """These values (None: not set) for the processes that are started inside."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def lower_priority(niceness: int) -> None:
    """For the rest of its life this process, which leads a session of its own, gets that much less than others.

    Linux weighs sessions against each other first (autogroup): a process's own niceness counts only within its session.
    """
    if hasattr(os, "nice"):
        os.nice(niceness)
    group = Path("/proc/self/autogroup")
    if group.exists():
        with suppress(OSError):
            group.write_text(str(niceness))
