"""Where pages give commands: the only place that writes, and so the only one that asks who may."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from shoal.dashboard.reading import store
from shoal.data import Dataset
from shoal.launch import ensure_supervisor
from shoal.settings import SearchSettings
from shoal.store import CommandKind, RunView, Store


@dataclass(frozen=True, slots=True)
class Desk:
    """Commands of one person. They change what is recorded and see to it that a supervisor is there; nothing trains here."""

    store: Store

    def command(self, run_id: int, kind: CommandKind, key: str) -> RunView:
        """Pause, resume or stop a run."""
        found = self.store.command(run_id, kind, key=key)
        if kind == "resume":
            ensure_supervisor(self.store)
        return found

    def resume(self, run_id: int, budgets: Mapping[str, float], key: str) -> RunView:
        """Go on with larger budgets."""
        found = self.store.resume(run_id, budgets, key)
        ensure_supervisor(self.store)
        return found

    def add_run(
        self, dataset: Dataset, settings: SearchSettings, *, name: str | None = None, key: str | None = None
    ) -> int:
        """Queue a search; its id. The same key again gives the same run."""
        run_id, _ = self.store.add_run(dataset, settings, name=name, key=key)
        ensure_supervisor(self.store)
        return run_id

    def delete(self, run_id: int) -> None:
        """Remove a run and all that it recorded."""
        self.store.delete(run_id)


def desk() -> Desk:
    """The desk of whoever looks at the page."""
    return Desk(store())


def command_key(run: RunView, kind: str) -> str:
    """One key for as long as the page shows the same state: two clicks on what one has seen are one command."""
    shown = (run.state, run.pending, run.epoch)
    keys = st.session_state.setdefault("command_keys", {})
    if keys.get(run.id, (None,))[0] != shown:
        keys[run.id] = shown, uuid.uuid4().hex
    return f"page-{keys[run.id][1]}-{kind}"
