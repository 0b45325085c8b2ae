"""Which machine this is, and whether a process of it still runs.

A name is not enough: cloned virtual machines, containers and laptops share names, and process ids
mean nothing on another machine.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

_DIGITS = 12
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MACHINE = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
# Process ids and start times are numbers within these.
_NAMESPACES = (Path("/proc/self/ns/pid"), Path("/proc/self/ns/time"))
# The place of a process's start in /proc/PID/stat, counted after the program's name.
_START = 19


@cache
def machine_id() -> str | None:
    """What no other machine has: of this machine, its boot, and our process namespace.

    None where the system does not say. Then nobody can be sure that a process is of this machine.
    """
    boot = _boot()
    if not boot:
        return None
    parts = [boot, *map(_text, _MACHINE), *map(_namespace, _NAMESPACES)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_DIGITS]


def process_start(pid: int) -> int | None:
    """When a process of this machine started, in ticks since the boot; None where it is unknown.

    A later process with the same id has another start.
    """
    fields = _stat(pid)
    if fields is None:
        return None
    return int(fields[_START])


def process_exists(pid: int, start: int | None = None) -> bool:
    """Whether a process of this machine runs. True where it cannot be found out.

    Parameters
    ----------
    pid
        Its process id.
    start
        What `process_start` gave of it; None: any process with this id counts.
    """
    # On Windows os.kill(pid, 0) would be a Ctrl+C. The lease alone decides there.
    if sys.platform == "win32":  # pragma: no cover
        return True

    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        # It is another user's.
        pass

    fields = _stat(pid)
    if fields is None:
        return True
    # Z and X are processes that were killed, but not yet reaped by their parents.
    if fields[0] in ("Z", "X"):
        return False
    return start is None or int(fields[_START]) == start


def _stat(pid: int) -> list[str] | None:
    """What the system says of a process, from its state on; None where it says nothing."""
    text = _text(Path(f"/proc/{pid}/stat"))
    # The program's name stands before it, in brackets, and may hold anything.
    return text.rpartition(")")[2].split() or None


def _boot() -> str:
    """A random number of this boot; "" where the system has none."""
    if sys.platform != "darwin":
        return _text(_BOOT)

    command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]  # pragma: no cover
    try:  # pragma: no cover
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # pragma: no cover
        return ""


def _text(path: Path) -> str:
    """What a file says; "" where there is none."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _namespace(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}"
