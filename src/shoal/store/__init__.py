"""The record of every training: runs, evaluations, commands and claims, in SQLite or PostgreSQL.

It may import problems, settings, genome, objectives, pso (a swarm's snapshot), data (inside
functions), system and errors. Only this package knows SQL.

Start reading at `store.Store`, whose docstring states what a store promises; then `tables` for
what is kept, `leases` for who may write, and `connection` for what happens when the database is
locked, full or away.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.problems.progress import TrainingKind
    from shoal.store.address import FIRST_RUN, shown_address, store_exists
    from shoal.store.live_status import Live, PollFlags, RunningTraining
    from shoal.store.outbox import OutboxMessage
    from shoal.store.records import (
        ACTIVE,
        EVALUATION_COLUMNS,
        HEARTBEAT_SECONDS,
        LEASE_SECONDS,
        TERMINAL,
        Claim,
        Command,
        CommandKind,
        Event,
        FinalState,
        GenerationRecord,
        Owner,
        RunEntries,
        RunEntry,
        RunView,
        SupervisorView,
        TableView,
    )
    from shoal.store.store import Store, open_store
    from shoal.system.paths import default_path

# Where each stands, imported on first use: a shell that completes a run's number loads no database
# library.
_HOMES = {
    "TrainingKind": "problems.progress",
    "FIRST_RUN": "store.address",
    "shown_address": "store.address",
    "store_exists": "store.address",
    "Live": "store.live_status",
    "PollFlags": "store.live_status",
    "RunningTraining": "store.live_status",
    "OutboxMessage": "store.outbox",
    "ACTIVE": "store.records",
    "Claim": "store.records",
    "Command": "store.records",
    "CommandKind": "store.records",
    "EVALUATION_COLUMNS": "store.records",
    "Event": "store.records",
    "FinalState": "store.records",
    "GenerationRecord": "store.records",
    "HEARTBEAT_SECONDS": "store.records",
    "LEASE_SECONDS": "store.records",
    "Owner": "store.records",
    "RunEntries": "store.records",
    "RunEntry": "store.records",
    "RunView": "store.records",
    "SupervisorView": "store.records",
    "TERMINAL": "store.records",
    "TableView": "store.records",
    "Store": "store.store",
    "open_store": "store.store",
    "default_path": "system.paths",
}

__all__ = [
    "ACTIVE",
    "EVALUATION_COLUMNS",
    "FIRST_RUN",
    "HEARTBEAT_SECONDS",
    "LEASE_SECONDS",
    "TERMINAL",
    "Claim",
    "Command",
    "CommandKind",
    "Event",
    "FinalState",
    "GenerationRecord",
    "Live",
    "OutboxMessage",
    "Owner",
    "PollFlags",
    "RunEntries",
    "RunEntry",
    "RunView",
    "RunningTraining",
    "Store",
    "SupervisorView",
    "TableView",
    "TrainingKind",
    "default_path",
    "open_store",
    "shown_address",
    "store_exists",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'shoal.store' has no attribute {name!r}")

    value = getattr(import_module(f"shoal.{_HOMES[name]}"), name)
    # The next access finds it without coming here.
    globals()[name] = value
    return value
