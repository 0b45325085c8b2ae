"""Genomes as coordinates: a share in [0, 1] of each gene's range.

Where a range spans decades, the share is one of its logarithm.

Samplers that know nothing of genes (random search, CMA-ES) move in these shares; Optuna takes the
genes themselves. All of them make their genomes with `genome_of`. A sampler that has a share of
everything takes `genome_at`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shoal.genome.genes import Gene
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.portable_math import exp, log
from shoal.tuning.operators import repaired

# Significant digits of a number that a library's arithmetic made. Its last bits differ from one
# processor to another, and must make no other genome.
DIGITS = 6


def width_genes(space: SearchSpace) -> tuple[Gene, ...]:
    """The widths of all layers that there may be, as genes "width_0", "width_1" and so on."""
    if not space.max_depth:
        return ()

    start = (*space.start_layers, *[space.start_layers[-1]] * space.max_depth)
    return tuple(
        Gene(f"width_{n}", "Width", 1, space.max_width, start[n], start[n], integer=True, log=True)
        for n in range(space.max_depth)
    )


def values_at(
    genes: Sequence[Gene], shares: Sequence[float], known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The values of genes at these shares of their ranges.

    Parameters
    ----------
    genes
        In an order in which "swarm_size" stands before "num_informants", whose range ends below it.
    shares
        In [0, 1]; at least one for each gene, further ones are ignored.
    known
        Values of genes that are not among ``genes``; the result holds them too.
    """
    values = dict(known or {})
    for gene, share in zip(genes, shares, strict=False):
        low, high = _range(gene, values)
        if gene.log:
            exponent = _log(low) + share * (_log(high) - _log(low))
            value = float(exp(np.array([exponent]))[0])
        else:
            value = low + share * (high - low)

        if gene.integer:
            # Each whole number has the unit above it. The share 1 would be the first beyond the
            # range.
            values[gene.name] = min(int(value), high - 1)
        else:
            values[gene.name] = value
    return values


def share_of(gene: Gene, value: float, values: Mapping[str, Any]) -> float:
    """The share in [0, 1] of the gene's range at which ``value`` stands.

    ``values`` are those of the whole genome: the number of informants ranges below the swarm size.
    """
    low, high = _range(gene, values)
    if gene.integer:
        # The middle of the unit that stands for this whole number.
        value += 0.5

    if gene.log:
        share = _log(value / low) / _log(high / low)
    else:
        share = (value - low) / (high - low)
    return min(max(share, 0.0), 1.0)


def genome_of(space: SearchSpace, values: Mapping[str, Any], depth: int) -> Genome:
    """The genome of these values, with ``depth`` layers; further widths are left out.

    Parameters
    ----------
    space
        The search space. A value outside of it is moved to the nearest bound.
    values
        By the genes' names; the layers as ``width_0``, ``width_1`` and so on.
    depth
        The number of hidden layers.
    """
    genes = {
        name: _rounded(value) for name, value in values.items() if not name.startswith("width_")
    }
    genes["hidden_layers"] = [values[f"width_{n}"] for n in range(depth)]
    return repaired(space, genes)


def depths(space: SearchSpace) -> range:
    """How many hidden layers there may be: none where there is no network."""
    return range(min(1, space.max_depth), space.max_depth + 1)


def count_shares(space: SearchSpace) -> int:
    """How many shares `genome_at` takes: of each number, width and choice, and of the depth."""
    return len(space.numeric) + space.max_depth + len(space.categorical) + 1


def genome_at(space: SearchSpace, shares: Sequence[float]) -> Genome:
    """The genome at these shares, which is uniform if the shares are.

    Parameters
    ----------
    space
        The genomes that may be proposed. The whole bounds count, not the initial ranges.
    shares
        In [0, 1), `count_shares` of them: of the numbers, the widths, the choices and the depth.
    """
    genes = (*space.numeric, *width_genes(space))
    values = values_at(genes, shares)
    for (name, choices), share in zip(space.categorical, shares[len(genes) :], strict=False):
        values[name] = choices[int(share * len(choices))]

    allowed = depths(space)
    return genome_of(space, values, allowed[int(shares[-1] * len(allowed))])


def _range(gene: Gene, values: Mapping[str, Any]) -> tuple[float, float]:
    """The values at the shares 0 and 1.

    A whole number has the unit from it on. Informants are fewer than particles.
    """
    high = gene.high
    if gene.name == "num_informants":
        high = max(gene.low, min(high, int(values["swarm_size"]) - 1))
    if gene.integer:
        high += 1
    return gene.low, high


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value


def _log(value: float) -> float:
    """The logarithm, with the same bits on every machine."""
    return float(log(np.array([value]))[0])
