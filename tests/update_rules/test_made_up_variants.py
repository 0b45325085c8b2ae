"""A new update rule or activation is its file and one registry line: everything else asks the
object.

These are made up here, and registered for one test each. Only the CPU engine needs a kernel for
them.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from shoal.analysis.gene_features import gene_features
from shoal.errors import GenomeError
from shoal.genome.genes import CATEGORICAL_GENES
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.nn.activations import ACTIVATIONS, Activation
from shoal.nn.network import Network
from shoal.objectives.losses import make_objective
from shoal.presentation.formatting import genome_text
from shoal.pso.engines import get_engine
from shoal.pso.snapshot import take_snapshot
from shoal.pso.swarm import TrainingTask, initial_state
from shoal.tuning.operators import initial_genome, mutate
from shoal.update_rules import UPDATE_RULES, EvaluatedSwarm, Motion, UpdateRule, unread_genes

COEFFICIENTS = {"inertia_weight": 0.5, "social_weight": 0.25, "jump_size": 0.75}


class TowardsTheBest(UpdateRule):
    """Every particle goes half of its way to the global best."""

    name = "towards_the_best"
    kernel_number = 99
    own_genes = ("global_best_weight",)
    coefficients = MappingProxyType(COEFFICIENTS)
    fits_initial_ranges = False

    def evaluations_per_iteration(self, genes):
        return genes.swarm_size

    def stability_margin(self, genes):
        return 0.125

    def describe(self, genes):
        return ("straight to the best",)

    def move(self, swarm: EvaluatedSwarm) -> Motion:
        best = swarm.best_positions[swarm.global_best]
        everyone = np.full(len(swarm.positions), True)
        velocities = np.float32(0.5) * (best - swarm.positions)
        return Motion(velocities, everyone, swarm.best_losses, swarm.informants)


@pytest.fixture
def rule(monkeypatch):
    """Register the rule, as a line in the registry would before the gene's choices are read."""
    made_up = TowardsTheBest()
    monkeypatch.setitem(UPDATE_RULES, made_up.name, made_up)
    monkeypatch.setitem(CATEGORICAL_GENES, "update_rule", tuple(UPDATE_RULES))
    return made_up


@pytest.fixture
def activation(monkeypatch):
    """Register the absolute value as an activation."""
    made_up = Activation("absolute", 99, np.abs)
    monkeypatch.setitem(ACTIVATIONS, made_up.name, made_up)
    monkeypatch.setitem(CATEGORICAL_GENES, "activation", tuple(ACTIVATIONS))
    return made_up


def make_task(genome: Genome, network: Network) -> TrainingTask:
    random = np.random.default_rng(0)
    x = random.standard_normal((20, network.layers[0])).astype(np.float32)
    return TrainingTask(
        genome=genome,
        network=network,
        objective=make_objective("mse", "regression"),
        x=x,
        y=x[:, 0].copy(),
        key=(1, 2),
        iterations=10,
    )


def test_a_genome_takes_a_new_rule_and_asks_it(rule) -> None:
    genome = Genome(swarm_size=6, update_rule=rule.name)
    assert genome.rule is rule
    assert genome.stability_margin == 0.125
    assert genome.evaluations_per_iteration == 6
    assert genome.hash != Genome(swarm_size=6).hash
    assert set(genome.unread_genes) == {
        "num_informants",
        "cognitive_weight",
        "informant_strategy",
        "attractor",
    }
    # The other rules' files are as they were, and so is what they read.
    assert "global_best_weight" in unread_genes("competitive")
    assert unread_genes("informed") == ()


def test_without_its_line_a_rule_is_refused() -> None:
    with pytest.raises(GenomeError, match="informed, competitive"):
        Genome(update_rule=TowardsTheBest.name)


def test_the_reference_engine_moves_by_a_new_rule(rule) -> None:
    genome = Genome(swarm_size=6, update_rule=rule.name, max_velocity=100.0)
    task = make_task(genome, Network((3, 4, 1)))
    before = initial_state(task)
    after = get_engine("reference").advance(task, before, 1)
    best = before.positions[after.global_best]
    assert after.positions == pytest.approx((before.positions + best) / 2, abs=1e-6)
    (training,) = get_engine("reference").train([task])
    assert training.loss <= after.history[0]
    assert len(take_snapshot(task, after).informants[0]) == 0


def test_operators_space_and_analyses_know_a_new_rule(rule) -> None:
    space = SearchSpace().with_genes(["update_rule"]).narrowed({}, {"update_rule": (rule.name,)})
    genome = initial_genome(space, (3, 4), 0)
    assert {name: getattr(genome, name) for name in COEFFICIENTS} == COEFFICIENTS
    assert genome.cognitive_weight == Genome().cognitive_weight
    assert mutate(space, genome, 0.5, (3, 4), 1, 0).update_rule == rule.name
    assert not {alarm.gene for alarm in space.on_bounds(genome)} & set(genome.unread_genes)
    assert "straight to the best" in genome_text(genome)

    rows = [genome, Genome(), Genome(update_rule="competitive")]
    table = pd.DataFrame([vars_of(row) for row in rows])
    used = {feature.name: feature.used.tolist() for feature in gene_features(table)}
    assert used["global_best_weight"] == [True, True, False]
    assert used["cognitive_weight"] == [False, True, False]
    assert used["update_rule"] == [True, True, True]


def vars_of(genome: Genome) -> dict[str, object]:
    return genome.to_dict() | {"hidden_layers": genome.hidden_layers}


def test_a_new_activation_is_a_gene_and_moves_the_reference(activation) -> None:
    genome = Genome(swarm_size=5, activation=activation.name)
    assert genome.kind == ("informed", "absolute")

    network = Network((1, 1, 1), activation.name)
    weights = np.array([[2.0, -3.0, 1.0, 0.5]], np.float32)
    x = np.array([[0.0], [1.0], [2.0]], np.float32)
    assert network.forward(weights, x)[0, :, 0].tolist() == [3.5, 1.5, 1.5]

    (training,) = get_engine("reference").train([make_task(genome, Network((3, 4, 1), "absolute"))])
    assert np.isfinite(training.loss)
    table = pd.DataFrame([vars_of(genome), vars_of(Genome())])
    places = {feature.name: feature for feature in gene_features(table)}["activation"]
    assert places.used.all()


def test_numbers_of_kernels_are_never_used_twice() -> None:
    for registry in (UPDATE_RULES, ACTIVATIONS):
        numbers = [variant.kernel_number for variant in registry.values()]
        assert len(set(numbers)) == len(numbers)
        assert all(name == variant.name for name, variant in registry.items())
