"""A swarm trains a policy: on which scenarios, for how long, and what comes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shoal.errors import SettingsError, SimulationError
from shoal.genome.genome import Genome
from shoal.numerics.philox import Purpose, derive_key
from shoal.simulations.definition import simulation
from shoal.simulations.evaluation import Evaluator, ScenarioSet, evaluate_policies
from shoal.simulations.training import TrainingPlan, policy_network, train_policy
from simulations import worlds

KEY = derive_key(1, 0)
INFORMED = Genome(
    swarm_size=12, hidden_layers=(5,), activation="tanh", weight_scale=1.0, bias_scale=0.5
)
COMPETITIVE = replace(INFORMED, update_rule="competitive", social_weight=1.0, inertia_weight=1.0)
RULES = pytest.mark.parametrize("genome", [INFORMED, COMPETITIVE], ids=["informed", "competitive"])
PLAN = TrainingPlan(iterations=15, scenarios=2, validation_scenarios=5)


class Seen:
    """What an evaluator was asked for, by the purpose of the scenarios."""

    def __init__(self, monkeypatch) -> None:
        self.calls: list[tuple[int, list[int], int]] = []
        real = Evaluator.scores

        def scores(evaluator, weights, scenarios, numbers):
            self.calls.append((scenarios.purpose, list(numbers), len(weights)))
            return real(evaluator, weights, scenarios, numbers)

        monkeypatch.setattr(Evaluator, "scores", scores)

    def of(self, purpose: int) -> list[tuple[list[int], int]]:
        return [(numbers, count) for at, numbers, count in self.calls if at == purpose]


@RULES
def test_it_becomes_better(genome: Genome) -> None:
    short = train_policy(worlds.follow, genome, KEY, replace(PLAN, iterations=1))
    long = train_policy(worlds.follow, genome, KEY, replace(PLAN, iterations=60))
    assert long.score < 0.8 * short.score
    assert long.iterations == 60


@RULES
def test_it_is_the_same_again_and_on_several_threads(genome: Genome) -> None:
    first = train_policy(worlds.wander, genome, KEY, PLAN)
    again = train_policy(worlds.wander, genome, KEY, PLAN, threads=2)
    plain = train_policy(replace(worlds.wander, compiled=False), genome, KEY, PLAN)
    other = train_policy(worlds.wander, genome, derive_key(1, 1), PLAN)

    for found in (again, plain):
        assert (found.weights == first.weights).all()
        assert (found.history == first.history).all()
        assert found.score == first.score
        assert found.steps == first.steps

    assert (other.weights != first.weights).any()


def test_a_larger_score_is_better_where_the_simulation_says_so() -> None:
    found = train_policy(worlds.wander, INFORMED, KEY, PLAN)
    assert (found.history == -np.maximum.accumulate(-found.history)).sum() > 1
    start = train_policy(worlds.wander, INFORMED, KEY, replace(PLAN, iterations=1))
    assert found.score > start.score


def test_bests_act_again_on_the_scenarios_of_the_iteration(monkeypatch) -> None:
    seen = Seen(monkeypatch)
    train_policy(worlds.follow, INFORMED, KEY, replace(PLAN, iterations=3))
    assert seen.of(Purpose.TRAINING_SCENARIO) == [([0, 1], 12), ([2, 3], 24), ([4, 5], 24)]
    ((numbers, count),) = seen.of(Purpose.VALIDATION_SCENARIO)
    assert numbers == [0, 1, 2, 3, 4]
    assert 8 <= count <= 11


def test_a_competitive_swarm_lets_each_particle_act_once(monkeypatch) -> None:
    seen = Seen(monkeypatch)
    train_policy(worlds.follow, COMPETITIVE, KEY, replace(PLAN, iterations=3))
    assert [count for _, count in seen.of(Purpose.TRAINING_SCENARIO)] == [12, 12, 12]


@RULES
def test_a_fixed_set_of_scenarios_needs_no_second_look(genome: Genome, monkeypatch) -> None:
    seen = Seen(monkeypatch)
    plan = replace(PLAN, iterations=3, fresh_scenarios=False)
    found = train_policy(worlds.follow, genome, KEY, plan)

    moving = 12 if genome is INFORMED else 6
    assert seen.of(Purpose.TRAINING_SCENARIO) == [([0, 1], 12), ([0, 1], moving), ([0, 1], moving)]
    # Nothing is averaged: the best loss never rises.
    assert (np.diff(found.history) <= 0).all()


def test_a_deterministic_simulation_has_one_scenario(monkeypatch) -> None:
    seen = Seen(monkeypatch)
    found = train_policy(worlds.parabola, INFORMED, KEY, replace(PLAN, iterations=100))
    assert {tuple(numbers) for _, numbers, _ in seen.calls} == {(0,)}
    assert found.score < 1e-3
    assert found.score == found.loss


def test_the_loss_of_a_lucky_best_becomes_the_mean_of_what_it_met() -> None:
    """Losses that are nothing but luck: no best may stay at the luckiest of them."""

    @simulation(inputs=1, outputs=1)
    def luck(policy, scenario):
        return policy.act((1.0,))[0] * 0.0 + scenario.normal()

    plan = TrainingPlan(iterations=200, scenarios=1, validation_scenarios=200)
    found = train_policy(luck, INFORMED, KEY, plan)
    assert abs(found.loss) < 0.3
    assert abs(found.score) < 0.3


def test_steps_and_episodes_are_counted() -> None:
    found = train_policy(worlds.follow, INFORMED, KEY, PLAN)
    acting = 12 + 14 * 24
    assert found.episodes == acting * 2
    assert found.steps == acting * 2 * 20
    assert found.steps_by_iteration.tolist()[:2] == [12 * 40, 36 * 40]
    assert found.validation_steps == 20 * found.validation_episodes


def test_a_budget_of_steps_ends_it() -> None:
    found = train_policy(worlds.follow, INFORMED, KEY, replace(PLAN, max_steps=2000))
    assert found.iterations == 3
    assert found.steps_by_iteration[-2] < 2000 <= found.steps


def test_patience_ends_it() -> None:
    plan = replace(PLAN, iterations=500, patience=10, min_improvement=0.5)
    found = train_policy(worlds.parabola, INFORMED, KEY, plan)
    assert 10 < found.iterations < 500
    assert found.complete


def test_a_clock_ends_it() -> None:
    ticks = iter(range(10_000))
    plan = replace(PLAN, iterations=500, seconds=5.0)
    found = train_policy(worlds.follow, INFORMED, KEY, plan, clock=lambda: float(next(ticks)))
    assert found.iterations == 5


def test_an_observer_sees_the_swarm_and_may_stop_it() -> None:
    ticks = iter(range(10_000))
    seen = []

    def observer(state, steps):
        seen.append((state.iteration, steps))
        return state.iteration == 4

    found = train_policy(
        worlds.follow, INFORMED, KEY, PLAN, observer=observer, clock=lambda: float(next(ticks))
    )
    assert [iteration for iteration, _ in seen] == [1, 2, 3, 4]
    assert seen[0] == (1, 480)
    assert not found.complete
    assert found.iterations == 4


def test_the_score_is_that_of_the_validation_set() -> None:
    validation = ScenarioSet((8, 9), Purpose.VALIDATION_SCENARIO)
    found = train_policy(worlds.follow, INFORMED, KEY, PLAN, validation=validation)
    again = evaluate_policies(
        worlds.follow, found.network, found.weights[None], validation, np.arange(5)
    )
    assert found.network == policy_network(worlds.follow, INFORMED)
    assert (again.scores[0] == found.scores).all()
    assert found.score == again.mean[0]


def test_another_set_may_score_what_validation_chose() -> None:
    confirmation = ScenarioSet((8, 9), Purpose.CONFIRMATION_SCENARIO)
    plain = train_policy(worlds.follow, INFORMED, KEY, PLAN)
    found = train_policy(worlds.follow, INFORMED, KEY, PLAN, scored_on=confirmation)
    again = evaluate_policies(
        worlds.follow, found.network, found.weights[None], confirmation, np.arange(5)
    )

    assert (found.weights == plain.weights).all()
    assert (found.scores == again.scores[0]).all()
    assert found.score != plain.score


def test_weight_decay_is_part_of_the_loss() -> None:
    decayed = replace(INFORMED, weight_decay=0.01)
    plan = replace(PLAN, iterations=1)
    found = train_policy(worlds.parabola, decayed, KEY, plan)
    plain = train_policy(worlds.parabola, INFORMED, KEY, plan)
    assert found.loss > plain.loss
    assert found.training_score < found.loss
    assert plain.training_score == plain.loss


def test_policies_without_a_score_never_win() -> None:
    @simulation(inputs=1, outputs=1)
    def half_defined(policy, scenario):
        answer = policy.act((1.0,))[0]
        if answer < 0.0:
            return np.nan
        return answer + 0.01 * scenario.uniform()

    found = train_policy(half_defined, INFORMED, KEY, PLAN)
    assert np.isfinite(found.scores).all()


def test_a_simulation_without_any_score_fails() -> None:
    nothing = simulation(inputs=1, outputs=1)(lambda policy, scenario: np.nan)
    with pytest.raises(SimulationError, match="ever had a finite score"):
        train_policy(nothing, INFORMED, KEY, PLAN)


def test_one_that_fails_in_validation_only_fails() -> None:
    def fails_later(policy, scenario):
        return np.nan if scenario.seed in later else policy.act((1.0,))[0]

    from shoal.simulations.scenario import Scenario

    later = {Scenario(KEY, Purpose.VALIDATION_SCENARIO, number).seed for number in range(5)}
    world = simulation(inputs=1, outputs=1, compiled=False)(fails_later)
    with pytest.raises(SimulationError, match="validation"):
        train_policy(world, INFORMED, KEY, PLAN)


@pytest.mark.parametrize(
    "settings", [{"iterations": 0}, {"scenarios": 0}, {"max_steps": 0}, {"seconds": -1.0}]
)
def test_plans_without_sense_are_refused(settings) -> None:
    with pytest.raises(SettingsError):
        TrainingPlan(**settings)
