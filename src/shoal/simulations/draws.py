"""The random numbers of a scenario: functions of its number and of a counter within it.

The n-th draw of a scenario takes two of the four words of a Philox block, and nothing else: block
``n // 2`` of the counter (block, 0, scenario, purpose). So the particles of an iteration meet the
same numbers, whoever is evaluated first, and on any number of threads. What was drawn is
remembered: the next particle finds it.

References
----------
Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
Kemp and Kemp, "Poisson Random Variate Generation", Applied Statistics 40, 1991: inversion that
starts at the mode.
"""

from __future__ import annotations

import math
from typing import Any

from numba import uint32

from shoal.numerics.scalar_math import cos, exp, log, plain_or_compiled
from shoal.pso.engines.kernels import philox_words
from shoal.simulations.kernel_cache import kept_njit
from shoal.simulations.memory import (
    DRAWS,
    FILLED,
    KEY0,
    KEY1,
    NUMBER,
    PLACE,
    PURPOSE,
    ROOM,
    SEED,
    load_double,
    load_int,
    store_double,
    store_int,
)

# What a draw is: these, or the rate of a Poisson number.
UNIFORM, NORMAL, EXPONENTIAL = -1.0, -2.0, -3.0

# From here on, a Poisson number is looked for from the mode on, not from 0.
_LARGE_RATE = 10.0
# The largest rate: a draw takes about the root of it in steps.
LARGEST_RATE = 1e8
# Below this probability the search has left the distribution.
_NEGLIGIBLE = 1e-18
_TURN = 2.0 * math.pi
_HALF_LOG_TURN = 0.5 * math.log(_TURN)
# The block that gives a scenario its seed; draws do not come so far.
_SEED_BLOCK = 0xFFFFFFFF


@plain_or_compiled
def _log_factorial(n: float) -> float:
    """The logarithm of n!, for n from 10 on: Stirling's series."""
    inverse = 1.0 / n
    square = inverse * inverse
    series = inverse * (
        1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))
    )
    return (n + 0.5) * log(n) - n + _HALF_LOG_TURN + series


@plain_or_compiled
def _poisson_from_zero(u: float, rate: float) -> float:
    probability = exp(-rate)
    k = 0.0
    while u >= probability > _NEGLIGIBLE:
        u -= probability
        k += 1.0
        probability *= rate / k
    return k


@plain_or_compiled
def _poisson_from_mode(u: float, rate: float) -> float:
    mode = float(math.floor(rate))
    above = exp(mode * log(rate) - rate - _log_factorial(mode))
    below = above
    if u < above:
        return mode

    u -= above
    high = mode
    low = mode
    while above > _NEGLIGIBLE or below > _NEGLIGIBLE:
        high += 1.0
        above *= rate / high
        if u < above:
            return high
        u -= above

        if low > 0.0:
            below *= low / rate
            low -= 1.0
            if u < below:
                return low
            u -= below
        else:
            below = 0.0
    return mode


@plain_or_compiled
def value_of(kind: float, first: int, second: int) -> float:
    """Turn two random words into a number.

    Parameters
    ----------
    kind
        `UNIFORM`: in [0, 1), a multiple of 2^-53. `NORMAL`, `EXPONENTIAL`: of mean 0 and
        deviation 1, of mean 1. From 0 on: the rate of a Poisson number.
    first, second
        Words of 32 bits.
    """
    if kind == NORMAL:
        radius = math.sqrt(-2.0 * log((float(first) + 0.5) * 2.0**-32))
        return radius * cos(_TURN * (float(second) * 2.0**-32))

    u = (float(first >> 5) * 67108864.0 + float(second >> 6)) * 2.0**-53
    if kind == UNIFORM:
        return u
    if kind == EXPONENTIAL:
        return -log(1.0 - u)
    if kind < _LARGE_RATE:
        return _poisson_from_zero(u, kind)
    return _poisson_from_mode(u, kind)


@kept_njit()
def _words(record: Any, block: Any) -> Any:
    return philox_words(
        uint32(block),
        uint32(0),
        uint32(load_int(record, NUMBER)),
        uint32(load_int(record, PURPOSE)),
        uint32(load_int(record, KEY0)),
        uint32(load_int(record, KEY1)),
    )


@kept_njit()
def _new_draw(record: Any, kind: Any, place: Any) -> Any:
    """A draw that is not remembered; it is from now on, if there is room."""
    w0, w1, w2, w3 = _words(record, place // 2)
    if place % 2 == 0:
        value = value_of(kind, int(w0), int(w1))
    else:
        value = value_of(kind, int(w2), int(w3))

    filled = load_int(record, FILLED)
    if place < load_int(record, ROOM) and place <= filled:
        draws = load_int(record, DRAWS)
        store_double(draws, 2 * place, kind)
        store_double(draws, 2 * place + 1, value)
        store_int(record, FILLED, max(filled, place + 1))
    return value


@kept_njit()
def draw(record: Any, kind: Any) -> Any:
    """Draw the scenario's next number.

    Parameters
    ----------
    record
        The address of its record.
    kind
        See `value_of`.
    """
    place = load_int(record, PLACE)
    store_int(record, PLACE, place + 1)
    if place < load_int(record, FILLED):
        draws = load_int(record, DRAWS)
        if load_double(draws, 2 * place) == kind:
            return load_double(draws, 2 * place + 1)
    return _new_draw(record, kind, place)


@kept_njit()
def begin(record: Any, number: Any) -> None:
    """Go to the start of a scenario; what is remembered of it stays.

    Parameters
    ----------
    record
        The address of its record.
    number
        Up to 32 bits.
    """
    store_int(record, PLACE, 0)
    if load_int(record, NUMBER) != number:
        store_int(record, NUMBER, number)
        store_int(record, FILLED, 0)
        store_int(record, SEED, int(_words(record, _SEED_BLOCK)[0]))
