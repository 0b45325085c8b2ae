"""Many policies in many scenarios: compiled or not, on one thread or several, the same."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace

import numpy as np
import pytest

from shoal.errors import SimulationError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.simulations.compilation import compilation
from shoal.simulations.definition import simulation
from shoal.simulations.evaluation import Evaluator, ScenarioSet, evaluate_policies
from shoal.simulations.registry import BUNDLED, get_simulation
from simulations import worlds

TRAINING = ScenarioSet((5, 6), Purpose.TRAINING_SCENARIO)
NUMBERS = [0, 3, 1]


def network_of(world, hidden=(8,), activation="tanh") -> Network:
    return Network((world.input_count, *hidden, world.outputs), activation)


def policies_of(network: Network, particles: int = 7) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.standard_normal((particles, network.size)).astype(np.float32)


def evaluated(world, numbers=NUMBERS, scenarios=TRAINING, particles=7, threads=1):
    network = network_of(world)
    weights = policies_of(network, particles)
    return evaluate_policies(world, network, weights, scenarios, numbers, threads)


def in_python(world):
    """The same simulation, never compiled."""
    return replace(world, compiled=False)


@pytest.mark.parametrize("world", [worlds.follow, worlds.wander, worlds.parabola])
def test_compiled_and_plain_have_the_same_values(world) -> None:
    compiled = evaluated(world)
    plain = evaluated(in_python(world))
    assert compilation(world).reason is None
    assert (compiled.scores == plain.scores).all()
    assert (compiled.steps == plain.steps).all()


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_simulations_too(name: str) -> None:
    world = get_simulation(name)
    if "periods" in world.options:
        world = world.with_options(periods=100)
    compiled = evaluated(world, numbers=[0, 1])
    plain = evaluated(in_python(world), numbers=[0, 1])

    assert compilation(world).reason is None
    assert (compiled.scores == plain.scores).all()
    assert (compiled.steps == plain.steps).all()
    assert compiled.steps.max() <= (world.steps or 200)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads: int) -> None:
    alone = evaluated(worlds.wander, particles=50)
    together = evaluated(worlds.wander, particles=50, threads=threads)
    assert (alone.scores == together.scores).all()
    assert (alone.steps == together.steps).all()


def test_a_policy_alone_scores_as_among_others() -> None:
    network = network_of(worlds.wander)
    weights = policies_of(network)
    together = evaluate_policies(worlds.wander, network, weights, TRAINING, NUMBERS)
    for p, row in enumerate(weights):
        alone = evaluate_policies(worlds.wander, network, row[None], TRAINING, [1])
        assert alone.scores[0, 0] == together.scores[p, 2]


def test_a_batch_scores_as_single_policies_do() -> None:
    together = evaluated(worlds.follow_together)
    alone = evaluated(worlds.follow)
    np.testing.assert_allclose(together.scores, alone.scores, rtol=1e-12)
    assert (together.steps == 20).all()


def test_scenarios_differ_by_number_purpose_and_key() -> None:
    sets = [
        TRAINING,
        ScenarioSet((5, 6), Purpose.VALIDATION_SCENARIO),
        ScenarioSet((5, 7), Purpose.TRAINING_SCENARIO),
    ]
    network = network_of(worlds.follow)
    weights = policies_of(network, 1)

    with Evaluator(worlds.follow, network) as evaluator:
        # One scenario each: what is remembered of a set must not answer for the next.
        scores = [evaluator.scores(weights, chosen, [0]).scores for chosen in sets]
        scores.append(evaluator.scores(weights, TRAINING, [1]).scores)
        again = evaluator.scores(weights, TRAINING, [0]).scores

    assert len(set(np.concatenate(scores).ravel().tolist())) == 4
    assert (again == scores[0]).all()


def test_options_reach_the_function() -> None:
    doubled = evaluated(worlds.follow.with_options(weight=2.0))
    assert (doubled.scores == 2.0 * evaluated(worlds.follow).scores).all()
    assert (evaluated(worlds.follow.with_options(steps=5)).steps == 5).all()


def test_a_network_of_another_shape_is_refused() -> None:
    with pytest.raises(SimulationError, match="Expected: 2 and 1"):
        Evaluator(worlds.follow, Network((3, 4, 1)))


def world_of(function, **settings):
    return simulation(**({"inputs": 2, "outputs": 1} | settings))(function)


def raises(policy, scenario):
    if scenario.uniform() >= 0.0:
        raise ArithmeticError("the shop burned down")
    return 1.0


def looks_too_far(policy, scenario):
    seen = np.zeros(3)
    for k in range(4):
        seen[k] = policy.act((0.0, 1.0))[0]
    return seen[0]


def observes_too_much(policy, scenario):
    return policy.act((0.0, 1.0, 2.0))[0]


def leaves(policy, scenario):
    sys.exit(3)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (raises, "raised ArithmeticError: the shop burned down, in line {}"),
        (looks_too_far, "raised IndexError: .*out of bounds.*, in line {}"),
        (observes_too_much, r"raised ValueError: .*shape \(3,\).*, in line {}"),
        (leaves, "raised SystemExit: 3, in line {}"),
    ],
)
def test_what_a_simulation_raises_is_told_with_its_line(function, message, threads) -> None:
    first = function.__code__.co_firstlineno
    last = max(line for *_, line in function.__code__.co_lines() if line)
    with pytest.raises(
        SimulationError, match=message.format(r"(\d+) of test_policy_scores.py")
    ) as told:
        evaluated(world_of(function), threads=threads)

    line = int(str(told.value).split(", in line ")[1].split()[0])
    assert first < line <= last
    assert told.value.remedy


@pytest.mark.parametrize(
    "value",
    ["text", None, np.zeros(2), [1.0], 1j, {"score": 1.0}],
    ids=lambda value: type(value).__name__,
)
def test_anything_but_a_number_is_refused(value) -> None:
    with pytest.raises(SimulationError, match=r"returned (.|\n)*Expected: one number"):
        evaluated(world_of(lambda policy, scenario: value))


@pytest.mark.parametrize("value", [np.zeros(3), np.zeros((7, 1)), 1.0, ["a"] * 7])
def test_a_batch_returns_one_number_for_each_policy(value) -> None:
    with pytest.raises(SimulationError, match=r"Expected: \(7,\)"):
        evaluated(world_of(lambda policy, scenario: value, batched=True))


@pytest.mark.parametrize("value", [3, True, np.float32(2.5), np.int16(4), np.array(1.5)])
def test_any_number_is_a_score(value) -> None:
    found = evaluated(in_python(world_of(lambda policy, scenario: value)))
    assert (found.scores == float(value)).all()


def test_a_score_that_is_no_number_stays_nan() -> None:
    found = evaluated(world_of(lambda policy, scenario: np.nan))
    assert np.isnan(found.scores).all()
    assert np.isnan(found.mean).all()


def test_what_is_printed_is_dropped_and_told_once(capsys, caplog) -> None:
    def talks(policy, scenario):
        print("day", scenario.integers(9))
        return 0.0

    with caplog.at_level(logging.WARNING):
        evaluated(world_of(talks))
    assert capsys.readouterr().out == ""
    (record,) = caplog.records
    assert "prints 'day" in record.getMessage()


def imports(policy, scenario):
    import decimal

    return float(decimal.Decimal(1))


def acts_on_text(policy, scenario):
    return policy.act("ab")[0]


def asks_for_more(policy, scenario):
    return policy.decide((0.0, 1.0))[0]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda policy, scenario: print("x"), "It prints."),
        (imports, "IMPORT_NAME"),
        (acts_on_text, "policy.act takes an array or a tuple of numbers"),
        (asks_for_more, "attribute 'decide' of type Policy"),
        (lambda policy, scenario: policy.act((0.0, 1.0)), "not one number"),
    ],
)
def test_why_a_function_is_not_compiled_is_one_sentence(function, reason, caplog) -> None:
    world = world_of(function)
    with caplog.at_level(logging.INFO):
        told = compilation(world).reason
    assert told is not None
    assert reason in told
    assert told.endswith(".")
    assert "\n" not in told
    assert told in caplog.text

    with pytest.raises(SimulationError, match="does not compile"):
        Evaluator(replace(world, compiled=True), network_of(world))


def test_a_simulation_may_say_that_it_runs_in_python() -> None:
    network = network_of(worlds.follow)
    world = in_python(worlds.follow)
    assert Evaluator(world, network).why_not_compiled == "It says compiled=False."
    assert Evaluator(worlds.follow, network).why_not_compiled is None
