"""What the processes have in common that train a recorded training again."""

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
_one_at_a_time = threading.Lock()
_log = logging.getLogger(__name__)


def child_environment(store: str) -> dict[str, str]:
    """The environment of such a process: one core, and the store's address with its password."""
    return {**os.environ, **SINGLE_THREADED, "SHOAL_STORE": store}


def ask_child(
    store: Store, entry: Entry, request: Mapping[str, Any], seconds: float, key: str
) -> Any:
    """What a process answers that trains something again, once it has ended.

    This process has one such process at a time; other threads wait for it.

    Parameters
    ----------
    store
        Where the run is recorded.
    entry, request
        Of the process; the request names its ``run``.
    seconds
        What the recorded training took.
    key
        Of the answer. An answer without it has an ``error``.

    Raises
    ------
    StoreError
        It does not end in time, or it ends with an error.
    """
    limit = _STARTING_SECONDS + _SLOWER * seconds
    with _one_at_a_time:
        child = Child(entry, request, child_environment(store.raw_url))
        try:
            if not child.has_ended(limit):
                _log.warning("run %s: %s took more than %.0f s", request["run"], key, limit)
                raise StoreError(
                    f"The training did not end within {limit:.0f} seconds.",
                    remedy="try again when the machine is less busy",
                )

            error = child.reason()
            for values in child.new_answers():
                if key in values:
                    return values[key]
                error = values["error"]
        finally:
            child.close()

    raise StoreError(
        f"The training could not be repeated: {error}.",
        remedy="`shoal doctor`",
    )


def load_problem(run_id: int) -> Problem:
    """The problem of a run in the store of the environment.

    Raises
    ------
    StoreError
        There is no such store, or no such run.
    """
    with open_store(create=False) as store:
        return store.load_problem(run_id)
