"""Weeks of work in bounded memory and bounded files.

These are workers, the search, the log, and SQLite's write-ahead log.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shoal.data import load_dataset
from shoal.executors import LocalExecutor, Outcome, local
from shoal.orchestration.runner import Runner
from shoal.problems.evaluation import Evaluation
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, connection, open_store
from shoal.system import shared_log
from shoal.system.shared_log import SharedLog
from shoal.tuning.search import Search
from support import other_systems
from support.fakes import InlineExecutor
from support.processes import eventually

PROBLEM = TableProblem(
    load_dataset("concrete", preset="classic"), SearchSettings(preset="classic", engine="reference")
)


# ---- Workers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keep:
    """A job that keeps so many bytes for ever, and gives back its process."""

    size: int

    def run(self, problem: TableProblem, engine: Any) -> int:
        sys.modules[__name__].__dict__.setdefault("_kept", []).append(b"x" * self.size)
        return os.getpid()


def pids(executor: LocalExecutor, jobs: int, size: int) -> list[int]:
    for _ in range(jobs):
        executor.submit(Keep(size))
    outcomes: list[Outcome] = []
    eventually(lambda: outcomes.extend(executor.poll(0.5)) or len(outcomes) == jobs)
    assert [o.error for o in outcomes] == [None] * jobs
    return [o.result for o in outcomes]


def test_workers_are_replaced_after_so_many_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "WORN_JOBS", 5)
    with LocalExecutor(PROBLEM, 1) as executor:
        done = pids(executor, 14, 0)
    assert 2 <= len(set(done)) <= 3
    assert max(done.count(pid) for pid in set(done)) <= 5 + executor.capacity


def test_workers_that_grow_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "WORN_BYTES", 50_000_000)
    with LocalExecutor(PROBLEM, 1) as executor:
        assert len(set(pids(executor, 6, 1000))) == 1
        assert len(set(pids(executor, 6, 30_000_000))) > 1


# ---- The supervisor ------------------------------------------------------------------------------


class Pickling(InlineExecutor):
    """Returns copies of what it was given, as processes do, with curves of the usual length."""

    def poll(self, timeout: float) -> list[Outcome]:
        curve = tuple((8 * n, 1.0 / (n + 1)) for n in range(64))
        outcomes = super().poll(timeout)
        return [
            replace(o, result=pickle.loads(pickle.dumps(replace(o.result, curve=curve))))
            if isinstance(o.result, Evaluation)
            else o
            for o in outcomes
        ]


def test_a_run_keeps_little_of_each_training_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches: set[Search] = set()
    tell = Search.tell
    monkeypatch.setattr(
        Search, "tell", lambda search, told: searches.add(search) or tell(search, told)
    )
    settings = SearchSettings(
        preset="classic", population=10, generations=8, repeats=3, iterations=7
    )

    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(PROBLEM.dataset, settings)
        claim = store.claim(Owner.here(), run_id)
        assert claim
        assert Runner(store, claim, make_executor=Pickling).drive() == "finished"
        assert all(len(e.curve) == 64 for e in store.evaluations(run_id)), "the store has all of it"

    (search,) = searches
    count = len(search.evaluations)
    assert count > 150

    print(count, len(pickle.dumps(search)) / count)
    # Pickled, as that counts once what is shared: 220 bytes. Its curve would be 866 more, a genome
    # of its own 130.
    assert len(pickle.dumps(search)) / count < 240


# ---- Files ---------------------------------------------------------------------------------------


def line(number: int) -> logging.LogRecord:
    return logging.LogRecord("shoal", logging.INFO, "", 0, f"line {number:06}", None, None)


def lines(folder: Path) -> list[str]:
    return [line for path in folder.glob("shoal.log*") for line in path.read_text().splitlines()]


def test_processes_that_share_a_log_follow_into_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "shoal.log"
    first, second = SharedLog(path, limit=120, kept=2), SharedLog(path, limit=120, kept=2)
    for number in range(11):
        first.emit(line(number))
    second.emit(line(11))

    assert path.read_text().splitlines() == ["line 000010", "line 000011"]

    for number in range(12, 100):
        (first, second)[number % 2].emit(line(number))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "shoal.log",
        "shoal.log.1",
        "shoal.log.2",
    ]
    assert sorted(lines(tmp_path)) == [f"line {number:06}" for number in range(70, 100)]

    path.unlink()
    first.emit(line(100))
    assert path.read_text() == "line 000100\n"

    first.close()
    second.close()


def test_a_log_that_two_find_full_is_moved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shoal.log"
    first, second = SharedLog(path, limit=120), SharedLog(path, limit=120)
    for number in range(10):
        first.emit(line(number))
    alone = shared_log.alone_in

    @contextmanager
    def late(folder: Path) -> Iterator[None]:
        monkeypatch.setattr(shared_log, "alone_in", alone)
        second.emit(line(10))
        with alone(folder):
            yield

    monkeypatch.setattr(shared_log, "alone_in", late)
    first.emit(line(11))
    assert path.read_text().splitlines() == ["line 000010", "line 000011"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["shoal.log", "shoal.log.1"]
    first.close()
    second.close()


WRITER = """
import logging, sys
from pathlib import Path
from shoal.system.shared_log import SharedLog
log = SharedLog(Path(sys.argv[1]), limit=2_000, kept=1_000)
print("ready", flush=True)
sys.stdin.readline()
for number in range(2_000):
    log.emit(logging.LogRecord("shoal", logging.INFO, "", 0, f"{sys.argv[2]} {number}", None, None))
"""


def test_processes_that_share_a_log_lose_no_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "shoal.log")]
    writers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline() == "ready\n"

    for writer in writers:
        writer.communicate("go\n")
        assert writer.returncode == 0

    assert sorted(lines(tmp_path)) == sorted(
        f"{name} {number}" for name in "abc" for number in range(2_000)
    )

    sizes = [path.stat().st_size for path in tmp_path.glob("shoal.log.*")]
    assert min(sizes) >= 2_000, "no file was moved before it was full"


@pytest.fixture
def wal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write-ahead log, whatever version SQLite has here.

    With one process and no crash, the race of old versions does not come.
    """
    monkeypatch.setattr(connection, "WAL_IS_SAFE", True)
    monkeypatch.setattr(connection, "LOG_BYTES", 100_000)


@pytest.mark.usefixtures("wal")
def test_the_write_ahead_log_is_emptied_although_there_are_always_readers(tmp_path: Path) -> None:
    file = tmp_path / "shoal.db"
    log = file.with_name("shoal.db-wal")
    with open_store(file) as store:
        run_id, _ = store.add_run(PROBLEM.dataset, PROBLEM.settings)
        claim = store.claim(Owner.here(), run_id)
        assert claim
        before = len(store.events())
        readers = [store._database._reader.connect() for _ in range(2)]
        for number in range(20):  # one begins to read before the other ends
            readers[number % 2].rollback()
            readers[number % 2].execute(sa.text("SELECT count(*) FROM event"))
            for _ in range(10):
                store.event("x" * 1_000)
        assert log.stat().st_size > 500_000, "SQLite alone does not find its moment"
        store.heartbeat(claim, 1.0)
        assert log.stat().st_size > 500_000, "a long reader is not waited for"
        for reader in readers:
            reader.close()
        store.heartbeat(claim, 2.0)
        assert log.stat().st_size < 10_000
        assert len(store.events(limit=1_000)) == before + 200, "nothing is lost"
        assert (
            store.read(lambda c: c.execute(sa.text("PRAGMA journal_size_limit")).scalar())
            == 100_000
        )


# On Windows, where another process that has the log open keeps it from being moved.
WRITE_ON_WINDOWS = """
import logging, sys
from pathlib import Path
from shoal.system.shared_log import SharedLog
path = Path(sys.argv[1])
first, second = SharedLog(path, limit=40, kept=9), SharedLog(path, limit=40, kept=9)
for number in range(40):
    if number == 20:
        second.close()
    text = f"line {number:2}"
    first.emit(logging.LogRecord("shoal", logging.INFO, "", 0, text, (), None))
"""


def test_a_log_that_cannot_be_moved_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "shoal.log"
    done = subprocess.run(
        [sys.executable, "-c", WRITE_ON_WINDOWS, path],
        env={**os.environ, **other_systems.environment("windows")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr

    old = [path.with_name(f"{path.name}.{number}") for number in range(9, 0, -1)]
    parts = [file.read_text().splitlines() for file in [*old, path] if file.exists()]
    assert [line for part in parts for line in part] == [f"line {number:2}" for number in range(40)]
    # While it was open it grew, and then it was moved.
    assert [len(part) for part in parts] == [20, 5, 5, 5, 5]
