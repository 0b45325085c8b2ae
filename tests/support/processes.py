"""Shoal as its users run it: processes of their own, on a store of their own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from support import cli_forker

SMALL = [
    "--preset",
    "classic",
    "--population",
    "4",
    "--generations",
    "4",
    "--iterations",
    "100",
    "--repeats",
    "2",
]
# The first use compiles the kernels.
PATIENCE_SECONDS = 120.0


def shoal(
    *arguments: str,
    store: Path | str,
    home: Path | None = None,
    cwd: Path | None = None,
    prefix: Sequence[str] = (),
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; ``prefix`` is a program that starts it."""
    if not (prefix or options):
        return cli_forker.run(arguments, environment(store, home), str(cwd or Path.cwd()))
    return subprocess.run(
        [*prefix, sys.executable, "-m", "shoal.cli", *arguments],
        env=environment(store, home),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        **options,
    )


def start(*arguments: str, store: Path) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "shoal.cli", *arguments],
        env=environment(store),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def environment(store: Path | str, home: Path | None = None) -> dict[str, str]:
    """Ours, with that store and a data directory beside it."""
    return {
        **os.environ,
        "SHOAL_STORE": str(store),
        "XDG_DATA_HOME": str(home or Path(store).parent),
    }


def uncounted(*prefixes: str) -> dict[str, str]:
    """Ours, for a process as it is outside of `make coverage`, which loads modules of its own.

    ``prefixes``: those of other variables that are left out.
    """
    left_out = ("COVERAGE_", *prefixes)
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def last_json(text: str) -> dict[str, Any]:
    """What `--json` printed."""
    value = json.loads(text.strip().splitlines()[-1])
    assert isinstance(value, dict)
    return value


def eventually(look: Callable[[], Any]) -> Any:
    """The first true value that ``look`` gives; fails after `PATIENCE_SECONDS`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if value := look():
            return value
        # Between two looks at what another process does; nothing depends on its length.
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {PATIENCE_SECONDS:g} s")


def alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def descendants(pid: int) -> Iterator[int]:
    """The processes below ``pid``, deepest last."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parent = int(fields[1])
            children.setdefault(parent, []).append(int(entry.name))

    queue = [pid]
    while queue:
        for child in children.get(queue.pop(0), []):
            queue.append(child)
            yield child


def children_that_run(program: str, pid: int | None = None) -> list[int]:
    """Those processes below ``pid``, or below us, that have ``program`` in their command line."""
    found = []
    for child in descendants(pid or os.getpid()):
        with contextlib.suppress(OSError):
            # A zombie has no command line.
            if program in Path(f"/proc/{child}/cmdline").read_text():
                found.append(child)

    return found
