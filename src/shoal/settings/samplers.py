"""Samplers by name: the registry of Shoal's own, and references to a user's own.

The setting ``sampler`` is text, so that a search can be recorded, and resumed in another process.
It is a name of the registry ("tpe"), names a class of Optuna's ("optuna:TPESampler"), or says where
a class can be imported from ("package.module:ClassName"). This module only knows the texts.
`shoal.tuning.samplers.registry` imports the classes.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Any

from shoal.errors import SettingsError

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True)
class SamplerEntry:
    """One sampler that the setting ``sampler`` can name.

    Attributes
    ----------
    name
        The value of the setting.
    label
        What people call a search with it.
    path
        Where its class is imported from, "module:ClassName".
    package
        The package that it needs beyond those of Shoal; None for no other.
    proposal
        How it proposes genomes, to complete "Random search ...". None says that genomes have
        parents.
    starts_anywhere
        Whether its first genomes come from the whole bounds. Others start in the initial ranges,
        or near them; the estimate of a search's cost reads it.
    """

    name: str
    label: str
    path: str
    package: str | None = None
    proposal: str | None = None
    starts_anywhere: bool = False


SAMPLERS = {
    entry.name: entry
    for entry in (
        SamplerEntry(
            "genetic",
            "Genetic search",
            "shoal.tuning.samplers.genetic:GeneticSampler",
        ),
        SamplerEntry(
            "random",
            "Random search",
            "shoal.tuning.samplers.random_search:RandomSampler",
            proposal="draws every genome anew",
            starts_anywhere=True,
        ),
        SamplerEntry(
            "tpe",
            "TPE search",
            "shoal.tuning.samplers.tpe:TpeSampler",
            package="optuna",
            proposal="draws genomes from densities of all that it has met",
        ),
        SamplerEntry(
            "cmaes",
            "CMA-ES search",
            "shoal.tuning.samplers.cmaes:CmaesSampler",
            package="cmaes",
            proposal="draws genomes from a distribution that it moves",
        ),
    )
}


# Before the name of a class of Optuna's.
OPTUNA = "optuna:"


def is_own_sampler(sampler: str) -> bool:
    """Whether a value of the setting says where a user's own sampler is."""
    return sampler not in SAMPLERS and not sampler.startswith(OPTUNA)


def sampler_entry(sampler: str) -> SamplerEntry:
    """The entry of a value of the setting ``sampler``; for a user's own one is made."""
    if sampler in SAMPLERS:
        return SAMPLERS[sampler]
    if sampler.startswith(OPTUNA):
        return SamplerEntry(
            sampler,
            f"Optuna's {sampler.removeprefix(OPTUNA)}",
            "shoal.tuning.samplers.optuna:OptunaSampler",
            package="optuna",
            proposal=f"asks Optuna's {sampler.removeprefix(OPTUNA)} for genomes",
            starts_anywhere=True,
        )

    class_name = sampler.rpartition(":")[2]
    return SamplerEntry(
        sampler, f"Search by {class_name}", sampler, proposal="proposes genomes in its own way"
    )


def check_sampler_name(sampler: str) -> str:
    """``sampler`` itself; raises `ValueError` unless it names a sampler or says where one is."""
    if sampler in SAMPLERS or _PATH.fullmatch(sampler):
        return sampler

    names = ", ".join(repr(name) for name in SAMPLERS)
    raise ValueError(f"Input should be {names}, 'optuna:ClassName' or 'package.module:ClassName'")


def check_sampler_options(options: dict[str, Any]) -> dict[str, Any]:
    """``options`` as a record gives them back; raises `ValueError` where JSON and TOML cannot."""
    try:
        recorded: dict[str, Any] = json.loads(json.dumps(options, allow_nan=False))
    except (TypeError, ValueError):
        recorded = {}

    if recorded != _with_lists(options) or _has_none(recorded):
        raise ValueError(
            "Input should be a table of numbers, texts, true or false, "
            "and lists and tables of these"
        )
    return recorded


def describe_sampler(sampler: object) -> tuple[str, dict[str, Any]]:
    """The settings ``sampler`` and ``sampler_options`` of a sampler object or class.

    Parameters
    ----------
    sampler
        A class that keeps the contract of `shoal.tuning.samplers.base.Sampler`, or an instance
        of one, whose ``options()`` are what it was made with.

    Raises
    ------
    SettingsError
        When it is no sampler, or when another process could not import its class by name.
    """
    if isinstance(sampler, type):
        sampler_class = sampler
        options = {}
    else:
        sampler_class = type(sampler)
        options = _options_of(sampler)

    if not callable(getattr(sampler_class, "population", None)):
        raise SettingsError(
            f"sampler={sampler!r} is no sampler.",
            expected="a name, or a class or an object that derives from shoal.Sampler",
            remedy="docs/reference/settings.md shows how to write a sampler",
        )

    path = _import_path(sampler_class)
    for entry in SAMPLERS.values():
        if entry.path == path:
            return entry.name, options
    return path, options


def _options_of(sampler: object) -> dict[str, Any]:
    options = getattr(sampler, "options", None)
    if not callable(options):
        return {}
    return dict(options())


def _import_path(sampler_class: type) -> str:
    """Where the class can be imported from; raises `SettingsError` where another process cannot."""
    module = sampler_class.__module__
    name = sampler_class.__qualname__
    reason = None
    if module == "__main__":
        reason = "is defined in the script or notebook that runs, which no other process can import"
    elif "<locals>" in name:
        reason = "is defined inside a function, where no other process can find it"
    elif _attribute(module, name) is not sampler_class:
        reason = f"is not what the module {module} calls {name}"

    if reason is not None:
        raise SettingsError(
            f"The sampler {name} {reason}.",
            expected="a class at the top level of a module that can be imported by its name",
            remedy="move the class into a file of its own, in an installed package or in a folder "
            "that PYTHONPATH names, and import it from there",
        )
    return f"{module}:{name}"


def _attribute(module: str, name: str) -> object:
    value: object = sys.modules.get(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _with_lists(value: Any) -> Any:
    """``value`` with lists in place of tuples, which JSON does not tell apart."""
    if isinstance(value, dict):
        return {key: _with_lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_lists(item) for item in value]
    return value


def _has_none(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_none(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_none(item) for item in value)
    return value is None
