"""A function looked at before a search: is it one that a swarm can minimise?"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.errors import FunctionError
from shoal.functions.calls import is_same
from shoal.functions.definition import FunctionProblem
from shoal.numerics.philox import Purpose, uniforms

# Points that a function is asked for: as many as a usual swarm has, and for constraints, which are
# often kept by few points.
POINTS = 48
FEASIBILITY_POINTS = 1000
# Points that are asked for one by one.
_ALONE = 3


@dataclass(frozen=True, slots=True)
class FunctionCheck:
    """What is known of a function.

    Attributes
    ----------
    seconds
        Of one call with `POINTS` points; of one point, where it takes one at a time.
    ties
        The share of random points whose value another one has, too.
    finite
        The share of random points with a finite value.
    feasible
        The share of random points that keep all constraints.
    compiled
        Whether Numba compiled it.
    """

    seconds: float
    ties: float
    finite: float
    feasible: float
    compiled: bool


def call_once(problem: FunctionProblem) -> float:
    """Call a function once, with one point a row; the seconds that it took.

    Raises
    ------
    FunctionError
        If it raises, or returns no number for each point.
    """
    points = random_points(problem, POINTS)
    if not problem.vectorized:
        points = points[:1]

    begun = time.perf_counter()
    problem.checked()(points)
    return time.perf_counter() - begun


def check_function(problem: FunctionProblem) -> FunctionCheck:
    """Call a function a few times.

    Raises
    ------
    FunctionError
        If it changes its input, returns NaN alone, or returns another value for a point that it is
        asked again: in another order, alone, or a second time. If a constraint does not return
        numbers for each point.
    """
    function = problem.checked()
    points = random_points(problem, POINTS)
    # A function that is compiled on its first call is slow once.
    seconds = call_once(problem)

    values = function.first(points)
    if problem.vectorized:
        _check_alone(problem, points, values)

    finite = np.isfinite(values)
    _, counts = np.unique(values[finite], return_counts=True)
    return FunctionCheck(
        seconds=seconds,
        ties=float(counts[counts > 1].sum() / max(1, counts.sum())),
        finite=float(finite.mean()),
        feasible=_feasible_share(problem),
        compiled=function.compiled is not None,
    )


def random_points(problem: FunctionProblem, count: int) -> NDArray[np.float64]:
    """The first points of a fixed random stream, uniform in the box, (count, D)."""
    box = problem.box
    share = uniforms((0, 0), Purpose.POSITION, 0, count, box.dimensions)
    units = 2.0 * share.astype(np.float64) - 1.0
    return box.points(units, np.ones(count, bool))


def _check_alone(
    problem: FunctionProblem, points: NDArray[np.float64], values: NDArray[np.float64]
) -> None:
    """A point has the value alone that it has among others."""
    function = problem.checked()
    for row in range(_ALONE):
        alone = function(points[row : row + 1].copy())
        if not is_same(values[row : row + 1], alone, scale=values):
            raise FunctionError(
                f"{problem.name} returns {values[row]:g} for a point among others, and "
                f"{alone[0]:g} for the same point alone.",
                expected="row i of the result belongs to row i of the input, and to no other",
                remedy="sum over axis=1, or set vectorized=False if it takes one point at a time",
            )


def _feasible_share(problem: FunctionProblem) -> float:
    rules = problem.rules
    if rules is None:
        return 1.0
    violations = rules.violations(random_points(problem, FEASIBILITY_POINTS))
    return float((violations == 0).mean())
