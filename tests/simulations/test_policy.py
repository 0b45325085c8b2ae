"""A policy answers as its network does, alone or among others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.nn.activations import ACTIVATIONS
from shoal.nn.network import Network
from shoal.simulations.policy import Policy, PolicyBatch

WIDTHS = st.lists(st.integers(1, 20), min_size=2, max_size=4)


def some(network: Network, particles: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((particles, network.size)).astype(np.float32)
    observations = rng.standard_normal((particles, network.layers[0])).astype(np.float32)
    return weights, observations


@pytest.mark.parametrize("activation", ACTIVATIONS)
@settings(deadline=None, max_examples=20)
@given(widths=WIDTHS, seed=st.integers(0, 1000))
def test_it_answers_as_the_network_does(activation: str, widths: list[int], seed: int) -> None:
    network = Network(tuple(widths), activation)
    weights, observations = some(network, seed=seed)

    for row, observation in zip(weights, observations, strict=True):
        expected = network.forward(row[None], observation[None])[0, 0]
        answer = Policy(network, row).act(observation)
        np.testing.assert_allclose(answer, expected, rtol=2e-5, atol=2e-5)


@settings(deadline=None, max_examples=20)
@given(widths=WIDTHS, seed=st.integers(0, 1000))
def test_a_batch_has_the_bits_of_single_policies(widths: list[int], seed: int) -> None:
    network = Network(tuple(widths), "tanh")
    weights, observations = some(network, seed=seed)

    together = PolicyBatch(network, weights)
    answers = together.act(observations)
    chosen = together.choose(observations)
    for p, row in enumerate(weights):
        policy = Policy(network, row)
        assert (policy.act(observations[p]) == answers[p]).all()
        assert policy.choose(observations[p]) == chosen[p]
    assert together.acts.tolist() == [2] * len(weights)


@settings(deadline=None, max_examples=20)
@given(widths=WIDTHS, seed=st.integers(0, 1000), data=st.data())
def test_a_part_of_a_batch_acts_as_in_the_whole(widths: list[int], seed: int, data) -> None:
    network = Network(tuple(widths), "tanh")
    weights, observations = some(network, seed=seed)
    places = st.lists(st.sampled_from(range(len(weights))), min_size=1, unique=True)
    acting = data.draw(places)

    whole = PolicyBatch(network, weights)
    part = PolicyBatch(network, weights)
    answers = part.act(observations[acting], acting)
    assert (answers == whole.act(observations)[acting]).all()
    chosen = whole.choose(observations)[acting]
    assert (part.choose(observations[acting], acting) == chosen).all()

    expected = np.zeros(len(weights), int)
    expected[acting] = 2
    assert part.acts.tolist() == expected.tolist()


def test_it_counts_its_acts_and_forgets_them_with_its_weights() -> None:
    network = Network((2, 3, 1), "relu")
    weights, observations = some(network)
    policy = Policy(network, weights[0])
    for _ in range(5):
        policy.act(observations[0])
    assert policy.acts == 5

    policy.load(weights[1])
    assert policy.acts == 0
    expected = Policy(network, weights[1]).act(observations[0])
    assert policy.act(observations[0]) == expected


def test_an_answer_of_its_own_can_be_observed() -> None:
    """Nothing that is computed on the way lies where the answer lies."""
    network = Network((2, 16, 12, 2), "tanh")
    weights, observations = some(network)
    policy = Policy(network, weights[0])
    answer = policy.act(observations[0])
    again = policy.act(answer.copy()).copy()

    policy.act(observations[0])
    assert (policy.act(answer) == again).all()


@pytest.mark.parametrize("observation", [(1.0, 2.0, 3.0), (1.0,), [[1.0, 2.0]], 1.0])
def test_an_observation_of_another_shape_is_refused(observation) -> None:
    network = Network((2, 3, 1), "relu")
    policy = Policy(network, some(network)[0][0])
    with pytest.raises(ValueError, match=r"Expected: \(2,\)"):
        policy.act(observation)


def test_a_batch_refuses_other_shapes() -> None:
    network = Network((2, 3, 1), "relu")
    with pytest.raises(ValueError, match=r"\(3, 2\)"):
        PolicyBatch(network, some(network)[0]).act(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        PolicyBatch(network, some(network)[0]).act(np.zeros((3, 2)), acting=[1])
    with pytest.raises(IndexError):
        PolicyBatch(network, some(network)[0]).act(np.zeros((1, 2)), acting=[3])


def test_its_bits_are_those_of_every_machine() -> None:
    network = Network((3, 10, 2), "tanh")
    weights = np.linspace(-1.5, 1.5, network.size, dtype=np.float32)
    answer = Policy(network, weights).act((0.5, -1.25, 2.0))
    assert [value.hex() for value in answer.tolist()] == GOLDEN


GOLDEN = [
    "-0x1.3f27e80000000p+0",
    "-0x1.c515100000000p+1",
]
