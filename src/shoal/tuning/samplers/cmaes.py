"""CatCMA: an evolution strategy for numbers with categories, of the package cmaes.

The package is an extra, imported only by searches that ask for it.

References
----------
Hamano, Saito, Nomura, Uchida and Shirakawa, "CatCMA: Stochastic Optimization for Mixed-Category
Problems", GECCO 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.genome.genes import Gene
from shoal.genome.genome import Genome
from shoal.numerics.philox import Key
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import STEP
from shoal.tuning.samplers.base import Generation, Past, Sampler
from shoal.tuning.samplers.encoding import (
    depths,
    genome_of,
    share_of,
    values_at,
    width_genes,
)

# Solutions of an update, at least: it learns from the better half, and one alone has no spread.
LEAST_BATCH = 4


class CmaesSampler(Sampler):
    """A normal distribution of the numbers, in shares of their ranges, and one of each choice.

    The depth is one of the choices. The search starts in the middle of the initial ranges, as wide
    as they are. Elites are not reported again, since earlier distributions proposed them; nor are
    genomes that a user gave, since no distribution did. What does not exist (the width of a layer
    that a genome lacks) stands at the mean, and pulls nowhere.
    """

    def begin(self, settings: SearchSettings, key: Key) -> None:
        """Part the genes in those to search and those that are fixed."""
        super().begin(settings, key)
        numbers = (*self.space.numeric, *width_genes(self.space))
        choices: dict[str, Sequence[Any]] = dict(self.space.categorical)
        choices["depth"] = depths(self.space)

        self._genes: list[Gene] = []
        self._choices: dict[str, Sequence[Any]] = {}
        self._fixed: dict[str, Any] = {}
        for gene in numbers:
            if gene.low == gene.high:
                self._fixed[gene.name] = gene.low
            else:
                self._genes.append(gene)
        for name, allowed in choices.items():
            if len(allowed) == 1:
                self._fixed[name] = allowed[0]
            else:
                self._choices[name] = allowed

        # What the optimizer has seen, so that a long search does not report everything to it for
        # every generation. Genomes wait until there are enough for an update.
        self._seen: list[Generation] = []
        self._waiting: list[tuple[Genome, float]] = []
        self._optimizer: Any = None

    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        """Genomes of the distribution after all generations of the past."""
        if not self._seen or list(past[: len(self._seen)]) != self._seen:
            self._restart()
        for generation in past[len(self._seen) :]:
            self._learn_from(generation)

        self._optimizer.reseed_rng(self.library_seed(len(past)))
        genomes = []
        for _ in individuals:
            shares, one_hot = self._optimizer.ask()
            genomes.append(self._genome(shares, one_hot))
        return genomes

    def _restart(self) -> None:
        """Forget everything: this past is no continuation of the one that was seen."""
        self._seen = []
        self._waiting = []
        self._optimizer = self._new_optimizer()

    def _learn_from(self, generation: Generation) -> None:
        """Report a generation's new genomes, as soon as there are enough for an update."""
        population, fitness = generation
        known = self.settings.elitism
        if not self._seen:
            known = max(known, len(self.settings.first_genomes))
        self._seen.append(generation)
        self._waiting += list(zip(population, fitness, strict=True))[known:]

        size = self._optimizer.population_size
        while len(self._waiting) >= size:
            # The package minimises.
            solutions = [
                (self._coordinates(genome), -value) for genome, value in self._waiting[:size]
            ]
            self._optimizer.tell(solutions)
            del self._waiting[:size]

    def _new_optimizer(self) -> Any:
        """The distribution of the first generation.

        Each update takes whole generations of new individuals. The package wants two numbers and a
        choice: where a space has fewer, there are idle ones.
        """
        from cmaes import CatCMA

        low = self._initial_shares([gene.start_low for gene in self._genes])
        high = self._initial_shares([gene.start_high for gene in self._genes])
        # The standard deviation of a uniform distribution over the initial ranges.
        spread = np.maximum((high - low) / np.sqrt(12.0), STEP)

        new_individuals = self.settings.population - self.settings.elitism
        generations = -(-LEAST_BATCH // new_individuals)
        return CatCMA(
            mean=(low + high) / 2,
            sigma=1.0,
            cov=np.diag(spread**2),
            bounds=np.tile([0.0, 1.0], (len(low), 1)),
            cat_num=np.array([len(allowed) for allowed in self._choices.values()] or [2]),
            population_size=new_individuals * generations,
            seed=0,
        )

    def _initial_shares(self, values: Sequence[float]) -> NDArray[np.float64]:
        """Shares of these values of the genes, and the middle for each idle number."""
        middles = {gene.name: (gene.start_low + gene.start_high) / 2 for gene in self.space.numeric}
        shares = [
            share_of(gene, value, middles) for gene, value in zip(self._genes, values, strict=True)
        ]
        idle = max(0, 2 - len(shares))
        return np.array(shares + [0.5] * idle)

    def _coordinates(self, genome: Genome) -> tuple[Any, Any]:
        """Shares of the ranges, and one-hot rows of the choices."""
        values: dict[str, Any] = genome.to_dict()
        layers = values.pop("hidden_layers")
        values["depth"] = len(layers)
        for n, width in enumerate(layers):
            values[f"width_{n}"] = width

        shares = self._optimizer.mean.copy()
        for n, gene in enumerate(self._genes):
            if gene.name in values:
                shares[n] = share_of(gene, values[gene.name], values)

        # The package takes one row for each choice, all as wide as the choice with most
        # alternatives.
        chosen = [allowed.index(values[name]) for name, allowed in self._choices.items()]
        most_choices = max((len(allowed) for allowed in self._choices.values()), default=2)
        one_hot = np.arange(most_choices) == np.array(chosen or [0])[:, None]
        return shares, one_hot

    def _genome(self, shares: Any, one_hot: Any) -> Genome:
        """The genome at these coordinates."""
        values = self._fixed | values_at(self._genes, shares.tolist(), self._fixed)
        chosen = one_hot.argmax(axis=1).tolist()
        for (name, allowed), index in zip(self._choices.items(), chosen, strict=False):
            values[name] = allowed[index]

        depth = values.pop("depth")
        return genome_of(self.space, values, depth)
