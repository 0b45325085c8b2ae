"""Who may rename, tag, note and archive runs by a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from shoal.auth import AccessError, Identity
from shoal.dashboard.session.commands import CommandService
from shoal.data import load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store

COMMANDS: dict[str, Callable[[CommandService, int], None]] = {
    "rename": lambda service, run: service.rename(run, "mine"),
    "set tags": lambda service, run: service.set_tags(run, ["b", "C"]),
    "add tags": lambda service, run: service.add_tags([run], ["b"]),
    "note": lambda service, run: service.write_note(run, "a note"),
    "archive": lambda service, run: service.archive([run]),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_viewer_may_look_but_not_write(command: str, tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), SearchSettings(), name="concrete")
        store.command(run_id, "stop")
        store.tag(run_id, ["A", "c"])
        before = store.run(run_id)
        service = CommandService(store, Identity("bob", "viewer"))
        with pytest.raises(AccessError, match="bob may look, but not command"):
            COMMANDS[command](service, run_id)
        assert store.run(run_id) == before

        COMMANDS[command](CommandService(store, Identity("alice", "operator")), run_id)
        assert store.run(run_id) != before


def test_the_tags_of_a_page_are_all_that_a_run_has(tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), SearchSettings())
        store.tag(run_id, ["A", "c"])
        CommandService(store, Identity("alice", "operator")).set_tags(run_id, ["a", "new"])
        assert store.run(run_id).tags == ("A", "new")
