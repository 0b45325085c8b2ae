"""exp, log, sine and cosine whose bits do not depend on the machine.

NumPy picks an implementation by the processor's vector extensions, and the last bits of a result
depend on the choice. A value that enters a `result_hash` must not depend on it. So these functions
use only additions, multiplications and exact scalings, which IEEE 754 defines to the bit. They are
accurate to a few units in the last place of float64.

`log` and `cos_sin_turns` are defined in shoal.inference.standalone, the file that users take away
with a model.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shoal.inference.standalone import cos_sin_turns, log, polynomial

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

    return np.ldexp(polynomial(rest, _EXP_TERMS), k.astype(np.int64))
