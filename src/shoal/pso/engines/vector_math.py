"""Elementary functions of vectors in float32 arithmetic.

Those of a library would differ by machine, in bits and in speed. Errors are given in units of the
last place (ulp) and are tested.
"""

from __future__ import annotations

import math

from shoal.pso.engines.llvm_vectors import I32, Value

_LOG2E = 1 / math.log(2)
# ln 2 in two parts; the first has so few digits that a multiple of it is exact.
_LN2_HIGH = 0.693359375
_LN2_LOW = -2.12194440e-4
_SQRT_HALF = math.sqrt(0.5)
_SQRT_2_PI = math.sqrt(2 / math.pi)
_GELU_CUBIC = 0.044715
_LEAK = 0.01

# Polynomials, the highest power first.
_EXP = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)
_LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
# tanh as an odd rational function on [-8, 8]. At the limit it is 1, with these multiply-adds.
_TANH_LIMIT = 7.99881172180175781
_TANH_ODD = (
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-08,
    1.48572235717979e-05,
    6.37261928875436e-04,
    4.89352455891786e-03,
)
_TANH_EVEN = (
    1.19825839466702e-06,
    1.18534705686654e-04,
    2.26843463243900e-03,
    4.89352518554385e-03,
)


def _polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    """By Horner's rule, each step rounded once."""
    total = x.like(coefficients[0])
    for coefficient in coefficients[1:]:
        total = total.fma(x, coefficient)
    return total


def exp(x: Value) -> Value:
    """Compute e to the power of x, within 1 ulp on [-87, 88]; beyond as at the interval's end.

    References
    ----------
    The polynomial: Moshier, "Cephes Mathematical Library", single precision.
    """
    x = x.clipped(-87.0, 88.0)

    # x = n ln 2 + r, with r around 0.
    n = x.fma(_LOG2E, 0.5).floor()
    r = n.fma(-_LN2_LOW, n.fma(-_LN2_HIGH, x))
    p = _polynomial(r, _EXP).fma(r * r, r) + 1.0

    # 2^n, from its bits.
    return p * ((n.to(I32) + 127) << 23).bits()


def log(x: Value) -> Value:
    """Compute the natural logarithm of a finite x >= 1, within 1 ulp.

    The sum of a softmax is such a number.

    References
    ----------
    The polynomial: Moshier, "Cephes Mathematical Library", single precision.
    """
    # x = m 2^e, with m in [0.5, 1) and then in [sqrt(0.5), sqrt(2)).
    bits = x.bits()
    m = ((bits & 0x007FFFFF) | 0x3F000000).bits()
    low = m.compare("<", _SQRT_HALF)
    e = ((bits >> 23) - 126).to(x.element) - low.pick(x.like(1.0), 0.0)

    t = low.pick(m + m, m) - 1.0
    z = t * t
    p = _polynomial(t, _LOG)
    return e.fma(_LN2_HIGH, t + (e.fma(_LN2_LOW, (t * z) * p) - z * 0.5))


def tanh(x: Value) -> Value:
    """Compute the hyperbolic tangent within 6 ulp.

    References
    ----------
    The rational function is that of the library Eigen.
    """
    x = x.clipped(-_TANH_LIMIT, _TANH_LIMIT)
    z = x * x
    return x * _polynomial(z, _TANH_ODD) / _polynomial(z, _TANH_EVEN)


def sigmoid(x: Value) -> Value:
    """Compute the logistic function within 2e-7."""
    return tanh(x * 0.5).fma(0.5, 0.5)


def leaky_relu(x: Value) -> Value:
    """Compute a line of slope 0.01 below 0 and of slope 1 above."""
    return x.compare("<", 0.0).pick(x * _LEAK, x)


def gelu(x: Value) -> Value:
    """Compute the form of GELU with tanh, within 1e-6 for inputs up to 12.

    References
    ----------
    Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, section 2.
    """
    inner = (x * _SQRT_2_PI) * (x * x).fma(_GELU_CUBIC, 1.0)
    return (x * 0.5) * (tanh(inner) + 1.0)
