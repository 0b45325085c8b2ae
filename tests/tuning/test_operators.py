"""The genetic algorithm: children stay in their space, elites stay as they are, rates hold."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shoal.genome.genes import CATEGORICAL_GENES, NEUTRAL, NUMERIC_GENES
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import crossover, initial_genome, mutate, next_generation
from shoal.update_rules import UPDATE_RULES, unread_genes

COEFFICIENTS = {name: rule.coefficients for name, rule in UPDATE_RULES.items()}
INFORMED_ONLY = unread_genes("competitive")
KEYS = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
STEP = 0.1  # of a gene's range: the design's, not the code's
MIDDLE = Genome(  # every number in the middle of its range, so that a step meets no bound
    swarm_size=100,
    num_informants=50,
    inertia_weight=1,
    cognitive_weight=2,
    social_weight=2,
    global_best_weight=2,
    jump_size=0.014,
    max_velocity=0.003,
    max_position=0.3,
    weight_scale=0.01,
    bias_scale=1e-4,
    hidden_layers=(32, 30),
)


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """The whole space, or one with other bounds for some genes, fewer choices, fewer layers."""
    bounds, choices = {}, {}
    for gene in NUMERIC_GENES:
        if draw(st.booleans()):
            ends = [
                draw(
                    st.integers(int(gene.low), int(gene.high))
                    if gene.integer
                    else st.floats(gene.low, gene.high)
                )
            ] * 2
            if draw(st.booleans()):
                ends[1] = gene.high
            bounds[gene.name] = tuple(ends)

    for name, known in CATEGORICAL_GENES.items():
        if draw(st.booleans()):
            choices[name] = tuple(draw(st.lists(st.sampled_from(known), min_size=1, unique=True)))

    limits = {"max_depth": draw(st.integers(1, 3)), "max_width": draw(st.integers(1, 1024))}
    if "num_informants" in bounds and "swarm_size" in bounds:
        del bounds["num_informants"]  # the two may exclude each other; there is a test for it below
    return SearchSettings(bounds=bounds, choices=choices, **limits).space


def assert_within(space: SearchSpace, genome: Genome) -> None:
    for gene in space.numeric:
        value = getattr(genome, gene.name)
        low = min(gene.low, genome.swarm_size - 1) if gene.name == "num_informants" else gene.low
        assert low <= value <= gene.high, gene.name
        assert isinstance(value, int if gene.integer else float)

    for name, choices in space.categorical:
        assert getattr(genome, name) in choices
    assert 1 <= len(genome.hidden_layers) <= space.max_depth
    assert all(1 <= width <= space.max_width for width in genome.hidden_layers)
    assert 1 <= genome.num_informants < genome.swarm_size


def rates(**values: object) -> SearchSettings:
    return SearchSettings(**{"population": 12, "elitism": 0, **values})


@settings(deadline=None, max_examples=60)
@given(spaces(), KEYS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 3))
def test_all_generations_stay_in_the_space(space, key, mutation, mixing, elitism) -> None:
    population = tuple(initial_genome(space, key, n) for n in range(6))
    settings = rates(population=6, mutation=mutation, crossover=mixing, elitism=elitism)
    for generation in range(1, 5):
        for genome in population:
            assert_within(space, genome)
        fitness = [float(genome.swarm_size) for genome in population]
        population = next_generation(space, settings, key, generation, population, fitness)
        assert len(population) == 6


@settings(deadline=None, max_examples=40)
@given(spaces(), KEYS)
def test_first_generation_lies_in_its_initial_ranges(space, key) -> None:
    for n in range(4):
        genome = initial_genome(space, key, n)
        assert genome.hidden_layers == space.start_layers
        for gene in space.numeric:
            if genome.update_rule == "competitive" and gene.name in (
                *COEFFICIENTS["competitive"],
                *INFORMED_ONLY,
            ):
                continue  # the published ones, or the bound that is nearest; and the usual ones
            low = (
                min(gene.start_low, genome.swarm_size - 1)
                if gene.name == "num_informants"
                else gene.start_low
            )
            assert low <= getattr(genome, gene.name) <= gene.start_high


def test_first_generation_is_uniform_in_its_initial_ranges() -> None:
    space = SearchSpace()
    many = [initial_genome(space, (1, 2), n) for n in range(1000)]
    for gene in space.numeric:
        values = np.array([getattr(g, gene.name) for g in many], dtype=float)
        if not gene.integer:
            width = gene.start_high - gene.start_low
            assert stats.kstest(values, "uniform", (gene.start_low, width)).pvalue > 1e-4, gene.name
        assert values.min() < gene.start_low + 0.1 * (gene.start_high - gene.start_low)
        assert values.max() > gene.start_high - 0.1 * (gene.start_high - gene.start_low)

    for name, choices in space.categorical:
        counts = [sum(getattr(g, name) == c for g in many) for c in choices]
        assert stats.chisquare(counts).pvalue > 1e-4, name


def test_the_same_key_gives_the_same_children_and_another_others() -> None:
    space = SearchSpace()
    parents = [initial_genome(space, (1, 2), n) for n in range(12)]
    fitness = [float(n) for n in range(12)]
    children = next_generation(space, rates(), (1, 2), 1, parents, fitness)

    assert next_generation(space, rates(), (1, 2), 1, list(parents), list(fitness)) == children
    assert next_generation(space, rates(), (1, 3), 1, parents, fitness) != children
    assert next_generation(space, rates(), (1, 2), 2, parents, fitness) != children
    assert fitness == [float(n) for n in range(12)]

    larger = next_generation(space, rates(population=20), (1, 2), 1, parents, fitness)
    assert larger[:12] == children


def test_elites_come_first_and_unchanged() -> None:
    space = SearchSpace()
    parents = [initial_genome(space, (3, 4), n) for n in range(6)]
    fitness = [1.0, 9.0, -math.inf, 9.0, 10.0, -5.0]
    for elitism, order in ((0, []), (1, [4]), (2, [4, 1]), (3, [4, 1, 3]), (5, [4, 1, 3, 0, 5])):
        settings = rates(population=6, elitism=elitism, mutation=1.0)
        children = next_generation(space, settings, (3, 4), 1, parents, fitness)
        assert list(children[:elitism]) == [parents[i] for i in order]
        assert not set(children[elitism:]) & set(parents)


def test_failed_individuals_become_elite_only_after_all_others() -> None:
    space = SearchSpace()
    parents = [initial_genome(space, (3, 4), n) for n in range(4)]
    children = next_generation(
        space,
        rates(population=4, elitism=3, mutation=1.0),
        (3, 4),
        1,
        parents,
        [-math.inf, -math.inf, -1e9, -math.inf],
    )

    assert children[:3] == (parents[2], parents[0], parents[1])


def test_without_mutation_and_crossover_children_are_copies() -> None:
    space = SearchSpace()
    parents = [initial_genome(space, (5, 6), n) for n in range(8)]
    children = next_generation(space, rates(mutation=0, crossover=0), (5, 6), 1, parents, [1.0] * 8)
    assert set(children) <= set(parents)
    for genome in (MIDDLE, Genome(), *parents):
        assert mutate(space, genome, 0.0, (5, 6), 1, 1) == genome


def test_a_whole_population_of_failures_still_has_children() -> None:
    space = SearchSpace()
    parents = [initial_genome(space, (5, 6), n) for n in range(4)]
    assert len(next_generation(space, rates(), (5, 6), 1, parents, [-math.inf] * 4)) == 12


def test_tournaments_prefer_the_fitter() -> None:
    """Of n, rank r (0 best) wins a tournament of t with ((n-r)/n)^t - ((n-r-1)/n)^t."""
    space, n, children = SearchSpace(), 8, 800
    parents = [initial_genome(space, (7, 8), i) for i in range(n)]
    fitness = [3.0, -math.inf, 8.0, 1.0, 7.0, 2.0, 5.0, 4.0]
    ranks = sorted(range(n), key=lambda i: -fitness[i])

    for t in (1, 3):
        settings = rates(population=children, mutation=0, crossover=0, tournament=t)
        found = next_generation(space, settings, (7, 8), 1, parents, fitness)
        counts = [found.count(parents[i]) for i in ranks]
        expected = [children * (((n - r) / n) ** t - ((n - r - 1) / n) ** t) for r in range(n)]
        assert stats.chisquare(counts, expected).pvalue > 1e-3

    assert counts == sorted(counts, reverse=True)


@settings(deadline=None, max_examples=60)
@given(KEYS, st.data())
def test_crossover_takes_every_gene_from_a_parent(key, data) -> None:
    space = SearchSpace()
    a, b = (initial_genome(space, key, n) for n in range(2))
    layers = st.lists(st.integers(1, 1024), min_size=1, max_size=3)
    a, b = (Genome.from_dict(g.to_dict() | {"hidden_layers": data.draw(layers)}) for g in (a, b))
    u = np.array(data.draw(st.lists(st.floats(0, 0.999), min_size=15, max_size=15)))
    child = crossover(space, a, b, u)

    for field in fields(Genome):
        if field.name not in ("hidden_layers", "num_informants"):
            assert getattr(child, field.name) in (getattr(a, field.name), getattr(b, field.name))

    assert child.num_informants in (a.num_informants, b.num_informants, child.swarm_size - 1)

    deepest = max(len(a.hidden_layers), len(b.hidden_layers))
    assert len(child.hidden_layers) <= deepest

    shortest = min(len(a.hidden_layers), len(b.hidden_layers))
    cuts = [a.hidden_layers[:cut] + b.hidden_layers[cut:] for cut in range(shortest + 1)]
    assert child.hidden_layers in cuts


def test_crossover_is_even_and_its_cut_uniform() -> None:
    space = SearchSpace()
    a, b = initial_genome(space, (1, 1), 0), initial_genome(space, (1, 1), 3)
    a, b = (
        Genome.from_dict(g.to_dict() | {"hidden_layers": w}) for g, w in ((a, (1, 2)), (b, (3, 4)))
    )
    random = np.random.default_rng(0)
    children = [crossover(space, a, b, random.random(15)) for _ in range(1000)]

    for field in fields(Genome):
        values = [getattr(g, field.name) for g in (a, b)]
        if field.name != "hidden_layers" and values[0] != values[1]:
            share = sum(getattr(c, field.name) == values[0] for c in children)
            assert stats.binomtest(share, 1000).pvalue > 1e-4, field.name

    cuts = [sum(c.hidden_layers == w for c in children) for w in ((3, 4), (1, 4), (1, 2))]
    assert sum(cuts) == 1000
    assert stats.chisquare(cuts).pvalue > 1e-4


def test_crossover_happens_at_its_rate() -> None:
    space = SearchSpace()
    parents = [initial_genome(space, (9, 9), n) for n in range(8)]
    for rate in (0.0, 0.3, 1.0):
        children = next_generation(
            space,
            rates(population=400, mutation=0, crossover=rate),
            (9, 9),
            1,
            parents,
            [float(n) for n in range(8)],
        )
        mixed = sum(child not in parents for child in children)
        # Two different parents mix visibly. Two tournaments of three of eight pick the same parent
        # with probability 0.23.
        twins = sum((((8 - r) / 8) ** 3 - ((7 - r) / 8) ** 3) ** 2 for r in range(8))
        assert stats.binomtest(mixed, 400, rate * (1 - twins)).pvalue > 1e-4


def test_rate_one_moves_every_gene() -> None:
    space, moved = SearchSpace(), {f.name: 0 for f in fields(Genome)}
    for n in range(300):
        child = mutate(space, MIDDLE, 1.0, (2, 3), 1, n)
        for gene in space.numeric:
            changed = getattr(child, gene.name) != getattr(MIDDLE, gene.name)
            assert changed or gene.integer, (
                gene.name
            )  # a small step of a whole number may round to nothing
        for name in moved:
            moved[name] += getattr(child, name) != getattr(MIDDLE, name)

    assert moved["hidden_layers"] == 300  # the depth changes by one
    assert moved["swarm_size"] > 285
    assert moved["num_informants"] > 270

    for name, choices in space.categorical:
        assert moved[name] / 300 == pytest.approx(1 - 1 / len(choices), abs=0.1)


def test_genes_move_at_the_rate_that_is_asked_for() -> None:
    space, n = SearchSpace(), 1000
    children = [mutate(space, MIDDLE, 0.2, (4, 5), 1, i) for i in range(n)]
    for gene in space.numeric:
        if not gene.integer:
            moved = sum(getattr(c, gene.name) != getattr(MIDDLE, gene.name) for c in children)
            assert stats.binomtest(moved, n, 0.2).pvalue > 1e-4, gene.name

    for name, choices in space.categorical:
        moved = sum(getattr(c, name) != getattr(MIDDLE, name) for c in children)
        assert stats.binomtest(moved, n, 0.2 * (1 - 1 / len(choices))).pvalue > 1e-4, name

    for depth, share in ((1, 0.1), (2, 0.8), (3, 0.1)):
        found = sum(len(c.hidden_layers) == depth for c in children)
        assert stats.binomtest(found, n, share).pvalue > 1e-4


def test_steps_are_a_tenth_of_the_range_on_the_gene_s_own_scale() -> None:
    space, n = SearchSpace(), 1000
    children = [mutate(space, MIDDLE, 1.0, (6, 7), 1, i) for i in range(n)]
    for gene in space.numeric:
        start = getattr(MIDDLE, gene.name)
        values = np.array([getattr(c, gene.name) for c in children])
        if gene.integer:
            continue
        if gene.log:
            steps = np.log(values / start) / math.log(gene.high / gene.low)
        else:
            steps = (values - start) / (gene.high - gene.low)
        inside = np.abs(steps) < 0.4
        assert inside.mean() > 0.99
        assert stats.kstest(steps, "norm", (0, STEP)).pvalue > 1e-4, gene.name

    sizes = np.array([c.swarm_size for c in children]) - 100
    assert sizes.std() == pytest.approx(STEP * 196, rel=0.1)

    widths = np.array(
        [math.log(c.hidden_layers[0] / 32) for c in children if len(c.hidden_layers) == 1]
    )
    assert widths.std() == pytest.approx(STEP * math.log(1024), rel=0.15)

    steps = np.array([c.num_informants for c in children])
    assert 0.07 < (steps - 50).std() / 98 < 0.13


WHOLE = SearchSpace().with_genes(NEUTRAL)


def coefficients(genome: Genome) -> dict[str, float]:
    return {
        name: getattr(genome, name) for name in ("inertia_weight", "social_weight", "jump_size")
    }


def test_a_rule_that_is_new_to_a_genome_brings_its_published_coefficients() -> None:
    first = [initial_genome(WHOLE, (5, 6), n) for n in range(60)]
    competitive = [g for g in first if g.update_rule == "competitive"]
    assert 15 < len(competitive) < 45
    assert all(set(coefficients(g).values()) == {1.0} for g in competitive)
    assert len({g.inertia_weight for g in first}) == 60 - len(competitive) + 1

    changed = 0
    for n, genome in enumerate(first):
        child = mutate(WHOLE, genome, 0.5, (5, 6), 1, n)
        if child.update_rule != genome.update_rule:
            changed += 1
            clerc = {"inertia_weight": 0.7298, "social_weight": 1.49618, "jump_size": 1.0}
            assert coefficients(child) == (
                clerc if child.update_rule == "informed" else dict.fromkeys(clerc, 1.0)
            )

    assert changed > 5


def test_what_its_rule_does_not_read_makes_no_other_genome() -> None:
    """Else a search would train the same swarm again, and compare it with itself."""
    competitive = [
        g
        for g in (initial_genome(WHOLE, (5, 6), n) for n in range(60))
        if g.update_rule == "competitive"
    ]
    usual = {name: getattr(Genome(), name) for name in INFORMED_ONLY}
    for n, genome in enumerate(competitive):
        for each in (genome, mutate(WHOLE, genome, 0.3, (5, 6), 1, n)):
            if each.update_rule == "competitive":
                assert {name: getattr(each, name) for name in INFORMED_ONLY} == usual

    narrow = WHOLE.narrowed(
        {"global_best_weight": (1, 2)}, {"informant_strategy": ("ring", "nearest")}
    )
    genome = next(
        g
        for g in (initial_genome(narrow, (5, 6), n) for n in range(60))
        if g.update_rule == "competitive"
    )
    assert (genome.global_best_weight, genome.informant_strategy) == (1.0, "ring"), (
        "as near as the space allows"
    )


def test_parents_of_two_rules_give_one_s_coefficients_with_its_rule() -> None:
    a = Genome(inertia_weight=0.6, social_weight=1.9, jump_size=0.3)
    b = Genome(
        inertia_weight=1.1,
        social_weight=0.8,
        jump_size=0.9,
        update_rule="competitive",
        weight_decay=1e-5,
    )
    random, rules = np.random.default_rng(0), set()

    for first, second in ((a, b), (b, a)):
        for _ in range(40):
            child = crossover(WHOLE, first, second, random.random(25))
            assert coefficients(child) == coefficients(a if child.update_rule == "informed" else b)
            rules.add((child.update_rule, child.weight_decay))

    assert len(rules) == 4, "the other genes come from either parent"

    bounded = WHOLE.narrowed({"inertia_weight": (0, 0.5)}, {"update_rule": ("competitive",)})
    assert initial_genome(bounded, (1, 2), 0).inertia_weight == 0.5


def test_a_space_without_later_genes_draws_what_it_always_drew() -> None:
    """Asking for a gene changes what a search draws; not asking must not."""
    assert (
        SearchSettings(extra_genes=()).space
        == SearchSettings(preset="modern", extra_genes=[]).space
    )
    space = SearchSettings(extra_genes=()).space
    for n in range(5):
        genome = mutate(space, initial_genome(space, (1, 2), n), 1.0, (1, 2), 1, n)
        assert {name: getattr(genome, name) for name in NEUTRAL} == NEUTRAL


def test_a_deeper_child_repeats_a_layer_and_a_shallower_one_loses_one() -> None:
    space, shapes = SearchSpace(), set()
    for n in range(400):
        child = mutate(space, MIDDLE, 0.3, (8, 9), 1, n)
        if len(child.hidden_layers) != 2 and set(child.hidden_layers) <= {32, 30}:
            shapes.add(child.hidden_layers)
    assert shapes == {(32,), (30,), (32, 32, 30), (32, 30, 30)}


@pytest.mark.parametrize(("depth", "reached"), [(1, {1}), (2, {1, 2}), (3, {2, 3})])
def test_depth_stays_within_its_limits(depth, reached) -> None:
    space, genome = SearchSettings(max_depth=depth).space, Genome(hidden_layers=(16,) * depth)
    assert {
        len(mutate(space, genome, 1.0, (1, 9), 1, n).hidden_layers) for n in range(60)
    } == reached


def test_a_small_swarm_has_fewer_informants_than_asked_for() -> None:
    space = SearchSettings(bounds={"swarm_size": (4, 8), "num_informants": (20, 30)}).space
    for n in range(20):
        genome = initial_genome(space, (1, 2), n)
        assert genome.num_informants == genome.swarm_size - 1
        assert mutate(space, genome, 1.0, (1, 2), 1, n).num_informants < 8
