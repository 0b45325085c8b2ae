"""Windows and macOS, simulated on Linux for all processes of a command.

Shoal's modules, and no others, are given the standard library as it is there: without what the
system lacks, and with what it does differently. The simulation knows what the documentation of
Python says about each system, and the differences that have cost us something. It is no proof that
Shoal works there, which only a machine with that system can give (.github/workflows).
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from itertools import dropwhile
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

VARIABLE = "SHOAL_SIMULATED_SYSTEM"
_HERE = Path(__file__).parent

# Compiled code is this machine's, whatever Shoal is made to believe.
_OF_THIS_MACHINE = ("shoal.pso.engines.kernels",)


@dataclass(frozen=True)
class System:
    """What one system lacks, and what it has instead.

    Attributes
    ----------
    lacks
        Names that a module does not have there; None: there is no such module.
    has
        What a name is there.
    keeps_open_files
        A file that a process has open can neither be moved nor removed.
    """

    lacks: Mapping[str, Sequence[str] | None]
    has: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    keeps_open_files: bool = False


def environment(system: str) -> dict[str, str]:
    """Variables of a process that is to run, with all that it starts, on a system.

    Those that are simulated are in `SYSTEMS`; every other name is the system that this is.
    """
    if system not in SYSTEMS:
        return {}
    path = [str(_HERE / "on_other_system"), str(_HERE.parent), os.environ.get("PYTHONPATH", "")]
    return {VARIABLE: system, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def simulate(name: str) -> None:
    """From now on, modules of Shoal see the system of this name."""
    system = SYSTEMS[name]()
    seen = {
        module: _Seen(importlib.import_module(module), names, system.has.get(module, {}))
        for module, names in system.lacks.items()
        if names is not None
    }

    def import_there(module: str, *arguments: Any, **options: Any) -> Any:
        if module in system.lacks and module not in seen:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        imported = builtins.__import__(module, *arguments, **options)
        return seen.get(imported.__name__, imported)

    names = {**vars(builtins), "__import__": import_there}
    sys.meta_path.insert(0, _Finder(names))
    if any(word.startswith("shoal.") for word in sys.orig_argv):
        # What `python -m` runs is loaded by nobody.
        vars(sys.modules["__main__"])["__builtins__"] = names
    sys.addaudithook(_refuse_proc)
    if system.keeps_open_files:
        sys.addaudithook(_refuse_open_files)


class _Seen(ModuleType):
    """A module as it is on another system."""

    def __init__(self, module: ModuleType, lacks: Sequence[str], has: Mapping[str, Any]) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(has)
        self.__dict__["_module"] = module
        self.__dict__["_lacks"] = frozenset(lacks)

    def __getattr__(self, name: str) -> Any:
        if name in self._lacks:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)
        return getattr(self._module, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._module, name, value)


class _Finder(PathFinder):
    """Finds Shoal's modules, which look the names of built-ins up in ``names``."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def find_spec(  # type: ignore[override]
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] != "shoal" or name in _OF_THIS_MACHINE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self._names)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, names: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._names = names

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._names
        super().exec_module(module)


def _refuse_proc(event: str, arguments: tuple[Any, ...]) -> None:
    """Neither system has /proc. Libraries may read it, Shoal may not."""
    if event not in ("open", "os.listdir", "os.scandir"):
        return
    if str(arguments[0]).startswith("/proc/") and _caller().startswith("shoal."):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), arguments[0])


def _caller() -> str:
    """The module that called the part of the standard library that this hook watches."""
    for name in dropwhile(__name__.__eq__, _modules_of_frames()):
        if name.partition(".")[0] not in ("pathlib", "io", "os", "glob", "shutil"):
            return name
    return ""


def _modules_of_frames() -> Iterator[str]:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back


def _macos() -> System:
    return System(
        lacks={
            "os": ["sched_getaffinity", "sched_setaffinity", "pipe2", "memfd_create", "getrandom"],
            "sys": [],
            "signal": ["SIGPWR", "SIGPOLL", "SIGSTKFLT", "sigtimedwait", "sigwaitinfo"],
        },
        has={"sys": {"platform": "darwin"}},
    )


def _windows() -> System:
    return System(
        lacks={
            "os": [
                *("fork", "forkpty", "register_at_fork", "wait", "waitid", "wait3", "wait4"),
                *("getuid", "geteuid", "getgid", "getegid", "getgroups", "setuid", "setsid"),
                *("getpgid", "getpgrp", "setpgid", "killpg", "getsid", "chown", "fchown", "lchown"),
                *("nice", "getpriority", "setpriority", "PRIO_PROCESS", "sched_getaffinity"),
                *("sched_yield", "sysconf", "uname", "getloadavg", "statvfs", "fstatvfs"),
                *("fchmod", "mkfifo", "pipe2", "openpty", "ttyname", "O_CLOEXEC", "O_NONBLOCK"),
                *("O_DIRECTORY", "O_NOFOLLOW", "posix_spawn", "pread", "pwrite", "sync", "chroot"),
            ],
            "sys": [],
            "signal": [
                *("SIGHUP", "SIGKILL", "SIGALRM", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP"),
                *("SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGQUIT", "SIGWINCH", "SIGXCPU", "SIGXFSZ"),
                *("alarm", "setitimer", "pause", "sigwait", "pthread_kill", "pthread_sigmask"),
                *("siginterrupt", "sigpending", "sigtimedwait", "sigwaitinfo"),
            ],
            "subprocess": [],
            **dict.fromkeys(("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog")),
        },
        has={
            "os": {"name": "nt", "kill": _kill, "open": _open, "read": _read},
            "sys": {"platform": "win32"},
            "signal": {"SIGBREAK": _SIGBREAK, "signal": _signal},
            "subprocess": {
                "Popen": _WindowsPopen,
                "CREATE_NEW_PROCESS_GROUP": 0x200,
                "CREATE_NO_WINDOW": 0x8000000,
            },
        },
        keeps_open_files=True,
    )


SYSTEMS: dict[str, Callable[[], System]] = {"macos": _macos, "windows": _windows}


# ---- What Windows does differently ---------------------------------------------------------------

# A signal that Linux has, under the name of one that only Windows has.
_SIGBREAK = signal.SIGUSR2
_SIGNALS_OF_WINDOWS = {
    *(signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGINT, signal.SIGSEGV),
    *(signal.SIGTERM, _SIGBREAK),
}


def _signal(number: int, handler: Any) -> Any:
    if number not in _SIGNALS_OF_WINDOWS:
        raise ValueError("signal number out of range")
    return signal.signal(number, handler)


def _kill(pid: int, number: int) -> None:
    """0 is a Ctrl-C there, which asks no question; every other number ends the process at once."""
    assert number != 0, "os.kill(pid, 0) is a Ctrl-C"
    os.kill(pid, signal.SIGKILL)


def _open(path: Any, *arguments: Any, **options: Any) -> int:
    if Path(path).is_dir():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return os.open(path, *arguments, **options)


def _read(descriptor: int, count: int) -> bytes:
    """Who reads the standard input keeps all others from asking what it is, as NumPy's import does.

    See numpy#24290.
    """
    assert descriptor != sys.__stdin__.fileno() if sys.__stdin__ else True, "NumPy would hang"
    return os.read(descriptor, count)


def _refuse_open_files(event: str, arguments: tuple[Any, ...]) -> None:
    """Shoal neither moves nor removes a file that is open, or moves another one to its place."""
    paths = {"os.rename": arguments[:2], "os.remove": arguments[:1]}.get(event, ())
    if not paths or not _caller().startswith("shoal."):
        return
    if _is_open({str(Path(path).resolve()) for path in paths}):
        raise PermissionError(errno.EACCES, "it is open in a process", str(paths[0]))


def _is_open(paths: set[str]) -> bool:
    for opened in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(opened.readlink()) in paths:
                return True
    return False


class _WindowsPopen(subprocess.Popen[Any]):
    """Nobody is asked to end: `terminate` kills."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        assert not options.pop("start_new_session", False), "there are no sessions"
        assert not options.keys() & {"preexec_fn", "pass_fds", "user", "group", "umask"}
        flags = options.pop("creationflags", 0)
        # A process group of its own is not interrupted by a Ctrl-C, as a session is not.
        super().__init__(*arguments, start_new_session=bool(flags & 0x200), **options)

    def send_signal(self, number: int) -> None:
        super().send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.kill()
