"""Constraints, and the rule by which points with and without violations are compared.

A feasible point is better than an infeasible one. Of two feasible points the lower loss is better,
of two infeasible ones the smaller violation.

References
----------
Deb, "An Efficient Constraint Handling Method for Genetic Algorithms", 2000.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import FunctionError

# What infeasible points start from: all of them are worse than all feasible points, whose losses
# are below it.
INFEASIBLE = 1e300

# The violations of each point, (n, m); 0 where a constraint holds.
Constraint = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Constraints:
    """Everything that a point has to keep.

    Parameters
    ----------
    constraints
        As `shoal.minimize` takes them.
    """

    def __init__(self, constraints: Any) -> None:
        if not isinstance(constraints, list | tuple):
            constraints = [constraints]
        self._parts: list[Constraint] = [_constraint(given) for given in constraints]

    def violations(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute by how much each point violates the constraints.

        Parameters
        ----------
        points
            (n, D).

        Returns
        -------
        ndarray of float64, (n,)
            The sum over all constraints; 0 for a feasible point, +inf where one is no number.
        """
        total = np.zeros(len(points))
        for part in self._parts:
            total += part(points).sum(axis=1)
        return total


def ranks(losses: NDArray[np.float64], violations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn losses and violations into one number each, whose order is the rule of Deb.

    Parameters
    ----------
    losses
        (n,). Those that are NaN or not within ±`INFEASIBLE` count as +inf.
    violations
        (n,), 0 or more. NaN counts as +inf.

    Returns
    -------
    ndarray of float64, (n,)
        The loss of a feasible point. That of an infeasible one is not looked at.
    """
    finite = np.where(np.abs(losses) < INFEASIBLE, losses, np.inf)
    amounts = np.where(np.isnan(violations), np.inf, violations)
    # The logarithm tells violations of all sizes apart: 1e-12 from 2e-12, and 1e200 from 1e201.
    return np.where(amounts > 0, INFEASIBLE * (1.0 + np.log1p(amounts)), finite)


def _constraint(given: Any) -> Constraint:
    if all(hasattr(given, name) for name in ("A", "lb", "ub")):
        matrix = np.atleast_2d(np.asarray(given.A, np.float64))
        return _between(lambda points: points @ matrix.T, given.lb, given.ub)

    if all(hasattr(given, name) for name in ("fun", "lb", "ub")):
        # scipy's convention: that function takes one point.
        return _between(_point_by_point(given.fun), given.lb, given.ub)

    if callable(given):
        return _at_most_zero(given)
    raise FunctionError(
        f"constraints={given!r}.",
        expected="functions (points, D) -> (points,) or (points, m) that are 0 or less where a "
        "point is feasible, or scipy's LinearConstraint and NonlinearConstraint",
    )


def _at_most_zero(function: Callable[..., Any]) -> Constraint:
    def violations(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return _excess(_values(function, points))

    return violations


def _values(function: Callable[..., Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a constraint says of points, (n, m)."""
    try:
        returned = np.asarray(function(points.copy()))
    except Exception as error:
        raise FunctionError(
            f"The constraint {_name(function)} raised {type(error).__name__}: {error}.",
            expected=f"a function that can be called with an array of shape {points.shape}",
            remedy="it takes all points at once: x[:, 0] is the first coordinate of each",
        ) from error

    # True would read as violated by 1.
    if returned.dtype == bool:
        raise FunctionError(
            f"The constraint {_name(function)} returned truth values.",
            expected="numbers that are 0 or less where a point is feasible",
            remedy="for x <= limit return x - limit, and for x >= limit return limit - x",
        )
    return _rows(returned, points, function)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))


def _between(function: Callable[..., Any], lower: Any, upper: Any) -> Constraint:
    def violations(points: NDArray[np.float64]) -> NDArray[np.float64]:
        values = _values(function, points)
        return _excess(values - upper) + _excess(lower - values)

    return violations


def _point_by_point(function: Callable[..., Any]) -> Callable[..., Any]:
    def values(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([np.atleast_1d(function(point.copy())) for point in points], np.float64)

    return values


def _rows(
    returned: Any, points: NDArray[np.float64], function: Callable[..., Any]
) -> NDArray[np.float64]:
    """What a constraint returned as (n, m)."""
    values = np.asarray(returned, np.float64)
    if values.ndim not in {1, 2} or len(values) != len(points):
        raise FunctionError(
            f"The constraint {_name(function)} returned shape {values.shape} for points of shape "
            f"{points.shape}.",
            expected=f"({len(points)},), or ({len(points)}, m) for m constraints",
        )
    return values.reshape(len(points), -1)


def _excess(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is above 0; +inf for NaN."""
    excess = np.maximum(values, 0.0)
    return np.where(np.isnan(excess), np.inf, excess)
