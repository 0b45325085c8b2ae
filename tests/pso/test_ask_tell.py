"""A swarm whose losses come from outside: it moves as the reference does."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.errors import FunctionError
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.objectives.losses import make_objective
from shoal.pso import swarm as reference
from shoal.pso.ask_tell import AskTell
from shoal.pso.engines.intrinsics.rows import WIDTHS
from shoal.pso.swarm import TrainingTask, initial_positions, initial_state, step
from shoal.update_rules import UPDATE_RULES
from shoal.update_rules.informants import INFORMANT_STRATEGIES
from shoal.update_rules.informed import ATTRACTORS

KEY = (0x1234, 0x5678)
STATE_ARRAYS = (
    "positions",
    "velocities",
    "best_positions",
    "best_losses",
    "informants",
    "history",
)
RULES = list(product(UPDATE_RULES, INFORMANT_STRATEGIES, ATTRACTORS))


# Networks of 7 and 31 weights: the first particle has less than a vector, the second several and
# some of what is left.
SHORT_AND_LONG = (1, 5)


def make_task(iterations: int = 25, width: int = 5, **genes: object) -> TrainingTask:
    """A small regression on made-up data."""
    random = np.random.default_rng(1)
    x = random.normal(size=(40, 4)).astype(np.float32)
    y = np.sin(x.sum(axis=1)).astype(np.float32)
    values = {"swarm_size": 9, "weight_scale": 0.7, "bias_scale": 0.3, **genes}
    genome = Genome(**values, hidden_layers=(width,))
    network = Network((4, width, 1), genome.activation)
    objective = make_objective(None, "regression", 1.7, 2.3)
    return TrainingTask(genome, network, objective, x, y, KEY, iterations)


def asked_and_told(task: TrainingTask, **options: object) -> AskTell:
    """The swarm of a task before its first iteration."""
    positions = initial_positions(task.genome, task.network, task.key)
    return AskTell(
        task.genome,
        task.network.size,
        task.key,
        horizon=task.iterations,
        positions=positions,
        **options,
    )


def run(swarm: AskTell, loss: Callable, iterations: int) -> list[np.ndarray]:
    """The positions of each iteration."""
    positions = []
    for _ in range(iterations):
        positions.append(swarm.ask().copy())
        swarm.tell(loss(swarm.ask()))
    return positions


def sphere(x: np.ndarray) -> np.ndarray:
    return (x.astype(np.float64) ** 2).sum(axis=1)


# --- the reference --------------------------------------------------------------------------------


@pytest.mark.parametrize("width", SHORT_AND_LONG)
@pytest.mark.parametrize(("rule", "strategy", "attractor"), RULES)
def test_it_moves_as_the_reference_to_the_bit(rule, strategy, attractor, width) -> None:
    task = make_task(
        width=width,
        update_rule=rule,
        informant_strategy=strategy,
        attractor=attractor,
        global_best_weight=0.3,
        inertia_end=0.5,
        velocity_end=0.3,
        max_position=1.5,
    )
    state = initial_state(task)
    swarm = asked_and_told(task)

    for _ in range(task.iterations):
        assert swarm.needed.tolist() == task.genome.rule.evaluated(state.best_losses).tolist()
        swarm.tell(reference.losses_of(task, swarm.ask()))
        state = step(task, state)

        seen = swarm.state()
        for name in STATE_ARRAYS:
            assert getattr(seen, name).tobytes() == getattr(state, name).tobytes(), name
        assert swarm.best_loss == state.best_losses.min()
        best = state.best_positions[state.global_best]
        assert swarm.best_position.tobytes() == best.tobytes()


@pytest.mark.parametrize("rule", UPDATE_RULES)
def test_a_loss_that_is_no_number_is_worse_than_all(rule) -> None:
    task = make_task(update_rule=rule)
    state = initial_state(task)
    swarm = asked_and_told(task)
    broken = np.arange(9) % 3 == 0

    for _ in range(task.iterations):
        losses = reference.losses_of(task, swarm.ask())
        odd = np.where(np.arange(9) % 2 == 0, np.nan, -np.inf)
        swarm.tell(np.where(broken, odd, losses))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                reference, "losses_of", lambda *_, found=losses: np.where(broken, np.inf, found)
            )
            state = step(task, state)
        for name in STATE_ARRAYS:
            assert getattr(swarm.state(), name).tobytes() == getattr(state, name).tobytes(), name


def test_without_a_finite_loss_there_is_no_best() -> None:
    swarm = asked_and_told(make_task())
    for _ in range(3):
        swarm.tell(np.full(9, np.nan))
    assert swarm.best_loss == np.inf
    assert swarm.history.tolist() == [np.inf] * 3
    assert np.isfinite(swarm.ask()).all()


@pytest.mark.parametrize("width", SHORT_AND_LONG)
@pytest.mark.parametrize(("rule", "strategy", "attractor"), RULES)
def test_float64_moves_alike_but_for_rounding(rule, strategy, attractor, width) -> None:
    task = make_task(
        width=width, update_rule=rule, informant_strategy=strategy, attractor=attractor
    )
    single = asked_and_told(task)
    double = asked_and_told(task, dtype=np.float64)
    assert double.ask().dtype == np.float64

    for _ in range(5):
        single.tell(sphere(single.ask()))
        double.tell(sphere(double.ask()))
    np.testing.assert_allclose(single.ask(), double.ask(), rtol=1e-4, atol=1e-5)


def test_those_networks_need_vectors_of_each_width() -> None:
    few, many = (make_task(width=width).network.size for width in SHORT_AND_LONG)
    whole, half, one = WIDTHS
    assert half + one <= few < whole
    assert many > 2 * whole
    assert many % whole > half


# --- laws -----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    rule=st.sampled_from(RULES),
    seed=st.integers(0, 2**32 - 1),
    dimensions=st.integers(1, 40),
    width=st.floats(1e-3, 1e3),
    velocity=st.floats(1e-3, 10.0),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_particles_stay_in_the_box_and_the_best_never_rises(
    rule, seed, dimensions, width, velocity, dtype
) -> None:
    name, strategy, attractor = rule
    genome = Genome(
        swarm_size=7,
        update_rule=name,
        informant_strategy=strategy,
        attractor=attractor,
        max_velocity=velocity,
    )
    lower = -width * np.arange(1, dimensions + 1)
    upper = lower + width
    swarm = AskTell(
        genome, dimensions, (seed, 1), horizon=20, lower=lower, upper=upper, dtype=dtype
    )

    for x in run(swarm, sphere, 20):
        assert (x >= lower.astype(dtype)).all()
        assert (x <= upper.astype(dtype)).all()
    assert (np.diff(swarm.history) <= 0).all()
    assert swarm.best_loss == sphere(swarm.best_position[None])[0]


@settings(deadline=None, max_examples=30)
@given(rule=st.sampled_from(RULES), pause=st.integers(0, 12), after_ask=st.booleans())
def test_a_pickled_swarm_goes_on_with_the_same_bits(rule, pause, after_ask) -> None:
    name, strategy, attractor = rule
    genome = Genome(
        swarm_size=6, update_rule=name, informant_strategy=strategy, attractor=attractor
    )
    whole = AskTell(genome, 5, KEY, horizon=12, lower=-1.0, upper=1.0)
    expected = run(whole, sphere, 12)

    first = AskTell(genome, 5, KEY, horizon=12, lower=-1.0, upper=1.0)
    seen = run(first, sphere, pause)
    if after_ask:
        first.ask()
    second = pickle.loads(pickle.dumps(first))
    seen += run(second, sphere, 12 - pause)

    assert [x.tobytes() for x in seen] == [x.tobytes() for x in expected]
    assert second.history.tobytes() == whole.history.tobytes()


def test_what_leads_out_of_the_box_ends_at_its_border_with_no_velocity() -> None:
    genome = Genome(swarm_size=4, max_velocity=10.0)
    velocities = np.array([[5.0, 0.1], [-5.0, 0.1], [0.1, 5.0], [0.1, -5.0]])
    swarm = AskTell(
        genome,
        2,
        KEY,
        horizon=5,
        lower=[-1.0, -2.0],
        upper=[1.0, 2.0],
        positions=np.zeros((4, 2)),
        velocities=velocities,
        dtype=np.float64,
    )
    swarm.tell(np.zeros(4))

    state = swarm.state()
    assert state.positions[:2, 0].tolist() == [1.0, -1.0]
    assert state.positions[2:, 1].tolist() == [2.0, -2.0]
    assert state.velocities[:2, 0].tolist() == [0.0, 0.0]
    assert state.velocities[2:, 1].tolist() == [0.0, 0.0]
    assert (state.velocities[:2, 1] > 0).all()


def test_more_iterations_than_the_horizon_keep_the_last_limits() -> None:
    genome = Genome(swarm_size=5, inertia_end=0.5, velocity_end=0.01)
    swarm = AskTell(genome, 3, KEY, horizon=4)
    run(swarm, sphere, 200)
    assert swarm.iteration == len(swarm.history) == 200
    assert np.abs(swarm.state().velocities).max() <= np.float32(0.5 * 0.01)


# --- noise ----------------------------------------------------------------------------------------


def test_bests_are_means_of_what_they_were_given() -> None:
    swarm = AskTell(Genome(swarm_size=3, num_informants=2), 2, KEY, horizon=9)
    swarm.tell([4.0, 6.0, np.inf])
    first = swarm.best_positions.copy()

    # Particle 0 beats neither its mean (4 + 2) / 2 nor 2; particle 1 beats 5 and 4; particle 2 has
    # no best, and what is told of one is not read.
    swarm.tell([3.5, 3.0, 7.0], reevaluated_bests=[2.0, 4.0, 0.0])
    assert swarm.best_losses.tolist() == [3.0, 3.0, 7.0]
    assert (swarm.best_positions[0] == first[0]).all()
    assert not (swarm.best_positions[1] == first[1]).all()

    # 0 is the mean of three numbers, 1 of two: it began anew.
    swarm.tell([np.inf] * 3, reevaluated_bests=[6.0, 4.0, 8.0])
    assert swarm.best_losses.tolist() == [4.0, 3.5, 7.5]
    assert swarm.history.tolist() == [4.0, 3.0, 3.5]


def test_a_lucky_scenario_alone_makes_no_best() -> None:
    swarm = AskTell(Genome(swarm_size=2, num_informants=1), 2, KEY, horizon=9)
    swarm.tell([5.0, 5.0])
    # Below the mean of 3.5, but worse than the best under the same noise.
    swarm.tell([3.0, 3.0], reevaluated_bests=[2.0, 2.0])
    assert swarm.best_losses.tolist() == [3.5, 3.5]


def test_a_best_that_fails_later_is_given_up() -> None:
    swarm = AskTell(Genome(swarm_size=2, num_informants=1), 2, KEY, horizon=9)
    swarm.tell([1.0, 2.0])
    swarm.tell([5.0, 5.0], reevaluated_bests=[np.nan, 2.0])
    assert swarm.best_losses.tolist() == [5.0, 2.0]


def test_winners_of_the_competitive_rule_are_means_too() -> None:
    genome = Genome(swarm_size=4, update_rule="competitive")
    swarm = AskTell(genome, 2, KEY, horizon=9)
    swarm.tell([1.0, 2.0, 3.0, 4.0])
    standing = ~swarm.needed
    assert standing.sum() == 2
    assert standing[0]

    before = swarm.best_losses.copy()
    swarm.tell([9.0] * 4, reevaluated_bests=before + 1)
    assert swarm.history.tolist() == [1.0, 1.5]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 8, 10])
def test_another_number_of_losses_is_refused(count) -> None:
    swarm = asked_and_told(make_task())
    with pytest.raises(FunctionError, match=rf"\({count},\) losses for 9 particles"):
        swarm.tell(np.zeros(count))
    with pytest.raises(FunctionError, match="one loss for each particle"):
        swarm.tell(np.zeros(9), reevaluated_bests=np.zeros(count))
    assert swarm.iteration == 0


def test_initial_positions_of_another_shape_are_refused() -> None:
    with pytest.raises(FunctionError, match=r"Initial positions of shape \(3, 2\).*\(48, 2\)"):
        AskTell(Genome(), 2, KEY, horizon=9, positions=np.zeros((3, 2)))


def test_positions_cannot_be_written() -> None:
    swarm = asked_and_told(make_task())
    for array in (swarm.ask(), swarm.best_positions, swarm.best_losses):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
