"""Distances between particles, a few by a few at once."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.pso.engines.llvm_vectors import (
    F32,
    F64,
    HALVES,
    LANES,
    Emitter,
    Value,
    Variable,
    has_wide_registers,
)

# A distance tile is PAIRS x PAIRS particles.
PAIRS = 2
if has_wide_registers():
    PAIRS = 4
# Dimensions that are added in float32 before float64: sums of at most 64 terms a lane.
DIMENSIONS = 1024


@intrinsic
def distance_tile(
    typing: Any, x: Any, stride: Any, i: Any, j: Any, particles: Any, out: Any
) -> Any:
    """Compute squared distances of `PAIRS` particles from ``i`` on to as many from ``j`` on.

    They are float32 sums of squared differences over `DIMENSIONS` at a time, then float64. One that
    is not a number is infinity.

    Parameters
    ----------
    typing
        Numba's own: it is passed when a kernel is compiled.
    x
        Positions, ``stride`` float32 of each particle.
    stride
        A multiple of 16.
    i, j
        Numbers of particles.
    particles
        How many there are.
    out
        (P, P), filled in both ways.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        positions = emit.pointer(sig.args[0], args[0])
        target = emit.pointer(sig.args[5], args[5])
        stride = emit.of(args[1])
        particles = emit.of(args[4])

        left = _numbers(emit.of(args[2]), particles)
        right = _numbers(emit.of(args[3]), particles)
        zero = emit.constant(F32, 0.0, LANES)
        totals = _variables(emit.constant(F64, 0.0))

        vectors = stride // LANES
        most = DIMENSIONS // LANES
        with emit.loop((vectors + (most - 1)) // most) as part:
            start = part * DIMENSIONS
            rows_left = [emit.at(positions, n * stride + start) for n in left]
            rows_right = [emit.at(positions, n * stride + start) for n in right]
            sums = _variables(zero)
            for total in chain.from_iterable(sums):
                total.set(zero)

            remaining = vectors - part * most
            with emit.loop(remaining.compare("<", most).pick(remaining, most)) as index:
                here = [emit.load(row, index * LANES) for row in rows_left]
                there = [emit.load(row, index * LANES) for row in rows_right]
                for a, p in enumerate(here):
                    for b, q in enumerate(there):
                        difference = p - q
                        sums[a][b].set(difference.fma(difference, sums[a][b].get()))

            for a, row in enumerate(sums):
                for b, total in enumerate(row):
                    low, high = (total.get().part(half).to(F64) for half in HALVES)
                    totals[a][b].set(totals[a][b].get() + (low + high).total())

        for a, n in enumerate(left):
            for b, m in enumerate(right):
                distance = totals[a][b].get()
                # Only NaN is unequal to itself.
                value = distance.compare("==", distance).pick(distance, math.inf).value
                builder.store(value, emit.at(target, n * particles + m))
                builder.store(value, emit.at(target, m * particles + n))
        return emit.nothing

    return types.void(x, *[types.intp] * 4, out), codegen


def _variables(start: Value) -> list[list[Variable]]:
    """A variable for each pair of particles of a tile, (PAIRS, PAIRS)."""
    rows = []
    for _ in range(PAIRS):
        rows.append([start.emit.variable(start) for _ in range(PAIRS)])
    return rows


def _numbers(start: Value, particles: Value) -> list[Value]:
    """The numbers of `PAIRS` particles from ``start`` on; behind the last one the last again.

    That one is measured twice, and writes the same numbers to the same place.
    """
    following = [start + n for n in range(PAIRS)]

    numbers = []
    for number in following:
        exists = number.compare("<", particles)
        numbers.append(exists.pick(number, particles - 1))
    return numbers
