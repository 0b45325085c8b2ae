"""An environment that a function in a user's file makes: it is recorded and found like code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="the extra shoal[gym] is not installed")

from shoal.errors import CodeChangedError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.problems.registry import find_simulation
from shoal.problems.simulation import describe_simulation, load_simulation
from shoal.simulations.evaluation import ScenarioSet, evaluate_policies
from shoal.simulations.gym import GymSimulation

TEST = ScenarioSet((3, 4), Purpose.TEST_SCENARIO)
FILE = """
import gymnasium
import shoal


@shoal.environment
def hands(sab=True, render_mode=None):
    made = gymnasium.make("Blackjack-v1", sab=sab, render_mode=render_mode)
    return gymnasium.wrappers.FlattenObservation(made)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cards.py"
    path.write_text(FILE)
    return path


def test_it_is_found_again_with_options_and_scaling(file: Path) -> None:
    hands = find_simulation(f"{file}:hands").with_options(sab=False)
    assert isinstance(hands, GymSimulation)
    assert hands.input_count == 45, "what was a tuple is one row"

    record = describe_simulation(hands)
    assert record["reference"] == f"{file}:hands"
    assert record["code"] == FILE
    again = load_simulation(record)
    assert isinstance(again, GymSimulation)
    assert (again.options, again.normalisation) == ({"sab": False}, hands.normalisation)

    network = Network((45, 2), "tanh")
    weights = np.random.default_rng(1).standard_normal((5, network.size)).astype(np.float32)
    first = evaluate_policies(hands, network, weights, TEST, range(20))
    second = evaluate_policies(again, network, weights, TEST, range(20))
    assert (first.scores == second.scores).all()
    assert len(np.unique(first.scores)) > 1


def test_it_is_not_executed_once_its_file_has_changed(file: Path) -> None:
    record = describe_simulation(find_simulation(f"{file}:hands"))
    file.write_text(FILE + "\nraise SystemExit('executed')\n")
    with pytest.raises(CodeChangedError, match="has changed"):
        load_simulation(record)
