"""The swarm that minimises a function when none is named."""

from __future__ import annotations

from shoal.genome.genome import Genome
from shoal.genome.presets import named_genome

# The box has a width of 2: a particle may cross it in two iterations.
MAX_VELOCITY = 1.0
# From so many dimensions on the competitive rule is better.
MANY_DIMENSIONS = 10


def default_genome(dimensions: int) -> Genome:
    """Choose a swarm for that many coordinates."""
    if dimensions < MANY_DIMENSIONS:
        return named_genome("local", max_velocity=MAX_VELOCITY)
    return named_genome("competitive", swarm_size=64, max_velocity=MAX_VELOCITY)
