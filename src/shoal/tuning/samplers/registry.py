"""Samplers by name."""

from __future__ import annotations

from importlib.util import find_spec

from shoal.errors import SettingsError
from shoal.numerics.philox import Key
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.samplers.base import Sampler
from shoal.tuning.samplers.cmaes import CmaesSampler
from shoal.tuning.samplers.genetic import GeneticSampler
from shoal.tuning.samplers.random_search import RandomSampler
from shoal.tuning.samplers.tpe import TpeSampler

SEARCHES = {
    "genetic": "Genetic search",
    "random": "Random search",
    "tpe": "TPE search",
    "cmaes": "CMA-ES search",
}


_PACKAGES = {"tpe": "optuna", "cmaes": "cmaes"}


def make_sampler(settings: SearchSettings, key: Key) -> Sampler:
    """The sampler that the settings name. Raises `SettingsError` where what it needs is not installed."""
    check_sampler_installed(settings.sampler)
    return _SAMPLERS[settings.sampler](settings, key)


def check_sampler_installed(sampler: str) -> None:
    """Raises `SettingsError` when what the sampler needs is not installed here."""
    package = _PACKAGES.get(sampler)
    if package is not None and find_spec(package) is None:
        raise SettingsError(
            f"sampler={sampler!r} needs the package {package}, which is not installed.",
            remedy="pip install 'shoal[analysis]'",
        )


_SAMPLERS: dict[str, type[Sampler]] = {
    "genetic": GeneticSampler,
    "random": RandomSampler,
    "tpe": TpeSampler,
    "cmaes": CmaesSampler,
}
