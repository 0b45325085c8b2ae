"""Entries of child processes, for tests of how these are started, answer and end."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.system.child import ABANDONED_CODE, Child, Parent, answer, start_detached

if TYPE_CHECKING:
    import pytest

HERE = "support.child_entries"
ECHO = f"{HERE}:echo"
WAIT = f"{HERE}:wait_for_ever"
BUSY = f"{HERE}:be_busy"
SILENT = f"{HERE}:be_silent"
LINGER = f"{HERE}:linger"
REPORT_SIGNS = f"{HERE}:report_signs"
HAVE_CHILD = f"{HERE}:have_child"
HAVE_DETACHED = f"{HERE}:have_detached"
FAIL = f"{HERE}:fail"
READ_INPUT = f"{HERE}:read_input"
REFUSE = f"{HERE}:refuse"
GIVE_UP = f"{HERE}:give_up"
BE_KILLED = f"{HERE}:be_killed"
SAY_AND_FAIL = f"{HERE}:say_and_fail"
IMPORT = f"{HERE}:import_optional"


def let_children_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that are started from now on find these entries."""
    tests = str(Path(__file__).parents[1])
    paths = [tests, *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def echo(parent: Parent, arguments: Sequence[str]) -> int:
    """Answer with everything that came, among lines that are no answers; end with exit code 3."""
    print("a line of a library")
    answer(request=parent.request(), arguments=list(arguments))
    print('["JSON, but no answer"]')
    answer(last=True)
    return 3


def import_optional(parent: Parent, arguments: Sequence[str]) -> None:
    """Answer whether there is a package that a library would like to have."""
    try:
        importlib.import_module(arguments[0])
    except ModuleNotFoundError:
        answer(found=False)
    else:
        answer(found=True)


def wait_for_ever(parent: Parent, arguments: Sequence[str]) -> None:
    """Wait for a second request, which never comes."""
    parent.request()
    answer(pid=os.getpid())
    parent.request()
    threading.Event().wait()


def read_input(parent: Parent, arguments: Sequence[str]) -> None:
    """Read the standard input, as code of a user may, and then the request."""
    answer(read=sys.stdin.read())
    answer(request=parent.request())


def be_busy(parent: Parent, arguments: Sequence[str]) -> None:
    """Compute for ever, as a training does."""
    answer(pid=os.getpid())
    number = 0
    while True:
        number += 1


def be_silent(parent: Parent, arguments: Sequence[str]) -> None:
    """Wait for ever, and answer nothing."""
    threading.Event().wait()


def linger(parent: Parent, arguments: Sequence[str]) -> None:
    """Write a file, whose name is the request, when the parent is gone."""
    file = Path(parent.request())
    answer(pid=os.getpid())
    parent.wait_until_gone()
    file.write_text("parent gone")


def report_signs(parent: Parent, arguments: Sequence[str]) -> None:
    """Answer each time that a sign of life has come."""
    seen = parent.last_sign
    answer(ready=True)
    while True:
        if parent.last_sign != seen:
            seen = parent.last_sign
            answer(sign=True)
        time.sleep(0.001)


def have_child(parent: Parent, arguments: Sequence[str]) -> None:
    """Start a child, which runs the entry that is the request, and compute for ever."""
    child = Child(parent.request(), request=None)
    while not (answers := child.new_answers()):
        time.sleep(0.001)
    answer(pid=answers[0]["pid"])
    be_busy(parent, [])


def have_detached(parent: Parent, arguments: Sequence[str]) -> None:
    """Start a detached process, which runs the entry that is the request, and wait for ever."""
    answer(pid=start_detached(parent.request()))
    threading.Event().wait()


def fail(parent: Parent, arguments: Sequence[str]) -> None:
    """End by an exception."""
    raise MemoryError("no room left")


def give_up(parent: Parent, arguments: Sequence[str]) -> int:
    """End as one does that nobody waits for."""
    return ABANDONED_CODE


def refuse(parent: Parent, arguments: Sequence[str]) -> int:
    """Answer with an error, as a replay does."""
    answer(error=["Too long.", "", "a shorter one"])
    return 3


def say_and_fail(parent: Parent, arguments: Sequence[str]) -> None:
    """Say something on standard error, and end with a reason."""
    print("a \x1b[31mline", file=sys.stderr)
    raise SystemExit("because of that")


def run_child_of(parent_entry: str, child_entry: str) -> None:
    """For ``python -c``: a process with a child that has a child, until it is killed."""
    child = Child(parent_entry, child_entry)
    while not (answers := child.new_answers()):
        time.sleep(0.001)
    print(child.process.pid, answers[0]["pid"], flush=True)
    sys.stdin.read()


def be_killed(parent: Parent, arguments: Sequence[str]) -> None:
    """End as when the system has no memory left."""
    os.kill(os.getpid(), signal.SIGKILL)


def report_to(pipe: Connection) -> None:
    """Say how this worker came to be."""
    pipe.send(
        {
            "method": multiprocessing.get_start_method(),
            "runs_script": hasattr(sys.modules["__main__"], "worker"),
            "cores": os.environ.get("OMP_NUM_THREADS"),
        }
    )
