"""Random search over the whole bounds."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.philox import Key, Purpose, draws
from shoal.tuning.samplers.base import Past, Sampler, _genome, _values, _widths


class RandomSampler(Sampler):
    """No learning: uniform within the bounds (in the logarithm, where those span decades), from choices and depths."""

    def _fresh(self, past: Past, individuals: range) -> Sequence[Genome]:
        return [random_genome(self.space, self.key, len(past), i) for i in individuals]


def random_genome(space: SearchSpace, key: Key, generation: int, individual: int) -> Genome:
    """A genome from anywhere in the space; widths are uniform in their logarithm."""
    genes = (*space.numeric, *_widths(space))
    u = draws(
        key, Purpose.SAMPLER, generation, 1 + individual, len(genes) + len(space.categorical) + 1
    ).tolist()
    values = _values(genes, u)
    for (name, choices), share in zip(space.categorical, u[len(genes) :], strict=False):
        values[name] = choices[int(share * len(choices))]
    return _genome(space, values, 1 + int(u[-1] * space.max_depth))
