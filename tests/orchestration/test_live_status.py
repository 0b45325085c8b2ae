"""What trains right now: the store's note, on both databases, and when a runner writes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from shoal.data import Dataset
from shoal.errors import RunNotFoundError, StoreFullError
from shoal.executors import Evaluate, Job, Progress
from shoal.genome.genome import Genome
from shoal.orchestration.live_status import (
    MAX_FRAMES,
    NOTE_SECONDS,
    LiveStatus,
    running_training,
)
from shoal.orchestration.runner import Runner
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.snapshot import SwarmSnapshot
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.store import LEASE_SECONDS, Claim, Owner, RunningTraining, Store, open_store
from shoal.store import tables as t
from shoal.store.backup import backup
from shoal.store.live_status import WATCHED_SECONDS
from shoal.tuning.baselines import BaselineJob
from shoal.tuning.champion import AssembleChampion, RefitJob, Selection
from shoal.tuning.search import RankedGenome
from support.fakes import InlineExecutor
from support.searches import BRIEF
from support.tables import tiny_dataset

ELSEWHERE = Owner("elsewhere", 1, "token")
FRAME = SwarmSnapshot(
    iteration=7,
    positions=np.array([[0.5, 1.5], [np.nan, 2.0]], np.float32),
    bests=np.ones((2, 2), np.float32),
    losses=np.array([0.25, np.inf]),
    best=0,
    informants=np.array([[1], [0]], np.int32),
    diversity=0.5,
    at_velocity_limit=0.25,
    at_position_limit=0.0,
    stagnation=2,
    speed=0.125,
)
TRAINING = RunningTraining(
    Genome(swarm_size=11, hidden_layers=(3,)),
    2,
    4,
    5,
    "search",
    worker="here \0:1",
    iteration=7,
    iterations=9,
    seconds=1.5,
    curve=((1, 0.1), (7, 1 / 3)),
    frame=FRAME,
)


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    return tiny_dataset()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "one.db") as opened:
        yield opened


def held(store: Store, dataset: Dataset) -> Claim:
    store.add_run(dataset, BRIEF)
    claim = store.claim(ELSEWHERE)
    assert claim
    return claim


def shift(store: Store, table: sa.Table, column: str, seconds: float) -> None:
    store.write(lambda c: c.execute(sa.update(table).values({column: table.c[column] + seconds})))


def notes(store: Store) -> int:
    return store.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(t.live))) or 0


class TestNote:
    """The store's part, on both databases."""

    def test_comes_back_as_it_was_and_each_replaces_the_last(
        self, store: Store, tiny: Dataset
    ) -> None:
        claim = held(store, tiny)
        assert store.live(claim.run_id) is None

        store.note_live(
            claim,
            [TRAINING, replace(TRAINING, kind="baseline", baseline="Linear model", frame=None)],
        )
        live = store.live(str(claim.run_id))
        assert live
        assert 0 <= live.updated < LEASE_SECONDS

        first, second = live.trainings
        assert first.frame
        assert replace(first, frame=None) == replace(TRAINING, worker="here �:1", frame=None)
        assert first.frame.to_dict() == FRAME.to_dict()
        assert (second.kind, second.baseline, second.frame) == ("baseline", "Linear model", None)

        store.note_live(claim, [])
        live = store.live(claim.run_id)
        assert live
        assert live.trainings == ()
        assert notes(store) == 1

    def test_travels_with_other_writes_and_stays_without_a_new_one(
        self, store: Store, tiny: Dataset
    ) -> None:
        claim = held(store, tiny)
        plain = replace(TRAINING, frame=None, worker="")
        for number, write in enumerate(
            (store.heartbeat, lambda *a: store.record(claim, [], [], *a[1:]))
        ):
            training = replace(plain, iteration=number)
            write(claim, 1.0, [training])
            write(claim, 2.0)
            live = store.live(claim.run_id)
            assert live
            assert live.trainings == (training,)

    def test_is_not_shown_when_it_is_older_than_the_lease(
        self, store: Store, tiny: Dataset
    ) -> None:
        claim = held(store, tiny)
        store.note_live(claim, [TRAINING])
        for seconds in (
            -LEASE_SECONDS - 1,
            2 * LEASE_SECONDS + 2,
        ):  # the clock may have been set back, too
            shift(store, t.live, "updated", seconds)
            assert store.live(claim.run_id) is None

    @pytest.mark.parametrize(
        "end", ["finished", "paused", "released", "taken over", "killed", "stopped", "deleted"]
    )
    def test_goes_when_the_run_is_let_go_of(self, store: Store, tiny: Dataset, end: str) -> None:
        claim = held(store, tiny)
        store.note_live(claim, [TRAINING])
        if end in ("taken over", "killed", "stopped", "deleted"):
            shift(store, t.run, "heartbeat", -LEASE_SECONDS - 1)
        match end:
            case "released":
                store.release(claim, 1.0)
            case "taken over":
                assert store.claim(Owner.here())
            case "stopped":
                store.command(claim.run_id, "stop")
            case "deleted":
                store.delete(claim.run_id)
                assert notes(store) == 0
                return
            case "finished" | "paused":
                store.finish(claim, end, seconds=1.0)

        assert store.live(claim.run_id) is None
        assert notes(store) == (end == "killed"), "nobody could take it away"

    def test_is_no_part_of_a_backup(self, store: Store, tiny: Dataset, tmp_path: Path) -> None:
        store.note_live(held(store, tiny), [TRAINING])
        backup(store, tmp_path / "copy.db")
        with open_store(tmp_path / "copy.db") as copy:
            assert notes(copy) == 0

    def test_a_readers_word_holds_for_a_while(self, store: Store, tiny: Dataset) -> None:
        run_id = held(store, tiny).run_id
        other, _ = store.add_run(tiny, BRIEF)
        assert not store.poll_flags(run_id).watched

        store.announce_viewer(str(run_id))
        assert store.poll_flags(run_id).watched
        assert not store.poll_flags(run_id).has_commands
        assert not store.poll_flags(other).watched
        assert store.live(run_id) is None, "a word of a reader is no note"

        store.command(run_id, "pause")
        assert store.poll_flags(run_id).has_commands

        for seconds in (-WATCHED_SECONDS, 2 * WATCHED_SECONDS + 1):
            shift(store, t.live, "watched", seconds)
            assert not store.poll_flags(run_id).watched

        store.announce_viewer(run_id)
        assert store.poll_flags(run_id).watched

    def test_a_word_that_is_young_is_not_written_again(self, store: Store, tiny: Dataset) -> None:
        run_id = held(store, tiny).run_id
        store.announce_viewer(run_id)
        shift(store, t.live, "watched", 0.5)  # an instant of the future, however slow this test is

        def said() -> Any:
            return store.read(lambda c: c.scalar(sa.select(t.live.c.watched)))

        before = said()
        store.announce_viewer(run_id)
        assert said() == before
        shift(store, t.live, "watched", -2.0)
        store.announce_viewer(run_id)
        assert said() > before - 1.0

    def test_a_reader_who_cannot_write_is_not_heard(
        self, store: Store, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = held(store, tiny).run_id

        def refuse(*_: object) -> None:
            raise StoreFullError("full")

        monkeypatch.setattr(store._database, "write", refuse)
        store.announce_viewer(run_id)
        assert not store.poll_flags(run_id).watched

    def test_unknown_runs(self, store: Store) -> None:
        for method in (store.live, store.announce_viewer):
            with pytest.raises(RunNotFoundError):
                method("nonsense")
        assert notes(store) == 0


class Counting:
    """A store that counts the notes with a transaction of their own, and may refuse them."""

    def __init__(self, store: Store, full: bool = False) -> None:
        self.store, self.full, self.alone = store, full, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def note_live(self, claim: Claim, trainings: Any) -> None:
        self.alone += 1
        if self.full:
            raise StoreFullError("full")
        self.store.note_live(claim, trainings)


class TestRunner:
    """When a runner notes, and what."""

    @pytest.fixture
    def undisturbed(self, tiny: Dataset, tmp_path: Path) -> str | None:
        with open_store(tmp_path / "undisturbed.db") as store:
            self.drive(store, tiny, lambda job: None, clock=lambda: 0.0)
            return store.run(1).result_hash

    @staticmethod
    def drive(store: Any, dataset: Dataset, on_job: Any, **options: Any) -> InlineExecutor:
        claim = held(store, dataset)
        made: list[InlineExecutor] = []

        def make(problem: TableProblem, workers: int | None) -> InlineExecutor:
            made.append(InlineExecutor(problem, workers, on_job))
            return made[0]

        assert Runner(store, claim, make_executor=make, **options).drive() == "finished"
        return made[0]

    def test_it_says_what_is_under_way_from_the_start_to_the_end(
        self, sqlite_store: Store, tiny: Dataset, undisturbed: str
    ) -> None:
        time = [0.0]
        kinds: list[str] = []

        def look(job: Job) -> None:
            live = sqlite_store.live(1)
            assert live
            kinds.extend(training.kind for training in live.trainings)
            assert all(
                (training.iteration, training.iterations) == (3, 7) for training in live.trainings
            )
            time[0] += 1.0

        self.drive(sqlite_store, tiny, look, clock=lambda: time[0])
        assert list(dict.fromkeys(kinds)) == ["search", "confirmation", "champion"]
        assert sqlite_store.live(1) is None
        assert sqlite_store.run(1).result_hash == undisturbed

    def test_in_the_time_of_short_trainings_it_writes_nothing_more(
        self, sqlite_store: Store, tiny: Dataset
    ) -> None:
        counting = Counting(sqlite_store)
        self.drive(counting, tiny, lambda job: None, clock=lambda: 0.0)
        assert counting.alone == 1, "the one of its start"

    def test_long_trainings_have_notes_of_their_own_once_in_a_while(
        self, sqlite_store: Store, tiny: Dataset
    ) -> None:
        time = [0.0]
        counting = Counting(sqlite_store)

        class Slow(InlineExecutor):
            def poll(self, timeout: float) -> Any:
                time[0] += 0.1
                return super().poll(timeout) if round(time[0], 1) % 4 == 0 else []

        claim = held(sqlite_store, tiny)
        store: Any = counting
        assert Runner(store, claim, clock=lambda: time[0], make_executor=Slow).drive() == "finished"
        assert time[0] / 3 < counting.alone <= time[0], "no more than one a second"

    def test_a_full_disk_costs_a_note_and_nothing_else(
        self, sqlite_store: Store, tiny: Dataset, undisturbed: str
    ) -> None:
        counting = Counting(sqlite_store, full=True)
        time = iter(range(10**9))
        waited: list[float] = []
        self.drive(
            counting, tiny, lambda job: None, clock=lambda: float(next(time)), wait=waited.append
        )

        assert counting.alone > 1
        assert not waited
        assert sqlite_store.run(1).result_hash == undisturbed

    def test_watched_it_asks_for_frames_and_ends_the_same(
        self, sqlite_store: Store, tiny: Dataset, undisturbed: str
    ) -> None:
        executor = self.drive(
            sqlite_store, tiny, lambda job: sqlite_store.announce_viewer(1), clock=lambda: 0.0
        )
        assert executor.watched
        assert sqlite_store.run(1).result_hash == undisturbed


def test_each_kind_of_job_in_the_words_of_the_store(tiny: Dataset) -> None:
    problem, genome = TableProblem(tiny, BRIEF), Genome()
    search, fresh = Task(genome, 1, generation=3, individual=2), Task(genome, FIRST_CONFIRMATION)
    cases = [
        (Evaluate(search), ("search", 1, 3, 2, problem.iterations_for(search), "")),
        (
            Evaluate(fresh),
            ("confirmation", FIRST_CONFIRMATION, 0, 0, problem.iterations_for(fresh), ""),
        ),
        (RefitJob(search, 4, refit=True), ("champion", 1, 3, 2, 4, "")),
        (AssembleChampion(Selection(RankedGenome(genome, ())), {}), ("champion", 0, 0, 0, 0, "")),
        (BaselineJob("trees", genome), ("baseline", 0, 0, 0, 0, "Boosted trees")),
    ]

    for job, expected in cases:
        made = running_training(problem, Progress(job, worker="w:1"))
        assert (made.genome, made.worker, made.iteration) == (genome, "w:1", 0)
        shown = (
            made.kind,
            made.repeat,
            made.generation,
            made.individual,
            made.iterations,
            made.baseline,
        )
        assert shown == expected
        progress = Progress(
            job,
            worker="w:1",
            iteration=3,
            iterations=8,
            seconds=0.5,
            curve=((1, 0.5),),
            frame=FRAME,
        )
        shown = running_training(problem, progress)
        assert (shown.iteration, shown.iterations, shown.seconds) == (3, 8, 0.5)
        assert shown.frame is FRAME
        assert shown.curve == ((1, 0.5),)


def test_a_note_holds_a_bounded_number_of_frames_and_each_has_its_turn(tiny: Dataset) -> None:
    problem = TableProblem(tiny, BRIEF)
    jobs = [Evaluate(Task(Genome(), repeat)) for repeat in range(2 * MAX_FRAMES + 3)]
    without = Progress(Evaluate(Task(Genome(), 99)), worker="w:99")

    class Watched(InlineExecutor):
        def under_way(self) -> tuple[Progress, ...]:
            return (without, *(Progress(job, worker="w:1", frame=FRAME) for job in jobs))

    time = [0.0]
    status = LiveStatus(problem, Watched(problem), lambda: time[0])
    shown: Counter[int] = Counter()
    for _ in range(len(jobs)):
        note = status.snapshot_if_due()
        assert note is not None
        assert [training.repeat for training in note] == [99, *range(len(jobs))]
        framed = [training.repeat for training in note if training.frame is not None]
        assert len(framed) == MAX_FRAMES
        shown.update(framed)
        time[0] += NOTE_SECONDS
    assert shown == dict.fromkeys(range(len(jobs)), MAX_FRAMES)
