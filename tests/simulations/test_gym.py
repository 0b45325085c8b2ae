"""Environments of Gymnasium as simulations."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from shoal.errors import SimulationError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.simulations.evaluation import ScenarioSet, evaluate_policies
from shoal.simulations.gym import Normalisation, gym_simulation
from shoal.simulations.policy import Policy
from shoal.simulations.registry import get_simulation
from shoal.simulations.scenario import Scenario

TEST = ScenarioSet((3, 4), Purpose.TEST_SCENARIO)


def evaluated(world, particles=2, numbers=(0, 1)):
    network = Network((world.input_count, 4, world.outputs), "tanh")
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((particles, network.size)).astype(np.float32)
    return evaluate_policies(world, network, weights, TEST, list(numbers))


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(SimulationError, match=r"Gymnasium is not installed.*shoal\[gym\]"):
        get_simulation("gym:CartPole-v1")


@pytest.fixture
def gymnasium():
    return pytest.importorskip("gymnasium")


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "steps"),
    [("CartPole-v1", 4, 2, 500), ("Pendulum-v1", 3, 1, 200), ("FrozenLake-v1", 16, 4, 100)],
)
def test_spaces_become_inputs_and_outputs(gymnasium, name, inputs, outputs, steps) -> None:
    world = get_simulation(f"gym:{name}")
    assert (world.input_count, world.outputs, world.steps) == (inputs, outputs, steps)
    assert world.direction == "maximize"

    found = evaluated(world)
    again = evaluated(get_simulation(f"gym:{name}"))
    assert np.isfinite(found.scores).all()
    assert (found.scores == again.scores).all()
    assert (found.steps == again.steps).all()


def test_the_random_play_scales_observations_and_may_be_given() -> None:
    pytest.importorskip("gymnasium")
    world = gym_simulation("CartPole-v1")
    plain = gym_simulation("CartPole-v1", normalisation=Normalisation((0.0,) * 4, (1.0,) * 4))
    assert (evaluated(world).scores != evaluated(plain).scores).any()


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"])
def test_policies_act_side_by_side_as_each_alone(gymnasium, monkeypatch, name) -> None:
    world = get_simulation(f"gym:{name}")
    together = evaluated(world, particles=7)
    monkeypatch.setattr("shoal.simulations.gym.MOST_TOGETHER", 3)
    in_groups = evaluated(world, particles=7)
    monkeypatch.setattr("shoal.simulations.gym.MOST_TOGETHER", 1)
    alone = evaluated(get_simulation(f"gym:{name}"), particles=7, numbers=(1, 0))

    for found in (in_groups, together):
        assert (found.scores == alone.scores[:, ::-1]).all()
        assert (found.steps == alone.steps[:, ::-1]).all()
    assert len(np.unique(together.steps)) > 1 or name == "Pendulum-v1", "episodes end one by one"


def test_an_episode_is_what_gymnasium_plays(gymnasium) -> None:
    """As a user would write it, with the policy that acts alone."""
    world = gym_simulation("CartPole-v1")
    scaling = world.normalisation
    network = Network((4, 4, 2), "tanh")
    weights = np.random.default_rng(5).standard_normal(network.size).astype(np.float32)
    found = evaluate_policies(world, network, weights[None], TEST, [3])

    environment = gymnasium.make("CartPole-v1")
    observation, _ = environment.reset(seed=Scenario(TEST.key, TEST.purpose, 3).seed)
    policy = Policy(network, weights)
    total = 0.0
    ended = False
    while not ended:
        seen = np.clip((observation - scaling.mean) / np.array(scaling.deviation), -10, 10)
        observation, reward, terminated, truncated, _ = environment.step(policy.choose(seen))
        total += reward
        ended = terminated or truncated
    assert (total, policy.acts) == (found.scores[0, 0], found.steps[0, 0])


def test_an_unknown_environment_is_refused(gymnasium) -> None:
    with pytest.raises(SimulationError, match=r"cannot make the environment 'Nothing-v0'"):
        get_simulation("gym:Nothing-v0")


def test_observations_of_several_parts_are_refused_with_the_remedy(gymnasium) -> None:
    with pytest.raises(SimulationError, match=r"kind Tuple.*FlattenObservation"):
        get_simulation("gym:Blackjack-v1")


@pytest.fixture
def register(gymnasium):
    """Registers environments for one test."""
    names = []

    def registered(kind) -> str:
        name = f"Shoal{kind.__name__}-v0"
        gymnasium.register(name, entry_point=kind, max_episode_steps=300, disable_env_checker=True)
        names.append(name)
        return name

    yield registered
    for name in names:
        del gymnasium.registry[name]


def environment(gymnasium, **parts):
    """An environment class of one test, with parts replaced."""
    spaces = gymnasium.spaces

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.full(2, self.steps, np.float32), 1.0, False, False, {}

    usual = {
        "observation_space": spaces.Box(-1.0, 1.0, (2,), np.float32),
        "action_space": spaces.Discrete(2),
        "reset": reset,
        "step": step,
    }
    return type("World", (gymnasium.Env,), usual | parts)


def test_one_that_crashes_is_a_failed_evaluation(gymnasium, register) -> None:
    def step(self, action):
        self.steps += 1
        if self.steps == 100 and self.ready:
            raise RuntimeError("the motor is off")
        return np.zeros(2, np.float32), 1.0, False, False, {}

    crashing = environment(gymnasium, step=step, ready=False)
    world = get_simulation("gym:" + register(crashing))
    assert (evaluated(world).scores == 300.0).all()

    crashing.ready = True
    with pytest.raises(SimulationError, match=r"raised RuntimeError: the motor is off"):
        evaluated(world)


@pytest.mark.parametrize(
    "part",
    [
        ("observation_space", lambda s: s.Dict({"x": s.Discrete(2)})),
        ("action_space", lambda s: s.Box(-np.inf, np.inf, (1,), np.float32)),
        ("action_space", lambda s: s.MultiDiscrete([2, 2])),
    ],
    ids=["dict", "unbounded", "several"],
)
def test_other_spaces_are_refused(gymnasium, register, part) -> None:
    name, space = part
    made = environment(gymnasium, **{name: space(gymnasium.spaces)})
    with pytest.raises(SimulationError, match="What to do: wrap it"):
        get_simulation("gym:" + register(made))


def test_actions_of_a_box_stay_in_it(gymnasium, register) -> None:
    seen = []

    def step(self, action):
        seen.append(action)
        return np.zeros(2, np.float32), 0.0, len(seen) % 50 == 0, False, {}

    box = gymnasium.spaces.Box(np.float32([-1, 2]), np.float32([1, 6]), dtype=np.float32)
    world = get_simulation("gym:" + register(environment(gymnasium, step=step, action_space=box)))
    seen.clear()
    evaluated(world, particles=5)
    assert world.outputs == 2
    assert all(box.contains(action) for action in seen)
