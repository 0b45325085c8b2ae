"""What a solved output layer is made of, in register tiles: products of features, and U'U = A."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.llvm_vectors import (
    F32,
    F64,
    HALVES,
    I64,
    LANES,
    Emitter,
    Value,
    has_wide_registers,
)

# Rows that are eliminated together.
QUAD = 4
# Vectors and rows of the tiles of products, for each number of vectors the most rows first: their
# sums stay in the registers.
PRODUCT_TILES: tuple[tuple[int, int], ...] = ((1, 4), (1, 2))
if has_wide_registers():
    PRODUCT_TILES = (
        *((4, 4), (4, 2)),
        *((3, 8), (3, 4), (3, 2)),
        *((2, 8), (2, 4), (2, 2)),
        *((1, 16), (1, 8), (1, 4), (1, 2)),
    )
# Numbers of float64 that one elimination takes at once.
DOUBLES = LANES // 2
# Numbers of such vectors in the tiles of an elimination.
ELIMINATION_WIDTHS: tuple[int, ...] = (2, 1)
if has_wide_registers():
    ELIMINATION_WIDTHS = (4, 2, 1)


@intrinsic
def add_product_tile(
    typing: Any,
    vectors: Any,
    height: Any,
    columns: Any,
    width: Any,
    rows: Any,
    count: Any,
    matrix: Any,
    stride: Any,
) -> Any:
    """Add to ``matrix[j, c]`` the sum of ``rows[j, s] columns[s, c]`` over samples s.

    Each product and sum of the samples, in their order, is rounded to float32 once; their sum is
    added in float64.

    Parameters
    ----------
    typing
        Numba's own: it is passed when a kernel is compiled.
    vectors, height
        Columns over 16, and rows: a shape of `PRODUCT_TILES`.
    columns, width
        Address of float32 in rows of ``width``, a sample each.
    rows, count
        Address of float32 in rows of `BLOCK`, of whose samples ``count`` are taken.
    matrix, stride
        Address of float64 in rows of ``stride``.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        for wide, tall in PRODUCT_TILES:
            is_wide = emit.of(args[0]).compare("==", wide)
            is_tall = emit.of(args[1]).compare("==", tall)
            with emit.when(is_wide & is_tall):
                _add_products(emit, wide, tall, args)
        return emit.nothing

    return types.void(*[types.intp] * 8), codegen


def _add_products(emit: Emitter, vectors: int, height: int, args: Any) -> None:
    columns = emit.float_pointer(args[2])
    rows = emit.float_pointer(args[4])
    matrix = emit.builder.inttoptr(args[6], F64.as_pointer())
    width, count, stride = (emit.of(args[n]) for n in (3, 5, 7))

    zero = emit.constant(F32, 0.0, LANES)
    cells = [(row, v, emit.variable(zero)) for row in range(height) for v in range(vectors)]
    for _, _, total in cells:
        total.set(zero)

    with emit.loop(count) as sample:
        here = [emit.load(columns, sample * width + v * LANES) for v in range(vectors)]
        factors = [emit.scalar(rows, sample + row * BLOCK).spread(LANES) for row in range(height)]
        for row, v, total in cells:
            total.set(factors[row].fma(here[v], total.get()))

    for row, v, total in cells:
        for number, half in enumerate(HALVES):
            place = stride * row + (v * LANES + number * DOUBLES)
            before = emit.load(matrix, place, DOUBLES)
            emit.store(before + total.get().part(half).to(F64), matrix, place)


@intrinsic
def eliminate_tile(
    typing: Any, vectors: Any, matrix: Any, stride: Any, row: Any, column: Any, above: Any, own: Any
) -> Any:
    """Eliminate in a tile of `QUAD` rows what the rows above them explain, then themselves.

    Parameters
    ----------
    typing
        Numba's own: it is passed when a kernel is compiled.
    vectors
        Columns of the tile over `DOUBLES`: one of `ELIMINATION_WIDTHS`.
    matrix
        Address of float64 in rows of ``stride``.
    stride
        The length of a row.
    row, column
        Where the tile begins.
    above
        How many rows are subtracted: ``matrix[k, row + j]`` times row k, for k in 0 .. above - 1.
    own
        Address of 4 x 4 float64. Then row j of the tile becomes (itself - the sum of ``own[j, i]``
        times row i, for i < j) times ``own[j, j]``.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        for width in ELIMINATION_WIDTHS:
            with emit.when(emit.of(args[0]).compare("==", width)):
                _eliminate(emit, width, args)
        return emit.nothing

    return types.void(*[types.intp] * 7), codegen


def _eliminate(emit: Emitter, vectors: int, args: Any) -> None:
    pointer = F64.as_pointer()
    matrix = emit.builder.inttoptr(args[1], pointer)
    own = emit.builder.inttoptr(args[6], pointer)
    stride, row, column = (emit.of(args[n]) for n in (2, 3, 4))
    zero = emit.constant(F64, 0.0, DOUBLES)

    places = []
    totals = []
    for j in range(QUAD):
        start = (row + j) * stride + column
        places.append([start + v * DOUBLES for v in range(vectors)])
        totals.append([emit.variable(zero) for _ in range(vectors)])
        for place, total in zip(places[j], totals[j], strict=True):
            total.set(emit.load(matrix, place, DOUBLES))

    with emit.loop(emit.of(args[5])) as k:
        start = k * stride
        here = [emit.load(matrix, start + column + v * DOUBLES, DOUBLES) for v in range(vectors)]
        for j in range(QUAD):
            factor = emit.scalar(matrix, start + row + j).spread(DOUBLES).negative()
            for v in range(vectors):
                totals[j][v].set(factor.fma(here[v], totals[j][v].get()))

    done: list[list[Value]] = []
    for j in range(QUAD):
        values = [total.get() for total in totals[j]]
        for i in range(j):
            factor = _own(emit, own, j, i).spread(DOUBLES).negative()
            values = [factor.fma(done[i][v], values[v]) for v in range(vectors)]
        scale = _own(emit, own, j, j).spread(DOUBLES)
        done.append([value * scale for value in values])
        for value, place in zip(done[j], places[j], strict=True):
            emit.store(value, matrix, place)


def _own(emit: Emitter, own: Any, j: int, i: int) -> Value:
    return emit.scalar(own, emit.constant(I64, j * QUAD + i))
