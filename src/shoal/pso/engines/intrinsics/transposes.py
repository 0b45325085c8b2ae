"""Squares of 16 x 16 numbers, transposed in registers."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.llvm_vectors import I64, LANES, Emitter, Value


@intrinsic
def transpose_square(typing: Any, source: Any, target: Any, width: Any) -> Any:
    """Write the transpose of 16 rows of 16 float32.

    Parameters
    ----------
    typing
        Numba's own: it is passed when a kernel is compiled.
    source
        Address of the first row, of rows of `BLOCK` numbers.
    target, width
        Address of the transpose, in rows of ``width`` numbers.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        rows = emit.float_pointer(args[0])
        out = emit.float_pointer(args[1])

        square = [emit.load(rows, emit.constant(I64, row * BLOCK)) for row in range(LANES)]
        # Each round exchanges the corners of squares half as large as the round before.
        size = LANES // 2
        while size:
            square = _exchanged(square, size)
            size //= 2
        for row, value in enumerate(square):
            emit.store(value, out, emit.of(args[2]) * row)
        return emit.nothing

    return types.void(*[types.intp] * 3), codegen


def _exchanged(square: list[Value], size: int) -> list[Value]:
    """Exchange the upper right and the lower left corner of each square of 2 ``size`` rows."""
    upper = [lane if not lane & size else LANES + lane - size for lane in range(LANES)]
    lower = [lane + size if not lane & size else LANES + lane for lane in range(LANES)]

    result = list(square)
    for row in range(LANES):
        if not row & size:
            above, below = square[row], square[row + size]
            result[row] = above.part(upper, below)
            result[row + size] = above.part(lower, below)
    return result
