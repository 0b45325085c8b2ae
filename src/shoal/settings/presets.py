"""The presets of a search: each says in one place what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Choices = Mapping[str, tuple[str, ...]]

DEFAULT_PRESET = "modern"

# What a run did whose record does not name these settings: they are younger than the record.
RECORDED_DEFAULTS: dict[str, Any] = {
    "racing": "fixed",
    "growth": 1,
    "equal_effort": False,
    "finalists": 0,
    "extra_genes": (),
    "start": (),
    "patience": None,
}

# The values of each categorical gene at the time of the runs whose records do not name them. Since
# then a record names the values of every gene that is searched, so nothing is ever added here: a
# value that the registries learn later would make an old run draw other genomes.
RECORDED_VALUES: Choices = {
    "informant_strategy": ("random", "nearest", "ring", "rewired"),
    "attractor": ("best", "position"),
    "activation": ("relu", "tanh", "sigmoid", "leaky_relu", "gelu"),
    "update_rule": ("informed", "competitive"),
    "initialisation": ("plain", "fan_in"),
}


@dataclass(frozen=True, slots=True)
class Preset:
    """What a preset means for the settings that a user does not give.

    Attributes
    ----------
    name
        The value of the setting ``preset``.
    defaults
        Settings that differ from the defaults of `SearchSettings`.
    choices
        Allowed values of categorical genes, unless the setting ``choices`` names others.
    recorded_choices
        What ``choices`` were when runs were recorded that do not know the setting ``racing``.
    patience_share
        The patience of a training as a share of ``iterations``, 1 / ``patience_share``; None for a
        search that waits until a training's last iteration.
    """

    name: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    choices: Choices = field(default_factory=dict)
    recorded_choices: Choices = field(default_factory=dict)
    patience_share: int | None = None

    def patience(self, iterations: int) -> int | None:
        """The patience of a training of full length, in iterations."""
        if self.patience_share is None:
            return None
        return max(1, iterations // self.patience_share)


_CLASSIC_CHOICES = {
    "informant_strategy": ("nearest",),
    "attractor": ("position",),
    "activation": ("relu",),
}

MODERN = Preset(
    "modern",
    defaults={
        "generations": 4,
        "repeats": 2,
        "max_repeats": 8,
        "iterations": 1200,
        "min_improvement": 0.01,
        "extra_genes": ("update_rule",),
        # Equally good on tables (docs/quality.md), the best first.
        "start": ("competitive", "local", "constriction", "spso2007"),
    },
    choices={"attractor": ("best",), "activation": ("relu", "tanh")},
    recorded_choices={"attractor": ("best",), "activation": ("relu",)},
    patience_share=5,
)

# The student system's search, as its users knew it.
CLASSIC = Preset(
    "classic",
    defaults={**RECORDED_DEFAULTS, "baselines": False},
    choices=_CLASSIC_CHOICES,
    recorded_choices=_CLASSIC_CHOICES,
)

PRESETS = {preset.name: preset for preset in (MODERN, CLASSIC)}
