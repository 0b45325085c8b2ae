"""exp, log, sine and cosine whose bits do not depend on the machine.

NumPy picks an implementation by the processor's vector extensions, and the last bit of its result
with it. Where a value ends in a `result_hash` it must not, so these use additions, multiplications
and exact scalings only, which IEEE 754 defines to the bit. Accuracy: a few units in the last place
of float64.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shoal.inference.standalone import log

__all__ = ["cos_sin_turns", "exp", "log"]  # the logarithm stands in the file that users take away

Floats = NDArray[np.float64]

_LN2_HIGH = (
    0.6931471803691238  # ln 2 split so that k * _LN2_HIGH is exact for every exponent k (fdlibm)
)
_LN2_LOW = 1.9082149292705877e-10
_EXP_TERMS = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
_SIN_TERMS = tuple((-1.0) ** n / math.factorial(2 * n + 1) for n in range(8, -1, -1))
_COS_TERMS = tuple((-1.0) ** n / math.factorial(2 * n) for n in range(8, -1, -1))


def _polynomial(x: Floats, terms: tuple[float, ...]) -> Floats:
    total = np.full_like(x, terms[0])
    for term in terms[1:]:
        total = total * x + term
    return total


def exp(x: Floats) -> Floats:
    """Exponential of ``x``; arguments below -745.2 give 0, above 709 the largest finite
    power of e.
    """
    x = np.clip(x, -746.0, 709.0)
    k = np.floor(x / math.log(2.0) + 0.5)
    rest = (x - k * _LN2_HIGH) - k * _LN2_LOW
    return np.ldexp(_polynomial(rest, _EXP_TERMS), k.astype(np.int64))


def cos_sin_turns(u: Floats) -> tuple[Floats, Floats]:
    """Cosine and sine of ``2 pi u`` for ``u`` in [0, 1)."""
    quarter = np.floor(4.0 * u + 0.5)
    angle = (u - 0.25 * quarter) * (2.0 * math.pi)  # in [-pi/4, pi/4]; the subtraction is exact
    square = angle * angle
    c, s = _polynomial(square, _COS_TERMS), angle * _polynomial(square, _SIN_TERMS)
    turns = quarter.astype(np.int64) % 4
    cosine = np.choose(turns, (c, -s, -c, s))
    sine = np.choose(turns, (s, c, -s, -c))
    return cosine, sine
