"""One claimed run: recorded as it goes, resumable anywhere, obedient, and stopped when lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shoal.analysis.score_rows import confidence_text
from shoal.analysis.summary import summarise
from shoal.data import Dataset, load_dataset
from shoal.errors import NotOwnerError
from shoal.executors import Evaluate, Job
from shoal.orchestration.runner import Runner
from shoal.presentation.run_json import run_row
from shoal.problems.evaluation import result_hash
from shoal.problems.table import TableProblem
from shoal.settings.phase import Phase
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.store import tables as t
from shoal.tuning.champion import CHAMPION, AssembleChampion, Champion
from shoal.tuning.search import Search
from support.fakes import InlineExecutor, pretend

SETTINGS = SearchSettings(
    preset="classic", population=4, generations=3, repeats=2, max_repeats=4, elitism=1, iterations=7
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("concrete", preset="classic")


@pytest.fixture
def store(
    tmp_path: Path,
) -> Iterator[Store]:  # SQLite alone: the contract of the two databases is tested with the store
    with open_store(tmp_path / "shoal.db") as opened:
        yield opened


def _drive(store: Store, on_job=lambda job: None, **options) -> str:
    claim = store.claim(Owner.here())
    assert claim is not None
    return Runner(
        store, claim, make_executor=partial(InlineExecutor, on_job=on_job), **options
    ).drive()


@pytest.fixture(scope="module")
def undisturbed(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    with open_store(tmp_path_factory.mktemp("whole") / "shoal.db") as store:
        run_id, _ = store.add_run(data, SETTINGS)
        assert _drive(store) == "finished"
        run = store.run(run_id)
        assert run.result_hash is not None
        return run.result_hash, run.evaluations


def test_whole_run_is_recorded(store: Store, data: Dataset, undisturbed: tuple[str, int]) -> None:
    run_id, _ = store.add_run(data, SETTINGS)
    assert _drive(store) == "finished"

    run, summary = store.run(run_id), summarise(store, run_id)
    assert (run.state, run.generations, run.owner) == ("finished", 3, None)
    assert run.evaluations == len(store.evaluations(run_id)) == undisturbed[1]
    assert [g.summary.number for g in summary.generations] == [1, 2, 3]

    assert summary.best is not None
    assert summary.scores is not None
    content = store.artifact(run_id, CHAMPION)
    assert content is not None
    champion = Champion.from_bytes(content)

    assert champion.genome == summary.best.genome == summary.generations[-1].summary.best
    assert champion.accuracy == pytest.approx(summary.best.accuracy)
    assert len(champion.weights) == len(champion.accuracies) == summary.best.repeats
    assert champion.ci95 == summary.best.ci95


@pytest.mark.parametrize("after", range(1, 24, 3))
def test_left_after_any_job_it_goes_on_to_the_same_result(
    after: int, store: Store, data: Dataset, undisturbed: tuple[str, int]
) -> None:
    run_id, _ = store.add_run(data, SETTINGS)
    done: list[Job] = []

    def count(job: Job) -> None:
        if isinstance(job, Evaluate):
            done.append(job)

    assert _drive(store, count, leaving=lambda: len(done) >= after) == "interrupted"
    assert store.run(run_id).state == "interrupted"
    kept = {e.task.id for e in store.evaluations(run_id)}
    again: list[Job] = []

    def note(job: Job) -> None:
        again.append(job)

    assert _drive(store, note) == "finished"
    assert not kept & {job.task.id for job in again if isinstance(job, Evaluate)}, (
        "a recorded evaluation was done again"
    )
    assert (store.run(run_id).result_hash, store.run(run_id).evaluations) == undisturbed


def test_generation_row_lost_with_its_process_is_written_on_return(
    store: Store, data: Dataset, undisturbed: tuple[str, int]
) -> None:
    # The evaluations of a generation are recorded; the process ends before anyone sums them up.
    run_id, _ = store.add_run(data, SETTINGS)
    claim = store.claim(Owner.here())
    assert claim is not None
    problem = TableProblem(data, SETTINGS)

    evaluations = [pretend(problem, task) for task in Search(SETTINGS).ask()]
    store.record(claim, evaluations, [], seconds=1.0)
    store.release(claim, 1.0)
    assert store.generations(run_id) == []
    assert _drive(store) == "finished"
    assert [g.summary.number for g in store.generations(run_id)] == [1, 2, 3]
    assert store.run(run_id).result_hash == undisturbed[0]


@pytest.mark.parametrize(("kind", "state"), [("stop", "stopped"), ("pause", "paused")])
def test_commands_are_obeyed_and_resume_goes_on(
    kind: str, state: str, store: Store, data: Dataset, undisturbed: tuple[str, int]
) -> None:
    run_id, _ = store.add_run(data, SETTINGS)
    seen: list[Job] = []

    def command(job: Job) -> None:
        seen.append(job)
        if len(seen) == 5:
            assert store.command(run_id, kind).pending == (kind,)

    assert _drive(store, command) == state
    run = store.run(run_id)
    assert (run.state, run.owner, run.pending) == (state, None, ())
    assert run.evaluations >= 5
    assert store.command(run_id, "resume").state == "queued"
    assert _drive(store) == "finished"
    assert store.run(run_id).result_hash == undisturbed[0]


def test_command_during_the_champion_is_obeyed(store: Store, data: Dataset) -> None:
    # Four networks, trained two at a time: there is a moment in between.
    run_id, _ = store.add_run(data, SETTINGS.model_copy(update={"repeats": 4}))

    def command(job: Job) -> None:
        if not isinstance(job, Evaluate) and not store.run(run_id).pending:
            store.command(run_id, "pause")

    assert _drive(store, command) == "paused"
    assert store.artifact(run_id, CHAMPION) is None
    store.command(run_id, "resume")
    assert _drive(store) == "finished"
    assert store.artifact(run_id, CHAMPION) is not None


def test_taken_over_runner_writes_nothing_more(store: Store, data: Dataset) -> None:
    run_id, _ = store.add_run(data, SETTINGS)
    claim = store.claim(Owner.here())
    assert claim is not None
    seen: list[Job] = []

    def takeover(job: Job) -> None:
        seen.append(job)
        if len(seen) == 4:
            store.release(claim, 1.0)
            assert store.claim(Owner.here(), run_id) is not None

    with pytest.raises(NotOwnerError):
        Runner(store, claim, make_executor=partial(InlineExecutor, on_job=takeover)).drive()
    assert store.run(run_id).evaluations < 5
    assert store.run(run_id).epoch == 2


def test_failed_trainings_are_recorded_and_rank_worst(store: Store, data: Dataset) -> None:
    run_id, _ = store.add_run(data, SETTINGS)
    bad: set[str] = set()

    def sometimes(job: Job) -> str | None:
        if isinstance(job, Evaluate) and job.task.individual == 0 and job.task.generation == 1:
            bad.add(job.task.genome.hash)
            return "It ended its worker process 3 times."
        return None

    assert _drive(store, sometimes) == "finished"
    failed = [e for e in store.evaluations(run_id) if e.status == "failed"]
    assert {e.task.genome.hash for e in failed} == bad
    assert all(e.accuracy is None and "worker" in (e.error or "") for e in failed)
    assert all(g.summary.best.hash not in bad for g in store.generations(run_id))


def test_run_where_everything_fails_is_failed_and_says_why(store: Store, data: Dataset) -> None:
    run_id, _ = store.add_run(data, SETTINGS)
    assert _drive(store, lambda job: "MemoryError: 4 TiB") == "failed"
    run = store.run(run_id)
    assert run.state == "failed"
    assert "MemoryError: 4 TiB" in (run.error or "")
    assert run.evaluations == len(store.evaluations(run_id)) > 0


def test_time_budget_by_the_runs_own_clock_over_owners(store: Store, data: Dataset) -> None:
    settings = SETTINGS.model_copy(update={"generations": 1000, "max_seconds": 100.0})
    run_id, _ = store.add_run(data, settings)
    now = [0.0]
    done: list[Job] = []

    def second(job: Job) -> None:
        now[0] += 1.0
        done.append(job)

    assert (
        _drive(store, second, clock=lambda: now[0], leaving=lambda: len(done) >= 60)
        == "interrupted"
    )
    assert 55 <= store.run(run_id).seconds <= 62
    assert _drive(store, second, clock=lambda: now[0]) == "finished"
    run = store.run(run_id)
    assert 100 <= run.evaluations <= 106  # what was under way when the time was up is counted
    assert run.generations < 1000


def test_executor_is_closed_whatever_happens(store: Store, data: Dataset) -> None:
    store.add_run(data, SETTINGS)
    claim = store.claim(Owner.here())
    assert claim is not None
    made: list[InlineExecutor] = []

    def explode(job: Job) -> None:
        raise RuntimeError("boom")

    def make(problem: TableProblem, workers: int | None) -> InlineExecutor:
        made.append(InlineExecutor(problem, workers, explode))
        return made[0]

    with pytest.raises(RuntimeError):
        Runner(store, claim, make_executor=make).drive()
    assert made[0].closed


def _delete_evaluations(store: Store) -> None:
    newest = sa.select(t.evaluation.c.id).order_by(t.evaluation.c.id.desc()).limit(2)
    store.write(lambda c: c.execute(sa.delete(t.evaluation).where(t.evaluation.c.id.in_(newest))))


def _delete_generation(store: Store) -> None:
    store.write(lambda c: c.execute(sa.delete(t.generation).where(t.generation.c.number == 1)))


def _delete_champion(store: Store) -> None:
    store.write(lambda c: c.execute(sa.delete(t.artifact)))


LOSSES = {
    "evaluations": (5, _delete_evaluations),
    "evaluations, after the last": (None, _delete_evaluations),
    "a generation": (15, _delete_generation),
    "the champion": (None, _delete_champion),
}


def _on_last_write(store: Store, lose: Callable[[Store], None]) -> Store:
    """The store, which loses something just before it is asked whether all is there."""
    evaluations = store.evaluations

    def read(*arguments: Any, **options: Any) -> Any:
        if store.artifact(1, CHAMPION) is not None and not lost:
            lost.append(True)
            lose(store)
        return evaluations(*arguments, **options)

    lost: list[bool] = []
    store.evaluations = read  # type: ignore[method-assign]
    return store


@pytest.mark.parametrize(("after", "lose"), LOSSES.values(), ids=LOSSES)
def test_what_was_recorded_and_is_gone_at_the_end_is_made_again(
    after: int | None,
    lose: Callable[[Store], None],
    store: Store,
    data: Dataset,
    undisturbed: tuple[str, int],
) -> None:
    # As after a failover to a copy that lagged behind, or a hand in the database.
    run_id, _ = store.add_run(data, SETTINGS)
    done: list[Job] = []

    def count(job: Job) -> None:
        done.append(job)
        if len(done) == after:
            lose(store)

    if after is None:
        store = _on_last_write(store, lose)
    assert _drive(store, count) == "finished"

    run = store.run(run_id)
    recorded = store.evaluations(run_id)
    assert result_hash(recorded) == run.result_hash == undisturbed[0]
    assert run.evaluations == len(recorded) == undisturbed[1]
    assert run.iterations == sum(evaluation.iterations for evaluation in recorded)
    assert [record.summary.number for record in store.generations(run_id)] == [1, 2, 3]
    assert store.artifact(run_id, CHAMPION)
    assert [event.level for event in store.events(run_id) if "is gone" in event.text] == ["warning"]


def test_an_evaluation_that_is_gone_while_the_run_ends_is_noticed(
    store: Store, data: Dataset
) -> None:
    run_id, _ = store.add_run(data, SETTINGS)
    claim = store.claim(Owner.here())
    assert claim is not None
    evaluations = [pretend(TableProblem(data, SETTINGS), task) for task in Search(SETTINGS).ask()]
    store.record(claim, evaluations, [], seconds=1.0)
    _delete_evaluations(store)

    end = partial(store.finish, claim, "finished", seconds=1.0, result_hash="0" * 64)
    assert not end(evaluations=len(evaluations))
    assert store.run(run_id).state == "running"
    assert end(evaluations=len(evaluations) - 2)
    assert (store.run(run_id).state, store.run(run_id).evaluations) == ("finished", 6)


def test_a_changed_score_counts_as_it_is_recorded(store: Store, data: Dataset) -> None:
    run_id, _ = store.add_run(data, SETTINGS)

    def change(job: Job) -> None:
        if isinstance(job, AssembleChampion):
            failed = {"status": "failed", "scores": None, "accuracy": None}
            store.write(
                lambda c: c.execute(
                    sa.update(t.evaluation).values(failed).where(t.evaluation.c.id == 3)
                )
            )

    assert _drive(store, change) == "finished"
    assert store.run(run_id).result_hash == result_hash(store.evaluations(run_id))


def test_a_store_that_keeps_nothing_fails_the_run_and_says_so(store: Store, data: Dataset) -> None:
    run_id, _ = store.add_run(data, SETTINGS)
    gone = "CREATE TRIGGER gone AFTER INSERT ON evaluation WHEN NEW.id > 5 BEGIN {} END"
    deletion = "DELETE FROM evaluation WHERE id = NEW.id;"
    store.write(lambda c: c.execute(sa.text(gone.format(deletion))))

    assert _drive(store) == "failed"
    error = store.run(run_id).error
    assert error is not None
    assert "did not stay in the store, 3 times" in error
    assert store.run(run_id).result_hash is None

    store.write(lambda c: c.execute(sa.text("DROP TRIGGER gone")))
    store.command(run_id, "resume")
    assert _drive(store) == "finished"
    assert store.run(run_id).result_hash == result_hash(store.evaluations(run_id))


def test_no_generation_is_given_up_because_an_early_evaluation_is_gone(
    store: Store, data: Dataset
) -> None:
    # The time is up when the record turns out to have a gap in its first generation.
    settings = SETTINGS.model_copy(update={"max_seconds": 10.0, "generations": 1000})
    run_id, _ = store.add_run(data, settings)
    now = [0.0]

    def tick(job: Job) -> None:
        now[0] += 0.3
        if isinstance(job, AssembleChampion):
            store.write(lambda c: c.execute(sa.delete(t.evaluation).where(t.evaluation.c.id == 2)))

    assert _drive(store, tick, clock=lambda: now[0]) == "finished"
    generations = store.run(run_id).generations
    assert generations > 2
    assert len(store.generations(run_id)) == generations
    assert store.run(run_id).result_hash == result_hash(store.evaluations(run_id))
    assert Search.replay(settings, store.evaluations(run_id)).generations[generations - 1]


FINALS = {"finalists": 6, "confirmations": 5, "networks": 2, "generations": 1000}


@pytest.mark.parametrize(
    ("limit", "finalists", "repeats"),
    [(0.5, 1, 1), (2.0, 3, 5), (5.0, 6, 5)],
    ids=["one finalist, once", "some finalists", "all finalists"],
)
def test_what_time_is_left_for_decides_how_much_is_confirmed(
    limit: float, finalists: int, repeats: int, store: Store, data: Dataset
) -> None:
    # A training of the search takes about 0.01 s, one of the confirmation 0.08 s: half of the
    # limit must do for the confirmation.
    settings = SETTINGS.model_copy(update={**FINALS, "max_seconds": limit, "iterations": 800})
    run_id, _ = store.add_run(data, settings)
    now = [0.0]

    def tick(job: Job) -> None:
        if not isinstance(job, AssembleChampion):
            long = not isinstance(job, Evaluate) or job.task.phase is Phase.CONFIRMATION
            now[0] += 0.08 if long else 0.01

    assert _drive(store, tick, clock=lambda: now[0]) == "finished"
    confirmed: dict[str, int] = {}
    for e in store.evaluations(run_id):
        if e.task.phase is Phase.CONFIRMATION:
            confirmed[e.task.genome.hash] = confirmed.get(e.task.genome.hash, 0) + 1
    assert (len(confirmed), max(confirmed.values())) == (finalists, repeats)
    assert store.run(run_id).seconds <= limit + 0.2  # what was under way is finished
    said = [event.text for event in store.events(run_id=run_id) if "time to confirm" in event.text]
    assert said == (
        [] if finalists == 6 else [f"There is time to confirm {finalists} of 6 finalists."]
    )


def test_however_little_the_time_a_run_ends_with_something(store: Store, data: Dataset) -> None:
    run_id, _ = store.add_run(data, SETTINGS.model_copy(update={**FINALS, "max_seconds": 1e-9}))
    assert _drive(store) == "finished"

    summary = summarise(store, run_id)
    assert (summary.run.generations, summary.run.error) == (0, None)
    assert 0 < summary.run.evaluations <= 5  # as many as there is room for at once
    assert summary.champion is not None and summary.best is not None
    assert summary.best.genome == summary.champion.genome
    assert summary.best.accuracy == summary.champion.accuracy
    assert summary.champion.confirmation is None
    assert confidence_text(summary.champion).startswith("Not confirmed")


@pytest.mark.parametrize("seed", range(4))
def test_lists_and_summaries_show_one_best_and_say_who_led(
    seed: int, store: Store, data: Dataset
) -> None:
    run_id, _ = store.add_run(
        data, SETTINGS.model_copy(update={**FINALS, "generations": 2, "seed": seed})
    )
    assert _drive(store) == "finished"

    run, summary = store.run(run_id), summarise(store, run_id)
    assert summary.best is not None and summary.champion is not None
    assert (run.best_score, run.best_repeats) == (summary.best.score, summary.best.repeats)
    assert run_row(run)["best_score"] == summary.to_dict()["best"]["score"]

    last = summary.generations[-1].summary
    words = confidence_text(summary.champion, leader=summary.leader)
    if last.best == summary.champion.genome:
        assert summary.leader is None and not words.startswith("The search led")
    else:
        assert words.startswith(
            f"The search led with another genome, at {last.best_score:.2f} %; the confirmation "
            "chose this one."
        )
