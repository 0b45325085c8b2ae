"""Matrix products in register tiles: the inner loop of a network's forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.pso.engines.llvm_vectors import (
    F32,
    I64,
    LANES,
    Emitter,
    Value,
    Variable,
    has_wide_registers,
)

# Samples that are taken through a network at once: their activations stay in the first-level cache.
BLOCK = 64

# The most neurons of a tile, and the numbers of vectors of samples that it may have: its sums, its
# inputs and a weight stay in the registers. Taller tiles for AVX-512 (6 x 4) measured 10 % slower
# at 8 inputs and 3 % at 32: the stores at their ends stand in the way.
TILE_NEURONS = 6
TILE_VECTORS: tuple[int, ...] = (1,)
if has_wide_registers():
    TILE_NEURONS = 4
    TILE_VECTORS = (4, 2, 1)


@intrinsic
def tile(
    typing: Any,
    vectors: Any,
    neurons: Any,
    inputs: Any,
    weights: Any,
    size: Any,
    biases: Any,
    outputs: Any,
    first: Any,
    last: Any,
    relu: Any,
) -> Any:
    """Compute a part of the sums of some neurons for some samples, in registers.

    It adds to output ``[j, s]`` the sum of ``W[j, k] input[k, s]`` over k in ``first .. last``,
    term by term in that order.

    Parameters
    ----------
    typing
        Numba's own: it is passed when a kernel is compiled.
    vectors
        Samples over 16: one of `TILE_VECTORS`.
    neurons
        At most `TILE_NEURONS`.
    inputs, outputs
        Addresses of rows of `BLOCK` samples.
    weights
        Address of W, whose rows have ``size`` numbers.
    size
        Inputs of the layer.
    biases
        Address of the neurons' biases.
    first, last
        Inputs that are added. At ``first`` 0 the sums start at the biases, else at the outputs.
    relu
        Whether the sums end as max(0, sum); a NaN stays NaN.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        source = emit.float_pointer(args[2])
        weights = emit.float_pointer(args[3])
        biases = emit.float_pointer(args[5])
        target = emit.float_pointer(args[6])
        size = emit.of(args[4])
        first = emit.of(args[7])
        last = emit.of(args[8])

        # One body for each shape of a tile; which one runs is known when the kernel runs.
        for width in TILE_VECTORS:
            with emit.when(emit.of(args[0]).compare("==", width)):
                for height in range(1, TILE_NEURONS + 1):
                    with emit.when(emit.of(args[1]).compare("==", height)):
                        rows = [emit.at(weights, size * neuron) for neuron in range(height)]
                        cells = _cells(emit, height, width)
                        _start(emit, cells, biases, target, first)
                        _accumulate(emit, cells, rows, source, width, first, last)
                        _finish(emit, cells, target, args[9])
        return emit.nothing

    return types.void(*[types.intp] * 9, types.boolean), codegen


@dataclass(frozen=True, slots=True)
class _Cell:
    """The sums of one neuron for 16 samples."""

    neuron: int
    # Which vector of samples.
    vector: int
    # Where the outputs have them.
    place: Value
    total: Variable


def _cells(emit: Emitter, neurons: int, vectors: int) -> list[_Cell]:
    cells = []
    for neuron in range(neurons):
        for vector in range(vectors):
            place = emit.constant(I64, neuron * BLOCK + vector * LANES)
            total = emit.variable(emit.constant(F32, 0.0, LANES))
            cells.append(_Cell(neuron, vector, place, total))
    return cells


def _start(emit: Emitter, cells: list[_Cell], biases: Any, target: Any, first: Value) -> None:
    """Sums start at the biases, or at what earlier inputs made of them."""
    with emit.either(first.compare("==", 0)) as (fresh, partial):
        with fresh:
            for cell in cells:
                bias = emit.scalar(biases, emit.constant(I64, cell.neuron))
                cell.total.set(bias.spread(LANES))
        with partial:
            for cell in cells:
                cell.total.set(emit.load(target, cell.place))


def _accumulate(
    emit: Emitter,
    cells: list[_Cell],
    rows: list[Any],
    source: Any,
    vectors: int,
    first: Value,
    last: Value,
) -> None:
    """Add one input after the other, each product and sum rounded once."""
    with emit.loop(last - first) as index:
        k = first + index
        inputs = [emit.load(source, k * BLOCK + s * LANES) for s in range(vectors)]
        for cell in cells:
            weight = emit.scalar(rows[cell.neuron], k).spread(LANES)
            cell.total.set(weight.fma(inputs[cell.vector], cell.total.get()))


def _finish(emit: Emitter, cells: list[_Cell], target: Any, relu: Any) -> None:
    """Store the sums, with relu as max(0, sum)."""
    with emit.either(relu) as (clipped, linear):
        with clipped:
            for cell in cells:
                emit.store(cell.total.get().clipped(low=0.0), target, cell.place)
        with linear:
            for cell in cells:
                emit.store(cell.total.get(), target, cell.place)
