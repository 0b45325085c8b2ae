"""A process that has loaded what checks of users' code need, and forks for each child of ours.

What is forked is a process of its own, as `python -m shoal.system.child` is: in a session of its
own, with its own pipes and environment. It only spares the second that loading takes.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from shoal.system import child

if TYPE_CHECKING:
    import pytest

LOADED = (
    "shoal.problems.check_process",
    "shoal.functions.checks",
    "shoal.problems.decoder_checks",
    "shoal.problems.own_checks",
    "shoal.simulations.checks",
    "shoal.simulations.compilation",
)
# Who differs from us in one of these would have loaded something else.
_READ_AT_START = ("PYTHON", "NUMBA_", "XDG_CACHE_HOME", "HOME", "OMP_", "OPENBLAS_", "MKL_")


class ForkedChild:
    """A forked process, with what `shoal.system.child.Child` needs of `subprocess.Popen`."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], status: int) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None
        self._status = status
        self.pid = int(_line(status))

    def kill(self) -> None:
        """End it now. It is a zombie at least: nobody waits for it before it is asked for."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        return self._code(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended."""
        code = self._code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a forked child", timeout or 0.0)
        return code

    def _code(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(_line(self._status) or -signal.SIGKILL)
            os.close(self._status)
        return self.returncode


def _line(descriptor: int) -> str:
    """The next line of a pipe, which holds no more than that."""
    line = b""
    while not line.endswith(b"\n"):
        received = os.read(descriptor, 1)
        if not received:
            break
        line += received
    return line.decode()


def use_for_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """For this test, fork the processes in which users' code is looked at, on Linux.

    Whose environment would load other code is started anew all the same.
    """
    if sys.platform != "linux":
        return
    started = child.start

    def start(entry: str, *arguments: str, **options: Any) -> Any:
        env = options.get("env") or dict(os.environ)
        if entry != child.Entry.PROBLEM_CHECK or _read_at_start(env) != _read_at_start(_ours()):
            return started(entry, *arguments, **options)
        return fork([str(entry), *arguments], env)

    monkeypatch.setattr(child, "start", start)


def fork(arguments: list[str], env: Mapping[str, str]) -> ForkedChild:
    """Start ``python -m shoal.system.child ARGUMENTS``."""
    here, there = _pipes()
    request = json.dumps([arguments, dict(env), str(Path.cwd())])
    channel = _forker()
    # The sizes of what follows, and the ends of pipes that are the process's.
    socket.send_fds(channel, [len(request.encode()).to_bytes(8, "big")], there)
    channel.sendall(request.encode())
    for descriptor in there:
        os.close(descriptor)
    stdin, stdout, status = here
    return ForkedChild(os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"), status)


def _pipes() -> tuple[list[int], list[int]]:
    """Our ends and the other ones: of its input, of its output, and of how it ends."""
    input_read, input_write = os.pipe()
    output_read, output_write = os.pipe()
    status_read, status_write = os.pipe()
    return [input_write, output_read, status_read], [input_read, output_write, status_write]


@cache
def _ours() -> dict[str, str]:
    """The environment with which the forker began."""
    _forker()
    return _began_with


_began_with: dict[str, str] = {}


@cache
def _forker() -> socket.socket:
    """The way to the forker, which ends at its end."""
    ours, its = socket.socketpair()
    _began_with.update(os.environ)
    # -P as children of ours have it.
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, str(its.fileno())],
        pass_fds=[its.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    its.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_READ_AT_START)}


# ---- The forker ----------------------------------------------------------------------------------


def _fork_for_each(channel: socket.socket) -> None:
    for name in LOADED:
        importlib.import_module(name)
    # Whoever has waited for a process in our place needs nobody who waits for him.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        size, descriptors, _, _ = socket.recv_fds(channel, 8, 3)
        if not size:
            return
        request = b""
        while len(request) < int.from_bytes(size, "big"):
            request += channel.recv(65536)
        if os.fork() == 0:
            channel.close()
            _wait_for_one(*json.loads(request), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _wait_for_one(
    arguments: list[str], env: dict[str, str], cwd: str, stdin: int, stdout: int, status: int
) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(status)
        _become(arguments, env, cwd, stdin, stdout)

    os.close(stdin)
    os.close(stdout)
    os.write(status, b"%d\n" % pid)
    _, ended = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(status, b"%d\n" % os.waitstatus_to_exitcode(ended))
    os._exit(0)


def _become(
    arguments: list[str], env: dict[str, str], cwd: str, stdin: int, stdout: int
) -> NoReturn:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, descriptor in ((0, stdin), (1, stdout), (2, stdout)):
        os.dup2(descriptor, number)
    os.close(stdin)
    os.close(stdout)
    sys.argv = [child.__file__, *arguments]
    code: Any = 0
    try:
        code = child.main(arguments)
    except SystemExit as end:
        code = end.code
        if not isinstance(code, int | None):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        # As Python itself would.
        traceback.print_exc()
        code = 1

    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    _fork_for_each(socket.socket(fileno=int(sys.argv[1])))
