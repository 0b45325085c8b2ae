"""Arrays on cache lines, addresses of their elements, and numbers that threads share."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from shoal.pso.engines.llvm_vectors import I64, LANES, Emitter


def aligned(count: int) -> NDArray[np.float32]:
    """Zeros that begin on a cache line: vectors across two lines cost twice as much."""
    memory = np.zeros(count + LANES, np.float32)
    start = -(memory.ctypes.data // 4) % LANES
    return memory[start : start + count]


@intrinsic
def address_of(typing: Any, array: Any, offset: Any) -> Any:
    """Return the address of an element of a one-dimensional array.

    A view of the array would be counted by Numba, which costs in inner loops.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        return builder.ptrtoint(emit.pointer(sig.args[0], args[0], args[1]), I64)

    return types.intp(array, types.intp), codegen


@intrinsic
def atomic_fetch_add(typing: Any, numbers: Any, index: Any) -> Any:
    """Add 1 to ``numbers[index]`` and return what it was; of several threads each gets its own."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = Emitter(context, builder).pointer(sig.args[0], args[0], args[1])
        return builder.atomic_rmw("add", place, ir.Constant(I64, 1), "acq_rel")

    return types.int64(numbers, types.intp), codegen


@intrinsic
def atomic_load_acquire(typing: Any, numbers: Any, index: Any) -> Any:
    """Read ``numbers[index]``; what its writer wrote before it is seen after."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = Emitter(context, builder).pointer(sig.args[0], args[0], args[1])
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(numbers, types.intp), codegen


@intrinsic
def atomic_store_release(typing: Any, numbers: Any, index: Any, value: Any) -> Any:
    """Write ``numbers[index]``; a thread that loads it sees all that was written before."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        place = emit.pointer(sig.args[0], args[0], args[1])
        builder.store_atomic(args[2], place, "release", 8)
        return emit.nothing

    return types.void(numbers, types.intp, types.int64), codegen
