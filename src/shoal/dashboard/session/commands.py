"""Where pages give commands. It is the only place that writes, so it is the one that checks rights.

Buttons that are disabled for a viewer are a courtesy. Whoever sends a browser's messages by hand
meets the checks here.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from shoal.auth import AccessError, Identity
from shoal.dashboard.session import current_user
from shoal.dashboard.session.installed_code import plugin_name, refuse_files
from shoal.dashboard.session.queries import store
from shoal.data import Dataset
from shoal.functions.registry import BUNDLED as BUNDLED_FUNCTIONS
from shoal.orchestration.launcher import ensure_supervisor
from shoal.orchestration.preflight import check_search, probe_subject
from shoal.problems import references
from shoal.problems.registry import describe
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import BUNDLED as BUNDLED_SIMULATIONS
from shoal.store import CommandKind, RunView, Store

if TYPE_CHECKING:
    from shoal.problems.registry import Subject

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CommandService:
    """Commands of one person.

    They change what is recorded and make sure that a supervisor runs; nothing trains here. All
    raise `AccessError`, with nothing written, for a person who may not command. Where people log
    in, the run's events name who gave a command.
    """

    store: Store
    identity: Identity

    def command(self, run_id: int, kind: CommandKind, key: str) -> RunView:
        """Pause, resume or stop a run. The same key again changes nothing."""
        self.identity.check_may_act()
        run = self.store.command(run_id, kind, key=key)
        self._note(kind.capitalize(), run_id, key)
        if kind == "resume":
            ensure_supervisor(self.store)
        return run

    def resume(self, run_id: int, budgets: Mapping[str, float], key: str) -> RunView:
        """Resume a run with larger budgets."""
        self.identity.check_may_act()
        run = self.store.resume(run_id, budgets, key)

        what = "Resume"
        if budgets:
            larger = ", ".join(f"{name} {value:g}" for name, value in budgets.items())
            what = f"Resume ({larger})"
        self._note(what, run_id, key)

        ensure_supervisor(self.store)
        return run

    def add_run(
        self,
        subject: Subject,
        settings: SearchSettings,
        *,
        name: str | None = None,
        key: str | None = None,
    ) -> int:
        """Queue a search.

        Parameters
        ----------
        subject
            A prepared table, or a simulation or function that comes with Shoal or is an installed
            plug-in.
        settings
            The settings of the search.
        name
            What to call the run.
        key
            What makes this command unique.

        Returns
        -------
        int
            The run's number. The same key again gives the same run.

        Raises
        ------
        ShoalError
            When subject and settings make no search, or name code that neither comes with Shoal nor
            is an installed plug-in, or that does not work when it is called.
        """
        self.identity.check_may_act()
        _check_names_no_code(subject, settings)
        check_search(subject, settings, name)
        probe_subject(subject)
        run_id, is_new = self.store.add_run(subject, settings, name=name, key=key)
        if is_new:
            self._note("Start", run_id)
        ensure_supervisor(self.store)
        return run_id

    def rename(self, run_id: int, name: str) -> None:
        """Give a run another name."""
        self.identity.check_may_act()
        self.store.rename(run_id, name)
        self._note("New name", run_id)

    def set_tags(self, run_id: int, tags: Sequence[str]) -> None:
        """Make these the tags of a run."""
        self.identity.check_may_act()
        wanted = {tag.strip().casefold() for tag in tags}
        gone = [tag for tag in self.store.run(run_id).tags if tag.casefold() not in wanted]
        self.store.tag(run_id, tags, gone)

    def add_tags(self, run_ids: Iterable[int], tags: Sequence[str]) -> None:
        """Add tags to runs: to all of them, or to none."""
        self.identity.check_may_act()
        self.store.tag_all(run_ids, tags)

    def write_note(self, run_id: int, text: str) -> None:
        """Write a run's note."""
        self.identity.check_may_act()
        self.store.note(run_id, text)

    def archive(self, run_ids: Iterable[int], *, archived: bool = True) -> None:
        """Leave runs out of lists, or list them again: all of them, or none."""
        self.identity.check_may_act()
        wanted = list(run_ids)
        self.store.archive_all(wanted, archived=archived)
        for run_id in wanted:
            self._note("Archiving" if archived else "Taking it out of the archive", run_id)

    def delete(self, run_id: int) -> None:
        """Remove a run and all that it recorded."""
        self.identity.check_may_act()
        self.store.delete(run_id)
        self._note("Deletion", run_id)

    def _note(self, what: str, run_id: int, key: str | None = None) -> None:
        """Record who gave a command, once for each key: a second click is no second command."""
        noted = st.session_state.setdefault("noted_commands", set())
        if key in noted:
            return

        _log.info("run %d: %s asked for by %s", run_id, what, self.identity.name)
        if not current_user.login_enabled():
            return
        if key is not None:
            noted.add(key)
        self.store.event(f"{what} asked for by {self.identity.name}.", run_id=run_id)


def _check_names_no_code(subject: Subject, settings: SearchSettings) -> None:
    """Raise `ShoalError` unless a browser may start this: names and installed plug-ins alone."""
    refuse_files(settings)
    if isinstance(subject, Dataset):
        return
    reference = describe(subject)["reference"]
    bundled = (*BUNDLED_SIMULATIONS, *BUNDLED_FUNCTIONS)
    if reference not in bundled and plugin_name(references.PROBLEMS, reference) is None:
        raise AccessError(
            f"A page cannot start {reference}, which is code that does not come with Shoal.",
            expected="a table, an installed plug-in, or one of " + ", ".join(bundled),
            remedy="start it on the command line, with `shoal run`",
        )


def command_service() -> CommandService:
    """The commands of this page's visitor.

    Raises
    ------
    AccessError
        When the visitor was logged out meanwhile.
    """
    return CommandService(store(), current_user.current_user())


def permission_hint() -> str | None:
    """Why this page's visitor may not command, for a disabled button; None when they may."""
    if current_user.current_user().may_act:
        return None
    return "Only operators may command; you may look."


def command_key(run: RunView, kind: str) -> str:
    """The key of a command: it stays the same while the page shows the same state of the run.

    Two clicks on what a visitor has seen once are therefore one command.
    """
    shown = (run.state, run.pending, run.epoch)
    keys = st.session_state.setdefault("command_keys", {})
    known_state, known_key = keys.get(run.id, (None, ""))
    if known_state != shown:
        known_key = uuid.uuid4().hex
        keys[run.id] = (shown, known_key)
    return f"page-{known_key}-{kind}"
