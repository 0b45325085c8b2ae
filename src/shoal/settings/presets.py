"""The presets of a search: each says in one place what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shoal.genome.genes import NETWORK_GENES, READOUT_GENES

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
    "incumbent": False,
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
    start_ranges
        Ranges of numeric genes in a first generation, where they are not those of
        `shoal.genome.genes`.
    start_layers
        The hidden layers of a first generation, where they are not those of `SearchSpace`.
    network
        Whether swarms find the weights of a network. Otherwise genomes have no genes of one.
    targets
        Whether networks have targets, which an output layer can be fitted to.
    """

    name: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    choices: Choices = field(default_factory=dict)
    recorded_choices: Choices = field(default_factory=dict)
    start_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    start_layers: tuple[int, ...] | None = None
    network: bool = True
    targets: bool = True

    @property
    def meaningless_genes(self) -> tuple[str, ...]:
        """Genes that mean nothing for what is searched."""
        if not self.network:
            return NETWORK_GENES
        if not self.targets:
            return READOUT_GENES
        return ()


_CLASSIC_CHOICES = {
    "informant_strategy": ("nearest",),
    "attractor": ("position",),
    "activation": ("relu",),
}

MODERN = Preset(
    "modern",
    defaults={
        "generations": 2,
        "repeats": 1,
        "max_repeats": 4,
        "iterations": 1600,
        "min_improvement": 0.01,
        "finalists": 3,
        "incumbent": True,
        "final_factor": 4,
        "extra_genes": ("update_rule", "initialisation", "readout", "ridge"),
        # The best on tables first (docs/reports/tuning.md).
        "start": ("solved_fine", "solved", "competitive"),
    },
    choices={"attractor": ("best",), "activation": ("relu", "tanh")},
    recorded_choices={"attractor": ("best",), "activation": ("relu",)},
)

# The student system's search, as its users knew it.
CLASSIC = Preset(
    "classic",
    defaults={**RECORDED_DEFAULTS, "baselines": False},
    choices=_CLASSIC_CHOICES,
    recorded_choices=_CLASSIC_CHOICES,
)

# Policies of simulations. Their weights are larger than those of networks of scaled tables: what an
# action depends on sharply takes steep neurons (benchmarks/simulations.py).
SIMULATION = Preset(
    "simulation",
    defaults={
        **MODERN.defaults,
        "generations": 2,
        "repeats": 2,
        "max_repeats": 4,
        "iterations": 100,
        "incumbent": False,
        "finalists": 3,
        "confirmations": 3,
        "final_factor": 2,
        "networks": 3,
        "baselines": False,
        "extra_genes": ("update_rule", "velocity_end"),
        "start": ("policy", "policy_large", "policy_competitive", "policy_linear"),
        "max_depth": 2,
        "max_width": 32,
        "bounds": {
            "swarm_size": (8, 200),
            "jump_size": (1e-2, 2.0),
            "max_velocity": (1e-3, 10.0),
            "max_position": (0.1, 100.0),
            "weight_scale": (1e-3, 10.0),
            "bias_scale": (1e-3, 10.0),
        },
    },
    choices={"attractor": ("best",), "activation": ("tanh", "relu")},
    start_ranges={
        "swarm_size": (32, 80),
        "num_informants": (2, 8),
        "cognitive_weight": (0.8, 2.0),
        "social_weight": (0.8, 2.0),
        "global_best_weight": (0.0, 0.3),
        "jump_size": (0.5, 1.0),
        "max_velocity": (0.3, 4.0),
        "max_position": (10.0, 60.0),
        "weight_scale": (0.5, 4.0),
        "bias_scale": (0.3, 2.0),
    },
    start_layers=(8,),
    targets=False,
)

# Functions. A swarm is tuned for the evaluations that one minimisation is given, so that all of
# them are equally long: in the search, in the confirmation, and in every rung of a race.
FUNCTION = Preset(
    "function",
    defaults={
        **MODERN.defaults,
        "generations": 4,
        "incumbent": False,
        "repeats": 4,
        "max_repeats": 32,
        "growth": 1,
        "iterations": 300,
        "patience": None,
        "finalists": 4,
        "confirmations": 20,
        "final_factor": 1,
        "baselines": False,
        "extra_genes": ("update_rule", "inertia_end", "velocity_end"),
        "start": ("function_local", "function_competitive", "constriction", "spso2007"),
        "bounds": {
            "swarm_size": (6, 200),
            "jump_size": (0.1, 2.0),
            "max_velocity": (1e-3, 2.0),
        },
    },
    choices={"attractor": ("best",)},
    start_ranges={
        "swarm_size": (10, 80),
        "num_informants": (1, 8),
        "cognitive_weight": (0.5, 2.0),
        "social_weight": (0.5, 2.0),
        "global_best_weight": (0.0, 0.5),
        "jump_size": (0.5, 1.0),
        "max_velocity": (0.1, 1.0),
        "inertia_end": (0.3, 1.0),
    },
    network=False,
    targets=False,
)

PRESETS = {preset.name: preset for preset in (MODERN, CLASSIC, SIMULATION, FUNCTION)}
