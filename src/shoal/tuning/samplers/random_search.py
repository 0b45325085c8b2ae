"""Random search over the whole bounds."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import Key, Purpose, draws
from shoal.tuning.samplers.base import Past, Sampler
from shoal.tuning.samplers.encoding import count_shares, genome_at


class RandomSampler(Sampler):
    """Uniform within the bounds, in the logarithm where they span decades. It learns nothing."""

    def propose(self, past: Past, individuals: range) -> Sequence[Genome]:
        """Genomes from anywhere in the space."""
        generation = len(past)
        return [random_genome(self.space, self.key, generation, i) for i in individuals]


def random_genome(space: SearchSpace, key: Key, generation: int, individual: int) -> Genome:
    """A genome from anywhere in the space; widths are uniform in their logarithm.

    Parameters
    ----------
    space
        The search space.
    key
        The random stream of the search's sampler.
    generation, individual
        They say, with the key, which random numbers are drawn: the same ones every time.
    """
    # Draw 0 of a generation is the seed of a library's generator (`Sampler.library_seed`).
    shares = draws(key, Purpose.SAMPLER, generation, 1 + individual, count_shares(space))
    return genome_at(space, shares.tolist())
