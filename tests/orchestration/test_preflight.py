"""Bad input is refused everywhere, with value, expectation and remedy, before any write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.cli.run_input import read_run_input
from shoal.data import Dataset, load_dataset
from shoal.errors import SettingsError, ShoalError
from shoal.orchestration import preflight
from shoal.orchestration.preflight import check_search
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.search import Search

ROWS = 60
TABLE = pd.DataFrame(
    {"a": np.arange(ROWS) % 7, "b": np.arange(ROWS) % 11, "g": np.arange(ROWS) // 10}
)
TABLE["y"] = TABLE.a * 2.0 + TABLE.b
CLASSES = TABLE.assign(y=np.where(TABLE.a > 3, "p", "q"))


def with_odd(members: int) -> pd.DataFrame:
    """The classes, and a third one of so many members."""
    return CLASSES.assign(y=np.where(np.arange(ROWS) < members, "odd", CLASSES.y))


# Table, data options, settings, words of the message.
BAD: dict[str, tuple[pd.DataFrame, dict[str, object], dict[str, object], list[str]]] = {
    "a target of one value": (TABLE.assign(y=1.5), {}, {}, ["'y'", "1.5 in every row"]),
    "one class": (TABLE.assign(y="yes"), {}, {}, ["'y'", "1 class", "2 to 100"]),
    "fewer rows than folds": (TABLE[:12], {"folds": 50}, {}, ["8 rows", "50 folds"]),
    "fewer groups than folds": (TABLE, {"folds": 20, "group": "g"}, {}, ["4 groups", "20 folds"]),
    "a group for all": (TABLE.assign(g=1), {"group": "g"}, {}, ["too few groups"]),
    "a class with one member": (with_odd(1), {}, {}, ["'odd'", "one member", "row 2"]),
    "a class with too few for the folds": (
        with_odd(4),
        {"folds": 5},
        {},
        ["'odd'", "3 rows", "5 folds"],
    ),
    "the target as group": (TABLE, {"group": "y"}, {}, ["group 'y'", "not the target"]),
    "the target kept together": (TABLE, {"same": ["y"]}, {}, ["same", "'y'", "features"]),
    "a list as group": (TABLE, {"group": ["g"]}, {}, ["group ['g']", "name of a column"]),
    "a number as target": (TABLE, {"target": [3]}, {}, ["target", "3", "name of a column"]),
    "no target": (TABLE, {"target": ""}, {}, ["target ''", "name of a column"]),
    "folds that are no number": (TABLE, {"folds": "many"}, {}, ["folds 'many'", "whole number"]),
    "no row left": (TABLE, {"validation_fraction": 0.99}, {}, ["train part", "60"]),
    "a bound that excludes everything": (
        TABLE,
        {},
        {"bounds": {"swarm_size": [40, 10]}},
        ["swarm_size", "4..200"],
    ),
    "a bound beyond": (
        TABLE,
        {},
        {"bounds": {"inertia_weight": [3, 4]}},
        ["inertia_weight", "0..2"],
    ),
    "informants without swarms": (
        TABLE,
        {},
        {"bounds": {"num_informants": [199, 199]}},
        ["informants", "swarm_size"],
    ),
    "no choice": (TABLE, {}, {"choices": {"activation": []}}, ["activation", "relu"]),
    "a swarm nobody named": (TABLE, {}, {"start": ["fips"]}, ["start", "fips", "spso2007"]),
    "too few evaluations": (
        TABLE,
        {},
        {"evaluations": 5},
        ["evaluations=5", "one generation", "12"],
    ),
    "no generation": (TABLE, {}, {"generations": 0}, ["generations=0"]),
    "no time": (TABLE, {}, {"max_seconds": 0}, ["max_seconds=0"]),
    "too little time": (
        TABLE,
        {},
        {"max_seconds": 1e-6},
        ["max_seconds=1e-06", "one generation", "raise it"],
    ),
    "a loss that does not fit": (TABLE, {}, {"loss": "cross_entropy"}, ["cross_entropy", "mse"]),
    "steps without a simulation": (TABLE, {}, {"steps": 5}, ["steps=5", "simulation"]),
    "scenarios without a simulation": (TABLE, {}, {"scenarios": 5}, ["scenarios=5", "simulation"]),
    "a setting that is none": (TABLE, {}, {"populaton": 4}, ["populaton", "population"]),
    "a name that is none": (TABLE, {}, {"name": 5}, ["name=5", "text"]),
}


def told(error: ShoalError, words: list[str]) -> bool:
    """Whether it says all that it should."""
    return all(word in str(error) for word in words) and bool(error.remedy) and error.exit_code == 2


@pytest.mark.parametrize("case", BAD)
def test_python_refuses_it_and_makes_no_store(case: str, tmp_path: Path) -> None:
    table, about_data, values, words = BAD[case]
    with pytest.raises(ShoalError) as caught:
        shoal.search(
            load_dataset(table, **{"target": "y", **about_data}),
            store=tmp_path / "shoal.db",
            **values,
        )

    assert told(caught.value, words), caught.value
    assert list(tmp_path.iterdir()) == []


def test_a_search_of_a_plain_function_says_what_makes_it_a_problem(tmp_path: Path) -> None:
    def cost(x: np.ndarray) -> np.ndarray:
        return (x**2).sum(axis=1)

    remedy = r"function cost.*shoal\.FunctionProblem\(cost, bounds\).*@shoal\.simulation"
    with pytest.raises(ShoalError, match=remedy):
        shoal.search(cost, store=tmp_path / "shoal.db")
    with pytest.raises(ShoalError, match=r"shoal\.FunctionProblem\(f, bounds\)"):
        shoal.search(lambda x: 0.0, store=tmp_path / "shoal.db")
    assert list(tmp_path.iterdir()) == []

    with pytest.raises(ShoalError, match=r"function cost.*shoal\.minimize\(cost, bounds\)"):
        shoal.train(cost)


@pytest.mark.parametrize("case", BAD)
def test_settings_files_are_refused_before_a_store_is_opened(case: str, tmp_path: Path) -> None:
    table, about_data, values, words = BAD[case]
    table.to_csv(tmp_path / "table.csv", index=False)
    lines = {"data": "table.csv", "target": "y", **about_data, **values}
    (tmp_path / "search.toml").write_text(
        "".join(f"{name} = {toml(value)}\n" for name, value in lines.items())
    )
    with pytest.raises(ShoalError) as caught:
        read_run_input({}, tmp_path / "search.toml")

    assert told(caught.value, words), caught.value


def test_the_simulation_to_try_out_does_not_take_the_place_of_a_table() -> None:
    with pytest.raises(ShoalError, match="--demo-simulation, and 'concrete' to solve"):
        read_run_input({"data": "concrete", "demo_simulation": True}, None)


def toml(value: object) -> str:
    """As in a settings file."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(inner)}" for name, inner in value.items()) + "}"
    return repr(value)


@pytest.mark.parametrize("data", [5, None, "concrete", TABLE])
def test_what_is_no_data_set_is_refused(data: object, tmp_path: Path) -> None:
    for call in (
        lambda: shoal.search(data, store=tmp_path / "shoal.db"),
        lambda: shoal.train(data),
    ):
        with pytest.raises(ShoalError, match=r"no prepared data set.*shoal\.load_dataset"):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"genome": {"swarm_size": 5}}, "swarm_size"),
        ({"repeat": -1}, "repeat=-1"),
        ({"repeat": "x"}, "'x'"),
    ],
)
def test_trainings_that_are_none_are_refused(given: dict[str, object], word: str) -> None:
    with pytest.raises(ShoalError, match=word):
        shoal.train(load_dataset(TABLE, "y"), iterations=2, **given)


def test_a_number_is_no_table() -> None:
    with pytest.raises(ShoalError, match="data 5"):
        load_dataset(5, "y")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(TABLE, "y")


def test_time_that_may_do_is_taken(data: Dataset) -> None:
    check_search(data, SearchSettings(max_seconds=1.0))
    check_search(
        data, SearchSettings(max_seconds=1e-6, training_seconds=1e-9)
    )  # then lengths say nothing


def test_the_manager_asks_the_same(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ShoalError, match="max_seconds=1e-09"):
        shoal.TrainManager(tmp_path / "shoal.db", data=data, max_seconds=1e-9)
    assert list(tmp_path.iterdir()) == []


def test_a_thousand_genomes_are_not_made_to_see_whether_the_time_suffices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = load_dataset("concrete")
    made = []

    def counted(settings: SearchSettings, *others: Any) -> Search:
        made.append(settings.population)
        return Search(settings, *others)

    monkeypatch.setattr(preflight, "Search", counted)
    for population in (50, 10_000):
        settings = SearchSettings.parse({"population": population, "max_seconds": 1e-6})
        with pytest.raises(SettingsError, match=f"for {population} genomes"):
            check_search(data, settings)
    assert made == [50, 100]
