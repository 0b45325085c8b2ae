"""Genomes: what is refused and how, names, copies, the stability margin, and narrowed spaces."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shoal.errors import GenomeError
from shoal.genome.genes import CATEGORICAL_GENES, NEUTRAL, NUMERIC_GENES
from shoal.genome.genome import Genome
from shoal.genome.presets import NAMED_GENOMES, named_genome
from shoal.genome.search_space import SearchSpace
from support import golden

BY_NAME = {gene.name: gene for gene in NUMERIC_GENES}


@st.composite
def genomes(draw: st.DrawFn) -> Genome:
    """Any genome within the bounds of a search."""
    values = {
        g.name: draw(
            st.integers(int(g.low), int(g.high)) if g.integer else st.floats(g.low, g.high)
        )
        for g in NUMERIC_GENES
    }
    values["num_informants"] = min(values["num_informants"], values["swarm_size"] - 1)
    values |= {name: draw(st.sampled_from(choices)) for name, choices in CATEGORICAL_GENES.items()}
    return Genome(
        **values, hidden_layers=tuple(draw(st.lists(st.integers(1, 1024), min_size=1, max_size=3)))
    )


def test_defaults_and_starting_ranges_lie_within_the_bounds() -> None:
    for gene in NUMERIC_GENES:
        assert gene.low <= gene.start_low <= gene.start_high <= gene.high
        default = getattr(Genome(), gene.name)
        assert gene.low <= default <= gene.high or default == NEUTRAL[gene.name]
        assert not gene.log or gene.low > 0
    assert {f.name for f in fields(Genome)} == {*BY_NAME, *CATEGORICAL_GENES, "hidden_layers"}
    assert Genome().stability_margin > 0


def test_bounds_are_those_of_the_design() -> None:
    expected = {
        "swarm_size": (4, 200, 10, 50),
        "num_informants": (1, 199, 1, 5),
        "inertia_weight": (0, 2, 0.4, 0.9),
        "cognitive_weight": (0, 4, 1, 3),
        "social_weight": (0, 4, 0.5, 2),
        "global_best_weight": (0, 4, 0.1, 1),
        "jump_size": (1e-4, 2, 0.01, 1),
        "max_velocity": (1e-6, 10, 0.001, 1),
        "max_position": (1e-3, 100, 0.1, 10),
        "weight_scale": (1e-4, 1, 1e-4, 0.1),
        "bias_scale": (1e-8, 1, 1e-4, 0.1),
    }
    first = [g for g in NUMERIC_GENES if g.name not in NEUTRAL]
    assert {g.name: (g.low, g.high, g.start_low, g.start_high) for g in first} == expected

    space = SearchSpace()
    assert (space.max_depth, space.max_width, space.start_layers) == (3, 1024, (32, 16))


# Gene, value, and what the message has to name besides both.
WRONG = [
    ("swarm_size", 1, "at least 2"),
    ("swarm_size", 20.5, "between 4 and 200"),
    ("swarm_size", "20", "between 4 and 200"),
    ("swarm_size", True, "between 4 and 200"),
    ("num_informants", 0, "1 to 47"),
    ("num_informants", 48, "1 to 47"),
    ("inertia_weight", math.nan, "finite"),
    ("inertia_weight", -0.1, "0 or more"),
    ("cognitive_weight", math.inf, "finite"),
    ("cognitive_weight", -1.0, "0 or more"),
    ("social_weight", -1.0, "0 or more"),
    ("social_weight", None, "between 0 and 4"),
    ("global_best_weight", -1.0, "0 or more"),
    ("jump_size", 0.0, "more than 0"),
    ("max_velocity", 0.0, "more than 0"),
    ("max_position", -1.0, "more than 0"),
    ("weight_scale", -0.1, "0 or more"),
    ("hidden_layers", (8, 0), "1 or more"),
    ("hidden_layers", (8, 2.5), "whole"),
    ("hidden_layers", (True,), "whole"),
    ("activation", "swish", ", ".join(CATEGORICAL_GENES["activation"])),
    ("informant_strategy", "star", ", ".join(CATEGORICAL_GENES["informant_strategy"])),
    ("attractor", "mean", ", ".join(CATEGORICAL_GENES["attractor"])),
    ("weight_decay", -1e-9, "0 or more"),
    ("inertia_end", -0.5, "0 or more"),
    ("velocity_end", math.nan, "between 0 and 1"),
    ("update_rule", "cooperative", ", ".join(CATEGORICAL_GENES["update_rule"])),
    ("initialisation", "xavier", ", ".join(CATEGORICAL_GENES["initialisation"])),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_errors_name_value_and_expectation(name, value, expected) -> None:
    with pytest.raises(GenomeError) as caught:
        Genome(**{name: value})
    for part in (name, repr(value), expected):
        assert part in str(caught.value)
    with pytest.raises(GenomeError):
        Genome.from_dict({name: value})


@pytest.mark.parametrize(
    "value", [("wide",), 5, None, (math.nan,), (math.inf,), (None,), (8.5,), (0,), "8"]
)
def test_layers_that_are_no_numbers_are_refused_politely(value) -> None:
    with pytest.raises(GenomeError, match="hidden_layers"):
        Genome(hidden_layers=value)


@pytest.mark.parametrize(
    ("name", "value"), [("swarm_size", 10**400), ("max_velocity", 1e300), ("jump_size", math.nan)]
)
def test_numbers_that_a_swarm_cannot_hold_are_refused(name: str, value: float) -> None:
    with pytest.raises(GenomeError, match=name):
        Genome(**{name: value})


def test_bounds_of_whole_number_genes_are_whole() -> None:
    with pytest.raises(GenomeError, match="swarm_size"):
        SearchSpace().narrowed({"swarm_size": (4.5, 9.0)}, {})


def test_numpy_numbers_are_numbers() -> None:
    assert Genome(swarm_size=np.int64(30), inertia_weight=np.float32(0.5)).swarm_size == 30


def test_the_constructor_takes_what_makes_a_swarm_beyond_a_search_s_bounds() -> None:
    genome = Genome(
        swarm_size=500,
        num_informants=499,
        inertia_weight=3,
        max_position=1e4,
        hidden_layers=(2000, 1, 1, 1),
    )
    assert (genome.swarm_size, genome.inertia_weight, genome.hidden_layers) == (
        500,
        3.0,
        (2000, 1, 1, 1),
    )
    assert (
        Genome(
            swarm_size=2, num_informants=1, hidden_layers=(), weight_scale=0, bias_scale=0
        ).hidden_layers
        == ()
    )


def test_numbers_take_the_gene_s_type() -> None:
    genome = Genome(swarm_size=30.0, inertia_weight=1, hidden_layers=[8, 4.0])
    assert [type(v) for v in (genome.swarm_size, genome.inertia_weight, *genome.hidden_layers)] == [
        int,
        float,
        int,
        int,
    ]
    assert genome == Genome(swarm_size=30, inertia_weight=1.0, hidden_layers=(8, 4))
    assert genome.hash == Genome(swarm_size=30, inertia_weight=1.0, hidden_layers=(8, 4)).hash


@settings(deadline=None, max_examples=60)
@given(genomes())
def test_copies_are_exact(genome) -> None:
    copy = Genome.from_dict(json.loads(json.dumps(genome.to_dict())))
    assert copy == genome
    assert copy.hash == genome.hash
    assert genome.to_dict() == asdict(genome) | {"hidden_layers": list(genome.hidden_layers)}


def test_missing_genes_take_defaults_and_unknown_ones_are_refused() -> None:
    assert Genome.from_dict({"swarm_size": 20}) == Genome(swarm_size=20)
    with pytest.raises(GenomeError, match=r"swarmsize.*swarm_size"):
        Genome.from_dict({"swarmsize": 20})


def test_golden() -> None:
    golden.check("genome")


CHANGES = {g.name: getattr(Genome(), g.name) + (1 if g.integer else 0.0) for g in NUMERIC_GENES}
CHANGES |= {g.name: math.nextafter(CHANGES[g.name], 1e9) for g in NUMERIC_GENES if not g.integer}
CHANGES |= {
    "hidden_layers": (16, 32),
    "activation": "gelu",
    "informant_strategy": "ring",
    "attractor": "position",
}
CHANGES |= {"update_rule": "competitive", "initialisation": "fan_in", "readout": "solved"}


def test_hash_tells_any_two_genomes_apart() -> None:
    """To the last bit of every field, and the order of the layers."""
    assert set(CHANGES) == {f.name for f in fields(Genome)}

    names = [replace(Genome(), **{name: value}).hash for name, value in CHANGES.items()]
    names += [
        Genome().hash,
        Genome(hidden_layers=(32,)).hash,
        Genome(hidden_layers=(3, 2, 16)).hash,
    ]
    names += [
        Genome(cognitive_weight=1.0, social_weight=2.0).hash,
        Genome(cognitive_weight=2.0, social_weight=1.0).hash,
    ]

    assert len(set(names)) == len(names)
    assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in names)
    assert Genome().hash == Genome.from_dict({}).hash


def test_genes_that_came_later_leave_old_names_as_they_are() -> None:
    """A recorded evaluation's key holds the name: this one was computed before there were such
    genes.
    """
    old = {name: value for name, value in Genome().to_dict().items() if name not in NEUTRAL}
    exact = {k: v.hex() if isinstance(v, float) else v for k, v in old.items()}
    assert (
        Genome().hash == hashlib.sha256(json.dumps(exact, sort_keys=True).encode()).hexdigest()[:16]
    )
    assert Genome.from_dict(old) == Genome()

    for name, value in NEUTRAL.items():
        assert getattr(Genome(), name) == value
        assert replace(Genome(), **{name: CHANGES[name]}).hash != Genome().hash


def test_named_genomes_are_those_of_their_papers() -> None:
    assert NAMED_GENOMES[:4] == ("constriction", "spso2007", "local", "competitive")

    constriction, spso, _, competitive = map(named_genome, NAMED_GENOMES[:4])
    phi = 4.1  # Clerc and Kennedy's chi, for kappa 1
    chi = 2 / (phi - 2 + math.sqrt(phi * phi - 4 * phi))

    assert constriction.inertia_weight == pytest.approx(chi, abs=1e-4)
    assert (
        constriction.cognitive_weight
        == constriction.social_weight
        == pytest.approx(chi * phi / 2, abs=1e-4)
    )
    assert (spso.inertia_weight, spso.social_weight) == pytest.approx((0.721, 1.193), abs=1e-3)
    assert (spso.cognitive_weight, spso.num_informants, spso.informant_strategy) == (
        spso.social_weight,
        3,
        "rewired",
    )
    assert (competitive.update_rule, competitive.inertia_weight, competitive.social_weight) == (
        "competitive",
        1,
        1,
    )

    for genome in (constriction, spso, competitive):
        assert genome.stability_margin > 0
        assert (genome.jump_size, genome.global_best_weight) == (1, 0)

    assert named_genome("competitive", hidden_layers=(8,), swarm_size=20).swarm_size == 20


def test_named_genomes_of_policies_begin_with_large_weights() -> None:
    policies = [named_genome(name) for name in NAMED_GENOMES if name.startswith("policy")]
    assert len(policies) == 4
    for genome in policies:
        assert genome.weight_scale >= 0.5
        assert genome.stability_margin > 0


def test_unknown_named_genomes_and_genes_are_refused() -> None:
    with pytest.raises(GenomeError, match=r"'pso'.*constriction, spso2007, local, competitive"):
        named_genome("pso")
    with pytest.raises(GenomeError, match=r"swarmsize.*swarm_size"):
        named_genome("competitive", swarmsize=20)


# --- stability ------------------------------------------------------------------------------------

COEFFICIENTS = st.floats(0, 4)


@settings(deadline=None, max_examples=200)
@given(st.floats(0, 1.99), st.floats(0.01, 4))
def test_margin_has_the_sign_of_poli_s_condition_for_two_equal_attractors(w, c) -> None:
    """Poli, "Mean and Variance of the Sampling Distribution of Particle Swarm Optimizers During
    Stagnation", 2009.
    """
    limit = 24 * (1 - w * w) / (7 - 5 * w) if w < 1 else 0.0
    assume(abs(2 * c - limit) > 1e-6)
    genome = Genome(
        inertia_weight=w, cognitive_weight=c, social_weight=c, global_best_weight=0, jump_size=1
    )
    assert (genome.stability_margin > 0) == (2 * c < limit)


@settings(deadline=None, max_examples=200)
@given(st.floats(0, 1.99), COEFFICIENTS, COEFFICIENTS, COEFFICIENTS, st.floats(0.01, 2))
def test_margin_has_the_sign_of_the_moments_own_recursion(w, c1, c2, c3, jump) -> None:
    """Independent of the formula: the second moments of a swarm around one point go to zero, or do
    not.

    With u = jump v and a = jump (c1 r1 + c2 r2 + c3 r3): u' = w u - a x, x' = x + u'; the vector (E
    xx, E xu, E uu) is multiplied by a matrix in each step, and shrinks when its spectral radius is
    below 1.
    """
    parts = [jump * c for c in (c1, c2, c3)]
    mean, square = sum(parts) / 2, (sum(parts) / 2) ** 2 + sum(p * p for p in parts) / 12
    matrix = np.array(
        [
            [1 - 2 * mean + square, 2 * w * (1 - mean), w * w],
            [square - mean, w * (1 - 2 * mean), w * w],
            [square, -2 * w * mean, w * w],
        ]
    )
    radius = np.abs(np.linalg.eigvals(matrix)).max()
    genome = Genome(
        inertia_weight=w,
        cognitive_weight=c1,
        social_weight=c2,
        global_best_weight=c3,
        jump_size=jump,
    )
    assume(abs(genome.stability_margin) > 1e-4)

    assert (genome.stability_margin > 0) == (radius < 1)


@settings(deadline=None, max_examples=200)
@given(st.floats(0, 1.99), COEFFICIENTS, st.floats(0.01, 2))
def test_margin_of_a_loser_has_the_sign_of_its_moments_recursion(w, c, jump) -> None:
    """By u' = a u - b x and x' = x + u', with a and b uniform below w and jump c; the winner stands
    at 0.
    """
    m, m2, b, b2 = w / 2, w * w / 3, jump * c / 2, (jump * c) ** 2 / 3
    matrix = np.array(
        [
            [1 - 2 * b + b2, 2 * m * (1 - b), m2],
            [b2 - b, m * (1 - 2 * b), m2],
            [b2, -2 * m * b, m2],
        ]
    )
    radius = np.abs(np.linalg.eigvals(matrix)).max()
    genome = Genome(update_rule="competitive", inertia_weight=w, social_weight=c, jump_size=jump)
    assume(abs(genome.stability_margin) > 1e-4)

    assert (genome.stability_margin > 0) == (radius < 1)
    assert (
        genome.stability_margin
        == replace(genome, cognitive_weight=4, global_best_weight=4).stability_margin
    )


@pytest.mark.parametrize("genes", [{"inertia_weight": 1.0}, {"inertia_weight": 1.3}])
def test_heavy_swarms_are_unstable(genes) -> None:
    assert Genome(**genes).stability_margin <= 0


def test_a_swarm_that_nothing_attracts_is_not_stable() -> None:
    free = Genome(cognitive_weight=0, social_weight=0, global_best_weight=0)
    assert free.stability_margin <= 0
    assert replace(free, global_best_weight=0.5).stability_margin > 0


# --- spaces ---------------------------------------------------------------------------------------


def test_narrowed_space() -> None:
    space = SearchSpace().narrowed(
        {"swarm_size": (20, 30), "inertia_weight": (1, 2), "jump_size": (0.5, 0.5)},
        {"activation": ("tanh", "relu")},
    )
    genes = {g.name: g for g in space.numeric}
    assert [g.name for g in space.numeric] == [name for name in BY_NAME if name not in NEUTRAL]

    for name, expected in {
        "swarm_size": (20, 30, 20, 30),
        "inertia_weight": (1, 2, 1, 1),  # the initial range 0.4..0.9 is cut to what is left of it
        "jump_size": (0.5, 0.5, 0.5, 0.5),
        "max_velocity": (1e-6, 10, 0.001, 1),
    }.items():
        gene = genes[name]
        assert (gene.low, gene.high, gene.start_low, gene.start_high) == expected
        assert (gene.integer, gene.log) == (BY_NAME[name].integer, BY_NAME[name].log)

    first = {name: choices for name, choices in CATEGORICAL_GENES.items() if name not in NEUTRAL}
    assert dict(space.categorical) == first | {"activation": ("tanh", "relu")}
    assert SearchSpace() == SearchSpace().narrowed({}, {})


def test_later_genes_join_a_space_where_they_are_asked_for() -> None:
    space = SearchSpace().with_genes(["update_rule", "weight_decay", "swarm_size"])
    assert [g.name for g in space.numeric[-2:]] == ["bias_scale", "weight_decay"]
    assert [name for name, _ in space.categorical] == [
        "informant_strategy",
        "attractor",
        "activation",
        "update_rule",
    ]
    assert SearchSpace().with_genes([]) == SearchSpace()

    whole = SearchSpace().with_genes(NEUTRAL)
    assert {g.name for g in whole.numeric} | {name for name, _ in whole.categorical} == {
        *BY_NAME,
        *CATEGORICAL_GENES,
    }


@pytest.mark.parametrize(
    ("bounds", "choices", "named"),
    [
        ({"swarmsize": (4, 5)}, {}, ["swarmsize", "swarm_size"]),
        ({"swarm_size": (3, 50)}, {}, ["swarm_size", "3..50", "4..200"]),
        ({"swarm_size": (50, 20)}, {}, ["swarm_size", "50..20", "low <= high"]),
        ({"inertia_weight": (0, 2.1)}, {}, ["inertia_weight", "0..2.1", "0..2"]),
        ({"inertia_weight": (math.nan, 1)}, {}, ["inertia_weight", "nan"]),
        ({}, {"activation": ("swish",)}, ["activation", "swish", "relu"]),
        ({}, {"activation": ()}, ["activation", "relu"]),
        ({}, {"hidden_layers": ("relu",)}, ["hidden_layers", "activation"]),
    ],
)
def test_narrowing_errors(bounds, choices, named) -> None:
    with pytest.raises(GenomeError) as caught:
        SearchSpace().narrowed(bounds, choices)
    for part in named:
        assert part in str(caught.value)
