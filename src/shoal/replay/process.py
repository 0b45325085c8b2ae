"""What the processes have in common that train a recorded training again."""

from __future__ import annotations

import os

from shoal.problems.base import Problem
from shoal.store import open_store
from shoal.system.process import SINGLE_THREADED


def child_environment(store: str) -> dict[str, str]:
    """The environment of such a process: one core, and the store's address with its password."""
    return {**os.environ, **SINGLE_THREADED, "SHOAL_STORE": store}


def load_problem(run_id: int) -> Problem:
    """The problem of a run in the store of the environment.

    Raises
    ------
    StoreError
        There is no such store, or no such run.
    """
    with open_store(create=False) as store:
        return store.load_problem(run_id)
