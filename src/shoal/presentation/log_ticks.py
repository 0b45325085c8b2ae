"""Round numbers for a logarithmic axis: 1, 2 and 5 of each power of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Multiples of each power of ten that `log_ticks` tries, from many to few.
_TICK_MULTIPLES = ((1, 2, 5), (1, 3), (1,))

# Decades beyond the data in which a tick still counts as inside.
_TICK_TOLERANCE = 0.05


def log_ticks(
    values: NDArray[np.float64] | pd.Series | Sequence[float], most: int = 5
) -> list[float]:
    """Round numbers for a logarithmic axis.

    Parameters
    ----------
    values
        What the axis shows. Values that are not finite, or not above 0, are ignored.
    most
        The largest number of ticks.

    Returns
    -------
    list of float
        1, 2 and 5 of each power of ten, or fewer of each where those are too many. In a range so
        narrow that it holds no two of them, steps of 1, 2 or 5. One only where all values are the
        same; empty without data.

    Examples
    --------
    >>> log_ticks(np.array([0.01, 0.2]))
    [0.01, 0.02, 0.05, 0.1, 0.2]
    >>> log_ticks(np.array([0.612, 0.689]))
    [0.62, 0.64, 0.66, 0.68]
    """
    numbers = np.asarray(values, dtype=np.float64)
    shown = numbers[np.isfinite(numbers) & (numbers > 0)]
    if not len(shown):
        return []

    # The ends in decades.
    low = math.log10(shown.min())
    high = math.log10(shown.max())

    ticks: list[float] = []
    for multiples in _TICK_MULTIPLES:
        ticks = _round_numbers(low, high, multiples)
        if len(ticks) <= most:
            break

    # Where even the powers of ten are too many: each second, third ... of them.
    each = math.ceil(len(ticks) / most) or 1
    ticks = ticks[::each]

    # A single tick does not say how the axis is scaled.
    if len(ticks) > 1:
        return ticks
    return _even_ticks(float(shown.min()), float(shown.max()), most)


def _round_numbers(low: float, high: float, multiples: Sequence[int]) -> list[float]:
    """The multiples of powers of ten between 10**low and 10**high."""
    numbers = []
    for power in range(math.floor(low), math.ceil(high) + 1):
        for multiple in multiples:
            exponent = power + math.log10(multiple)
            if low - _TICK_TOLERANCE <= exponent <= high + _TICK_TOLERANCE:
                numbers.append(multiple * 10.0**power)
    return numbers


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers: 2 of them to ``most``."""
    if low == high:
        return [_two_digits(low)]
    power = math.floor(math.log10(high - low))
    ticks: list[float] = []
    for multiple, decade in ((2, -1), (5, -1), (1, 0), (2, 0), (5, 0)):
        exponent = power + decade
        # Whole numbers of steps, so that a tick is the nearest number to what it says.
        first = math.ceil(low / (multiple * 10.0**exponent) - 1e-9)
        last = math.floor(high / (multiple * 10.0**exponent) + 1e-9)
        ticks = [float(f"{step * multiple}e{exponent}") for step in range(first, last + 1)]
        if len(ticks) <= max(most, 2):
            break
    return ticks


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")
