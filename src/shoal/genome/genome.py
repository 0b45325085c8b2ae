"""The genome: a swarm's hyperparameters and its network's topology."""

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
    Gene,
)
from shoal.system.shown import Shown
from shoal.update_rules import UPDATE_RULES, UpdateRule, unread_genes

FLOAT32_MAX = 3.4028235e38

_POSITIVE = ("jump_size", "max_velocity", "max_position", "ridge")
_NOT_NEGATIVE = (
    "inertia_weight",
    "cognitive_weight",
    "social_weight",
    "global_best_weight",
    "weight_scale",
    "weight_decay",
    "inertia_end",
    "velocity_end",
)


@dataclass(frozen=True, slots=True, repr=False)
class Genome(Shown):
    """What evolution changes.

    The constructor takes any values that make a swarm, also beyond a search's bounds
    (`shoal.genome.genes`). The symbols are those of the update rules (`shoal.update_rules`).

    Attributes
    ----------
    swarm_size : int
        Number of particles, P; at least 2.
    num_informants : int
        Informants of each particle, k; from 1 to P - 1.
    inertia_weight : float
        w, the share of the velocity that is kept.
    cognitive_weight, social_weight, global_best_weight : float
        c1, c2 and c3: the pulls of a particle's own best, of whom it follows, and of the swarm's
        best.
    jump_size : float
        Factor of the velocity in a move.
    max_velocity : float
        vmax: the largest change of one weight in one iteration, before ``jump_size``.
    max_position : float
        xmax: the largest size of one weight.
    weight_scale : float
        Standard deviation of the initial weights. With ``initialisation`` "fan_in" it is divided by
        the root of the number of a neuron's inputs.
    bias_scale : float
        Every initial bias.
    hidden_layers : tuple of int
        Neurons of each hidden layer.
    activation : str
        Of the hidden layers: a key of `shoal.nn.activations.ACTIVATIONS`.
    informant_strategy : str
        A key of `shoal.update_rules.informants.INFORMANT_STRATEGIES`.
    attractor : str
        "best": a particle is drawn to its informant's best; "position": to where that one stands.
    weight_decay : float
        Times the sum of all squared weights, biases aside: added to the loss.
    inertia_end, velocity_end : float
        w and vmax in the last iteration, as shares of those in the first.
    update_rule : str
        A key of `shoal.update_rules.UPDATE_RULES`.
    initialisation : str
        "plain" or "fan_in", see ``weight_scale``.
    readout : str
        "searched": particles hold all weights. "solved": they hold the hidden layers, and the
        output layer is the best one for them, by least squares (`shoal.nn.readout`).
    ridge : float
        Of a solved output layer: times the sum of its squared weights, added to the loss.

    Raises
    ------
    GenomeError
        For values that make no swarm.

    Examples
    --------
    >>> genome = Genome(swarm_size=30, hidden_layers=(8, 4))
    >>> genome.to_dict()["hidden_layers"]
    [8, 4]

    References
    ----------
    The defaults are a local-best swarm with constriction coefficients: Clerc and Kennedy, "The
    Particle Swarm - Explosion, Stability, and Convergence in a Multidimensional Complex Space",
    2002.
    """

    swarm_size: int = 48
    num_informants: int = 3
    inertia_weight: float = 0.7298
    cognitive_weight: float = 1.49618
    social_weight: float = 1.49618
    global_best_weight: float = 0.0
    jump_size: float = 1.0
    max_velocity: float = 0.5
    max_position: float = 10.0
    weight_scale: float = 0.1
    bias_scale: float = 0.1
    hidden_layers: tuple[int, ...] = field(default=START_LAYERS)
    activation: str = "relu"
    informant_strategy: str = "random"
    attractor: str = "best"
    weight_decay: float = 0.0
    inertia_end: float = 1.0
    velocity_end: float = 1.0
    update_rule: str = "informed"
    initialisation: str = "plain"
    readout: str = "searched"
    ridge: float = 1e-3

    def __post_init__(self) -> None:
        # The dataclass is frozen: values in their plain types go in past its guard.
        for gene in NUMERIC_GENES:
            value = _plain_number(gene, getattr(self, gene.name))
            object.__setattr__(self, gene.name, value)

        self._check_particles()
        self._check_signs()

        object.__setattr__(self, "hidden_layers", _plain_layers(self.hidden_layers))

        for name, choices in CATEGORICAL_GENES.items():
            if getattr(self, name) not in choices:
                raise GenomeError(
                    f"{name}={getattr(self, name)!r}.", expected="one of " + ", ".join(choices)
                )

    def _check_particles(self) -> None:
        if self.swarm_size < 2:
            raise GenomeError(f"swarm_size={self.swarm_size}.", expected="at least 2 particles")

        if not 1 <= self.num_informants < self.swarm_size:
            raise GenomeError(
                f"num_informants={self.num_informants} in a swarm of {self.swarm_size}.",
                expected=f"1 to {self.swarm_size - 1}: a particle does not inform itself",
            )

    def _check_signs(self) -> None:
        for name in _POSITIVE:
            if getattr(self, name) <= 0.0:
                raise GenomeError(f"{name}={getattr(self, name)}.", expected="more than 0")

        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0.0:
                raise GenomeError(f"{name}={getattr(self, name)}.", expected="0 or more")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values that JSON knows; ``hidden_layers`` is a list."""
        return asdict(self) | {"hidden_layers": list(self.hidden_layers)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Genome:
        """Make a genome of what `to_dict` returns.

        Parameters
        ----------
        values
            Fields by name; those that are missing take their defaults.

        Raises
        ------
        GenomeError
            For an unknown field, or values that make no swarm.
        """
        unknown = sorted(set(values) - set(cls.__dataclass_fields__), key=str)
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise GenomeError(f"Unknown gene {unknown[0]!r}.", expected=f"one of {known}")

        return cls(**values)

    @property
    def hash(self) -> str:
        """16 hexadecimal digits: the same for equal genomes, on every machine."""
        return _hash(self)

    @property
    def rule(self) -> UpdateRule:
        """The update rule that moves the swarm."""
        return UPDATE_RULES[self.update_rule]

    @property
    def unread_genes(self) -> tuple[str, ...]:
        """The genes that mean nothing beside the others: the update rule does not read them, or
        there is no solved output layer.
        """
        return genes_left_unread(self.update_rule, solves_readout=self.solves_readout)

    @property
    def solves_readout(self) -> bool:
        """Whether particles hold the hidden layers only; never where there are none."""
        return self.readout == "solved" and bool(self.hidden_layers)

    @property
    def evaluations_per_iteration(self) -> int:
        """Particles that move, and are evaluated anew, in an iteration."""
        return self.rule.evaluations_per_iteration(self)

    @property
    def kind(self) -> tuple[str, str, int]:
        """What decides for how long a swarm goes on learning.

        That is the update rule, the activation, and, where the output layer is solved, the size:
        the number of hidden neurons to the next lower power of two, as a power. 0: any size.
        """
        size = sum(self.hidden_layers).bit_length() if self.solves_readout else 0
        return self.update_rule, self.activation, size

    @property
    def stability_margin(self) -> float:
        """How far inside the order-2 stable region the swarm moves at first; negative: outside.

        Limits of velocity and position are ignored. See `UpdateRule.stability_margin` of the
        genome's rule for the formula.
        """
        return self.rule.stability_margin(self)


def genes_left_unread(rule: str, *, solves_readout: bool) -> tuple[str, ...]:
    """The genes that mean nothing beside an update rule, and with or without a solved layer."""
    unread = unread_genes(rule)
    if solves_readout:
        return unread
    return (*unread, "ridge")


def _plain_number(gene: Gene, value: Any) -> float:
    """A value as int or float; refused unless it is a finite float32, and whole where it
    must be.
    """
    valid = _is_real(value) and abs(value) <= FLOAT32_MAX
    if valid and gene.integer:
        valid = value == int(value)

    kind = "whole" if gene.integer else "finite float32"
    if not valid:
        raise GenomeError(
            f"{gene.name}={reprlib.repr(value)} is not a {kind} number.",
            expected=f"a number, in a search between {gene.low:g} and {gene.high:g}",
        )
    return int(value) if gene.integer else float(value)


def _plain_layers(hidden_layers: Any) -> tuple[int, ...]:
    """The widths as a tuple of int; refused unless each is a whole number of at least 1."""
    try:
        widths = tuple(hidden_layers)
    except TypeError:
        widths = (0,)

    if not all(_is_width(width) for width in widths):
        raise GenomeError(
            f"hidden_layers={reprlib.repr(hidden_layers)}.",
            expected="whole numbers of neurons, 1 or more each",
        )
    return tuple(int(width) for width in widths)


def _is_width(value: Any) -> bool:
    # The upper limit comes before int(), which infinity has none of.
    return _is_real(value) and 1 <= value <= FLOAT32_MAX and value == int(value)


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


# 2,000 of them are 2 MB; some processes live for weeks.
@lru_cache(maxsize=2_000)
def _hash(genome: Genome) -> str:
    exact: dict[str, Any] = {}
    for name, value in genome.to_dict().items():
        if name in NEUTRAL and value == NEUTRAL[name]:
            continue

        exact[name] = value
        if isinstance(value, float):
            # All bits of a float, in text.
            exact[name] = value.hex()

    text = json.dumps(exact, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
