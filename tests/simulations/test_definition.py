"""What a user may write, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoal.errors import SimulationError
from shoal.genome.genome import Genome
from shoal.simulations.definition import simulation
from shoal.simulations.policy import Policy
from shoal.simulations.registry import BUNDLED, get_simulation
from shoal.simulations.scenario import Scenario
from shoal.simulations.training import policy_network
from simulations import worlds


def test_a_function_becomes_a_simulation() -> None:
    made = worlds.follow
    assert (made.name, made.inputs, made.outputs) == ("follow", 2, 1)
    assert (made.direction, made.sign, made.unit, made.steps) == ("minimize", 1.0, "error", 20)
    assert made.options == {"steps": 20, "weight": 1.0}
    assert made.file == Path(worlds.__file__)
    assert worlds.wander.sign == -1.0


def test_it_can_be_called_as_the_function_it_was() -> None:
    network = policy_network(worlds.parabola, Genome(hidden_layers=()))
    policy = Policy(network, [4.0, -1.0])
    assert worlds.parabola(policy, Scenario((0, 0), 80, 0)) == 0.0


def test_options_keep_the_type_of_their_defaults() -> None:
    changed = worlds.follow.with_options(steps=5.0, weight=2)
    assert changed.options == {"steps": 5, "weight": 2.0}
    assert isinstance(changed.options["steps"], int)
    assert isinstance(changed.options["weight"], float)
    assert worlds.follow.options == {"steps": 20, "weight": 1.0}


@pytest.mark.parametrize(
    "options",
    [{"step": 3}, {"steps": 2.5}, {"steps": "3"}, {"weight": True}, {"weight": float("nan")}],
)
def test_other_options_are_refused(options) -> None:
    with pytest.raises(SimulationError, match="Expected"):
        worlds.follow.with_options(**options)


def test_an_option_can_say_how_many_inputs_there_are() -> None:
    @simulation(inputs="size", outputs=1)
    def world(policy, scenario, size=4):
        return 0.0

    assert world.input_count == 4
    assert world.with_options(size=7).input_count == 7
    with pytest.raises(SimulationError, match="inputs=0"):
        world.with_options(size=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": 0}, "inputs=0"),
        ({"inputs": "size"}, "inputs='size'"),
        ({"outputs": 1.5}, "outputs=1.5"),
        ({"direction": "up"}, "minimize, maximize"),
        ({"steps": 0}, "steps=0"),
        ({"batched": True, "compiled": True}, "batched"),
    ],
)
def test_settings_without_sense_are_refused(settings, message) -> None:
    with pytest.raises(SimulationError, match=message):
        simulation(**({"inputs": 2, "outputs": 1} | settings))(lambda policy, scenario: 0.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda policy: 0.0,
        lambda policy, scenario, more: 0.0,
        lambda policy, scenario, *more: 0.0,
        lambda policy, scenario, *, more=1: 0.0,
        lambda policy, scenario, more=[]: 0.0,
        "no function",
    ],
)
def test_functions_of_other_arguments_are_refused(function) -> None:
    with pytest.raises(SimulationError, match="Expected"):
        simulation(inputs=1, outputs=1)(function)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_simulations_are_found_by_name(name: str) -> None:
    found = get_simulation(name)
    assert found.name == name
    assert found.unit
    assert not found.observations or len(found.observations) == found.input_count
    assert not found.actions or len(found.actions) == found.outputs


def test_options_go_with_the_name() -> None:
    found = get_simulation("lost-sales", penalty=9, lead_time=2)
    assert found.options["penalty"] == 9.0
    assert found.input_count == 2


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SimulationError, match="lost-sales, cartpole"):
        get_simulation("lost-sails")
