"""How a function is called: all points at once or one by one, with its answers checked.

Each thing that goes wrong is answered in one sentence, most of them on the first call, before time
is spent on a search that means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from numpy.typing import NDArray

from shoal.errors import FunctionError
from shoal.system.process import SAFE_PATH, environment, forget_safe_path

# Two values of one point that differ by less, as a share of the largest value, are the same: sums
# over rows in another order round differently.
SAME = 1e-6
# Points that a function of one point is asked for twice.
ASKED_TWICE = 2

Function = Callable[[NDArray[np.float64]], Any]
# Like the built-in `map`, perhaps in several processes.
Mapper = Callable[[Function, Any], Any]


class CheckedFunction:
    """A user's function, called with n points at a time.

    Parameters
    ----------
    function
        (n, D) -> (n,), or (D,) -> a number if not ``vectorized``.
    vectorized
        Which of the two it is.
    workers
        For a function of one point: that many processes, or something like `map`.
    name
        What messages call it; None: as the function.

    Attributes
    ----------
    evaluations : int
        Points evaluated, those of the checks included.
    compiled : object
        The function, if Numba compiled it and it takes all points at once; else None. Whoever finds
        that no loop can be compiled with it sets None.
    """

    def __init__(
        self,
        function: Function,
        *,
        vectorized: bool,
        workers: int | Mapper = 1,
        name: str | None = None,
    ) -> None:
        if not callable(function):
            raise FunctionError(f"{function!r} is not a function.", expected="a function")

        self.evaluations = 0
        self._function = function
        self._name = name or getattr(function, "__name__", type(function).__name__)
        self._vectorized = vectorized
        self._map: Mapper = _mapper(workers, vectorized)
        self.compiled: Any = None
        if vectorized and isinstance(function, Dispatcher):
            self.compiled = function

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the losses of points.

        Parameters
        ----------
        points
            (n, D). The function is given this very array.

        Returns
        -------
        ndarray of float64, (n,)

        Raises
        ------
        FunctionError
            If the function raises, or returns no number for each point.
        """
        self.evaluations += len(points)
        try:
            if self._vectorized:
                returned = self._function(points)
            else:
                returned = list(self._map(self._function, points))
        except FunctionError:
            raise
        # A function that calls exit() does not end the search.
        except (Exception, SystemExit) as error:
            raise self.refusal(error, points) from error

        if self._vectorized:
            return self._losses(returned, points)
        return self._losses_of_single_points(returned, points)

    def first(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the losses of points, and check what no later call checks.

        Parameters
        ----------
        points
            (n, D).

        Returns
        -------
        ndarray of float64, (n,)

        Raises
        ------
        FunctionError
            Also if the function changes its input, returns NaN alone, or returns another value for
            a point that it is asked again, alone or among others.
        """
        given = points.copy()
        losses = self(given).copy()

        if not np.array_equal(given, points):
            raise FunctionError(
                f"{self._name} changes its input.",
                expected="a function that leaves the array it is given as it is",
                remedy="work on a copy: x = x.copy()",
            )
        if np.isnan(losses).all():
            raise FunctionError(
                f"{self._name} returns NaN for all of the first {len(points)} points.",
                expected="a number for most points within the bounds",
                remedy=f"narrow the bounds, or look at its value at {points[0][:5]}",
            )
        self._check_repeats(points, losses)
        return losses

    def refusal(self, error: BaseException, points: NDArray[np.float64]) -> FunctionError:
        """Say what the function raised when it was given such points."""
        given = points.shape
        remedy = "pass vectorized=False if it takes one point at a time"
        if not self._vectorized:
            given = points.shape[1:]
            remedy = "return float('nan') for points that cannot be evaluated"
        return FunctionError(
            f"{self._name} raised {type(error).__name__}: {error}.",
            expected=f"a function that can be called with an array of shape {given}",
            remedy=remedy,
        )

    def _check_repeats(self, points: NDArray[np.float64], losses: NDArray[np.float64]) -> None:
        """Ask for points again in reverse order: each must have its value."""
        count = len(points)
        if not self._vectorized:
            count = min(count, ASKED_TWICE)

        again = self(points[:count][::-1].copy())[::-1]
        if is_same(losses[:count], again):
            return

        once_more = self(points[:count].copy())
        if is_same(losses[:count], once_more):
            raise FunctionError(
                f"{self._name} returns other values when the points come in another order.",
                expected="row i of the result belongs to row i of the input, and to no other",
                remedy="sum over axis=1, or pass vectorized=False if it takes one point at a time",
            )
        raise FunctionError(
            f"{self._name} returns {_first_difference(losses, once_more)} for the same point.",
            expected="the same value in each call",
            remedy="fix the seed of its random numbers inside the function",
        )

    def _losses(self, returned: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.asarray(returned)
        expected = (len(points),)
        if values.shape != expected or values.dtype.kind not in "fiub":
            description = f"shape {values.shape}"
            if values.dtype.kind not in "fiub":
                description = f"{type(returned).__name__} of {values.dtype}"
            raise FunctionError(
                f"{self._name} returned {description} for points of shape {points.shape}.",
                expected=f"numbers of shape {expected}, one for each row",
                remedy="pass vectorized=False if it takes one point of shape "
                f"{points.shape[1:]} and returns one number",
            )
        return np.asarray(values, np.float64)

    def _losses_of_single_points(
        self, returned: list[Any], points: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        for value in returned:
            if np.ndim(value) != 0 or np.asarray(value).dtype.kind not in "fiub":
                description = f"shape {np.shape(value)}"
                if np.ndim(value) == 0:
                    description = type(value).__name__
                raise FunctionError(
                    f"{self._name} returned {description} for a point of shape {points.shape[1:]}.",
                    expected="one number, as vectorized=False was passed",
                    remedy="leave vectorized=False out if it takes points of shape "
                    f"{points.shape} and returns {points.shape[:1]}",
                )
        return np.array(returned, np.float64)


def is_same(
    losses: NDArray[np.float64],
    again: NDArray[np.float64],
    scale: NDArray[np.float64] | None = None,
) -> bool:
    """Whether values of the same points are the same but for rounding; all are (n,).

    Parameters
    ----------
    losses, again
        The values.
    scale
        Values of which the largest says how small a difference is; None: ``losses``.
    """
    if scale is None:
        scale = losses
    largest = np.abs(scale[np.isfinite(scale)]).max(initial=0.0)
    return np.allclose(losses, again, rtol=SAME, atol=SAME * largest, equal_nan=True)


def _first_difference(losses: NDArray[np.float64], again: NDArray[np.float64]) -> str:
    pairs = zip(losses, again, strict=False)
    for loss, other in pairs:
        if loss != other:
            return f"{loss:g} and then {other:g}"
    return "different values"


def _mapper(workers: int | Mapper, vectorized: bool) -> Mapper:
    counted = isinstance(workers, int) and not isinstance(workers, bool) and workers >= 1
    if not callable(workers) and not counted:
        raise FunctionError(
            f"workers={workers!r}.", expected="a number of processes, 1 or more, or a map"
        )
    if workers == 1:
        return map
    if vectorized:
        raise FunctionError(
            f"workers={workers!r}, and the function is given all points in one call.",
            expected="workers only for a function of one point (D,) that returns a number",
            remedy="vectorized=False for such a function, or leave workers out",
        )
    if callable(workers):
        return workers

    from loky import get_reusable_executor

    with environment(SAFE_PATH):
        # It keeps its processes for the next call, and for a minute after the last.
        executor = get_reusable_executor(
            max_workers=workers, timeout=60, initializer=forget_safe_path, env=SAFE_PATH
        )
        # All that the executor starts, it starts with its first job.
        executor.submit(forget_safe_path)
    mapped: Mapper = executor.map
    return mapped
