"""What a look at a simulation finds before it is trained on."""

from __future__ import annotations

import numpy as np
import pytest

from shoal.errors import SimulationError
from shoal.simulations.checks import check_simulation
from shoal.simulations.definition import simulation
from shoal.simulations.registry import BUNDLED, get_simulation
from simulations import worlds


def checked(function, **settings):
    return check_simulation(simulation(**({"inputs": 1, "outputs": 1} | settings))(function))


def sure(policy, scenario):
    return policy.act((1.0,))[0]


@pytest.mark.parametrize("name", BUNDLED)
def test_nothing_is_wrong_with_what_is_bundled(name: str) -> None:
    found = check_simulation(get_simulation(name))
    assert found.errors == ()
    assert found.why_not_compiled is None
    assert found.steps > 1


@pytest.mark.parametrize("world", [worlds.follow, worlds.wander, worlds.follow_together])
def test_nor_with_those_of_the_tests(world) -> None:
    found = check_simulation(world)
    assert found.errors == ()
    assert found.hints == ()


def test_a_generator_of_its_own_is_found() -> None:
    def own(policy, scenario):
        return sure(policy, scenario) + np.random.random()

    (error,) = checked(own, compiled=False).errors
    assert "other scores when it is called again" in error


def test_what_is_left_from_call_to_call_is_found() -> None:
    scores: dict[int, float] = {}

    def remembers(policy, scenario):
        # The first policy that comes to a scenario sets what all get there.
        return scores.setdefault(scenario.seed, policy.act((1.0,))[0])

    found = checked(remembers, compiled=False)
    assert found.errors == ()
    assert any("the same score" in hint for hint in found.hints)


def test_float32_arithmetic_is_found() -> None:
    def narrow(policy, scenario):
        state = np.zeros(1, np.float32)
        state[0] = policy.act((1.0,))[0]
        return state[0] * 1.1 + scenario.uniform()

    (error,) = checked(narrow).errors
    assert "in plain Python" in error


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        (lambda policy, scenario: scenario.uniform(), {}, "never asks the policy"),
        (lambda policy, scenario: np.nan * policy.act((1.0,))[0], {}, "No score is finite"),
        (
            lambda policy, scenario: policy.act((scenario.uniform(),))[0],
            {"deterministic": True},
            "deterministic=True",
        ),
        (
            lambda policy, scenario: policy.act((scenario.uniform(),))[0] + sure(policy, scenario),
            {"steps": 1, "compiled": False},
            "acted 2 times",
        ),
    ],
)
def test_other_errors_are_sentences(function, settings, message) -> None:
    (error,) = checked(function, **settings).errors
    assert message in error


def test_hints() -> None:
    (hint,) = checked(sure).hints
    assert "deterministic=True" in hint
    assert checked(sure, deterministic=True).hints == ()


def test_what_raises_raises() -> None:
    with pytest.raises(SimulationError, match="ZeroDivisionError"):
        checked(lambda policy, scenario: 1 / 0)
