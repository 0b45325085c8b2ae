"""What an export of a policy holds besides what every export holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal._version import __version__
from shoal.inference import policy, standalone
from shoal.inference.policy import ExportedPolicy
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


def exported_policy(model: Mapping[str, Any], weights: NDArray[np.float32]) -> ExportedPolicy:
    """What policy.py makes of a model and its weights (1, D)."""
    environment = model.get("environment")
    if environment is None:
        return ExportedPolicy(dict(model), weights[0])
    inputs = policy.inputs_from_dict(environment["inputs"])
    actions = policy.actions_from_dict(environment["actions"])
    return ExportedPolicy(dict(model), weights[0], inputs, actions)


def policy_programs() -> dict[str, bytes]:
    """The files that run a policy without Shoal."""
    return {
        "shoal_network.py": Path(standalone.__file__).read_bytes(),
        "policy.py": Path(policy.__file__).read_bytes(),
    }
