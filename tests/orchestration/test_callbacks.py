"""What a caller of `shoal.search` is told while the run goes on."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import shoal
from shoal.errors import SettingsError
from shoal.orchestration import owned_run
from shoal.orchestration.callbacks import CallbackFailedError, Callbacks
from shoal.orchestration.lease_keeper import lease_kept
from shoal.orchestration.runner import Runner
from shoal.orchestration.supervisor import Supervisor
from shoal.problems.evaluation import Evaluation, GenerationSummary
from shoal.store import Owner
from support.processes import PATIENCE_SECONDS, eventually

SMALL: dict[str, Any] = {
    "population": 3,
    "generations": 3,
    "iterations": 5,
    "repeats": 2,
    "baselines": False,
    "seed": 2,
    "workers": 1,
}


class Told:
    """Remembers what it was told, and by which thread."""

    def __init__(self) -> None:
        self.all: list[Evaluation | GenerationSummary] = []
        self.threads: set[int] = set()

    def __call__(self, record: Evaluation | GenerationSummary) -> None:
        self.all.append(record)
        self.threads.add(threading.get_ident())

    @property
    def evaluations(self) -> list[Evaluation]:
        return [record for record in self.all if isinstance(record, Evaluation)]

    @property
    def generations(self) -> list[GenerationSummary]:
        return [record for record in self.all if isinstance(record, GenerationSummary)]


@pytest.fixture(scope="module")
def data() -> shoal.Dataset:
    return shoal.load_dataset("concrete", folds=1)


def test_each_record_is_told_once_in_its_order(data: shoal.Dataset, tmp_path: Path) -> None:
    told = Told()
    result = shoal.search(
        data, store=tmp_path / "s.db", on_evaluation=told, on_generation=told, **SMALL
    )
    assert tuple(told.evaluations) == result.evaluations
    assert [summary.number for summary in told.generations] == [1, 2, 3]
    assert told.threads == {threading.get_ident()}

    # A generation follows the evaluations that completed it.
    count = 0
    for record in told.all:
        if isinstance(record, GenerationSummary):
            assert count >= record.evaluations
        else:
            count += 1
    plain = shoal.search(data, store=tmp_path / "s.db", **SMALL)
    assert plain.result_hash == result.result_hash


def test_an_error_of_a_callback_reaches_the_caller_and_the_run_resumes(
    data: shoal.Dataset, tmp_path: Path
) -> None:
    cause = ValueError("the first")
    mine = KeyError("mine")
    mine.__cause__ = cause

    def stop(summary: GenerationSummary) -> None:
        raise mine

    with (
        shoal.open_store(tmp_path / "s.db") as store,
        pytest.raises(KeyError, match="mine") as caught,
    ):
        shoal.search(data, store=store, on_generation=stop, **SMALL)
    assert caught.value is mine
    assert mine.__cause__ is cause
    assert mine.__context__ is None

    with shoal.open_store(tmp_path / "s.db") as store:
        (run,) = store.runs()
        assert run.state == "interrupted"
        claim = store.claim(Owner.here(), run.id)
        assert claim is not None
        assert Runner(store, claim).drive() == "finished"
        resumed = store.run(run.id).result_hash
    plain = shoal.search(data, store=tmp_path / "s.db", **SMALL)
    assert resumed == plain.result_hash


def test_own_errors_of_shoal_are_errors_of_the_callback(
    data: shoal.Dataset, tmp_path: Path
) -> None:
    # The runner pauses a run whose own code raises this.
    error = shoal.errors.ProblemError("mine")

    def stop(evaluation: Evaluation) -> None:
        raise error

    with shoal.open_store(tmp_path / "s.db") as store:
        with pytest.raises(shoal.errors.ProblemError) as caught:
            shoal.search(data, store=store, on_evaluation=stop, **SMALL)
        assert caught.value is error
        assert store.runs()[0].state == "interrupted"


def test_nothing_is_told_twice_when_a_run_is_resumed(data: shoal.Dataset, tmp_path: Path) -> None:
    """An owner leaves in the middle, another goes on, and one caller has looked all the time."""
    told = Told()
    callbacks = Callbacks(told, told)
    with shoal.open_store(tmp_path / "s.db") as store:
        settings = shoal.SearchSettings.parse({"preset": "modern", **SMALL})
        run_id, _ = store.add_run(data, settings)
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None

        def look() -> None:
            callbacks.look(store, run_id, at_once=True)

        runner = Runner(store, claim, lambda: len(told.all) > 5, look=look)
        assert runner.drive() == "interrupted"
        assert 5 < len(told.all) < 20

        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        assert Runner(store, claim, look=look).drive() == "finished"
        look()
        look()
        assert told.evaluations == store.evaluations(run_id)
        assert told.generations == [record.summary for record in store.generations(run_id)]


def test_the_lease_is_renewed_while_a_callback_takes_its_time(
    data: shoal.Dataset, tmp_path: Path
) -> None:
    with shoal.open_store(tmp_path / "s.db") as store:
        run_id, _ = store.add_run(data, shoal.SearchSettings.parse({"preset": "modern", **SMALL}))
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None

        # Active time is written with each renewal.
        with lease_kept(store, claim, lambda: 7.5, every=0.01):
            eventually(lambda: store.run(run_id).seconds == 7.5)
        assert not [thread for thread in threading.enumerate() if thread.name == "lease"]


def test_a_search_keeps_its_lease_while_it_looks(
    data: shoal.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_moment = partial(lease_kept, every=0.01)
    monkeypatch.setattr(owned_run, "lease_kept", every_moment)
    renewed = threading.Event()

    with shoal.open_store(tmp_path / "s.db") as store:
        heartbeat = store.heartbeat

        def heard(*arguments: Any) -> Any:
            if threading.current_thread().name == "lease":
                renewed.set()
            return heartbeat(*arguments)

        store.heartbeat = heard  # type: ignore[method-assign]
        waited = []

        def slow(summary: GenerationSummary) -> None:
            # The last may be told after the run has ended, when there is no lease any more.
            if summary.number < 3:
                renewed.clear()
                waited.append(renewed.wait(PATIENCE_SECONDS))

        result = shoal.search(data, store=store, on_generation=slow, **SMALL)
    assert result.run.state == "finished"
    assert waited == [True, True]


def test_a_lease_that_was_lost_meanwhile_is_for_the_next_write(
    data: shoal.Dataset, tmp_path: Path
) -> None:
    with shoal.open_store(tmp_path / "s.db") as store:
        run_id, _ = store.add_run(data, shoal.SearchSettings.parse({"preset": "modern", **SMALL}))
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        store.release(claim, 1.0)
        tried = threading.Event()

        def seconds() -> float:
            tried.set()
            return 9.0

        with lease_kept(store, claim, seconds, every=0.01):
            assert tried.wait(PATIENCE_SECONDS)
        assert store.run(run_id).seconds == 1.0


def test_a_run_of_another_supervisor_is_told_here_and_paused_by_an_error(
    data: shoal.Dataset, tmp_path: Path
) -> None:
    with shoal.open_store(tmp_path / "s.db") as store:
        told = Told()
        # The caller never gets the run.
        supervisor = Supervisor(store)
        claim = store.claim

        def claim_for_supervisor(owner: Owner, run_id: int | None = None) -> Any:
            if owner == supervisor.owner:
                return claim(owner, run_id)
            return None

        store.claim = claim_for_supervisor  # type: ignore[method-assign]
        thread = threading.Thread(target=supervisor.loop)
        thread.start()
        try:
            result = shoal.search(data, store=store, on_evaluation=told, **SMALL)
            assert tuple(told.evaluations) == result.evaluations
            assert told.threads == {threading.get_ident()}

            def stop(evaluation: Evaluation) -> None:
                raise RuntimeError("enough")

            longer = {**SMALL, "generations": 200}
            with pytest.raises(RuntimeError, match="enough"):
                shoal.search(data, store=store, on_evaluation=stop, **longer)
            run = store.runs()[0]
            assert run.state == "paused" or "pause" in run.pending
        finally:
            supervisor.leave()
            thread.join()


def test_a_function_that_raises_ends_the_look() -> None:
    class Records:
        def evaluations_after(self, run_id: int, after: int) -> list[tuple[int, Evaluation]]:
            return [(after + 1, Evaluation(None, "ok"))]  # type: ignore[arg-type]

    def stop(evaluation: Evaluation) -> None:
        raise OSError("full")

    with pytest.raises(CallbackFailedError, match="full"):
        Callbacks(stop).look(Records(), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["on_evaluation", "on_generation"])
def test_what_cannot_be_called_is_refused_before_anything_is_written(
    data: shoal.Dataset, tmp_path: Path, name: str
) -> None:
    callback: dict[str, Any] = {name: 3}
    with pytest.raises(SettingsError, match=name):
        shoal.search(data, store=tmp_path / "s.db", **callback)
    with pytest.raises(SettingsError, match="progress"):
        shoal.search(data, store=tmp_path / "s.db", progress="yes")  # type: ignore[arg-type]
    assert not (tmp_path / "s.db").exists()
