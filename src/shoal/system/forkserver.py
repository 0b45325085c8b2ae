"""The process that worker processes are forked from, on Linux.

It has loaded the kernels, or compiled them, before it is asked for a worker: a worker then costs milliseconds, and a
compilation is done once for all. Light to import, so that it can be started first and get ready while we load the rest.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from multiprocessing.context import BaseContext
from types import ModuleType

from shoal.system.process import SINGLE_THREADED, environment

_LAUNCHES, _DYING_SECONDS = (
    5,
    0.1,
)  # tries, and how long it may take a process that was killed to be gone
_trial: list[threading.Thread] = []
_ready = threading.Event()
# Forking what has loaded libraries is only known to be safe on Linux.
CONTEXT: BaseContext | None = None

if sys.platform == "linux":
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from multiprocessing.forkserver import ensure_running
    from multiprocessing.popen_forkserver import Popen

    class _Popen(Popen):
        def _launch(self, process_obj: object) -> None:
            # A worker needs nothing of the user's script, and would run it if it found it.
            main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
            try:
                self._launch_surely(process_obj)
            finally:
                sys.modules["__main__"] = main

        def _launch_surely(self, process_obj: object) -> None:
            for left in reversed(range(_LAUNCHES)):
                try:
                    super()._launch(process_obj)  # type: ignore[misc]
                except (
                    EOFError,
                    ConnectionError,
                ):  # the nursery was killed meanwhile; the next try starts another
                    if not left:
                        raise
                    if self.finalizer is not None:
                        self.finalizer()  # a worker that it has forked all the same takes this for our death
                    self._fds: list[int] = []
                    time.sleep(_DYING_SECONDS)
                else:
                    return

    class _Process(ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: object) -> Popen:  # noqa: N802
            return _Popen(process_obj)  # type: ignore[arg-type]

    class _Context(ForkServerContext):
        Process = _Process

    CONTEXT = _Context()


def warm_up() -> None:
    """Start it, unless it is there, and do not wait for it."""
    if CONTEXT is None:
        return
    with environment(SINGLE_THREADED):  # it, and so every worker, takes them from us
        CONTEXT.set_forkserver_preload(["shoal.executors.preload"])
        ensure_running()
    if not _trial:
        _trial.append(threading.Thread(target=_try, daemon=True))
        _trial[0].start()


def is_ready(timeout: float = 0.0) -> bool:
    """Whether it has loaded, or compiled, its code by now, so that nobody has to wait who asks it for a worker."""
    return CONTEXT is None or _ready.wait(timeout)


def _try() -> None:
    """Its first child, which it forks as soon as it can."""
    try:
        assert CONTEXT is not None
        child = CONTEXT.Process(target=os.getpid)  # type: ignore[attr-defined]
        child.start()
        child.join()
    except (OSError, EOFError):
        pass  # who asks for a worker meets it again
    finally:
        _ready.set()
