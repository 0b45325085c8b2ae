"""A course of numbers in a line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

# From the lowest value to the highest.
BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Draw numbers as bars, one character each; the last ``width`` of them.

    Parameters
    ----------
    values
        The numbers, in their order. None and what is not finite is a gap.
    width
        Characters, at most.

    Examples
    --------
    >>> sparkline([1, 2, None, 3], 10)
    '▁▅ █'
    >>> sparkline([5, 5], 10)
    '▁▁'
    """
    shown = list(values[-width:]) if width > 0 else []
    known = [value for value in shown if value is not None and math.isfinite(value)]
    if not known:
        return " " * len(shown)

    low = min(known)
    span = max(known) - low
    text = ""
    for value in shown:
        if value is None or not math.isfinite(value):
            text += " "
            continue
        height = (value - low) / span if span else 0.0
        text += BLOCKS[round(height * (len(BLOCKS) - 1))]
    return text
