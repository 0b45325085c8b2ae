"""What a search will cost: counted against searches that are played, and a real one's record."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.analysis.cost_estimate import estimate_cost, first_genomes
from shoal.analysis.stages import first_trainings, stages
from shoal.analysis.throughput import Throughput, guessed_throughput, recorded_throughput
from shoal.data import load_dataset
from shoal.executors import Executor, Job, Outcome
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.simulation import SimulationProblem
from shoal.problems.table import TableProblem
from shoal.settings.phase import Phase
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store, open_store
from shoal.tuning.search import Search

HERE = Throughput((1e-10, 3e-10), (0.4, 0.9), "made up")


def played(given: SearchSettings) -> Counter[str]:
    """Trainings by stage of a search.

    Its scores are noise about a quality of each genome, so that no race is resolved.
    """
    search, count = Search(given), Counter[str]()
    while tasks := search.ask():
        for task in tasks:
            count["confirmation" if task.phase is Phase.CONFIRMATION else "search"] += 1
            noise = int(task.genome.hash, 16) % 97 * 1e-3 + (task.repeat * 7 % 11)
            search.tell(Evaluation(task, "ok", Scores(Metrics(50 + noise), Metrics(50 + noise))))
    return count


def planned(given: SearchSettings) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for stage in stages(given):
        least, most = found.get(stage.name, (0, 0))
        found[stage.name] = least + stage.least, most + stage.most
    return found


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_as_many_trainings_as_an_undisturbed_search_asks_for(data: st.DataObject) -> None:
    population = data.draw(st.integers(2, 17))
    repeats = data.draw(st.integers(1, 4))
    values: dict[str, Any] = {
        "sampler": "random",  # no genome comes twice
        "population": population,
        "elitism": data.draw(st.integers(0, population - 1)),
        "generations": data.draw(st.integers(1, 5)),
        "repeats": repeats,
        "max_repeats": data.draw(st.integers(repeats, 12)),
        "racing": data.draw(st.sampled_from(["halving", "fixed", "t-race"])),
        "finalists": data.draw(st.integers(0, 7)),
        "confirmations": data.draw(st.integers(2, 8)),
        "seed": data.draw(st.integers(0, 5)),
    }
    given = SearchSettings.parse(values)
    found, count = planned(given), played(given)

    if given.racing == "halving":
        assert found["search"] == (count["search"], count["search"])
    else:
        assert found["search"][0] <= count["search"] <= found["search"][1]

    assert (
        played(given.model_copy(update={"generations": 1}))["search"]
        <= first_trainings(given)
        <= found["search"][1]
    )

    least, most = found.get("confirmation", (0, 0))
    assert least <= count["confirmation"] <= most


def test_the_budget_of_evaluations_is_kept_to_the_one() -> None:
    given = SearchSettings.parse({"evaluations": 61, "sampler": "random", "generations": 9})
    assert planned(given)["search"][1] == played(given)["search"] == 61


def test_a_long_search_is_counted_as_fast_as_a_short_one_and_grows_evenly() -> None:
    counts = [
        planned(SearchSettings.parse({"generations": g}))["search"][1] for g in (10, 11, 1_000_000)
    ]
    each = counts[1] - counts[0]
    assert counts[2] == counts[0] + each * (1_000_000 - 10)


def test_the_default_search_is_at_most_61_trainings() -> None:
    found = planned(SearchSettings.parse({}))
    assert found["search"] == (45, 45)  # 12 + 6 + 6, then 10 + 5 + 6
    assert found["confirmation"] == (7, 11) and found["champion"] == (3, 5)


@pytest.fixture(scope="module")
def concrete() -> Any:
    return load_dataset("concrete")


def test_costs_are_the_sum_over_stages_of_what_each_training_costs(concrete: Any) -> None:
    problem = TableProblem(
        concrete, SearchSettings.parse({"population": 6, "generations": 3, "workers": 1})
    )
    genomes = first_genomes(problem.settings)
    assert genomes == Search(problem.settings).population

    total = 0.0
    for stage in stages(problem.settings):
        total += (
            stage.most * sum(problem.cost(Task(g, stage.repeat)) for g in genomes) / len(genomes)
        )

    found = estimate_cost(problem, HERE)
    assert found.cost[1] == pytest.approx(total, rel=1e-12)
    assert found.seconds[0] == pytest.approx(found.cost[0] * 1e-10)
    assert found.trainings == tuple(
        sum(getattr(s, n) for s in stages(problem.settings)) for n in ("least", "most")
    )
    assert found.source == "made up"


def test_a_champion_of_confirmed_policies_costs_no_training() -> None:
    settings = SearchSettings.parse({"preset": "simulation"})
    found = estimate_cost(SimulationProblem(get_simulation("cartpole"), settings), HERE)
    assert {stage.name for stage in found.stages} == {"search", "confirmation"}
    assert found.trainings == found.recorded


def test_budgets_of_time_bound_the_seconds(concrete: Any) -> None:
    def seconds(**values: Any) -> tuple[float, float]:
        return estimate_cost(
            TableProblem(concrete, SearchSettings.parse({"workers": 1, **values})), HERE
        ).seconds

    free = seconds(generations=1000)
    assert seconds(generations=1000, max_seconds=60) == (60, 60) and free[0] > 60
    assert seconds(generations=1000, training_seconds=1e-3)[1] < free[1]
    impatient = seconds(generations=1000, patience=100)
    assert impatient[0] == pytest.approx(free[0] * 0.4)


def test_quotas_are_warned_of(concrete: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def warned(**values: Any) -> str:
        found = estimate_cost(TableProblem(concrete, SearchSettings.parse(values)), HERE)
        return " ".join(f.what for f in found.warnings)

    assert warned() == ""
    assert "days" in warned(generations=100_000)
    monkeypatch.setattr("shoal.analysis.cost_estimate.MANY_WEIGHTS", 500)
    assert "weights" in warned()
    monkeypatch.setattr("shoal.analysis.cost_estimate.MANY_ROWS", 500)
    assert "721 rows" in warned()
    monkeypatch.setattr("shoal.analysis.cost_estimate._installed_memory", lambda: 1000)
    assert "GB" in warned()


def test_searches_that_come_first_are_counted(concrete: Any, tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:
        for seed in range(5):
            store.add_run(concrete, SearchSettings(seed=seed))
        found = estimate_cost(TableProblem(concrete, SearchSettings()), None, store.runs())
        assert [f.what for f in found.warnings] == [
            "5 searches are running or queued here, and this one comes after them."
        ]
        assert (
            found.source == guessed_throughput(SearchSettings()).source and "guess" in found.source
        )
        assert recorded_throughput(store, SearchSettings()) is None


SMALL = {
    "population": 4,
    "generations": 3,
    "iterations": 24,
    "final_factor": 2,
    "finalists": 3,
    "networks": 1,
    "sampler": "random",
    "baselines": False,
    "workers": 1,
    # An iteration of the widest would be more than all that a training may cost.
    "max_width": 64,
}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, concrete: Any) -> Iterator[Store]:
    """A store with a small search that was really run, in this process."""
    from shoal.orchestration.runner import Runner

    with open_store(tmp_path_factory.mktemp("estimate") / "s.db") as store:
        store.add_run(concrete, SearchSettings.parse(SMALL))
        claim = store.claim(Owner.here())
        assert claim is not None
        assert (
            Runner(store, claim, make_executor=lambda problem, workers: _Here(problem)).drive()
            == "finished"
        )
        yield store


class _Here(Executor):
    """Trains in this process, at once."""

    def __init__(self, problem: TableProblem) -> None:
        from shoal.pso.engines import get_engine

        self.problem, self.engine, self.done = problem, get_engine("cpu"), list[Outcome]()

    capacity, cores = 1, 1

    def submit(self, job: Job) -> None:
        import os
        import socket

        self.done.append(
            Outcome(
                job,
                job.run(self.problem, self.engine),
                worker=f"{socket.gethostname()}:{os.getpid()}",
            )
        )

    def poll(self, timeout: float) -> list[Outcome]:
        done, self.done = self.done, []
        return done

    def close(self) -> None:
        pass


def test_a_real_search_is_what_was_foreseen(record: Store, concrete: Any) -> None:
    evaluations, problem = (
        record.evaluations(1),
        TableProblem(concrete, SearchSettings.parse(SMALL)),
    )
    found = estimate_cost(problem, recorded_throughput(record, problem.settings))
    searched = [e for e in evaluations if e.task.phase is Phase.SEARCH]

    assert planned(problem.settings)["search"] == (len(searched), len(searched))
    assert found.recorded[0] <= len(evaluations) <= found.recorded[1]
    assert found.source == f"from {len(evaluations)} trainings of run 1"

    cost = sum(problem.cost(e.task) for e in evaluations)
    assert found.cost[0] / 3 < cost < found.cost[1] * 3

    # The same trainings at the recorded pace: arithmetic, not this machine's clock.
    seconds = sum(e.seconds for e in evaluations)
    assert found.seconds[0] / 3 < seconds < found.seconds[1] * 3


def test_a_pace_is_taken_from_this_host_and_this_engine_alone(
    record: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recorded_throughput(record, SearchSettings.parse({"engine": "reference"})) is None

    pace = recorded_throughput(record, SearchSettings())
    assert (
        pace is not None
        and 0 < pace.seconds[0] < pace.seconds[1]
        and 0 < pace.share[0] <= pace.share[1] <= 1
    )
    assert math.isfinite(pace.seconds[1])

    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    assert recorded_throughput(record, SearchSettings()) is None


def test_workers_share_the_time_but_not_the_memory(
    concrete: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shoal.analysis.cost_estimate.cores", lambda: 8)
    one, four = (
        estimate_cost(TableProblem(concrete, SearchSettings.parse({"workers": n})), HERE)
        for n in (1, 4)
    )
    assert four.seconds[0] == pytest.approx(one.seconds[0] / 4) and four.memory == 4 * one.memory
    assert replace(four, seconds=one.seconds, memory=one.memory, largest=one.largest) == one
