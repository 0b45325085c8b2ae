"""Shoal trains small neural networks without gradients.

A particle swarm optimises the weights, a genetic algorithm tunes the swarm's hyperparameters and
the layer sizes, and every training is recorded::

    data = shoal.load_dataset("concrete")
    result = shoal.train(data, shoal.Genome(), iterations=500)
    run = shoal.search(data, generations=10)

This module imports nothing heavy: each public name is imported on first use.

Start reading with `shoal.api`, whose `train` and `search` are the two ways into everything else.
docs/architecture.md shows the packages and which may import which.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shoal._version import __version__

if TYPE_CHECKING:
    from shoal.api import SearchResult, TrainResult, load_run, search, train
    from shoal.data import Dataset, load_dataset
    from shoal.data.diagnostics import check
    from shoal.errors import ShoalError, ShoalWarning
    from shoal.estimators import SwarmClassifier, SwarmRegressor
    from shoal.export.optuna_study import import_study
    from shoal.functions.definition import FunctionProblem, function
    from shoal.functions.minimization import MinimizeResult, minimize
    from shoal.functions.swarm import Swarm
    from shoal.genome.genome import Genome
    from shoal.genome.presets import named_genome
    from shoal.manager import TrainManager
    from shoal.models.files import load_model
    from shoal.models.model import Model
    from shoal.models.policies import load_policy
    from shoal.objectives.decoders import Decoder, decoder
    from shoal.objectives.definition import RowLoss, TableObjective, objective, row_loss
    from shoal.orchestration.callbacks import Callback
    from shoal.search_estimators import SwarmSearchClassifier, SwarmSearchRegressor
    from shoal.settings.search_settings import SearchSettings
    from shoal.simulations.definition import Simulation, simulation
    from shoal.simulations.gym import environment
    from shoal.store import Store, open_store
    from shoal.tuning.samplers.base import Sampler

# Public names by module, imported on first use: `import shoal` alone costs nothing.
_HOMES = {
    "load_run": "api",
    "SearchResult": "api",
    "TrainResult": "api",
    "search": "api",
    "train": "api",
    "Dataset": "data",
    "check": "data.diagnostics",
    "load_dataset": "data",
    "ShoalError": "errors",
    "ShoalWarning": "errors",
    "SwarmClassifier": "estimators",
    "SwarmRegressor": "estimators",
    "import_study": "export.optuna_study",
    "FunctionProblem": "functions.definition",
    "function": "functions.definition",
    "MinimizeResult": "functions.minimization",
    "minimize": "functions.minimization",
    "Swarm": "functions.swarm",
    "Genome": "genome.genome",
    "named_genome": "genome.presets",
    "TrainManager": "manager",
    "load_model": "models.files",
    "load_policy": "models.policies",
    "Model": "models.model",
    "Decoder": "objectives.decoders",
    "decoder": "objectives.decoders",
    "RowLoss": "objectives.definition",
    "TableObjective": "objectives.definition",
    "objective": "objectives.definition",
    "row_loss": "objectives.definition",
    "Callback": "orchestration.callbacks",
    "SwarmSearchClassifier": "search_estimators",
    "SwarmSearchRegressor": "search_estimators",
    "SearchSettings": "settings.search_settings",
    "Store": "store",
    "open_store": "store",
    "Sampler": "tuning.samplers.base",
    "Simulation": "simulations.definition",
    "environment": "simulations.gym",
    "simulation": "simulations.definition",
}

__all__ = [
    "Callback",
    "Dataset",
    "Decoder",
    "FunctionProblem",
    "Genome",
    "MinimizeResult",
    "Model",
    "RowLoss",
    "Sampler",
    "SearchResult",
    "SearchSettings",
    "ShoalError",
    "ShoalWarning",
    "Simulation",
    "Store",
    "Swarm",
    "SwarmClassifier",
    "SwarmRegressor",
    "SwarmSearchClassifier",
    "SwarmSearchRegressor",
    "TableObjective",
    "TrainManager",
    "TrainResult",
    "__version__",
    "check",
    "decoder",
    "environment",
    "function",
    "import_study",
    "load_dataset",
    "load_model",
    "load_policy",
    "load_run",
    "minimize",
    "named_genome",
    "objective",
    "open_store",
    "row_loss",
    "search",
    "simulation",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'shoal' has no attribute {name!r}")

    module = import_module(f"shoal.{_HOMES[name]}")
    value = getattr(module, name)
    # The next access finds it without coming here.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
