"""The genetic algorithm as a sampler."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.genome.genome import Genome
from shoal.tuning.operators import next_generation
from shoal.tuning.samplers.base import Past, Sampler


class GeneticSampler(Sampler):
    """Each generation is bred from the one before (`shoal.tuning.operators`)."""

    def population(self, past: Past) -> tuple[Genome, ...]:
        """The first generation; later the elite and the children of the generation before."""
        if not past:
            return super().population(past)

        genomes, fitness = past[-1]
        generation = len(past)
        return next_generation(self.space, self.settings, self.key, generation, genomes, fitness)

    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        """The first generation."""
        return self.first_generation(individuals)
