"""Starts supervisor processes. Light to import: a command may start one first, and load the rest while it gets ready."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shoal.system.forkserver import warm_up
from shoal.system.process import end_process, gc_paused

if TYPE_CHECKING:
    from shoal.store import Store

IDLE_EXIT_SECONDS = 60.0  # a supervisor that nobody attends ends itself after so long without work
# Not with -m: each worker would then load that module once more, as multiprocessing's main module.
_COMMAND = [sys.executable, "-c", "from shoal.orchestration.launcher import supervise; supervise()"]


def supervise() -> None:
    """The entry of a supervisor process."""
    warm_up()
    with gc_paused():
        from shoal.orchestration.supervisor import main

    main()


@contextmanager
def prepared_supervisor(store: str | None) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor process of the store at that address, getting ready; `ensure_supervisor` tells it what to do.

    It ends at the end of the block if it has not been told, and else when this process ends, at the latest.
    """
    process = _attached(store)
    try:
        yield process
    finally:
        end_process(process)


def ensure_supervisor(
    store: Store,
    *,
    scope: int | None = None,
    attached: bool = False,
    on_host: bool = False,
    prepared: subprocess.Popen[bytes] | None = None,
) -> subprocess.Popen[bytes] | None:
    """Start a supervisor process unless one (``on_host``: of this host) is alive that serves ``scope`` (None: every run).

    ``attached``: it is given back, releases its run and ends when this process ends, however that happens; ``prepared``
    is then used where there is one. Otherwise it is nobody's child, outlives the caller, and ends by itself after a
    minute without work; the result is None.
    """
    from shoal.store import Owner

    # One of those who ask at once may start it; its place is taken before the process exists.
    place = Owner.here()
    if not store.reserve_supervisor(place, scope, on_host=on_host):
        return None
    try:
        process = (prepared or _attached(store.raw_url)) if attached else None
        if process is None:
            pid = _detached(store.raw_url, place.token, scope)
        else:
            pid = process.pid
            assert process.stdin is not None
            process.stdin.write(f"{place.token} {'' if scope is None else scope}\n".encode())
            process.stdin.flush()
    except BaseException:
        store.remove_supervisor(place)
        raise
    store.register_supervisor(Owner(place.host, pid, place.token), scope, instead_of=place)
    return process


def _environment(store: str | None) -> dict[str, str]:
    """Ours, with the store's address: in a command line, other users would see its password."""
    return dict(os.environ) if store is None else {**os.environ, "SHOAL_STORE": store}


def _attached(store: str | None) -> subprocess.Popen[bytes]:
    # The end of its standard input is how it learns of our death. A session of its own: a Ctrl-C in the terminal is for
    # the one who started it, who then tells it.
    return subprocess.Popen(
        [*_COMMAND, "--attached"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(store),
        start_new_session=True,
    )


def _detached(store: str, token: str, scope: int | None) -> int:
    command = [*_COMMAND, "--token", token, "--idle-exit", str(IDLE_EXIT_SECONDS)]
    command += ["--scope", str(scope)] if scope is not None else []
    launch = [sys.executable, "-c", _LAUNCH, *command]
    return int(
        subprocess.run(launch, env=_environment(store), stdout=subprocess.PIPE, check=True).stdout
    )


_LAUNCH = """
import subprocess, sys
null = subprocess.DEVNULL
child = subprocess.Popen(sys.argv[1:], stdin=null, stdout=null, stderr=null, start_new_session=True)
print(child.pid)
child.returncode = 0  # not ours to wait for
"""
