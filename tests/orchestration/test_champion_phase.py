"""A champion is made of its confirmations where it would only train them again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoal.api import search_result
from shoal.errors import AnalysisError
from shoal.executors import Evaluate, Job
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store, open_store
from shoal.tuning.champion import CHAMPION, AssembleChampion, Champion, RefitJob
from support.fakes import HereExecutor, InlineExecutor
from support.searches import BRIEF
from support.tables import tiny_dataset

SETTINGS = SearchSettings.parse(
    {
        "preset": "simulation",
        "population": 3,
        "generations": 1,
        "repeats": 1,
        "max_repeats": 1,
        "iterations": 3,
        "scenarios": 1,
        "validation_scenarios": 2,
        "test_scenarios": 2,
        "finalists": 2,
        "confirmations": 2,
        "final_factor": 1,
    }
)


def _drive(store: Store, until: type[Any] | None = None) -> list[Job]:
    """Drive the run, and leave it at a job of the kind ``until``; the jobs it came to."""
    jobs: list[Job] = []

    class Witness(HereExecutor):
        def submit(self, job: Job) -> None:
            jobs.append(job)
            super().submit(job)

    def leaving() -> bool:
        return until is not None and isinstance(jobs[-1], until)

    claim = store.claim(Owner.here())
    assert claim is not None
    Runner(store, claim, make_executor=Witness, leaving=leaving).drive()
    return jobs


def _kinds(jobs: list[Job]) -> set[type[Any]]:
    return {type(job) for job in jobs}


def _champion(store: Store) -> Champion:
    content = store.artifact(1, CHAMPION)
    assert content is not None
    return Champion.from_bytes(content)


def test_no_policy_is_trained_twice_and_a_resumed_run_finds_the_same(tmp_path: Path) -> None:
    simulation = get_simulation("cartpole")
    with open_store(tmp_path / "whole.db") as store:
        store.add_run(simulation, SETTINGS)
        assert _kinds(_drive(store)) == {Evaluate, AssembleChampion}
        whole = _champion(store)

    # The run is left where only its champion is missing. The weights are in no record, so whoever
    # goes on trains them.
    with open_store(tmp_path / "left.db") as store:
        store.add_run(simulation, SETTINGS)
        _drive(store, until=AssembleChampion)
        assert store.run(1).state == "interrupted"

        assert _kinds(_drive(store)) == {RefitJob, AssembleChampion}
        resumed = _champion(store)

    assert len(whole.weights) == 2
    np.testing.assert_array_equal(resumed.weights, whole.weights)
    assert (resumed.shares, resumed.scores) == (whole.shares, whole.scores)


def test_a_run_whose_champion_is_lost_has_failed_and_a_resumed_one_makes_it(
    tmp_path: Path,
) -> None:
    def lost(job: Job) -> str | None:
        return "Its worker died." if isinstance(job, RefitJob) else None

    with open_store(tmp_path / "shoal.db") as store:
        store.add_run(tiny_dataset(), BRIEF)
        claim = store.claim(Owner.here())
        assert claim is not None
        state = Runner(store, claim, make_executor=partial(InlineExecutor, on_job=lost)).drive()
        assert state == "failed"

        run = store.run(1)
        assert run.state == "failed"
        assert run.error == (
            "Every network of the champion was lost. The first: Its worker died. "
            "What to do: resume the run: it trains them again, and nothing else."
        )
        searched = run.evaluations
        with pytest.raises(AnalysisError, match="is failed, and has kept no champion"):
            search_result(store, 1).importance()

        store.command(1, "resume")
        assert not any(isinstance(job, Evaluate) for job in _drive(store))
        assert store.run(1).state == "finished"
        assert store.run(1).evaluations == searched
        assert len(_champion(store).weights) > 0


def test_an_assembly_that_is_lost_fails_the_run(tmp_path: Path) -> None:
    def lost(job: Job) -> str | None:
        return "Its worker died." if isinstance(job, AssembleChampion) else None

    with open_store(tmp_path / "shoal.db") as store:
        store.add_run(tiny_dataset(), BRIEF)
        claim = store.claim(Owner.here())
        assert claim is not None
        state = Runner(store, claim, make_executor=partial(InlineExecutor, on_job=lost)).drive()
        assert state == store.run(1).state == "failed"
        assert "The champion was lost: Its worker died." in (store.run(1).error or "")
