"""How sure a mean of few repeats is: Student's interval, and the comparison of two means, paired or
not.

Repeats share their random streams between genomes, so that differences of the same repeat say more
than two means do.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def mean(values: Sequence[float]) -> float:
    """The exactly added mean; raises `ZeroDivisionError` for none."""
    return math.fsum(values) / len(values)


def ci95(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % confidence interval of the mean of ``values``; None where `ci95_half_width`
    is.
    """
    half = ci95_half_width(values)
    return None if half is None else (mean(values) - half, mean(values) + half)


def _has_spread(values: Sequence[float]) -> bool:
    return len(values) >= 2 and all(map(math.isfinite, values))


def ci95_half_width(values: Sequence[float]) -> float | None:
    """Half of `ci95`; None for fewer than two values, and where one is not finite."""
    if not _has_spread(values):
        return None
    from scipy.special import (
        stdtrit,
    )  # slow to import, and a search with fixed repeats needs none of this

    return (
        float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / math.sqrt(len(values))
    )


def probability_better(values: Sequence[float], others: Sequence[float]) -> float | None:
    """The probability that the mean of ``values`` is truly above that of ``others``, repeat by
    repeat.

    Student's distribution of the mean difference of pairs (the posterior under a flat prior; Gelman
    et al., "Bayesian Data Analysis", 2013, section 3.2). None for fewer than two pairs, and where a
    difference is not finite; 0.5 when all are equal.
    """
    differences = [a - b for a, b in zip(values, others, strict=True)]
    if not _has_spread(differences):
        return None
    middle, spread = mean(differences), statistics.stdev(differences)
    if spread == 0.0:
        return 0.5 if middle == 0.0 else float(middle > 0.0)
    from scipy.special import stdtr

    return float(stdtr(len(differences) - 1, middle / (spread / math.sqrt(len(differences)))))


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one mean lies above another, with a 95 % interval, and the probability that it
    truly does.

    ``paired``: by the differences of pairs (`probability_better`), of which there are ``count``;
    else Welch's, where ``count`` is the smaller number of values.
    """

    mean: float
    low: float
    high: float
    probability: float
    paired: bool
    count: int

    @property
    def resolved(self) -> bool:
        """Whether the interval lies on one side of 0: who is asked for the better of two has no
        side beforehand.
        """
        return self.low > 0.0 or self.high < 0.0


def paired_difference(values: Sequence[float], others: Sequence[float]) -> Difference | None:
    """Of pairs that share what chance there is, by Student's distribution; None for fewer
    than two.
    """
    differences = [a - b for a, b in zip(values, others, strict=True)]
    half, probability = ci95_half_width(differences), probability_better(values, others)
    if half is None or probability is None:
        return None
    middle = mean(differences)
    return Difference(middle, middle - half, middle + half, probability, True, len(differences))


def welch_difference(values: Sequence[float], others: Sequence[float]) -> Difference | None:
    """Of two independent samples whose variances may differ (Welch, Biometrika 34, 1947).

    None when one has fewer than two values, or one that is not finite.
    """
    if not (_has_spread(values) and _has_spread(others)):
        return None
    from scipy.special import stdtr, stdtrit

    middle, count = mean(values) - mean(others), min(len(values), len(others))
    one, other = (statistics.variance(sample) / len(sample) for sample in (values, others))
    error = math.sqrt(one + other)
    if error == 0.0:
        probability = 0.5 if middle == 0.0 else float(middle > 0.0)
        return Difference(middle, middle, middle, probability, False, count)
    freedom = (one + other) ** 2 / (one**2 / (len(values) - 1) + other**2 / (len(others) - 1))
    half = float(stdtrit(freedom, 0.975)) * error
    return Difference(
        middle, middle - half, middle + half, float(stdtr(freedom, middle / error)), False, count
    )
