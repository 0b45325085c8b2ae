"""What may matter for a genome's accuracy: its genes, and of the layers their number and their widths, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.genome.genes import (
    CATEGORICAL_GENES,
    GENE_LABELS,
    MAX_DEPTH,
    NUMERIC_GENES,
    Gene,
)
from shoal.update_rules import UPDATE_RULES, unread_genes

LAYERS = "hidden_layers"
DEPTH = "depth"


@dataclass(frozen=True, slots=True, eq=False)
class GeneFeature:
    """A column over genomes. ``values`` (genomes,): numbers, or for one with ``choices`` their places in these.

    ``used`` (genomes,) says which genomes have it and read it: one with a single layer has no second width, and the
    competitive rule does not read all genes. ``log``: it is compared by ratios.
    """

    name: str
    label: str
    values: NDArray[np.float64]
    used: NDArray[np.bool_]
    log: bool = False
    integer: bool = False
    choices: tuple[str, ...] = ()

    @property
    def varies(self) -> bool:
        """Whether two genomes that use it differ in it."""
        mine = self.values[self.used]
        return len(mine) > 1 and bool(mine.min() < mine.max())

    @property
    def scaled(self) -> NDArray[np.float64]:
        """The values on the scale on which they are compared: decadic logarithms where `log`.

        A nothing among them, a weight decay of 0, lies half a decade below the smallest other.
        """
        if not self.log:
            return self.values
        positive = self.values[self.values > 0.0]
        least = float(positive.min()) if len(positive) else 1.0
        return np.log10(np.where(self.values > 0.0, self.values, least / 10**0.5))

    def of(self, rows: NDArray[np.int64]) -> GeneFeature:
        """The same of these genomes."""
        return replace(self, values=self.values[rows], used=self.used[rows])


def factors(genomes: pd.DataFrame) -> tuple[GeneFeature, ...]:
    """All factors of a table with a column for each gene; ``hidden_layers`` holds tuples. Absent columns give none."""
    read = {name: _read(genomes, name) for name in genomes.columns}
    found = [
        _number(gene, genomes[gene.name], read[gene.name])
        for gene in NUMERIC_GENES
        if gene.name in genomes
    ]
    if LAYERS in genomes:
        found += _layers(genomes[LAYERS].tolist())
    for name, choices in CATEGORICAL_GENES.items():
        if name in genomes:
            places = pd.Categorical(genomes[name], categories=list(choices)).codes.astype(
                np.float64
            )
            found.append(
                GeneFeature(
                    name, GENE_LABELS[name], places, read[name] & (places >= 0), choices=choices
                )
            )
    return tuple(found)


def _read(genomes: pd.DataFrame, gene: str) -> NDArray[np.bool_]:
    """Which genomes have an update rule that reads a gene, (genomes,)."""
    if "update_rule" not in genomes:
        return np.ones(len(genomes), bool)

    ignoring = [rule for rule in UPDATE_RULES if gene in unread_genes(rule)]
    return ~genomes["update_rule"].isin(ignoring).to_numpy()


def _number(gene: Gene, column: pd.Series, read: NDArray[np.bool_]) -> GeneFeature:
    values = column.to_numpy(dtype=np.float64)
    return GeneFeature(gene.name, gene.label, values, read, gene.log, gene.integer)


def _layers(layers: Sequence[tuple[int, ...]]) -> list[GeneFeature]:
    depths = np.array([len(widths) for widths in layers], dtype=np.float64)
    found = [GeneFeature(DEPTH, "Hidden Layers", depths, np.ones(len(layers), bool), integer=True)]
    for n in range(min(MAX_DEPTH, int(depths.max(initial=0)))):
        widths = np.array([own[n] if n < len(own) else 1 for own in layers], dtype=np.float64)
        found.append(
            GeneFeature(
                f"width_{n + 1}",
                f"Width of Layer {n + 1}",
                widths,
                depths > n,
                log=True,
                integer=True,
            )
        )
    return found
