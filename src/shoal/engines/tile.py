"""LLVM vector code that Numba cannot write by itself, as intrinsics: register tiles, sums, distances, bit casts.

Vectors of 16 float32 map to one AVX-512 register, two of AVX2 or four of NEON. Multiply-adds are explicit and every
reduction has a fixed order, so the bits are the same on each.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
TILE_SAMPLES = 64  # samples that one tile covers: four vectors
PEAK_CHAINS = 12  # enough to hide a multiply-add's latency, few enough for the registers of AVX2 in pairs

_F32 = ir.FloatType()
_VECTOR = ir.VectorType(_F32, LANES)
_INDEX = ir.IntType(64)


def _const(n: int) -> ir.Constant:
    return ir.Constant(_INDEX, n)


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.make_array(kind)(context, builder, value).data


def _load(builder: Any, pointer: Any, offset: Any) -> Any:
    vector = builder.load(builder.bitcast(builder.gep(pointer, [offset]), _VECTOR.as_pointer()))
    vector.align = 4
    return vector


def _store(builder: Any, value: Any, pointer: Any, offset: Any) -> None:
    builder.store(value, builder.bitcast(builder.gep(pointer, [offset]), _VECTOR.as_pointer())).align = 4


def _splat(builder: Any, scalar: Any) -> Any:
    vector = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(vector, ir.Constant(_VECTOR, ir.Undefined), lanes)


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR, _VECTOR, _VECTOR])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32"), [a, b, c])


def _sum_lanes(builder: Any, vector: Any) -> Any:
    """The lanes' sum in float64, lane 0 first."""
    total = ir.Constant(ir.DoubleType(), 0.0)
    for lane in range(LANES):
        item = builder.extract_element(vector, ir.Constant(ir.IntType(32), lane))
        total = builder.fadd(total, builder.fpext(item, ir.DoubleType()))
    return total


def make_tile(neurons: int) -> Any:
    """A tile of ``neurons`` x 64 samples: ``out[j, s] = act(bias[j] + sum_k W[j, k] inp[k, s])``, act = max(0, .) if ``relu``.

    ``inp`` has K rows of stride ``ldi`` from ``ioff``; the weights lie at ``w[woff + j K + k]``, the biases at
    ``w[boff + j]``; ``out`` has rows of stride ``ldo`` from ``ooff``.
    """
    vectors = TILE_SAMPLES // LANES

    @intrinsic
    def tile(
        typing: Any,
        inp: Any,
        ioff: Any,
        ldi: Any,
        k: Any,
        w: Any,
        woff: Any,
        boff: Any,
        out: Any,
        ooff: Any,
        ldo: Any,
        relu: Any,
    ) -> Any:
        i = types.intp
        signature = types.void(inp, i, i, i, w, i, i, out, i, i, types.boolean)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            inp, ioff, ldi, k, w, woff, boff, out, ooff, ldo, relu = args
            source = _data(context, builder, sig.args[0], inp)
            weights = _data(context, builder, sig.args[4], w)
            target = _data(context, builder, sig.args[7], out)
            total = [[cgutils.alloca_once(builder, _VECTOR) for _ in range(vectors)] for _ in range(neurons)]
            for j in range(neurons):
                bias = _splat(builder, builder.load(builder.gep(weights, [builder.add(boff, _const(j))])))
                for s in range(vectors):
                    builder.store(bias, total[j][s])
            with cgutils.for_range(builder, k) as loop:
                base = builder.add(ioff, builder.mul(loop.index, ldi))
                inputs = [_load(builder, source, builder.add(base, _const(LANES * s))) for s in range(vectors)]
                for j in range(neurons):
                    at = builder.add(woff, builder.add(builder.mul(k, _const(j)), loop.index))
                    weight = _splat(builder, builder.load(builder.gep(weights, [at])))
                    for s in range(vectors):
                        builder.store(_fma(builder, weight, inputs[s], builder.load(total[j][s])), total[j][s])
            zero = ir.Constant(_VECTOR, [0.0] * LANES)
            for j in range(neurons):
                for s in range(vectors):
                    value = builder.load(total[j][s])
                    # `<=` so that a NaN passes through: it must reach the loss and be seen there.
                    clipped = builder.select(builder.fcmp_ordered("<=", value, zero), zero, value)
                    at = builder.add(ooff, builder.add(builder.mul(ldo, _const(j)), _const(LANES * s)))
                    _store(builder, builder.select(relu, clipped, value), target, at)
            return context.get_dummy_value()

        return signature, codegen

    return tile


tile4 = make_tile(4)
tile1 = make_tile(1)


@intrinsic
def block_sum(typing: Any, values: Any, count: Any) -> Any:
    """Sum in float64 of ``values[:count]``, float32; ``count`` is a multiple of 16. Lane by lane, then lane 0 first."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _data(context, builder, sig.args[0], args[0])
        total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))
        with cgutils.for_range(builder, builder.udiv(args[1], _const(LANES))) as loop:
            vector = _load(builder, pointer, builder.mul(loop.index, _const(LANES)))
            builder.store(builder.fadd(builder.load(total), vector), total)
        return _sum_lanes(builder, builder.load(total))

    return types.float64(values, types.intp), codegen


@intrinsic
def squared_distance(typing: Any, a: Any, b: Any, count: Any) -> Any:
    """Sum in float64 of ``(a - b)^2`` over the first ``count`` float32 elements, a multiple of 16, in a fixed order."""
    streams = 4  # independent sums, to hide the latency of the multiply-add

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pa, pb = (_data(context, builder, sig.args[n], args[n]) for n in (0, 1))
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        totals = [cgutils.alloca_once_value(builder, zero) for _ in range(streams)]

        def add(at: Any, total: Any) -> None:
            difference = builder.fsub(_load(builder, pa, at), _load(builder, pb, at))
            builder.store(_fma(builder, difference, difference, builder.load(total)), total)

        vectors = builder.udiv(args[2], _const(LANES))
        whole = builder.udiv(vectors, _const(streams))
        with cgutils.for_range(builder, whole) as loop:
            for n, total in enumerate(totals):
                add(builder.mul(_const(LANES), builder.add(builder.mul(loop.index, _const(streams)), _const(n))), total)
        done = builder.mul(whole, _const(streams))
        with cgutils.for_range(builder, builder.sub(vectors, done)) as loop:
            add(builder.mul(_const(LANES), builder.add(done, loop.index)), totals[0])
        halves = [builder.fadd(builder.load(totals[n]), builder.load(totals[n + 2])) for n in (0, 1)]
        return _sum_lanes(builder, builder.fadd(*halves))

    return types.float64(a, b, types.intp), codegen


@intrinsic
def multiply_adds(typing: Any, rounds: Any) -> Any:
    """``rounds`` times `PEAK_CHAINS` independent multiply-adds of vectors: nothing but the machine's peak. Gives a sum."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # Chains start apart, so that the compiler cannot make one of them.
        starts = [ir.Constant(_VECTOR, [1.0 + 0.01 * n] * LANES) for n in range(PEAK_CHAINS)]
        chains = [cgutils.alloca_once_value(builder, start) for start in starts]
        factor, term = (ir.Constant(_VECTOR, [value] * LANES) for value in (0.5, 0.25))
        with cgutils.for_range(builder, args[0]):
            for chain in chains:
                builder.store(_fma(builder, builder.load(chain), factor, term), chain)
        total = builder.load(chains[0])
        for chain in chains[1:]:
            total = builder.fadd(total, builder.load(chain))
        return _sum_lanes(builder, total)

    return types.float64(types.intp), codegen


@intrinsic
def float_from_bits(typing: Any, bits: Any) -> Any:
    """The float32 whose bit pattern is the int32 ``bits``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], _F32)

    return types.float32(types.int32), codegen


@intrinsic
def bits_from_float(typing: Any, value: Any) -> Any:
    """The bit pattern of a float32, as int32."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), codegen
