"""Where a search of policies begins and how far it looks, found by measurement.

Policies need larger weights than networks on standardised tables. A pendulum is balanced by outputs
near both limits, and swarms that start small stay small. With a weight scale of 1, a velocity limit
of 0.5 and a position limit of 10, informed swarms stay at about -600; with 2, 2 and 30 they reach
-155 in 31 million steps, which takes six seconds (benchmarks/simulations.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.genome.genome import Genome
from shoal.genome.presets import named_genome
from shoal.simulations.training import TrainingPlan

# An informed swarm, the usual one; with rectifiers and slower in the end, the best one for the
# pendulum; a competitive one, which needs half of the evaluations; and one for an inventory, whose
# orders are nearly linear in what it sees.
START_LAYERS = (8,)
INFORMED = named_genome("policy", hidden_layers=START_LAYERS, activation="tanh")
RECTIFIED = named_genome("policy_large", hidden_layers=START_LAYERS, activation="relu")
COMPETITIVE = named_genome("policy_competitive", hidden_layers=START_LAYERS, activation="tanh")
INVENTORY = named_genome("policy_linear", hidden_layers=START_LAYERS, activation="relu")
START_GENOMES: tuple[Genome, ...] = (INFORMED, RECTIFIED, COMPETITIVE, INVENTORY)

# What a training costs when nobody says otherwise: seconds, compiled.
USUAL_PLAN = TrainingPlan(iterations=150, scenarios=4, validation_scenarios=100)
PLANS: dict[str, TrainingPlan] = {
    "lost-sales": TrainingPlan(iterations=400, scenarios=1, validation_scenarios=20),
    "pendulum": TrainingPlan(iterations=300, scenarios=4, validation_scenarios=200),
}

# What a search does otherwise. Its trainings are short where a short one ranks genomes as a long
# one does: the time goes into the confirmation, which trains ``final_factor`` times as long.
SEARCHES: Mapping[str, Mapping[str, Any]] = {
    "lost-sales": {"population": 8, "iterations": 50, "max_repeats": 2, "final_factor": 10},
}


def usual_plan(name: str) -> TrainingPlan:
    """How long a policy of a simulation is trained when nobody says otherwise."""
    return PLANS.get(name, USUAL_PLAN)
