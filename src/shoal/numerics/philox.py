"""Philox4x32-10: every random number of Shoal is a function of a counter (what for) and a key (which stream).

Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. There is no generator and
nothing to save.

Counter words: (block, particle, iteration, purpose). A block's four words serve four dimensions a quarter of the vector
apart: word ``j`` of block ``b`` is dimension ``j * blocks + b`` where ``blocks = ceil(D / 4)``, so that a loop over blocks
writes contiguously.
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
_SIDE = 64  # individuals that are drawn for at once


class Purpose(IntEnum):
    """The last counter word: what a random number is for."""

    KEY = 1
    POSITION = 2
    VELOCITY = 3
    INFORMANTS = 4
    PAIRING = 5
    COGNITIVE = 16  # r1
    SOCIAL = 17  # r2
    GLOBAL = 18  # r3
    INITIAL_GENOME = 32
    TOURNAMENT = 33
    CROSSOVER = 34
    MUTATION = 35
    MUTATION_STEP = 36
    SAMPLER = 48
    PROJECTION = 64


def philox(
    counter: tuple[object, object, object, object], key: Key
) -> tuple[NDArray[np.uint32], ...]:
    """Four arrays of random 32-bit words, of the broadcast shape of the four ``counter`` words."""
    words = np.broadcast_arrays(*(np.asarray(c, dtype=np.uint64) for c in counter))
    c0, c1, c2, c3 = (w & _MASK for w in words)
    k0, k1 = key
    for _ in range(ROUNDS):
        p0, p1 = np.uint64(MULTIPLIERS[0]) * c0, np.uint64(MULTIPLIERS[1]) * c2
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            p1 & _MASK,
            (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            p0 & _MASK,
        )
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return tuple(c.astype(np.uint32) for c in (c0, c1, c2, c3))


def derive_key(seed: int, stream: int) -> Key:
    """The key of random stream ``stream`` (a repeat, say) under a 64-bit ``seed``; different pairs give unrelated keys."""
    words = philox((seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF, stream, Purpose.KEY), (0, 0))
    return int(words[0]), int(words[1])


def uniforms(
    key: Key, purpose: int, iteration: int, particles: int, dimensions: int
) -> NDArray[np.float32]:
    """Uniform numbers in [0, 1), shape (particles, dimensions): the upper 24 bits of a word, over 2^24."""
    blocks = -(-dimensions // 4)
    block, particle = np.arange(blocks), np.arange(particles)[:, None]
    words = np.concatenate(philox((block, particle, iteration, purpose), key), axis=1)
    return ((words[:, :dimensions] >> np.uint32(8)).astype(np.float32)) * np.float32(2.0**-24)


def normals(key: Key, purpose: int, particles: int, dimensions: int) -> NDArray[np.float32]:
    """Standard normal numbers, shape (particles, dimensions), by Box and Muller (1958) from pairs of words.

    Words 0 and 1 make dimensions ``b`` and ``blocks + b``, words 2 and 3 the dimensions of the upper half.
    """
    blocks = -(-dimensions // 4)
    block, particle = np.arange(blocks), np.arange(particles)[:, None]
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
    """``count`` uniform numbers in [0, 1) for one decision of the genetic algorithm; read-only."""
    row = individual % _SIDE
    found: NDArray[np.float64] = _drawn(key, purpose, generation, individual - row, count)[row]
    return found


def normal_draws(
    key: Key, purpose: int, generation: int, individual: int, count: int
) -> NDArray[np.float64]:
    """``count`` standard normal numbers for one decision of the genetic algorithm (Box and Muller's cosine half); read-only."""
    row = individual % _SIDE
    found: NDArray[np.float64] = _normal_drawn(key, purpose, generation, individual - row, count)[
        row
    ]
    return found


# A search that goes on draws anew all that it ever drew. Of many individuals at once it takes hardly longer than of one.
@lru_cache(maxsize=32)
def _drawn(key: Key, purpose: int, generation: int, first: int, count: int) -> NDArray[np.float64]:
    individuals = np.arange(first, first + _SIDE)[:, None]
    words = np.stack(
        philox((np.arange(-(-count // 4)), individuals, generation, purpose), key), axis=2
    )
    return _kept(words.reshape(_SIDE, -1)[:, :count].astype(np.float64) * 2.0**-32)


@lru_cache(maxsize=32)
def _normal_drawn(
    key: Key, purpose: int, generation: int, first: int, count: int
) -> NDArray[np.float64]:
    u = _drawn(key, purpose, generation, first, 2 * count)
    return _kept(np.sqrt(-2.0 * log(u[:, :count] + 2.0**-33)) * cos_sin_turns(u[:, count:])[0])


def _kept(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    numbers.flags.writeable = False
    return numbers
