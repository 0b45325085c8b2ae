"""The genetic algorithm as a sampler."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.genome.genome import Genome
from shoal.tuning.operators import next_generation
from shoal.tuning.samplers.base import Past, Sampler


class GeneticSampler(Sampler):
    """The genetic algorithm: each generation is bred from the one before."""

    def population(self, past: Past) -> tuple[Genome, ...]:
        """`initial_genome`, then `next_generation`, which keeps the elite itself."""
        if not past:
            return tuple(self._fresh(past, range(self.settings.population)))
        return next_generation(self.space, self.settings, self.key, len(past), *past[-1])

    def _fresh(self, past: Past, individuals: range) -> Sequence[Genome]:
        return self._first(individuals)
