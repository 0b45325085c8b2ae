"""Shoal: neural networks trained by particle swarms, swarms tuned by a genetic algorithm, every training kept.

data = shoal.load_dataset("concrete")
result = shoal.train(data, shoal.Genome(), iterations=500)
run = shoal.search(data, generations=10)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shoal._version import __version__

if TYPE_CHECKING:
    from shoal.api import SearchResult, TrainResult, search, train
    from shoal.data import Dataset, load_dataset
    from shoal.errors import ShoalError
    from shoal.estimators import SwarmClassifier, SwarmRegressor
    from shoal.genome.genome import Genome
    from shoal.genome.presets import named_genome
    from shoal.manager import TrainManager
    from shoal.settings.search_settings import SearchSettings
    from shoal.store import Store, open_store
    from shoal.tuning.samplers.base import Sampler

# Public names by module, imported on first use: `import shoal` alone costs nothing.
_HOMES = {
    "SearchResult": "api",
    "TrainResult": "api",
    "search": "api",
    "train": "api",
    "Dataset": "data",
    "load_dataset": "data",
    "ShoalError": "errors",
    "SwarmClassifier": "estimators",
    "SwarmRegressor": "estimators",
    "Genome": "genome.genome",
    "named_genome": "genome.presets",
    "TrainManager": "manager",
    "SearchSettings": "settings.search_settings",
    "Store": "store",
    "open_store": "store",
    "Sampler": "tuning.samplers.base",
}

__all__ = [
    "Dataset",
    "Genome",
    "Sampler",
    "SearchResult",
    "SearchSettings",
    "ShoalError",
    "Store",
    "SwarmClassifier",
    "SwarmRegressor",
    "TrainManager",
    "TrainResult",
    "__version__",
    "load_dataset",
    "named_genome",
    "open_store",
    "search",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'shoal' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(f"shoal.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
