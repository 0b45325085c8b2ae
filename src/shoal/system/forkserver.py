"""How worker processes are started: forked from a server on Linux, spawned elsewhere.

The fork server loads the kernels, or compiles them, before it is asked for a worker. A worker then
costs milliseconds, and a compilation is done once for all of them. The module is light to import,
so that this process can be started first and get ready while the rest is loaded.

Elsewhere a fork is not known to be safe once libraries are loaded (macOS), or does not exist
(Windows). There each worker loads, or compiles, the kernels itself.

All that Shoal relies on in `multiprocessing` beyond its documentation is in this file, and
tests/system/test_forkserver.py says what it is.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from shoal.system.private_folder import make_private_folder
from shoal.system.process import SAFE_PATH, SINGLE_THREADED, environment

# What the fork server loads before the first worker is asked for, in this order.
PRELOAD = ["shoal.system.single_threaded", "shoal.executors.preload"]
# How often a worker's start is tried.
_LAUNCHES = 5
# How long it may take a process that was killed to be gone.
_DYING_SECONDS = 0.1
_FOLDER_PREFIX = "shoal-mp-"
# A socket's address may have 107 characters; multiprocessing adds 32 to its folder.
_MAX_FOLDER_LENGTH = 75

HAS_SERVER = sys.platform == "linux"
_standard = multiprocessing.get_context("forkserver" if HAS_SERVER else "spawn")

_first_child: list[threading.Thread] = []
_ready = threading.Event()
# Held while a worker is started, as what is changed meanwhile is the whole process's.
_starting = threading.Lock()


class _Process(_standard.Process):  # type: ignore[name-defined, misc]
    """A worker process."""

    def start(self) -> None:
        """Start it, with another fork server where the present one is killed meanwhile."""
        for tries_left in reversed(range(_LAUNCHES)):
            try:
                with _starting, _no_main_module(), _environment_of_workers():
                    super().start()
            except (EOFError, ConnectionError) as error:
                if not tries_left:
                    raise
                _log_warning("the fork server is gone (%s); another one is started", error)
                time.sleep(_DYING_SECONDS)
            else:
                return
            # The error is forgotten here, and with it the last of the pipe to the lost worker.
            # One that was forked all the same takes this for our death, and ends.


class _Context(type(_standard)):  # type: ignore[misc]
    Process = _Process


# The context of worker processes, for a pool of them.
CONTEXT = _Context()


def warm_up() -> None:
    """Have the fork server started, unless it runs, and do not wait for it."""
    if not HAS_SERVER or _first_child:
        return

    _use_private_folder()
    CONTEXT.set_forkserver_preload(PRELOAD)
    thread = threading.Thread(target=_fork_first_child, daemon=True)
    _first_child.append(thread)
    thread.start()


def is_ready(timeout: float = 0.0) -> bool:
    """Whether the fork server has loaded, or compiled, its code within ``timeout`` seconds.

    Nobody has to wait then for a worker.
    """
    return not HAS_SERVER or _ready.wait(timeout)


def _fork_first_child() -> None:
    """Have a child forked that does nothing: it comes as soon as all is loaded."""
    try:
        child = CONTEXT.Process(target=os.getpid)
        child.start()
        child.join()
    except (OSError, EOFError) as error:
        # Whoever asks for a worker meets it again.
        _log_warning("the fork server forked no child: %s", error)
    finally:
        _ready.set()


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Hide the user's script: a worker needs nothing of it, and would run it if it found it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _environment_of_workers() -> Iterator[None]:
    """One core each, and nothing that is imported from the current folder.

    A fork server hands both on. It sees to the former itself, as its first start takes long.
    """
    if HAS_SERVER:
        _start_server()
        yield
        return
    with environment(SINGLE_THREADED | SAFE_PATH):
        yield


def _start_server() -> None:
    """Start the fork server, unless it runs, with a safe path."""
    # A process with -P hands that on.
    if sys.flags.safe_path:
        return

    # Not above: not every system has it.
    from multiprocessing.forkserver import ensure_running

    with environment(SAFE_PATH):
        ensure_running()


def _log_warning(text: str, error: Exception) -> None:
    # Not above: this is rare, and every command waits for what is imported there.
    import logging

    # As text: a record that is kept would keep what the error refers to.
    logging.getLogger(__name__).warning(text, repr(error))


def _use_private_folder() -> None:
    """Have multiprocessing make its folder for sockets in one that goes when we are killed.

    Its own one (``pymp-*``) stays then: only the process itself removes it.
    """
    try:
        folder = str(make_private_folder(_FOLDER_PREFIX))
    except OSError:
        return
    # After multiprocessing has removed what it made in there, with the priority -100.
    multiprocessing.util.Finalize(
        None, shutil.rmtree, args=[folder], kwargs={"ignore_errors": True}, exitpriority=-101
    )
    if len(folder) > _MAX_FOLDER_LENGTH:
        return

    before = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = before
