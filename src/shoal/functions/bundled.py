"""Functions that come with Shoal: known minima, by which a swarm can be judged.

Sums and cosines are NumPy's, whose last bits differ from one kind of processor to another.

References
----------
Hansen, Finck, Ros and Auger, "Real-Parameter Black-Box Optimization Benchmarking 2009: Noiseless
Functions Definitions", 2009: sphere, Rosenbrock, Rastrigin, here without shifts.
Sandgren, "Nonlinear Integer and Discrete Programming in Mechanical Design Optimization", 1990: the
pressure vessel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.functions.definition import function

Points = NDArray[np.float64]

# Sheet steel is sold in steps of a sixteenth of an inch.
_STEEL_STEP = 0.0625


@function(bounds=(-5.0, 5.0), dimensions="dimensions")
def sphere(x: Points, dimensions: int = 10) -> Points:
    """The sum of squares. The minimum is 0, at 0."""
    return np.asarray((x**2).sum(axis=1))


@function(bounds=(-5.0, 10.0), dimensions="dimensions")
def rosenbrock(x: Points, dimensions: int = 10) -> Points:
    """A bent valley. The minimum is 0, at 1 in each coordinate."""
    steps = x[:, 1:] - x[:, :-1] ** 2
    return np.asarray((100.0 * steps**2 + (1.0 - x[:, :-1]) ** 2).sum(axis=1))


@function(bounds=(-5.12, 5.12), dimensions="dimensions")
def rastrigin(x: Points, dimensions: int = 10) -> Points:
    """A bowl with a local minimum near each whole number. The minimum is 0, at 0."""
    waves = 10.0 * (1.0 - np.cos(2.0 * np.pi * x))
    return np.asarray((x**2 + waves).sum(axis=1))


def vessel_limits(x: Points) -> Points:
    """What a pressure vessel has to keep: 0 or less where it does.

    Parameters
    ----------
    x
        (n, 4): thickness of the shell and of the head in steps of steel, radius and length in
        inches.

    Returns
    -------
    ndarray of float64, (n, 3)
        By how much the shell and the head are too thin, as shares of the radius, and which share of
        the volume of 1,296,000 cubic inches is missing.
    """
    shell = _STEEL_STEP * x[:, 0]
    head = _STEEL_STEP * x[:, 1]
    radius = x[:, 2]
    length = x[:, 3]
    volume = np.pi * radius**2 * length + 4.0 / 3.0 * np.pi * radius**3
    return np.column_stack(
        [
            0.0193 - shell / radius,
            0.00954 - head / radius,
            1.0 - volume / 1_296_000.0,
        ]
    )


@function(
    bounds=[(1, 99), (1, 99), (10.0, 200.0), (10.0, 200.0)],
    integers=[0, 1],
    constraints=vessel_limits,
    unit="USD",
)
def pressure_vessel(x: Points) -> Points:
    """The cost of a vessel of sheet steel. The minimum is 6059.714, at (13, 7, 42.0984, 176.6366).

    See `vessel_limits` for the coordinates.
    """
    shell = _STEEL_STEP * x[:, 0]
    head = _STEEL_STEP * x[:, 1]
    radius = x[:, 2]
    length = x[:, 3]
    return np.asarray(
        0.6224 * shell * radius * length
        + 1.7781 * head * radius**2
        + 3.1661 * shell**2 * length
        + 19.84 * shell**2 * radius
    )
