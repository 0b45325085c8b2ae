"""The genome: a swarm's hyperparameters and its network's topology, and the one table of their bounds."""

from __future__ import annotations

import hashlib
import json
import numbers
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from shoal.errors import GenomeError
from shoal.network import ACTIVATIONS

INFORMANT_STRATEGIES = ("random", "nearest", "ring", "rewired")
ATTRACTORS = ("best", "position")


@dataclass(frozen=True, slots=True)
class Gene:
    """One numeric gene: its bounds [low, high], the range [start_low, start_high] of a first generation, and how it moves.

    ``log``: its bounds span decades, so a mutation's step is a share of the logarithm's range (docs/decisions/0003).
    """

    name: str
    label: str
    low: float
    high: float
    start_low: float
    start_high: float
    integer: bool = False
    log: bool = False


NUMERIC_GENES: tuple[Gene, ...] = (
    Gene("swarm_size", "Swarm Size", 4, 200, 10, 50, integer=True),
    Gene("num_informants", "Number of Informants", 1, 199, 1, 5, integer=True),  # and below swarm_size
    Gene("inertia_weight", "Inertia Weight", 0.0, 2.0, 0.4, 0.9),
    Gene("cognitive_weight", "Cognitive Weight", 0.0, 4.0, 1.0, 3.0),
    Gene("social_weight", "Social Weight", 0.0, 4.0, 0.5, 2.0),
    Gene("global_best_weight", "Global Best Weight", 0.0, 4.0, 0.1, 1.0),
    Gene("jump_size", "Jump Size", 1e-4, 2.0, 0.01, 1.0, log=True),
    Gene("max_velocity", "Max Velocity", 1e-6, 10.0, 0.001, 1.0, log=True),
    Gene("max_position", "Max Position", 1e-3, 100.0, 0.1, 10.0, log=True),
    Gene("weight_scale", "Weight Scale", 1e-4, 1.0, 1e-4, 0.1, log=True),
    Gene("bias_scale", "Bias Scale", 1e-8, 1.0, 1e-4, 0.1, log=True),
)
CATEGORICAL_GENES: dict[str, tuple[str, ...]] = {
    "informant_strategy": INFORMANT_STRATEGIES,
    "attractor": ATTRACTORS,
    "activation": ACTIVATIONS,
}
FLOAT32_MAX = 3.4028235e38
MAX_DEPTH, MAX_WIDTH, START_LAYERS = 3, 1024, (32, 16)


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Genome:
    """What evolution changes. The symbols are those of the update rule (swarm.py).

    The constructor takes any value that makes a swarm, also beyond a search's bounds; it raises `GenomeError` for one
    that makes none. The defaults are Clerc and Kennedy's constriction coefficients (2002) on a local-best swarm.
    """

    swarm_size: int = 48
    num_informants: int = 3
    inertia_weight: float = 0.7298  # w
    cognitive_weight: float = 1.49618  # c1
    social_weight: float = 1.49618  # c2
    global_best_weight: float = 0.0  # c3
    jump_size: float = 1.0
    max_velocity: float = 0.5  # vmax, of one weight in one iteration
    max_position: float = 10.0  # xmax, of one weight
    weight_scale: float = 0.1  # standard deviation of the initial weights
    bias_scale: float = 0.1  # every initial bias
    hidden_layers: tuple[int, ...] = field(default=START_LAYERS)
    activation: str = "relu"
    informant_strategy: str = "random"
    attractor: str = "best"

    def __post_init__(self) -> None:
        for gene in NUMERIC_GENES:
            value = getattr(self, gene.name)
            if not _is_real(value) or not abs(value) <= FLOAT32_MAX or (gene.integer and value != int(value)):
                raise GenomeError(
                    f"{gene.name}={reprlib.repr(value)} is not a {'whole' if gene.integer else 'finite float32'} number.",
                    expected=f"a number, in a search between {gene.low:g} and {gene.high:g}",
                )
            object.__setattr__(self, gene.name, int(value) if gene.integer else float(value))
        if self.swarm_size < 2:
            raise GenomeError(f"swarm_size={self.swarm_size}.", expected="at least 2 particles")
        if not 1 <= self.num_informants < self.swarm_size:
            raise GenomeError(
                f"num_informants={self.num_informants} in a swarm of {self.swarm_size}.",
                expected=f"1 to {self.swarm_size - 1}: a particle does not inform itself",
            )
        for name in ("jump_size", "max_velocity", "max_position"):
            if getattr(self, name) <= 0.0:
                raise GenomeError(f"{name}={getattr(self, name)}.", expected="more than 0")
        for name in ("inertia_weight", "cognitive_weight", "social_weight", "global_best_weight", "weight_scale"):
            if getattr(self, name) < 0.0:
                raise GenomeError(f"{name}={getattr(self, name)}.", expected="0 or more")
        try:
            layers = tuple(self.hidden_layers)
        except TypeError:
            layers = (0,)
        if not all(_is_real(width) and 1 <= width <= FLOAT32_MAX and width == int(width) for width in layers):
            text = reprlib.repr(self.hidden_layers)
            raise GenomeError(f"hidden_layers={text}.", expected="whole numbers of neurons, 1 or more each")
        layers = tuple(int(width) for width in layers)
        object.__setattr__(self, "hidden_layers", layers)
        for name, choices in CATEGORICAL_GENES.items():
            if getattr(self, name) not in choices:
                raise GenomeError(f"{name}={getattr(self, name)!r}.", expected="one of " + ", ".join(choices))

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-able values; ``hidden_layers`` is a list."""
        return asdict(self) | {"hidden_layers": list(self.hidden_layers)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Genome:
        """The reverse of `to_dict`. Missing fields take their defaults; an unknown one raises `GenomeError`."""
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise GenomeError(f"Unknown gene {unknown[0]!r}.", expected=f"one of {known}")
        return cls(
            **{**values, **({"hidden_layers": tuple(values["hidden_layers"])} if "hidden_layers" in values else {})}
        )

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that name the genome: equal genomes, equal names, on every machine."""
        return _hash(self)

    @property
    def stability_margin(self) -> float:
        """How far inside (positive) or outside (negative) the order-2 stable region the swarm moves, clamps ignored.

        With ``a = jump (c1, c2, c3)``, ``mu = sum(a) / 2`` and ``s2 = sum(a^2) / 12``: stable iff ``|w| < 1``, ``mu > 0`` and
        ``(1 - w) mu (2 (1 + w) - mu) > (1 + w) s2``. The margin is the smallest of ``1 - w``, ``mu`` and that difference;
        for two equal attractors it has the sign of Poli's condition (2009).
        """
        w = self.inertia_weight
        a = [self.jump_size * c for c in (self.cognitive_weight, self.social_weight, self.global_best_weight)]
        mu, s2 = sum(a) / 2, sum(c * c for c in a) / 12
        return min(1 - w, mu, (1 - w) * mu * (2 * (1 + w) - mu) - (1 + w) * s2)


@lru_cache(maxsize=2_000)  # 2 MB, as some processes live for weeks
def _hash(genome: Genome) -> str:
    exact = {k: v.hex() if isinstance(v, float) else v for k, v in genome.to_dict().items()}
    return hashlib.sha256(json.dumps(exact, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Where a search may look: the numeric genes with their bounds, the choices of the others, and the layers' limits."""

    numeric: tuple[Gene, ...] = NUMERIC_GENES
    categorical: tuple[tuple[str, tuple[str, ...]], ...] = tuple(CATEGORICAL_GENES.items())
    max_depth: int = MAX_DEPTH
    max_width: int = MAX_WIDTH
    start_layers: tuple[int, ...] = START_LAYERS

    def narrowed(
        self, bounds: Mapping[str, tuple[float, float]], choices: Mapping[str, tuple[str, ...]]
    ) -> SearchSpace:
        """The space with other bounds and choices; initial ranges are cut to the new bounds. Raises `GenomeError`."""
        genes = {gene.name: gene for gene in self.numeric}
        for name, (low, high) in bounds.items():
            if name not in genes:
                raise GenomeError(
                    f"{name!r} has no bounds: it is no numeric gene.",
                    expected="one of " + ", ".join(genes),
                    remedy="correct the name, or give its values as choices",
                )
            gene = genes[name]
            if gene.integer and (low != int(low) or high != int(high)):
                raise GenomeError(f"Bounds {low}..{high} of {name}.", expected="whole numbers", remedy="round them")
            if not (gene.low <= low <= high <= gene.high):
                raise GenomeError(
                    f"Bounds {low}..{high} of {name} leave nothing to search, or reach too far.",
                    expected=f"low <= high within {gene.low:g}..{gene.high:g}",
                    remedy="correct them, or leave them out",
                )
            start = sorted(min(max(s, low), high) for s in (gene.start_low, gene.start_high))
            genes[name] = replace(gene, low=low, high=high, start_low=start[0], start_high=start[1])
        known = dict(self.categorical)
        for name, allowed in choices.items():
            if name not in known or not allowed or not set(allowed) <= set(known[name]):
                raise GenomeError(
                    f"Choices {allowed} of {name!r}.",
                    expected="some of " + ", ".join(known.get(name, tuple(known))),
                    remedy="choose among them, or leave the choices out",
                )
            known[name] = tuple(allowed)
        return replace(self, numeric=tuple(genes.values()), categorical=tuple(known.items()))
