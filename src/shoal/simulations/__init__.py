"""Simulations: a network is a policy, and random numbers make the world that it acts in.

May import: `shoal.errors`, `shoal.genome`, `shoal.nn`, `shoal.numerics`,
`shoal.objectives`, `shoal.pso`.

Start reading with `definition` (what a user writes). Then `evaluation` (many policies in many
scenarios), `training` (a swarm looks for the weights) and `bundled/` (simulations that come with
Shoal). How one function runs compiled and in plain Python: `memory`, `forward` and `draws`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.simulations.checks import check_simulation
    from shoal.simulations.definition import Simulation, simulation
    from shoal.simulations.evaluation import ScenarioSet, evaluate_policies
    from shoal.simulations.policy import Policy
    from shoal.simulations.registry import get_simulation
    from shoal.simulations.scenario import Scenario
    from shoal.simulations.trace import trace_episode
    from shoal.simulations.training import TrainingPlan, train_policy

# By module, imported on first use: who only defines a simulation does not wait for a compiler.
_HOMES = {
    "Policy": "policy",
    "Scenario": "scenario",
    "ScenarioSet": "evaluation",
    "Simulation": "definition",
    "TrainingPlan": "training",
    "check_simulation": "checks",
    "evaluate_policies": "evaluation",
    "get_simulation": "registry",
    "simulation": "definition",
    "trace_episode": "trace",
    "train_policy": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    module = import_module(f"{__name__}.{_HOMES[name]}")
    value = getattr(module, name)
    globals()[name] = value
    return value


__all__ = [
    "Policy",
    "Scenario",
    "ScenarioSet",
    "Simulation",
    "TrainingPlan",
    "check_simulation",
    "evaluate_policies",
    "get_simulation",
    "simulation",
    "trace_episode",
    "train_policy",
]
