"""Bundled simulations: the dynamics of Gymnasium, the costs of published inventories."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from shoal.numerics.philox import Purpose
from shoal.simulations.bundled.known_scores import known_scores
from shoal.simulations.bundled.order_levels import (
    best_base_stock,
    best_capped_base_stock,
    best_reorder_point,
)
from shoal.simulations.evaluation import ScenarioSet
from shoal.simulations.registry import get_simulation

CHOICE = ScenarioSet((1, 1), Purpose.VALIDATION_SCENARIO)
TEST = ScenarioSet((1, 1), Purpose.TEST_SCENARIO)


class Script:
    """A policy that answers at random, and keeps what it was shown."""

    def __init__(self, outputs: int, seed: int) -> None:
        self.outputs = outputs
        self.rng = np.random.default_rng(seed)
        self.seen: list[np.ndarray] = []
        self.answers: list[np.ndarray] = []

    def act(self, observation):
        self.seen.append(np.array(observation))
        self.answers.append(self.rng.standard_normal(self.outputs))
        return self.answers[-1]

    def choose(self, observation):
        return int(np.argmax(self.act(observation)))


class Start:
    """A scenario whose uniform numbers are kept."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.numbers: list[float] = []

    def uniform(self, low, high):
        self.numbers.append(self.rng.uniform(low, high))
        return self.numbers[-1]


def discrete(answer):
    return int(np.argmax(answer))


# Name, environment, what an observation is divided by after the shift, the action of an answer.
ENVIRONMENTS = [
    ("cartpole", "CartPole-v1", 0.0, [2.4, 2.0, 0.21, 2.0], discrete),
    ("mountain-car", "MountainCar-v0", [0.3, 0.0], [0.9, 0.07], discrete),
    ("acrobot", "Acrobot-v1", 0.0, [1, 1, 1, 1, 4.0, 6.0], discrete),
    ("pendulum", "Pendulum-v1", 0.0, [1, 1, 8.0], lambda answer: 2.0 * np.tanh(answer)),
]


@pytest.mark.parametrize(("name", "environment", "shift", "scale", "action"), ENVIRONMENTS)
@pytest.mark.parametrize("seed", range(3))
def test_it_moves_as_the_environment_of_gymnasium(
    name, environment, shift, scale, action, seed
) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    world = get_simulation(name)
    script, start = Script(world.outputs, seed), Start(seed)
    score = world(script, start)

    with warnings.catch_warnings():
        # Of its own checks of spaces.
        warnings.simplefilter("ignore")
        played = gymnasium.make(environment)
        played.reset(seed=0)
        inside = played.unwrapped
        state = np.array(start.numbers)
        if name == "mountain-car":
            state = np.array([state[0], 0.0])
        inside.state = state
        total = 0.0
        for step, answer in enumerate(script.answers):
            observation, reward, terminated, truncated, _ = played.step(action(answer))
            total += reward
            if step + 1 < len(script.answers):
                shown = script.seen[step + 1] * np.array(scale) - np.array(shift)
                np.testing.assert_allclose(shown, observation, rtol=1e-4, atol=1e-4)
    assert terminated or truncated
    assert score == pytest.approx(total, rel=1e-6)


def test_the_rules_of_shops_cost_what_is_published() -> None:
    """Within the noise of 60,000 periods; Zipkin 2008 has 4.73 for the optimum of the first."""
    shop = get_simulation("lost-sales")
    base = best_base_stock(shop, CHOICE, TEST)
    capped = best_capped_base_stock(shop, CHOICE, TEST)
    assert base.level == 25
    assert base.cost == pytest.approx(5.20, rel=0.01)
    assert (capped.level, capped.cap) == (26, 5)
    assert capped.cost == pytest.approx(4.80, rel=0.01)
    assert capped.cost < base.cost

    lots = get_simulation("lost-sales", penalty=9, lot=6, fixed_cost=10)
    waiting = best_reorder_point(lots, CHOICE, TEST)
    assert waiting.cost == pytest.approx(14.07, rel=0.01)
    assert waiting.reorder_point is not None
    assert waiting.cost < best_base_stock(lots, CHOICE, TEST).cost


class OrdersUpTo:
    """A base-stock level as a policy of the simulation with demand 5 and lead time 4."""

    def __init__(self, level: float) -> None:
        self.level = level

    def act(self, observation):
        stock = 5.0 * (observation[0] + 1.6)
        under_way = sum(3.0 * value + 5.0 for value in observation[1:])
        return [(self.level - stock - under_way) / 5.0 - 1.0]


def test_the_simulation_and_the_rules_have_one_shop() -> None:
    from shoal.simulations.bundled import order_levels
    from shoal.simulations.scenario import Scenario

    shop = get_simulation("lost-sales", penalty=9, periods=500)
    rule = np.array([[25.0, 1e9, 1 << 30]])
    expected = order_levels._mean_costs(shop, rule, TEST, 1)[0]
    scenario = Scenario(TEST.key, TEST.purpose, 0)
    assert shop(OrdersUpTo(25.0), scenario) == pytest.approx(expected, rel=1e-12)


def test_known_scores_belong_to_their_options() -> None:
    def labels(**options):
        return [known.score for known in known_scores(get_simulation("lost-sales", **options))]

    assert labels() == [4.728]
    assert labels(periods=100) == [4.728]
    assert labels(penalty=9) == [6.836]
    assert labels(penalty=9, lot=6, fixed_cost=10) == [13.731]
    assert labels(penalty=7) == []
    assert labels(lead_time=3) == []
    assert {known.label for known in known_scores(get_simulation("pendulum"))} == {"PPO", "SAC"}
