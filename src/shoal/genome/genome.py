"""The genome: a swarm's hyperparameters and its network's topology, and the one table of their bounds."""

from __future__ import annotations

import hashlib
import json
import math
import numbers
import reprlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from shoal.errors import GenomeError
from shoal.nn.network import ACTIVATIONS

INFORMANT_STRATEGIES = ("random", "nearest", "ring", "rewired")
ATTRACTORS = ("best", "position")
UPDATE_RULES = ("informed", "competitive")
INITIALISATIONS = ("plain", "fan_in")


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
    Gene("weight_decay", "Weight Decay", 1e-7, 1e-2, 1e-6, 1e-4, log=True),
    Gene("inertia_end", "Inertia at the End", 0.0, 1.0, 0.5, 1.0),
    Gene("velocity_end", "Max Velocity at the End", 0.0, 1.0, 0.1, 1.0),
)
CATEGORICAL_GENES: dict[str, tuple[str, ...]] = {
    "informant_strategy": INFORMANT_STRATEGIES,
    "attractor": ATTRACTORS,
    "activation": ACTIVATIONS,
    "update_rule": UPDATE_RULES,
    "initialisation": INITIALISATIONS,
}
# Genes that came later, with the values at which they change nothing: those do not enter a genome's name, so that recorded
# genomes keep theirs; and a space holds such a gene only where it is asked for, as a space's size decides what is drawn.
NEUTRAL: dict[str, float | str] = {
    "weight_decay": 0.0,
    "inertia_end": 1.0,
    "velocity_end": 1.0,
    "update_rule": "informed",
    "initialisation": "plain",
}
# What the competitive rule does not read.
INFORMED_ONLY = (
    "num_informants",
    "cognitive_weight",
    "global_best_weight",
    "informant_strategy",
    "attractor",
)
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
    weight_scale: float = (
        0.1  # standard deviation of the initial weights ("fan_in": over the root of a neuron's inputs)
    )
    bias_scale: float = 0.1  # every initial bias
    hidden_layers: tuple[int, ...] = field(default=START_LAYERS)
    activation: str = "relu"
    informant_strategy: str = "random"
    attractor: str = "best"
    weight_decay: float = 0.0  # times the sum of all squared weights, biases aside: added to the loss
    inertia_end: float = 1.0  # w at the last iteration, as a share of the first's
    velocity_end: float = 1.0  # vmax at the last iteration, as a share of the first's
    update_rule: str = "informed"
    initialisation: str = "plain"

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
        for name in (
            "inertia_weight",
            "cognitive_weight",
            "social_weight",
            "global_best_weight",
            "weight_scale",
            "weight_decay",
            "inertia_end",
            "velocity_end",
        ):
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
    def moves(self) -> int:
        """Particles that move, and are evaluated anew, in an iteration: all of them, or those that lost to another."""
        return self.swarm_size // 2 if self.update_rule == "competitive" else self.swarm_size

    @property
    def kind(self) -> tuple[str, str]:
        """What it is rather than how much: rule and activation, which decide how long a swarm goes on learning."""
        return self.update_rule, self.activation

    @property
    def stability_margin(self) -> float:
        """How far inside (positive) or outside (negative) the order-2 stable region the swarm moves at first, clamps ignored.

        With ``a = jump (c1, c2, c3)``, ``mu = sum(a) / 2`` and ``s2 = sum(a^2) / 12``: stable iff ``|w| < 1``, ``mu > 0`` and
        ``(1 - w) mu (2 (1 + w) - mu) > (1 + w) s2``. The margin is the smallest of ``1 - w``, ``mu`` and that difference;
        for two equal attractors it has the sign of Poli's condition (2009).

        In a competitive swarm it is that of a loser which meets one and the same winner each time: with the moments
        ``m = w / 2``, ``m2 = w^2 / 3``, ``b = jump c2 / 2`` and ``b2 = (jump c2)^2 / 3`` of its two random factors, the
        smallest of ``1 - m2``, ``b`` and ``2 b (1 - m2 + m b) - (1 + m) b2``. Winners do not move at all.
        """
        w = self.inertia_weight
        if self.update_rule == "competitive":
            c = self.jump_size * self.social_weight
            m, m2, b, b2 = w / 2, w * w / 3, c / 2, c * c / 3
            return min(1 - m2, b, 2 * b * (1 - m2 + m * b) - (1 + m) * b2)
        a = [self.jump_size * c for c in (self.cognitive_weight, self.social_weight, self.global_best_weight)]
        mu, s2 = sum(a) / 2, sum(c * c for c in a) / 12
        return min(1 - w, mu, (1 - w) * mu * (2 * (1 + w) - mu) - (1 + w) * s2)


@lru_cache(maxsize=2_000)  # 2 MB, as some processes live for weeks
def _hash(genome: Genome) -> str:
    named = {k: v for k, v in genome.to_dict().items() if k not in NEUTRAL or v != NEUTRAL[k]}
    exact = {k: v.hex() if isinstance(v, float) else v for k, v in named.items()}
    return hashlib.sha256(json.dumps(exact, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Where a search may look: the numeric genes with their bounds, the choices of the others, and the layers' limits.

    A gene that is not in it keeps its default. Those of `NEUTRAL` are in it only after `with_genes`.
    """

    numeric: tuple[Gene, ...] = tuple(gene for gene in NUMERIC_GENES if gene.name not in NEUTRAL)
    categorical: tuple[tuple[str, tuple[str, ...]], ...] = tuple(
        (name, choices) for name, choices in CATEGORICAL_GENES.items() if name not in NEUTRAL
    )
    max_depth: int = MAX_DEPTH
    max_width: int = MAX_WIDTH
    start_layers: tuple[int, ...] = START_LAYERS

    def with_genes(self, names: Collection[str]) -> SearchSpace:
        """The space with those of `NEUTRAL` that ``names`` holds, in the tables' order; other names add nothing."""
        later = [gene for gene in NUMERIC_GENES if gene.name in NEUTRAL and gene.name in names]
        choices = [item for item in CATEGORICAL_GENES.items() if item[0] in NEUTRAL and item[0] in names]
        return replace(self, numeric=(*self.numeric, *later), categorical=(*self.categorical, *choices))

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

    def check_informants(self) -> None:
        """Raises `GenomeError` where some swarms would be too small for the fewest informants.

        Not in `narrowed`: recorded runs may have such bounds, and their swarms then have as many informants as can be.
        """
        lowest = {gene.name: gene.low for gene in self.numeric}
        smallest, fewest = lowest["swarm_size"], lowest["num_informants"]
        if fewest >= smallest:
            raise GenomeError(
                f"{fewest:g} informants or more, for swarms from {smallest:g} particles on.",
                expected="fewer informants than particles in every swarm",
                remedy=f"let swarm_size begin at {fewest + 1:g} or more, or num_informants below {smallest:g}",
            )

    def on_bounds(self, genome: Genome) -> tuple[OnBound, ...]:
        """The numeric genes that lie within a hundredth of their range from a bound: a better one may lie beyond it.

        Ranges over decades are measured in logarithms. Genes that may not move are left out, and so are the lowest bounds
        that a search takes, which are as good as nothing at all, and values that change nothing.
        """
        found = []
        widest = {gene.name: gene for gene in NUMERIC_GENES}
        for gene in self.numeric:
            place, value = math.log if gene.log else float, getattr(genome, gene.name)
            if gene.name in INFORMED_ONLY and genome.update_rule == "competitive":
                continue
            if not gene.low <= value <= gene.high:  # neutral, or beyond: the user's own genome
                continue
            near = NEAR * (place(gene.high) - place(gene.low))
            for side, bound, limit in (
                ("lower", gene.low, widest[gene.name].low),
                ("upper", gene.high, widest[gene.name].high),
            ):
                natural = (side == "lower" and bound == limit) or value == NEUTRAL.get(gene.name)
                if gene.low < gene.high and not natural and abs(place(value) - place(bound)) <= near:
                    found.append(OnBound(gene.name, value, side, bound, limit))
        return tuple(found)


NEAR = 0.01  # of a gene's range


@dataclass(frozen=True, slots=True)
class OnBound:
    """A gene whose ``value`` lies on its ``side`` ("lower" or "upper") ``bound``, which may be widened up to ``limit``."""

    gene: str
    value: float
    side: str
    bound: float
    limit: float

    def __str__(self) -> str:
        text = f"{self.gene} {self.value:.4g} lies on its {self.side} bound, {self.bound:g}"
        return (
            text if self.bound == self.limit else f"{text}; `bounds.{self.gene}` widens it, to {self.limit:g} at most"
        )


# What the literature recommends, with limits for networks on standardised data, where it names none.
_NAMED: dict[str, dict[str, Any]] = {
    # Clerc and Kennedy, "The Particle Swarm - Explosion, Stability, and Convergence in a Multidimensional Complex Space", 2002
    "constriction": {
        "swarm_size": 48,
        "num_informants": 3,
        "inertia_weight": 0.7298,
        "cognitive_weight": 1.49618,
        "social_weight": 1.49618,
    },
    # Clerc, "Standard Particle Swarm Optimisation", 2012: its version of 2007
    "spso2007": {
        "swarm_size": 40,
        "num_informants": 3,
        "inertia_weight": 1 / (2 * math.log(2)),
        "cognitive_weight": 0.5 + math.log(2),
        "social_weight": 0.5 + math.log(2),
        "informant_strategy": "rewired",
    },
    # The best informed swarm of docs/quality.md: a local best of five informants, and weaker pulls
    "local": {
        "swarm_size": 48,
        "num_informants": 5,
        "inertia_weight": 0.75,
        "cognitive_weight": 1.0,
        "social_weight": 1.0,
    },
    # Cheng and Jin, "A Competitive Swarm Optimizer for Large Scale Optimization", 2015. They take 100 particles and more; at
    # equal cost 48 did better on every network of docs/quality.md.
    "competitive": {
        "swarm_size": 48,
        "inertia_weight": 1.0,
        "social_weight": 1.0,
        "update_rule": "competitive",
    },
}
NAMED_GENOMES = tuple(_NAMED)


def named_genome(name: str, **genes: Any) -> Genome:
    """A swarm of the literature, "constriction", "spso2007" or "competitive", or our own "local".

    ``genes`` (`hidden_layers`, say) replace those that it brings.

    Raises `GenomeError` for another name, an unknown gene, or values that make no swarm.
    """
    if name not in _NAMED:
        raise GenomeError(f"No genome is named {name!r}.", expected="one of " + ", ".join(NAMED_GENOMES))
    return Genome.from_dict({**_NAMED[name], **genes})
