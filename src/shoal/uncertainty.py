"""How sure a mean of few repeats is: Student's interval, and the paired comparison of two genomes.

Repeats share their random streams between genomes, so that differences of the same repeat say more than two means do.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """The exactly added mean; raises `ZeroDivisionError` for none."""
    return math.fsum(values) / len(values)


def interval95(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % confidence interval of the mean of ``values``; None for fewer than two."""
    half = half95(values)
    return None if half is None else (mean(values) - half, mean(values) + half)


def half95(values: Sequence[float]) -> float | None:
    """Half of `interval95`."""
    if len(values) < 2:
        return None
    from scipy.special import stdtrit  # slow to import, and a search with fixed repeats needs none of this

    return float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / math.sqrt(len(values))


def probability_better(values: Sequence[float], others: Sequence[float]) -> float | None:
    """The probability that the mean of ``values`` is truly above that of ``others``, repeat by repeat.

    Student's distribution of the mean difference of pairs (the posterior under a flat prior; Gelman et al., "Bayesian Data
    Analysis", 2013, section 3.2). None for fewer than two pairs; 0.5 when all are equal.
    """
    differences = [a - b for a, b in zip(values, others, strict=True)]
    if len(differences) < 2:
        return None
    middle, spread = mean(differences), statistics.stdev(differences)
    if spread == 0.0:
        return 0.5 if middle == 0.0 else float(middle > 0.0)
    from scipy.special import stdtr

    return float(stdtr(len(differences) - 1, middle / (spread / math.sqrt(len(differences)))))
