"""Where the value of a gene lies between its bounds, for whatever draws that."""

from __future__ import annotations

import math

from shoal.genome.genes import Gene
from shoal.genome.genome import Genome


def position_between_bounds(gene: Gene, genome: Genome) -> float:
    """Where a genome's value lies between the bounds of a numeric gene, 0 to 1, on its own scale.

    Parameters
    ----------
    gene
        The gene with the bounds of a search.
    genome
        The genome. A particle cannot have more informants than there are other particles, so
        the swarm's size bounds their number, too.
    """
    low = gene.low
    high = gene.high
    if gene.name == "num_informants":
        high = min(high, genome.swarm_size - 1)
    if high <= low:
        return 0.5

    value = min(max(getattr(genome, gene.name), low), high)
    if gene.log:
        return math.log(value / low) / math.log(high / low)
    return float((value - low) / (high - low))
