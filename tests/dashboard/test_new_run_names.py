"""A browser chooses names: neither a path nor a module that it sends is ever looked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from streamlit.testing.v1 import AppTest

from shoal.auth import AccessError, Identity
from shoal.dashboard.session.commands import CommandService
from shoal.dashboard.session.new_run_draft import bundled_simulation
from shoal.errors import ProblemError
from shoal.problems.registry import find_simulation
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import BUNDLED
from shoal.store import open_store

CODE = """
import pathlib
pathlib.Path(__file__).with_name("was_run").touch()
import shoal

@shoal.simulation(inputs=1, outputs=1)
def ordered(policy, scenario):
    return float(policy.act((1.0,))[0])
"""


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_names_are_found(name: str) -> None:
    assert bundled_simulation(name).name == name


@pytest.mark.parametrize("form", ["{path}:ordered", "forged_module:ordered", "gym:forged_module:X"])
def test_other_names_are_refused_and_nothing_is_imported(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "forged_module.py"
    path.write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ProblemError, match="does not come with Shoal"):
        bundled_simulation(form.format(path=path))
    assert not (tmp_path / "was_run").exists()
    assert "forged_module" not in sys.modules


def test_a_page_starts_no_code_of_a_user(tmp_path: Path) -> None:
    path = tmp_path / "inventory.py"
    path.write_text(CODE)
    own = find_simulation(f"{path}:ordered")
    assert own is not None

    with open_store(tmp_path / "shoal.db") as store:
        service = CommandService(store, Identity("somebody", "operator"))
        settings = SearchSettings.parse({"preset": "simulation"})
        with pytest.raises(AccessError, match="does not come with Shoal"):
            service.add_run(own, settings)
        assert store.runs() == []


def _budget() -> None:
    import streamlit as st

    from shoal.dashboard.components.new_run_form import budget
    from shoal.dashboard.session.new_run_draft import Usual

    st.session_state["given"] = budget(Usual.of("modern"))


def _what() -> None:
    import streamlit as st

    from shoal.dashboard.components.simulation_form import (
        simulation_and_options,
        what_to_solve,
    )

    st.session_state["given"] = (what_to_solve(), simulation_and_options().name)


def test_a_sampler_that_no_option_names_is_not_taken() -> None:
    app = AppTest.from_function(_budget)
    app.session_state["new-modern-sampler"] = "forged_module:Sampler"
    app.run()
    assert not app.exception
    assert app.session_state["given"]["sampler"] == "genetic"


def test_a_simulation_that_no_option_names_is_not_taken() -> None:
    app = AppTest.from_function(_what)
    app.session_state["new-what"] = "forged"
    app.session_state["new-simulation"] = "/tmp/forged_module.py:ordered"
    app.run()
    assert not app.exception
    assert app.session_state["given"] == ("A table", BUNDLED[0])
