"""Bounds and choices that a search stays within."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from shoal.errors import GenomeError
from shoal.genome.genes import (
    CATEGORICAL_GENES,
    MAX_DEPTH,
    MAX_WIDTH,
    NETWORK_GENES,
    NEUTRAL,
    NUMERIC_GENES,
    START_LAYERS,
    Gene,
    gene_label,
)
from shoal.genome.genome import Genome

# What a gene is that is not in a space.
_DEFAULT = Genome()

# How near to a bound a value lies on it, as a share of the gene's range.
NEAR = 0.01


@dataclass(frozen=True, slots=True)
class OnBound:
    """A gene whose value lies on a bound of the search: a better one may lie beyond.

    Attributes
    ----------
    gene : str
        Its name.
    value : float
        Its value.
    side : str
        Which bound it lies on: "lower" or "upper".
    bound : float
        That bound.
    limit : float
        How far the bound may be widened.
    """

    gene: str
    value: float
    side: str
    bound: float
    limit: float

    def __str__(self) -> str:
        name = gene_label(self.gene)
        text = f"{name} {self.value:.4g} lies on its {self.side} bound, {self.bound:g}"
        if self.bound == self.limit:
            return text
        return f"{text}; `bounds.{self.gene}` widens it, to {self.limit:g} at most"


def _default_numeric() -> tuple[Gene, ...]:
    return tuple(gene for gene in NUMERIC_GENES if gene.name not in NEUTRAL)


def _default_categorical() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(item for item in CATEGORICAL_GENES.items() if item[0] not in NEUTRAL)


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Where a search may look.

    A gene that is not in the space keeps its default. Genes of `shoal.genome.genes.NEUTRAL` are in
    it only after `with_genes`.

    Attributes
    ----------
    numeric : tuple of Gene
        The numeric genes with their bounds.
    categorical : tuple of (str, tuple of str)
        The other genes, each with the choices that are allowed.
    max_depth, max_width : int
        The most hidden layers, and the most neurons of one. The depth is 0 where there is no
        network: genomes then have no layers.
    start_layers : tuple of int
        The hidden layers of a first generation.
    fixed_layers : bool
        Whether all genomes have the layers of the first generation.
    """

    numeric: tuple[Gene, ...] = field(default_factory=_default_numeric)
    categorical: tuple[tuple[str, tuple[str, ...]], ...] = field(
        default_factory=_default_categorical
    )
    max_depth: int = MAX_DEPTH
    max_width: int = MAX_WIDTH
    start_layers: tuple[int, ...] = START_LAYERS
    fixed_layers: bool = False

    def with_genes(self, names: Collection[str]) -> SearchSpace:
        """Add genes that a space does not hold by itself.

        Parameters
        ----------
        names
            Which genes of `shoal.genome.genes.NEUTRAL` to add; other names add nothing.

        Returns
        -------
        SearchSpace
            With those genes at the ends, in the order of their tables.
        """
        added = [name for name in NEUTRAL if name in names]
        numbers = [gene for gene in NUMERIC_GENES if gene.name in added]
        choices = [item for item in CATEGORICAL_GENES.items() if item[0] in added]

        return replace(
            self, numeric=(*self.numeric, *numbers), categorical=(*self.categorical, *choices)
        )

    def without_network(self) -> SearchSpace:
        """Leave out what only a network has: its layers, and the genes of `NETWORK_GENES`."""
        numbers = [gene for gene in self.numeric if gene.name not in NETWORK_GENES]
        choices = [item for item in self.categorical if item[0] not in NETWORK_GENES]
        return replace(
            self,
            numeric=tuple(numbers),
            categorical=tuple(choices),
            max_depth=0,
            start_layers=(),
        )

    def with_layers(self, layers: tuple[int, ...]) -> SearchSpace:
        """The space of the genomes with these hidden layers."""
        return replace(self, start_layers=layers, fixed_layers=True)

    def narrowed(
        self, bounds: Mapping[str, tuple[float, float]], choices: Mapping[str, tuple[str, ...]]
    ) -> SearchSpace:
        """Replace bounds and choices.

        Parameters
        ----------
        bounds
            New ``(low, high)`` of numeric genes. Their initial ranges are cut to these.
        choices
            The choices that are left of other genes.

        Returns
        -------
        SearchSpace
            With those bounds and choices.

        Raises
        ------
        GenomeError
            For an unknown gene, bounds beyond those of the gene, or a choice that it does not have.
        """
        genes = {gene.name: gene for gene in self.numeric}
        for name, (low, high) in bounds.items():
            if name not in genes:
                raise GenomeError(
                    f"{name!r} has no bounds: it is no numeric gene.",
                    expected="one of " + ", ".join(genes),
                    remedy="correct the name, or give its values as choices",
                )
            genes[name] = _narrowed_gene(genes[name], low, high)

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

    def starting(self, ranges: Mapping[str, tuple[float, float]]) -> SearchSpace:
        """Replace the ranges of a first generation.

        Parameters
        ----------
        ranges
            New ``(low, high)`` by gene. They are cut to the gene's bounds.
        """
        genes = []
        for gene in self.numeric:
            low, high = ranges.get(gene.name, (gene.start_low, gene.start_high))
            start_low = min(max(low, gene.low), gene.high)
            start_high = min(max(high, gene.low), gene.high)
            genes.append(replace(gene, start_low=start_low, start_high=start_high))
        return replace(self, numeric=tuple(genes))

    def check_informants(self) -> None:
        """Refuse a space with swarms that are too small for the fewest informants.

        `narrowed` does not: recorded runs may have such bounds, and their swarms then have as many
        informants as can be.

        Raises
        ------
        GenomeError
            If the smallest swarm has no more particles than the fewest informants.
        """
        lowest = {gene.name: gene.low for gene in self.numeric}
        smallest = lowest["swarm_size"]
        fewest = lowest["num_informants"]

        if fewest >= smallest:
            raise GenomeError(
                f"{fewest:g} informants or more, for swarms from {smallest:g} particles on.",
                expected="fewer informants than particles in every swarm",
                remedy=f"let swarm_size begin at {fewest + 1:g} or more, "
                f"or num_informants below {smallest:g}",
            )

    def check_genome(self, genome: Genome) -> None:
        """Refuse a genome that does not lie in the space.

        Genes that nothing reads beside the others may have any value.

        Raises
        ------
        GenomeError
            Names the gene, where it may lie, and the setting that lets it.
        """
        self._check_layers(genome.hidden_layers)
        numeric = {gene.name: gene for gene in self.numeric}
        categorical = dict(self.categorical)
        genes = genome.to_dict()
        for name in (*genome.unread_genes, "hidden_layers"):
            del genes[name]

        for name, value in genes.items():
            if name in numeric:
                gene = numeric[name]
                is_allowed = gene.low <= value <= gene.high
                expected = f"{gene.low:g} to {gene.high:g}"
                remedy = f"change it, or let `bounds.{name}` reach that far"
            elif name in categorical:
                is_allowed = value in categorical[name]
                expected = "one of " + ", ".join(categorical[name])
                remedy = f"change it, or let `choices.{name}` have it"
            else:
                default = getattr(_DEFAULT, name)
                is_allowed = value == default
                expected = f"{default}, since the gene is not searched"
                remedy = f"change it, or have it searched: `bounds.{name}`"
                if name in CATEGORICAL_GENES:
                    remedy = f"change it, or have it searched: `choices.{name}`"
            if not is_allowed:
                raise GenomeError(
                    f"{name}={value!r} lies outside the search.", expected=expected, remedy=remedy
                )

    def _check_layers(self, layers: tuple[int, ...]) -> None:
        """Refuse hidden layers that no genome of the space has."""
        if self.fixed_layers:
            are_allowed = layers == self.start_layers
            expected = f"{list(self.start_layers)}, as of the network that swarms start from"
        elif self.max_depth == 0:
            are_allowed = not layers
            expected = "[], no hidden layers"
        else:
            are_allowed = 1 <= len(layers) <= self.max_depth and max(layers) <= self.max_width
            expected = f"1 to {self.max_depth} layers of {self.max_width} neurons at most"
        if not are_allowed:
            raise GenomeError(
                f"hidden_layers={list(layers)} lies outside the search.",
                expected=expected,
                remedy="change them, or `max_depth` or `max_width` where a search has layers",
            )

    def on_bounds(self, genome: Genome) -> tuple[OnBound, ...]:
        """Find the numeric genes of a genome that lie on a bound: a better one may lie beyond it.

        A gene lies on a bound if it is within a hundredth of the gene's range from it; ranges over
        decades are measured in logarithms. Left out are genes that may not move or that the
        genome's rule does not read, values that change nothing, and the lowest bounds that any
        search takes, which are as good as nothing at all.

        Parameters
        ----------
        genome
            Of any origin: what lies outside the space, a user's own genome, is on no bound.
        """
        found: list[OnBound] = []
        widest = {gene.name: gene for gene in NUMERIC_GENES}
        unread = genome.unread_genes

        for gene in self.numeric:
            value = getattr(genome, gene.name)
            if gene.name in unread or gene.low == gene.high:
                continue
            if value == NEUTRAL.get(gene.name) or not gene.low <= value <= gene.high:
                continue

            limits = widest[gene.name]
            if gene.low != limits.low and _is_near(gene, value, gene.low):
                found.append(OnBound(gene.name, value, "lower", gene.low, limits.low))
            if _is_near(gene, value, gene.high):
                found.append(OnBound(gene.name, value, "upper", gene.high, limits.highest))
        return tuple(found)


def _is_near(gene: Gene, value: float, bound: float) -> bool:
    """Whether a value within a gene's bounds lies on that one."""
    scale: Callable[[float], float] = math.log if gene.log else float
    near = NEAR * (scale(gene.high) - scale(gene.low))
    return abs(scale(value) - scale(bound)) <= near


def _narrowed_gene(gene: Gene, low: float, high: float) -> Gene:
    """The gene with other bounds, and its initial range cut to them."""
    if gene.integer and (low != int(low) or high != int(high)):
        raise GenomeError(
            f"Bounds {low}..{high} of {gene.name}.",
            expected="whole numbers",
            remedy="round them",
        )
    if not gene.low <= low <= high <= gene.highest:
        raise GenomeError(
            f"Bounds {low}..{high} of {gene.name} leave nothing to search, or reach too far.",
            expected=f"low <= high within {gene.low:g}..{gene.highest:g}",
            remedy="correct them, or leave them out",
        )

    start_low = min(max(gene.start_low, low), high)
    start_high = min(max(gene.start_high, low), high)
    return replace(gene, low=low, high=high, start_low=start_low, start_high=start_high)
