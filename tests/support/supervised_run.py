"""A run in a store of its own, and the supervisor processes that come and go."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import sqlalchemy as sa

from shoal.analysis.progress import PHASE, RunPhase
from shoal.analysis.summary import load_champion
from shoal.data import Dataset, load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import LEASE_SECONDS, open_store
from shoal.store import tables as t
from shoal.system import child
from shoal.system.child import Entry
from support.processes import alive, environment, eventually

SETTINGS = SearchSettings(
    preset="classic", population=4, generations=3, iterations=100, repeats=2, workers=2
)
# With everything that comes after a search: confirmation, champion and baselines.
ALL_PHASES = SearchSettings(
    population=4,
    generations=2,
    repeats=1,
    max_repeats=2,
    iterations=60,
    finalists=2,
    confirmations=3,
    networks=3,
    workers=2,
)
_FAULTY = str(Path(__file__).with_name("faulty_supervisor.py"))


def stands_still(process: subprocess.Popen[bytes]) -> bool:
    """Whether it was sent SIGSTOP, and no SIGCONT since."""
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"


@dataclass(frozen=True)
class Undisturbed:
    """What became of a run that nobody disturbed.

    ``pace``: seconds an evaluation. ``phases``: how many seconds each phase took, of those that are
    recorded.
    """

    result_hash: str
    evaluations: int
    pace: float
    commits: int
    weights: bytes
    phases: Mapping[RunPhase, float]
    settings: SearchSettings
    data: Dataset
    # An SQLite store with such a run, queued.
    template: Path


@dataclass
class Scene:
    """Run 1 of the store at ``url``; ``home`` is an empty directory of its own. Close it.

    It is a search of ``data`` (concrete) by ``settings``, or the one in a ``template``, which only
    SQLite copies.
    """

    url: str
    home: Path
    settings: SearchSettings = SETTINGS
    data: Dataset | None = None
    template: Path | None = None
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    # What each supervisor that went on asked for, and what was recorded before.
    resumes: list[tuple[Path, set[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.template is not None and "://" not in self.url:
            shutil.copy(self.template, self.url)
        self.store = open_store(self.url)
        if not self.store.runs():
            self.store.add_run(self.data or concrete(), self.settings)

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(self.processes())
        for process in self.started:
            process.wait()
        self.store.close()

    def supervise(
        self,
        *faults: str,
        prefix: Sequence[str] = (),
        arguments: Sequence[str] = ("--scope", "1"),
    ) -> subprocess.Popen[bytes]:
        """A supervisor of this run, which ends with it.

        ``faults`` are arguments of `faulty_supervisor`, ``arguments`` those of a supervisor.
        """
        if faults:
            program = [sys.executable, _FAULTY, *faults, "--", *arguments]
        else:
            program = child.command(Entry.SUPERVISOR, *arguments, detached=True)

        process = subprocess.Popen(
            [*prefix, *program],
            env=environment(self.url, self.home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def processes(self) -> list[int]:
        """All of this scene that live, whoever their parent is by now."""
        mark = f"XDG_DATA_HOME={self.home}".encode()
        pids = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            with contextlib.suppress(OSError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                pid = int(entry.name)
                if mark in variables and alive(pid):
                    pids.append(pid)

        return pids

    @staticmethod
    def kill(pids: list[int]) -> None:
        """With SIGKILL, at once."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def asleep(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """It stands still, between two transactions: in one, it would hold its locks."""

        def stopped() -> bool:
            process.send_signal(signal.SIGSTOP)
            eventually(lambda: stands_still(process))
            if not self._is_free():
                process.send_signal(signal.SIGCONT)
                return False
            return True

        # It falls asleep by itself first: after another sleep it would do so again.
        if "--rest" in cast("list[str]", process.args):
            eventually(lambda: stands_still(process))
        eventually(stopped)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def _is_free(self) -> bool:
        """Whether nobody holds the run's row, or the file."""
        try:
            if self.store.path is not None:
                with contextlib.closing(sqlite3.connect(self.store.path, timeout=0)) as raw:
                    raw.execute("BEGIN EXCLUSIVE")
            else:
                with self.store._database.engine.begin() as connection:
                    connection.execute(sa.select(t.run.c.id).with_for_update(nowait=True))
        except (sqlite3.OperationalError, sa.exc.OperationalError):
            return False

        return True

    def trained(self, count: int) -> None:
        """Wait for so many recorded evaluations."""
        eventually(lambda: self.store.run(1).evaluations >= count)

    def rows(self) -> list[tuple[Any, ...]]:
        """The evaluations as they are recorded, with number, worker and time, in their order."""
        query = sa.select(t.evaluation).order_by(t.evaluation.c.id)
        return [tuple(map(repr, row)) for row in self.store.read(lambda c: c.execute(query).all())]

    def phase(self) -> RunPhase | None:
        """What its supervisor was doing when it last said so."""
        recorded = self.store.artifact(1, PHASE)
        return None if recorded is None else RunPhase(json.loads(recorded)["phase"])

    def weights(self) -> bytes:
        """Of the champion's networks."""
        champion = load_champion(self.store, self.store.run(1))
        assert champion is not None
        return champion.weights.tobytes()

    def expire(self) -> None:
        """Make the last heartbeat older than the lease, by the database's own clock."""
        late = sa.update(t.run).values(heartbeat=t.run.c.heartbeat - LEASE_SECONDS - 1)
        self.store.write(lambda c: c.execute(late))

    def log(self) -> str:
        """What its supervisors have written."""
        file = self.home / "shoal" / "supervisor.log"
        return file.read_text() if file.exists() else ""

    def gone(self) -> None:
        """Wait until no process is left."""
        eventually(lambda: not self.processes())

    def resumed(self) -> float:
        """Have a new supervisor go on with an interrupted run; seconds to its first evaluation."""
        before, asked = self.store.run(1), self.home / f"asked-{len(self.started)}"
        self.resumes.append((asked, {str(e.task.id) for e in self.store.evaluations(1)}))
        begun = time.monotonic()
        self.supervise("--asked", str(asked))

        def goes_on() -> bool:
            run = self.store.run(1)
            return run.epoch > before.epoch and (
                run.evaluations > before.evaluations or run.state == "finished"
            )

        eventually(goes_on)
        return time.monotonic() - begun

    def ended_as(self, undisturbed: Undisturbed, kept: list[tuple[Any, ...]]) -> None:
        """The run finishes as undisturbed; ``kept`` is still there, and nothing was redone."""
        eventually(lambda: self.store.run(1).state == "finished")
        self.gone()
        run, rows = self.store.run(1), self.rows()

        assert run.result_hash == undisturbed.result_hash
        assert rows[: len(kept)] == kept
        assert (
            len(rows)
            == len({e.task.id for e in self.store.evaluations(1)})
            == undisturbed.evaluations
        )
        assert run.evaluations == undisturbed.evaluations
        assert self.weights() == undisturbed.weights

        for asked, known in self.resumes:
            again = known & set(asked.read_text().splitlines()) if asked.exists() else set()
            assert not again, f"recorded, and asked for again: {sorted(again)}"

        self.sound()

    def sound(self) -> None:
        """Every page of an SQLite file is whole; PostgreSQL has no such question."""
        if self.store.path:
            check = sa.text("PRAGMA integrity_check")
            assert self.store.read(lambda c: c.scalars(check).all()) == ["ok"]


def concrete() -> Dataset:
    """The table of `SETTINGS`."""
    return load_dataset("concrete", preset="classic")


def small_table() -> Dataset:
    """A table on which all phases of a search take seconds."""
    number = np.arange(120.0)
    columns = {"size": number % 11, "age": number % 7, "sold": np.sin(number) + number % 5}
    return load_dataset(pd.DataFrame(columns), target="sold")


def undisturbed(
    folder: Path, settings: SearchSettings = SETTINGS, data: Dataset | None = None
) -> Undisturbed:
    """Let a run come to its end in peace."""
    template, commits = folder / "queued.db", folder / "commits"
    data = data or concrete()
    with open_store(template) as store:
        store.add_run(data, settings)
    with Scene(str(folder / "whole.db"), folder / "whole", template=template) as scene:
        supervisor = scene.supervise("--commits", str(commits))
        phases = _phases(scene)
        supervisor.wait()
        run = scene.store.run(1)
        assert run.state == "finished", scene.log()
        assert run.result_hash
        return Undisturbed(
            run.result_hash,
            run.evaluations,
            run.seconds / run.evaluations,
            int(commits.read_text()),
            scene.weights(),
            phases,
            settings,
            data,
            template,
        )


def _phases(scene: Scene) -> dict[RunPhase, float]:
    """Wait for the end of a run; return how many seconds each of its phases took."""
    begun: dict[RunPhase, float] = {}

    def is_over() -> bool:
        phase = scene.phase()
        if phase is not None:
            begun.setdefault(phase, time.monotonic())
        return scene.store.run(1).state in ("finished", "failed")

    eventually(is_over)
    ends = [*list(begun.values())[1:], time.monotonic()]
    return {phase: end - start for (phase, start), end in zip(begun.items(), ends, strict=True)}
