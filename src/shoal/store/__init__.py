"""The record of every training: runs, evaluations, commands and claims, in SQLite or PostgreSQL.

It may import problems, settings, genome, objectives, pso (a swarm's snapshot), data (inside
functions), system and errors. Only this package knows SQL.

Start reading at `store.Store`, whose docstring states what a store promises; then `tables` for
what is kept, `leases` for who may write, and `connection` for what happens when the database is
locked, full or away.
"""

from __future__ import annotations

from shoal.problems.progress import TrainingKind
from shoal.store.address import shown_address, store_exists
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
    RunEntry,
    RunView,
    SupervisorView,
    TableView,
)
from shoal.store.store import Store, open_store
from shoal.system.paths import default_path

__all__ = [
    "ACTIVE",
    "EVALUATION_COLUMNS",
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
