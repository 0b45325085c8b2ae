"""Processes of this machine: their environment, priority and end. `child` starts them."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

# How long a process that is asked to end gets for it before it is killed.
LEAVE_SECONDS = 10.0

# Signals that ask a process to end: a Ctrl-C, a `kill`, a closed terminal. No system has all.
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
END_SIGNALS = tuple(getattr(signal, name) for name in _ENDING if hasattr(signal, name))

# Variables for processes that work side by side, one core each.
SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}

_SAFE_PATH = "PYTHONSAFEPATH"
# Python then imports nothing from the current folder, where a user may have a queue.py. Processes
# of ours that we start by a command line have -P instead, and their own children inherit that.
SAFE_PATH = {_SAFE_PATH: "shoal"}


def end_process(*processes: subprocess.Popen[bytes]) -> None:
    """Ask processes of ours to end, kill those that do not, and close their input."""
    for process in processes:
        _ask_to_end(process)

    for process in processes:
        try:
            process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(process)

        if process.stdin is not None:
            process.stdin.close()


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    # Windows has no signal that asks. There, the end of its input does; see `child`.
    if sys.platform == "win32" and process.stdin is not None:
        process.stdin.close()
    else:
        process.terminate()


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Not above: this is rare, and every command waits for what is imported there.
    import logging

    log = logging.getLogger(__name__)
    log.warning("process %d did not end in %g s: killed", process.pid, LEAVE_SECONDS)
    process.kill()
    process.wait()


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector, around imports of large libraries.

    It would look at everything that they make again and again, and find nothing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables for the processes that are started inside the block.

    Parameters
    ----------
    values
        Variables by name; None unsets one. At the end of the block each has its old value again.
    """
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


def raise_file_limit(wanted: int) -> int:
    """Let this process have so many files open, as far as it may; return how many it may have."""
    if sys.platform == "win32":
        # It has no such limit, but its `select` takes no more.
        return min(wanted, 512)

    import resource

    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return wanted


def limit_memory(more: int) -> None:
    """Let this process take so many bytes more than it has; then its allocations fail.

    Only Linux can. There the process is also the first to end when the machine's memory does.
    """
    if sys.platform != "linux":
        return

    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        limit = min(limit, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # A container may forbid it.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def forget_safe_path() -> None:
    """Unset what `SAFE_PATH` set: what a user's code starts is not for us to change."""
    if os.environ.get(_SAFE_PATH) == SAFE_PATH[_SAFE_PATH]:
        del os.environ[_SAFE_PATH]


def lower_priority(niceness: int) -> None:
    """Lower the priority of this process for the rest of its life.

    The process leads a session of its own. Linux first weighs sessions against each other
    (autogroup); a process's own niceness counts only within its session, so both are set.

    Parameters
    ----------
    niceness
        0 is usual; 19 gives way to everything else.
    """
    if hasattr(os, "nice"):
        os.nice(niceness)

    group = Path("/proc/self/autogroup")
    if group.exists():
        with suppress(OSError):
            group.write_text(str(niceness))
