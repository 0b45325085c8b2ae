"""Solved output layers: the least squares that they promise, in the definition and compiled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.errors import GenomeError
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.nn.readout import ReadoutTargets, class_codes, solve_layer
from shoal.objectives.losses import make_objective
from shoal.pso.engines import get_engine
from shoal.pso.swarm import TrainingTask, initial_state

f32 = np.float32


def penalised(features: Any, targets: ReadoutTargets, ridge: float, weights: Any, biases: Any):
    """What is minimised, written out."""
    rows = np.ones(len(features)) if targets.weights is None else targets.weights
    errors = targets.values - features @ weights.T - biases
    outputs = len(biases)
    squares = (rows[:, None] * errors**2).sum() / rows.sum() / outputs
    return float(squares + ridge / outputs * (weights**2).sum())


def example(seed: int, *, outputs: int = 2, weighted: bool = False):
    random = np.random.default_rng(seed)
    features = random.normal(size=(50, 6)).astype(f32)
    values = random.normal(size=(50, outputs)).astype(f32)
    weights = random.uniform(0.1, 2.0, 50).astype(f32) if weighted else None
    return features, ReadoutTargets(values, weights)


@given(
    seed=st.integers(0, 10**6),
    ridge=st.floats(1e-6, 10),
    outputs=st.integers(1, 3),
    weighted=st.booleans(),
)
def test_no_other_layer_has_a_smaller_loss(seed, ridge, outputs, weighted) -> None:
    features, targets = example(seed, outputs=outputs, weighted=weighted)
    layer = solve_layer(features, targets, ridge)
    least = penalised(features, targets, ridge, layer.weights, layer.biases)
    assert layer.loss == pytest.approx(least, rel=1e-5)

    random = np.random.default_rng(seed)
    for size in (1e-2, 1.0):
        weights = layer.weights + size * random.normal(size=layer.weights.shape)
        biases = layer.biases + size * random.normal(size=layer.biases.shape)
        assert penalised(features, targets, ridge, weights, biases) > layer.loss * (1 - 1e-6)


def test_rows_with_a_weight_of_two_count_like_two_rows() -> None:
    features, targets = example(3)
    twice = np.ones(len(features), f32)
    twice[:10] = 2
    weighted = solve_layer(features, replace(targets, weights=twice), 0.1)
    repeated = ReadoutTargets(np.concatenate([targets.values, targets.values[:10]]))
    longer = solve_layer(np.concatenate([features, features[:10]]), repeated, 0.1)
    np.testing.assert_allclose(weighted.weights, longer.weights, rtol=1e-5)
    assert weighted.loss == pytest.approx(longer.loss)


def test_features_that_are_no_numbers_solve_nothing() -> None:
    features, targets = example(0)
    features[3, 1] = np.nan
    assert solve_layer(features, targets, 0.1).loss == np.inf


def test_codes_of_classes() -> None:
    assert class_codes(np.array([2.0, 0.0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]


# ---- Trainings -----------------------------------------------------------------------------------


def training(
    *,
    rows: int = 300,
    hidden: tuple[int, ...] = (9,),
    outputs: int = 1,
    loss: str | None = None,
    **genes: Any,
) -> TrainingTask:
    random = np.random.default_rng(rows)
    x = random.normal(size=(rows, 4)).astype(f32)
    y = np.sin(x.sum(axis=1)).astype(f32)
    kind = "regression"
    if outputs > 1:
        kind = "classification"
        y = (np.abs(x[:, 0]) > 0.7).astype(f32) + (x[:, 1] > 1)
    genome = Genome(swarm_size=8, hidden_layers=hidden, weight_scale=1.0, readout="solved", **genes)
    network = Network((4, *hidden, outputs), genome.activation)
    return TrainingTask(genome, network, make_objective(loss, kind), x, y.astype(f32), (1, 2), 20)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize(("outputs", "loss"), [(1, "mse"), (1, "mae"), (3, "zero_one")])
def test_the_network_that_is_found_has_the_loss_that_is_reported(engine, outputs, loss) -> None:
    task = training(outputs=outputs, loss=loss)
    (result,) = get_engine(engine).train([task])
    assert result.weights.shape == (task.network.size,)

    found = get_engine(engine).outputs(task.network, result.weights, task.x)
    if not task.judges_by_squares:
        losses = task.objective.loss.per_row(found[None], task.y)
        assert result.loss == pytest.approx(losses.mean(), rel=1e-5)
        return

    weights, _ = task.network.layer_slices()[-1]
    squares = ((task.readout_targets.values - found) ** 2).mean()
    penalty = task.genome.ridge * (result.weights[weights] ** 2).sum() / outputs
    assert result.loss == pytest.approx(squares + penalty, rel=1e-4)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_other_layer_has_a_smaller_cross_entropy(engine, weighted) -> None:
    task = training(outputs=3, ridge=1e-2)
    rows = np.ones(len(task.x), f32)
    if weighted:
        rows = np.random.default_rng(1).uniform(0.1, 2, len(task.x)).astype(f32)
        task = replace(task, targets=replace(task.readout_targets, weights=rows))
    (result,) = get_engine(engine).train([task])
    layer, biases = task.network.layer_slices()[-1]

    def value(network) -> float:
        found = task.network.forward(network[None], task.x).astype(np.float64)
        losses = task.objective.loss.per_row(found, task.y)[0]
        penalty = task.genome.ridge / 2 * (network[layer].astype(np.float64) ** 2).sum()
        return float(np.average(losses, weights=rows) + penalty)

    least = value(result.weights)
    random = np.random.default_rng(0)
    for size in (1e-2, 0.1, 1.0):
        for part in (layer, biases):
            other = result.weights.copy()
            other[part] += (size * random.normal(size=other[part].shape)).astype(f32)
            assert value(other) > least


@pytest.mark.parametrize("hidden", [(3,), (16,), (64,), (65,), (150,), (8, 20)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_kernels_solve_what_is_defined(hidden, weighted, outputs) -> None:
    task = training(rows=529, hidden=hidden, outputs=outputs, ridge=1e-2)
    if weighted:
        rows = np.random.default_rng(1).uniform(0, 2, len(task.x)).astype(f32)
        task = replace(task, targets=replace(task.readout_targets, weights=rows))
    positions = initial_state(task).positions[:2]

    found = get_engine("cpu").networks(task, positions)
    expected = get_engine("reference").networks(task, positions)
    np.testing.assert_allclose(
        task.network.forward(found, task.x), task.network.forward(expected, task.x), atol=2e-4
    )


def test_twin_neurons_and_dead_ones_do_no_harm() -> None:
    task = training(hidden=(6,), ridge=1e-6)
    positions = initial_state(task).positions
    # Two equal neurons, and one that never gives anything.
    for p in positions:
        p[4:8] = p[0:4]
        p[25] = p[24]
        p[8:12] = 0
        p[26] = -1
    networks = get_engine("cpu").networks(task, positions)
    assert np.isfinite(networks).all()


def test_particles_hold_the_hidden_layers_only() -> None:
    task = training(hidden=(9, 5))
    assert initial_state(task).positions.shape == (8, 4 * 9 + 9 + 9 * 5 + 5)
    linear = training(hidden=())
    assert not linear.solves_readout, "without a hidden layer there is nothing to search"


def test_a_decoder_leaves_nothing_to_solve() -> None:
    with pytest.raises(GenomeError, match="decoded"):
        replace(training(), decode=np.sign)


def test_a_genome_with_a_searched_output_layer_keeps_its_hash() -> None:
    assert Genome(readout="searched", ridge=1e-3).hash == Genome().hash
    assert Genome(readout="solved").hash != Genome().hash
