"""Objectives and metrics of one's own on tables: recorded, and executed only as recorded."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

import shoal
from problems.user_files import CHANGED_GOALS, GOALS, TINY_TABLE_SEARCH, write
from shoal.data import load_dataset
from shoal.errors import CodeChangedError, ObjectiveError, ProblemError, SettingsError, ShoalError
from shoal.orchestration.runner import Runner
from shoal.problems import references
from shoal.problems.evaluation import Task
from shoal.problems.own_code import (
    choose_objective,
    objectives_of,
    offered_names,
    pin_settings,
)
from shoal.problems.references import recorded_code, sha256_of
from shoal.problems.registry import make_problem
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.store.tables import run as run_table

GENOME = shoal.Genome(swarm_size=6, hidden_layers=(3,))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "goals.py", GOALS)


@pytest.fixture(scope="module")
def concrete() -> shoal.Dataset:
    return load_dataset("concrete")


def parsed(**settings: Any) -> SearchSettings:
    return SearchSettings.parse(pin_settings({**TINY_TABLE_SEARCH, **settings}))


def recorded(tmp_path: Path, data: shoal.Dataset, settings: SearchSettings) -> Store:
    store = open_store(tmp_path / "shoal.db")
    store.add_run(data, settings)
    return store


@pytest.fixture
def store(tmp_path: Path, file: Path, concrete: shoal.Dataset) -> Iterator[Store]:
    """A store with one run that optimises `within`."""
    with recorded(tmp_path, concrete, parsed(objective=f"{file}:within")) as opened:
        yield opened


def drive(store: Store) -> str:
    claim = store.claim(Owner.here())
    assert claim is not None
    return Runner(store, claim).drive()


# ---- What is optimised and what is selected on ---------------------------------------------------


def test_a_search_selects_on_its_objective(concrete: shoal.Dataset, file: Path) -> None:
    problem = make_problem(concrete, parsed(objective=f"{file}:within"))

    evaluation, _ = problem.train(Task(GENOME, 0), get_engine("cpu"))

    assert problem.metric.name == "within" and problem.metric.unit == "%"
    assert problem.metric.maximizes
    assert evaluation.score == evaluation.scores.validation["within"]
    # The loss is the objective with its sign turned, on the rows that were trained on.
    assert evaluation.loss == pytest.approx(-evaluation.scores.train["within"], abs=0.2)
    # Every table has its own metrics still.
    assert evaluation.scores.validation.accuracy is not None


@pytest.mark.parametrize(
    ("settings", "metric"),
    [
        ({"objective": "{}:within", "metric": "rmse"}, "rmse"),
        ({"metric": "{}:within"}, "within"),
        ({"objective": "{}:lopsided"}, "lopsided"),
        ({"objective": "tolerance", "metric": "{}:lopsided"}, "lopsided"),
        ({"objective": "r2"}, "r2"),
        ({"metric": "neg_median_absolute_error"}, "median_absolute_error"),
        ({"objective": "pinball", "metric": "accuracy"}, "accuracy"),
    ],
)
def test_the_metric_is_what_settings_say(
    concrete: shoal.Dataset, file: Path, settings: dict[str, str], metric: str
) -> None:
    named = {name: value.format(file) for name, value in settings.items()}
    problem = make_problem(concrete, parsed(**named))

    evaluation, _ = problem.train(Task(GENOME, 0), get_engine("cpu"))

    assert problem.metric.name == metric
    assert evaluation.score == evaluation.scores.selection[metric]


def test_a_metric_of_rows_is_its_mean(concrete: shoal.Dataset, file: Path) -> None:
    problem = make_problem(concrete, parsed(metric={"name": f"{file}:lopsided", "late": 2.0}))
    part = concrete.test
    predicted = part.target + np.where(np.arange(len(part.target)) % 2, 1.0, -1.0)

    metrics = problem.metrics(predicted, part)

    ones = np.arange(len(part.target)) % 2
    assert metrics["lopsided"] == pytest.approx(np.where(ones, 1.0, 2.0).mean(), rel=1e-6)


def test_single_trainings_take_functions_of_a_notebook(concrete: shoal.Dataset) -> None:
    nearest = shoal.objective("minimize", outputs="unscaled", name="worst")(
        lambda predicted, y: np.abs(predicted - y).max(axis=1)
    )

    result = shoal.train(concrete, GENOME, iterations=10, objective=nearest)

    worst = result.scores.train["worst"]
    assert result.loss == pytest.approx(worst, rel=1e-4)
    other = shoal.train(concrete, GENOME, iterations=10, metric=nearest)
    assert other.scores.train["worst"] > 0 and other.loss != worst


def test_weights_of_rows_are_those_of_the_training() -> None:
    import pandas as pd

    random = np.random.default_rng(0)
    x = random.normal(size=200)
    frame = pd.DataFrame({"x": x, "y": np.where(x > 0, x, 50.0 + x), "w": (x > 0).astype(float)})
    data = load_dataset(frame, "y", weight="w", folds=1)

    result = shoal.train(data, GENOME, iterations=60)

    # Rows that weigh nothing would have made any fit of the others bad.
    assert result.scores.train.mae < 0.5


def test_columns_are_handed_to_the_objective(file: Path) -> None:
    settings = parsed(objective=f"{file}:young")
    assert [own.table_columns for own in objectives_of(settings)] == [("age",)]

    with pytest.raises(ObjectiveError, match=r"needs the column 'age'") as raised:
        make_problem(load_dataset("concrete"), settings)
    assert "--role age=column" in raised.value.remedy

    data = load_dataset("concrete", columns=("age",))
    evaluation, _ = make_problem(data, settings).train(Task(GENOME, 0), get_engine("cpu"))
    assert evaluation.scores.selection["young"] < 0


# ---- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"objective": "{}:number"}, "is a int, not an objective"),
        ({"objective": "{}:nothing"}, "defines no 'nothing'"),
        ({"objective": "{}x.py:within"}, "No such file"),
        ({"objective": {"name": "{}:within", "width": 3}}, "has no option 'width'"),
        ({"objective": {"name": "{}:within", "tolerance": "wide"}}, "tolerance='wide'"),
        ({"objective": {"name": "{}:within", "sha256": "0" * 64}}, "has the SHA-256"),
        ({"objective": "f1"}, "does not fit a regression target"),
        ({"metric": "roc_auc"}, "does not fit a regression target"),
        ({"objective": "f2"}, "There is no objective 'f2'"),
        ({"metric": "tolerence"}, "tolerance"),
        ({"objective": "{}:within", "loss": "mse"}, "exclude each other"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_starts(
    concrete: shoal.Dataset, file: Path, settings: dict[str, Any], words: str
) -> None:
    filled = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            filled[name] = {**value, "name": value["name"].format(file)}
        else:
            filled[name] = value.format(file)

    with pytest.raises((ProblemError, SettingsError), match=words) as raised:
        make_problem(concrete, parsed(**filled))
    assert raised.value.exit_code == 2


def test_no_other_process_could_import_it() -> None:
    @shoal.objective("minimize")
    def local(outputs: Any, y: Any) -> Any:
        return outputs.mean(axis=1)

    with pytest.raises(ProblemError, match="cannot be found again") as raised:
        pin_settings({"objective": local})
    assert "put it into a file" in raised.value.remedy


# ---- The record ----------------------------------------------------------------------------------


def test_code_is_pinned_by_its_absolute_path_and_its_hash(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    settings = parsed(objective={"name": "goals.py:within", "tolerance": 4})

    assert settings.objective.name == f"{file}:within"
    assert settings.objective.sha256 == sha256_of(file.read_bytes())
    assert settings.objective.options == {"tolerance": 4.0}
    # Pinned once more, nothing changes; objects and references give the same.
    assert parsed(objective=settings.objective.model_dump()) == settings
    found, _ = references.find(f"{file}:within")
    assert parsed(objective=found.with_options(tolerance=4)) == settings


def test_a_run_records_text_hash_and_metric(store: Store, file: Path) -> None:
    run = store.run(1)

    assert run.is_table and run.kind == "table" and run.dataset == "concrete"
    assert run.metric.name == "within"
    assert recorded_code(1, run.problem).text == file.read_text()
    assert set(run.problem["versions"]) == {"python", "numpy", "numba"}


def test_settings_that_name_no_code_record_nothing_new(
    tmp_path: Path, concrete: shoal.Dataset
) -> None:
    with recorded(tmp_path, concrete, parsed(metric="rmse")) as store:
        assert store.run(1).problem is None
        assert store.run(1).settings.metric == "rmse"


def test_two_files_are_kept_apart(tmp_path: Path, file: Path, concrete: shoal.Dataset) -> None:
    other = write(tmp_path / "other.py", CHANGED_GOALS)
    settings = parsed(objective=f"{file}:within", metric=f"{other}:lopsided")

    with recorded(tmp_path, concrete, settings) as store:
        record = store.run(1).problem
    assert recorded_code(1, record, "objective").text == GOALS
    assert recorded_code(1, record, "metric").text == CHANGED_GOALS


def test_no_code_is_sent_to_workers(concrete: shoal.Dataset, file: Path) -> None:
    problem = make_problem(concrete, parsed(objective=f"{file}:within"))

    content = pickle.dumps(problem.for_workers())

    assert b"np.abs" not in content
    assert pickle.loads(content).in_worker().own_objective.name == "within"


def test_it_is_searched_resumed_and_the_same_in_any_process(
    store: Store, tmp_path: Path, concrete: shoal.Dataset, file: Path
) -> None:
    assert drive(store) == "finished"
    first = store.run(1)

    settings = parsed(objective=f"{file}:within", workers=2)
    with open_store(tmp_path / "other.db") as other:
        result = shoal.search(
            concrete, store=other, **{**TINY_TABLE_SEARCH, "workers": 2}, objective=f"{file}:within"
        )
    assert result.run.settings == settings
    assert result.result_hash == first.result_hash
    assert result.champion.metric.name == "within"
    assert result.champion.scores.test["within"] >= 0


# ---- Code that is not the recorded one -----------------------------------------------------------


def test_a_changed_file_pauses_the_run_until_it_is_put_back(store: Store, file: Path) -> None:
    write(file, CHANGED_GOALS)

    assert drive(store) == "paused"
    run = store.run(1)
    assert "has changed since the run began" in run.error
    assert "`shoal code RUN --to" in run.error

    write(file, recorded_code(1, run.problem).text)
    store.command(1, "resume")
    assert drive(store) == "finished"


def _forge(store: Store, **changes: Any) -> None:
    """Change the settings that run 1 recorded, as somebody with the store's file can."""
    settings = store.run(1).settings.to_dict()
    settings["objective"] = {**settings["objective"], **changes}
    changed = update(run_table).where(run_table.c.id == 1).values(settings=settings)
    store._database.write(lambda connection: connection.execute(changed))


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "0" * 64},
        {"name": "os:system"},
        {"name": "/dev/stdin.py:within"},
        {"name": "//host/share/goals.py:within"},
        {"name": "../goals.py:within"},
        {"name": "__import__('os').system('true')", "sha256": None},
        {"options": {"no_such_option": 1}},
    ],
)
def test_a_forged_record_executes_nothing(
    store: Store, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _forge(store, **changes)

    def executed(*_: Any) -> None:
        raise AssertionError("executed")

    if "options" not in changes:
        monkeypatch.setattr(references, "_execute", executed)
    with pytest.raises(ShoalError):
        store.load_problem(1)


def test_a_reference_without_a_hash_is_not_followed(store: Store, file: Path) -> None:
    _forge(store, sha256=None)
    assert store.runs()[0].id == 1
    with pytest.raises(SettingsError, match="without the hash"):
        store.load_problem(1)


@pytest.mark.parametrize("name", ["{}:within", "{}", "goals:within", "os:system", "", "../x.py:y"])
def test_a_form_takes_names_only(name: str, file: Path) -> None:
    with pytest.raises(ObjectiveError):
        choose_objective(name.format(file))


def test_a_form_offers_what_comes_with_shoal_and_plugins(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "plugins", lambda group: {"near": f"{file}:within"})

    assert {"tolerance", "pinball", "r2", "near"} <= set(offered_names("regression"))
    assert "f1" not in offered_names("regression")
    assert choose_objective("near").name == "within"
    assert parsed(objective="near").objective.sha256 == sha256_of(file.read_bytes())


def test_a_forged_text_is_shown_to_nobody(store: Store) -> None:
    record = store.run(1).problem
    record["codes"][0]["code"] = "print('executed')"
    with pytest.raises(ProblemError, match="not the recorded"):
        recorded_code(1, record)


def test_problems_of_stored_settings_find_their_code_by_its_hash(
    concrete: shoal.Dataset, file: Path
) -> None:
    settings = parsed(objective=f"{file}:within")
    write(file, CHANGED_GOALS)
    with pytest.raises(CodeChangedError):
        TableProblem(concrete, settings)
