"""Where a search of policies begins and how far it looks, found by measurement.

Policies need larger weights than networks on standardised tables. A pendulum is balanced by outputs
near both limits, and swarms that start small stay small. With a weight scale of 1, a velocity limit
of 0.5 and a position limit of 10, informed swarms stay at about -600; with 2, 2 and 30 they reach
-155 in 31 million steps, which takes six seconds (benchmarks/simulations.py).
"""

from __future__ import annotations

from dataclasses import replace

from shoal.genome.genes import Gene
from shoal.genome.genome import Genome
from shoal.simulations.training import TrainingPlan

# The genes whose bounds differ from those of shoal.genome.genes, in its order.
SIMULATION_GENES: tuple[Gene, ...] = (
    Gene("swarm_size", "Swarm Size", 8, 200, 32, 80, integer=True),
    Gene("num_informants", "Number of Informants", 1, 199, 2, 8, integer=True),
    Gene("cognitive_weight", "Cognitive Weight", 0.0, 4.0, 0.8, 2.0),
    Gene("social_weight", "Social Weight", 0.0, 4.0, 0.8, 2.0),
    Gene("global_best_weight", "Global Best Weight", 0.0, 4.0, 0.0, 0.3),
    Gene("jump_size", "Jump Size", 1e-2, 2.0, 0.5, 1.0, log=True),
    Gene("max_velocity", "Max Velocity", 1e-3, 10.0, 0.3, 4.0, log=True),
    Gene("max_position", "Max Position", 0.1, 100.0, 10.0, 60.0, log=True),
    Gene("weight_scale", "Weight Scale", 1e-3, 10.0, 0.5, 4.0, log=True),
    Gene("bias_scale", "Bias Scale", 1e-3, 10.0, 0.3, 2.0, log=True),
)
START_LAYERS = (8,)
MAX_DEPTH = 2
MAX_WIDTH = 32

# The usual one.
INFORMED = Genome(
    swarm_size=48,
    num_informants=5,
    inertia_weight=0.73,
    cognitive_weight=1.49,
    social_weight=1.49,
    max_velocity=2.0,
    max_position=30.0,
    weight_scale=2.0,
    bias_scale=1.0,
    hidden_layers=START_LAYERS,
    activation="tanh",
    velocity_end=0.2,
)
# With rectifiers: the best one for the pendulum.
RECTIFIED = replace(INFORMED, swarm_size=64, activation="relu")
# It needs half of the evaluations, and is not sure to balance the pendulum.
COMPETITIVE = Genome(
    swarm_size=64,
    inertia_weight=1.0,
    social_weight=1.0,
    max_velocity=1.0,
    max_position=30.0,
    weight_scale=1.0,
    bias_scale=1.0,
    hidden_layers=START_LAYERS,
    activation="tanh",
    update_rule="competitive",
)
# For an inventory, whose orders are nearly linear in what it sees.
INVENTORY = replace(
    INFORMED,
    max_velocity=0.5,
    max_position=10.0,
    weight_scale=0.5,
    bias_scale=0.5,
    activation="relu",
)
START_GENOMES: tuple[Genome, ...] = (INFORMED, RECTIFIED, COMPETITIVE, INVENTORY)

# What a training costs when nobody says otherwise: seconds, compiled.
USUAL_PLAN = TrainingPlan(iterations=150, scenarios=4, validation_scenarios=100)
PLANS: dict[str, TrainingPlan] = {
    "lost-sales": TrainingPlan(iterations=400, scenarios=1, validation_scenarios=20),
    "pendulum": TrainingPlan(iterations=300, scenarios=4, validation_scenarios=200),
}


def usual_plan(name: str) -> TrainingPlan:
    """How long a policy of a simulation is trained when nobody says otherwise."""
    return PLANS.get(name, USUAL_PLAN)
