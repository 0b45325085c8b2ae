"""The bar of commands that a person waits for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from shoal.cli import waiting
from shoal.cli.terminal import Terminal
from shoal.cli.waiting import Waiting
from shoal.data import load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.store.backup import backup, restore
from support.records import evaluation


def terminal(**values: Any) -> Terminal:
    return Terminal(file=io.StringIO(), force_terminal=True, width=70, **values)


def shown(console: Terminal) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return Text.from_ansi(file.getvalue()).plain


def test_a_bar_has_its_share_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_DELAY_SECONDS", 0.0)
    time = [0.0]
    console = terminal(get_time=lambda: time[0])
    with Waiting("0 of 4 splits", console=console) as bar:
        time[0] = 60.0
        bar.show(0.25, "1 of 4 [splits]")
        bar._progress.refresh()  # type: ignore[union-attr]
    assert "1 of 4 [splits]" in shown(console)
    assert "25 %" in shown(console)
    assert "about 3 min left" in shown(console)


def test_what_is_done_at_once_shows_nothing() -> None:
    console = terminal()
    with Waiting("Copying", console=console) as bar:
        bar.show(0.5)
    assert "Copying" not in shown(console)


def test_nothing_in_a_pipe_or_beside_json() -> None:
    pipe = Terminal(file=io.StringIO())
    for bar in (
        Waiting("Copying", console=pipe),
        Waiting("Copying", console=terminal(), quiet=True),
    ):
        with bar:
            bar.show(0.5)
            assert not bar.is_shown
    assert shown(pipe) == ""


def test_a_copy_says_how_far_it_is(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), SearchSettings())
        record(store, run_id, 450)
        shares: list[float] = []
        backup(store, tmp_path / "copy.db", shares.append)
    assert shares == pytest.approx([200 / 450, 400 / 450, 1.0])

    shares.clear()
    with open_store(tmp_path / "again.db") as again:
        restore(tmp_path / "copy.db", again, shares.append)
    assert shares[-1] == 1.0


def record(store: Store, run_id: int, count: int) -> None:
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    store.record(claim, [evaluation(number) for number in range(count)], [], 1.0)
