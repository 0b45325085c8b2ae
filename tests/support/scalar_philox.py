"""Philox in Python's own integers, for comparison."""

from __future__ import annotations

ONES = 0xFFFFFFFF


def scalar_philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """The paper's ten rounds in Python's own integers, for comparison."""
    (a, b, c, d), (k, m) = counter, key
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q >> 32) ^ b ^ k, q & ONES, (p >> 32) ^ d ^ m, p & ONES
        k, m = (k + 0x9E3779B9) & ONES, (m + 0xBB67AE85) & ONES
    return a, b, c, d


def scalar_uniform(
    key: tuple[int, int], purpose: int, iteration: int, particle: int, d: int, dimensions: int
) -> float:
    """One uniform number, from the layout as documented."""
    word, block = divmod(d, -(-dimensions // 4))
    return (scalar_philox((block, particle, iteration, int(purpose)), key)[word] >> 8) * 2.0**-24
