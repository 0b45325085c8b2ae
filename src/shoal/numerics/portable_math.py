"""exp, log, sine and cosine whose bits do not depend on the machine.

NumPy picks an implementation by the processor's vector extensions, and the last bits of a result
depend on the choice. A value that enters a `result_hash` must not depend on it. So these functions
use only additions, multiplications and exact scalings, which IEEE 754 defines to the bit. They are
accurate to a few units in the last place of float64.

`log` is defined in shoal.inference.standalone, the file that users take away with a model.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shoal.inference.standalone import log

__all__ = ["cos_sin_turns", "exp", "log"]

Floats = NDArray[np.float64]

# ln 2 in two parts, as in fdlibm: k * _LN2_HIGH is exact for every exponent k.
_LN2_HIGH = 0.6931471803691238
_LN2_LOW = 1.9082149292705877e-10

# Exponents are clipped to these: in float64 e^-746 is 0, and e^710 would be infinite.
_LEAST_EXPONENT = -746.0
_LARGEST_EXPONENT = 709.0

# Coefficients of the Taylor series, that of the highest power first.
_EXP_TERMS = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
_SIN_TERMS = tuple((-1.0) ** n / math.factorial(2 * n + 1) for n in range(8, -1, -1))
_COS_TERMS = tuple((-1.0) ** n / math.factorial(2 * n) for n in range(8, -1, -1))


def exp(x: Floats) -> Floats:
    """Compute the exponential.

    Parameters
    ----------
    x
        Of any shape. Values below -745.2 give 0, values above 709 give e to the power of 709.

    Returns
    -------
    ndarray of float64
        Of the shape of ``x``.
    """
    x = np.clip(x, _LEAST_EXPONENT, _LARGEST_EXPONENT)

    # e^x = 2^k e^rest, with the rest at most ln(2) / 2 in size.
    k = np.floor(x / math.log(2.0) + 0.5)
    rest = (x - k * _LN2_HIGH) - k * _LN2_LOW

    return np.ldexp(_polynomial(rest, _EXP_TERMS), k.astype(np.int64))


def cos_sin_turns(u: Floats) -> tuple[Floats, Floats]:
    """Compute cosine and sine of ``2 pi u``.

    Parameters
    ----------
    u
        Turns of a circle, in [0, 1), of any shape.

    Returns
    -------
    tuple of two ndarray of float64
        Cosine and sine, of the shape of ``u``.
    """
    # The nearest quarter turn, and the angle from there, in [-pi/4, pi/4]. The subtraction is
    # exact.
    quarter = np.floor(4.0 * u + 0.5)
    angle = (u - 0.25 * quarter) * (2.0 * math.pi)

    square = angle * angle
    cosine = _polynomial(square, _COS_TERMS)
    sine = angle * _polynomial(square, _SIN_TERMS)

    # Quarter turns swap the two and change their signs.
    turns = quarter.astype(np.int64) % 4
    turned_cosine = np.choose(turns, (cosine, -sine, -cosine, sine))
    turned_sine = np.choose(turns, (sine, cosine, -sine, -cosine))
    return turned_cosine, turned_sine


def _polynomial(x: Floats, terms: tuple[float, ...]) -> Floats:
    """A polynomial by Horner's scheme, from the coefficient of the highest power down."""
    total = np.full_like(x, terms[0])
    for term in terms[1:]:
        total = total * x + term
    return total
