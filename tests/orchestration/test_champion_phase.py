"""A champion is made of its confirmations where it would only train them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shoal.executors import Evaluate, Job
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store, open_store
from shoal.tuning.champion import CHAMPION, AssembleChampion, Champion, RefitJob
from support.fakes import HereExecutor

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
