"""Samplers: which genomes a generation has, given the generations before it. One contract, and what keeps it.

    sampler = make_sampler(settings, key)
    past = []
    while True:
        population = sampler.population(past)
        past.append((population, tuple(fitness(genome) for genome in population)))

"genetic" is `shoal.tuning.operators`; "random" draws over the whole bounds; "tpe" is the tree-
structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS
2011) of Optuna; "cmaes" is the evolution strategy for numbers with categories (Hamano et al.,
"CatCMA: Stochastic Optimization for Mixed-Category Problems", GECCO 2024) of the package cmaes.
Both packages are an extra, and imported by those who ask for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shoal.genome.genes import Gene
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import Key, Purpose, draws
from shoal.numerics.portable_math import exp, log
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import first_offspring, repaired

Generation = tuple[tuple[Genome, ...], tuple[float, ...]]  # a population, and its fitness
Past = Sequence[Generation]

_LEAST_BATCH = 4  # solutions in an update of CMA-ES, which learns from the better half: one alone has no spread
_DIGITS = 6  # of a number that a library's arithmetic made: its last bit, which differs by processor, makes no other genome


class Sampler(ABC):
    """Proposes populations. Its obligations:

    - `population` is a pure function of settings, key and past: in another process, or asked twice, it gives the same
      genomes. An instance may keep what it has worked out, never what changes an answer.
    - It gives ``settings.population`` genomes within the settings' space, the best ``settings.elitism`` of the generation
      before first and unchanged (ties go to the earlier individual), so that these are trained again.
    - Of fitness only the order counts: larger is better, -inf (failed) worst; all of it may be -inf.
    """

    def __init__(self, settings: SearchSettings, key: Key) -> None:
        self.settings, self.space, self.key = settings, settings.space, key

    def population(self, past: Past) -> tuple[Genome, ...]:
        """The genomes of generation ``len(past)``, after those of ``past`` with their fitness, the first one first."""
        elite = _best(past[-1], self.settings.elitism) if past else ()
        return (*elite, *self._fresh(past, range(len(elite), self.settings.population)))

    @abstractmethod
    def _fresh(self, past: Past, individuals: range) -> Sequence[Genome]:
        """A new genome for each of these individuals of generation ``len(past)``."""

    def _first(self, individuals: range) -> Sequence[Genome]:
        """The first generation of samplers that learn from it: half of it from the literature, with each activation in turn."""
        births = first_offspring(self.space, self.settings.start, self.key, len(individuals))
        return [birth.child for birth in births]

    def _seed(self, number: int) -> int:
        """Of a library's generator in generation ``number``."""
        return int(draws(self.key, Purpose.SAMPLER, number, 0, 1)[0] * 2**32)


def _best(generation: Generation, count: int) -> tuple[Genome, ...]:
    population, fitness = generation
    order = sorted(range(len(population)), key=lambda i: (-fitness[i], i))
    return tuple(population[i] for i in order[:count])


def _widths(space: SearchSpace) -> tuple[Gene, ...]:
    """The hidden layers' widths as genes, as many as there may be."""
    start = (*space.start_layers, *[space.start_layers[-1]] * space.max_depth)
    return tuple(
        Gene(f"width_{n}", "Width", 1, space.max_width, start[n], start[n], integer=True, log=True)
        for n in range(space.max_depth)
    )


def _range(gene: Gene, values: Mapping[str, Any]) -> tuple[float, float]:
    """Where a share of the gene's range lies: a whole number has the unit from it on; informants are fewer than particles."""
    high = gene.high
    if gene.name == "num_informants":
        high = max(gene.low, min(high, int(values["swarm_size"]) - 1))
    return gene.low, high + 1 if gene.integer else high


def _values(
    genes: Sequence[Gene], shares: Sequence[float], known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The genes at these shares of their ranges, in [0, 1]; ``known`` are values beside them."""
    values = dict(known or {})
    for gene, share in zip(genes, shares, strict=False):
        low, high = _range(gene, values)
        if gene.log:
            value = float(exp(np.array([_log(low) + share * (_log(high) - _log(low))]))[0])
        else:
            value = low + share * (high - low)
        values[gene.name] = min(int(value), high - 1) if gene.integer else value
    return values


def _share(gene: Gene, value: float, values: Mapping[str, Any]) -> float:
    """The reverse of `_values` for one gene."""
    low, high = _range(gene, values)
    value += 0.5 if gene.integer else 0.0
    share = _log(value / low) / _log(high / low) if gene.log else (value - low) / (high - low)
    return min(max(share, 0.0), 1.0)


def _log(value: float) -> float:
    return float(log(np.array([value]))[0])


def _genome(space: SearchSpace, values: Mapping[str, Any], depth: int) -> Genome:
    """The genome of these values, of which widths beyond ``depth`` are left out."""
    genes = {
        name: float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
        for name, value in values.items()
        if not name.startswith("width_")
    }
    return repaired(space, genes | {"hidden_layers": [values[f"width_{n}"] for n in range(depth)]})
