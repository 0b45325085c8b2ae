"""What a user writes: a function of points, with the box and the constraints of its points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.errors import FunctionError
from shoal.functions.box import Box, make_box
from shoal.functions.constraints import Constraints
from shoal.objectives.options import Option, name_of, options_of, plain_function, with_values
from shoal.objectives.registry import DIRECTIONS, Direction

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from shoal.functions.calls import CheckedFunction

_WHAT = "The function"


@dataclass(frozen=True, eq=False)
class FunctionProblem:
    """A function whose swarm `shoal.search` tunes; `function` makes one as a decorator.

    A search needs the function in a file: the problem stands at the file's top level, or the file
    calls ``shoal.FunctionProblem`` with the function's name. Called with points, it runs the
    function, which is how to test it.

    Attributes
    ----------
    function
        ``f(points, option=default, ...)``: points (n, D) float64 -> values (n,). If not
        ``vectorized``, one point (D,) -> a number.
    bounds
        A pair (lower, upper) for each of D coordinates, or scipy's ``Bounds``. With ``dimensions``,
        one pair for all of them.
    integers
        The coordinates that are whole numbers: their indices, or (D,) of bool.
    constraints
        As `shoal.minimize` takes them: functions (n, D) -> (n,) or (n, m) that are 0 or less where
        a point is feasible, or scipy's ``LinearConstraint`` and ``NonlinearConstraint``.
    direction
        Whether a smaller or a larger value is better.
    unit
        Of the value, "" for a pure number.
    vectorized
        Whether the function takes all points at once.
    dimensions
        The number of coordinates, where ``bounds`` is one pair for all of them; or the option that
        says how many.
    name
        What it is called; by default as the function.
    options
        By name, with their values: the function's parameters with defaults.

    Raises
    ------
    FunctionError
        If the function takes other arguments, the bounds are no box, or a setting makes no sense.

    Examples
    --------
    >>> def sphere(x):
    ...     return (x**2).sum(axis=1)
    >>> problem = FunctionProblem(sphere, bounds=[(-5, 5)] * 3)
    >>> problem(np.ones((2, 3))).tolist(), problem.box.dimensions
    ([3.0, 3.0], 3)
    """

    function: Callable[..., Any]
    bounds: Any
    integers: ArrayLike | None = None
    constraints: Any = None
    direction: Direction = "minimize"
    unit: str = ""
    vectorized: bool = True
    dimensions: int | str | None = None
    name: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = options_of(self.function, _WHAT, ("points",), FunctionError)
        owner = f"{_WHAT} {name_of(self.function)}"
        options = with_values(known, self.options, owner, FunctionError)

        # The dataclass is frozen: values in their plain forms go in past its guard.
        object.__setattr__(self, "options", options)
        if not self.name:
            object.__setattr__(self, "name", _usual_name(self.function))
        _check(self)

    def __call__(self, points: Any) -> Any:
        """Run the function."""
        return self.function(points, *self.options.values())

    @property
    def box(self) -> Box:
        """Where the points are, with these options."""
        bounds = self.bounds
        if self.dimensions is not None:
            bounds = [bounds] * self._count
        return make_box(bounds, self.integers)

    @property
    def rules(self) -> Constraints | None:
        """The constraints; None where there are none."""
        if self.constraints is None:
            return None
        return Constraints(self.constraints)

    @property
    def sign(self) -> float:
        """What a value is multiplied by to become a loss: 1, or -1 where larger is better."""
        return 1.0 if self.direction == "minimize" else -1.0

    @property
    def _count(self) -> int:
        """The number of coordinates where all have the same bounds."""
        if isinstance(self.dimensions, str):
            return int(self.options[self.dimensions])
        return int(self.dimensions or 0)

    def checked(self) -> CheckedFunction:
        """The function with these options, as a swarm calls it."""
        # It brings the compiler, which names and options do not need.
        from shoal.functions.calls import CheckedFunction

        function: Callable[..., Any] = self
        if not self.options:
            function = self.function
        return CheckedFunction(function, vectorized=self.vectorized, name=self.name)

    def with_options(self, **changes: Any) -> FunctionProblem:
        """Give options other values, each of the type of its default. Raises `FunctionError`.

        Examples
        --------
        >>> from shoal.functions.registry import get_function
        >>> get_function("sphere").with_options(dimensions=3).box.dimensions
        3
        """
        owner = f"{_WHAT} {self.name}"
        return replace(self, options=with_values(self.options, changes, owner, FunctionError))


def function(
    bounds: Any,
    *,
    integers: ArrayLike | None = None,
    constraints: Any = None,
    direction: Direction = "minimize",
    unit: str = "",
    vectorized: bool = True,
    dimensions: int | str | None = None,
    name: str = "",
) -> Callable[[Callable[..., Any]], FunctionProblem]:
    """Make a problem of a function ``f(points, option=default, ...)``.

    Parameters
    ----------
    bounds, integers, constraints, direction, unit, vectorized, dimensions, name
        See `FunctionProblem`.

    Returns
    -------
    callable
        A decorator that returns a `FunctionProblem`.

    Raises
    ------
    FunctionError
        As `FunctionProblem`.

    Examples
    --------
    >>> @function(bounds=(-10, 10), dimensions="dimensions", direction="maximize")
    ... def hill(x, dimensions=2, height=1.0):
    ...     return height - (x**2).sum(axis=1)
    >>> hill.with_options(dimensions=5, height=3.0)(np.zeros((1, 5))).tolist()
    [3.0]
    """

    def decorate(function: Callable[..., Any]) -> FunctionProblem:
        return FunctionProblem(
            function,
            bounds,
            integers=integers,
            constraints=constraints,
            direction=direction,
            unit=unit,
            vectorized=vectorized,
            dimensions=dimensions,
            name=name,
        )

    return decorate


def _usual_name(function: Any) -> str:
    """The function's own name, as names of problems are written."""
    name = str(getattr(plain_function(function), "__name__", "function"))
    return name.replace("_", "-").strip("-<>") or "function"


def _check(problem: FunctionProblem) -> None:
    if problem.direction not in DIRECTIONS:
        raise FunctionError(
            f"direction={problem.direction!r}.", expected="one of " + ", ".join(DIRECTIONS)
        )
    _check_dimensions(problem)
    # Bounds, whole coordinates and constraints are refused here where they make no sense.
    problem.box  # noqa: B018
    problem.rules  # noqa: B018


def _check_dimensions(problem: FunctionProblem) -> None:
    dimensions = problem.dimensions
    if dimensions is None:
        return
    if isinstance(dimensions, str) and dimensions not in problem.options:
        names = ", ".join(problem.options) or "none"
        raise FunctionError(
            f"dimensions={dimensions!r}.",
            expected=f"a whole number, or one of the options {names}",
        )

    count = dimensions
    if isinstance(dimensions, str):
        count = problem.options[dimensions]  # type: ignore[assignment]
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise FunctionError(f"dimensions={count!r}.", expected="a whole number from 1 on")
    if np.shape(problem.bounds) != (2,):
        raise FunctionError(
            f"bounds of shape {np.shape(problem.bounds)} with dimensions={dimensions!r}.",
            expected="one pair (lower, upper) for all coordinates",
            remedy="leave dimensions out where each coordinate has bounds of its own",
        )
