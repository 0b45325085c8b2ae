"""The form New run: installed plug-ins, decoders and starts; what a page may not start."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import shoal
from shoal.auth import Identity
from shoal.cli.main import app as commands
from shoal.dashboard.pages.new_run import _Start
from shoal.dashboard.session import installed_code
from shoal.dashboard.session.commands import CommandService
from shoal.dashboard.session.new_run_draft import Usual
from shoal.data import Dataset, load_dataset
from shoal.errors import ProblemError, ShoalError
from shoal.problems.own_code import choose_objective, pinned
from shoal.problems.registry import choose_written
from shoal.settings import field_help
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import open_store

PATIENCE = 300  # seconds
STOCK = """
import pathlib
import numpy as np
import shoal

pathlib.Path(__file__).with_name("was_run").touch()

@shoal.simulation(inputs=1, outputs=1, unit="EUR", compiled=False)
def shop(policy, scenario, price=2.0):
    return price * abs(float(policy.act((1.0,))[0]))

@shoal.simulation(inputs=1, outputs=1, compiled=False)
def talking(policy, scenario):
    print("hello")
    return float(policy.act((1.0,))[0])

@shoal.function(bounds=[(-1.0, 1.0)] * 2)
def bowl(x):
    return (x**2).sum(axis=1)

@shoal.objective("maximize", outputs="unscaled")
def within(predicted, y, *, tolerance=5.0):
    return (np.abs(predicted - y) <= tolerance).mean(axis=1)

@shoal.objective("maximize", outputs="unscaled")
def wrong(predicted, y):
    return np.zeros((2, 3))
"""
POINTS = """[shoal.problems]
corner-shop = forged_stock:shop
talking-shop = forged_stock:talking
bowl = forged_stock:bowl
missing = forged_stock:nothing

[shoal.objectives]
near = forged_stock:within
wrong-shape = forged_stock:wrong
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, with one that offers plug-ins."""
    folder = tmp_path / "site"
    about = folder / "forged_stock-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "forged_stock.py").write_text(STOCK)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: forged-stock\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(folder)
    # Another process finds them, too.
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    installed_code.plugins.clear()
    installed_code._imported.clear()

    yield folder
    installed_code.plugins.clear()
    installed_code._imported.clear()
    for name in list(sys.modules):
        if name.startswith("shoal_code_") or name == "forged_stock":
            del sys.modules[name]


def was_run(site: Path) -> bool:
    return (site / "was_run").exists()


# ---- What is offered -------------------------------------------------------------------------


def _plugin() -> None:
    import streamlit as st

    from shoal.dashboard.components.simulation_form import plugin_and_options, what_to_solve

    what = what_to_solve()
    st.session_state["what"] = what
    if what == "A plug-in":
        st.session_state["given"] = plugin_and_options()


def drawn(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def test_plugins_are_offered_by_their_names_and_imported_when_they_are_chosen(site: Path) -> None:
    app = drawn(AppTest.from_function(_plugin, default_timeout=PATIENCE))
    assert app.session_state["what"] == "A table"
    assert not was_run(site)

    app.session_state["new-what"] = "A plug-in"
    drawn(app)
    assert app.selectbox(key="new-plugin").options == [
        "bowl",
        "corner-shop",
        "missing",
        "talking-shop",
    ]
    assert app.session_state["given"].name == "bowl"

    app.selectbox(key="new-plugin").set_value("corner-shop")
    drawn(app)
    app.number_input(key="new-option-corner-shop-price").set_value(3.0)
    drawn(app)
    assert app.session_state["given"].options == {"price": 3.0}
    assert "smaller scores, EUR" in app.caption[-1].value

    app.selectbox(key="new-plugin").set_value("missing")
    drawn(app)
    assert isinstance(app.session_state["given"], ProblemError)
    assert "nothing" in str(app.session_state["given"])


@pytest.mark.parametrize("name", ["forged_stock:shop", "{site}/forged_stock.py:shop", "unknown"])
def test_a_plugin_that_nobody_offers_is_not_taken(site: Path, name: str) -> None:
    name = name.format(site=site)
    with pytest.raises(ProblemError, match="No installed package offers"):
        installed_code.installed_problem(name)
    assert not was_run(site)

    app = AppTest.from_function(_plugin, default_timeout=PATIENCE)
    app.session_state["new-what"] = "A plug-in"
    app.session_state["new-plugin"] = name
    drawn(app)
    assert app.session_state["given"].name == "bowl"


def test_without_plugins_there_is_nothing_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed_code, "plugins", lambda group: {})
    app = AppTest.from_function(_plugin, default_timeout=PATIENCE)
    app.session_state["new-what"] = "A plug-in"
    drawn(app)
    assert app.session_state["what"] == "A table"


# ---- Objectives, decoders and starts ---------------------------------------------------------


def _objectives() -> None:
    import streamlit as st

    from shoal.dashboard.components.objective_form import objective_and_metric

    st.session_state["given"] = objective_and_metric(st.session_state["task"])


def asked(task: str) -> AppTest:
    app = AppTest.from_function(_objectives, default_timeout=PATIENCE)
    app.session_state["task"] = task
    return drawn(app)


def test_a_scorecard_brings_its_objective_and_no_hidden_layer() -> None:
    app = asked("classification")
    assert set(app.session_state["given"].values()) == {None}
    app.selectbox(key="new-decoder").set_value("scorecard")
    drawn(app)
    app.number_input(key="new-option-scorecard-k").set_value(4)
    drawn(app)

    given = app.session_state["given"]
    assert app.session_state["new-modern-max_depth"] == 0
    as_command = SearchSettings.parse({"decoder": {"name": "scorecard", "k": 4, "points": 5}})
    assert SearchSettings.parse({**given, "max_depth": 0}) == as_command

    # The depth of before comes back with the usual networks.
    app.selectbox(key="new-decoder").set_value("")
    drawn(app)
    assert app.session_state["new-modern-max_depth"] == 3
    assert set(app.session_state["given"].values()) == {None}


def test_a_start_is_one_of_those_without_a_file(tmp_path: Path) -> None:
    app = asked("regression")
    app.selectbox(key="new-start_from").set_value("lbfgs")
    drawn(app)
    assert app.session_state["given"]["start_from"] == "lbfgs"

    for name, value in (
        ("start_from", str(tmp_path / "weights.npz")),
        ("decoder", "forged_stock:half"),
        ("objective", "/tmp/my.py:worth"),
        ("metric", "/tmp/my.py:worth"),
    ):
        app = AppTest.from_function(_objectives, default_timeout=PATIENCE)
        app.session_state["task"] = "regression"
        app.session_state[f"new-{name}"] = value
        drawn(app)
        assert set(app.session_state["given"].values()) == {None}, name


def test_an_installed_objective_is_chosen_by_its_name(site: Path) -> None:
    app = asked("regression")
    assert "near" in app.selectbox(key="new-objective").options
    assert not was_run(site), "nothing is imported for a list"

    app.selectbox(key="new-objective").set_value("near")
    drawn(app)
    objective = app.session_state["given"]["objective"]
    assert (objective["name"], objective["options"]) == ("forged_stock:within", {"tolerance": 5.0})


def test_fields_have_the_words_of_the_command_line() -> None:
    shown = CliRunner().invoke(commands, ["run", "--help"], env={"COLUMNS": "100"})
    # A word may be broken at its dash, and a frame stands around the lines.
    words = re.sub(r"[\s│]+", "", shown.output)
    texts = {name: text for name, text in inspect.getmembers(field_help) if name.isupper()}
    assert len(texts) > 10
    # Tables of all texts; and two fields that are one option there, --role.
    for name in ("SETTINGS", "DATA", "COLUMNS", "WEIGHT"):
        del texts[name]
    missing = [name for name, text in texts.items() if text.replace(" ", "") not in words]
    # Those stand in settings files alone.
    assert missing == ["DATA_SEED", "PATIENCE_ON", "TEST_FRACTION"]


# ---- Before anything is written --------------------------------------------------------------


@pytest.fixture(scope="module")
def concrete() -> Dataset:
    return load_dataset("concrete")


def refused(folder: Path, subject: Any, settings: SearchSettings) -> str:
    """Why a page does not start a search; nothing of it is written."""
    with open_store(folder / "shoal.db") as store:
        with pytest.raises(ShoalError) as failure:
            CommandService(store, Identity("somebody", "operator")).add_run(subject, settings)
        assert store.runs() == []
    return str(failure.value)


def test_a_page_starts_a_plugin_that_works(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr("shoal.dashboard.session.commands.ensure_supervisor", started.append)
    settings = SearchSettings.parse({"preset": "simulation"})
    with open_store(tmp_path / "shoal.db") as store:
        service = CommandService(store, Identity("somebody", "operator"))
        run_id = service.add_run(choose_written("corner-shop"), settings)
        assert store.run(run_id).problem["reference"] == "forged_stock:shop"  # type: ignore[index]
    assert len(started) == 1


def test_a_plugin_that_prints_is_not_started(site: Path, tmp_path: Path) -> None:
    settings = SearchSettings.parse({"preset": "simulation"})
    assert "prints" in refused(tmp_path, choose_written("talking-shop"), settings)


def test_an_objective_that_does_not_work_is_not_started(
    site: Path, tmp_path: Path, concrete: Dataset
) -> None:
    settings = SearchSettings.parse({"objective": pinned(choose_objective("wrong-shape"))})
    assert "(2, 3)" in refused(tmp_path, concrete, settings)


@pytest.mark.parametrize("setting", ["objective", "metric", "decoder", "start_from", "sampler"])
def test_a_page_starts_no_file(setting: str, site: Path, tmp_path: Path, concrete: Dataset) -> None:
    named: Any = {"name": f"{site}/forged_stock.py:within", "sha256": "0" * 64}
    if setting == "start_from":
        named = {"source": str(tmp_path / "weights.npz"), "sha256": "0" * 64}
    elif setting == "sampler":
        named = "forged_stock:Sampler"
    settings = SearchSettings.parse({setting: named})
    assert "A page cannot start a search" in refused(tmp_path, concrete, settings)
    assert not was_run(site)


def test_the_manager_tries_an_objective_before_it_opens_a_store(
    site: Path, tmp_path: Path, concrete: Dataset
) -> None:
    own = choose_objective("wrong-shape")
    with pytest.raises(ProblemError, match=r"\(2, 3\)"):
        shoal.TrainManager(tmp_path / "manager.db", data=concrete, preset="modern", objective=own)
    assert not (tmp_path / "manager.db").exists()


def test_more_repeats_than_the_usual_search_of_a_simulation_has() -> None:
    usual = Usual.of("simulation", get_simulation("lost-sales"))
    assert usual.settings["max_repeats"] < 5
    start = _Start(None, lambda: None, usual, {"repeats": 5})  # type: ignore[arg-type, return-value]
    assert start.settings.max_repeats == 5
    assert start.settings.final_factor == usual.settings["final_factor"]
