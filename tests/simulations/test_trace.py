"""An episode, step by step."""

from __future__ import annotations

import numpy as np

from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.simulations.evaluation import ScenarioSet, evaluate_policies
from shoal.simulations.policy import Policy
from shoal.simulations.trace import trace_episode
from simulations import worlds

TEST = ScenarioSet((3, 4), Purpose.TEST_SCENARIO)
NETWORK = Network((3, 6, 2), "tanh")
WEIGHTS = np.linspace(-1, 1, NETWORK.size, dtype=np.float32)


def test_it_is_the_episode_that_was_scored() -> None:
    episode = trace_episode(worlds.wander, NETWORK, WEIGHTS, TEST, number=2)
    scored = evaluate_policies(worlds.wander, NETWORK, WEIGHTS[None], TEST, [2])
    assert episode.score == scored.scores[0, 0]
    assert episode.steps == scored.steps[0, 0] == 90
    assert episode.observations.shape == (90, 3)
    assert episode.outputs.shape == (90, 2)

    answer = Policy(NETWORK, WEIGHTS).act(episode.observations[17])
    assert (answer == episode.outputs[17]).all()


def test_only_the_first_steps_are_kept() -> None:
    short = trace_episode(worlds.wander, NETWORK, WEIGHTS, TEST, most_steps=5)
    long = trace_episode(worlds.wander, NETWORK, WEIGHTS, TEST)
    assert short.score == long.score
    assert short.steps == 90
    assert (short.observations == long.observations[:5]).all()


def test_a_batched_simulation_has_the_episode_of_its_single_policy() -> None:
    network = Network((2, 6, 1), "tanh")
    weights = np.linspace(-1, 1, network.size, dtype=np.float32)
    together = trace_episode(worlds.follow_together, network, weights, TEST, number=3)
    scored = evaluate_policies(worlds.follow_together, network, weights[None], TEST, [3])

    assert together.score == scored.scores[0, 0]
    assert together.steps == scored.steps[0, 0] == 20
    answer = Policy(network, weights).act(together.observations[17])
    assert (answer == together.outputs[17]).all()
