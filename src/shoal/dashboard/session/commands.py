"""Where pages give commands: the only place that writes, and so the only one that asks who may.

Buttons that are disabled for a viewer are a courtesy: whoever sends the browser's messages himself meets this.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from shoal.auth import Identity
from shoal.dashboard.session import current_user
from shoal.dashboard.session.queries import store
from shoal.data import Dataset
from shoal.orchestration.launcher import ensure_supervisor
from shoal.orchestration.preflight import check_search
from shoal.settings.search_settings import SearchSettings
from shoal.store import CommandKind, RunView, Store


@dataclass(frozen=True, slots=True)
class CommandService:
    """Commands of one person. They change what is recorded and see to it that a supervisor is there; nothing trains here.

    All raise `AccessError`, with nothing written, for one who may not command. Where people log in, the run's events say
    who gave a command.
    """

    store: Store
    identity: Identity

    def command(self, run_id: int, kind: CommandKind, key: str) -> RunView:
        """Pause, resume or stop a run."""
        self.identity.check_may_act()
        found = self.store.command(run_id, kind, key=key)
        self._note(kind.capitalize(), run_id, key)
        if kind == "resume":
            ensure_supervisor(self.store)
        return found

    def resume(self, run_id: int, budgets: Mapping[str, float], key: str) -> RunView:
        """Go on with larger budgets."""
        self.identity.check_may_act()
        found = self.store.resume(run_id, budgets, key)
        more = ", ".join(f"{name} {value:g}" for name, value in budgets.items())
        self._note(f"Resume ({more})" if more else "Resume", run_id, key)
        ensure_supervisor(self.store)
        return found

    def add_run(
        self,
        dataset: Dataset,
        settings: SearchSettings,
        *,
        name: str | None = None,
        key: str | None = None,
    ) -> int:
        """Queue a search; its id. The same key again gives the same run. Raises a `ShoalError` for what makes no search."""
        self.identity.check_may_act()
        check_search(dataset, settings, name)
        run_id, new = self.store.add_run(dataset, settings, name=name, key=key)
        if new:
            self._note("Start", run_id)
        ensure_supervisor(self.store)
        return run_id

    def delete(self, run_id: int) -> None:
        """Remove a run and all that it recorded."""
        self.identity.check_may_act()
        self.store.delete(run_id)
        self._note("Deletion", run_id)

    def _note(self, what: str, run_id: int, key: str | None = None) -> None:
        """Once for each key: a second click is no second command."""
        noted = st.session_state.setdefault("noted_commands", set())
        if current_user.login_enabled() and key not in noted:
            noted.update({key} - {None})
            self.store.event(f"{what} asked for by {self.identity.name}.", run_id=run_id)


def command_service() -> CommandService:
    """The desk of whoever looks at the page. Raises `AccessError` for one who was logged out meanwhile."""
    return CommandService(store(), current_user.current_user())


def permission_hint() -> str | None:
    """Why whoever looks at the page may not command, to be said beside a button that is disabled; None: they may."""
    return (
        None if current_user.current_user().may_act else "Only operators may command; you may look."
    )


def command_key(run: RunView, kind: str) -> str:
    """One key for as long as the page shows the same state: two clicks on what one has seen are one command."""
    shown = (run.state, run.pending, run.epoch)
    keys = st.session_state.setdefault("command_keys", {})
    if keys.get(run.id, (None,))[0] != shown:
        keys[run.id] = shown, uuid.uuid4().hex
    return f"page-{keys[run.id][1]}-{kind}"
