"""Generations of genomes: first generation, selection, crossover, mutation.

All of it is a pure function of a key and a counter: the random numbers of a decision depend on the
generation and the individual alone, so a resumed search draws the same ones.

Tournament selection, uniform crossover of the numbers and choices, one-point crossover of the
layers, Gaussian mutation, elitism [1]_.

References
----------
.. [1] Eiben and Smith, "Introduction to Evolutionary Computing", 2015, chapters 4 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.genome.genes import Gene
from shoal.genome.genome import Genome, genes_left_unread
from shoal.genome.presets import named_genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import Key, Purpose, draws, normal_draws
from shoal.numerics.portable_math import exp, log
from shoal.update_rules import UPDATE_RULES

# Standard deviation of a mutation, as a share of a gene's range.
STEP = 0.1

# Genes that a swarm of the literature brings with it, besides the numbers.
_NAMED_CHOICES = ("update_rule", "informant_strategy", "attractor", "initialisation", "readout")

# What a gene is that a genome's update rule does not read.
_DEFAULT = Genome()

Floats = NDArray[np.float64]


class Rates(Protocol):
    """What `next_generation` reads of the settings (`shoal.settings.search_settings`)."""

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
    """A gene that a mutation changed.

    Attributes
    ----------
    gene
        Its name.
    before, after
        Its values before and after the mutation.
    """

    gene: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Offspring:
    """An individual of a generation, and where it comes from.

    Attributes
    ----------
    child
        Its genome.
    origin
        "given": the user's. "uniform": drawn in the initial ranges. "named": begun from a swarm of
        the literature.
        "elite": carried over unchanged. "bred": a child of one or two parents.
    named
        The name of the swarm of the literature, for "named".
    parent_a
        The genome that was carried over, or the first parent.
    parent_b
        The second parent, where the child has two different ones.
    after_crossover
        What crossover made of the parents, before mutation; for "bred".
    """

    child: Genome
    origin: Literal["given", "uniform", "named", "elite", "bred"]
    named: str | None = None
    parent_a: Genome | None = None
    parent_b: Genome | None = None
    after_crossover: Genome | None = None

    @property
    def parents(self) -> tuple[Genome, ...]:
        """The parents: none, one or two."""
        return tuple(parent for parent in (self.parent_a, self.parent_b) if parent is not None)

    @property
    def from_second(self) -> tuple[str, ...]:
        """The genes in which crossover departed from the first parent; of layers, the last ones."""
        if self.parent_a is None or self.after_crossover is None:
            return ()
        return _unequal_genes(self.parent_a, self.after_crossover)

    @property
    def mutations(self) -> tuple[Change, ...]:
        """The genes that mutation changed.

        Among them are genes that had to follow, since informants stay fewer than particles.
        """
        before = self.after_crossover
        after = self.child
        if before is None:
            return ()
        return tuple(
            Change(name, getattr(before, name), getattr(after, name))
            for name in _unequal_genes(before, after)
        )


def _unequal_genes(a: Genome, b: Genome) -> tuple[str, ...]:
    names = Genome.__dataclass_fields__
    return tuple(name for name in names if getattr(a, name) != getattr(b, name))


# ---- The first generation ------------------------------------------------------------------------


def initial_genome(space: SearchSpace, key: Key, individual: int) -> Genome:
    """A genome of the first generation.

    Numbers are uniform in their initial ranges, choices are uniform, and the layers are the space's
    starting layers. The initial ranges are those of informed swarms, so a rule that they do not fit
    brings its published coefficients instead.
    """
    count = len(space.numeric) + len(space.categorical)
    shares = draws(key, Purpose.INITIAL_GENOME, 0, individual, count)

    genes: dict[str, Any] = {}
    for share, gene in zip(shares, space.numeric, strict=False):
        genes[gene.name] = gene.start_low + float(share) * (gene.start_high - gene.start_low)
    for share, (name, choices) in zip(shares[len(space.numeric) :], space.categorical, strict=True):
        genes[name] = choices[int(share * len(choices))]

    rule = UPDATE_RULES[genes.get("update_rule", _DEFAULT.update_rule)]
    if not rule.fits_initial_ranges:
        genes |= rule.coefficients

    genes["hidden_layers"] = space.start_layers
    return repaired(space, genes)


def started_from(space: SearchSpace, name: str, drawn: Genome) -> Genome:
    """The swarm of the literature that is called ``name``, as near as the space allows.

    Parameters
    ----------
    space
        The genomes that may be proposed.
    name
        A name of `shoal.genome.presets.named_genome`.
    drawn
        Gives the layers, the activation, and what the space does not leave to choose. The result is
        this very object where the space does not allow the swarm's update rule. Swarms with solved
        output layers bring their own, wide layers.
    """
    named = named_genome(name)
    allowed = dict(space.categorical)
    if named.update_rule not in allowed.get("update_rule", (drawn.update_rule,)):
        return drawn

    genes = {gene.name: getattr(named, gene.name) for gene in space.numeric}
    for choice in _NAMED_CHOICES:
        if getattr(named, choice) in allowed.get(choice, ()):
            genes[choice] = getattr(named, choice)
    if named.solves_readout and genes.get("readout") == named.readout:
        genes["hidden_layers"] = named.hidden_layers
    return repaired(space, drawn.to_dict() | genes)


def given_genomes(space: SearchSpace, genomes: Sequence[Genome]) -> tuple[Genome, ...]:
    """The user's own genomes, with which a first generation begins.

    Genes that nothing reads have their defaults, as in all genomes of a search.
    """
    return tuple(repaired(space, genome.to_dict()) for genome in genomes)


def first_generation(
    space: SearchSpace, given: Sequence[Genome], start: Sequence[str], key: Key, count: int
) -> tuple[Offspring, ...]:
    """The first generation of a search: the ``given`` genomes, then those of `first_offspring`.

    There are ``count`` individuals in all.
    """
    own = [Offspring(genome, "given") for genome in given_genomes(space, given)]
    return (*own, *first_offspring(space, start, key, count - len(own)))


def first_offspring(
    space: SearchSpace, start: Sequence[str], key: Key, count: int
) -> tuple[Offspring, ...]:
    """The individuals of a first generation that no user gave, ``count`` of them.

    All are drawn. At most half of them then begin from the ``start`` swarms of the literature, each
    swarm with each activation in turn.
    """
    offspring = [
        Offspring(initial_genome(space, key, individual), "uniform") for individual in range(count)
    ]

    activations = dict(space.categorical).get("activation", (_DEFAULT.activation,))
    beginnings = product(activations, start)
    for individual, (activation, name) in enumerate(islice(beginnings, count // 2)):
        drawn = replace(offspring[individual].child, activation=activation)
        child = started_from(space, name, drawn)
        # The space lacks the swarm's update rule, so that the drawn genome stays.
        if child is drawn:
            offspring[individual] = Offspring(child, "uniform")
        else:
            offspring[individual] = Offspring(child, "named", name)

    return tuple(offspring)


# ---- Later generations ---------------------------------------------------------------------------


def next_generation(
    space: SearchSpace,
    rates: Rates,
    key: Key,
    generation: int,
    population: Sequence[Genome],
    fitness: Sequence[float],
) -> tuple[Genome, ...]:
    """The population of a generation from the one before.

    Parameters
    ----------
    space
        The genomes that may be proposed.
    rates
        How the population is bred: the settings of the search.
    key
        The random stream of the sampler.
    generation
        The number of the new generation, from 0.
    population, fitness
        The generation before: its genomes, and for each a number that is larger for better and
        -inf for failed.

    Returns
    -------
    tuple of Genome
        ``rates.population`` genomes. The ``rates.elitism`` best of the generation before come
        first, unchanged; of equals the earlier individual.
    """
    elite = [population[i] for i in best(fitness, rates.elitism)]
    children = []
    for individual in range(rates.elitism, rates.population):
        offspring = birth(space, rates, key, generation, individual, population, fitness)
        children.append(offspring.child)
    return (*elite, *children)


def birth(
    space: SearchSpace,
    rates: Rates,
    key: Key,
    generation: int,
    individual: int,
    population: Sequence[Genome],
    fitness: Sequence[float],
) -> Offspring:
    """One individual of `next_generation` (which explains the parameters), with its origin."""
    if individual < rates.elitism:
        elite = population[best(fitness, rates.elitism)[individual]]
        return Offspring(elite, "elite", parent_a=elite)

    index_a, index_b = parents(rates, key, generation, individual, fitness)
    parent_a = population[index_a]
    parent_b = population[index_b]

    # One draw decides whether there is a crossover, one places the cut, and each field may need one
    # more. Draws are numbered, so that those left over move no other.
    count = 2 + len(Genome.__dataclass_fields__)
    shares = draws(key, Purpose.CROSSOVER, generation, individual, count)
    if shares[0] < rates.crossover:
        after_crossover = crossover(space, parent_a, parent_b, shares[1:])
        two_parents = parent_b != parent_a
    else:
        after_crossover = parent_a
        two_parents = False

    return Offspring(
        mutate(space, after_crossover, rates.mutation, key, generation, individual),
        "bred",
        parent_a=parent_a,
        parent_b=parent_b if two_parents else None,
        after_crossover=after_crossover,
    )


def best(fitness: Sequence[float], count: int) -> list[int]:
    """The ``count`` fittest individuals, the best first; of equals the earlier one.

    Examples
    --------
    >>> best([1.0, 9.0, float("-inf"), 9.0], 3)
    [1, 3, 0]
    """
    return sorted(range(len(fitness)), key=lambda i: (-fitness[i], i))[:count]


def parents(
    rates: Rates, key: Key, generation: int, individual: int, fitness: Sequence[float]
) -> tuple[int, int]:
    """The winners of two tournaments among the individuals of the generation before.

    They may be the same individual. The draws depend on key, generation and individual alone.

    Parameters
    ----------
    rates
        Gives the size of a tournament.
    key
        The random stream of the search's sampler.
    generation
        How many generations came before the individual's.
    individual
        Its place in its generation.
    fitness
        Of the generation before, by individual; the larger the better.

    Returns
    -------
    tuple of int
        The places of the two parents in the generation before.
    """
    shares = draws(key, Purpose.TOURNAMENT, generation, individual, 2 * rates.tournament)
    contenders = [int(share * len(fitness)) for share in shares]
    first = _winner(contenders[: rates.tournament], fitness)
    second = _winner(contenders[rates.tournament :], fitness)
    return first, second


def _winner(contenders: Sequence[int], fitness: Sequence[float]) -> int:
    return min(contenders, key=lambda i: (-fitness[i], i))


def crossover(space: SearchSpace, a: Genome, b: Genome, shares: Floats) -> Genome:
    """A child of two parents.

    Numbers and choices come from either parent at even odds. Layers come from ``a`` up to a cut,
    and from ``b`` from the same cut on: the child is as deep as ``b``, so depth never grows beyond
    the parents'. Of parents with two update rules, the rule's coefficients come with the rule.

    Parameters
    ----------
    space
        The genomes that may be proposed.
    a, b
        The parents.
    shares
        Uniform in [0, 1): the first places the cut, one for each number and choice follows.
    """
    names = [gene.name for gene in space.numeric]
    names += [name for name, _ in space.categorical]

    genes = {}
    for name, share in zip(names, shares[1:], strict=False):
        giver = a if share < 0.5 else b
        genes[name] = getattr(giver, name)

    # A coefficient of one rule is no good for another: all come from the parent whose rule it is.
    if "update_rule" in genes and a.update_rule != b.update_rule:
        giver = a if genes["update_rule"] == a.update_rule else b
        for name in giver.rule.coefficients:
            genes[name] = getattr(giver, name)

    shallower = min(len(a.hidden_layers), len(b.hidden_layers))
    cut = int(shares[0] * (shallower + 1))
    genes["hidden_layers"] = a.hidden_layers[:cut] + b.hidden_layers[cut:]
    return repaired(space, genes)


# ---- Mutation ------------------------------------------------------------------------------------


class _MutationDraws(NamedTuple):
    """The random numbers of one mutation. A gene is hit when its number is below the rate.

    All but the steps are uniform in [0, 1). They are drawn as one row, in the order of the fields,
    whether they are used or not: a gene's number does not depend on what becomes of the others.
    """

    # (numeric genes,): whether each is hit.
    numbers: Floats
    # (categorical genes, 2): whether each is hit, and what it becomes.
    choices: Floats
    # (max_depth,): whether the width of each layer is hit.
    widths: Floats
    # Whether the depth changes, at which layer, and whether it grows.
    depth: float
    layer: float
    deeper: float
    # (numeric genes,) and (max_depth,): normal steps, in shares of a range.
    number_steps: Floats
    width_steps: Floats


def _mutation_draws(
    space: SearchSpace, key: Key, generation: int, individual: int
) -> _MutationDraws:
    numbers = len(space.numeric)
    choices = len(space.categorical)
    first_width = numbers + 2 * choices
    count = first_width + space.max_depth + 3

    shares = draws(key, Purpose.MUTATION, generation, individual, count)
    normals = normal_draws(
        key, Purpose.MUTATION_STEP, generation, individual, numbers + space.max_depth
    )
    steps = normals * STEP

    return _MutationDraws(
        numbers=shares[:numbers],
        choices=shares[numbers:first_width].reshape(choices, 2),
        widths=shares[first_width:-3],
        depth=float(shares[-3]),
        layer=float(shares[-2]),
        deeper=float(shares[-1]),
        number_steps=steps[:numbers],
        width_steps=steps[numbers:],
    )


def mutate(
    space: SearchSpace, genome: Genome, rate: float, key: Key, generation: int, individual: int
) -> Genome:
    """The genome with some genes changed, each with probability ``rate``.

    A number moves by a Gaussian step of 0.1 of its range, clipped to its bounds. Genes whose bounds
    span decades, and widths, step on a logarithmic scale. A choice is drawn anew; an update rule
    that becomes another brings its published coefficients. The depth changes by one, up or down.

    Parameters
    ----------
    space
        The genomes that may be proposed.
    genome
        What is mutated.
    rate
        The probability that a gene is hit.
    key
        The random stream of the sampler.
    generation, individual
        Where the child stands: they choose the random numbers.
    """
    random = _mutation_draws(space, key, generation, individual)
    genes: dict[str, Any] = genome.to_dict()

    for gene, share, step in zip(space.numeric, random.numbers, random.number_steps, strict=True):
        if share < rate:
            # The number of informants ranges below the swarm size, which may have just changed.
            genes[gene.name] = _stepped(gene, genes[gene.name], float(step), genes["swarm_size"])

    for (name, choices), (share, choice) in zip(space.categorical, random.choices, strict=True):
        if share < rate:
            genes[name] = choices[int(choice * len(choices))]

    if genes["update_rule"] != genome.update_rule:
        genes |= UPDATE_RULES[genes["update_rule"]].coefficients

    layers = _mutated_widths(space, genome.hidden_layers, rate, random)
    if random.depth < rate:
        _change_depth(space, layers, random)

    genes["hidden_layers"] = layers
    return repaired(space, genes)


def _mutated_widths(
    space: SearchSpace, layers: Sequence[int], rate: float, random: _MutationDraws
) -> list[int]:
    gene = Gene("width", "Width", 1, space.max_width, 1, 1, integer=True, log=True)
    widths = []
    for width, share, step in zip(layers, random.widths, random.width_steps, strict=False):
        if share < rate:
            widths.append(int(_stepped(gene, width, float(step), 0)))
        else:
            widths.append(width)
    return widths


def _change_depth(space: SearchSpace, layers: list[int], random: _MutationDraws) -> None:
    """Repeat a layer or remove it, in place, within the limits of the depth."""
    index = int(random.layer * len(layers))
    if random.deeper < 0.5:
        if len(layers) < space.max_depth:
            layers.insert(index, layers[index])
    elif len(layers) > 1:
        del layers[index]


def _stepped(gene: Gene, value: float, step: float, particles: float) -> float:
    """The gene's value a ``step`` further, in shares of its range.

    The number of informants ranges below the number of ``particles``.
    """
    high = gene.high
    if gene.name == "num_informants":
        high = min(high, particles - 1)

    if gene.log:
        logs = log(np.array([value, high / gene.low]))
        value = float(exp(logs[:1] + step * logs[1:])[0])
    else:
        value += step * (high - gene.low)
    return _within_bounds(gene, value)


def _within_bounds(gene: Gene, value: float) -> float:
    value = min(max(value, gene.low), gene.high)
    if gene.integer:
        return round(value)
    return value


def repaired(space: SearchSpace, genes: dict[str, Any]) -> Genome:
    """The genome within the bounds that is nearest to ``genes``.

    Numbers are clipped and rounded, and informants are fewer than particles. Genes that nothing
    reads get their default values, so that equal swarms are one genome, and trained once.

    Parameters
    ----------
    space
        The genomes that may be proposed.
    genes
        Values by name. It is changed in place.
    """
    allowed = dict(space.categorical)
    rule = genes.get("update_rule", _DEFAULT.update_rule)
    solves_readout = genes.get("readout", _DEFAULT.readout) == "solved"
    for name in genes_left_unread(rule, solves_readout=solves_readout):
        genes[name] = getattr(_DEFAULT, name)
        # A user may have left the default out of the choices.
        if name in allowed and genes[name] not in allowed[name]:
            genes[name] = allowed[name][0]

    for gene in space.numeric:
        genes[gene.name] = _within_bounds(gene, float(genes[gene.name]))
    genes["num_informants"] = min(genes["num_informants"], genes["swarm_size"] - 1)

    if space.fixed_layers:
        genes["hidden_layers"] = space.start_layers
        return Genome.from_dict(genes)
    layers = genes["hidden_layers"][: space.max_depth]
    genes["hidden_layers"] = tuple(min(max(int(width), 1), space.max_width) for width in layers)
    return Genome.from_dict(genes)
