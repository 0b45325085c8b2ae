"""Makes the sampler that a search's settings name: one of Shoal's, or a user's own."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from shoal.errors import SettingsError
from shoal.numerics.philox import Key
from shoal.problems.references import check_module
from shoal.problems.user_folders import import_module
from shoal.settings.samplers import OPTUNA, is_own_sampler, sampler_entry
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.samplers.base import Sampler

_log = logging.getLogger(__name__)


def make_sampler(settings: SearchSettings, key: Key) -> Sampler:
    """The sampler that the settings name, at the beginning of a search.

    Raises
    ------
    SettingsError
        When a package that it needs is not installed, when its class cannot be imported here, or
        when its options do not fit.
    CodeChangedError
        When the file of a user's own has another hash than the settings say.
    """
    sampler = _created(settings)
    sampler.begin(settings, key)
    _log.debug("sampler %s with options %s", settings.sampler, settings.sampler_options)
    return sampler


def check_sampler(settings: SearchSettings) -> None:
    """Raises `SettingsError` where `make_sampler` would; for before a search is recorded."""
    _created(settings)


def _created(settings: SearchSettings) -> Sampler:
    entry = sampler_entry(settings.sampler)
    if entry.package is not None and find_spec(entry.package) is None:
        raise SettingsError(
            f"sampler={settings.sampler!r} needs the package {entry.package}, "
            "which is not installed.",
            remedy="pip install 'shoal[analysis]'",
        )

    if is_own_sampler(settings.sampler):
        check_module(entry.path.partition(":")[0], settings.sampler_sha256)
    sampler_class = _imported(entry.path)
    names = {}
    if settings.sampler.startswith(OPTUNA):
        names["name"] = settings.sampler.removeprefix(OPTUNA)
    try:
        return sampler_class(**names, **settings.sampler_options)
    except TypeError as error:
        raise SettingsError(
            f"sampler_options={settings.sampler_options!r} do not fit "
            f"sampler={settings.sampler!r}: {error}.",
            expected="keyword arguments of the sampler's class",
            remedy="correct the options, or leave them out",
        ) from None


def _imported(path: str) -> type[Sampler]:
    """The class at "module:ClassName"."""
    module, _, name = path.partition(":")
    try:
        value: object = import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    # An import runs the module: whatever it raises is why there is no class.
    except Exception as error:
        raise SettingsError(
            f"The sampler {path!r} cannot be imported here: {type(error).__name__}: {error}.",
            expected="a module that this process can import, with the class in it",
            remedy="install its package where this search runs, or put its folder on PYTHONPATH "
            "and start again what runs the search; then `shoal resume` continues the run",
        ) from error

    if not (isinstance(value, type) and issubclass(value, Sampler)):
        raise SettingsError(
            f"{path!r} is no sampler.",
            expected="a class that derives from shoal.Sampler",
            remedy="docs/reference/settings.md shows how to write a sampler",
        )
    return value
