"""The swarm that minimises a function when none is named."""

from __future__ import annotations

from shoal.genome.genome import Genome
from shoal.genome.presets import named_genome

# From so many dimensions on the competitive rule is better.
MANY_DIMENSIONS = 10


def default_genome(dimensions: int) -> Genome:
    """Choose a swarm for that many coordinates."""
    if dimensions < MANY_DIMENSIONS:
        return named_genome("function_local")
    return named_genome("function_competitive")
