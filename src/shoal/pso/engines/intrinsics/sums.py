"""Sums in float64, and the measure of a machine's peak."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.pso.engines.llvm_vectors import F32, F64, HALVES, LANES, Emitter

# Enough to hide a multiply-add's latency, few enough for the registers of AVX2 in pairs.
PEAK_CHAINS = 12


@intrinsic
def sum_squares(typing: Any, values: Any, mask: Any, count: Any) -> Any:
    """Add in float64 the squares of those float32 whose ``mask`` is not 0.

    Parameters
    ----------
    typing
        Numba's own: it is passed when a kernel is compiled.
    values, mask
        By address.
    count
        A multiple of 16.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        values = emit.float_pointer(args[0])
        mask = emit.float_pointer(args[1])

        totals = [emit.variable(emit.constant(F64, 0.0, LANES // 2)) for _ in HALVES]
        for total in totals:
            total.set(emit.constant(F64, 0.0, LANES // 2))

        with emit.loop(emit.of(args[2]) // LANES) as index:
            start = index * LANES
            counted = emit.load(mask, start).compare("!=", 0.0).pick(emit.load(values, start), 0.0)
            for half, total in zip(HALVES, totals, strict=True):
                part = counted.part(half).to(F64)
                total.set(total.get() + part * part)
        return (totals[0].get() + totals[1].get()).total().value

    return types.float64(*[types.intp] * 3), codegen


@intrinsic
def multiply_adds(typing: Any, rounds: Any) -> Any:
    """Do ``rounds`` times `PEAK_CHAINS` independent multiply-adds of vectors, and return a sum.

    Nothing but the machine's peak.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        # Chains start apart, so that the compiler cannot make one of them.
        starts = [emit.constant(F32, 1.0 + 0.01 * n, LANES) for n in range(PEAK_CHAINS)]
        chains = [emit.variable(start) for start in starts]

        with emit.loop(emit.of(args[0])):
            for chain in chains:
                chain.set(chain.get().fma(0.5, emit.constant(F32, 0.25)))

        total = chains[0].get()
        for chain in chains[1:]:
            total = total + chain.get()
        return total.total().to(F64).value

    return types.float64(types.intp), codegen
