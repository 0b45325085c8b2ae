"""A value that a registry learns: what follows by itself, and what must stay as it was.

The rule, the activation, the strategy and the loss are made up here, and registered for one test
each. Genomes, operators, the reference engine and the analyses ask the object. The CPU engine needs
a kernel for it, and refuses it without. Recorded runs draw the genomes that they drew before.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from shoal.analysis.gene_features import gene_features
from shoal.errors import GenomeError, SettingsError
from shoal.genome.genes import CATEGORICAL_GENES
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.nn.activations import ACTIVATIONS, Activation
from shoal.nn.network import Network
from shoal.objectives.losses import LOSSES, MSE, Loss, Objective, make_objective
from shoal.presentation.formatting import genome_text
from shoal.pso.engines import get_engine, kernels
from shoal.pso.snapshot import take_snapshot
from shoal.pso.swarm import TrainingTask, initial_state
from shoal.settings.presets import PRESETS, RECORDED_VALUES
from shoal.settings.samplers import SAMPLERS
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store
from shoal.tuning.operators import initial_genome, mutate
from shoal.tuning.search import Search
from shoal.update_rules import UPDATE_RULES, EvaluatedSwarm, Motion, UpdateRule, unread_genes
from shoal.update_rules.informants import INFORMANT_STRATEGIES, RingInformants
from support import golden, schemas
from support.searches import finish, outcome, small_settings

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
        # Of no rule: it belongs to solved output layers.
        "ridge",
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
    assert genome.kind[:2] == ("informed", "absolute")

    network = Network((1, 1, 1), activation.name)
    weights = np.array([[2.0, -3.0, 1.0, 0.5]], np.float32)
    x = np.array([[0.0], [1.0], [2.0]], np.float32)
    assert network.forward(weights, x)[0, :, 0].tolist() == [3.5, 1.5, 1.5]

    (training,) = get_engine("reference").train([make_task(genome, Network((3, 4, 1), "absolute"))])
    assert np.isfinite(training.loss)
    table = pd.DataFrame([vars_of(genome), vars_of(Genome())])
    places = {feature.name: feature for feature in gene_features(table)}["activation"]
    assert places.used.all()


# ---- The compiled engine -------------------------------------------------------------------------


class StrangeInformants(RingInformants):
    """A ring under another name, with a number that no kernel knows."""

    name = "strange"
    kernel_number = 99


@pytest.fixture
def strategy(monkeypatch):
    """Register the strategy."""
    made_up = StrangeInformants()
    monkeypatch.setitem(INFORMANT_STRATEGIES, made_up.name, made_up)
    monkeypatch.setitem(CATEGORICAL_GENES, "informant_strategy", tuple(INFORMANT_STRATEGIES))
    return made_up


def assert_cpu_refuses(task: TrainingTask, *named: str) -> None:
    """The CPU engine refuses the task and names these; the reference trains it."""
    with pytest.raises(SettingsError) as refused:
        get_engine("cpu").train([task])
    for text in (*named, "has no kernel", "99", "kernels.py", 'engine="reference"'):
        assert text in str(refused.value)
    (training,) = get_engine("reference").train([task])
    assert np.isfinite(training.loss)


def test_without_a_kernel_an_activation_does_not_train_as_a_linear_network(activation) -> None:
    network = Network((3, 4, 1), activation.name)
    assert_cpu_refuses(make_task(Genome(swarm_size=5), network), "activation='absolute'")
    weights = np.zeros(network.size, np.float32)
    with pytest.raises(SettingsError, match="activation='absolute' has no kernel"):
        get_engine("cpu").outputs(network, weights, np.zeros((2, 3), np.float32))


def test_without_a_kernel_a_loss_does_not_count_wrong_classes() -> None:
    made_up = Loss("strange", "regression", 99, MSE.per_row, MSE.row)
    task = make_task(Genome(swarm_size=5), Network((3, 4, 1)))
    assert_cpu_refuses(replace(task, objective=Objective(made_up)), "loss='strange'")


def test_without_a_kernel_a_rule_does_not_move_as_the_informed_one(rule) -> None:
    genome = Genome(swarm_size=5, update_rule=rule.name)
    assert_cpu_refuses(make_task(genome, Network((3, 4, 1))), "update_rule='towards_the_best'")


def test_without_a_kernel_a_strategy_is_not_one_that_keeps_its_informants(strategy) -> None:
    genome = Genome(swarm_size=5, informant_strategy=strategy.name)
    assert_cpu_refuses(make_task(genome, Network((3, 4, 1))), "informant_strategy='strange'")


def test_every_registered_variant_has_a_kernel() -> None:
    for registry, handled in (
        (ACTIVATIONS, kernels.ACTIVATIONS),
        (LOSSES, kernels.LOSSES),
        (UPDATE_RULES, kernels.RULES),
        (INFORMANT_STRATEGIES, kernels.STRATEGIES),
    ):
        assert {variant.kernel_number for variant in registry.values()} == handled


def test_numbers_of_kernels_are_never_used_twice() -> None:
    for registry in (UPDATE_RULES, ACTIVATIONS, INFORMANT_STRATEGIES, LOSSES):
        numbers = [variant.kernel_number for variant in registry.values()]
        assert len(set(numbers)) == len(numbers)
        assert all(name == variant.name for name, variant in registry.items())


# ---- Recorded runs -------------------------------------------------------------------------------

# Genes of which a search takes all the values that there are, in two spaces: the preset's, and the
# widest that records knew which do not name the values.
SEARCHED = [("update_rule",), tuple(RECORDED_VALUES)]


def unnamed_before(settings: SearchSettings) -> list[str]:
    """The genes that are searched and whose values older records do not name.

    They named what the preset narrows, unless all values of such a gene were asked for.
    """
    narrowed = set(PRESETS[settings.preset].choices) - set(settings.extra_genes)
    return [gene for gene in settings.choices if gene not in narrowed]


def with_values_of_then(settings: SearchSettings) -> SearchSettings:
    """The same search at the time of older records, when registries held no more than this."""
    values = {gene: RECORDED_VALUES[gene] for gene in unnamed_before(settings)}
    return settings.model_copy(update={"choices": {**settings.choices, **values}})


def genomes(search: Search) -> list[str]:
    return [evaluation.task.genome.hash for evaluation in search.evaluations]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("searched", SEARCHED, ids=["the_preset", "all"])
@pytest.mark.parametrize("version", ["today", "older"])
def test_a_recorded_run_draws_the_same_genomes_when_registries_have_grown(
    sampler: str, searched: tuple[str, ...], version: str, request: pytest.FixtureRequest
) -> None:
    settings = small_settings(
        sampler=sampler, extra_genes=searched, start=("competitive",), racing="fixed"
    )
    if version == "older":
        settings = with_values_of_then(settings)
    whole = finish(Search(settings))

    record = json.loads(json.dumps(settings.to_dict()))
    if version == "older":
        for gene in unnamed_before(settings):
            del record["choices"][gene]

    rule = request.getfixturevalue("rule")
    activation = request.getfixturevalue("activation")
    grown = dict(SearchSettings.parse({"extra_genes": searched}).space.categorical)
    assert grown["update_rule"][-1] == rule.name
    if "activation" in searched:
        assert grown["activation"][-1] == activation.name

    recorded = SearchSettings.recorded(record)
    assert recorded == settings
    resumed = finish(Search.replay(recorded, whole.evaluations[:9]))
    assert genomes(resumed) == genomes(whole)
    assert outcome(resumed) == outcome(whole)


@pytest.mark.parametrize(
    "dump", sorted(schemas.FOLDER.glob("*.sql")), ids=lambda dump: str(dump.stem)
)
def test_runs_of_every_released_version_are_replayed_when_registries_have_grown(
    dump: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The stored runs themselves. All that was asked for is there, so nothing is left to ask."""
    file = tmp_path / "shoal.db"
    with closing(sqlite3.connect(file)) as raw:
        raw.executescript(dump.read_text())

    with open_store(file) as store:
        before = store.run(schemas.FINISHED).settings
        request.getfixturevalue("rule")
        request.getfixturevalue("activation")

        run = store.run(schemas.FINISHED)
        assert run.settings.space == before.space
        search = Search.replay(run.settings, store.evaluations(schemas.FINISHED))
        assert search.done
        assert outcome(search) == run.result_hash


def test_golden_genomes_stay_when_registries_grow(rule, activation) -> None:
    """`make golden` would write others, and with them hide a change that was not meant."""
    golden.check("genome")


def test_make_golden_says_what_it_changes() -> None:
    before = {"cpu": {"relu mse": "a", "gelu mse": "b"}, "genome": {"hash": "c"}}
    after = {"cpu": {"relu mse": "d", "strange mse": "e"}, "genome": {"hash": "c"}}
    assert golden.differences(before, after) == [
        "GONE: cpu, gelu mse",
        "CHANGED: cpu, relu mse: recorded runs have other results",
        "added: cpu, strange mse",
    ]


def test_a_record_names_the_values_of_every_gene_that_is_searched() -> None:
    # Functions have no network, and so no genes of one.
    for preset in PRESETS.keys() - {"function"}:
        meant = set(CATEGORICAL_GENES) - set(PRESETS[preset].meaningless_genes)
        for searched in ((), *SEARCHED, tuple(meant)):
            settings = SearchSettings(preset=preset, extra_genes=searched)
            assert settings.choices == dict(settings.space.categorical)


def test_values_of_older_records_are_still_known() -> None:
    for gene, values in RECORDED_VALUES.items():
        assert set(values) <= set(CATEGORICAL_GENES[gene])


def test_what_rules_do_not_read_is_as_it_was() -> None:
    """A new rule's ``own_genes`` must not take from the others what they read: runs would change.

    A gene that is read by all is nobody's own. If a new rule does not read it, it becomes the own
    gene of those that do.
    """
    assert unread_genes("informed") == ()
    assert set(unread_genes("competitive")) == {
        "num_informants",
        "cognitive_weight",
        "global_best_weight",
        "informant_strategy",
        "attractor",
    }
