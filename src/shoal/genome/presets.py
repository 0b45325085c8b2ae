"""Genomes that the literature knows by name."""

from __future__ import annotations

import math
import reprlib
from typing import Any

from shoal.errors import GenomeError
from shoal.genome.genome import Genome
from shoal.update_rules.competitive import COMPETITIVE

_POLICY: dict[str, Any] = {
    "swarm_size": 48,
    "num_informants": 5,
    "inertia_weight": 0.73,
    "cognitive_weight": 1.49,
    "social_weight": 1.49,
    "max_velocity": 2.0,
    "max_position": 30.0,
    "weight_scale": 2.0,
    "bias_scale": 1.0,
    "velocity_end": 0.2,
}

_LOCAL: dict[str, Any] = {
    "swarm_size": 48,
    "num_informants": 5,
    "inertia_weight": 0.75,
    "cognitive_weight": 1.0,
    "social_weight": 1.0,
}

_COMPETITIVE: dict[str, Any] = {
    "swarm_size": 48,
    "update_rule": COMPETITIVE.name,
    **COMPETITIVE.coefficients,
}

_SOLVED: dict[str, Any] = {
    **_COMPETITIVE,
    "hidden_layers": (64,),
    "readout": "solved",
    "ridge": 3e-3,
    "initialisation": "fan_in",
    "weight_scale": 0.9,
    "bias_scale": 0.5,
}

# What the literature recommends. Where it names no limits, those of `Genome` suit networks on
# standardised data.
_NAMED: dict[str, dict[str, Any]] = {
    # Clerc and Kennedy, "The Particle Swarm - Explosion, Stability, and Convergence in a
    # Multidimensional Complex Space", 2002.
    "constriction": {
        "swarm_size": 48,
        "num_informants": 3,
        "inertia_weight": 0.7298,
        "cognitive_weight": 1.49618,
        "social_weight": 1.49618,
    },
    # Clerc, "Standard Particle Swarm Optimisation", 2012: its version of 2007.
    "spso2007": {
        "swarm_size": 40,
        "num_informants": 3,
        "inertia_weight": 1 / (2 * math.log(2)),
        "cognitive_weight": 0.5 + math.log(2),
        "social_weight": 0.5 + math.log(2),
        "informant_strategy": "rewired",
    },
    # The best informed swarm of docs/reports/tuning.md: a local best of five informants, and
    # weaker pulls.
    "local": _LOCAL,
    # Cheng and Jin, "A Competitive Swarm Optimizer for Large Scale Optimization", 2015. They take
    # 100 particles and more; at equal cost 48 did better on every network of
    # docs/reports/tuning.md.
    "competitive": _COMPETITIVE,
    # Particles hold one wide hidden layer, and the output layer is solved: variants are in
    # benchmarks/readout.py.
    "solved": _SOLVED,
    "solved_wide": {**_SOLVED, "hidden_layers": (128,)},
    # For long trainings, and several networks together: they differ more the smaller the ridge is.
    "solved_fine": {**_SOLVED, "hidden_layers": (128,), "ridge": 1e-3},
    # Swarms that find policies of simulations, chosen by benchmarks/simulations.py: their weights
    # are larger than those of networks on standardised data. Clerc's coefficients, five informants.
    "policy": _POLICY,
    # With rectifiers the best for the pendulum.
    "policy_large": {**_POLICY, "swarm_size": 64},
    # Half as many evaluations in an iteration.
    "policy_competitive": {
        "swarm_size": 64,
        "update_rule": COMPETITIVE.name,
        **COMPETITIVE.coefficients,
        "max_velocity": 1.0,
        "max_position": 30.0,
        "weight_scale": 1.0,
        "bias_scale": 1.0,
    },
    # For actions that are nearly linear in what is observed, as orders of an inventory are.
    "policy_linear": {
        **_POLICY,
        "max_velocity": 0.5,
        "max_position": 10.0,
        "weight_scale": 0.5,
        "bias_scale": 0.5,
    },
    # Those of `shoal.minimize`. The box of a function is 2 wide: a particle may cross it in two
    # iterations.
    "function_local": {**_LOCAL, "max_velocity": 1.0},
    "function_competitive": {**_COMPETITIVE, "swarm_size": 64, "max_velocity": 1.0},
}

NAMED_GENOMES = tuple(_NAMED)


def named_genome(name: str, **genes: Any) -> Genome:
    """Make a swarm that the literature recommends.

    Parameters
    ----------
    name
        "constriction", "spso2007" or "competitive", or our own "local" and "solved"; for policies
        "policy", "policy_large", "policy_competitive" or "policy_linear"; for functions
        "function_local" or "function_competitive".
    **genes
        Replace those that the swarm brings, ``hidden_layers`` for example.

    Raises
    ------
    GenomeError
        For another name, an unknown gene, or values that make no swarm.

    Examples
    --------
    >>> named_genome("spso2007", hidden_layers=(8,)).swarm_size
    40
    """
    if not isinstance(name, str) or name not in _NAMED:
        raise GenomeError(
            f"No genome is named {reprlib.repr(name)}.",
            expected="one of " + ", ".join(NAMED_GENOMES),
        )
    return Genome.from_dict({**_NAMED[name], **genes})


def check_genome(genome: object) -> None:
    """Check that this is a genome, and not the name of one or its genes.

    Raises
    ------
    GenomeError
        It is not.
    """
    if isinstance(genome, Genome):
        return
    remedy = "shoal.Genome(...) makes one"
    if isinstance(genome, dict):
        remedy = "shoal.Genome.from_dict(...) makes one of a dict"
    elif isinstance(genome, str):
        remedy = "shoal.named_genome(NAME) makes one; names are " + ", ".join(NAMED_GENOMES)
        if genome in _NAMED:
            remedy = f'shoal.named_genome("{genome}") makes it one'
    raise GenomeError(
        f"genome={reprlib.repr(genome)} is no genome.", expected="a shoal.Genome", remedy=remedy
    )
