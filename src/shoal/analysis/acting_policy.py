"""The policy that a champion is: its weights, what is known of it, and how it answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal._version import __version__
from shoal.inference.policy import ExportedPolicy, read_policy
from shoal.problems.simulation import SCORE, SimulationProblem
from shoal.simulations.gym import GymSimulation
from shoal.tuning.champion import Champion


def policy_model(champion: Champion, problem: SimulationProblem, run_id: int) -> dict[str, Any]:
    """What policy.py reads beside the weights, and what people want to know of the policy."""
    simulation = problem.simulation
    record = problem.to_dict()
    test = champion.ensemble.test
    model = {
        "format": 1,
        "kind": "policy",
        "shoal": __version__,
        "run": run_id,
        "name": simulation.name,
        "simulation": record["reference"],
        "sha256": record["sha256"],
        "options": dict(simulation.options),
        "layers": list(problem.network(champion.genome).layers),
        "activation": champion.genome.activation,
        "observations": list(simulation.observations),
        "actions": list(simulation.actions),
        "direction": simulation.direction,
        "unit": simulation.unit,
        "test_score": test[SCORE] if test is not None else None,
        "test_scenarios": problem.settings.test_scenarios,
    }
    if isinstance(simulation, GymSimulation):
        return {**model, "format": 2, "environment": simulation.ends.to_dict()}
    return model


def acting_weights(champion: Champion) -> NDArray[np.float32]:
    """The weights of the one policy that acts, (1, D)."""
    acting = int(np.argmax(champion.shares))
    return champion.weights[acting : acting + 1]


def acting_policy(champion: Champion, problem: SimulationProblem, run_id: int) -> ExportedPolicy:
    """The policy as `shoal.load_policy` reads it from an export of the run."""
    weights = acting_weights(champion)[0]
    return read_policy(policy_model(champion, problem, run_id), weights)
