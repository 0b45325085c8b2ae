"""The genes: their names, bounds, choices, and the values at which they change nothing."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.nn.activations import ACTIVATIONS
from shoal.update_rules import UPDATE_RULES
from shoal.update_rules.informants import INFORMANT_STRATEGIES
from shoal.update_rules.informed import ATTRACTORS

INITIALISATIONS = ("plain", "fan_in")
# How a network's output layer is found: by the swarm, or by least squares on the hidden neurons.
READOUTS = ("searched", "solved")

# Limits of the hidden layers, and the layers of a first generation.
MAX_DEPTH = 3
MAX_WIDTH = 1024
START_LAYERS = (32, 16)


@dataclass(frozen=True, slots=True)
class Gene:
    """One numeric gene.

    Attributes
    ----------
    name : str
        The field of `shoal.Genome`.
    label : str
        Its name for people.
    low, high : float
        The bounds of a search, both included.
    start_low, start_high : float
        The range of a first generation.
    integer : bool
        Whether it takes whole numbers only.
    log : bool
        Whether its bounds span decades: then a mutation's step is a share of the logarithm's range
        (docs/decisions/0003).
    widest : float, optional
        How far a search's upper bound may be widened; None: not beyond ``high``. Policies of
        simulations need larger weights than networks of scaled tables.
    """

    name: str
    label: str
    low: float
    high: float
    start_low: float
    start_high: float
    integer: bool = False
    log: bool = False
    widest: float | None = None

    @property
    def highest(self) -> float:
        """The largest upper bound that a search may have."""
        if self.widest is None:
            return self.high
        return self.widest


# The order decides which random number draws which gene.
NUMERIC_GENES: tuple[Gene, ...] = (
    Gene("swarm_size", "Swarm size", 4, 200, 10, 50, integer=True),
    # Always below the swarm's size, too.
    Gene("num_informants", "Number of informants", 1, 199, 1, 5, integer=True),
    Gene("inertia_weight", "Inertia weight", 0.0, 2.0, 0.4, 0.9),
    Gene("cognitive_weight", "Cognitive weight", 0.0, 4.0, 1.0, 3.0),
    Gene("social_weight", "Social weight", 0.0, 4.0, 0.5, 2.0),
    Gene("global_best_weight", "Global best weight", 0.0, 4.0, 0.1, 1.0),
    Gene("jump_size", "Jump size", 1e-4, 2.0, 0.01, 1.0, log=True),
    Gene("max_velocity", "Max velocity", 1e-6, 10.0, 0.001, 1.0, log=True, widest=100.0),
    Gene("max_position", "Max position", 1e-3, 100.0, 0.1, 10.0, log=True, widest=1e4),
    Gene("weight_scale", "Weight scale", 1e-4, 1.0, 1e-4, 0.1, log=True, widest=100.0),
    Gene("bias_scale", "Bias scale", 1e-8, 1.0, 1e-4, 0.1, log=True, widest=100.0),
    Gene("weight_decay", "Weight decay", 1e-7, 1e-2, 1e-6, 1e-4, log=True),
    Gene("inertia_end", "Inertia at the end", 0.0, 1.0, 0.5, 1.0),
    Gene("velocity_end", "Max velocity at the end", 0.0, 1.0, 0.1, 1.0),
    Gene("ridge", "Ridge", 1e-6, 10.0, 1e-4, 1e-2, log=True),
)

CATEGORICAL_GENES: dict[str, tuple[str, ...]] = {
    "informant_strategy": tuple(INFORMANT_STRATEGIES),
    "attractor": ATTRACTORS,
    "activation": tuple(ACTIVATIONS),
    "update_rule": tuple(UPDATE_RULES),
    "initialisation": INITIALISATIONS,
    "readout": READOUTS,
}

# Genes that came later, with the values at which they change nothing. Such a value does not enter a
# genome's hash, so that recorded genomes keep theirs. A search space holds such a gene only where
# it is asked for, since the size of a space decides what is drawn.
NEUTRAL: dict[str, float | str] = {
    "weight_decay": 0.0,
    "inertia_end": 1.0,
    "velocity_end": 1.0,
    "update_rule": "informed",
    "initialisation": "plain",
    "readout": "searched",
    "ridge": 1e-3,
}

# Genes that mean nothing where a swarm finds no weights of a network. The points of a function have
# bounds of their own, within which the particles start and stay.
NETWORK_GENES = (
    "max_position",
    "weight_scale",
    "bias_scale",
    "weight_decay",
    "activation",
    "initialisation",
    "readout",
    "ridge",
)

# Genes of networks whose output layer can be fitted to targets; policies of simulations have none.
READOUT_GENES = ("readout", "ridge")

# What people call each gene.
GENE_LABELS: dict[str, str] = {gene.name: gene.label for gene in NUMERIC_GENES} | {
    "hidden_layers": "Topology",
    "update_rule": "Update rule",
    "activation": "Activation",
    "informant_strategy": "Informants",
    "attractor": "Attractor",
    "initialisation": "Initialisation",
    "readout": "Output layer",
}

# Parts of the hidden layers that are looked at as if they were genes: their number, and widths.
DEPTH = "depth"
WIDTH = "width_"


def gene_label(name: str) -> str:
    """What people call a gene, wherever it is shown: in sentence case.

    Parameters
    ----------
    name
        The field of `shoal.Genome`; or `DEPTH`, or `WIDTH` with the number of a layer.

    Examples
    --------
    >>> gene_label("swarm_size"), gene_label("readout"), gene_label("width_2")
    ('Swarm size', 'Output layer', 'Width of layer 2')
    """
    if name == DEPTH:
        return "Hidden layers"
    if name.startswith(WIDTH):
        return f"Width of layer {name.removeprefix(WIDTH)}"
    return GENE_LABELS[name]
