"""Child processes of ours: how one is started, is asked, answers, and ends with its parent.

A child is started by its entry, which is a function's address::

    python -m shoal.system.child shoal.replay.worker:main ARGUMENTS

Its standard input is a pipe whose other end the parent holds and never lends. When the parent
ends, however that happens (``kill -9``, too), the operating system closes that end, and the child
reads the end of its input. This needs no signal and no polling, and works on every system.

The parent may send a request, one line of JSON, and afterwards empty lines as signs of life. The
child may answer with lines of JSON on its standard output. A child that should leave the processor
to others calls `shoal.system.process.lower_priority` itself, as it knows when its hurry is over.

The module is light to import, since it is the main module of each child.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from shoal.system.process import gc_paused
from shoal.system.visible_text import visible

_MODULE = "shoal.system.child"
# The first argument of a process that has no parent to end with.
_DETACHED = "--detached"
# The first argument of a process whose entry decides what to do at its parent's end.
_LINGERING = "--lingering"
_ORPHAN_EXIT_CODE = 1
# The exit code of a process that ends because nobody waits for its answer.
ABANDONED_CODE = 3
# What keeps a child apart from its parent's terminal: a Ctrl-C there is for the parent, which
# decides what to do. On Windows the child also gets a console of its own, which nobody sees.
_APART: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    _APART = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}


class Entry(StrEnum):
    """Every entry of a process of ours, as ``module:function``. They are named here and only here.

    An entry is called with its `Parent` and its arguments, and returns an exit code or None.
    """

    SUPERVISOR = "shoal.orchestration.launcher:supervise"
    DASHBOARD = "shoal.dashboard.server.process:serve"
    REPLAY = "shoal.replay.worker:main"
    PREDICTIONS = "shoal.replay.predictions:main"
    LEARNING_CURVES = "shoal.replay.learning_curves:main"
    CALIBRATION = "shoal.replay.calibration:main"
    MODEL_FIGURES = "shoal.replay.model_figures:main"
    SIMPLE_METHODS = "shoal.replay.simple_methods:main"
    EPISODE = "shoal.replay.episodes:main"
    LIVE_EPISODE = "shoal.replay.live_episode:main"
    UPLOAD = "shoal.data.upload:main"
    WEBHOOK_POST = "shoal.orchestration.webhook_post:main"
    NOTIFY_POST = "shoal.orchestration.notify_post:main"
    PROBLEM_CHECK = "shoal.problems.check_process:main"
    TRAINER = "shoal.executors.trainer:serve"
    FOLDER_GUARD = "shoal.system.folder_guard:guard"
    DETACHED_LAUNCHER = f"{_MODULE}:launch_detached"


class Parent:
    """The process that started this one, as this one sees it.

    A thread reads the pipe from the parent. At its end the thread ends this process at once, unless
    the process lingers, or `when_gone` or `wait_until_gone` has said otherwise.

    Parameters
    ----------
    descriptor
        File descriptor of the pipe's reading end. None: there is no parent, which counts as one
        that never speaks and never ends.
    lingers
        The process goes on until `when_gone` says what to do.
    """

    def __init__(self, descriptor: int | None, *, lingers: bool = False) -> None:
        # Guards the three below, and is notified of each change.
        self._changed = threading.Condition()
        self._requests: deque[bytes] = deque()
        self._gone = False
        self._at_end: Callable[[], object] = _exit_now
        if lingers:
            self._at_end = _go_on
        # When the parent was heard last, in monotonic seconds.
        self.last_sign = time.monotonic()

        if descriptor is not None:
            thread = threading.Thread(target=self._listen, args=(descriptor,), daemon=True)
            thread.start()

    def request(self) -> Any:
        """Wait for the next request and return it; None when the parent has ended without one."""
        with self._changed:
            self._changed.wait_for(lambda: self._requests or self._gone)
            if not self._requests:
                return None
            line = self._requests.popleft()
        return json.loads(line)

    def when_gone(self, action: Callable[[], object]) -> None:
        """Call ``action`` instead of exiting when the parent ends; now, if it has ended already."""
        with self._changed:
            self._at_end = action
            if not self._gone:
                return

        action()

    def wait_until_gone(self) -> None:
        """Return when the parent has ended, which then does not end this process."""
        self.when_gone(_go_on)
        with self._changed:
            self._changed.wait_for(lambda: self._gone)

    def _listen(self, descriptor: int) -> None:
        # Not through sys.stdin: a thread that waits in there holds a lock that the interpreter
        # needs at its end, and aborts it.
        unfinished = b""
        while received := os.read(descriptor, 4096):
            self.last_sign = time.monotonic()
            *lines, unfinished = (unfinished + received).split(b"\n")
            with self._changed:
                # Empty lines are signs of life.
                self._requests.extend(line for line in lines if line)
                self._changed.notify_all()

        with self._changed:
            self._gone = True
            action = self._at_end
            self._changed.notify_all()
        action()


class Child:
    """The parent's side of a child that answers a request: start it, read its answers, close it.

    Parameters
    ----------
    entry
        What the process runs, ``module:function``.
    request
        What it is asked: anything that JSON can hold.
    env
        Its environment; None: ours.
    """

    def __init__(self, entry: str, request: Any, env: Mapping[str, str] | None = None) -> None:
        self.process = start(entry, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        # The last line of its output that was no answer, such as a traceback's last line.
        self.last_words = ""
        self._answers: deque[dict[str, Any]] = deque()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        # Where it has ended already, its last words say why.
        with suppress(OSError):
            send(self.process, request)

    def has_ended(self, timeout: float = 0.0) -> bool:
        """Whether it ended, and all of its answers are here, within ``timeout`` seconds."""
        self._reader.join(timeout)
        return not self._reader.is_alive()

    def new_answers(self) -> list[dict[str, Any]]:
        """What it has answered since the last call, in its order."""
        answers = []
        while self._answers:
            answers.append(self._answers.popleft())
        return answers

    def sign_of_life(self) -> None:
        """Let it know that somebody still waits for it; see `Parent.last_sign`."""
        with suppress(OSError):
            _write(self.process, b"\n")

    def was_abandoned(self) -> bool:
        """Whether it has ended because nobody gave it signs of life any more."""
        return self.has_ended() and self.process.wait() == ABANDONED_CODE

    def reason(self) -> str:
        """Why it ended: its last words, or its exit code."""
        return self.last_words or f"exit code {self.process.wait()}"

    def close(self) -> None:
        """End the process now, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        # A process that it started may hold the other end of the pipe: do not wait for that one.
        self._reader.join(timeout=1.0)
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()

    def _read(self) -> None:
        output = self.process.stdout
        assert output is not None
        with output:
            for line in output:
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            values = json.loads(line)
        except ValueError:
            values = None

        if isinstance(values, dict):
            self._answers.append(values)
        else:
            self.last_words = line.decode(errors="replace").strip() or self.last_words


class HeardProcess(subprocess.Popen[bytes]):
    """A child whose standard error is read: what it says last tells why it ended.

    Parameters
    ----------
    words
        Its command line.
    echo
        Whether what it says is shown on our own standard error.
    **options
        As for `subprocess.Popen`.
    """

    def __init__(self, words: Sequence[str], *, echo: bool = False, **options: Any) -> None:
        super().__init__(words, stderr=subprocess.PIPE, **options)
        self.last_words = ""
        self._echo = echo
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def reason(self) -> str:
        """Why it ended: its last words, or its exit code."""
        code = self.wait()
        # A process that it started may hold the other end of the pipe: do not wait for that one.
        self._reader.join(timeout=1.0)
        return self.last_words or f"exit code {code}"

    def _read(self) -> None:
        assert self.stderr is not None
        with self.stderr:
            for line in self.stderr:
                text = visible(line.decode(errors="replace").rstrip())
                self.last_words = text.strip() or self.last_words
                if self._echo:
                    print(text, file=sys.stderr, flush=True)


def answer(**values: Any) -> None:
    """Answer the parent, from within a child: one line of JSON with these values.

    Answers come through where what is printed is dropped (`prints_dropped`).
    """
    print(json.dumps(values), file=sys.__stdout__, flush=True)


@contextmanager
def prints_dropped() -> Iterator[None]:
    """Within the block, drop what is printed: code of users may print, even lines of JSON."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        yield


def command(
    entry: str, *arguments: str, detached: bool = False, lingers: bool = False
) -> list[str]:
    """The command line of a process that runs ``entry``.

    Parameters
    ----------
    entry, arguments
        See `start`.
    detached
        It has no parent.
    lingers
        Its entry decides what to do when the parent has ended.
    """
    # -P: a user's queue.py in the current folder is not Python's own module queue.
    words = [sys.executable, "-P", "-m", _MODULE]
    if detached:
        words.append(_DETACHED)
    if lingers:
        words.append(_LINGERING)
    return [*words, entry, *arguments]


def start(
    entry: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] | None = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = subprocess.DEVNULL,
    lingers: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a child of ours. It ends when this process ends, or closes the child's ``stdin``.

    Parameters
    ----------
    entry
        What the process runs, ``module:function``.
    arguments
        Its command line, which other users of the machine can read: nothing secret.
    env
        Its environment; None: ours.
    stdout, stderr
        As in `subprocess.Popen`.
    lingers
        It does not end by itself then: its entry decides what is still to do (`Parent.when_gone`).
    """
    process = subprocess.Popen(
        command(entry, *arguments, lingers=lingers),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=env,
        **_APART,
    )
    return process


def start_heard(
    entry: str, *arguments: str, env: Mapping[str, str] | None = None, echo: bool = False
) -> HeardProcess:
    """Start a child of ours that lingers (see `start`), and hear what it says.

    Parameters
    ----------
    entry, arguments, env
        As for `start`.
    echo
        See `HeardProcess`.
    """
    return HeardProcess(
        command(entry, *arguments, lingers=True),
        echo=echo,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=env,
        **_APART,
    )


def send(process: subprocess.Popen[bytes], request: Any) -> None:
    """Send a child its request, anything that JSON can hold.

    Raises
    ------
    BrokenPipeError
        It has ended already.
    """
    _write(process, json.dumps(request).encode() + b"\n")


def _write(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(content)
    process.stdin.flush()


def start_detached(entry: str, *arguments: str, env: Mapping[str, str] | None = None) -> int:
    """Start a process that is nobody's child and outlives this one; return its process id.

    Raises
    ------
    subprocess.CalledProcessError
        It could not be started.
    """
    with start(
        Entry.DETACHED_LAUNCHER,
        entry,
        *arguments,
        env=env,
        stdout=subprocess.PIPE,
        stderr=None,
    ) as launcher:
        assert launcher.stdout is not None
        output = launcher.stdout.read()

    if not output:
        raise subprocess.CalledProcessError(launcher.returncode, launcher.args)
    return int(output)


def launch_detached(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry of a process that starts another one, prints its process id, and ends.

    The other process then has no parent of ours that would have to wait for it.
    """
    entry, *others = arguments
    process = subprocess.Popen(
        command(entry, *others, detached=True),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **_APART,
    )
    # Without an exit code, Python would warn that nobody waits for it.
    process.returncode = 0
    print(process.pid, flush=True)


def _exit_now() -> None:
    os._exit(_ORPHAN_EXIT_CODE)


def _go_on() -> None:
    """Nothing: somebody else deals with the parent's end."""


def _take_input() -> int:
    """Take the standard input for the pipe from the parent, and leave an empty one in its place.

    What else reads the standard input takes nothing from the pipe then. On Windows it would even
    wait for the thread that reads there: so the import of NumPy did, whose libraries ask what the
    standard input is (numpy#24290).
    """
    standard = sys.stdin.fileno()
    pipe = os.dup(standard)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, standard)
    os.close(nothing)
    return pipe


def main(arguments: Sequence[str]) -> int:
    """What ``python -m shoal.system.child`` does: run an entry until it returns."""
    mode = arguments[0]
    if mode == _DETACHED:
        parent = Parent(None)
        entry, *others = arguments[1:]
    elif mode == _LINGERING:
        parent = Parent(_take_input(), lingers=True)
        entry, *others = arguments[1:]
    else:
        parent = Parent(_take_input())
        entry, *others = arguments

    module, _, function = entry.partition(":")
    with gc_paused():
        run = getattr(importlib.import_module(module), function)
    return run(parent, others) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
