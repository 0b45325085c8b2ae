"""Functions of a user, as tests import them by their file."""

from __future__ import annotations

from typing import Any

import numpy as np

import shoal


def bowl(x: Any) -> Any:
    """The minimum is 0, at 1.5."""
    return ((x - 1.5) ** 2).sum(axis=1)


def beyond_two(x: Any) -> Any:
    """0 or less where the first coordinate is 2 or more."""
    return 2.0 - x[:, 0]


def elsewhere(x: Any) -> Any:
    """A function that no search was asked for."""
    raise AssertionError("elsewhere is called")


@shoal.function(bounds=(-5.0, 5.0), dimensions="dimensions", direction="maximize", unit="m")
def beam(x: Any, dimensions: int = 3, height: float = 2.0) -> Any:
    """A hill with waves; the maximum is the height, at 0."""
    return height - (x**2).sum(axis=1) - (1.0 - np.cos(6.0 * x)).sum(axis=1)


whole = shoal.FunctionProblem(bowl, [(-5, 5)] * 3, integers=[1], constraints=[beyond_two])


def searched(**settings: Any) -> Any:
    """A search for a problem that is made on the fly."""
    problem = shoal.FunctionProblem(bowl, [(-5, 5)] * 2, constraints=beyond_two)
    return shoal.search(problem, **settings)
