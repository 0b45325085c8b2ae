"""Generations of genomes: initial population, selection, crossover, mutation. Pure functions of a key and a counter.

Tournament selection, uniform crossover of the numbers and choices, one-point crossover of the layers, Gaussian mutation,
elitism (Eiben and Smith, "Introduction to Evolutionary Computing", 2015, chapters 4 and 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.genome.genes import Gene
from shoal.genome.genome import Genome
from shoal.genome.presets import named_genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import Key, Purpose, draws, normal_draws
from shoal.numerics.portable_math import exp, log
from shoal.update_rules import UPDATE_RULES, unread_genes

STEP = 0.1  # of a gene's range
Floats = NDArray[np.float64]


class Rates(Protocol):
    """What `next_generation` reads of the settings."""

    @property
    def population(self) -> int: ...  # noqa: D102
    @property
    def mutation(self) -> float: ...  # noqa: D102
    @property
    def crossover(self) -> float: ...  # noqa: D102
    @property
    def elitism(self) -> int: ...  # noqa: D102
    @property
    def tournament(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Change:
    """A gene that a mutation changed."""

    gene: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Offspring:
    """Where an individual of a generation comes from.

    ``origin``: "uniform" (drawn in the initial ranges), "named" (begun from the swarm of the
    literature ``named``), "elite" (``parent_a``, unchanged), or "bred" from ``parent_a``, and
    from ``parent_b`` where it has two different parents. ``after_crossover`` is what crossover
    made of them, before mutation.
    """

    child: Genome
    origin: Literal["uniform", "named", "elite", "bred"]
    named: str | None = None
    parent_a: Genome | None = None
    parent_b: Genome | None = None
    after_crossover: Genome | None = None

    @property
    def parents(self) -> tuple[Genome, ...]:
        """None, one or two."""
        return tuple(parent for parent in (self.parent_a, self.parent_b) if parent is not None)

    @property
    def from_second(self) -> tuple[str, ...]:
        """The genes in which crossover departed from the first parent; of layers, the last ones."""
        return (
            ()
            if self.parent_a is None or self.after_crossover is None
            else _unlike(self.parent_a, self.after_crossover)
        )

    @property
    def mutations(self) -> tuple[Change, ...]:
        """The genes that mutation changed, with those that had to follow (informants stay fewer than particles)."""
        before, after = self.after_crossover, self.child
        if before is None:
            return ()
        return tuple(
            Change(name, getattr(before, name), getattr(after, name))
            for name in _unlike(before, after)
        )


def _unlike(a: Genome, b: Genome) -> tuple[str, ...]:
    return tuple(
        name for name in Genome.__dataclass_fields__ if getattr(a, name) != getattr(b, name)
    )


def initial_genome(space: SearchSpace, key: Key, individual: int) -> Genome:
    """A genome of the first generation: numbers uniform in their initial ranges, choices uniform, the starting layers.

    A competitive swarm has its rule's published coefficients: the initial ranges are those of informed swarms.
    """
    u = draws(
        key, Purpose.INITIAL_GENOME, 0, individual, len(space.numeric) + len(space.categorical)
    )
    genes: dict[str, Any] = {}
    for value, gene in zip(u, space.numeric, strict=False):
        genes[gene.name] = gene.start_low + float(value) * (gene.start_high - gene.start_low)
    for value, (name, choices) in zip(u[len(space.numeric) :], space.categorical, strict=True):
        genes[name] = choices[int(value * len(choices))]
    rule = UPDATE_RULES[genes.get("update_rule", Genome().update_rule)]
    if not rule.fits_initial_ranges:
        genes |= rule.coefficients
    return repaired(space, genes | {"hidden_layers": space.start_layers})


def started_from(space: SearchSpace, name: str, drawn: Genome) -> Genome:
    """The swarm that the literature calls ``name`` (`shoal.genome.presets.named_genome`), as near as the space allows.

    Layers, activation, and what the space does not leave to choose are those of the ``drawn`` genome; all is, where the swarm's
    update rule may not be chosen.
    """
    named, free = named_genome(name), dict(space.categorical)
    if named.update_rule not in free.get("update_rule", (drawn.update_rule,)):
        return drawn
    genes = {gene.name: getattr(named, gene.name) for gene in space.numeric}
    for choice in ("update_rule", "informant_strategy", "attractor", "initialisation"):
        if getattr(named, choice) in free.get(choice, ()):
            genes[choice] = getattr(named, choice)
    return repaired(space, drawn.to_dict() | genes)


def first_offspring(
    space: SearchSpace, start: Sequence[str], key: Key, count: int
) -> tuple[Offspring, ...]:
    """The first generation: drawn genomes, half of them begun from the ``start`` swarms, with each activation in turn."""
    births = [
        Offspring(initial_genome(space, key, individual), "uniform") for individual in range(count)
    ]
    named = product(dict(space.categorical)["activation"], start)
    for n, (activation, name) in enumerate(islice(named, count // 2)):
        drawn = replace(births[n].child, activation=activation)
        child = started_from(space, name, drawn)
        births[n] = (
            Offspring(child, "uniform") if child is drawn else Offspring(child, "named", name)
        )
    return tuple(births)


def next_generation(
    space: SearchSpace,
    rates: Rates,
    key: Key,
    generation: int,
    population: Sequence[Genome],
    fitness: Sequence[float],
) -> tuple[Genome, ...]:
    """The population of ``generation`` (counted from 0) from the one before; ``fitness`` is larger for better, -inf worst.

    The ``elitism`` best come first, unchanged; ties go to the earlier individual.
    """
    elite = [population[i] for i in best(fitness, rates.elitism)]
    others = range(rates.elitism, rates.population)
    return (
        *elite,
        *(birth(space, rates, key, generation, i, population, fitness).child for i in others),
    )


def birth(
    space: SearchSpace,
    rates: Rates,
    key: Key,
    generation: int,
    individual: int,
    population: Sequence[Genome],
    fitness: Sequence[float],
) -> Offspring:
    """One individual of `next_generation`, and how it came about."""
    if individual < rates.elitism:
        elite = population[best(fitness, rates.elitism)[individual]]
        return Offspring(elite, "elite", parent_a=elite)
    one, other = parents(rates, key, generation, individual, fitness)
    first, second = population[one], population[other]
    u = draws(key, Purpose.CROSSOVER, generation, individual, 2 + len(Genome.__dataclass_fields__))
    mates = bool(u[0] < rates.crossover)
    mixed = crossover(space, first, second, u[1:]) if mates else first
    child = mutate(space, mixed, rates.mutation, key, generation, individual)
    return Offspring(
        child,
        "bred",
        parent_a=first,
        parent_b=second if mates and second != first else None,
        after_crossover=mixed,
    )


def best(fitness: Sequence[float], count: int) -> list[int]:
    """The individuals that are carried over, the best first."""
    return sorted(range(len(fitness)), key=lambda i: (-fitness[i], i))[:count]


def parents(
    rates: Rates, key: Key, generation: int, individual: int, fitness: Sequence[float]
) -> tuple[int, int]:
    """The winners of two tournaments among the individuals of the generation before."""
    u = draws(key, Purpose.TOURNAMENT, generation, individual, 2 * rates.tournament)
    contenders = [int(v * len(fitness)) for v in u]
    return _winner(contenders[: rates.tournament], fitness), _winner(
        contenders[rates.tournament :], fitness
    )


def _winner(contenders: Sequence[int], fitness: Sequence[float]) -> int:
    return min(contenders, key=lambda i: (-fitness[i], i))


def crossover(space: SearchSpace, a: Genome, b: Genome, u: Floats) -> Genome:
    """Numbers and choices from either parent at even odds; layers of ``a`` up to a cut, of ``b`` from the same cut on.

    Of parents with two update rules, the rule's coefficients come with the rule. The child is as deep as ``b``, so depth
    never grows beyond the parents'. ``u[0]`` places the cut.
    """
    names = [gene.name for gene in space.numeric] + [name for name, _ in space.categorical]
    genes = {
        name: getattr(a if value < 0.5 else b, name)
        for name, value in zip(names, u[1:], strict=False)
    }
    if "update_rule" in genes and a.update_rule != b.update_rule:
        giver = a if genes["update_rule"] == a.update_rule else b
        genes |= {name: getattr(giver, name) for name in giver.rule.coefficients}
    cut = int(u[0] * (min(len(a.hidden_layers), len(b.hidden_layers)) + 1))
    return repaired(space, genes | {"hidden_layers": a.hidden_layers[:cut] + b.hidden_layers[cut:]})


def mutate(
    space: SearchSpace, genome: Genome, rate: float, key: Key, generation: int, individual: int
) -> Genome:
    """Each gene moves with probability ``rate`` by a Gaussian step of 0.1 of its range, clipped to its bounds.

    Genes whose bounds span decades, and widths, step on a logarithmic scale. A choice is drawn anew; an update rule that
    is another then brings its published coefficients. The depth changes by one, up or down.
    """
    counts = len(space.numeric), len(space.categorical), space.max_depth
    u = draws(
        key, Purpose.MUTATION, generation, individual, counts[0] + 2 * counts[1] + counts[2] + 3
    )
    steps = (
        normal_draws(key, Purpose.MUTATION_STEP, generation, individual, counts[0] + counts[2])
        * STEP
    )
    hits, odds = u < rate, iter(range(len(u)))
    genes: dict[str, Any] = genome.to_dict()
    for n, gene in enumerate(space.numeric):
        if hits[next(odds)]:
            genes[gene.name] = _stepped(
                gene, genes[gene.name], float(steps[n]), genes["swarm_size"]
            )
    for name, choices in space.categorical:
        if hits[next(odds)]:
            genes[name] = choices[int(u[next(odds)] * len(choices))]
        else:
            next(odds)
    if genes["update_rule"] != genome.update_rule:
        genes |= UPDATE_RULES[genes["update_rule"]].coefficients
    width = Gene("width", "Width", 1, space.max_width, 1, 1, integer=True, log=True)
    layers = [
        int(_stepped(width, w, float(steps[counts[0] + n]), 0)) if hits[next(odds)] else w
        for n, w in enumerate(genome.hidden_layers)
    ]
    changed, where, deeper = (float(v) for v in u[-3:])
    if changed < rate:
        at = int(where * len(layers))
        if deeper < 0.5 and len(layers) < space.max_depth:
            layers.insert(at, layers[at])
        elif deeper >= 0.5 and len(layers) > 1:
            del layers[at]
    return repaired(space, genes | {"hidden_layers": layers})


def _stepped(gene: Gene, value: float, step: float, particles: float) -> float:
    """The gene's value a ``step`` further, in shares of its range; informants range below the number of ``particles``."""
    high = min(gene.high, particles - 1) if gene.name == "num_informants" else gene.high
    if gene.log:
        logs = log(np.array([value, high / gene.low]))
        value = float(exp(logs[:1] + step * logs[1:])[0])
    else:
        value += step * (high - gene.low)
    return _fitted(gene, value)


def _fitted(gene: Gene, value: float) -> float:
    value = min(max(value, gene.low), gene.high)
    return round(value) if gene.integer else value


def repaired(space: SearchSpace, genes: dict[str, Any]) -> Genome:
    """The genome nearest to ``genes`` within the bounds: numbers clipped and rounded, informants fewer than particles.

    What its update rule does not read is what it usually is, so that equal swarms are one genome, and trained once.
    """
    usual, free = Genome().to_dict(), dict(space.categorical)
    for name in unread_genes(genes.get("update_rule", usual["update_rule"])):
        genes[name] = usual[name]
        if usual[name] not in free.get(name, (usual[name],)):
            genes[name] = free[name][0]
    for gene in space.numeric:
        genes[gene.name] = _fitted(gene, float(genes[gene.name]))
    genes["num_informants"] = min(genes["num_informants"], genes["swarm_size"] - 1)
    layers = genes["hidden_layers"][: space.max_depth]
    genes["hidden_layers"] = tuple(min(max(int(w), 1), space.max_width) for w in layers)
    return Genome.from_dict(genes)
