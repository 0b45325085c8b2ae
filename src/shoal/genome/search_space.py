"""Bounds and choices that a search stays within."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from shoal.errors import GenomeError
from shoal.genome.genes import (
    CATEGORICAL_GENES,
    INFORMED_ONLY,
    MAX_DEPTH,
    MAX_WIDTH,
    NEUTRAL,
    NUMERIC_GENES,
    START_LAYERS,
    Gene,
)
from shoal.genome.genome import Genome


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
        choices = [
            item for item in CATEGORICAL_GENES.items() if item[0] in NEUTRAL and item[0] in names
        ]
        return replace(
            self, numeric=(*self.numeric, *later), categorical=(*self.categorical, *choices)
        )

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
                raise GenomeError(
                    f"Bounds {low}..{high} of {name}.",
                    expected="whole numbers",
                    remedy="round them",
                )
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
                if (
                    gene.low < gene.high
                    and not natural
                    and abs(place(value) - place(bound)) <= near
                ):
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
            text
            if self.bound == self.limit
            else f"{text}; `bounds.{self.gene}` widens it, to {self.limit:g} at most"
        )
