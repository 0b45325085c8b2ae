"""Elementary functions of one number, with the same bits on every machine, compiled or not.

They are made of additions, multiplications, divisions, roots and exact scalings only, which IEEE
754 defines to the bit. Each is a plain Python function, and compiled code may call it. Accuracy: a
few units in the last place of float64.

References
----------
Cody and Waite, "Software Manual for the Elementary Functions", 1980: the reduction of arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from numba.extending import register_jitable

_Function = TypeVar("_Function", bound=Callable[..., Any])

# ln 2 and pi / 2 in two parts. The first has so few digits that small multiples of it are exact.
_LN2_HIGH = 0.6931471803691238
_LN2_LOW = 1.9082149292705877e-10
_HALF_PI_HIGH = 1.5707963267341256
_HALF_PI_LOW = 6.077100506506192e-11
# Up to here a multiple of the first part of pi / 2 is exact.
_LARGEST_ANGLE = 1.5e6

# Series, the highest power first.
_EXP_TERMS = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
_SIN_TERMS = tuple((-1.0) ** n / math.factorial(2 * n + 1) for n in range(8, -1, -1))
_COS_TERMS = tuple((-1.0) ** n / math.factorial(2 * n) for n in range(8, -1, -1))
_ATANH_TERMS = tuple(1.0 / (2 * n + 1) for n in range(11, -1, -1))


def plain_or_compiled(function: _Function) -> _Function:
    """Let compiled code call a plain Python function, which stays one."""
    decorated: _Function = register_jitable(function)
    return decorated


@plain_or_compiled
def _polynomial(x: float, terms: tuple[float, ...]) -> float:
    """By Horner's rule."""
    total = 0.0
    for term in terms:
        total = total * x + term
    return total


@plain_or_compiled
def exp(x: float) -> float:
    """Compute e to the power of x; from -745.2 down it is 0, from 709 up that of 709."""
    if math.isnan(x):
        return x
    x = min(max(x, -746.0), 709.0)

    # x = k ln 2 + rest, with the rest around 0.
    k = math.floor(x / math.log(2.0) + 0.5)
    rest = (x - k * _LN2_HIGH) - k * _LN2_LOW
    return math.ldexp(_polynomial(rest, _EXP_TERMS), int(k))


@plain_or_compiled
def log(x: float) -> float:
    """Compute the natural logarithm of a finite x; NaN where x is not above 0."""
    if not 0.0 < x < math.inf:
        return math.nan

    # x = m 2^k, with m in [0.7, 1.42).
    m, k = math.frexp(x)
    if m < 0.7071067811865476:
        m = 2.0 * m
        k = k - 1

    # ln m = 2 atanh(s) = 2 s (1 + s^2/3 + s^4/5 + ...).
    s = (m - 1.0) / (m + 1.0)
    series = _polynomial(s * s, _ATANH_TERMS)
    return k * _LN2_HIGH + (2.0 * s * series + k * _LN2_LOW)


@plain_or_compiled
def sin_cos(x: float) -> tuple[float, float]:
    """Compute the sine and the cosine of an angle in radians.

    Exact to 1e-15 for angles up to a million, and less exact beyond; NaN for an angle that is not
    finite.
    """
    if not math.isfinite(x):
        return math.nan, math.nan
    if abs(x) > _LARGEST_ANGLE:
        x = x % (2.0 * math.pi)

    # x = k pi/2 + rest, with the rest in [-pi/4, pi/4].
    k = math.floor(x * (2.0 / math.pi) + 0.5)
    rest = (x - k * _HALF_PI_HIGH) - k * _HALF_PI_LOW
    square = rest * rest
    sine = rest * _polynomial(square, _SIN_TERMS)
    cosine = _polynomial(square, _COS_TERMS)

    quarter = int(k) % 4
    if quarter == 0:
        return sine, cosine
    if quarter == 1:
        return cosine, -sine
    if quarter == 2:
        return -sine, -cosine
    return -cosine, sine


@plain_or_compiled
def sin(x: float) -> float:
    """Compute the sine; see `sin_cos`."""
    return sin_cos(x)[0]


@plain_or_compiled
def cos(x: float) -> float:
    """Compute the cosine; see `sin_cos`."""
    return sin_cos(x)[1]


@plain_or_compiled
def tanh(x: float) -> float:
    """Compute the hyperbolic tangent, exact to 1e-15."""
    power = exp(-2.0 * abs(x))
    size = (1.0 - power) / (1.0 + power)
    if x < 0.0:
        return -size
    return size
