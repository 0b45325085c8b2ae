"""Genomes that the literature knows by name."""

from __future__ import annotations

import math
from typing import Any

from shoal.errors import GenomeError
from shoal.genome.genome import Genome

# What the literature recommends, with limits for networks on standardised data, where it names none.
_NAMED: dict[str, dict[str, Any]] = {
    # Clerc and Kennedy, "The Particle Swarm - Explosion, Stability, and Convergence in a Multidimensional Complex Space", 2002
    "constriction": {
        "swarm_size": 48,
        "num_informants": 3,
        "inertia_weight": 0.7298,
        "cognitive_weight": 1.49618,
        "social_weight": 1.49618,
    },
    # Clerc, "Standard Particle Swarm Optimisation", 2012: its version of 2007
    "spso2007": {
        "swarm_size": 40,
        "num_informants": 3,
        "inertia_weight": 1 / (2 * math.log(2)),
        "cognitive_weight": 0.5 + math.log(2),
        "social_weight": 0.5 + math.log(2),
        "informant_strategy": "rewired",
    },
    # The best informed swarm of docs/quality.md: a local best of five informants, and weaker pulls
    "local": {
        "swarm_size": 48,
        "num_informants": 5,
        "inertia_weight": 0.75,
        "cognitive_weight": 1.0,
        "social_weight": 1.0,
    },
    # Cheng and Jin, "A Competitive Swarm Optimizer for Large Scale Optimization", 2015. They take 100 particles and more; at
    # equal cost 48 did better on every network of docs/quality.md.
    "competitive": {
        "swarm_size": 48,
        "inertia_weight": 1.0,
        "social_weight": 1.0,
        "update_rule": "competitive",
    },
}


NAMED_GENOMES = tuple(_NAMED)


def named_genome(name: str, **genes: Any) -> Genome:
    """A swarm of the literature, "constriction", "spso2007" or "competitive", or our own "local".

    ``genes`` (`hidden_layers`, say) replace those that it brings.

    Raises `GenomeError` for another name, an unknown gene, or values that make no swarm.
    """
    if name not in _NAMED:
        raise GenomeError(
            f"No genome is named {name!r}.", expected="one of " + ", ".join(NAMED_GENOMES)
        )
    return Genome.from_dict({**_NAMED[name], **genes})
