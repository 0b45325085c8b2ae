"""What the processes have in common that compute one answer for a page."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

from shoal.errors import StoreError
from shoal.problems.base import Problem
from shoal.store import Store, open_store
from shoal.system.child import Child, Entry
from shoal.system.process import SINGLE_THREADED

# The longest recorded training that is repeated for a look, or several together.
MOST_SECONDS = 120.0
# As the page's that asks: somebody waits for it, once.
NICENESS = 5
# What a process may need to start on a busy machine, with its compiled code.
_STARTING_SECONDS = 120.0
# How many times slower than the recorded training it may be, on a machine that has other work.
_SLOWER = 20
# Trainings that are repeated for a look: one after the other, in this process.
one_training = threading.Lock()
_log = logging.getLogger(__name__)


def child_environment(store: str) -> dict[str, str]:
    """The environment of such a process: one core, and the store's address with its password."""
    return {**os.environ, **SINGLE_THREADED, "SHOAL_STORE": store}


def ask_child(
    store: Store,
    entry: Entry,
    request: Mapping[str, Any],
    key: str,
    *,
    seconds: float = 0.0,
    what: str = "repeated training",
) -> Any:
    """What a process of a page answers, once it has ended.

    Parameters
    ----------
    store
        Where the run is recorded.
    entry, request
        Of the process; the request names its ``run``.
    key
        Of the answer. An answer without it has an ``error``.
    seconds
        What the recorded training took.
    what
        What it does, for messages.

    Raises
    ------
    StoreError
        It does not end in time, or it ends with an error.
    """
    limit = _STARTING_SECONDS + _SLOWER * seconds
    child = Child(entry, request, child_environment(store.raw_url))
    try:
        if not child.has_ended(limit):
            _log.warning("run %s: the %s took more than %.0f s", request["run"], what, limit)
            raise StoreError(
                f"The {what} did not end within {limit:.0f} seconds.",
                remedy="try again when the machine is less busy",
            )

        error = child.reason()
        for values in child.new_answers():
            if key in values:
                return values[key]
            error = values["error"]
    finally:
        child.close()

    raise StoreError(f"The {what} failed: {error}.", remedy="`shoal doctor`")


def load_problem(run_id: int) -> Problem:
    """The problem of a run in the store of the environment.

    Raises
    ------
    StoreError
        There is no such store, or no such run.
    """
    with open_store(create=False) as store:
        return store.load_problem(run_id)
