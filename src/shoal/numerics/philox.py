"""Philox4x32-10: every random number of Shoal is a function of a counter and a key.

The counter says what the number is for, the key which random stream it belongs to. There is no
generator and nothing to save.

Counter words: (block, particle, iteration, purpose). The four words of a block serve four
dimensions, a quarter of the vector apart: word ``j`` of block ``b`` is dimension ``j * blocks +
b``, where ``blocks = ceil(D / 4)``. So a loop over blocks writes contiguously.

The function is written three times, since no one of them can call another: here for arrays, in
shoal.pso.engines.kernels for single words of a compiled loop, and in
shoal.pso.engines.intrinsics.moves for vectors in registers. The constants stand here alone;
tests/numerics/test_philox.py holds the three together.

References
----------
Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shoal.numerics.portable_math import cos_sin_turns, log

Key = tuple[int, int]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
_MASK = np.uint64(0xFFFFFFFF)
# Individuals that are drawn for at once.
_SIDE = 64


class Purpose(IntEnum):
    """The last counter word: what a random number is for."""

    KEY = 1
    POSITION = 2
    VELOCITY = 3
    INFORMANTS = 4
    PAIRING = 5
    # r1, r2 and r3 of shoal.update_rules.informed.
    COGNITIVE = 16
    SOCIAL = 17
    GLOBAL = 18
    INITIAL_GENOME = 32
    TOURNAMENT = 33
    CROSSOVER = 34
    MUTATION = 35
    MUTATION_STEP = 36
    SAMPLER = 48
    PROJECTION = 64
    # Scenarios of simulations: those that a swarm trains on, those that choose among its
    # networks, those of a confirmation, and those that only a report sees.
    TRAINING_SCENARIO = 80
    VALIDATION_SCENARIO = 81
    CONFIRMATION_SCENARIO = 82
    TEST_SCENARIO = 83
    # Random actions, from which the ranges of observations are taken.
    RANDOM_PLAY = 84


def philox(
    counter: tuple[object, object, object, object], key: Key
) -> tuple[NDArray[np.uint32], ...]:
    """Compute the random words of counters, by Philox4x32-10.

    Parameters
    ----------
    counter
        Four words, each a number or an array; they are broadcast.
    key
        The random stream.

    Returns
    -------
    tuple of four ndarray of uint32
        Of the broadcast shape.

    References
    ----------
    Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
    """
    # Words have 32 bits. They are kept in 64, so that a product fits.
    words = []
    for word in counter:
        words.append(np.asarray(word, dtype=np.uint64) & _MASK)
    c0, c1, c2, c3 = np.broadcast_arrays(*words)
    k0, k1 = key

    for _ in range(ROUNDS):
        p0 = np.uint64(MULTIPLIERS[0]) * c0
        p1 = np.uint64(MULTIPLIERS[1]) * c2

        # Each line reads a word that is not yet replaced.
        c0 = (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0)
        c1 = p1 & _MASK
        c2 = (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1)
        c3 = p0 & _MASK

        k0 = (k0 + WEYL[0]) & 0xFFFFFFFF
        k1 = (k1 + WEYL[1]) & 0xFFFFFFFF
    return tuple(word.astype(np.uint32) for word in (c0, c1, c2, c3))


def derive_key(seed: int, stream: int) -> Key:
    """Compute the key of a random stream.

    Parameters
    ----------
    seed
        Up to 64 bits.
    stream
        A repeat, for example. Different pairs of seed and stream give unrelated keys.
    """
    low = seed & 0xFFFFFFFF
    high = (seed >> 32) & 0xFFFFFFFF
    words = philox((low, high, stream, Purpose.KEY), (0, 0))
    return int(words[0]), int(words[1])


def uniforms(
    key: Key, purpose: int, iteration: int, particles: int, dimensions: int
) -> NDArray[np.float32]:
    """Draw uniform numbers in [0, 1): the upper 24 bits of a word, over 2^24.

    Parameters
    ----------
    key, purpose, iteration
        Which numbers are drawn.
    particles, dimensions
        How many.

    Returns
    -------
    ndarray of float32, (particles, dimensions)
    """
    block = np.arange(-(-dimensions // 4))
    particle = np.arange(particles)[:, None]
    words = np.concatenate(philox((block, particle, iteration, purpose), key), axis=1)
    return ((words[:, :dimensions] >> np.uint32(8)).astype(np.float32)) * np.float32(2.0**-24)


def normals(key: Key, purpose: int, particles: int, dimensions: int) -> NDArray[np.float32]:
    """Draw standard normal numbers, from pairs of words.

    Words 0 and 1 make dimensions ``b`` and ``blocks + b``, words 2 and 3 those of the upper half.

    Parameters
    ----------
    key, purpose
        Which numbers are drawn.
    particles, dimensions
        How many.

    Returns
    -------
    ndarray of float32, (particles, dimensions)

    References
    ----------
    Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
    """
    block = np.arange(-(-dimensions // 4))
    particle = np.arange(particles)[:, None]
    words = philox((block, particle, 0, purpose), key)

    parts = []
    for u, v in (words[:2], words[2:]):
        radius = np.sqrt(-2.0 * log((u.astype(np.float64) + 0.5) * 2.0**-32))
        cosine, sine = cos_sin_turns(v.astype(np.float64) * 2.0**-32)
        parts += [radius * cosine, radius * sine]
    return np.concatenate(parts, axis=1)[:, :dimensions].astype(np.float32)


def draws(
    key: Key, purpose: int, generation: int, individual: int, count: int
) -> NDArray[np.float64]:
    """Draw uniform numbers in [0, 1) for one decision of a search.

    Parameters
    ----------
    key, purpose, generation, individual
        Which numbers are drawn.
    count
        How many.

    Returns
    -------
    ndarray of float64, (count,)
        Read-only.
    """
    row = individual % _SIDE
    first = individual - row
    numbers: NDArray[np.float64] = _drawn(key, purpose, generation, first, count)[row]
    return numbers


def normal_draws(
    key: Key, purpose: int, generation: int, individual: int, count: int
) -> NDArray[np.float64]:
    """Draw standard normal numbers for one decision of a search.

    They are the cosine half of Box and Muller's pairs.

    Parameters
    ----------
    key, purpose, generation, individual
        Which numbers are drawn.
    count
        How many.

    Returns
    -------
    ndarray of float64, (count,)
        Read-only.

    References
    ----------
    See `normals`.
    """
    row = individual % _SIDE
    first = individual - row
    numbers: NDArray[np.float64] = _normal_drawn(key, purpose, generation, first, count)[row]
    return numbers


# A search that goes on draws anew all that it ever drew. For many individuals at once that takes
# hardly longer than for one.
@lru_cache(maxsize=32)
def _drawn(key: Key, purpose: int, generation: int, first: int, count: int) -> NDArray[np.float64]:
    individuals = np.arange(first, first + _SIDE)[:, None]
    blocks = np.arange(-(-count // 4))
    words = np.stack(philox((blocks, individuals, generation, purpose), key), axis=2)
    return _read_only(words.reshape(_SIDE, -1)[:, :count].astype(np.float64) * 2.0**-32)


@lru_cache(maxsize=32)
def _normal_drawn(
    key: Key, purpose: int, generation: int, first: int, count: int
) -> NDArray[np.float64]:
    u = _drawn(key, purpose, generation, first, 2 * count)
    radius = np.sqrt(-2.0 * log(u[:, :count] + 2.0**-33))
    cosine, _ = cos_sin_turns(u[:, count:])
    return _read_only(radius * cosine)


def _read_only(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    numbers.flags.writeable = False
    return numbers
