"""The process that worker processes are forked from, on Linux.

It loads the kernels, or compiles them, before it is asked for a worker. A worker then costs
milliseconds, and a compilation is done once for all of them. The module is light to import, so that
this process can be started first and get ready while the rest is loaded.
"""

from __future__ import annotations

import multiprocessing.process
import os
import shutil
import sys
import threading
import time
from multiprocessing.context import BaseContext
from multiprocessing.util import Finalize
from types import ModuleType

from shoal.system.private_folder import make_private_folder
from shoal.system.process import SAFE_PATH, SINGLE_THREADED, environment

# What the fork server loads before the first worker is asked for.
PRELOAD = "shoal.executors.preload"
# Variables of the fork server, and so of every worker.
_ENVIRONMENT = SINGLE_THREADED | SAFE_PATH
# How often a worker's start is tried.
_LAUNCHES = 5
# How long it may take a process that was killed to be gone.
_DYING_SECONDS = 0.1
_FOLDER_PREFIX = "shoal-mp-"
# A socket's address may have 107 characters; multiprocessing adds 18 to its folder.
_MAX_FOLDER_LENGTH = 85

_first_child: list[threading.Thread] = []
_ready = threading.Event()
# None where workers are not forked: that is only known to be safe on Linux after libraries are
# loaded.
CONTEXT: BaseContext | None = None

if sys.platform == "linux":
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from multiprocessing.forkserver import ensure_running
    from multiprocessing.popen_forkserver import Popen

    class _Popen(Popen):
        def _launch(self, process_obj: object) -> None:
            # A worker needs nothing of the user's script, and would run it if it found it.
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                self._launch_surely(process_obj)
            finally:
                sys.modules["__main__"] = main

        def _launch_surely(self, process_obj: object) -> None:
            for tries_left in reversed(range(_LAUNCHES)):
                try:
                    # It starts a fork server if there is none any more.
                    with environment(_ENVIRONMENT):
                        super()._launch(process_obj)  # type: ignore[misc]
                except (EOFError, ConnectionError) as error:
                    # The fork server was killed meanwhile; the next try starts another one.
                    if not tries_left:
                        raise
                    _log_warning("the fork server is gone (%r); another one is started", error)
                    self._forget()
                    time.sleep(_DYING_SECONDS)
                else:
                    return

        def _forget(self) -> None:
            # A worker that was forked all the same takes this for our death, and ends.
            if self.finalizer is not None:
                self.finalizer()
            self._fds: list[int] = []

    class _Process(ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: object) -> Popen:  # noqa: N802
            return _Popen(process_obj)  # type: ignore[arg-type]

    class _Context(ForkServerContext):
        Process = _Process

    CONTEXT = _Context()


def warm_up() -> None:
    """Start the fork server, unless it runs, and do not wait for it."""
    if CONTEXT is None:
        return

    _use_private_folder()
    with environment(_ENVIRONMENT):
        CONTEXT.set_forkserver_preload([PRELOAD])
        ensure_running()

    if not _first_child:
        thread = threading.Thread(target=_fork_first_child, daemon=True)
        _first_child.append(thread)
        thread.start()


def is_ready(timeout: float = 0.0) -> bool:
    """Whether the fork server has loaded, or compiled, its code within ``timeout`` seconds.

    Nobody has to wait then for a worker.
    """
    return CONTEXT is None or _ready.wait(timeout)


def _fork_first_child() -> None:
    """Have a child forked that does nothing: it comes as soon as all is loaded."""
    assert CONTEXT is not None
    try:
        child = CONTEXT.Process(target=os.getpid)  # type: ignore[attr-defined]
        child.start()
        child.join()
    except (OSError, EOFError) as error:
        # Whoever asks for a worker meets it again.
        _log_warning("the fork server forked no child: %r", error)
    finally:
        _ready.set()


def _log_warning(text: str, error: Exception) -> None:
    # Not above: this is rare, and every command waits for what is imported there.
    import logging

    logging.getLogger(__name__).warning(text, error)


def _use_private_folder() -> None:
    """Give multiprocessing a folder for its sockets that does not stay when we are killed.

    Its own one (``pymp-*``) does: only the process itself removes it.
    """
    config = getattr(multiprocessing.process.current_process(), "_config", None)
    if config is None or config.get("tempdir") is not None:
        return

    try:
        folder = str(make_private_folder(_FOLDER_PREFIX))
    except OSError:
        return
    if len(folder) > _MAX_FOLDER_LENGTH:
        shutil.rmtree(folder, ignore_errors=True)
        return

    config["tempdir"] = folder
    # As late as multiprocessing removes its own folder.
    Finalize(None, shutil.rmtree, args=[folder], kwargs={"ignore_errors": True}, exitpriority=-100)
