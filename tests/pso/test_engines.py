"""The swarm's rule against a literal reading of it, and one contract that every engine keeps."""

from __future__ import annotations

import ast
import importlib
import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import binding
from numba import njit
from scipy import stats

import shoal.pso.engines.cpu
import shoal.pso.swarm
from shoal.errors import SettingsError
from shoal.genome.genome import Genome
from shoal.nn.activations import ACTIVATIONS
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, normals
from shoal.objectives.losses import LOSSES, MSE, Objective, loss_values, make_objective
from shoal.pso.engines import ENGINES, Engine, cache, get_engine, kernels, vector_math
from shoal.pso.engines.cpu import CpuEngine
from shoal.pso.engines.intrinsics.maps import make_map
from shoal.pso.engines.intrinsics.memory import address_of
from shoal.pso.engines.llvm_vectors import Value
from shoal.pso.swarm import (
    SwarmState,
    TrainingTask,
    initial_state,
    out_of_patience,
    scheduled,
    step,
)
from shoal.update_rules import UPDATE_RULES
from shoal.update_rules.competitive import winners
from shoal.update_rules.informants import (
    INFORMANT_STRATEGIES,
    nearest_informants,
    random_informants,
    ring_informants,
)
from shoal.update_rules.informed import ATTRACTORS
from support import golden
from support.activations import DEFINITIONS
from support.locations import TESTS
from support.scalar_philox import scalar_philox, scalar_uniform

f32 = np.float32
REGRESSION = ("mse", "mae", "huber", "negative_accuracy")
CLASSIFICATION = ("cross_entropy", "zero_one", "negative_accuracy")
LOSSES_AND_CLASSES = [
    *((loss, 1) for loss in REGRESSION),
    *((loss, 3) for loss in CLASSIFICATION),
]
KEY = (0x1234, 0x5678)


def make_task(
    *,
    rows: int = 65,
    inputs: int = 4,
    hidden: tuple[int, ...] = (5,),
    classes: int = 1,
    loss: str | None = None,
    iterations: int = 12,
    patience: int | None = None,
    seconds: float | None = None,
    x: np.ndarray | None = None,
    y: np.ndarray | None = None,
    **genes: object,
) -> TrainingTask:
    """A small training on made-up data; regression when there is one output."""
    random = np.random.default_rng(rows * 100 + inputs)
    if x is None:
        x = random.normal(size=(rows, inputs)).astype(f32)
    if y is None and classes > 1:
        y = random.integers(0, classes, len(x)).astype(f32)
    if y is None:
        y = np.sin(x.sum(axis=1)).astype(f32)

    kind = "regression"
    if classes > 1:
        kind = "classification"
    objective = make_objective(loss, kind, 1.7, 2.3)

    plain = {"swarm_size": 9, "weight_scale": 0.7, "bias_scale": 0.3, "hidden_layers": hidden}
    genome = Genome(**{**plain, **genes})
    network = Network((x.shape[1], *hidden, classes), genome.activation)
    return TrainingTask(genome, network, objective, x, y, KEY, iterations, seconds, patience)


def copied(state: SwarmState) -> SwarmState:
    """A state that an engine may overwrite."""
    arrays = {}
    for state_field in fields(state):
        value = getattr(state, state_field.name)
        if isinstance(value, np.ndarray):
            arrays[state_field.name] = value.copy()
    return replace(state, **arrays)


def bits(state: SwarmState) -> tuple[object, ...]:
    """Everything in a state but what its evaluation cost, for comparison to the bit."""
    values: list[object] = []
    for state_field in fields(state):
        value = getattr(state, state_field.name)
        if isinstance(value, np.ndarray):
            values.append(value.tobytes())
        elif state_field.name != "rows_skipped":
            values.append(value)
    return tuple(values)


# --- the rule, read literally ---------------------------------------------------------------------


@dataclass
class ScalarSwarm:
    """The documented rules, one particle and one dimension at a time, with a Philox of its own.

    Attributes
    ----------
    genome
        The swarm's hyperparameters.
    positions, velocities
        Of each particle, in each dimension.
    informants
        Those of each particle.
    iteration
        Iterations done.
    best_losses, best_positions
        Of each particle; empty before the first iteration.
    top_loss
        The lowest loss of the last competition.
    last_iteration
        Where the schedules end.
    """

    genome: Genome
    positions: list[list[np.float32]]
    velocities: list[list[np.float32]]
    informants: list[list[int]]
    iteration: int = 0
    best_losses: list[float] = field(default_factory=list)
    best_positions: list[list[np.float32]] = field(default_factory=list)
    top_loss: float = math.inf
    last_iteration: int = 1

    def coefficients(self) -> dict[str, np.float32]:
        """Those of this iteration, by the symbols of the rule."""
        genome = self.genome
        gone = min(1.0, self.iteration / self.last_iteration)
        return {
            "w": f32(genome.inertia_weight * (1 + (genome.inertia_end - 1) * gone)),
            "vmax": f32(genome.max_velocity * (1 + (genome.velocity_end - 1) * gone)),
            "c1": f32(genome.cognitive_weight),
            "c2": f32(genome.social_weight),
            "c3": f32(genome.global_best_weight),
            "jump": f32(genome.jump_size),
            "xmax": f32(genome.max_position),
        }

    def uniform(self, purpose: int, particle: int, dimension: int) -> np.float32:
        """The random number of this iteration for one particle and dimension."""
        dimensions = len(self.positions[0])
        number = scalar_uniform(KEY, purpose, self.iteration, particle, dimension, dimensions)
        return f32(number)

    def begin(self) -> None:
        """Before the first iteration no particle has a best."""
        if not self.best_positions:
            self.best_positions = [list(row) for row in self.positions]
            self.best_losses = [math.inf] * len(self.positions)

    def compete(self, losses: Sequence[float], pairs: Sequence[tuple[int, int]]) -> None:
        """The competitive rule; ``losses`` of particles that stayed are not looked at."""
        self.begin()
        for i, loss in enumerate(losses):
            if self.best_losses[i] == math.inf and math.isfinite(loss):
                self.best_losses[i] = loss
                self.best_positions[i] = list(self.positions[i])
        self.top_loss = min(self.best_losses)

        for a, b in pairs:
            loser = max(a, b, key=lambda i: (self.best_losses[i], i))
            winner = a + b - loser
            self.learn(loser, winner)
            self.best_losses[loser] = math.inf
        self.iteration += 1

    def learn(self, loser: int, winner: int) -> None:
        """The loser of a pair moves towards the winner."""
        c = self.coefficients()
        for d in range(len(self.positions[loser])):
            r1 = self.uniform(16, loser, d)
            r2 = self.uniform(17, loser, d)
            x = self.positions[loser][d]
            v = self.velocities[loser][d]

            v = c["w"] * r1 * v + c["c2"] * r2 * (self.positions[winner][d] - x)
            v = min(max(v, -c["vmax"]), c["vmax"])

            self.velocities[loser][d] = v
            self.positions[loser][d] = min(max(x + c["jump"] * v, -c["xmax"]), c["xmax"])

    def distance(self, i: int, j: int) -> float:
        """The square of the distance between two particles."""
        pairs = zip(self.positions[i], self.positions[j], strict=True)
        return math.fsum((float(a) - float(b)) ** 2 for a, b in pairs)

    def informed_by(self, i: int) -> list[int]:
        """The informants of a particle now."""
        if self.genome.informant_strategy != "nearest":
            return self.informants[i]

        others = [j for j in range(len(self.positions)) if j != i]
        others.sort(key=lambda j: (self.distance(i, j), j))
        return sorted(others[: self.genome.num_informants])

    def move(self, losses: Sequence[float], redraw: Callable[[int], list[list[int]]]) -> None:
        """The informed rule; ``redraw`` gives the informants from an iteration on."""
        self.begin()
        before = min(self.best_losses)
        for i, loss in enumerate(losses):
            if math.isfinite(loss) and loss < self.best_losses[i]:
                self.best_losses[i] = loss
                self.best_positions[i] = list(self.positions[i])

        particles = range(len(self.positions))
        top = min(particles, key=lambda i: (self.best_losses[i], i))
        stalled = not self.best_losses[top] < before
        if self.genome.informant_strategy == "rewired" and stalled:
            self.informants = redraw(self.iteration + 1)

        # All move at once: nobody sees where another has gone.
        moves = [self.moved(i, top) for i in particles]
        self.positions = [position for position, _ in moves]
        self.velocities = [velocity for _, velocity in moves]
        self.iteration += 1

    def moved(self, i: int, top: int) -> tuple[list[np.float32], list[np.float32]]:
        """Where a particle goes and how fast; ``top`` is the particle with the global best."""
        c = self.coefficients()
        leader = min(self.informed_by(i), key=lambda j: (self.best_losses[j], j))
        attractor = self.positions[leader]
        if self.genome.attractor == "best":
            attractor = self.best_positions[leader]

        position = []
        velocity = []
        for d in range(len(self.positions[i])):
            r1 = self.uniform(Purpose.COGNITIVE, i, d)
            r2 = self.uniform(Purpose.SOCIAL, i, d)
            r3 = self.uniform(Purpose.GLOBAL, i, d)
            x = self.positions[i][d]
            v = self.velocities[i][d]

            v = (
                c["w"] * v
                + c["c1"] * r1 * (self.best_positions[i][d] - x)
                + c["c2"] * r2 * (attractor[d] - x)
                + c["c3"] * r3 * (self.best_positions[top][d] - x)
            )
            v = min(max(v, -c["vmax"]), c["vmax"])
            x = min(max(x + c["jump"] * v, -c["xmax"]), c["xmax"])

            position.append(x)
            velocity.append(v)
        return position, velocity


def random_words(count: int, particle: int, iteration: int, purpose: int) -> list[int]:
    """At least ``count`` words of 32 bits, four for each block of Philox."""
    words: list[int] = []
    for block in range(math.ceil(count / 4)):
        words += scalar_philox((block, particle, iteration, purpose), KEY)
    return words


def floyd(particles: int, k: int, iteration: int) -> list[list[int]]:
    """Floyd's sampling without replacement, in the words of its paper."""
    rows = []
    for i in range(particles):
        words = random_words(k, i, iteration, Purpose.INFORMANTS)
        chosen: set[int] = set()
        for n, j in enumerate(range(particles - 1 - k, particles - 1)):
            t = words[n] * (j + 1) >> 32
            if t in chosen:
                chosen.add(j)
            else:
                chosen.add(t)

        # Numbers of the others: a particle does not inform itself.
        rows.append(sorted(number + (number >= i) for number in chosen))
    return rows


def losses_as_made(losses: Sequence[float]) -> np.ndarray:
    """Losses as an engine has them: what is not finite counts as infinite."""
    made = np.array(losses, np.float64)
    made[~np.isfinite(made)] = math.inf
    return made


def step_with_losses(task: TrainingTask, state: SwarmState, losses: Sequence[float]) -> SwarmState:
    """The reference's step, for particles whose losses are these. It must not touch ``state``."""
    before = bits(state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shoal.pso.swarm, "loss_values", lambda *_: losses_as_made(losses))
        after = step(task, state)
    assert bits(state) == before, "a step must not touch its state"
    return after


def assert_same_swarm(state: SwarmState, literal: ScalarSwarm) -> None:
    """Positions, velocities and bests agree to the bit."""
    assert state.positions.tolist() == literal.positions
    assert state.velocities.tolist() == literal.velocities
    assert state.best_positions.tolist() == literal.best_positions
    assert state.best_losses.tolist() == literal.best_losses


def limits(tight: bool) -> dict[str, float]:
    """Genes that clamp often, or hardly ever."""
    if tight:
        return {"max_velocity": 0.15, "max_position": 0.4}
    return {"max_velocity": 5.0, "max_position": 50.0}


# Few values, so that ties are common.
LOSS = st.sampled_from([0.0, 1.0, 2.0, 3.0, math.inf, math.nan, -1.0])


def scripts(particles: int, iterations: int) -> st.SearchStrategy[list[list[float]]]:
    """The losses of all particles in some iterations."""
    of_an_iteration = st.lists(LOSS, min_size=particles, max_size=particles)
    return st.lists(of_an_iteration, min_size=iterations, max_size=iterations)


@pytest.mark.parametrize(("strategy", "attractor"), list(product(INFORMANT_STRATEGIES, ATTRACTORS)))
@settings(deadline=None, max_examples=12)
@given(
    data=st.data(), particles=st.integers(2, 6), c3=st.sampled_from([0.0, 0.8]), tight=st.booleans()
)
def test_reference_is_the_documented_rule(strategy, attractor, data, particles, c3, tight) -> None:
    """Bit for bit over four steps, with ties, infinities and NaN among the losses, and clamping."""
    k = data.draw(st.integers(1, particles - 1))
    task = make_task(
        inputs=3,
        hidden=(),
        rows=2,
        swarm_size=particles,
        num_informants=k,
        informant_strategy=strategy,
        attractor=attractor,
        global_best_weight=c3,
        jump_size=0.9,
        **limits(tight),
    )
    state = initial_state(task)
    informants = floyd(particles, k, 0)
    if strategy == "ring":
        informants = ring_informants(task.genome).tolist()
    literal = ScalarSwarm(
        task.genome,
        [list(row) for row in state.positions],
        [list(row) for row in state.velocities],
        informants,
    )

    for losses in data.draw(scripts(particles, 4)):
        state = step_with_losses(task, state, losses)
        literal.move(losses, lambda iteration: floyd(particles, k, iteration))

        assert_same_swarm(state, literal)
        assert state.history.tolist()[-1] == min(literal.best_losses)
        assert state.iteration == literal.iteration == len(state.history)
        if strategy != "nearest":
            assert state.informants.tolist() == [sorted(row) for row in literal.informants]


def random_pairs(particles: int, iteration: int) -> list[tuple[int, int]]:
    """Neighbours of a random order, by Durstenfeld's form of Fisher and Yates's shuffle (1964)."""
    words = random_words(particles, 0, iteration, 5)
    order = list(range(particles))
    for n in reversed(range(1, particles)):
        m = words[n] * (n + 1) >> 32
        order[n], order[m] = order[m], order[n]
    return [(order[n], order[n + 1]) for n in range(0, particles - 1, 2)]


@settings(deadline=None, max_examples=25)
@given(
    data=st.data(),
    particles=st.integers(2, 9),
    ends=st.tuples(st.sampled_from([1.0, 0.3, 0.0]), st.sampled_from([1.0, 0.1])),
    tight=st.booleans(),
)
def test_reference_is_the_documented_competitive_rule(data, particles, ends, tight) -> None:
    """Bit for bit, with ties, infinities and NaN among the losses.

    What the rule does not read changes nothing.
    """
    unread = {
        "cognitive_weight": data.draw(st.floats(0, 4)),
        "attractor": data.draw(st.sampled_from(ATTRACTORS)),
    }
    task = make_task(
        inputs=3,
        hidden=(),
        rows=2,
        iterations=6,
        swarm_size=particles,
        num_informants=1,
        update_rule="competitive",
        inertia_weight=0.9,
        social_weight=data.draw(st.sampled_from([0.0, 1.0, 1.3])),
        jump_size=0.8,
        inertia_end=ends[0],
        velocity_end=ends[1],
        informant_strategy=data.draw(st.sampled_from(list(INFORMANT_STRATEGIES))),
        **limits(tight),
        **unread,
    )
    state = initial_state(task)
    literal = ScalarSwarm(
        task.genome,
        [list(row) for row in state.positions],
        [list(row) for row in state.velocities],
        informants=[],
        last_iteration=5,
    )

    for losses in data.draw(scripts(particles, 6)):
        before = state
        state = step_with_losses(task, before, losses)
        literal.compete(losses, random_pairs(particles, literal.iteration))

        assert_same_swarm(state, literal)
        assert state.history.tolist()[-1] == literal.top_loss == state.best_losses.min()
        assert (state.informants == before.informants).all()

        # The two rows of those that stayed are not evaluated again.
        stayed = np.isfinite(before.best_losses).sum()
        assert state.rows_skipped - before.rows_skipped == 2 * int(stayed)

    assert (np.diff(state.history[np.isfinite(state.history)]) <= 0).all()


def test_every_pairing_is_equally_likely() -> None:
    """Of five particles: which one sits out, and which ones meet.

    The lower of equals wins, so the map from losers to winners shows the pairs.
    """
    counts: Counter[tuple[int, ...]] = Counter()
    for iteration in range(6000):
        counts[tuple(winners(KEY, iteration, np.zeros(5)).tolist())] += 1

    assert len(counts) == 5 * 3
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_schedules_go_straight_to_their_end_and_stay_there() -> None:
    assert [scheduled(2.0, 0.5, t, 5) for t in range(7)] == [2.0, 1.75, 1.5, 1.25, 1.0, 1.0, 1.0]
    assert [scheduled(0.1, 1.0, t, 3) for t in range(5)] == [f32(0.1)] * 5
    assert scheduled(2.0, 0.5, 0, 1) == 2.0


@pytest.mark.parametrize("horizon", [1, 2, 500])
@pytest.mark.parametrize("iteration", [0, 1, 7, 900])
@pytest.mark.parametrize("end", [1.0, 0.4, 0.0])
@pytest.mark.parametrize("start", [0.7298, 1e-6])
def test_kernels_and_reference_have_the_same_schedules(start, end, iteration, horizon) -> None:
    expected = scheduled(start, end, iteration, horizon)
    assert kernels.at_time(start, end, iteration, horizon) == expected


def test_weight_decay_is_the_sum_of_squares_of_all_but_biases() -> None:
    task = make_task(inputs=3, hidden=(4,), weight_decay=0.01, swarm_size=3, num_informants=1)
    plain = replace(task, genome=replace(task.genome, weight_decay=0.0))
    state = initial_state(task)
    weights = state.positions[:, ~task.network.bias_mask()].astype(np.float64)
    expected = 0.01 * (weights**2).sum(axis=1)

    for engine in map(get_engine, ENGINES):
        heavier = engine.advance(task, copied(state), 1).best_losses
        lighter = engine.advance(plain, copied(state), 1).best_losses
        assert heavier - lighter == pytest.approx(expected, rel=1e-9)


def test_fan_in_makes_sums_of_one_size_whatever_the_width() -> None:
    task = make_task(
        inputs=9,
        hidden=(400, 25),
        weight_scale=0.6,
        bias_scale=0.2,
        initialisation="fan_in",
        swarm_size=40,
    )
    state = initial_state(task)
    plain = initial_state(replace(task, genome=replace(task.genome, initialisation="plain")))

    start = 0
    for inputs, width in pairwise(task.network.layers):
        layer = slice(start, start + inputs * width)
        weights = state.positions[:, layer]
        expected = plain.positions[:, layer].astype(float) / math.sqrt(inputs)
        assert weights.std() == pytest.approx(0.6 / math.sqrt(inputs), rel=0.1)
        assert weights == pytest.approx(expected, rel=1e-6)

        # The biases of a layer stand behind its weights.
        start += (inputs + 1) * width

    biases = state.positions[:, task.network.bias_mask()]
    assert (biases == f32(0.2)).all()
    assert state.velocities.tobytes() == plain.velocities.tobytes()


def test_initial_state_is_as_documented() -> None:
    task = make_task(inputs=3, hidden=(4,), swarm_size=7, weight_scale=0.02, bias_scale=0.005)
    state = initial_state(task)

    mask = task.network.bias_mask()
    assert mask.tolist() == [False] * 12 + [True] * 4 + [False] * 4 + [True]
    assert (state.positions[:, mask] == f32(0.005)).all()

    raw = normals(KEY, Purpose.POSITION, 7, 21)
    assert (state.positions[:, ~mask] == raw[:, ~mask] * f32(0.02)).all()
    assert (state.velocities == normals(KEY, Purpose.VELOCITY, 7, 21) * f32(0.1)).all()
    assert (state.best_positions == state.positions).all()
    assert np.isinf(state.best_losses).all()
    assert state.iteration == 0
    assert len(state.history) == 0
    assert state.stopped is False


def test_moves_read_where_all_stood_before() -> None:
    """With attractor "position" a particle is drawn to where its informant was.

    Moves are synchronous: where the informant went does not count.
    """
    task = make_task(
        hidden=(),
        swarm_size=3,
        num_informants=2,
        attractor="position",
        inertia_weight=0,
        cognitive_weight=0,
        social_weight=1,
        max_velocity=9,
    )
    state = initial_state(task)
    losses = loss_values(task.objective, task.network.forward(state.positions, task.x), task.y)
    leader = int(np.argmin(losses))

    after = step(task, state)

    for i in set(range(3)) - {leader}:
        r2 = np.array([scalar_uniform(KEY, Purpose.SOCIAL, 0, i, d, 5) for d in range(5)])
        expected = state.positions[i] + r2 * (state.positions[leader] - state.positions[i])
        assert after.positions[i] == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_a_particle_whose_loss_is_not_finite_has_no_best() -> None:
    """NaN (inf - inf in a linear network) and overflow alike, in the middle of finite ones."""
    x = np.array([[3e38, 3e38], [1, 2]], f32)
    task = make_task(x=x, y=np.zeros(2, f32), hidden=(), loss="mae", swarm_size=3, num_informants=1)
    positions = np.array([[2, -2, 0], [2, 2, 0], [1e-30, 1e-30, 0]], f32)
    state = replace(initial_state(task), positions=positions, best_positions=positions * 0 + 7)
    outputs = task.network.forward(positions, x)[:, 0, 0]
    assert np.isnan(outputs[0])
    assert np.isinf(outputs[1])

    after = step(task, state)

    assert np.isinf(after.best_losses).tolist() == [True, True, False]
    assert (after.best_positions[:2] == 7).all()
    assert (after.best_positions[2] == positions[2]).all()
    assert after.global_best == 2


# --- informants -----------------------------------------------------------------------------------


def swarm_of(particles: int, k: int, strategy: str = "random") -> Genome:
    return Genome(swarm_size=particles, num_informants=k, informant_strategy=strategy)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 30), st.data(), st.integers(0, 2**31))
def test_random_informants_are_distinct_and_never_itself(particles, data, iteration) -> None:
    k = data.draw(st.integers(1, particles - 1))
    found = random_informants(swarm_of(particles, k), KEY, iteration)
    assert found.dtype == np.int32
    assert found.shape == (particles, k)
    assert found.tolist() == floyd(particles, k, iteration)

    for i, row in enumerate(found.tolist()):
        assert row == sorted(set(row))
        assert i not in row
        assert row[0] >= 0
        assert row[-1] < particles

    compiled = np.empty((particles, k), np.int32)
    for i in range(particles):
        kernels.random_informants(i, compiled, iteration, *KEY)
    assert compiled.tolist() == found.tolist()


@pytest.mark.parametrize("particles", [2, 3, 9])
def test_all_others_inform_when_as_many_are_asked_for(particles) -> None:
    everyone = []
    for i in range(particles):
        everyone.append([j for j in range(particles) if j != i])

    genome = swarm_of(particles, particles - 1)
    assert random_informants(genome, KEY, 3).tolist() == everyone
    assert ring_informants(genome).tolist() == everyone
    assert nearest_informants(genome, normals(KEY, 2, particles, 4)).tolist() == everyone


@pytest.mark.parametrize(("particles", "k"), [(7, 1), (7, 2), (6, 3), (5, 3)])
def test_every_set_of_random_informants_is_equally_likely(particles, k) -> None:
    genome = swarm_of(particles, k)
    counts = dict.fromkeys(combinations(range(particles - 1), k), 0)

    for iteration in range(3000):
        for i, row in enumerate(random_informants(genome, KEY, iteration).tolist()):
            # As numbers of the others, without a gap where the particle itself is.
            others = tuple(j - (j > i) for j in row)
            counts[others] += 1

    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_ring() -> None:
    assert ring_informants(swarm_of(6, 1)).tolist() == [[1], [2], [3], [4], [5], [0]]
    assert ring_informants(swarm_of(6, 2)).tolist() == [
        [1, 5],
        [0, 2],
        [1, 3],
        [2, 4],
        [3, 5],
        [0, 4],
    ]
    assert ring_informants(swarm_of(6, 3))[0].tolist() == [1, 2, 5]
    assert ring_informants(swarm_of(6, 4))[0].tolist() == [1, 2, 4, 5]


@settings(deadline=None, max_examples=25)
@given(
    st.integers(2, 20),
    st.data(),
    st.sampled_from([1, 15, 16, 17, 64, 81, 200, 3001]),
    st.booleans(),
)
def test_nearest_informants_by_brute_force(particles, data, dimensions, coarse) -> None:
    """Ties go to the lower number. They are common and exact on a ``coarse`` grid."""
    k = data.draw(st.integers(1, particles - 1))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    if coarse:
        positions = random.integers(-1, 2, (particles, dimensions)).astype(f32)
    else:
        positions = random.normal(size=(particles, dimensions)).astype(f32)

    differences = positions[:, None].astype(float) - positions[None].astype(float)
    distances = (differences**2).sum(axis=2)
    expected = []
    for i in range(particles):
        others = [j for j in range(particles) if j != i]
        others.sort(key=lambda j: (distances[i, j], j))
        expected.append(sorted(others[:k]))

    assert nearest_informants(swarm_of(particles, k), positions).tolist() == expected

    padded = np.zeros((particles, kernels.padded(dimensions)), f32)
    padded[:, :dimensions] = positions
    measured = np.full((particles, particles), np.nan)
    for first in range(0, particles, kernels.NEIGHBOURS):
        kernels.measure(first, padded.ravel(), padded.shape[1], measured)
    assert measured == pytest.approx(distances, rel=1e-5)

    compiled = np.zeros((particles, k), np.int32)
    for i in range(particles):
        kernels.nearest_informants(i, compiled, measured)
    assert compiled.tolist() == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_rewired_redraws_exactly_when_the_global_best_stalls(engine) -> None:
    task = make_task(
        informant_strategy="rewired",
        iterations=60,
        swarm_size=6,
        loss="zero_one",
        classes=3,
        rows=40,
    )
    state = initial_state(task)
    assert state.informants.tolist() == floyd(6, 3, 0)

    redraws = 0
    last_redraw = 0
    best = math.inf
    for iteration in range(1, 61):
        state = get_engine(engine).advance(task, state, 1)
        if not state.history[-1] < best:
            redraws += 1
            last_redraw = iteration
        best = float(state.history[-1])
        assert state.informants.tolist() == floyd(6, 3, last_redraw)

    assert 10 < redraws < 59, "the case must show both"


# --- patience -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "patience", "stops"),
    [
        ([5, 4, 3], 0, False),
        ([3, 3], 2, False),
        ([3, 3, 3], 2, True),
        ([3, 3, 2.9], 2, False),
        ([1, 1 - 1.01e-4], 1, False),
        ([1, 1 - 0.99e-4], 1, True),
        ([-50, -50.006], 1, False),
        ([-50, -50.004], 1, True),
        ([0, 0], 1, True),
        ([math.inf, math.inf], 1, True),
        ([math.inf, 5], 1, False),
        ([9, 3, 2, 2, 2], 3, False),
        ([9, 2, 2, 2, 2], 3, True),
    ],
)
def test_patience_rule(history, patience, stops) -> None:
    losses = np.array(history, dtype=np.float64)
    assert out_of_patience(losses, len(losses), patience, 1e-4) is stops
    assert bool(kernels.stalled(losses, len(losses), patience, 1e-4)) is stops

    # What lies behind the iterations done is not read.
    longer = np.append(losses, [-1e9, -2e9])
    assert out_of_patience(longer, len(losses), patience, 1e-4) is stops


# --- the contract of an engine --------------------------------------------------------------------

# Between the mean losses of two engines from the same positions, with targets of about 1: rounding
# of float32.
RELATIVE = 1e-5
ABSOLUTE = 1e-6

# Inputs, hidden layers, rows.
SHAPES = [
    (4, (), 65),
    (4, (1,), 63),
    (1, (3,), 64),
    (1, (1,), 1),
    (40, (7,), 129),
    (3, (5, 6), 65),
    (8, (9, 4, 3), 129),
    (8, (32, 16), 721),
    (40, (13, 2, 5), 1),
    # Deeper than one pass of a tile, and a block is a chunk of the data.
    (1000, (7,), 130),
    (65, (11,), 33),
    # More than one chunk.
    (2, (3,), 40_000),
]


# Genes of shoal.genome.genes.NEUTRAL, alone and together.
LATER_GENES: list[dict[str, object]] = [
    {"update_rule": "competitive", "inertia_weight": 1.0, "social_weight": 1.0},
    {"weight_decay": 1e-3},
    {"inertia_end": 0.4, "inertia_weight": 0.9},
    {"velocity_end": 0.1, "max_velocity": 0.2},
    {"initialisation": "fan_in"},
    {
        "update_rule": "competitive",
        "informant_strategy": "nearest",
        "weight_decay": 1e-2,
        "inertia_end": 0.0,
        "velocity_end": 0.5,
        "initialisation": "fan_in",
    },
    {
        "informant_strategy": "rewired",
        "weight_decay": 1e-2,
        "inertia_end": 0.5,
        "velocity_end": 0.0,
    },
    {"readout": "solved"},
    {
        "readout": "solved",
        "ridge": 0.1,
        "update_rule": "competitive",
        "weight_decay": 1e-2,
        "initialisation": "fan_in",
    },
]


def choices(before: SwarmState, after: SwarmState) -> tuple[list[object], ...]:
    """Everything in a step that compares losses or distances."""
    rows = np.arange(len(after.best_losses))
    leaders = after.informants[rows, np.argmin(after.best_losses[after.informants], axis=1)]
    improved = after.best_losses < before.best_losses
    return improved.tolist(), leaders.tolist(), after.informants.tolist(), [after.global_best]


def mean_losses(task: TrainingTask, state: SwarmState) -> np.ndarray:
    """The particles' best losses in the units of the targets."""
    return (state.best_losses - task.objective.shift) / task.objective.gain


def assert_follows(engine: Engine, task: TrainingTask, steps: int) -> None:
    """Each step of ``engine`` is that of the reference from the same state.

    Losses within `RELATIVE`, and the moves to the bit where the losses lead to the same choices.
    Where they do not, two losses or distances were too close to tell apart.
    """
    state = initial_state(task)
    differing = 0

    for _ in range(steps):
        expected = step(task, state)
        found = engine.advance(task, copied(state), 1)

        assert found.iteration == expected.iteration
        assert found.stopped == expected.stopped
        assert len(found.history) == len(expected.history)
        np.testing.assert_allclose(
            mean_losses(task, found), mean_losses(task, expected), rtol=RELATIVE, atol=ABSOLUTE
        )
        assert found.history[-1] == found.best_losses.min()

        if choices(state, found) == choices(state, expected):
            for name in ("positions", "velocities", "best_positions"):
                assert getattr(found, name).tobytes() == getattr(expected, name).tobytes(), name
        else:
            differing += 1
        state = expected

    assert differing <= steps // 6


# Every registered engine, and what its threads may change.
TESTED_ENGINES = [pytest.param((name, 1), id=name) for name in ENGINES]
TESTED_ENGINES.append(pytest.param(("cpu", 3), id="cpu with 3 threads"))


@pytest.fixture(params=TESTED_ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """An engine under test: a registered one joins by itself."""
    name, threads = request.param
    return get_engine(name, threads)


class TestEngine:
    """What an engine owes to its callers (shoal.pso.engines.base)."""

    @pytest.mark.parametrize("attractor", ATTRACTORS)
    @pytest.mark.parametrize("strategy", INFORMANT_STRATEGIES)
    def test_follows_every_strategy_and_attractor(self, engine, strategy, attractor) -> None:
        for k, c3 in ((1, 0.0), (5, 0.6)):
            task = make_task(
                informant_strategy=strategy,
                attractor=attractor,
                num_informants=k,
                global_best_weight=c3,
                max_position=2,
            )
            assert_follows(engine, task, 12)

    @pytest.mark.parametrize("genes", LATER_GENES, ids=", ".join)
    @pytest.mark.parametrize("particles", [2, 9, 40])
    def test_follows_every_later_gene(self, engine, genes, particles) -> None:
        informants = min(5, particles - 1)
        for classes, hidden in ((1, (5,)), (3, (9, 4))):
            task = make_task(
                **genes,
                classes=classes,
                hidden=hidden,
                rows=130,
                swarm_size=particles,
                num_informants=informants,
            )
            assert_follows(engine, task, 12)

    def test_schedules_follow_the_horizon_and_not_the_end_of_a_training(self, engine) -> None:
        """A training that ended early is repeated to the same bits.

        The repetition is asked for the iterations that the training came to, with its horizon.
        """
        long = make_task(inertia_end=0.4, velocity_end=0.1, max_velocity=0.2, iterations=30)
        part = engine.advance(long, initial_state(long), 11)

        short = replace(long, iterations=11, horizon=30)
        assert bits(engine.advance(short, initial_state(short), 11)) == bits(part)

        squeezed = replace(short, horizon=None)
        assert bits(engine.advance(squeezed, initial_state(squeezed), 11)) != bits(part)

        last = engine.advance(long, initial_state(long), 30)
        assert np.abs(last.velocities).max() == pytest.approx(0.02)

    def test_competitors_stand_still_or_lose(self, engine) -> None:
        """The engine's own losses decide. No winner moves, and no best is lost."""
        task = make_task(update_rule="competitive", swarm_size=11, iterations=60, patience=None)
        state = initial_state(task)
        for iteration in range(60):
            before = copied(state)
            state = engine.advance(task, state, 1)

            moved = (state.positions != before.positions).any(axis=1)
            assert moved.sum() == 5
            assert np.isinf(state.best_losses).tolist() == moved.tolist()
            assert state.best_losses.min() == state.history[-1]
            assert (state.best_positions[~moved] == state.positions[~moved]).all()

            # Only what moved is evaluated, on all rows; at first that is everyone.
            skipped = state.rows_skipped - before.rows_skipped
            if iteration == 0:
                assert skipped == 0
            else:
                assert skipped == 6 * len(task.x)

        assert (np.diff(state.history) <= 0).all()
        assert state.history[-1] < state.history[0] / 2

    @pytest.mark.parametrize("loss", REGRESSION)
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_follows_every_regression_loss(self, engine, activation, loss) -> None:
        task = make_task(
            activation=activation, loss=loss, hidden=(6, 5), weight_scale=1.0, max_velocity=2
        )
        assert_follows(engine, task, 6)

    @pytest.mark.parametrize("loss", CLASSIFICATION)
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_follows_every_classification_loss(self, engine, activation, loss) -> None:
        task = make_task(
            activation=activation,
            loss=loss,
            hidden=(6, 5),
            classes=3,
            weight_scale=1.0,
            max_velocity=2,
        )
        assert_follows(engine, task, 6)

    @pytest.mark.parametrize(("inputs", "hidden", "rows"), SHAPES)
    def test_follows_every_shape(self, engine, inputs, hidden, rows) -> None:
        for classes, activation in ((1, "relu"), (3, "relu"), (2, "gelu")):
            task = make_task(
                inputs=inputs, hidden=hidden, rows=rows, classes=classes, activation=activation
            )
            assert_follows(engine, task, 6)

    @pytest.mark.parametrize("genes", [{"swarm_size": 2, "num_informants": 1}, {"swarm_size": 70}])
    def test_follows_every_size_of_swarm(self, engine, genes) -> None:
        assert_follows(engine, make_task(**genes), 6)

    def test_clamps(self, engine) -> None:
        task = make_task(max_velocity=0.01, max_position=0.25, inertia_weight=1.5)
        assert_follows(engine, task, 6)
        state = engine.advance(task, initial_state(task), 20)
        assert np.abs(state.velocities).max() == f32(0.01)
        assert np.abs(state.positions).max() == f32(0.25)

    @pytest.mark.parametrize("strategy", INFORMANT_STRATEGIES)
    def test_chunks_change_no_bit(self, engine, strategy) -> None:
        task = make_task(informant_strategy=strategy, attractor="position", iterations=23)
        whole = bits(engine.advance(task, initial_state(task), 23))

        for chunks in ([1] * 23, [2, 3, 18], [7, 16]):
            state = initial_state(task)
            for chunk in chunks:
                state = engine.advance(task, state, chunk)
            assert bits(state) == whole

    @pytest.mark.parametrize("genes", LATER_GENES, ids=", ".join)
    def test_chunks_change_no_bit_of_later_genes(self, engine, genes) -> None:
        task = make_task(**genes, iterations=23, rows=130)
        whole = engine.advance(task, initial_state(task), 23)

        state = initial_state(task)
        for chunk in (1, 2, 3, 17):
            state = engine.advance(task, state, chunk)

        assert bits(state) == bits(whole)
        assert state.rows_skipped == whole.rows_skipped

    def test_a_training_is_repeatable_and_independent_of_its_neighbours(self, engine) -> None:
        tasks = [make_task(informant_strategy=strategy) for strategy in INFORMANT_STRATEGIES]

        together = engine.train(tasks)

        for task, result in zip(tasks, together, strict=True):
            (alone,) = engine.train([task])
            assert alone.weights.tobytes() == result.weights.tobytes()
            assert alone.history.tobytes() == result.history.tobytes()

    def test_result_holds_the_global_best(self, engine) -> None:
        task = make_task(iterations=30)

        (result,) = engine.train([task])

        assert result.complete
        assert result.iterations == len(result.history) == 30
        assert result.loss == result.history[-1] == min(result.history)
        assert (np.diff(result.history) <= 0).all()
        assert result.history[-1] < result.history[0]

        outputs = engine.outputs(task.network, result.weights, task.x)
        (loss,) = loss_values(task.objective, outputs[None], task.y)
        assert loss == pytest.approx(result.loss, rel=RELATIVE)

    @pytest.mark.parametrize(
        ("patience", "loss"), [(1, "zero_one"), (3, "zero_one"), (10, "negative_accuracy")]
    )
    def test_patience_stops_exactly_where_the_reference_does(self, engine, patience, loss) -> None:
        task = make_task(patience=patience, loss=loss, classes=3, iterations=400, rows=40)
        state = initial_state(task)
        while not state.stopped:
            state = step(task, state)
        assert patience < state.iteration < 400

        found = engine.advance(task, initial_state(task), 400)
        assert found.stopped
        assert found.iteration == len(found.history) == state.iteration

        (result,) = engine.train([task])
        assert result.complete
        assert result.history.tobytes() == found.history.tobytes()
        assert not out_of_patience(
            result.history, result.iterations - 1, patience, task.min_improvement
        )

    def test_patience_ends_a_swarm_that_never_had_a_finite_loss(self, engine) -> None:
        task = make_task(
            x=np.full((5, 4), np.nan, f32), y=np.zeros(5, f32), patience=4, iterations=50
        )

        (result,) = engine.train([task])

        assert result.iterations == 5
        assert result.loss == math.inf

    @pytest.mark.parametrize(("loss", "classes"), LOSSES_AND_CLASSES)
    @pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf, 1e30])
    def test_poisoned_data_cost_infinity_and_nothing_else(
        self, engine, poison, loss, classes
    ) -> None:
        x = np.random.default_rng(0).normal(size=(70, 4)).astype(f32)
        x[:, 2] = poison
        # A hidden layer may well make infinities finite, but not a NaN.
        hidden: tuple[int, ...] = ()
        if math.isnan(poison):
            hidden = (4, 3)
        task = make_task(
            x=x, y=np.zeros(70, f32), hidden=hidden, loss=loss, classes=classes, iterations=5
        )

        (result,) = engine.train([task])

        # Outputs of 1e30 are finite, but their squares are not.
        if poison == 1e30 and loss != "mse":
            assert np.isfinite(result.history).all()
        else:
            assert np.isinf(result.history).all()
        assert result.weights.shape == (task.network.size,)
        assert np.isfinite(result.weights).all()

    @pytest.mark.parametrize("strategy", INFORMANT_STRATEGIES)
    def test_weights_that_are_no_numbers_are_a_particle_s_own_misfortune(
        self, engine, strategy
    ) -> None:
        task = make_task(informant_strategy=strategy, rows=130, iterations=8)
        state = initial_state(task)
        state.positions[2] = math.nan
        state.positions[5, 0] = math.inf
        state.positions[7] = 3e38

        expected = copied(state)
        for _ in range(8):
            expected = step(task, expected)

        found = engine.advance(task, state, 8)
        assert np.isinf(found.best_losses[2])
        assert np.isnan(found.positions[2]).all()
        assert np.isfinite(np.delete(found.best_losses, [2, 5, 7])).all()
        assert np.isnan(found.positions).tolist() == np.isnan(expected.positions).tolist()
        np.testing.assert_allclose(found.history, expected.history, rtol=RELATIVE)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_not_a_number_passes_through_every_activation(self, engine, activation) -> None:
        x = np.full((3, 2), np.nan, f32)
        x[:2] = 0
        task = make_task(x=x, y=np.zeros(3, f32), hidden=(4, 3), activation=activation)

        found = engine.outputs(task.network, initial_state(task).positions[0], x)
        assert np.isnan(found[:, 0]).tolist() == [False, False, True]

        (result,) = engine.train([task])
        assert np.isinf(result.history).all()

    def test_follows_where_some_losses_overflow(self, engine) -> None:
        for loss, large in (("mse", 1.5e19), ("mae", 3e38)):
            task = make_task(
                x=np.full((1, 2), large, f32),
                y=np.zeros(1, f32),
                hidden=(),
                loss=loss,
                swarm_size=30,
                weight_scale=1,
            )
            state = engine.advance(task, initial_state(task), 1)
            assert 0 < np.isinf(state.best_losses).sum() < 30
            assert_follows(engine, task, 6)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize(("inputs", "hidden", "rows"), SHAPES)
    def test_outputs_are_the_network_s(self, engine, inputs, hidden, rows, activation) -> None:
        network = Network((inputs, *hidden, 3), activation)
        random = np.random.default_rng(1)
        weights = random.normal(size=network.size).astype(f32)
        x = random.normal(size=(rows, inputs)).astype(f32)

        found = engine.outputs(network, weights, x)

        assert found.dtype == np.float32
        assert found.shape == (rows, 3)

        # An output is a sum of ``inputs`` terms of about 1.
        close = max(1e-5, 1e-7 * inputs)
        by_reference = network.forward(weights[None], x)[0]
        np.testing.assert_allclose(found, by_reference, rtol=1e-5, atol=close)
        by_definition = plain_forward(network, weights, x)
        np.testing.assert_allclose(found, by_definition, rtol=1e-5, atol=close)

    def test_a_caller_can_stop(self, engine) -> None:
        calls = []

        def on_chunk(task: TrainingTask, state: SwarmState) -> bool:
            calls.append((task, state.iteration))
            return len(calls) == 2

        task = make_task(iterations=1000)
        (result,) = engine.train([task], on_chunk, clock=lambda: 0.0)

        assert not result.complete
        assert [called_with for called_with, _ in calls] == [task, task]
        assert result.iterations == calls[-1][1] < 1000

        full = engine.advance(task, initial_state(task), result.iterations)
        assert result.history.tobytes() == full.history.tobytes()

        (finished,) = engine.train([make_task(iterations=5)], lambda *_: None)
        assert finished.complete

    def test_wall_clock_budget(self, engine) -> None:
        """Each look at this clock costs a second.

        The start is at 0; the three iterations are at 1 to 2, 3 to 4, and 5 to 6.
        """
        ticks = iter(range(1000))
        task = make_task(iterations=1000, seconds=6.0)

        (result,) = engine.train([task], clock=lambda: float(next(ticks)))

        assert result.complete
        assert result.iterations == 3
        assert result.seconds == 7.0

        whole = engine.advance(make_task(), initial_state(make_task()), 3)
        assert result.history.tobytes() == whole.history.tobytes()

    def test_chunks_grow_by_four_at_most_and_shrink_when_slow(self, engine) -> None:
        """The first four chunks take no time, the others five seconds each."""
        now = 0.0
        iterations = []

        def clock() -> float:
            nonlocal now
            if len(iterations) < 4:
                now += 1e-9
            else:
                now += 5.0
            return now

        def on_chunk(task: TrainingTask, state: SwarmState) -> None:
            iterations.append(state.iteration)

        engine.train([make_task(iterations=430, rows=1)], on_chunk, clock)

        assert np.diff([0, *iterations]).tolist() == [1, 4, 16, 64, 256, 64, 16, 4, 1, 1, 1, 1, 1]

    def test_no_iterations_is_no_training(self, engine) -> None:
        (result,) = engine.train([make_task(iterations=0)])

        assert result.iterations == 0
        assert result.loss == math.inf
        assert result.complete is True


def plain_forward(network: Network, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A dense network in float64, one neuron after another, from the layout as documented."""
    activation = np.vectorize(DEFINITIONS[network.activation], otypes=[float])
    values = list(x.astype(float).T)
    start = 0

    for number, (inputs, width) in enumerate(pairwise(network.layers), 1):
        is_last = number == len(network.layers) - 1
        biases = start + inputs * width

        outputs = []
        for j in range(width):
            total = np.full(len(x), float(weights[biases + j]))
            for k in range(inputs):
                total += float(weights[start + j * inputs + k]) * values[k]
            if not is_last:
                total = activation(total)
            outputs.append(total)

        values = outputs
        start = biases + width

    return np.array(values).T


# --- the CPU engine's own promises ----------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 3, 9, 40])
@pytest.mark.parametrize("strategy", INFORMANT_STRATEGIES)
def test_threads_change_no_bit(strategy, threads) -> None:
    task = make_task(
        informant_strategy=strategy, attractor="position", hidden=(9, 3), rows=129, patience=25
    )
    one = CpuEngine(1).advance(task, initial_state(task), 60)
    several = CpuEngine(threads).advance(task, initial_state(task), 60)
    assert bits(several) == bits(one)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "data",
    [
        *({"loss": loss, "classes": classes} for loss, classes in LOSSES_AND_CLASSES),
        {"rows": 64},
        {"rows": 65},
        {"rows": 400, "inputs": 1000},
        {"rows": 40_000, "inputs": 2},
    ],
    ids=lambda data: " ".join(str(value) for value in data.values()),
)
def test_abandoning_changes_no_bit(data, threads) -> None:
    data = {"loss": "mse", "rows": 300, "inputs": 3, **data}
    rows = data["rows"]
    task = make_task(**data, swarm_size=21, weight_scale=1.0, iterations=20)

    every = CpuEngine(threads, abandon=False).advance(task, initial_state(task), 20)
    some = CpuEngine(threads).advance(task, initial_state(task), 20)

    assert bits(some) == bits(every)
    assert every.rows_skipped == 0
    assert 0 <= some.rows_skipped < 21 * rows * 20
    assert (some.rows_skipped > 0) == (rows > 64), "whole blocks are spared"

    (result,) = CpuEngine(threads).train([task])
    assert result.rows_skipped == some.rows_skipped / (21 * rows * 20)


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("genes", LATER_GENES, ids=", ".join)
def test_neither_threads_nor_abandoning_change_a_bit_of_later_genes(genes, threads) -> None:
    task = make_task(**genes, swarm_size=21, hidden=(9, 3), rows=300, iterations=40)
    one = CpuEngine(1, abandon=False).advance(task, initial_state(task), 40)
    for engine in (CpuEngine(1), CpuEngine(threads), CpuEngine(threads, abandon=False)):
        assert bits(engine.advance(task, initial_state(task), 40)) == bits(one)


def test_weight_decay_spares_more() -> None:
    spared = {}
    for decay in (0.0, 0.1):
        task = make_task(weight_decay=decay, rows=600, swarm_size=21, weight_scale=1.0)
        spared[decay] = CpuEngine().advance(task, initial_state(task), 30).rows_skipped
    assert spared[0.1] > spared[0.0] > 0


def test_abandoning_waits_for_a_first_best() -> None:
    task = make_task(rows=300)
    assert CpuEngine().advance(task, initial_state(task), 1).rows_skipped == 0


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(list(LOSSES.values())),
    st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=130, max_size=130),
    st.floats(1e-3, 10),
)
def test_a_loss_never_falls_when_rows_are_added(loss, values, gain) -> None:
    """What abandoning relies on, in the very arithmetic of the kernels."""
    classes = 1
    if loss.task == "classification":
        classes = 3
    column = np.array(values, f32)
    outputs = np.stack([column, column[::-1], np.roll(column, 1)], axis=1)[:, :classes]
    y = (np.arange(130) % classes).astype(f32)
    objective = Objective(loss, gain)
    genome = Genome(swarm_size=2, num_informants=1, hidden_layers=())

    # The identity: the network's outputs are its inputs.
    network = Network((classes, classes))
    weights = np.concatenate([np.eye(classes, dtype=f32).ravel(), np.zeros(classes, f32)])

    totals = []
    for rows in range(1, 131):
        task = TrainingTask(genome, network, objective, outputs[:rows], y[:rows], KEY, 1)
        state = initial_state(task)
        state.positions[:] = weights
        totals.append(CpuEngine().advance(task, state, 1).best_losses[0] * rows)

    assert totals[0] >= 0
    assert all(b >= a * (1 - 1e-12) for a, b in pairwise(totals))


def test_a_thread_that_cannot_start_leaves_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Pool(ThreadPoolExecutor):
        started = 0

        def submit(self, *args, **kwargs):
            Pool.started += 1
            if Pool.started == 2:
                raise RuntimeError("can't start new thread")
            return super().submit(*args, **kwargs)

    monkeypatch.setattr(shoal.pso.engines.cpu, "ThreadPoolExecutor", Pool)
    with pytest.raises(RuntimeError, match="can't start"):
        CpuEngine(4).advance(make_task(), initial_state(make_task()), 5)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("abandon", [True, False])
def test_neither_threads_nor_abandoning_change_a_search_s_result_hash(threads, abandon) -> None:
    found = golden.search_values(CpuEngine(threads, abandon=abandon))
    assert found == json.loads(golden.FILE.read_text())["search"]


@dataclass(frozen=True)
class Processor:
    """A processor to compile for.

    Attributes
    ----------
    name
        As LLVM calls it.
    needs
        The feature without which a machine cannot run its code.
    features
        What the compiler may use.
    has_wide_registers
        Whether its registers have 512 bits.
    """

    name: str
    needs: str
    features: str
    has_wide_registers: bool


HASWELL = Processor("haswell", "avx2", "+avx2,+fma,+bmi,+bmi2,+lzcnt,+f16c", False)
AVX512 = Processor("x86-64-v4", "avx512vl", "+avx512f,+avx512dq,+avx512vl,+avx512bw,+fma", True)

# Checks golden values, and prints whether the compiled code has wide registers.
CHECK_GOLDEN = """
import sys

import shoal.pso.engines.llvm_vectors
from support import golden

assert shoal.__file__ == sys.argv[1], f"another checkout is tested: {shoal.__file__}"
for name in ("cpu", "search"):
    golden.check(name)
print(shoal.pso.engines.llvm_vectors.has_wide_registers())
"""


@pytest.mark.parametrize(
    "processor",
    [HASWELL, pytest.param(AVX512, marks=pytest.mark.slow(part="results"))],
    ids=lambda processor: processor.name,
)
def test_older_and_newer_instructions_give_the_same_bits(processor, tmp_path) -> None:
    """Golden values hold in a process that compiles for AVX2, and in one that does for AVX-512."""
    if not binding.get_host_cpu_features().get(processor.needs):
        pytest.skip(f"this machine cannot run code for {processor.name}")
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": processor.name,
        "NUMBA_CPU_FEATURES": processor.features,
        "NUMBA_CACHE_DIR": str(tmp_path),
        # The paths of this process, too: another checkout may be the one that is installed.
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)]),
    }

    process = subprocess.run(
        [sys.executable, "-c", CHECK_GOLDEN, str(shoal.__file__)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == str(processor.has_wide_registers)


def test_rows_of_a_batch_do_not_change_each_other_s_outputs() -> None:
    random = np.random.default_rng(0)
    network = Network((5, 7, 2), "tanh")
    weights = random.normal(size=network.size).astype(f32)
    x = random.normal(size=(200, 5)).astype(f32)

    whole = CpuEngine().outputs(network, weights, x)

    for rows in (1, 63, 64, 65, 128, 129):
        assert CpuEngine().outputs(network, weights, x[:rows]).tobytes() == whole[:rows].tobytes()


def test_engines_by_name() -> None:
    for name in ENGINES:
        assert get_engine(name).name == name
    assert get_engine().name == "cpu"
    with pytest.raises(SettingsError, match=r"'gpu'.*cpu, reference"):
        get_engine("gpu")


def test_golden() -> None:
    golden.check("cpu")


# --- the kernels' elementary functions ------------------------------------------------------------


def vectorised(function: Callable[[Value], Value]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of the kernels' vectors, made one of float32 arrays of any length."""
    apply = make_map(function)

    @njit
    def apply_in_place(values):
        apply(address_of(values, 0), len(values) // 16)

    def function_of_array(x: np.ndarray) -> np.ndarray:
        # Vectors have 16 lanes.
        padded = np.zeros(math.ceil(len(x) / 16) * 16, f32)
        padded[: len(x)] = x
        apply_in_place(padded)
        return padded[: len(x)]

    return function_of_array


apply_exp = vectorised(vector_math.exp)
apply_log = vectorised(vector_math.log)
apply_tanh = vectorised(vector_math.tanh)


def float_ulps(
    found: np.ndarray, x: np.ndarray, exact: Callable[[np.ndarray], np.ndarray]
) -> float:
    """The largest error in units of float32's last place."""
    assert found.dtype == np.float32
    expected = exact(x.astype(np.float64))
    last_places = np.spacing(np.abs(expected).astype(f32))
    return float(np.max(np.abs(found - expected) / last_places))


def test_kernel_exp_is_within_one_ulp() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate(
        [random.uniform(-87, 88, 300_000), random.normal(0, 1, 100_000), [-87, 88, 0]]
    ).astype(f32)
    assert float_ulps(apply_exp(x), x, np.exp) < 1
    assert apply_exp(np.zeros(1, f32))[0] == 1

    # Nothing in a softmax's sum, which is 1 or more.
    assert 0 <= apply_exp(np.array([-1e30], f32))[0] < 2e-38


def test_kernel_log_is_within_one_ulp() -> None:
    random = np.random.default_rng(1)
    x = np.concatenate(
        [random.uniform(1, 4, 300_000), 2 ** random.uniform(0, 127, 100_000), [1, 2]]
    ).astype(f32)
    x = np.append(x, np.nextafter(f32(1), f32(2)))
    assert float_ulps(apply_log(x), x, np.log) < 1
    assert apply_log(np.ones(1, f32))[0] == 0


def test_kernel_tanh_is_within_six_ulps() -> None:
    random = np.random.default_rng(2)
    x = np.concatenate(
        [
            random.uniform(-10, 10, 300_000),
            random.uniform(-1, 1, 100_000),
            10.0 ** random.uniform(-30, 2, 100_000),
        ]
    ).astype(f32)
    found = apply_tanh(x)

    assert float_ulps(found, x, np.tanh) < 6
    assert np.abs(found).max() <= 1
    assert apply_tanh(-x).tobytes() == (-found).tobytes()
    assert apply_tanh(np.array([np.inf, -np.inf, 1e30, 0], f32)).tolist() == [1, -1, 1, 0]
    assert np.isnan(apply_tanh(np.array([np.nan], f32))[0])


# Relu has no vector form of its own: it is part of the sums of a layer.
VECTOR_FORMS = [name for name in ACTIVATIONS if hasattr(vector_math, name)]

# The largest error of a vector form between -12 and 12, where it is less than 1e-6.
SMALLER_ERRORS = {"sigmoid": 2e-7, "leaky_relu": 1e-7}


@pytest.mark.parametrize("activation", VECTOR_FORMS)
def test_kernel_activations_are_close(activation) -> None:
    apply = vectorised(getattr(vector_math, activation))
    exact = np.vectorize(DEFINITIONS[activation], otypes=[float])

    x = np.random.default_rng(3).uniform(-12, 12, 300_000).astype(f32)
    assert np.abs(apply(x) - exact(x)).max() < SMALLER_ERRORS.get(activation, 1e-6)

    # Both at the same places: an activation may come to its limits slowly, as softsign does.
    for far in (100, 1e4):
        x = np.array([-far, far], f32)
        assert apply(x) == pytest.approx(exact(x))


def test_variants_are_numbered_alike_in_reference_and_kernels() -> None:
    losses = [loss.kernel_number for loss in LOSSES.values()]
    assert losses == list(range(len(LOSSES)))
    assert LOSSES["mse"].kernel_number == kernels.SQUARED
    assert LOSSES["mae"].kernel_number == kernels.ABSOLUTE
    assert LOSSES["huber"].kernel_number == kernels.HUBER
    assert LOSSES["cross_entropy"].kernel_number == kernels.CROSS_ENTROPY

    for name, activation in ACTIVATIONS.items():
        assert activation.kernel_number == getattr(kernels, name.upper())
    activations = [activation.kernel_number for activation in ACTIVATIONS.values()]
    assert sorted(activations) == list(range(len(ACTIVATIONS)))

    strategies = [strategy.kernel_number for strategy in INFORMANT_STRATEGIES.values()]
    assert sorted(strategies) == list(range(len(INFORMANT_STRATEGIES)))
    assert INFORMANT_STRATEGIES["nearest"].kernel_number == kernels.NEAREST
    assert INFORMANT_STRATEGIES["rewired"].kernel_number == kernels.REWIRED

    rules = [rule.kernel_number for rule in UPDATE_RULES.values()]
    assert sorted(rules) == list(range(len(UPDATE_RULES)))
    assert UPDATE_RULES["competitive"].kernel_number == kernels.COMPETITIVE


def test_an_objective_s_gain_is_one_by_default() -> None:
    assert Objective(MSE).gain == 1


# Besides the engines' own modules, what ends up in machine code.
COMPILED_FROM = {
    "shoal.numerics.philox",
    "shoal.nn.activations",
    "shoal.objectives.losses",
    "shoal.pso.swarm",
    "shoal.update_rules.competitive",
    "shoal.update_rules.informants",
}


def _imported_by(path: Path) -> set[str]:
    """Full names of the modules that a file imports, ``from package import module`` included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_cache_of_kernels_is_named_by_all_their_sources(tmp_path, monkeypatch) -> None:
    """A kernel compiled from older sources must never run, whatever the time stamps say."""
    copies = []
    for number, path in enumerate(cache._SOURCES):
        copies.append(tmp_path / f"{number}-{path.name}")
        copies[-1].write_bytes(path.read_bytes())
    sources = set(cache._SOURCES)
    monkeypatch.setattr(cache, "_SOURCES", tuple(copies))

    names = [cache.cache_folder()]
    for copy in copies:
        copy.write_text(copy.read_text() + "# changed\n")
        names.append(cache.cache_folder())
    assert len(set(names)) == len(copies) + 1

    for path in Path(kernels.__file__).parent.rglob("*.py"):
        for name in _imported_by(path) & COMPILED_FROM:
            file = Path(importlib.import_module(name).__file__)
            assert file in sources, f"{path.name} uses {name}, which the cache does not know"
