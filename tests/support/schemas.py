"""A small store in each schema that was ever released.

`tests/golden/schemas/REVISION.sql` holds what that version had written. `make schema` writes the
file of the present schema, once, when a migration is new; the files of earlier schemas are never
written again. Tests only read.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select, update

from shoal.data import load_dataset
from shoal.executors import Job, Outcome
from shoal.orchestration.runner import Runner
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.store.tables import REVISION, metadata, now
from support.fakes import InlineExecutor
from support.locations import TESTS

FOLDER = TESTS / "golden" / "schemas"
# Runs. The first two are of the same search.
FINISHED = 1
INTERRUPTED = 2
PAUSED = 3
SETTINGS = SearchSettings(
    population=3, generations=3, repeats=1, max_repeats=2, iterations=5, max_width=4, patience=4
)


class Training(InlineExecutor):
    """Trains, in this process."""

    def __init__(self, problem: TableProblem, workers: int | None = None, **options: Any) -> None:
        super().__init__(problem, workers, **options)
        self.engine = get_engine(problem.settings.engine)

    def poll(self, timeout: float) -> list[Outcome]:
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            self.on_job(job)
        return [
            Outcome(job, job.run(self.problem, self.engine), worker="elsewhere:7") for job in jobs
        ]


def table() -> pd.DataFrame:
    """Twenty rows with a category, a gap and a text that needs quotes."""
    numbers = random.Random(0)
    rows = [
        {
            "size": numbers.randint(1, 99) / 4,
            "kind": numbers.choice(["a'b", 'c"d', "é"]),
            "price": numbers.randint(1, 50),
        }
        for _ in range(20)
    ]
    return pd.DataFrame(rows).assign(gap=[None, *range(19)])


def drive(store: Store, run_id: int, jobs: int | None = None) -> str:
    """Claim and drive a run; die in the last of so many jobs."""
    claim = store.claim(Owner("elsewhere", 7, "token"), run_id)
    assert claim
    done: list[Job] = []

    def one_more(job: Job) -> None:
        done.append(job)
        if len(done) == jobs:
            raise KeyboardInterrupt

    return Runner(store, claim, make_executor=lambda p, n: Training(p, n, on_job=one_more)).drive()


def fill(store: Store) -> None:
    """A finished run, one whose owner died in the midst of it, a paused one, and other content."""
    data = load_dataset(table(), "price")
    for _ in range(3):
        store.add_run(data, SETTINGS, name="prices'; --")
    assert drive(store, FINISHED) == "finished"

    with suppress(KeyboardInterrupt):
        drive(store, INTERRUPTED, jobs=5)
    store.announce_viewer(INTERRUPTED)
    store.command(PAUSED, "pause", key="a key")
    store.event("A word.", "warning")
    store.register_supervisor(Owner("elsewhere", 7, "token"))


def age(store: Store) -> None:
    """Move all times to the beginning of 2025: then every lease has ended, by any clock."""

    def shift(connection: Connection) -> None:
        past = (connection.scalar(select(now())) or 0.0) - 1_735_700_000
        times = {"created", "started", "ended", "heartbeat", "applied", "due", "updated", "watched"}
        for table in metadata.sorted_tables:
            for name in times & set(table.c.keys()):
                connection.execute(update(table).values({name: table.c[name] - past}))

    store.write(shift)


def main() -> None:
    """The script."""
    file = FOLDER / f"{REVISION}.sql"
    if file.exists():
        raise SystemExit(
            f"{file.name} is there: what was released does not change. "
            "A new schema needs a new revision."
        )

    with tempfile.TemporaryDirectory() as folder:
        with open_store(Path(folder) / "shoal.db") as store:
            fill(store)
            age(store)
        raw = sqlite3.connect(Path(folder) / "shoal.db")
        file.write_text("\n".join(raw.iterdump()) + "\n")
        raw.close()


if __name__ == "__main__":
    main()
