"""What may matter for a genome's score: its genes, and its layers' number and widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.genome.genes import (
    CATEGORICAL_GENES,
    DEPTH,
    MAX_DEPTH,
    NUMERIC_GENES,
    WIDTH,
    Gene,
    gene_label,
)
from shoal.update_rules import UPDATE_RULES, unread_genes

LAYERS = "hidden_layers"


@dataclass(frozen=True, slots=True, eq=False)
class GeneFeature:
    """A property of genomes, with its value in each.

    Attributes
    ----------
    name, label
        The gene, or a property of the layers, and what people call it.
    values
        Numbers, (genomes,). With ``choices`` they are places in these.
    used
        Which genomes have the property and read it, (genomes,). A genome with a single layer has
        no second width, and an update rule does not read all genes.
    log
        Values are compared by their ratios.
    integer
        Values are whole numbers.
    choices
        The words of a property that is no number.
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
        used_values = self.values[self.used]
        return len(used_values) > 1 and bool(used_values.min() < used_values.max())

    @property
    def scaled(self) -> NDArray[np.float64]:
        """The values on the scale on which they are compared: decadic logarithms where `log`.

        A zero among them, such as no weight decay, is placed half a decade below the smallest
        value above zero.
        """
        if not self.log:
            return self.values
        is_positive = self.values > 0.0
        positive = self.values[is_positive]
        least = float(positive.min()) if len(positive) else 1.0
        return np.log10(np.where(is_positive, self.values, least / 10**0.5))

    def of(self, rows: NDArray[np.int64]) -> GeneFeature:
        """The feature of some genomes alone.

        Parameters
        ----------
        rows
            Which genomes, by row, in the order that the new feature shall have.
        """
        return replace(self, values=self.values[rows], used=self.used[rows])


def gene_features(genomes: pd.DataFrame) -> tuple[GeneFeature, ...]:
    """All features of a table of genomes.

    Parameters
    ----------
    genomes
        A row for each genome, a column for each gene; ``hidden_layers`` holds tuples. A gene
        without a column gives no feature.

    Returns
    -------
    tuple of GeneFeature
        Numeric genes, then the layers, then choices.
    """
    features = []
    for gene in NUMERIC_GENES:
        if gene.name in genomes:
            features.append(_numeric_feature(gene, genomes))
    if LAYERS in genomes:
        features += _layer_features(genomes[LAYERS].tolist())
    for name, choices in CATEGORICAL_GENES.items():
        if name in genomes:
            features.append(_choice_feature(name, choices, genomes))
    return tuple(features)


def _numeric_feature(gene: Gene, genomes: pd.DataFrame) -> GeneFeature:
    return GeneFeature(
        name=gene.name,
        label=gene_label(gene.name),
        values=genomes[gene.name].to_numpy(dtype=np.float64),
        used=_is_read(genomes, gene.name),
        log=gene.log,
        integer=gene.integer,
    )


def _choice_feature(name: str, choices: tuple[str, ...], genomes: pd.DataFrame) -> GeneFeature:
    codes = pd.Categorical(genomes[name], categories=list(choices)).codes
    places = codes.astype(np.float64)
    # A word that this version does not know has the place -1.
    used = _is_read(genomes, name) & (places >= 0)
    return GeneFeature(name, gene_label(name), places, used, choices=choices)


def _is_read(genomes: pd.DataFrame, gene: str) -> NDArray[np.bool_]:
    """Which genomes a gene means something for, (genomes,)."""
    if gene == "ridge" and "readout" in genomes:
        return (genomes["readout"] == "solved").to_numpy()
    if "update_rule" not in genomes:
        return np.ones(len(genomes), bool)
    ignoring = [rule for rule in UPDATE_RULES if gene in unread_genes(rule)]
    return ~genomes["update_rule"].isin(ignoring).to_numpy()


def _layer_features(layers: Sequence[tuple[int, ...]]) -> list[GeneFeature]:
    """The number of hidden layers, and the width of each layer that some genome has."""
    depths = np.array([len(widths) for widths in layers], dtype=np.float64)
    everywhere = np.ones(len(layers), bool)
    features = [GeneFeature(DEPTH, gene_label(DEPTH), depths, everywhere, integer=True)]

    deepest = min(MAX_DEPTH, int(depths.max(initial=0)))
    for layer in range(deepest):
        # A genome without this layer has width 1, which is not used.
        widths = np.ones(len(layers))
        for place, own in enumerate(layers):
            if layer < len(own):
                widths[place] = own[layer]
        feature = GeneFeature(
            name=f"{WIDTH}{layer + 1}",
            label=gene_label(f"{WIDTH}{layer + 1}"),
            values=widths,
            used=depths > layer,
            log=True,
            integer=True,
        )
        features.append(feature)
    return features
