"""Starts supervisor processes.

Light to import: a command may start a supervisor first, and load the rest while it gets ready.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shoal.system.child import Entry, HeardProcess, Parent, send, start_detached, start_heard
from shoal.system.forkserver import warm_up
from shoal.system.paths import is_log_unwanted, log_path, writable_log
from shoal.system.process import end_process, gc_paused

if TYPE_CHECKING:
    import logging

    from shoal.store import Store

# A supervisor that nobody attends ends itself after so long without work.
IDLE_EXIT_SECONDS = 60.0


def supervise(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry of a supervisor process."""
    warm_up()
    with gc_paused():
        from shoal.orchestration.supervisor import main

    main(arguments, parent)


@contextmanager
def prepared_supervisor(store: str | None) -> Iterator[HeardProcess]:
    """A supervisor process that gets ready; `ensure_supervisor` gives it its work.

    It ends at the end of the block at the latest, and when this process ends.

    Parameters
    ----------
    store
        Address of its store; None: what the environment says.
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
    prepared: HeardProcess | None = None,
) -> HeardProcess | None:
    """Start a supervisor process unless one is alive that does the same work.

    Parameters
    ----------
    store
        What it works for.
    scope
        The only run that it drives; None: every run.
    attached
        It ends when this process ends, however that happens, and releases its run. Otherwise it
        is nobody's child, outlives this process, and ends by itself after a minute without work.
    on_host
        Only a supervisor on this host counts as one that is alive.
    prepared
        A process of `prepared_supervisor`, which is used for an attached one.

    Returns
    -------
    HeardProcess or None
        The attached process; None where none was started, or it is not attached.
    """
    # The store, which the caller has loaded, has loaded both.
    import logging

    from shoal.store import Owner

    log = logging.getLogger(__name__)
    # Of those who ask at once one may start it; its place is taken before the process exists.
    place = Owner.here()
    if not store.reserve_supervisor(place, scope, on_host=on_host):
        log.debug("a supervisor is alive; none is started")
        return None

    process = None
    try:
        if attached:
            process = prepared or _attached(store.raw_url)
            send(process, {"token": place.token, "scope": scope})
            pid = process.pid
        else:
            if writable_log() is None:
                _warn_of_silence(log)
            pid = _detached(store.raw_url, place.token, scope)
    except BaseException:
        store.remove_supervisor(place)
        raise

    log.info("supervisor process %d started, scope %s", pid, scope)
    owner = Owner.of_process(pid, place.token)
    store.register_supervisor(owner, scope, instead_of=place)
    return process


def _warn_of_silence(log: logging.Logger) -> None:
    """A supervisor that outlives this process has no standard error to log to."""
    if is_log_unwanted():
        log.warning("the supervisor logs nothing: it outlives the standard error of this command")
    else:
        log.warning("the supervisor logs nothing: %s cannot be written", log_path())


def end_text(supervisor: HeardProcess) -> str:
    """Why a supervisor that has ended did so, and where to read more."""
    reason = supervisor.reason().rstrip(".")
    log = writable_log()
    if log is None:
        return reason
    return f"{reason} ({log} says more)"


def _environment(store: str | None) -> dict[str, str]:
    """Ours, with the store's address: in a command line, other users would see its password."""
    variables = dict(os.environ)
    if store is not None:
        variables["SHOAL_STORE"] = store
    return variables


def _attached(store: str | None) -> HeardProcess:
    # When this process ends, a supervisor has a run to release. Its log comes to us where it has no
    # file to write it to.
    no_log = writable_log() is None
    return start_heard(Entry.SUPERVISOR, "--attached", env=_environment(store), echo=no_log)


def _detached(store: str, token: str, scope: int | None) -> int:
    arguments = ["--token", token, "--idle-exit", str(IDLE_EXIT_SECONDS)]
    if scope is not None:
        arguments += ["--scope", str(scope)]
    return start_detached(Entry.SUPERVISOR, *arguments, env=_environment(store))
