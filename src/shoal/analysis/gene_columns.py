"""Genes beside the evaluations of their genomes: to show them, to filter and to sort by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.genome.genes import CATEGORICAL_GENES

LAYERS = "hidden_layers"

# The least and the greatest value of a gene of numbers; None: any.
Range = tuple[float | None, float | None]


def gene_columns(genomes: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Some genes of each genome, as a table shows them.

    Parameters
    ----------
    genomes
        `EvaluationTable.genomes`.
    names
        The genes.

    Returns
    -------
    DataFrame
        A row for each genome, by its hash: numbers, words, and layers as text, such as "16-8".
    """
    genes = genomes[list(names)]
    if LAYERS in names:
        layers = ["-".join(map(str, widths)) for widths in genomes[LAYERS]]
        genes = genes.assign(**{LAYERS: layers})
    return genes


def genomes_within(
    genomes: pd.DataFrame,
    ranges: Mapping[str, Range] | None = None,
    choices: Mapping[str, Sequence[str]] | None = None,
) -> NDArray[np.bool_]:
    """Which genomes have genes within some bounds.

    Parameters
    ----------
    genomes
        `EvaluationTable.genomes`, or `gene_columns` of it.
    ranges
        By gene of numbers, the least and the greatest value, both included.
    choices
        By gene of words, or the layers as text: those that are kept; none: all.

    Returns
    -------
    array of bool, (genomes,)
        True where all of it holds.
    """
    kept = np.ones(len(genomes), dtype=bool)
    for name, (low, high) in (ranges or {}).items():
        values = genomes[name].to_numpy(float)
        if low is not None:
            kept &= values >= low
        if high is not None:
            kept &= values <= high
    for name, words in (choices or {}).items():
        if words:
            kept &= gene_columns(genomes, [name])[name].isin(list(words)).to_numpy(bool)
    return kept


def is_numeric(name: str) -> bool:
    """Whether a gene is a number."""
    return name != LAYERS and name not in CATEGORICAL_GENES
