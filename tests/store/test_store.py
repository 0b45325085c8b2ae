"""The store's contract, on SQLite and on a real PostgreSQL; then what only one of them has."""

from __future__ import annotations

import math
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shoal.data import DataOptions, Dataset, prepare
from shoal.errors import (
    NotOwnerError,
    RunNotFoundError,
    RunStateError,
    SettingsError,
    StoreError,
)
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task, result_hash
from shoal.settings.search_settings import SearchSettings
from shoal.store import (
    EVALUATION_COLUMNS,
    LEASE_SECONDS,
    Claim,
    Owner,
    RunningTraining,
    Store,
    default_path,
    open_store,
    records,
)
from shoal.store import connection as store_connection
from shoal.store import results as results_module
from shoal.store import tables as t
from shoal.store.address import parse_url
from shoal.store.column_types import Number
from shoal.store.records import TrainingTime
from support.property_tests import WITH_FIXTURES
from support.records import evaluation, summary

SETTINGS = SearchSettings(
    generations=3, seed=2**63 - 1, bounds={"jump_size": (0.1, 0.30000000000000004)}
)
NUMBERS = [c for table in t.metadata.sorted_tables for c in table.c if isinstance(c.type, Number)]
ODD_FLOATS = (
    -0.0,
    math.nan,
    math.inf,
    -math.inf,
    5e-324,
    -2.2e-308,
    sys.float_info.max,
    2.0**53 + 2,
)
# Of another host: only the lease can tell that it is dead.
ELSEWHERE = Owner("elsewhere", 1, "token")
HERE = Owner.here()
# A process id that no system gives.
GONE = 4_194_400


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": random.normal(size=40), "b": random.normal(size=40), "y": random.normal(size=40) + 9}
    )
    return prepare("tiny", frame, DataOptions(target="y"))


def table_rows(store: Store, table: sa.Table) -> int:
    return store._database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(table)))


def everything(store: Store) -> list[Any]:
    """All rows of all tables: to see that nothing was written."""
    content = []
    for table in t.metadata.sorted_tables:
        rows = store._database.read(lambda c, table=table: c.execute(sa.select(table)).all())
        content.append(sorted(map(repr, rows)))
    return content


def expire(store: Store, run_id: int) -> None:
    """Make the last heartbeat older than the lease, by the database's own clock."""
    late = (
        sa.update(t.run)
        .where(t.run.c.id == run_id)
        .values(heartbeat=t.run.c.heartbeat - LEASE_SECONDS - 1)
    )
    store._database.write(lambda c: c.execute(late))


def add(store: Store, dataset: Dataset, state: str = "queued") -> int:
    """A run in that (shown) state; "running" is held by ELSEWHERE."""
    run_id, created = store.add_run(dataset, SETTINGS)
    assert created

    if state in ("paused", "stopped"):
        store.command(run_id, "pause" if state == "paused" else "stop")
    elif state != "queued":
        claim = store.claim(ELSEWHERE, run_id)
        assert claim
        if state == "interrupted":
            expire(store, run_id)
        elif state != "running":
            store.finish(claim, state, seconds=1.0)  # type: ignore[arg-type]

    assert store.run(run_id).state == state

    return run_id


def held(store: Store, dataset: Dataset) -> Claim:
    claim = store.claim(ELSEWHERE, add(store, dataset))
    assert claim
    return claim


WRITES: dict[str, Callable[[Store, Claim], Any]] = {
    "beat": lambda store, claim: store.heartbeat(claim, 99.0),
    "record": lambda store, claim: store.record(claim, [evaluation(1)], [summary(1)], 99.0),
    "finish": lambda store, claim: store.finish(claim, "finished", seconds=99.0),
    "release": lambda store, claim: store.release(claim, 99.0),
    "save_artifact": lambda store, claim: store.save_artifact(claim, "weights", b"x"),
    "note_live": lambda store, claim: store.note_live(
        claim, [RunningTraining(Genome(), 0, 1, 0, "search")]
    ),
}


def with_odd_floats(test: Any) -> Any:
    """Each of `ODD_FLOATS` as an example of a property's ``value``."""
    for value in ODD_FLOATS:
        test = example(value=value)(test)
    return test


@pytest.fixture
def full_store(store: Store, tiny: Dataset) -> Store:
    """A store with exactly one row in every table."""
    claim = held(store, tiny)
    store.register_supervisor(ELSEWHERE)
    for name in ("record", "save_artifact", "note_live"):
        WRITES[name](store, claim)

    notice = {"run_id": claim.run_id, "key": "k", "content": {}, "due": 1.0}
    store.write(lambda c: c.execute(sa.insert(t.notice).values(notice)))

    first = sa.select(sa.func.min(t.event.c.id)).scalar_subquery()
    store.write(lambda c: c.execute(sa.delete(t.event).where(t.event.c.id > first)))
    assert {table.name: table_rows(store, table) for table in t.metadata.sorted_tables} == {
        table.name: 1 for table in t.metadata.sorted_tables
    }
    return store


class TestContract:
    """What every store promises."""

    def test_life_of_a_run(self, store: Store, tiny: Dataset) -> None:
        run_id, created = store.add_run(tiny, SETTINGS, name="my \0 search")
        assert created
        view = store.run(str(run_id))
        assert (view.state, view.name, view.dataset, view.epoch) == (
            "queued",
            "my � search",
            "tiny",
            0,
        )
        assert view.settings == SETTINGS
        assert view.seed == 2**63 - 1
        assert view.data_options == tiny.options.to_dict()
        assert (view.started, view.ended, view.owner, view.pending) == (None, None, None, ())

        claim = store.claim(Owner.here())
        assert claim
        assert claim.run_id == run_id
        assert claim.epoch == 1
        assert store.run(run_id).state == "running"
        assert store.claim(Owner.here()) is None
        assert store.heartbeat(claim, 1.5) == ()
        store.record(claim, [evaluation(1), evaluation(2)], [summary(1)], 2.5)
        store.save_artifact(claim, "weights", b"\0old")
        store.save_artifact(claim, "weights", b"\0new")
        store.finish(claim, "finished", seconds=3.5, result_hash="abc")

        view = store.run(run_id)
        assert (view.state, view.owner, view.heartbeat_age, view.result_hash) == (
            "finished",
            None,
            None,
            "abc",
        )
        assert (view.generations, view.evaluations, view.iterations, view.seconds) == (
            1,
            2,
            14,
            3.5,
        )
        assert (view.best_accuracy, view.best_repeats, view.avg_accuracy) == (91.0, 3, 89.0)
        assert view.ended is not None
        assert view.created <= (view.started or 0) <= view.ended
        assert store.evaluations(run_id) == [evaluation(1), evaluation(2)]
        assert [e.curve for e in store.evaluations(run_id, curves=False)] == [(), ()]
        (record,) = store.generations(run_id)
        assert (record.summary, record.seconds) == (summary(1), 2.5)
        assert store.artifact(run_id, "weights") == b"\0new"
        assert store.artifact(run_id, "other") is None
        assert store.events(run_id)[0].text == "Finished."
        assert [r.id for r in store.runs()] == [run_id]

    def test_problem_is_rebuilt_from_the_stored_bytes(self, store: Store, tiny: Dataset) -> None:
        problem = store.load_problem(add(store, tiny))
        assert problem.settings == SETTINGS
        dataset = problem.dataset
        assert dataset.options == tiny.options
        assert dataset.name == "tiny"
        pd.testing.assert_frame_equal(dataset.source, tiny.source)
        assert dataset.train.x.tobytes() == tiny.train.x.tobytes()

    def test_a_damaged_table_is_not_trained_on(self, store: Store, tiny: Dataset) -> None:
        run_id = add(store, tiny)
        store._database.write(lambda c: c.execute(sa.update(t.dataset).values(parquet=b"PAR1")))
        with pytest.raises(StoreError, match="damaged"):
            store.load_problem(run_id)

    def test_a_loss_that_does_not_fit_is_found_when_the_problem_is_loaded(
        self, store: Store, tiny: Dataset
    ) -> None:
        settings = SETTINGS.model_copy(update={"loss": "cross_entropy"})
        run_id, _ = store.add_run(tiny, settings)
        with pytest.raises(SettingsError, match="cross_entropy"):
            store.load_problem(run_id)
        assert store.run(run_id).settings == settings, "people still see the run"
        assert store.table(run_id).shape == (40, 3)

    def test_unknown_runs_are_named(self, store: Store, tiny: Dataset) -> None:
        known = add(store, tiny)
        for text in ("999", 999, "abc", "", "-1", "1e3", "9" * 40, "²", "1; DROP TABLE run"):
            for ask in (store.run, store.delete, lambda i: store.command(i, "stop")):
                with pytest.raises(RunNotFoundError, match=rf"number, such as {known}"):
                    ask(text)
            assert store.artifact(text, "weights") is None
            assert store.evaluations(text) == []

    # Adding

    def test_same_key_same_run(self, store: Store, tiny: Dataset) -> None:
        first = store.add_run(tiny, SETTINGS, key="click")
        assert store.add_run(tiny, SETTINGS, key="click") == (first[0], False)
        assert store.add_run(tiny, SETTINGS, key="click 2") == (first[0] + 1, True)
        assert (table_rows(store, t.run), table_rows(store, t.dataset)) == (2, 1)
        store.command(first[0], "pause", key="p")
        with pytest.raises(StoreError, match="'p' was used to pause"):
            store.add_run(tiny, SETTINGS, key="p")

    def test_exclusive_starts_nothing_beside_an_active_run(
        self, store: Store, tiny: Dataset
    ) -> None:
        for state in ("paused", "stopped", "finished", "failed"):
            add(store, tiny, state)
        run_id, created = store.add_run(tiny, SETTINGS, exclusive=True)
        assert created
        assert store.add_run(tiny, SETTINGS, exclusive=True) == (run_id, False)

        claim = store.claim(ELSEWHERE, run_id)
        assert store.add_run(tiny, SETTINGS, exclusive=True) == (run_id, False)

        expire(store, run_id)
        assert store.add_run(tiny, SETTINGS, exclusive=True, key="late") == (run_id, False)
        assert claim

        store.finish(claim, "finished", seconds=0.0)
        assert store.add_run(tiny, SETTINGS, exclusive=True, key="late") == (run_id, False)

    @pytest.mark.parametrize("options", [{"exclusive": True}, {"key": "one"}])
    def test_many_starts_at_once_make_one_run(
        self, store: Store, tiny: Dataset, options: dict[str, Any]
    ) -> None:
        barrier = Barrier(8)

        def start(_: int) -> tuple[int, bool]:
            barrier.wait()
            return store.add_run(tiny, SETTINGS, **options)

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(start, range(8)))
        assert sum(created for _, created in results) == 1
        assert len({run_id for run_id, _ in results}) == 1

    # Claims

    def test_one_of_many_claims_wins(self, store: Store, tiny: Dataset) -> None:
        for state in ("queued", "interrupted"):
            run_id, barrier = add(store, tiny, state), Barrier(8)

            def take(_: int, barrier: Barrier = barrier) -> Claim | None:
                barrier.wait()
                return store.claim(Owner.here())

            with ThreadPoolExecutor(8) as pool:
                won = [claim for claim in pool.map(take, range(8)) if claim]
            assert [claim.run_id for claim in won] == [run_id]
            assert store.run(run_id).epoch == won[0].epoch

    def test_claims_in_order_and_only_free_runs(self, store: Store, tiny: Dataset) -> None:
        ids = [
            add(store, tiny, state)
            for state in (
                "running",
                "paused",
                "stopped",
                "finished",
                "failed",
                "queued",
                "interrupted",
                "queued",
            )
        ]
        last = store.claim(ELSEWHERE, ids[7])
        taken = [store.claim(ELSEWHERE) for _ in range(3)]

        assert [c and c.run_id for c in [last, *taken]] == [ids[7], ids[5], ids[6], None]
        assert [store.claim(ELSEWHERE, i) for i in [*ids[:5], 999]] == [None] * 6
        assert taken[1]
        assert taken[1].epoch == 2

    def test_the_lease_decides_about_other_hosts(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        age = store.run(claim.run_id).heartbeat_age
        assert age is not None

        assert -1 < age < LEASE_SECONDS
        assert store.claim(Owner.here()) is None

        expire(store, claim.run_id)
        assert store.run(claim.run_id).state == "interrupted"

        store.heartbeat(claim, 1.0)  # late, but nobody took it over: it still owns the run
        assert store.run(claim.run_id).state == "running"

        expire(store, claim.run_id)
        store.record(claim, [], [], 1.0)
        assert store.claim(Owner.here()) is None

        expire(store, claim.run_id)
        later = store.claim(Owner.here())
        assert later
        assert later.epoch == claim.epoch + 1

    @pytest.mark.parametrize(
        ("owner", "is_free"),
        [
            (replace(HERE, pid=GONE), True),
            (replace(HERE, started=1), True),
            (HERE, False),
            (replace(HERE, started=None), False),
            (Owner(f"{HERE.host_name}+0123456789ab", GONE, "token", 5), False),
            (Owner(HERE.host_name, GONE, "token"), False),
            (Owner("elsewhere", GONE, "token"), False),
        ],
        ids=[
            "a process that is gone",
            "a later process has its id",
            "a live process",
            "a live process, start unknown",
            "another machine of our name",
            "of our name, by an earlier version",
            "another machine",
        ],
    )
    def test_a_process_counts_as_gone_only_on_certainly_this_machine(
        self, store: Store, tiny: Dataset, owner: Owner, is_free: bool
    ) -> None:
        run_id = add(store, tiny, "queued")
        assert store.claim(owner)
        store.register_supervisor(owner)
        later = store.claim(Owner.here(), run_id)
        assert (later is not None) is is_free
        assert (store.supervisors() == []) is is_free

        if later is None:
            expire(store, run_id)
            assert store.claim(Owner.here(), run_id)

    def test_where_machines_are_not_known_the_lease_alone_decides(
        self, store: Store, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(records, "machine_id", lambda: None)
        run_id = add(store, tiny, "queued")
        gone = replace(Owner.here(), pid=GONE)
        assert gone.host == HERE.host_name
        assert store.claim(gone)
        assert store.claim(Owner.here(), run_id) is None
        expire(store, run_id)
        assert store.claim(Owner.here(), run_id)

    def test_a_dead_owner_does_not_live_on_when_the_databases_clock_is_set_back(
        self, store: Store, tiny: Dataset
    ) -> None:
        claim = held(store, tiny)
        hour_ago = sa.update(t.run).values(heartbeat=t.run.c.heartbeat + 3600)
        store.write(lambda c: c.execute(hour_ago))

        assert store.run(claim.run_id).state == "interrupted"

        store.heartbeat(claim, 1.0)  # a live one
        assert store.run(claim.run_id).state == "running"

        store.write(lambda c: c.execute(hour_ago))
        later = store.claim(Owner.here())
        assert later

        with pytest.raises(NotOwnerError):
            store.heartbeat(claim, 1.0)

    @pytest.mark.parametrize(
        "lost", ["taken over", "paused", "resumed", "finished", "released", "deleted", "forged"]
    )
    def test_stale_owner_writes_nothing(self, store: Store, tiny: Dataset, lost: str) -> None:
        claim = held(store, tiny)
        if lost in ("taken over", "paused", "resumed", "deleted"):
            expire(store, claim.run_id)
        match lost:
            case "taken over":
                assert store.claim(ELSEWHERE)  # the same owner, even: only the epoch differs
            case "paused":
                store.command(claim.run_id, "pause")
            case "resumed":
                store.command(claim.run_id, "resume")
            case "deleted":
                store.delete(claim.run_id)
            case "finished":
                store.finish(claim, "finished", seconds=1.0)
            case "released":
                store.release(claim, 1.0)
            case "forged":
                claim = replace(claim, owner=str(Owner.here()))
        before = everything(store)

        for name, write in WRITES.items():
            with pytest.raises(NotOwnerError, match="nothing was written"):
                write(store, claim)
            assert everything(store) == before, name

    def test_release_frees_at_once(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        store.release(claim, 4.5)
        view = store.run(claim.run_id)
        assert (view.state, view.owner, view.seconds) == ("interrupted", None, 4.5)
        later = store.claim(Owner.here())
        assert later
        assert later.epoch == 2

    def test_a_killed_owner_is_dead_at_once(self, store: Store, tiny: Dataset) -> None:
        run_id = add(store, tiny)
        with child(CLAIM, store) as process:
            assert process.stdout
            assert process.stdout.readline().strip() == f"claimed {run_id}"
            assert store.run(run_id).state == "running"
            assert store.claim(Owner.here()) is None
            process.send_signal(signal.SIGKILL)
            # A zombie now, not yet reaped.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            assert store.run(run_id).state == "interrupted"

        claim = store.claim(Owner.here())
        assert claim
        assert claim.run_id == run_id
        assert claim.epoch == 2
        assert store.run(run_id).evaluations == 1
        assert len(store.evaluations(run_id)) == 1

    # Recording

    def test_duplicates_are_ignored_and_counters_exact(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        store.record(
            claim,
            [evaluation(1), evaluation(1, accuracy=1.0), evaluation(1, repeat=1)],
            [summary(1)],
            1.0,
        )
        other = evaluation(1, accuracy=50.0, iterations=1000)
        store.record(
            claim, [other, evaluation(2), other], [summary(1, best=5.0), summary(2, best=95.0)], 2.0
        )
        store.record(claim, [evaluation(2)], [summary(1)], 3.0)

        assert store.evaluations(claim.run_id) == [
            evaluation(1),
            evaluation(1, repeat=1),
            evaluation(2),
        ]

        view = store.run(claim.run_id)
        assert (view.evaluations, view.iterations, view.generations, view.seconds) == (
            3,
            21,
            2,
            3.0,
        )
        assert (view.best_accuracy, view.avg_accuracy) == (95.0, 93.0)
        assert [g.summary for g in store.generations(claim.run_id)] == [
            summary(1),
            summary(2, best=95.0),
        ]

    def test_counters_are_of_one_run(self, store: Store, tiny: Dataset) -> None:
        first, second = held(store, tiny), held(store, tiny)
        for claim, count in ((first, 1), (second, 2), (first, 3)):
            store.record(claim, [evaluation(i, iterations=2**40) for i in range(count)], [], 0.0)
        assert [(r.evaluations, r.iterations) for r in store.runs()] == [(2, 2**41), (3, 3 * 2**40)]

    def test_failed_and_infinite_results(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        failed = evaluation(
            1, status="failed", scores=None, loss=None, curve=(), error="died: \0 \ud800 €"
        )
        odd = evaluation(2, loss=math.inf, curve=((0, math.inf), (1, -0.0)))
        worse = evaluation(3, accuracy=-math.inf)
        store.record(
            claim,
            [failed, odd, worse],
            [replace(summary(1), best_score=None, mean_score=None)],
            0.0,
        )
        read = store.evaluations(claim.run_id)

        assert read == [replace(failed, error="died: � ? €"), odd, worse]
        assert math.copysign(1, read[1].curve[1][1]) == -1
        assert result_hash(read) == result_hash([failed, odd, worse])

        view = store.run(claim.run_id)
        assert (view.generations, view.best_accuracy, view.avg_accuracy) == (1, None, None)

        columns = sa.select(t.evaluation.c.accuracy).order_by(t.evaluation.c.id)
        assert store._database.read(lambda c: c.scalars(columns).all()) == [None, 89.5, -math.inf]

    @settings(max_examples=25, deadline=None, suppress_health_check=WITH_FIXTURES)
    @given(
        values=st.lists(st.floats(), min_size=4, max_size=4),
        weight=st.floats(0, 4, exclude_min=True),
    )
    @example([-0.0] * 4, 1.0)
    @example([math.nan] * 4, 1.0)
    @example([math.inf, -math.inf, math.inf, -math.inf], 1.0)
    @example([5e-324, -5e-324, 2.2e-308, -2.2e-308], 5e-324)
    def test_floats_come_back_to_the_bit(
        self, store: Store, tiny: Dataset, values: list[float], weight: float
    ) -> None:
        a, b, c, d = values
        task = Task(Genome(cognitive_weight=weight, jump_size=weight), 0)
        sent = Evaluation(task, "ok", Scores(Metrics(a, mae=b)), c, 1, 0.5, ((1, d),))
        sent_summary = replace(summary(1), best=task.genome, best_score=a, mean_score=b)

        claim = held(store, tiny)
        store.record(claim, [sent], [sent_summary], 0.5)

        (read,) = store.evaluations(claim.run_id)
        assert repr(read) == repr(sent)
        assert repr(read.curve) == repr(sent.curve)
        assert read.task.id == sent.task.id
        assert result_hash([read]) == result_hash([sent])

        (record,) = store.generations(claim.run_id)
        # The words of a float have all of its bits, and NaN is NaN.
        assert repr(astuple(record.summary)) == repr(astuple(sent_summary))
        view = store.run(claim.run_id)
        assert repr((view.best_accuracy, view.avg_accuracy)) == repr((a, b))

        (row,) = store.evaluation_rows(claim.run_id)
        columns = dict(zip(EVALUATION_COLUMNS, row, strict=True))
        assert repr((columns["accuracy"], columns["loss"])) == repr((a, c))

    @pytest.mark.parametrize("best", [-math.inf, math.nan])
    def test_a_webhook_is_told_nothing_that_json_cannot_hold(
        self, store: Store, tiny: Dataset, best: float
    ) -> None:
        claim = held(store, tiny)
        store.record(claim, [], [summary(1, best=best)], 1.0)
        store.finish(claim, "finished", seconds=1.0)
        notice = store.lease_message()
        assert notice
        assert notice.content["best_accuracy"] is None

    def test_every_float_column_is_exact(self) -> None:
        inexact = [
            str(c)
            for table in t.metadata.sorted_tables
            for c in table.c
            if isinstance(c.type, sa.Float)
        ]
        assert inexact == []
        assert len(NUMBERS) > 20

    @settings(max_examples=50, deadline=None, suppress_health_check=WITH_FIXTURES)
    @given(value=st.floats())
    @with_odd_floats
    def test_every_float_column_keeps_every_bit(self, full_store: Store, value: float) -> None:
        kept = [c for c in NUMBERS if math.isfinite(value) or not c.type.finite]

        def write(connection: sa.Connection) -> None:
            for column in kept:
                connection.execute(sa.update(column.table).values({column: value}))

        full_store.write(write)

        for column in kept:
            read = full_store.read(lambda c, column=column: c.scalars(sa.select(column)).all())
            assert [repr(number) for number in read] == [repr(value)], column

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_times_are_finite(self, full_store: Store, value: float) -> None:
        before = everything(full_store)
        for column in (c for c in NUMBERS if c.type.finite):
            update = sa.update(column.table).values({column: value})
            with pytest.raises(sa.exc.StatementError, match=f"{value} is not a finite number"):
                full_store.write(lambda c, update=update: c.execute(update))
        assert everything(full_store) == before

    def test_many_evaluations_are_read_in_pages(
        self, store: Store, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(results_module, "_PAGE", 4)
        claim = held(store, tiny)
        for count in (0, 3, 4, 8, 9):
            sent = [evaluation(i) for i in range(count)]
            store.record(claim, sent, [], 0.0)
            assert store.evaluations(claim.run_id) == sent

    def test_the_latest_times_leave_out_what_failed(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        sent = [evaluation(i) for i in range(4)]
        sent[2] = replace(sent[2], status="failed", error="it broke", scores=None)
        store.record(claim, sent, [], 0.0)
        latest = [TrainingTime(e.task.repeat, e.seconds, e.worker) for e in (sent[3], sent[1])]
        assert store.latest_times(claim.run_id, 2) == latest
        assert len(store.latest_times(claim.run_id, 200)) == 3

    # Commands

    @pytest.mark.parametrize(
        ("kind", "state", "after"),
        [
            ("pause", "queued", "paused"),
            ("pause", "interrupted", "paused"),
            ("pause", "paused", "paused"),
            ("pause", "stopped", None),
            ("pause", "failed", None),
            ("pause", "finished", None),
            ("stop", "queued", "stopped"),
            ("stop", "interrupted", "stopped"),
            ("stop", "paused", "stopped"),
            ("stop", "stopped", "stopped"),
            ("stop", "failed", "failed"),
            ("stop", "finished", None),
            ("resume", "queued", "queued"),
            ("resume", "interrupted", "queued"),
            ("resume", "paused", "queued"),
            ("resume", "stopped", "queued"),
            ("resume", "failed", "queued"),
            ("resume", "finished", None),
        ],
    )
    def test_commands_to_a_run_that_nobody_holds(
        self, store: Store, tiny: Dataset, kind: Any, state: str, after: str | None
    ) -> None:
        run_id = add(store, tiny, state)
        before = everything(store)
        if after is None:
            with pytest.raises(RunStateError, match=f"{state}.*What to do"):
                store.command(run_id, kind)
            assert everything(store) == before
            return

        view = store.command(run_id, kind, key="k")
        assert (view.state, view.pending) == (after, ())
        assert (view.ended is not None) == (after in ("stopped", "failed"))

        before = everything(store)
        assert store.command(run_id, kind, key="k").state == after
        assert everything(store) == before
        assert (store.claim(ELSEWHERE, run_id) is not None) == (after == "queued")

    def test_commands_to_a_live_owner_wait_for_it(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        view = store.command(claim.run_id, "pause", key="k")
        assert (view.state, view.pending) == ("running", ("pause",))
        assert store.command(claim.run_id, "pause", key="k").pending == ("pause",)
        assert store.command(claim.run_id, "pause").pending == ("pause",)  # asked for already

        (command,) = store.heartbeat(claim, 1.0)
        assert command.kind == "pause"
        assert store.heartbeat(claim, 1.0) == (command,)

        store.finish(claim, "paused", seconds=1.0, applied=[command])
        view = store.run(claim.run_id)
        assert (view.state, view.pending, view.ended) == ("paused", (), None)
        assert store.command(claim.run_id, "resume").state == "queued"

        later = store.claim(ELSEWHERE)
        assert later
        assert store.heartbeat(later, 1.0) == ()

    def test_resume_takes_back_what_has_not_happened(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        store.command(claim.run_id, "pause")
        (command,) = store.heartbeat(claim, 1.0)
        assert store.command(claim.run_id, "resume").pending == ()
        assert store.heartbeat(claim, 1.0) == ()
        store.finish(claim, "paused", seconds=1.0, applied=[command])  # it had begun to wind down
        assert store.run(claim.run_id).state == "queued"

    def test_an_owner_may_pause_by_itself(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        store.finish(claim, "paused", seconds=1.0, error="The disk is full.")
        view = store.run(claim.run_id)
        assert (view.state, view.error) == ("paused", "The disk is full.")
        assert store.command(claim.run_id, "resume").error is None

    @pytest.mark.parametrize(
        ("left", "after"),
        [
            ("paused", "stopped"),
            ("queued", "stopped"),
            ("released", "stopped"),
            ("finished", "finished"),
        ],
    )
    def test_a_command_that_its_owner_did_not_see(
        self, store: Store, tiny: Dataset, left: Any, after: str
    ) -> None:
        claim = held(store, tiny)
        store.command(claim.run_id, "stop")
        if left == "released":
            store.release(claim, 1.0)
        else:
            store.finish(claim, left, seconds=1.0)
        view = store.run(claim.run_id)
        assert (view.state, view.pending) == (after, ())

    def test_a_stop_outlives_a_crash(self, store: Store, tiny: Dataset) -> None:
        claim = held(store, tiny)
        store.command(claim.run_id, "pause")
        store.command(claim.run_id, "stop")
        expire(store, claim.run_id)
        assert store.claim(ELSEWHERE) is None
        view = store.run(claim.run_id)
        assert (view.state, view.pending) == ("stopped", ())
        assert store.command(claim.run_id, "resume").state == "queued"

    def test_a_key_belongs_to_one_command(self, store: Store, tiny: Dataset) -> None:
        first, second = add(store, tiny), add(store, tiny)
        store.command(first, "pause", key="k")
        for run_id, kind in ((first, "stop"), (second, "pause")):
            with pytest.raises(StoreError, match="new key"):
                store.command(run_id, kind, key="k")  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="no command 'explode'"):
            store.command(first, "explode")  # type: ignore[arg-type]

    # Deleting

    def test_delete_takes_all_of_one_run_only(self, store: Store, tiny: Dataset) -> None:
        claim, other = held(store, tiny), held(store, tiny)
        for c in (claim, other):
            WRITES["record"](store, c)
            WRITES["save_artifact"](store, c)

        with pytest.raises(RunStateError, match=f"shoal stop {claim.run_id}"):
            store.delete(claim.run_id)
        store.finish(claim, "stopped", seconds=1.0)
        store.delete(claim.run_id)
        tables = (t.run, t.evaluation, t.generation, t.artifact, t.command, t.dataset)

        assert [table_rows(store, table) for table in tables] == [1] * 6
        assert store.events(claim.run_id) == []

        store.release(other, 1.0)
        store.delete(other.run_id)
        assert [table_rows(store, table) for table in tables] == [0] * 6
        assert add(store, tiny) > other.run_id  # an id is never used again

    # Events, supervisors, readers

    def test_events_newest_first(self, store: Store, tiny: Dataset) -> None:
        run_id = add(store, tiny)
        for i in range(4):
            store.event(f"word {i}", "warning", run_id if i % 2 else None)
        assert [e.text for e in store.events(limit=2)] == ["word 3", "word 2"]
        (last, *_) = store.events(run_id)
        assert (last.text, last.level, last.run_id) == ("word 3", "warning", run_id)
        assert last.time >= store.run(run_id).created > 1.6e9

    def test_supervisors(self, store: Store) -> None:
        me = Owner.here()
        store.register_supervisor(me)
        store.register_supervisor(ELSEWHERE, scope=7)

        assert [(s.owner, s.pid, s.scope) for s in store.supervisors()] == [
            (str(me), os.getpid(), None),
            (str(ELSEWHERE), 1, 7),
        ]

        aged = sa.update(t.supervisor).values(
            heartbeat=t.supervisor.c.heartbeat - LEASE_SECONDS - 1
        )
        store._database.write(lambda c: c.execute(aged))
        assert store.supervisors() == []
        assert store.supervisor_heartbeat(me)
        assert [s.owner for s in store.supervisors()] == [str(me)]

        gone = replace(me, pid=2**22 + 1, token="gone")  # beyond Linux's largest process id
        store.register_supervisor(gone)
        assert not store.supervisor_heartbeat(ELSEWHERE)  # pruned: it has to register again
        assert [s.owner for s in store.supervisors()] == [str(me)]

        store.remove_supervisor(me)
        assert store.supervisors() == []

    def test_of_many_who_would_start_a_supervisor_one_may(self, store: Store) -> None:
        barrier = Barrier(8)

        def reserve(_: int) -> Owner | None:
            me = Owner.here()
            barrier.wait()
            return me if store.reserve_supervisor(me) else None

        with ThreadPoolExecutor(8) as threads:
            (place,) = filter(None, threads.map(reserve, range(8)))
        assert [s.owner for s in store.supervisors()] == [str(place)]
        assert store.reserve_supervisor(place), "the same one again, its first answer lost"
        assert not store.reserve_supervisor(ELSEWHERE, scope=7), "it serves every run"
        started = replace(place, token="started")
        store.register_supervisor(started, instead_of=place)
        assert [s.owner for s in store.supervisors()] == [str(started)]
        store.remove_supervisor(started)
        assert store.reserve_supervisor(ELSEWHERE, scope=7)
        assert store.reserve_supervisor(place), "one run's supervisor serves no other"

    def test_readers_cannot_write(self, store: Store) -> None:
        with pytest.raises((StoreError, sa.exc.DBAPIError), match=r"read-?only"):
            store._database.read(lambda c: c.execute(sa.delete(t.run)))
        store.event("and a writer still can")

    def test_a_passing_trouble_is_tried_again(self, store: Store) -> None:
        tries = []

        def work(connection: sa.Connection) -> int:
            tries.append(connection.execute(sa.insert(t.event).values(level="info", text="once")))
            if len(tries) < 3:
                original = sqlite3.OperationalError("database is locked")
                original.sqlite_errorcode = 5
                raise sa.exc.OperationalError("", None, original)
            return len(tries)

        assert store._database.write(work) == 3
        assert len(store.events()) == 1
        store._database.patience = -1.0
        tries.clear()
        with pytest.raises(StoreError, match="locked"):
            store._database.write(work)

    # Opening

    def test_a_store_is_opened_again(self, store: Store, tiny: Dataset) -> None:
        run_id = add(store, tiny)
        with open_store(store.raw_url) as again:
            assert again.run(run_id) == store.run(run_id)

    def test_a_newer_schema_is_refused(self, store: Store) -> None:
        store._database.write(
            lambda c: c.execute(sa.text(f"UPDATE {t.VERSION_TABLE} SET version_num = '9999'"))
        )
        with pytest.raises(
            StoreError, match=r"newer Shoal \(schema 9999\).*pip install --upgrade shoal"
        ):
            open_store(store.raw_url)

    def test_a_database_of_another_program_is_refused(self, store_url: str) -> None:
        engine = store_connection.make_engine(parse_url(store_url))
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE run (mine int)"))
        engine.dispose()
        with pytest.raises(StoreError, match="another program: it holds run"):
            open_store(store_url)

    def test_processes_open_a_new_store_at_once(self, store_url: str) -> None:
        children = [child(OPEN, store_url) for _ in range(3)]
        for process in children:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"

        for process in children:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()

        assert [process.communicate()[0] for process in children] == ["0\n"] * 3


CLAIM = """
import sys
from shoal.store import Owner, open_store
from support.records import evaluation
store = open_store(sys.argv[1])
claim = store.claim(Owner.here())
store.record(claim, [evaluation(1)], [], 1.0)
print("claimed", claim.run_id, flush=True)
sys.stdin.read()
"""
OPEN = """
import sys
from shoal.store import open_store
print("ready", flush=True)
sys.stdin.readline()
print(len(open_store(sys.argv[1]).runs()))
"""


def child(program: str, store: Store | str) -> subprocess.Popen[str]:
    address = store if isinstance(store, str) else store.raw_url
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), *sys.path]))
    return subprocess.Popen(
        [sys.executable, "-c", program, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "new" / "shoal.db") as opened:
        yield opened


class TestSqlite:
    """Files, their rights, and SQLite's settings."""

    def test_only_the_owner_may_read(self, sqlite_store: Store) -> None:
        assert sqlite_store.path
        modes = [
            stat.S_IMODE(p.stat().st_mode) for p in (sqlite_store.path.parent, sqlite_store.path)
        ]
        assert modes == [0o700, 0o600]

    def test_where_it_is_by_default(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOAL_STORE", raising=False)
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        with open_store() as store:
            assert store.path == tmp_path / "shoal" / "shoal.db" == default_path()
            assert store.url == store.raw_url == f"sqlite:///{store.path}"

        monkeypatch.setenv("XDG_DATA_HOME", "relative")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert default_path() == tmp_path / ".local" / "share" / "shoal" / "shoal.db"

        monkeypatch.setenv("SHOAL_STORE", str(tmp_path / "other.db"))
        with open_store() as store:
            assert store.path == tmp_path / "other.db"

    def test_settings(self, sqlite_store: Store) -> None:
        def read(name: str) -> Any:
            return sqlite_store._database.write(
                lambda c: c.exec_driver_sql(f"PRAGMA {name}").scalar()
            )

        assert read("journal_mode") == (
            "wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "delete"
        )
        assert (read("synchronous"), read("foreign_keys"), read("busy_timeout")) == (2, 1, 30_000)

    def test_a_writer_takes_its_lock_before_it_reads(self, sqlite_store: Store) -> None:
        other = sqlite3.connect(str(sqlite_store.path), timeout=0)

        def begin(_: sa.Connection) -> None:
            other.execute("BEGIN IMMEDIATE")
            other.rollback()

        sqlite_store._database.read(begin)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite_store._database.write(begin)
        other.close()

    def test_a_log_left_by_another_build_is_given_up(self, sqlite_store: Store) -> None:
        sqlite_store.close()
        wanted = "wal" if store_connection.WAL_IS_SAFE else "delete"
        raw = sqlite3.connect(str(sqlite_store.path))
        raw.execute(f"PRAGMA journal_mode = {'delete' if wanted == 'wal' else 'wal'}")
        raw.close()
        with open_store(sqlite_store.raw_url) as store:
            mode = store._database.read(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar())
            assert mode == wanted

    @pytest.mark.parametrize("name", ["a?b#c%20d@e.db", "ü: x.db"])
    def test_odd_file_names(self, tmp_path: Path, name: str) -> None:
        with open_store(tmp_path / name) as store, open_store(store.raw_url) as again:
            assert again.path == tmp_path / name
            assert again.runs() == []

    def test_an_empty_file_becomes_a_store(self, tmp_path: Path) -> None:
        (tmp_path / "empty.db").touch()
        with open_store(tmp_path / "empty.db") as store:
            assert store.runs() == []

    @pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"SQLite format 3\0" + b"x" * 4096])
    def test_another_kind_of_file_is_refused_and_kept(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "data.csv"
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"is not an SQLite database.*What to do"):
            open_store(path)
        assert path.read_bytes() == content

    def test_a_directory_or_a_place_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for place in (tmp_path, tmp_path / "file" / "shoal.db", Path("/proc/no/shoal.db")):
            with pytest.raises(
                StoreError, match=f"{re.escape(str(place))} cannot be opened.*What to do"
            ):
                open_store(place)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_read_only_file(self, tmp_path: Path) -> None:
        (tmp_path / "shoal.db").touch(mode=0o400)
        with pytest.raises(StoreError, match="read-only"):
            open_store(tmp_path / "shoal.db")


class TestPostgres:
    """Servers that go away."""

    def test_a_lost_connection_is_replaced(self, postgres_url: str) -> None:
        tries = []

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.insert(t.event).values(level="info", text="once"))
            tries.append(connection)
            if len(tries) == 1:
                connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

        with open_store(postgres_url) as store:
            store._database.write(work)
            assert len(tries) == 2
            assert len(store.events()) == 1

    def test_a_connection_lost_while_idle(self, postgres_url: str) -> None:
        with open_store(postgres_url) as store, open_store(postgres_url) as other:
            others = (
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            assert other._database.write(lambda c: c.execute(sa.text(others)).scalar_one()) >= 1
            # Found out before the transaction, not by trying again.
            store._database.patience = -1.0
            assert store.runs() == []


class TestAddresses:
    """URLs: what is accepted, and what is shown."""

    @pytest.mark.parametrize(
        "url",
        [
            "postgre://me:secret@h/d",
            "mysql://me:secret@h/d",
            "sqlite:x.db",
            "sqlite://",
            "postgresql:h",
            ":memory:",
        ],
    )
    def test_misspelt(self, url: str) -> None:
        with pytest.raises(StoreError, match="Expected: a file name") as caught:
            open_store(url)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("port", ["1", "no"])
    def test_unreachable_at_once_and_without_the_password(self, port: str) -> None:
        with pytest.raises(StoreError, match=r"What to do|Expected") as caught:
            open_store(f"postgresql://me:secret@127.0.0.1:{port}/d?sslpassword=secret")
        assert "secret" not in str(caught.value)

    def test_no_such_database(self, postgres_url: str) -> None:
        with pytest.raises(StoreError, match="What to do"):
            open_store(postgres_url.replace("/postgres?", "/nowhere?"))

    def test_password_is_shown_nowhere(self, postgres_url: str) -> None:
        url = postgres_url.replace("shoal@", "shoal:s%40cret@").replace("postgresql:", "postgres:")
        with open_store(f"{url}&sslpassword=s%40cret") as store:
            assert "cret" not in store.url
            assert "cret" not in repr(store)
            assert "***" in store.url
            assert "s%40cret" in store.raw_url
            assert store.path is None
            with open_store(store.raw_url) as again:
                assert again.runs() == []

    def test_missing_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(StoreError, match=r"pip install 'shoal\[postgres\]'"):
            open_store("postgresql://h/d")

    def test_owner_text(self) -> None:
        assert Owner.parse(str(ELSEWHERE)) == ELSEWHERE
        for text in ("", "a:b:c", "host:1:"):
            with pytest.raises(StoreError, match="host:pid:token"):
                Owner.parse(text)
