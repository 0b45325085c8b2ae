"""Keeping a store for years.

Backup while it is in use, restore, larger budgets for finished runs, and the doctor.
"""

from __future__ import annotations

import json
import math
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from shoal.data import load_dataset
from shoal.errors import RunStateError, SettingsError, StoreError
from shoal.genome.genome import Genome
from shoal.orchestration.runner import Runner
from shoal.problems.evaluation import GenerationSummary
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, diagnostics, open_store
from shoal.store import backup as copying
from shoal.store import tables as t
from shoal.store.backup import backup, restore
from support.fakes import InlineExecutor
from support.processes import last_json, shoal

DATA = load_dataset("concrete", preset="classic")
SETTINGS = SearchSettings(preset="classic", population=4, generations=3, repeats=2, iterations=10)


def drive(store: Store, run_id: int) -> str:
    claim = store.claim(Owner.here(), run_id)
    assert claim
    return Runner(store, claim, make_executor=InlineExecutor).drive()


def finished(store: Store, settings: SearchSettings = SETTINGS) -> int:
    run_id, _ = store.add_run(DATA, settings)
    assert drive(store, run_id) == "finished"
    return run_id


def rows(store: Store, table: sa.Table) -> list[tuple[object, ...]]:
    left_out = ("owner", "heartbeat", "epoch")
    columns = [column for column in table.c if column.name not in left_out]
    return sorted(
        tuple(map(repr, row)) for row in store.read(lambda c: c.execute(sa.select(*columns)).all())
    )


# --- backup and restore -----------------------------------------------------------------------


def test_a_backup_holds_everything_and_restores_to_the_same(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    first, second = finished(store), finished(store, replace_seed(SETTINGS, 1))
    file = tmp_path / "copies" / "all.db"
    assert backup(store, file) == 2
    assert [path.name for path in file.parent.iterdir()] == ["all.db"]

    with open_store(file, create=False) as copy, open_store(tmp_path / "again.db") as again:
        assert restore(file, again) == 2
        for other in (copy, again):
            for table in t.metadata.sorted_tables:
                if table not in (t.supervisor, t.live):
                    assert rows(other, table) == rows(store, table)
            assert other.run(first).result_hash == store.run(first).result_hash
            assert other.evaluations(second) == store.evaluations(second)
        new, _ = again.add_run(DATA, SETTINGS)
        assert new > second


def replace_seed(settings: SearchSettings, seed: int) -> SearchSettings:
    return settings.model_copy(update={"seed": seed})


@pytest.mark.parametrize("number", [-0.0, math.nan, math.inf, -math.inf, 5e-324], ids=str)
def test_a_backup_keeps_every_bit_of_an_odd_number(
    store: Store, tmp_path: Path, number: float
) -> None:
    run_id, _ = store.add_run(DATA, SETTINGS)
    claim = store.claim(Owner.here(), run_id)
    assert claim
    odd = GenerationSummary(1, Genome(), number, 2, number, 8)
    store.record(claim, [], [odd], 1.0)

    backup(store, tmp_path / "copy.db")

    with open_store(tmp_path / "copy.db") as copy, open_store(tmp_path / "again.db") as again:
        restore(tmp_path / "copy.db", again)
        for other in (copy, again):
            (record,) = other.generations(run_id)
            assert repr(astuple(record.summary)) == repr(astuple(odd))
            assert repr(other.run(run_id).best_accuracy) == repr(number)


def test_a_backup_moves_to_postgresql_and_goes_on_counting(
    postgres_url: str, tmp_path: Path
) -> None:
    with open_store(tmp_path / "shoal.db") as store, open_store(postgres_url) as server:
        run_id = finished(store)
        backup(store, tmp_path / "copy.db")
        restore(tmp_path / "copy.db", server)
        assert server.evaluations(run_id) == store.evaluations(run_id)
        new, _ = server.add_run(DATA, SETTINGS)
        assert new == run_id + 1
        assert drive(server, new) == "finished"
        assert server.run(new).result_hash == store.run(run_id).result_hash


def test_a_run_that_was_running_goes_on_in_its_copy_to_the_same_result(
    store: Store, tmp_path: Path
) -> None:
    whole = finished(store)
    run_id, _ = store.add_run(DATA, SETTINGS)
    claim = store.claim(Owner.here(), run_id)

    assert claim

    store.record(claim, store.evaluations(whole)[:3], [], 1.0)
    backup(store, tmp_path / "copy.db")
    assert store.run(run_id).state == "running", "the source is not touched"

    with open_store(tmp_path / "copy.db") as copy:
        assert copy.run(run_id).state == "interrupted"
        assert len(copy.evaluations(run_id)) == 3
        assert drive(copy, run_id) == "finished"
        assert copy.run(run_id).result_hash == store.run(whole).result_hash


def test_nothing_is_overwritten(store: Store, tmp_path: Path) -> None:
    finished(store)
    file = tmp_path / "copy.db"
    file.write_text("precious")
    with pytest.raises(StoreError, match="there already"):
        backup(store, file)

    assert file.read_text() == "precious"

    file.unlink()
    backup(store, file)
    with pytest.raises(StoreError, match=r"holds 1 runs.*new file"):
        restore(file, store)
    with pytest.raises(StoreError, match="no backup"):
        restore(tmp_path / "missing.db", store)


def test_what_a_store_says_of_deleted_runs_is_kept_too(store: Store, tmp_path: Path) -> None:
    run_id = finished(store)
    backup(store, tmp_path / "copy.db")
    store.delete(run_id)
    events = store.events()
    with pytest.raises(StoreError, match=r"0 runs, and events.*never used"):
        restore(tmp_path / "copy.db", store)
    assert store.events() == events


def test_a_backup_that_fails_leaves_nothing_behind(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(store)

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr("shoal.store.backup.insert", full)
    with pytest.raises(StoreError, match="full"):
        backup(store, tmp_path / "copies" / "all.db")
    assert list((tmp_path / "copies").iterdir()) == []


def test_others_commit_while_a_backup_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shoal.db"
    with open_store(file) as store:
        first = finished(store)
        last = finished(store, replace_seed(SETTINGS, 1))
        known = store.run(first).evaluations
        steps: list[tuple[str, int, bool]] = []
        copy = copying._insert

        def insert(table: sa.Table, found: Sequence[sa.RowMapping], into: sa.Connection) -> None:
            steps.append((table.name, len(found), _commits(file)))
            # Behind the back of the first pass: the last run goes, and another takes its ids.
            if len(steps) == 12:
                store.delete(last)
                finished(store, replace_seed(SETTINGS, 2))
            copy(table, found, into)

        monkeypatch.setattr(copying, "_insert", insert)
        monkeypatch.setattr(copying, "_BATCH", 4)
        assert backup(store, tmp_path / "copy.db") == 2

        ahead = [rows for name, rows, free in steps if name == "evaluation" and free]
        assert sum(ahead) > known > max(ahead)
        assert any(name == "dataset" and free for name, _, free in steps)
        with open_store(tmp_path / "copy.db") as other:
            for table in t.metadata.sorted_tables:
                if table not in (t.supervisor, t.live):
                    assert rows(other, table) == rows(store, table)


def _commits(file: Path) -> bool:
    """Whether somebody else can commit right now, without waiting."""
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as raw:
        try:
            raw.execute("UPDATE run SET seconds = seconds")
        except sqlite3.OperationalError:
            return False
    return True


KILLED_BACKUP = """
import os, signal, sys
from shoal.store import backup, open_store
backup._insert = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with open_store(sys.argv[1]) as store:
    backup.backup(store, __import__("pathlib").Path(sys.argv[2]))
"""


def test_what_a_killed_backup_left_goes_with_the_next(tmp_path: Path) -> None:
    source, copy = tmp_path / "shoal.db", tmp_path / "copies" / "copy.db"
    with open_store(source) as store:
        finished(store)
        for _ in range(2):
            died = subprocess.run([sys.executable, "-c", KILLED_BACKUP, source, copy], check=False)
            assert died.returncode == -signal.SIGKILL
            (left,) = copy.parent.iterdir()
            assert left.is_dir()

        backup(store, copy)
        assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]


def test_a_copy_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        open_store(tmp_path / "shoal.db") as store,
        pytest.raises(StoreError, match="cannot be written: Not a directory"),
    ):
        backup(store, tmp_path / "file" / "copy.db")


# --- larger budgets ---------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [{"generations": 5}, {"evaluations": 20}])
def test_a_finished_run_goes_on_to_what_a_longer_one_would_have_been(
    store: Store, budget: dict[str, int]
) -> None:
    short = {"generations": 3} if "generations" in budget else {"generations": 9, "evaluations": 10}
    run_id = finished(store, SETTINGS.model_copy(update=short))
    kept = store.evaluations(run_id)
    view = store.resume(run_id, budget)

    assert (view.state, view.result_hash, view.ended) == ("queued", None, None)
    assert drive(store, run_id) == "finished"

    longer = finished(store, SETTINGS.model_copy(update={**short, **budget}))
    assert store.run(run_id).result_hash == store.run(longer).result_hash
    assert store.evaluations(run_id)[: len(kept)] == kept
    assert len(store.generations(run_id)) == len(store.generations(longer))


def test_a_budget_has_to_be_larger_and_nobody_at_work(store: Store) -> None:
    run_id = finished(store)
    before = store.run(run_id)
    for budgets, message in (
        ({"generations": 3}, r"generations=3 is no more.*more than 3"),
        ({"evaluations": 99}, "no limit of evaluations"),
        ({"population": 99}, "no budget"),
        ({"generations": 10**9}, "generations"),
    ):
        with pytest.raises(SettingsError, match=message):
            store.resume(run_id, budgets)

    assert store.run(run_id) == before

    other, _ = store.add_run(DATA, SETTINGS)
    assert store.claim(Owner.here(), other)

    with pytest.raises(RunStateError, match=r"running.*pause"):
        store.extend(other, {"generations": 9})


def test_a_stopped_run_goes_on_with_more_by_the_same_word(store: Store) -> None:
    run_id, _ = store.add_run(DATA, SETTINGS)
    store.command(run_id, "stop")
    assert store.resume(run_id, {"generations": 4}).state == "queued"
    assert drive(store, run_id) == "finished"
    assert store.run(run_id).generations == 4


# --- the doctor -------------------------------------------------------------------------------


def findings(store: Store) -> dict[str, diagnostics.Check]:
    return {check.name: check for check in diagnostics.examine(store.raw_url)}


def test_a_healthy_store(store: Store) -> None:
    finished(store)
    found = findings(store)
    assert {"versions", "SQLite", "kernels", "store", "clock", "tables", "runs"} <= set(found)
    assert {name for name, check in found.items() if check.status == "bad"} == set()
    if store.path is not None:
        assert {"disk", "journal", "integrity"} <= set(found)


def test_a_stale_run_a_damaged_table_and_a_damaged_file_are_seen(tmp_path: Path) -> None:
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(DATA, SETTINGS)
        gone = replace(Owner.here(), pid=2**22 + 1)
        assert store.claim(gone, run_id)
        assert findings(store)["runs"].remedy.startswith(f"shoal resume {run_id}")
        store.write(lambda c: c.execute(sa.update(t.dataset).values(parquet=b"x")))
        assert findings(store)["tables"].status == "bad"

    file = tmp_path / "shoal.db"
    with sqlite3.connect(file) as raw:
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        size = raw.execute("PRAGMA page_size").fetchone()[0]

    content = bytearray(file.read_bytes())
    content[size * (pages - 2) : size * (pages - 1)] = b"\xff" * size
    file.write_bytes(content)

    assert any(c.status == "bad" for c in diagnostics.examine(str(file)))


def test_the_file_of_a_busy_store_is_not_examined_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnostics, "WAL_IS_SAFE", False)
    with open_store(tmp_path / "shoal.db") as store:
        finished(store)
        store.register_supervisor(Owner.here(), None)
        assert findings(store)["integrity"].status == "good"

        # Nothing is quick enough.
        monkeypatch.setattr(diagnostics, "_integrity", lambda connection, seconds: None)
        found = findings(store)["integrity"]
        assert found.status == "look"
        assert "longer than 3 s" in found.finding
        assert "shoal backup" in found.remedy


def test_an_examination_that_takes_too_long_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum(x) FROM n"
    monkeypatch.setattr(diagnostics, "text", lambda _: sa.text(endless))
    with open_store(tmp_path / "shoal.db") as store:
        assert store.read(partial(diagnostics._integrity, seconds=0.05)) is None
        assert store.runs() == [], "the store is none the worse"


def test_what_cannot_be_opened_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("no database")
    (check,) = [c for c in diagnostics.examine(str(tmp_path / "other.db")) if c.name == "store"]
    assert check.status == "bad"
    assert check.remedy
    (check,) = [c for c in diagnostics.examine(str(tmp_path / "none.db")) if c.name == "store"]
    assert check.status == "good"
    assert not (tmp_path / "none.db").exists()


# --- as a user types them ---------------------------------------------------------------------


def test_the_commands(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    with open_store(store) as opened:
        finished(opened)
    done = shoal("backup", str(tmp_path / "copy.db"), "--json", store=store)

    assert (done.returncode, last_json(done.stdout)["runs"]) == (0, 1)

    done = shoal("restore", str(tmp_path / "copy.db"), "--json", store=tmp_path / "new.db")
    assert (done.returncode, last_json(done.stdout)["runs"]) == (0, 1)

    done = shoal("restore", str(tmp_path / "copy.db"), store=tmp_path / "new.db")
    assert done.returncode == 2

    done = shoal("doctor", "--json", store=store)
    assert done.returncode == 0
    assert {c["status"] for c in json.loads(done.stdout)["checks"]} <= {"good", "look"}

    done = shoal("resume", "1", "--generations", "4", "--detach", "--json", store=store)
    assert (done.returncode, last_json(done.stdout)["state"]) == (0, "queued")

    done = shoal("doctor", store=tmp_path / "copy.db")
    assert "integrity" in done.stdout

    (tmp_path / "bad.db").write_text("no database")
    assert shoal("doctor", store=tmp_path / "bad.db").returncode == 1
