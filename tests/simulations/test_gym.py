"""Environments of Gymnasium as simulations."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import shoal
from shoal.errors import ShoalError, SimulationError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.problems.simulation import describe_simulation, load_simulation
from shoal.simulations.evaluation import ScenarioSet, evaluate_policies
from shoal.simulations.gym import gym_simulation
from shoal.simulations.gym_spaces import Normalisation
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
    with pytest.raises(SimulationError, match=r"'Nothing-v0' cannot be made: Environment"):
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


def test_parameters_of_an_environment_are_options(gymnasium) -> None:
    usual = get_simulation("gym:Pendulum-v1")
    assert usual.options == {"g": 10.0, "max_episode_steps": 200}
    light = get_simulation("gym:Pendulum-v1", g=2, max_episode_steps=30)
    assert light.options == {"g": 2.0, "max_episode_steps": 30}
    assert (evaluated(light).steps == 30).all()
    assert light.normalisation != usual.normalisation, "it has a random play of its own"
    assert (evaluated(usual.with_options(g=2.0)).scores != evaluated(usual).scores).all()

    assert get_simulation("gym:FrozenLake-v1", map_name="8x8").input_count == 64
    with pytest.raises(SimulationError, match=r"no option 'weight'\. Expected: one of g, max"):
        get_simulation("gym:Pendulum-v1", weight=3)
    with pytest.raises(SimulationError, match=r"cannot be made: .*positive"):
        get_simulation("gym:Pendulum-v1", max_episode_steps=0)


def test_an_id_without_a_version_is_that_of_the_latest(gymnasium) -> None:
    with pytest.warns(UserWarning, match="latest versioned"):
        assert get_simulation("gym:Pendulum").name == "gym:Pendulum-v1"


def test_what_is_not_part_of_gymnasium_is_made_by_a_function(gymnasium) -> None:
    @shoal.environment
    def long_pole(steps=30, bonus=1.0, render_mode=None):
        made = gymnasium.make("CartPole-v1", max_episode_steps=steps, render_mode=render_mode)
        return gymnasium.wrappers.TransformReward(made, lambda reward: bonus * reward)

    assert (long_pole.name, long_pole.steps) == ("long-pole", 30)
    assert long_pole.options == {"steps": 30, "bonus": 1.0}
    doubled = long_pole.with_options(bonus=2.0)
    assert (evaluated(doubled).scores == 2.0 * evaluated(long_pole).scores).all()
    assert long_pole.with_options(steps=50).steps == 50


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "CartPole-v1", r"returned str\. Expected: a gymnasium\.Env"),
        (lambda size: size, r"takes \(size\)\. Expected: options with defaults"),
        (lambda: 1 // 0, r"cannot be made: integer division"),
    ],
)
def test_a_function_that_makes_no_environment_is_refused(gymnasium, make, message) -> None:
    with pytest.raises(SimulationError, match=message):
        shoal.environment(make)


def test_a_recorded_random_play_is_not_repeated(gymnasium, monkeypatch) -> None:
    world = get_simulation("gym:CartPole-v1")
    record = json.loads(json.dumps(describe_simulation(world)))
    monkeypatch.delattr("shoal.simulations.gym_spaces.play_at_random")
    assert record["versions"]["gymnasium"] == gymnasium.__version__
    again = load_simulation(record)
    assert again.normalisation == world.normalisation
    assert (evaluated(again).scores == evaluated(world).scores).all()

    monkeypatch.undo()
    older = {key: value for key, value in record.items() if key != "normalisation"}
    assert load_simulation({**older, "options": {}}).normalisation == world.normalisation


@pytest.mark.parametrize(
    ("normalisation", "message"),
    [
        ({"mean": [0.0] * 4}, "record of its simulation is damaged"),
        ({"mean": ["x"] * 4, "deviation": [1.0] * 4}, "record of its simulation is damaged"),
        ({"mean": [0.0] * 3, "deviation": [1.0] * 3}, "cannot be scaled by 3 means"),
        ({"mean": [0.0] * 4, "deviation": [0.0] * 4}, "cannot be scaled by 4 means"),
    ],
)
def test_a_damaged_record_is_refused(gymnasium, normalisation, message) -> None:
    record = describe_simulation(get_simulation("gym:CartPole-v1"))
    with pytest.raises(ShoalError, match=message):
        load_simulation({**record, "normalisation": normalisation})


def test_one_that_crashes_is_a_failed_evaluation(gymnasium, register) -> None:
    """Its own file and line are named, not ours."""

    def step(self, action):
        self.steps += 1
        if self.steps == 100 and self.ready:
            raise RuntimeError("the motor is off")
        return np.zeros(2, np.float32), 1.0, False, False, {}

    crashing = environment(gymnasium, step=step, ready=False)
    world = get_simulation("gym:" + register(crashing))
    assert (evaluated(world).scores == 300.0).all()

    crashing.ready = True
    with pytest.raises(SimulationError, match=r"raised RuntimeError: the motor is off, in line"):
        evaluated(world)
    with pytest.raises(SimulationError, match="the motor is off, as random actions played"):
        get_simulation(world.name)


def test_an_episode_that_observes_no_numbers_has_no_score(gymnasium, register) -> None:
    """That of the policy alone which came there: others go on."""

    def step(self, action):
        self.steps += 1
        self.ones = (self.ones + 1) * action
        seen = np.full(2, np.nan if self.ones == 50 else self.steps / 300, np.float32)
        return seen, 1.0, False, False, {}

    lost = get_simulation("gym:" + register(environment(gymnasium, step=step, ones=0)))
    network = Network((2, 2), "tanh")
    always = np.zeros((3, network.size), np.float32)
    # The last two weights are biases: the first and the third policy choose 0, the second 1.
    always[:, -2:] = [[1, 0], [0, 1], [1, 0]]
    found = evaluate_policies(lost, network, always, TEST, [0])
    assert np.isnan(found.scores[:, 0]).tolist() == [False, True, False]
    assert found.scores[[0, 2], 0].tolist() == [300.0, 300.0]
    assert found.steps[:, 0].tolist() == [300, 50, 300]


@pytest.mark.parametrize(
    ("seen", "reward", "message"),
    [
        (np.full(2, np.nan), 1.0, "observed numbers that are not finite"),
        (np.zeros(3), 1.0, r"observed an array of shape \(3,\), and its space says \(2,\)"),
        (np.zeros(2), np.ones(1), r"gave the reward array\(\[1\.\]\), not one number"),
        (np.zeros(2), None, "gave the reward None, not one number"),
    ],
    ids=["nan", "shape", "reward", "none"],
)
def test_what_does_not_work_is_found_before_the_run(
    gymnasium, register, seen, reward, message
) -> None:
    made = environment(gymnasium, step=lambda self, action: (seen, reward, False, False, {}))
    with pytest.raises(SimulationError, match=message + r".*check_env"):
        get_simulation("gym:" + register(made))


def test_observations_of_any_shape_are_a_row(gymnasium, register) -> None:
    def moved(self, action):
        self.steps += action
        return np.full((2, 3), self.steps, np.float32), 1.0, False, False, {}

    def begun(self, *, seed=None, options=None):
        self.steps = 0
        return np.zeros((2, 3), np.float32), {}

    space = gymnasium.spaces.Box(-1.0, 1.0, (2, 3), np.float32)
    made = environment(gymnasium, observation_space=space, reset=begun, step=moved)
    world = get_simulation("gym:" + register(made))
    assert world.input_count == 6
    assert (evaluated(world).scores == 300.0).all()


def test_pictures_are_refused(gymnasium, register) -> None:
    space = gymnasium.spaces.Box(0, 255, (96, 96, 3), np.uint8)
    made = environment(gymnasium, observation_space=space)
    with pytest.raises(SimulationError, match=r"observes 27,648 numbers, an array of shape \(96"):
        get_simulation("gym:" + register(made))


@pytest.mark.parametrize(
    "part",
    [
        ("observation_space", lambda s: s.Dict({"x": s.Discrete(2)})),
        ("action_space", lambda s: s.Box(-np.inf, np.inf, (1,), np.float32)),
        ("action_space", lambda s: s.MultiDiscrete([2, 2])),
        ("action_space", lambda s: s.MultiBinary(3)),
        ("action_space", lambda s: s.Box(0, 5, (2,), np.int32)),
        ("observation_space", lambda s: s.Text(5)),
    ],
    ids=["dict", "unbounded", "several", "bits", "whole", "text"],
)
def test_other_spaces_are_refused(gymnasium, register, part) -> None:
    name, space = part
    made = environment(gymnasium, **{name: space(gymnasium.spaces)})
    with pytest.raises(SimulationError, match=r"What to do: wrap it.*@shoal\.environment"):
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
