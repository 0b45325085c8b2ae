"""The box in which a function is minimised. Inside, a swarm lives in [-1, 1] in each dimension, so
that one genome suits all boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shoal.errors import FunctionError

if TYPE_CHECKING:
    from shoal.pso.engines import ask_tell_kernels

# Beyond this the width of a box may be no number.
LARGEST_BOUND = 1e300
_AS_PAIRS = (
    "from two arrays: bounds=list(zip(lower, upper)); "
    "for 20 equal coordinates: bounds=[(-5, 5)] * 20"
)


@dataclass(frozen=True, eq=False, slots=True)
class Box:
    """Bounds of D coordinates, and which of them are whole numbers.

    Attributes
    ----------
    lower, upper : ndarray of float64, (D,)
        Both included. Whole numbers where ``whole``.
    whole : ndarray of bool, (D,)
        The coordinates that are whole numbers.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    whole: NDArray[np.bool_]

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.lower)

    def points(self, units: NDArray[np.float64], needed: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Compute the points of those positions that are needed.

        Parameters
        ----------
        units
            Positions in [-1, 1], (P, D).
        needed
            Which of them, (P,).

        Returns
        -------
        ndarray of float64, (n, D)
            A new array.
        """
        # It brings the compiler, which whoever only names bounds does not need.
        from shoal.pso.engines.ask_tell_kernels import into_box

        points = np.empty((int(np.count_nonzero(needed)), self.dimensions))
        into_box(units, needed, self.lower, self.upper, self.whole, points)
        return points

    def compiled(self) -> ask_tell_kernels.Box:
        """The same for compiled loops."""
        from shoal.pso.engines import ask_tell_kernels

        return ask_tell_kernels.Box(self.lower, self.upper, self.whole)

    def units(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the positions of points, the inverse of `points`; (n, D)."""
        # Every whole number has an interval of width 1, which begins at the number.
        share_of_whole = np.where(self.whole, 1.0, 0.0)
        width = self.upper - self.lower + share_of_whole
        offset = points - self.lower + 0.5 * share_of_whole

        # A coordinate of width 0 is fixed: its position means nothing.
        wide = width > 0
        share = np.full(points.shape, 0.5)
        share[:, wide] = offset[:, wide] / width[wide]
        return np.clip(2.0 * share - 1.0, -1.0, 1.0)


def make_box(bounds: Any, integers: ArrayLike | None = None) -> Box:
    """Read bounds as users write them.

    Parameters
    ----------
    bounds
        A pair (lower, upper) for each coordinate, or scipy's ``Bounds``.
    integers
        The coordinates that are whole numbers: their indices, or (D,) of bool.

    Raises
    ------
    FunctionError
        If these are no bounds of a box.
    """
    lower, upper = _lower_and_upper(bounds)
    whole = _whole_coordinates(integers, len(lower))

    for d, (low, high) in enumerate(zip(lower, upper, strict=True)):
        if not (-LARGEST_BOUND <= low <= high <= LARGEST_BOUND):
            raise FunctionError(
                f"bounds[{d}] is ({low:g}, {high:g}).",
                expected=f"lower <= upper, both finite and within {LARGEST_BOUND:g}",
                remedy="where a coordinate has no limit, give the range that is worth searching",
            )
        if whole[d] and np.ceil(low) > np.floor(high):
            raise FunctionError(
                f"bounds[{d}] is ({low:g}, {high:g}), without a whole number.",
                expected="a whole number within the bounds of each coordinate in integers",
            )

    if (lower == upper).all():
        raise FunctionError(
            f"bounds={bounds!r}: each coordinate has one value, so there is nothing to search.",
            expected="a pair (lower, upper) for each coordinate, with lower < upper in one of them",
            remedy=_AS_PAIRS,
        )

    lower = np.where(whole, np.ceil(lower), lower)
    upper = np.where(whole, np.floor(upper), upper)
    return Box(lower, upper, whole)


def _lower_and_upper(bounds: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        lower, upper = np.broadcast_arrays(bounds.lb, bounds.ub)
        return np.atleast_1d(np.array(lower, float)), np.atleast_1d(np.array(upper, float))

    try:
        pairs = np.array(bounds, dtype=np.float64)
    except (TypeError, ValueError):
        pairs = np.empty(0)
    # As pyswarms has them. Of two coordinates they would pass for pairs, which are another box.
    are_sides = isinstance(bounds, tuple) and all(isinstance(side, np.ndarray) for side in bounds)
    if are_sides or pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) == 0:
        seen = f"of shape {pairs.shape or repr(bounds)}"
        if are_sides:
            seen = f"in {len(bounds)} arrays"
        raise FunctionError(
            f"bounds {seen}.",
            expected="a pair (lower, upper) for each coordinate, shape (D, 2)",
            remedy=_AS_PAIRS,
        )
    return pairs[:, 0], pairs[:, 1]


def _whole_coordinates(integers: ArrayLike | None, dimensions: int) -> NDArray[np.bool_]:
    whole = np.zeros(dimensions, bool)
    if integers is None:
        return whole

    chosen = np.atleast_1d(np.asarray(integers))
    if chosen.dtype == bool and chosen.shape == (dimensions,):
        return chosen.copy()

    valid = chosen.ndim == 1 and (chosen.size == 0 or chosen.dtype.kind in "iu")
    if not valid or not _within(chosen, dimensions):
        raise FunctionError(
            f"integers={integers!r} for {dimensions} coordinates.",
            expected=f"indices from 0 to {dimensions - 1}, or {dimensions} times True or False",
        )
    whole[chosen.astype(np.int64)] = True
    return whole


def _within(indices: NDArray[Any] | Sequence[int], dimensions: int) -> bool:
    return all(0 <= index < dimensions for index in indices)
