"""Where the value of a gene lies between its bounds, for whatever draws that."""

from __future__ import annotations

import math

from shoal.genome.genes import Gene
from shoal.genome.genome import Genome


def position_between_bounds(gene: Gene, genome: Genome) -> float:
    """Where a genome's value lies between the bounds of a numeric gene, 0 to 1.

    ``gene`` has the bounds of a search. A particle cannot have more informants than there are
    other particles, so the swarm's size bounds their number, too.
    """
    high = gene.high
    if gene.name == "num_informants":
        high = min(high, genome.swarm_size - 1)
    return share_of_bounds(gene, getattr(genome, gene.name), high)


def share_of_bounds(gene: Gene, value: float, high: float) -> float:
    """Where a value lies between its gene's lower bound and ``high``, 0 to 1, on the gene's scale.

    The scale is logarithmic where the gene's is. A value beyond a bound is shown on it.
    """
    low = gene.low
    if high <= low:
        return 0.5

    value = min(max(value, low), high)
    if gene.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)
