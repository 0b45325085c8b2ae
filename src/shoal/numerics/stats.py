"""The uncertainty of a mean of few repeats: Student's interval, and comparisons of two means.

Repeat *r* has the same random stream for every genome. So the differences of equal repeats say more
about two genomes than their means do, and comparisons are paired where they can be.

SciPy is imported within functions: it is slow to import, and a search with fixed repeats needs none
of it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# The quantile at the upper end of a 95 % interval.
_UPPER = 0.975


def mean(values: Sequence[float]) -> float:
    """Compute the mean of values whose sum is rounded once.

    Parameters
    ----------
    values
        One or more.

    Raises
    ------
    ZeroDivisionError
        If there are none.

    Examples
    --------
    >>> mean([0.1] * 10)
    0.1
    """
    return math.fsum(values) / len(values)


def ci95(values: Sequence[float]) -> tuple[float, float] | None:
    """Compute Student's 95 % confidence interval of a mean.

    Parameters
    ----------
    values
        A sample.

    Returns
    -------
    tuple of two float, optional
        Lower and upper end; None where `ci95_half_width` is None.

    Examples
    --------
    >>> ci95([2.0, 2.0])
    (2.0, 2.0)
    """
    half_width = ci95_half_width(values)
    if half_width is None:
        return None

    middle = mean(values)
    return middle - half_width, middle + half_width


def ci95_half_width(values: Sequence[float]) -> float | None:
    """Compute half the width of Student's 95 % confidence interval of a mean.

    Parameters
    ----------
    values
        A sample.

    Returns
    -------
    float, optional
        None for fewer than two values, and if one of them is not finite.
    """
    if not _has_spread(values):
        return None
    from scipy.special import stdtrit

    count = len(values)
    quantile = float(stdtrit(count - 1, _UPPER))
    return quantile * statistics.stdev(values) / math.sqrt(count)


def probability_better(values: Sequence[float], others: Sequence[float]) -> float | None:
    """Compute the probability that one mean is truly above another, by paired repeats.

    It is Student's distribution of the mean difference of pairs: the posterior under a flat prior.

    Parameters
    ----------
    values, others
        Accuracies, for example. Those at the same place are a pair.

    Returns
    -------
    float, optional
        0.5 if all pairs are equal. None for fewer than two pairs, and if a difference is not
        finite.

    Raises
    ------
    ValueError
        If one sample is longer than the other.

    References
    ----------
    Gelman et al., "Bayesian Data Analysis", 2013, section 3.2.

    Examples
    --------
    >>> probability_better([2.0, 3.0], [1.0, 2.0])
    1.0
    """
    differences = _differences(values, others)
    if not _has_spread(differences):
        return None

    middle = mean(differences)
    spread = statistics.stdev(differences)
    if spread == 0.0:
        return _probability_without_spread(middle)
    from scipy.special import stdtr

    count = len(differences)
    return float(stdtr(count - 1, middle / (spread / math.sqrt(count))))


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one mean lies above another.

    Attributes
    ----------
    mean : float
        The first mean minus the second, in the unit of the values.
    low, high : float
        The ends of its 95 % interval.
    probability : float
        The probability, 0 to 1, that the first mean is truly above the second.
    paired : bool
        Whether the difference is that of pairs (`paired_difference`). Otherwise the samples are
        independent (`welch_difference`).
    count : int
        The number of pairs, or of values in the smaller sample.
    """

    mean: float
    low: float
    high: float
    probability: float
    paired: bool
    count: int

    @property
    def resolved(self) -> bool:
        """Whether the interval lies on one side of 0.

        The interval has two sides, since nobody says beforehand which of the means is the better.
        """
        return self.low > 0.0 or self.high < 0.0


def paired_difference(values: Sequence[float], others: Sequence[float]) -> Difference | None:
    """Compare two means by the differences of pairs, with Student's distribution.

    Parameters
    ----------
    values, others
        Those at the same place are a pair: they share their random stream.

    Returns
    -------
    Difference, optional
        None for fewer than two pairs, and if a difference is not finite.

    Raises
    ------
    ValueError
        If one sample is longer than the other.

    References
    ----------
    See `probability_better`.
    """
    differences = _differences(values, others)
    half_width = ci95_half_width(differences)
    probability = probability_better(values, others)
    if half_width is None or probability is None:
        return None

    middle = mean(differences)
    return Difference(
        mean=middle,
        low=middle - half_width,
        high=middle + half_width,
        probability=probability,
        paired=True,
        count=len(differences),
    )


def welch_difference(values: Sequence[float], others: Sequence[float]) -> Difference | None:
    """Compare the means of two independent samples whose variances may differ.

    Parameters
    ----------
    values, others
        The samples.

    Returns
    -------
    Difference, optional
        None if a sample has fewer than two values, or one that is not finite.

    References
    ----------
    Welch, "The Generalization of 'Student's' Problem when Several Different Population Variances
    are Involved", Biometrika 34, 1947.
    """
    if not _has_spread(values) or not _has_spread(others):
        return None

    middle = mean(values) - mean(others)
    count = min(len(values), len(others))
    # The squared standard errors of the two means, and the standard error of their difference.
    one = statistics.variance(values) / len(values)
    other = statistics.variance(others) / len(others)
    error = math.sqrt(one + other)

    if error == 0.0:
        half_width = 0.0
        probability = _probability_without_spread(middle)
    else:
        from scipy.special import stdtr, stdtrit

        # Welch's approximate degrees of freedom.
        freedom = (one + other) ** 2 / (one**2 / (len(values) - 1) + other**2 / (len(others) - 1))
        half_width = float(stdtrit(freedom, _UPPER)) * error
        probability = float(stdtr(freedom, middle / error))

    return Difference(
        mean=middle,
        low=middle - half_width,
        high=middle + half_width,
        probability=probability,
        paired=False,
        count=count,
    )


def _differences(values: Sequence[float], others: Sequence[float]) -> list[float]:
    differences = []
    for value, other in zip(values, others, strict=True):
        differences.append(value - other)
    return differences


def _has_spread(values: Sequence[float]) -> bool:
    """Whether a spread can be computed: of two values or more, all finite."""
    return len(values) >= 2 and all(map(math.isfinite, values))


def _probability_without_spread(difference: float) -> float:
    """The probability that a difference is above 0 which is the same in all repeats."""
    if difference == 0.0:
        return 0.5
    if difference > 0.0:
        return 1.0
    return 0.0
