"""Objectives are handed columns that a table calls something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import update

import shoal
from problems.user_files import GOALS, TINY_TABLE_SEARCH, write
from shoal.cli.run_input import read_run_input
from shoal.data import load_dataset
from shoal.data.roles import parse_roles, split_roles
from shoal.errors import ObjectiveError, ShoalError
from shoal.export.settings_file import settings_toml
from shoal.problems.check import check_named
from shoal.problems.evaluation import Task
from shoal.problems.own_code import find_named, pin_settings, pinned
from shoal.problems.registry import make_problem
from shoal.pso.engines import get_engine
from shoal.settings.named_code import NamedCode
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store
from shoal.store.tables import run as run_table
from support.processes import last_json
from support.processes import shoal as command

TINY = ("--population", "2", "--generations", "1", "--repeats", "2", "--iterations", "5")


def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 2))
    price = random.uniform(5.0, 50.0, size=120)
    bought = np.where(x[:, 0] + random.normal(size=120) > 0, "yes", "no")
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "price": price, "bought": bought})


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    path = tmp_path / "bank.csv"
    table().to_csv(path, index=False)
    return path


def parsed(**settings: Any) -> SearchSettings:
    return SearchSettings.parse(pin_settings({**TINY_TABLE_SEARCH, **settings}))


# ---- What is computed ----------------------------------------------------------------------------


def test_the_name_of_a_column_changes_no_number() -> None:
    genome = shoal.Genome(swarm_size=6, hidden_layers=(3,))
    prices = load_dataset(table(), "bought", columns=("price",))
    amounts = load_dataset(table().rename(columns={"price": "amount"}), "bought", columns="amount")
    objective = {"name": "value_per_row", "columns": {"amount": "price"}}

    renamed, _ = make_problem(prices, parsed(objective=objective)).train(
        Task(genome, 0), get_engine("cpu")
    )
    named, _ = make_problem(amounts, parsed(objective="value_per_row")).train(
        Task(genome, 0), get_engine("cpu")
    )

    assert renamed.loss == named.loss
    assert renamed.scores.train["value_per_row"] == named.scores.train["value_per_row"]


def test_it_is_one_setting_in_python_and_in_files(tmp_path: Path) -> None:
    file = write(tmp_path / "goals.py", GOALS)
    reference = f"{file}:young"
    young = find_named(NamedCode(**pinned(reference)))

    by_object = pinned(young.with_columns({"age": "years"}))
    by_table = pinned({"name": reference, "columns": {"age": "years"}})

    assert by_object == by_table
    assert by_table["columns"] == {"age": "years"}
    assert pinned(by_table) == by_table
    assert find_named(NamedCode(**by_table)).table_columns == ("years",)


def test_without_other_names_a_record_is_as_it_was() -> None:
    settings = parsed(objective="value_per_row").to_dict()
    assert set(settings["objective"]) == {"name", "sha256", "options"}

    renamed = parsed(objective={"name": "value_per_row", "columns": {"amount": "price"}})
    assert SearchSettings.recorded(renamed.to_dict()) == renamed


# ---- On the command line -------------------------------------------------------------------------


def test_a_role_says_what_an_objective_calls_a_column(bank: Path, tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    chosen = ("--target", "bought", "--objective", "value_per_row", "--role", "price=amount")

    short = write(tmp_path / "short.toml", "baselines = false\nfinalists = 0\n")

    done = command(
        "run", str(bank), *chosen, *TINY, "--settings", str(short), "--json", store=store
    )

    assert done.returncode == 0, done.stderr
    with open_store(store) as opened:
        run = opened.run(1)
        assert run.settings.objective.columns == {"amount": "price"}
        problem = opened.load_problem(1)
        assert problem.dataset.options.columns == ("price",)
        recorded = opened.evaluations(1)[0]
        again, _ = problem.train(recorded.task, get_engine("cpu"), recorded.iterations)
        assert again.loss == recorded.loss

        # The settings file of an export starts the same search.
        text = settings_toml(run.settings, problem.dataset.options, "bank")
        file = write(tmp_path / "settings.toml", text)
        assert read_run_input({"data": str(bank)}, file).settings == run.settings
    assert last_json(done.stdout)["metric"]["name"] == "value_per_row"


def test_the_objective_and_the_metric_take_the_column(bank: Path, tmp_path: Path) -> None:
    profit = "@shoal.objective(columns=('amount',))\ndef profit(score, y, amount):\n"
    text = f"import shoal\n\n{profit}    return (amount * y * (score > 0)).mean(axis=1)\n"
    given = {
        "data": str(bank),
        "target": "bought",
        "objective": f"{write(tmp_path / 'goals.py', text)}:profit",
        "metric": "value_per_row",
        "role": ["price=amount"],
    }

    settings = read_run_input(given, None).settings

    assert settings.objective.columns == settings.metric.columns == {"amount": "price"}


@pytest.mark.parametrize(
    ("role", "problem", "expected", "remedy"),
    [
        (
            [],
            "bank: there is no column 'amount', which the objective value_per_row is handed",
            "one of a, b, price, bought",
            "`--role COLUMN=amount` says which column it is",
        ),
        (
            ["prise=amount"],
            "bank: there is no column 'prise', which the objective value_per_row is handed",
            "one of a, b, price, bought",
            "`--role COLUMN=amount` says which column it is",
        ),
        (
            ["price=amuont"],
            "role 'price=amuont'",
            "price=column, price=weight, or price=amount",
            "a column that the objective names",
        ),
        (
            ["price=amount", "a=amount"],
            "role 'a=amount', and price=amount",
            "one column that is amount",
            "leave one of them out",
        ),
        (["price"], "role 'price'", "COLUMN=column or COLUMN=weight", "name the column first"),
        (
            ["price=amount", "price=weight"],
            "the objective value_per_row needs the column 'price', which has no role",
            "a table with the columns price",
            "where the table calls it something else",
        ),
    ],
)
def test_a_column_that_is_not_there(
    bank: Path, role: list[str], problem: str, expected: str, remedy: str
) -> None:
    given = {"data": str(bank), "target": "bought", "objective": "value_per_row", "role": role}

    with pytest.raises(ShoalError) as raised:
        read_run_input(given, None)

    assert problem.lower() in raised.value.problem.lower()
    assert expected in (raised.value.expected or "")
    assert remedy in (raised.value.remedy or "")
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("objective", {"name": "value_per_row", "columns": {"price": "a"}}, "names no column"),
        ("objective", {"name": "value_per_row", "columns": {"amount": 3}}, "columns"),
        ("objective", {"name": "value_per_row", "columns": {"amount": ""}}, "is called ''"),
        ("objective", {"name": "f1", "columns": {"amount": "price"}}, "names no column"),
        ("objective", {"name": "pinball", "columns": {"amount": "price"}}, "columns="),
        ("decoder", {"name": "sign", "columns": {"amount": "price"}}, "columns="),
        ("objective", {"name": "value_per_row", "columns": "price"}, "no option 'columns'"),
    ],
)
def test_columns_that_make_no_sense(setting: str, value: Any, words: str) -> None:
    data = load_dataset(table(), "bought", columns="price")

    with pytest.raises(ShoalError, match=words) as raised:
        make_problem(data, parsed(**{setting: value}))
    assert raised.value.exit_code == 2


def test_the_check_takes_the_column(bank: Path, tmp_path: Path) -> None:
    named = ("value_per_row", str(bank), "--target", "bought", "--role", "price=amount", "--json")
    done = command("check-problem", *named, store=tmp_path / "shoal.db")

    assert done.returncode == 0, done.stdout
    assert "the column price" in str(last_json(done.stdout)["findings"])

    found = check_named("value_per_row", table={"data": str(bank), "target": "bought"})
    assert found.bad and "`--role COLUMN=amount`" in found.findings[0].remedy


def test_a_forged_name_of_a_column_is_answered(tmp_path: Path) -> None:
    data = load_dataset(table(), "bought", columns="price")
    objective = {"name": "value_per_row", "columns": {"amount": "price"}}
    with open_store(tmp_path / "shoal.db") as store:
        store.add_run(data, parsed(objective=objective))
        settings = store.run(1).settings.to_dict()
        settings["objective"]["columns"] = {"amount": "no such"}
        forged = update(run_table).where(run_table.c.id == 1).values(settings=settings)
        store._database.write(lambda connection: connection.execute(forged))

        with pytest.raises(ObjectiveError, match="needs the column 'no such'"):
            store.load_problem(1)


def test_roles_and_names_are_parted() -> None:
    with_role, called = split_roles(["w=weight", "a=b=amount", "x=column"])

    assert called == {"amount": "a=b"}
    assert parse_roles(with_role) == {"weight": "w", "columns": ("x",)}
