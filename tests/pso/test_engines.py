"""The swarm's rule against a literal reading of it, and one contract that every engine keeps."""

from __future__ import annotations

import ast
import importlib
import json
import math
import os
import subprocess
import sys
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
from support.locations import TESTS
from support.scalar_philox import scalar_philox, scalar_uniform

f32 = np.float32
REGRESSION = ("mse", "mae", "huber", "negative_accuracy")
CLASSIFICATION = ("cross_entropy", "zero_one", "negative_accuracy")
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
    if x is not None:
        rows = len(x)
    else:
        x = random.normal(size=(rows, inputs)).astype(f32)
    if y is None:
        y = (
            random.integers(0, classes, rows).astype(f32)
            if classes > 1
            else np.sin(x.sum(axis=1)).astype(f32)
        )
    genome = Genome(
        **{
            "swarm_size": 9,
            "weight_scale": 0.7,
            "bias_scale": 0.3,
            "hidden_layers": hidden,
            **genes,
        }
    )
    objective = make_objective(loss, "classification" if classes > 1 else "regression", 1.7, 2.3)
    network = Network((x.shape[1], *hidden, classes), genome.activation)
    return TrainingTask(genome, network, objective, x, y, KEY, iterations, seconds, patience)


def copied(state: SwarmState) -> SwarmState:
    """A state that an engine may overwrite."""
    arrays = {
        f.name: v.copy()
        for f in fields(state)
        if isinstance(v := getattr(state, f.name), np.ndarray)
    }
    return replace(state, **arrays)


def bits(state: SwarmState) -> tuple[object, ...]:
    """Everything in a state but what its evaluation cost, for comparison to the bit."""
    values = (getattr(state, f.name) for f in fields(state) if f.name != "rows_skipped")
    return tuple(v.tobytes() if isinstance(v, np.ndarray) else v for v in values)


# --- the rule, read literally ---------------------------------------------------------------------


@dataclass
class ScalarSwarm:
    """The documented rule for one particle and one dimension at a time, with a Philox of
    its own.
    """

    genome: Genome
    x: list[list[np.float32]]
    v: list[list[np.float32]]
    informants: list[list[int]]
    iteration: int = 0
    best_losses: list[float] = field(default_factory=list)
    bests: list[list[np.float32]] = field(default_factory=list)
    redraws: int = 0
    end: int = 1  # of the schedules: their last iteration

    def coefficients(self) -> dict[str, np.float32]:
        """Those of this iteration, by the symbols of the rule."""
        g, gone = self.genome, min(1.0, self.iteration / self.end)
        return {
            "w": f32(g.inertia_weight * (1 + (g.inertia_end - 1) * gone)),
            "vmax": f32(g.max_velocity * (1 + (g.velocity_end - 1) * gone)),
            "c1": f32(g.cognitive_weight),
            "c2": f32(g.social_weight),
            "c3": f32(g.global_best_weight),
            "jump": f32(g.jump_size),
            "xmax": f32(g.max_position),
        }

    def compete(self, losses: Sequence[float], pairs: Sequence[tuple[int, int]]) -> None:
        """The competitive rule; ``losses`` of particles that stayed are not looked at."""
        P, D, c = len(self.x), len(self.x[0]), self.coefficients()
        if not self.bests:
            self.bests, self.best_losses = [list(row) for row in self.x], [math.inf] * P
        for i in range(P):
            if self.best_losses[i] == math.inf and math.isfinite(losses[i]):
                self.best_losses[i], self.bests[i] = losses[i], list(self.x[i])
        self.top_loss = min(self.best_losses)
        for a, b in pairs:
            loser = max(a, b, key=lambda i: (self.best_losses[i], i))
            winner = a + b - loser
            for d in range(D):
                r1, r2 = (
                    f32(scalar_uniform(KEY, p, self.iteration, loser, d, D)) for p in (16, 17)
                )
                x, v = self.x[loser][d], self.v[loser][d]
                v = c["w"] * r1 * v + c["c2"] * r2 * (self.x[winner][d] - x)
                self.v[loser][d] = v = min(max(v, -c["vmax"]), c["vmax"])
                self.x[loser][d] = min(max(x + c["jump"] * v, -c["xmax"]), c["xmax"])
            self.best_losses[loser] = math.inf
        self.iteration += 1

    def informed_by(self, i: int) -> list[int]:
        g, others = self.genome, [j for j in range(len(self.x)) if j != i]
        if g.informant_strategy != "nearest":
            return self.informants[i]

        def distance(j: int) -> float:
            return math.fsum(
                (float(a) - float(b)) ** 2 for a, b in zip(self.x[i], self.x[j], strict=True)
            )

        return sorted(sorted(others, key=lambda j: (distance(j), j))[: g.num_informants])

    def move(self, losses: Sequence[float], redraw: Callable[[int], list[list[int]]]) -> None:
        g, P, D = self.genome, len(self.x), len(self.x[0])
        if not self.bests:
            self.bests, self.best_losses = [list(row) for row in self.x], [math.inf] * P
        before = min(self.best_losses)
        for i in range(P):
            loss = losses[i] if math.isfinite(losses[i]) else math.inf
            if loss < self.best_losses[i]:
                self.best_losses[i], self.bests[i] = loss, list(self.x[i])
        top = min(range(P), key=lambda i: (self.best_losses[i], i))
        if g.informant_strategy == "rewired" and not self.best_losses[top] < before:
            self.informants, self.redraws = redraw(self.iteration + 1), self.redraws + 1
        informants = [self.informed_by(i) for i in range(P)]
        c = self.coefficients()
        w, c1, c2, c3, jump, vmax, xmax = (
            c[name] for name in ("w", "c1", "c2", "c3", "jump", "vmax", "xmax")
        )
        new_x, new_v = [list(row) for row in self.x], [list(row) for row in self.v]
        for i in range(P):
            leader = min(informants[i], key=lambda j: (self.best_losses[j], j))
            towards = self.bests[leader] if g.attractor == "best" else self.x[leader]
            for d in range(D):
                r1, r2, r3 = (
                    f32(scalar_uniform(KEY, purpose, self.iteration, i, d, D))
                    for purpose in (Purpose.COGNITIVE, Purpose.SOCIAL, Purpose.GLOBAL)
                )
                x, v = self.x[i][d], self.v[i][d]
                v = (
                    w * v
                    + c1 * r1 * (self.bests[i][d] - x)
                    + c2 * r2 * (towards[d] - x)
                    + c3 * r3 * (self.bests[top][d] - x)
                )
                v = -vmax if v < -vmax else vmax if v > vmax else v
                x = x + jump * v
                new_x[i][d] = -xmax if x < -xmax else xmax if x > xmax else x
                new_v[i][d] = v
        self.x, self.v, self.iteration = new_x, new_v, self.iteration + 1


def floyd(particles: int, k: int, iteration: int) -> list[list[int]]:
    """Floyd's sampling without replacement, in the words of its paper."""
    rows = []
    for i in range(particles):
        words = [
            w
            for b in range(-(-k // 4))
            for w in scalar_philox((b, i, iteration, Purpose.INFORMANTS), KEY)
        ]
        chosen: set[int] = set()
        for n, j in enumerate(range(particles - 1 - k, particles - 1)):
            t = words[n] * (j + 1) >> 32
            chosen.add(j if t in chosen else t)
        rows.append(sorted(c + (c >= i) for c in chosen))
    return rows


LOSS = st.sampled_from([0.0, 1.0, 2.0, 3.0, math.inf, math.nan, -1.0])


@pytest.mark.parametrize(("strategy", "attractor"), list(product(INFORMANT_STRATEGIES, ATTRACTORS)))
@settings(deadline=None, max_examples=12)
@given(
    data=st.data(), particles=st.integers(2, 6), c3=st.sampled_from([0.0, 0.8]), tight=st.booleans()
)
def test_reference_is_the_documented_rule(strategy, attractor, data, particles, c3, tight) -> None:
    """Bit for bit over several steps, with ties, infinities and NaN among the losses, and with
    clamping.
    """
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
        max_velocity=0.15 if tight else 5.0,
        max_position=0.4 if tight else 50.0,
    )
    script = data.draw(
        st.lists(st.lists(LOSS, min_size=particles, max_size=particles), min_size=4, max_size=4)
    )
    state = initial_state(task)
    literal = ScalarSwarm(
        task.genome,
        [list(row) for row in state.positions],
        [list(row) for row in state.velocities],
        floyd(particles, k, 0) if strategy != "ring" else ring_informants(task.genome).tolist(),
    )
    for losses in script:
        made = np.array([v if math.isfinite(v) else math.inf for v in losses])
        before = bits(state)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shoal.pso.swarm, "loss_values", lambda *_, made=made: made)
            after = step(task, state)
        assert bits(state) == before, "a step must not touch its state"
        literal.move(losses, lambda iteration: floyd(particles, k, iteration))
        assert after.positions.tolist() == [[float(c) for c in row] for row in literal.x]
        assert after.velocities.tolist() == [[float(c) for c in row] for row in literal.v]
        assert after.best_positions.tolist() == [[float(c) for c in row] for row in literal.bests]
        assert after.best_losses.tolist() == literal.best_losses
        assert after.informants.tolist() == [
            sorted(r)
            for r in (literal.informants if strategy != "nearest" else after.informants.tolist())
        ]
        assert after.history.tolist()[-1] == min(literal.best_losses)
        assert after.iteration == literal.iteration == len(after.history)
        state = after


def random_pairs(particles: int, iteration: int) -> list[tuple[int, int]]:
    """Neighbours of a random order, by Durstenfeld's form of Fisher and Yates's shuffle (1964)."""
    words = [w for b in range(-(-particles // 4)) for w in scalar_philox((b, 0, iteration, 5), KEY)]
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
    """Bit for bit, with ties, infinities and NaN among the losses. What the rule does not read
    changes nothing.
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
        max_velocity=0.15 if tight else 5.0,
        max_position=0.4 if tight else 50.0,
        informant_strategy=data.draw(st.sampled_from(list(INFORMANT_STRATEGIES))),
        **unread,
    )
    script = data.draw(
        st.lists(st.lists(LOSS, min_size=particles, max_size=particles), min_size=6, max_size=6)
    )
    state = initial_state(task)
    rows = [list(row) for row in state.positions], [list(row) for row in state.velocities]
    literal = ScalarSwarm(task.genome, *rows, informants=[], end=5)
    for losses in script:
        made = np.array([v if math.isfinite(v) else math.inf for v in losses])
        before = bits(state)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shoal.pso.swarm, "loss_values", lambda *_, made=made: made)
            after = step(task, state)
        assert bits(state) == before, "a step must not touch its state"
        literal.compete(losses, random_pairs(particles, literal.iteration))
        assert after.positions.tolist() == [[float(c) for c in row] for row in literal.x]
        assert after.velocities.tolist() == [[float(c) for c in row] for row in literal.v]
        assert after.best_positions.tolist() == [[float(c) for c in row] for row in literal.bests]
        assert after.best_losses.tolist() == literal.best_losses
        assert after.history.tolist()[-1] == literal.top_loss == after.best_losses.min()
        assert (after.informants == state.informants).all()
        assert after.rows_skipped - state.rows_skipped == 2 * int(
            np.isfinite(state.best_losses).sum()
        )
        state = after
    assert (np.diff(state.history[np.isfinite(state.history)]) <= 0).all()


def test_every_pairing_is_equally_likely() -> None:
    """Of five particles: who sits out, and who meets whom. The lower of equals wins, so the map
    tells the pairs.
    """
    counts: dict[tuple[int, ...], int] = {}
    for iteration in range(6000):
        found = tuple(winners(KEY, iteration, np.zeros(5)).tolist())
        counts[found] = counts.get(found, 0) + 1
    assert len(counts) == 5 * 3
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_schedules_go_straight_to_their_end_and_stay_there() -> None:
    assert [scheduled(2.0, 0.5, t, 5) for t in range(7)] == [2.0, 1.75, 1.5, 1.25, 1.0, 1.0, 1.0]
    assert [scheduled(0.1, 1.0, t, 3) for t in range(5)] == [f32(0.1)] * 5
    assert scheduled(2.0, 0.5, 0, 1) == 2.0
    for value, end, t, horizon in product(
        (0.7298, 1e-6), (1.0, 0.4, 0.0), (0, 1, 7, 900), (1, 2, 500)
    ):
        assert kernels.at_time(value, end, t, horizon) == scheduled(value, end, t, horizon)


def test_weight_decay_is_the_sum_of_squares_of_all_but_biases() -> None:
    task = make_task(inputs=3, hidden=(4,), weight_decay=0.01, swarm_size=3, num_informants=1)
    plain = replace(task, genome=replace(task.genome, weight_decay=0.0))
    state, mask = initial_state(task), task.network.bias_mask()
    for engine in map(get_engine, ENGINES):
        heavier = engine.advance(task, copied(state), 1).best_losses
        lighter = engine.advance(plain, copied(state), 1).best_losses
        expected = [0.01 * sum(float(w) ** 2 for w in row[~mask]) for row in state.positions]
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
    state, mask, at = initial_state(task), task.network.bias_mask(), 0
    plain = initial_state(replace(task, genome=replace(task.genome, initialisation="plain")))
    for inputs, width in pairwise(task.network.layers):
        weights = slice(at, at + inputs * width)
        assert state.positions[:, weights].std() == pytest.approx(0.6 / math.sqrt(inputs), rel=0.1)
        expected = plain.positions[:, weights].astype(float) / math.sqrt(inputs)
        assert state.positions[:, weights] == pytest.approx(expected, rel=1e-6)
        at += (inputs + 1) * width
    assert (state.positions[:, mask] == f32(0.2)).all()
    assert state.velocities.tobytes() == plain.velocities.tobytes()


def test_initial_state_is_as_documented() -> None:
    task = make_task(inputs=3, hidden=(4,), swarm_size=7, weight_scale=0.02, bias_scale=0.005)
    state, mask = initial_state(task), task.network.bias_mask()
    assert mask.tolist() == [False] * 12 + [True] * 4 + [False] * 4 + [True]
    assert (state.positions[:, mask] == f32(0.005)).all()
    raw = normals(KEY, Purpose.POSITION, 7, 21)
    assert (state.positions[:, ~mask] == raw[:, ~mask] * f32(0.02)).all()
    assert (state.velocities == normals(KEY, Purpose.VELOCITY, 7, 21) * f32(0.1)).all()
    assert (state.best_positions == state.positions).all()
    assert np.isinf(state.best_losses).all()
    assert (state.iteration, len(state.history), state.stopped) == (0, 0, False)


def test_moves_read_where_all_stood_before() -> None:
    """Synchronous: with attractor "position" a particle is drawn to where its informant was, not to
    where it went.
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
    everyone = [[j for j in range(particles) if j != i] for i in range(particles)]
    genome = swarm_of(particles, particles - 1)
    assert random_informants(genome, KEY, 3).tolist() == everyone
    assert ring_informants(genome).tolist() == everyone
    assert nearest_informants(genome, normals(KEY, 2, particles, 4)).tolist() == everyone


@pytest.mark.parametrize(("particles", "k"), [(7, 1), (7, 2), (6, 3), (5, 3)])
def test_every_set_of_random_informants_is_equally_likely(particles, k) -> None:
    others = particles - 1
    sets = {subset: n for n, subset in enumerate(combinations(range(others), k))}
    counts = np.zeros(len(sets))
    for iteration in range(3000):
        for i, row in enumerate(random_informants(swarm_of(particles, k), KEY, iteration).tolist()):
            counts[sets[tuple(j - (j > i) for j in row)]] += 1
    assert stats.chisquare(counts).pvalue > 1e-3


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
    """`coarse` positions lie on a small grid, where ties are common and exact: they go to the lower
    number.
    """
    k, seed = data.draw(st.integers(1, particles - 1)), data.draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    if coarse:
        positions = random.integers(-1, 2, (particles, dimensions)).astype(f32)
    else:
        positions = random.normal(size=(particles, dimensions)).astype(f32)
    distances = ((positions[:, None].astype(float) - positions[None].astype(float)) ** 2).sum(
        axis=2
    )
    expected = [
        sorted(
            sorted((j for j in range(particles) if j != i), key=lambda j: (distances[i, j], j))[:k]
        )
        for i in range(particles)
    ]
    assert nearest_informants(swarm_of(particles, k), positions).tolist() == expected
    compiled = np.zeros((particles, k), np.int32)
    padded, found = (
        np.zeros((particles, kernels.padded(dimensions)), f32),
        np.full((particles, particles), np.nan),
    )
    padded[:, :dimensions] = positions
    for first in range(0, particles, kernels.NEIGHBOURS):
        kernels.measure(first, padded.ravel(), padded.shape[1], found)
    assert found == pytest.approx(distances, rel=1e-5)
    for i in range(particles):
        kernels.nearest_informants(i, compiled, found)
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
    state, drawn, stalls, last = initial_state(task), 0, [], math.inf
    assert state.informants.tolist() == floyd(6, 3, 0)
    for iteration in range(60):
        state = get_engine(engine).advance(task, state, 1)
        stalled, last = not state.history[-1] < last, float(state.history[-1])
        stalls.append(stalled)
        drawn = iteration + 1 if stalled else drawn
        assert state.informants.tolist() == floyd(6, 3, drawn)
    assert 10 < sum(stalls) < 59, "the case must show both"


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
    longer = np.append(losses, [-1e9, -2e9])  # what lies behind `done` is not read
    assert out_of_patience(longer, len(losses), patience, 1e-4) is stops


# --- the contract of an engine --------------------------------------------------------------------

# Between the mean losses of two engines from the same positions, with targets of about 1: rounding
# of float32.
RELATIVE, ABSOLUTE = 1e-5, 1e-6

SHAPES = [  # inputs, hidden layers, rows
    (4, (), 65),
    (4, (1,), 63),
    (1, (3,), 64),
    (1, (1,), 1),
    (40, (7,), 129),
    (3, (5, 6), 65),
    (8, (9, 4, 3), 129),
    (8, (32, 16), 721),
    (40, (13, 2, 5), 1),
    (1000, (7,), 130),  # deeper than one pass of a tile, and a block is a chunk of the data
    (65, (11,), 33),
    (2, (3,), 40_000),  # more than one chunk
]


LATER_GENES: list[dict[str, object]] = [  # of shoal.genome.genes.NEUTRAL, alone and together
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
]


def choices(before: SwarmState, after: SwarmState) -> tuple[list[object], ...]:
    """Everything in a step that compares losses or distances."""
    rows = np.arange(len(after.best_losses))
    leaders = after.informants[rows, np.argmin(after.best_losses[after.informants], axis=1)]
    improved = after.best_losses < before.best_losses
    return improved.tolist(), leaders.tolist(), after.informants.tolist(), [after.global_best]


def assert_follows(engine: Engine, task: TrainingTask, steps: int) -> None:
    """Each step of ``engine`` is that of the reference from the same state.

    Losses within `RELATIVE`, and the moves to the bit where the losses lead to the same choices.
    Where they do not, two losses or distances were too close to tell apart.
    """
    state, differing, scale = initial_state(task), 0, task.objective.gain
    for _ in range(steps):
        expected = step(task, state)
        found = engine.advance(task, copied(state), 1)
        assert (found.iteration, found.stopped, len(found.history)) == (
            expected.iteration,
            expected.stopped,
            len(expected.history),
        )
        means = [(s.best_losses - task.objective.shift) / scale for s in (found, expected)]
        np.testing.assert_allclose(*means, rtol=RELATIVE, atol=ABSOLUTE)
        assert found.history[-1] == found.best_losses.min()
        if choices(state, found) == choices(state, expected):
            for name in ("positions", "velocities", "best_positions"):
                assert getattr(found, name).tobytes() == getattr(expected, name).tobytes(), name
        else:
            differing += 1
        state = expected
    assert differing <= steps // 6


@pytest.fixture(params=["reference", "cpu", "cpu with 3 threads"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Every engine; a new one joins here."""
    name, _, threads = request.param.partition(" with ")
    return get_engine(name, int(threads[0]) if threads else 1)


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
        """A training that ended early is repeated with the iterations that it came to, to the same
        bits.
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
        """Who beat whom is told by the engine's own losses; no winner moves, and no best is
        lost.
        """
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
            expected = before.rows_skipped + (6 * len(task.x) if iteration else 0)
            assert state.rows_skipped == expected, "only what moved is evaluated, on all rows"
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
        tasks = [make_task(informant_strategy=s) for s in INFORMANT_STRATEGIES]
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
        values = loss_values(
            task.objective, engine.outputs(task.network, result.weights, task.x)[None], task.y
        )
        assert values[0] == pytest.approx(result.loss, rel=RELATIVE)

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

    @pytest.mark.parametrize("loss", [*REGRESSION, "cross_entropy", "zero_one", "class accuracy"])
    @pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf, 1e30])
    def test_poisoned_data_cost_infinity_and_nothing_else(self, engine, poison, loss) -> None:
        classes = 3 if loss in ("cross_entropy", "zero_one", "class accuracy") else 1
        name = "negative_accuracy" if loss == "class accuracy" else loss
        x = np.random.default_rng(0).normal(size=(70, 4)).astype(f32)
        x[:, 2] = poison
        hidden = (
            (4, 3) if math.isnan(poison) else ()
        )  # a hidden layer may well make infinities finite
        task = make_task(
            x=x, y=np.zeros(70, f32), hidden=hidden, loss=name, classes=classes, iterations=5
        )
        (result,) = engine.train([task])
        overflows = (
            poison != 1e30 or loss == "mse"
        )  # there the squares overflow, the outputs themselves do not
        assert np.isinf(result.history).all() if overflows else np.isfinite(result.history).all()
        assert result.weights.shape == (task.network.size,)
        assert np.isfinite(result.weights).all()

    @pytest.mark.parametrize("strategy", INFORMANT_STRATEGIES)
    def test_weights_that_are_no_numbers_are_a_particle_s_own_misfortune(
        self, engine, strategy
    ) -> None:
        task = make_task(informant_strategy=strategy, rows=130, iterations=8)
        state = initial_state(task)
        state.positions[2], state.positions[5, 0], state.positions[7] = math.nan, math.inf, 3e38
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
        x = np.array([[1.5e19, 1.5e19], [3e38, 3e38]], f32)
        for loss, row in (("mse", 0), ("mae", 1)):
            task = make_task(
                x=x[row : row + 1],
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
        close = max(1e-5, 1e-7 * inputs)  # sums of so many terms of about 1
        np.testing.assert_allclose(
            found, network.forward(weights[None], x)[0], rtol=1e-5, atol=close
        )
        np.testing.assert_allclose(found, plain_forward(network, weights, x), rtol=1e-5, atol=close)

    def test_a_caller_can_stop(self, engine) -> None:
        calls = []

        def on_chunk(task: TrainingTask, state: SwarmState) -> bool:
            calls.append((task, state.iteration))
            return len(calls) == 2

        task = make_task(iterations=1000)
        (result,) = engine.train([task], on_chunk, clock=lambda: 0.0)
        assert not result.complete
        assert [c[0] for c in calls] == [task, task]
        assert result.iterations == calls[-1][1] < 1000
        full = engine.advance(task, initial_state(task), result.iterations)
        assert result.history.tobytes() == full.history.tobytes()
        (finished,) = engine.train([make_task(iterations=5)], lambda *_: None)
        assert finished.complete

    def test_wall_clock_budget(self, engine) -> None:
        """Each look at this clock costs a second: start 0, then 1 and 2 around an iteration, 3 and
        4, 5 and 6.
        """
        ticks = iter(range(1000))
        (result,) = engine.train(
            [make_task(iterations=1000, seconds=6.0)], clock=lambda: float(next(ticks))
        )
        assert result.complete
        assert result.iterations == 3
        assert result.seconds == 7.0
        whole = engine.advance(make_task(), initial_state(make_task()), 3)
        assert result.history.tobytes() == whole.history.tobytes()

    def test_chunks_grow_by_four_at_most_and_shrink_when_slow(self, engine) -> None:
        now, seen = [0.0], []

        def clock() -> float:
            now[0] += 1e-9 if len(seen) < 4 else 5.0
            return now[0]

        engine.train(
            [make_task(iterations=430, rows=1)],
            lambda _, state: seen.append(state.iteration),
            clock,
        )
        assert np.diff([0, *seen]).tolist() == [1, 4, 16, 64, 256, 64, 16, 4, 1, 1, 1, 1, 1]

    def test_no_iterations_is_no_training(self, engine) -> None:
        (result,) = engine.train([make_task(iterations=0)])
        assert (result.iterations, result.loss, result.complete) == (0, math.inf, True)


def plain_forward(network: Network, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A dense network in float64, one neuron after another, from the layout as documented."""
    activations: dict[str, Callable[[float], float]] = {
        "relu": lambda v: max(v, 0.0),
        "leaky_relu": lambda v: v if v > 0 else 0.01 * v,
        "tanh": math.tanh,
        "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
        "gelu": lambda v: 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
    }
    values, at = x.astype(float).T, 0
    for number, (a, b) in enumerate(zip(network.layers, network.layers[1:], strict=False)):
        biases = weights[at + a * b : at + a * b + b]
        out = []
        for j in range(b):
            total = sum(float(weights[at + j * a + k]) * values[k] for k in range(a)) + float(
                biases[j]
            )
            last = number == len(network.layers) - 2
            out.append(
                total
                if last
                else np.array([activations[network.activation](float(v)) for v in total])
            )
        values, at = np.array(out), at + a * b + b
    return values.T


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
    ("loss", "classes", "rows", "inputs"),
    [(name, 1, 300, 3) for name in REGRESSION]
    + [(name, 3, 300, 3) for name in CLASSIFICATION]
    + [("mse", 1, 64, 3), ("mse", 1, 65, 3), ("mse", 1, 400, 1000), ("mse", 1, 40_000, 2)],
)
def test_abandoning_changes_no_bit(loss, classes, rows, inputs, threads) -> None:
    task = make_task(
        rows=rows,
        inputs=inputs,
        loss=loss,
        classes=classes,
        swarm_size=21,
        weight_scale=1.0,
        iterations=20,
    )
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
    classes = 3 if loss.task == "classification" else 1
    outputs = np.array(values, f32)
    columns = {
        1: outputs[:, None],
        3: np.stack([outputs, outputs[::-1], np.roll(outputs, 1)], axis=1),
    }[classes]
    objective = Objective(loss, gain)
    network = Network((classes, classes))  # the identity: outputs are the inputs
    weights = np.concatenate([np.eye(classes, dtype=f32).ravel(), np.zeros(classes, f32)])
    y = (np.arange(130) % classes).astype(f32)
    totals = []
    for rows in range(1, 131):
        genome = Genome(swarm_size=2, num_informants=1, hidden_layers=())
        task = TrainingTask(genome, network, objective, columns[:rows], y[:rows], KEY, 1)
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


@pytest.mark.parametrize("processor", ["haswell", "x86-64-v4"])
def test_older_and_newer_instructions_give_the_same_bits(processor, tmp_path) -> None:
    """The golden values, by a process that compiles for AVX2, and by one for AVX-512 where this
    machine has it.
    """
    features = binding.get_host_cpu_features()
    if not features.get("avx512vl" if processor == "x86-64-v4" else "avx2"):
        pytest.skip(f"this machine cannot run code for {processor}")
    widths = {
        "haswell": "+avx2,+fma,+bmi,+bmi2,+lzcnt,+f16c",
        "x86-64-v4": "+avx512f,+avx512dq,+avx512vl,+avx512bw,+fma",
    }
    program = """
import shoal.pso.engines.llvm_vectors
from support import golden
for name in ("cpu", "search"):
    golden.check(name)
print(shoal.pso.engines.llvm_vectors.has_wide_registers())
"""
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": widths[processor],
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": str(TESTS),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == (str(processor != "haswell"), 0), done.stderr


def test_rows_of_a_batch_do_not_change_each_other_s_outputs() -> None:
    network, random = Network((5, 7, 2), "tanh"), np.random.default_rng(0)
    weights, x = (
        random.normal(size=network.size).astype(f32),
        random.normal(size=(200, 5)).astype(f32),
    )
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
    """``function`` of the kernels' vectors, for arrays of float32 of any length."""
    apply = make_map(function)

    @njit
    def over(values):
        apply(address_of(values, 0), len(values) // 16)

    def of(x: np.ndarray) -> np.ndarray:
        values = np.zeros(-(-len(x) // 16) * 16, f32)
        values[: len(x)] = x
        over(values)
        return values[: len(x)]

    return of


apply_exp, apply_log, apply_tanh = map(
    vectorised, (vector_math.exp, vector_math.log, vector_math.tanh)
)


def float_ulps(
    found: np.ndarray, x: np.ndarray, exact: Callable[[np.ndarray], np.ndarray]
) -> float:
    """The largest error in units of float32's last place."""
    assert found.dtype == np.float32
    expected = exact(x.astype(np.float64))
    return float(np.max(np.abs(found - expected) / np.spacing(np.abs(expected).astype(f32))))


def test_kernel_exp_is_within_one_ulp() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate(
        [random.uniform(-87, 88, 300_000), random.normal(0, 1, 100_000), [-87, 88, 0]]
    ).astype(f32)
    assert float_ulps(apply_exp(x), x, np.exp) < 1
    assert apply_exp(np.zeros(1, f32))[0] == 1
    assert (
        0 <= apply_exp(np.array([-1e30], f32))[0] < 2e-38
    )  # of a softmax's sum, which is 1 or more


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


@pytest.mark.parametrize(
    ("kind", "bound", "exact"),
    [
        (vector_math.sigmoid, 2e-7, lambda v: 1 / (1 + np.exp(-v))),
        (
            vector_math.gelu,
            1e-6,
            lambda v: 0.5 * v * (1 + np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
        ),
        (vector_math.leaky_relu, 1e-7, lambda v: np.where(v > 0, v, 0.01 * v)),
    ],
)
def test_kernel_activations_are_close(kind, bound, exact) -> None:
    x = np.random.default_rng(3).uniform(-12, 12, 300_000).astype(f32)
    found = vectorised(kind)(x)
    assert np.abs(found - exact(x.astype(np.float64))).max() < bound
    extremes, scale = (
        vectorised(kind)(np.array([-1e4, 1e4], f32)),
        1 if kind is vector_math.sigmoid else 100,
    )
    assert extremes == pytest.approx(exact(np.array([-100.0, 100.0])) * scale)


def test_variants_are_numbered_alike_in_reference_and_kernels() -> None:
    assert [loss.kernel_number for loss in LOSSES.values()] == list(range(5))
    assert LOSSES["mse"].kernel_number == kernels.SQUARED
    assert LOSSES["mae"].kernel_number == kernels.ABSOLUTE
    assert LOSSES["huber"].kernel_number == kernels.HUBER
    assert LOSSES["cross_entropy"].kernel_number == kernels.CROSS_ENTROPY
    assert {name: activation.kernel_number for name, activation in ACTIVATIONS.items()} == {
        "relu": kernels.RELU,
        "tanh": kernels.TANH,
        "sigmoid": kernels.SIGMOID,
        "leaky_relu": kernels.LEAKY_RELU,
        "gelu": kernels.GELU,
    }
    numbers = [strategy.kernel_number for strategy in INFORMANT_STRATEGIES.values()]
    assert sorted(numbers) == list(range(4))
    assert INFORMANT_STRATEGIES["nearest"].kernel_number == kernels.NEAREST
    assert INFORMANT_STRATEGIES["rewired"].kernel_number == kernels.REWIRED
    assert sorted(rule.kernel_number for rule in UPDATE_RULES.values()) == [0, 1]
    assert UPDATE_RULES["competitive"].kernel_number == kernels.COMPETITIVE
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
