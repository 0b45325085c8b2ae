"""A simulation as a problem: what is recorded of it, and that its search is one like any other."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
from shoal.errors import CodeChangedError, ProblemError, SettingsError, SimulationError
from shoal.genome.genome import Genome
from shoal.orchestration.runner import Runner
from shoal.problems import references
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Task
from shoal.problems.registry import find_simulation, names_code
from shoal.problems.simulation import SimulationProblem, describe_simulation, load_simulation
from shoal.pso.engines import get_engine
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store
from support.fakes import HereExecutor
from support.locations import TESTS

FILE = TESTS / "support" / "thermostat.py"
REFERENCE = f"{FILE}:thermostat"
SMALL: dict[str, Any] = {
    "preset": "simulation",
    "population": 4,
    "generations": 2,
    "repeats": 2,
    "max_repeats": 2,
    "iterations": 8,
    "scenarios": 2,
    "validation_scenarios": 6,
    "test_scenarios": 20,
    "finalists": 2,
    "confirmations": 2,
    "final_factor": 2,
}
GENOME = Genome(swarm_size=8, hidden_layers=(3,), weight_scale=1.0, activation="tanh")


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A user's file, which a test may change."""
    return Path(shutil.copy(FILE, tmp_path / "thermostat.py"))


def problem(**settings: Any) -> SimulationProblem:
    simulation = find_simulation(REFERENCE)
    assert simulation is not None
    return SimulationProblem(simulation, SearchSettings.parse({**SMALL, **settings}))


# ---- A training ----------------------------------------------------------------------------------


def test_a_training_is_a_function_of_genome_and_repeat() -> None:
    first = evaluate(problem(), Task(GENOME, 1), get_engine("cpu"))
    again = evaluate(problem(), Task(GENOME, 1), get_engine("cpu", 2))
    other = evaluate(problem(), Task(GENOME, 2), get_engine("cpu"))

    assert first.status == "ok"
    assert first.score == first.scores.validation["score"]
    assert replace(again, seconds=0.0) == replace(first, seconds=0.0)
    assert other.score != first.score


def test_a_training_is_repeated_with_its_recorded_length() -> None:
    whole, weights = problem().train(Task(GENOME, 0), get_engine("cpu"))
    again, same = problem().train(Task(GENOME, 0), get_engine("cpu"), whole.iterations)
    assert again.score == whole.score
    assert np.array_equal(weights, same)


def test_confirmations_are_judged_on_scenarios_that_the_search_never_met() -> None:
    solved = problem(iterations=1, final_factor=1, equal_effort=False)
    searched = evaluate(solved, Task(GENOME, 0), get_engine("cpu"))
    confirmed = evaluate(solved, Task(GENOME, FIRST_CONFIRMATION), get_engine("cpu"))
    assert searched.iterations == confirmed.iterations == 1
    assert searched.score != confirmed.score


def test_a_simulation_that_raises_is_a_failed_evaluation() -> None:
    @shoal.simulation(inputs=1, outputs=1)
    def broken(policy: Any, scenario: Any) -> float:
        raise ValueError("no gas")

    solved = SimulationProblem(broken, SearchSettings.parse(SMALL))
    found = evaluate(solved, Task(GENOME, 0), get_engine("cpu"))
    assert found.status == "failed"
    assert found.error is not None
    assert "no gas" in found.error


# ---- The record ----------------------------------------------------------------------------------


def test_a_bundled_simulation_is_recorded_by_its_name_and_options() -> None:
    costly = get_simulation("lost-sales", penalty=9)
    record = describe_simulation(costly)
    assert (record["reference"], record["sha256"], record["code"]) == ("lost-sales", None, None)
    assert load_simulation(record).options == costly.options
    assert record["metric"]["direction"] == "minimize"


def test_a_simulation_of_a_file_is_recorded_with_its_text_and_hash() -> None:
    record = problem().to_dict()
    assert record["reference"] == REFERENCE
    assert record["code"] == FILE.read_text()
    assert len(record["sha256"]) == 64
    assert set(record["versions"]) == {"python", "numpy", "numba"}


def test_another_process_gets_a_reference_and_no_code() -> None:
    content = pickle.dumps(problem())
    assert b"temperature" not in content.replace(FILE.read_bytes(), b"")
    assert pickle.loads(content).to_dict() == problem().to_dict()


def test_a_file_that_changed_is_not_executed(own_file: Path) -> None:
    record = describe_simulation(find_simulation(f"{own_file}:thermostat"))
    own_file.write_text(own_file.read_text() + "\nraise SystemExit('executed')\n")
    with pytest.raises(CodeChangedError, match=r"has changed since the run began"):
        load_simulation(record)

    own_file.unlink()
    with pytest.raises(CodeChangedError, match=r"not on this machine.*shoal code"):
        load_simulation(record)


def test_what_no_other_process_could_import_is_refused() -> None:
    @shoal.simulation(inputs=1, outputs=1)
    def within(policy: Any, scenario: Any) -> float:
        return 0.0

    with pytest.raises(ProblemError, match="put it into a file"):
        shoal.search(within)


@pytest.mark.parametrize("setting", [{"metric": "rmse"}, {"loss": "mse"}])
def test_a_simulation_has_neither_another_metric_nor_a_loss(setting: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="scored by what it returns"):
        problem(**setting)


def test_a_name_that_is_no_simulation_is_refused() -> None:
    with pytest.raises(ProblemError, match="not a simulation"):
        find_simulation(f"{FILE}:Any")
    with pytest.raises(ProblemError, match=r"defines no 'boiler'.*thermostat"):
        find_simulation(f"{FILE}:boiler")
    with pytest.raises(SimulationError, match=r"no simulation 'table\.csv'"):
        find_simulation("table.csv")
    assert not names_code("table.csv")


@pytest.mark.parametrize("text", ["a.py:f", "/x y/a.py:f", "package.module:f", "module:f"])
def test_what_names_code(text: str) -> None:
    assert references.is_reference(text)


@pytest.mark.parametrize("text", ["concrete", "a.csv", "gym:CartPole-v1", "C:/a.csv", "x:1y"])
def test_what_names_no_code(text: str) -> None:
    assert not references.is_reference(text)


# ---- A search ------------------------------------------------------------------------------------


def driven(store: Store) -> tuple[str, Any]:
    """The hash and the champion of a search that one process drove to its end."""
    subject = find_simulation(REFERENCE)
    run_id, _ = store.add_run(subject, SearchSettings.parse(SMALL))
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
    from shoal.analysis.summary import load_champion

    run = store.run(run_id)
    assert run.result_hash is not None
    return run.result_hash, load_champion(store, run)


def test_a_search_selects_the_smaller_cost_and_confirms_it(store: Store) -> None:
    _, champion = driven(store)
    run = store.run(1)

    assert (run.kind, run.dataset) == ("simulation", "thermostat")
    assert (run.metric.direction, run.metric.unit) == ("minimize", "degrees")
    confirmation = champion.confirmation
    assert confirmation.score <= np.mean(confirmation.second_scores or confirmation.scores)
    assert confirmation.best_minus_mean >= 0
    # One policy acts; it was tested in scenarios of its own.
    assert sorted(champion.shares)[:-1] == [0.0] * (len(champion.weights) - 1)
    assert champion.ensemble.test["score"] > 0


def test_the_same_search_gives_the_same_hash_in_any_process(store: Store, tmp_path: Path) -> None:
    expected, _ = driven(store)
    result = shoal.search(
        find_simulation(REFERENCE), store=tmp_path / "other.db", workers=2, **SMALL
    )
    assert result.result_hash == expected
    assert result.champion is not None
