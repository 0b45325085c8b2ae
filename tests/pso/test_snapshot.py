"""Snapshots against a computation by hand, with both engines and both rules; and their planes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.objectives.losses import make_objective
from shoal.pso.engines import ENGINES, get_engine
from shoal.pso.snapshot import (
    SwarmSnapshot,
    principal_projection,
    random_projection,
    stagnation,
    take_snapshot,
)
from shoal.pso.swarm import SwarmState, TrainingTask, initial_state
from shoal.update_rules import UPDATE_RULES

RANDOM = np.random.default_rng(3)


def task(iterations: int = 30, **genes: Any) -> TrainingTask:
    """A small training, whose limits are so tight that many particles reach them."""
    defaults = {
        "swarm_size": 9,
        "hidden_layers": (4,),
        "max_velocity": 0.05,
        "max_position": 0.15,
    }
    genome = Genome(**{**defaults, **genes})
    x = RANDOM.normal(size=(40, 3)).astype(np.float32)

    return TrainingTask(
        genome=genome,
        network=Network((3, *genome.hidden_layers, 1)),
        objective=make_objective(None, "regression"),
        x=x,
        y=x[:, 0] * x[:, 1],
        key=(7, 1),
        iterations=iterations,
        horizon=60,
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", UPDATE_RULES)
def test_a_snapshot_is_what_the_state_says(rule: str, engine: str) -> None:
    training = task(update_rule=rule, velocity_end=0.5)
    state = get_engine(engine).advance(training, initial_state(training), 20)
    x = state.positions.copy()
    v = state.velocities.copy()
    seen = take_snapshot(training, state)

    axes = random_projection(training.network.size).axes
    # In the last of 20 iterations, of 60 until the schedule ends.
    vmax = np.float32(0.05 * (1 - 0.5 * 19 / 59))
    centre = [sum(column) / len(column) for column in x.T.astype(float)]
    distances = [math.dist(row, centre) for row in x.astype(float)]
    improved = []
    for n, (before, after) in enumerate(pairwise(state.history), 1):
        if after < before:
            improved.append(n)

    assert seen.iteration == 20
    np.testing.assert_allclose(seen.positions, x @ axes, rtol=1e-5)
    assert seen.diversity == pytest.approx(sum(distances) / len(distances), rel=1e-5)
    assert seen.speed == pytest.approx(float(np.abs(v).mean()), rel=1e-6)
    assert seen.at_velocity_limit == pytest.approx(float((np.abs(v) >= vmax).mean()))
    assert 0 < seen.at_velocity_limit < 1
    assert seen.at_position_limit == pytest.approx(float((np.abs(x) == np.float32(0.15)).mean()))
    assert 0 < seen.at_position_limit < 1
    assert seen.loss == state.history[-1] == min(seen.losses)
    assert seen.stagnation == 19 - improved[-1]

    if rule == "informed":
        np.testing.assert_allclose(seen.bests, state.best_positions @ axes, rtol=1e-5)
        assert np.array_equal(np.sort(seen.informants, axis=1), state.informants)
        first_informants = seen.informants[:, 0]
        least_losses = seen.losses[seen.informants].min(axis=1)
        assert (seen.losses[first_informants] == least_losses).all()
        assert np.isfinite(seen.losses).all()
    else:
        assert np.array_equal(seen.bests, seen.positions), "a particle's best is where it stands"
        assert seen.informants.shape == (9, 0)
        assert np.isinf(seen.losses).sum() == 4, "four of nine lost and moved"


def test_a_snapshot_keeps_no_array_of_a_state() -> None:
    """An engine may write over the arrays of the state in its next iteration."""
    training = task()
    engine = get_engine("cpu")
    state = engine.advance(training, initial_state(training), 5)
    seen = take_snapshot(training, state)
    before = json.dumps(seen.to_dict())

    for array in (state.positions, state.best_positions, state.best_losses, state.informants):
        array[:] = 0
    assert json.dumps(seen.to_dict()) == before


def test_a_swarm_before_its_first_iteration() -> None:
    training = task(informant_strategy="nearest")
    seen = take_snapshot(training, initial_state(training))
    assert np.isinf(seen.losses).all() and np.isinf(seen.loss)
    assert seen.informants.shape == (9, 0), "the first step finds the nearest"
    assert seen.informants.base is None, "a view would keep the array of the state"
    assert (seen.iteration, seen.stagnation) == (0, 0)
    assert np.array_equal(seen.positions, seen.bests)


@pytest.mark.parametrize(
    ("history", "since"),
    [
        ([], 0),
        ([3.0], 0),
        ([3.0, 3.0, 3.0], 2),
        ([3.0, 2.0, 2.0], 1),
        ([np.inf, np.inf], 2),
        ([np.inf, 1.0], 0),
        # A mean over all scenarios that were met may rise again.
        ([3.0, 1.0, 2.0, 1.5], 2),
    ],
)
def test_stagnation(history: list[float], since: int) -> None:
    assert stagnation(np.array(history)) == since


def broken(state: SwarmState) -> SwarmState:
    """A swarm with a position that is not a number, and a particle without a loss."""
    positions = state.positions.copy()
    positions[2, 0] = np.nan
    losses = state.best_losses.copy()
    losses[1] = np.inf
    return replace(state, positions=positions, best_losses=losses)


def test_written_down_and_read_again() -> None:
    training = task()
    state = broken(get_engine("reference").advance(training, initial_state(training), 3))
    seen = take_snapshot(training, state)
    assert np.isnan(seen.positions[2]).all() and np.isnan(seen.diversity)

    values = seen.to_dict()
    text = json.dumps(values, allow_nan=False)
    assert len(text) < 150 * 9

    again = SwarmSnapshot.from_dict(json.loads(text))
    assert again.to_dict() == values
    np.testing.assert_allclose(again.positions, seen.positions, rtol=1e-3)
    np.testing.assert_allclose(again.losses, seen.losses, rtol=1e-5)
    assert again.losses[1] == np.inf and again.current is None
    assert np.isnan(again.positions[2]).all() and np.isnan(again.diversity)

    with_current = replace(seen, current=np.array([0.5, np.inf, *range(7)]))
    values = with_current.to_dict()
    again = SwarmSnapshot.from_dict(values)
    assert again.to_dict() == values
    assert again.current is not None and again.current[1] == np.inf


def test_the_random_axes_are_orthonormal_and_the_same_for_all() -> None:
    axes = random_projection(833).axes.copy()
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-6)

    random_projection.cache_clear()
    assert np.array_equal(random_projection(833).axes, axes)
    assert not np.allclose(random_projection(834).axes[:833], axes)


def test_the_principal_axes_are_those_of_the_covariance() -> None:
    sample = RANDOM.normal(size=(50, 12)).astype(np.float32) * np.arange(1, 13, dtype=np.float32)
    not_finite = np.full((1, 12), np.nan, np.float32)
    projection = principal_projection(np.vstack([sample, not_finite]))
    values, vectors = np.linalg.eigh(np.cov(sample.T))

    assert projection.kind == "principal"
    cosines = np.sum(projection.axes * vectors[:, [-1, -2]], axis=0)
    np.testing.assert_allclose(np.abs(cosines), 1, rtol=1e-5)
    assert projection.share == pytest.approx(values[-2:].sum() / values.sum(), rel=1e-5)
    largest = np.abs(projection.axes).argmax(axis=0)
    assert (projection.axes[largest, [0, 1]] > 0).all()
    np.testing.assert_allclose(projection(sample).mean(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize(
    "sample", [np.zeros((5, 6)), np.full((4, 6), np.nan), np.outer(np.arange(4), np.ones(6))]
)
def test_where_there_is_no_plane_to_find(sample: np.ndarray) -> None:
    assert principal_projection(sample.astype(np.float32)).kind == "random"
