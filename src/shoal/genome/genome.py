"""The genome: a swarm's hyperparameters and its network's topology, and the one table of their bounds."""

from __future__ import annotations

import hashlib
import json
import numbers
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from shoal.errors import GenomeError
from shoal.genome.genes import (
    CATEGORICAL_GENES,
    NEUTRAL,
    NUMERIC_GENES,
    START_LAYERS,
)

FLOAT32_MAX = 3.4028235e38


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
    weight_scale: float = 0.1  # standard deviation of the initial weights ("fan_in": over the root of a neuron's inputs)
    bias_scale: float = 0.1  # every initial bias
    hidden_layers: tuple[int, ...] = field(default=START_LAYERS)
    activation: str = "relu"
    informant_strategy: str = "random"
    attractor: str = "best"
    weight_decay: float = (
        0.0  # times the sum of all squared weights, biases aside: added to the loss
    )
    inertia_end: float = 1.0  # w at the last iteration, as a share of the first's
    velocity_end: float = 1.0  # vmax at the last iteration, as a share of the first's
    update_rule: str = "informed"
    initialisation: str = "plain"

    def __post_init__(self) -> None:
        for gene in NUMERIC_GENES:
            value = getattr(self, gene.name)
            if (
                not _is_real(value)
                or not abs(value) <= FLOAT32_MAX
                or (gene.integer and value != int(value))
            ):
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
        if not all(
            _is_real(width) and 1 <= width <= FLOAT32_MAX and width == int(width)
            for width in layers
        ):
            text = reprlib.repr(self.hidden_layers)
            raise GenomeError(
                f"hidden_layers={text}.", expected="whole numbers of neurons, 1 or more each"
            )
        layers = tuple(int(width) for width in layers)
        object.__setattr__(self, "hidden_layers", layers)
        for name, choices in CATEGORICAL_GENES.items():
            if getattr(self, name) not in choices:
                raise GenomeError(
                    f"{name}={getattr(self, name)!r}.", expected="one of " + ", ".join(choices)
                )

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
            **{
                **values,
                **(
                    {"hidden_layers": tuple(values["hidden_layers"])}
                    if "hidden_layers" in values
                    else {}
                ),
            }
        )

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that name the genome: equal genomes, equal names, on every machine."""
        return _hash(self)

    @property
    def evaluations_per_iteration(self) -> int:
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
        a = [
            self.jump_size * c
            for c in (self.cognitive_weight, self.social_weight, self.global_best_weight)
        ]
        mu, s2 = sum(a) / 2, sum(c * c for c in a) / 12
        return min(1 - w, mu, (1 - w) * mu * (2 * (1 + w) - mu) - (1 + w) * s2)


@lru_cache(maxsize=2_000)  # 2 MB, as some processes live for weeks
def _hash(genome: Genome) -> str:
    named = {k: v for k, v in genome.to_dict().items() if k not in NEUTRAL or v != NEUTRAL[k]}
    exact = {k: v.hex() if isinstance(v, float) else v for k, v in named.items()}
    return hashlib.sha256(json.dumps(exact, sort_keys=True).encode()).hexdigest()[:16]
