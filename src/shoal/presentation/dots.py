"""Where dots of scores stand, so that those with nearly the same score do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Dots of scores that differ by less than this share of the range stand above each other.
_BINS = 48


def dot_heights(values: Sequence[float]) -> NDArray[np.float64]:
    """Heights of dots whose other coordinate is a score: a histogram that is made of its values.

    Parameters
    ----------
    values
        Scores; those that are not finite get height 0.

    Returns
    -------
    ndarray of float64
        From -1 to 1. The fuller a bin of neighbouring scores, the more of the height it fills.
    """
    scores = np.array(values, dtype=np.float64)
    finite = np.isfinite(scores)
    heights = np.zeros(len(scores))
    if not finite.any():
        return heights

    low = scores[finite].min()
    width = scores[finite].max() - low
    bins = np.zeros(len(scores), np.int64)
    if width > 0:
        bins[finite] = np.minimum((scores[finite] - low) / width * _BINS, _BINS - 1).astype(int)

    counts = np.bincount(bins[finite], minlength=_BINS)
    for number in np.flatnonzero(counts):
        members = np.flatnonzero(finite & (bins == number))
        # From the middle outward, in turn above and below it.
        rank = np.arange(len(members))
        sign = np.where(rank % 2 == 0, 1.0, -1.0)
        heights[members] = sign * np.ceil(rank / 2) * 2.0 / counts.max()
    return heights.clip(-1.0, 1.0)
