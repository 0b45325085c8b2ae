"""The vector code of the kernels: register tiles, losses, distances, moves with their random numbers, and atomics."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from shoal.numerics.philox import MULTIPLIERS, ROUNDS, WEYL, Purpose
from shoal.pso.engines.llvm_vectors import (
    F32,
    F64,
    I32,
    I64,
    LANES,
    Emitter,
    Value,
    has_wide_registers,
)
from shoal.pso.engines.vector_math import exp, gelu, leaky_relu, log, sigmoid, tanh

BLOCK = 64  # samples that are taken through a network at once: their activations stay in the first-level cache
# Neurons of a tile, at most, and its vectors of samples: its sums, its inputs and a weight stay in the registers. Taller
# tiles for AVX-512 (6 x 4) measured 10 % slower at 8 inputs and 3 % at 32: the stores at their ends stand in the way.
TILE_NEURONS, TILE_VECTORS = (4, (4, 2, 1)) if has_wide_registers() else (6, (1,))
PAIRS = 4 if has_wide_registers() else 2  # a distance tile is PAIRS x PAIRS particles
DIMENSIONS = 1024  # of a distance tile at once: float32 sums of at most 64 terms a lane
PEAK_CHAINS = (
    12  # enough to hide a multiply-add's latency, few enough for the registers of AVX2 in pairs
)

_i = types.intp
_LOW = 0xFFFFFFFF


@intrinsic
def address_of(typing: Any, array: Any, offset: Any) -> Any:
    """The address of an element of a one-dimensional array. Views of arrays would be counted, which costs in inner loops."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.ptrtoint(
            Emitter(context, builder).pointer(sig.args[0], args[0], args[1]), I64
        )

    return types.intp(array, _i), codegen


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
    """A tile of ``neurons`` <= `TILE_NEURONS` x 16 ``vectors`` samples, one of `TILE_VECTORS`, kept in registers.

    It adds to output ``[j, s]`` the sum of ``W[j, k] input[k, s]`` over k in ``first .. last``, term by term in that
    order. Inputs and outputs are the addresses of rows of `BLOCK` samples; W has rows of ``size``. At ``first`` 0 the
    sums start at the biases and not at what the outputs hold; with ``relu`` they end as max(0, sum), a NaN as NaN.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        source, weights, biases, target = (
            builder.inttoptr(args[n], F32.as_pointer()) for n in (2, 3, 5, 6)
        )
        size, first, last = (emit.of(args[n]) for n in (4, 7, 8))
        for width in TILE_VECTORS:
            with emit.when(emit.of(args[0]).compare("==", width)):
                for height in range(1, TILE_NEURONS + 1):
                    with emit.when(emit.of(args[1]).compare("==", height)):
                        rows = [emit.at(weights, size * j) for j in range(height)]
                        _tile(emit, width, source, rows, biases, target, first, last, args[9])
        return emit.nothing

    return types.void(*[_i] * 9, types.boolean), codegen


def _tile(
    emit: Emitter,
    vectors: int,
    source: Any,
    rows: list[Any],
    biases: Any,
    target: Any,
    first: Value,
    last: Value,
    relu: Any,
) -> None:
    cells = [
        (
            j,
            s,
            emit.constant(I64, j * BLOCK + s * LANES),
            emit.variable(emit.constant(F32, 0.0, LANES)),
        )
        for j in range(len(rows))
        for s in range(vectors)
    ]
    with emit.either(first.compare("==", 0)) as (fresh, partial):
        with fresh:
            for j, _, _, total in cells:
                total.set(emit.scalar(biases, emit.constant(I64, j)).spread(LANES))
        with partial:
            for _, _, place, total in cells:
                total.set(emit.load(target, place))
    with emit.loop(last - first) as index:
        k = first + index
        inputs = [emit.load(source, k * BLOCK + s * LANES) for s in range(vectors)]
        for j, s, _, total in cells:
            total.set(emit.scalar(rows[j], k).spread(LANES).fma(inputs[s], total.get()))
    with emit.either(relu) as (clipped, linear):
        with clipped:
            for _, _, place, total in cells:
                emit.store(total.get().clipped(low=0.0), target, place)
        with linear:
            for _, _, place, total in cells:
                emit.store(total.get(), target, place)


def make_map(function: Callable[[Value], Value]) -> Any:
    """``function`` of each of 16 ``vectors`` float32 from an address on, in place."""

    @intrinsic
    def apply(typing: Any, values: Any, vectors: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit = Emitter(context, builder)
            place = builder.inttoptr(args[0], F32.as_pointer())
            with emit.loop(emit.of(args[1])) as index:
                at = index * LANES
                emit.store(function(emit.load(place, at)), place, at)
            return emit.nothing

        return types.void(_i, _i), codegen

    return apply


apply_tanh, apply_sigmoid, apply_leaky_relu, apply_gelu = map(
    make_map, (tanh, sigmoid, leaky_relu, gelu)
)

# The outputs of sixteen rows, by class, their targets, and the number of classes.
_Losses = Callable[[Callable[[Value], Value], Value, Value], Value]


def make_loss(each: _Losses) -> Any:
    """The sum over rows of ``each(outputs, target, classes)``.

    Given addresses, it adds those of ``real`` rows to 16 float64 sums, one for every sixteenth row; gives their total.
    """

    @intrinsic
    def add_losses(
        typing: Any, outputs: Any, targets: Any, classes: Any, real: Any, sums: Any
    ) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit = Emitter(context, builder)
            outputs, targets = (builder.inttoptr(args[n], F32.as_pointer()) for n in (0, 1))
            classes, real, place = (
                emit.of(args[2]),
                emit.of(args[3]),
                builder.inttoptr(args[4], F64.as_pointer()),
            )
            starts = [emit.constant(I64, half) for half in (0, LANES // 2)]
            totals = [emit.variable(emit.load(place, start, LANES // 2)) for start in starts]
            with emit.loop((real + (LANES - 1)) // LANES) as index:
                at = index * LANES

                def output(number: Value) -> Value:
                    return emit.load(outputs, number * BLOCK + at)

                losses = each(output, emit.load(targets, at), classes)
                losses = (emit.count(LANES) + at).compare("<", real).pick(losses, 0.0)
                for half, total in zip(_HALVES, totals, strict=True):
                    total.set(total.get() + losses.part(half).to(F64))
            for start, total in zip(starts, totals, strict=True):
                emit.store(total.get(), place, start)
            return (totals[0].get() + totals[1].get()).total().value

        return types.float64(_i, _i, _i, _i, _i), codegen

    return add_losses


def _difference(output: Callable[[Value], Value], target: Value) -> Value:
    return output(target.emit.constant(I64, 0)) - target


def _squared(output: Callable[[Value], Value], target: Value, _: Value) -> Value:
    difference = _difference(output, target)
    return difference * difference


def _absolute(output: Callable[[Value], Value], target: Value, _: Value) -> Value:
    return _difference(output, target).size()


def _huber(output: Callable[[Value], Value], target: Value, _: Value) -> Value:
    size = _difference(output, target).size()
    return size.compare("<=", 1.0).pick(size * 0.5 * size, size - 0.5)


def _best_class(
    output: Callable[[Value], Value], target: Value, classes: Value
) -> tuple[Value, ...]:
    """The highest score, its class, the target's score, and 0, or NaN where a score is not finite."""
    emit, first = target.emit, output(target.emit.constant(I64, 0))
    top, best, wanted, sound = (
        emit.variable(v) for v in (first, first.like(0.0), first, first - first)
    )
    with emit.loop(classes - 1) as index:
        score, number = output(index + 1), first.like((index + 1).to(F32))
        higher = score.compare(">", top.get())
        top.set(higher.pick(score, top.get()))
        best.set(higher.pick(number, best.get()))
        wanted.set(target.compare("==", number).pick(score, wanted.get()))
        sound.set(sound.get() + (score - score))
    return top.get(), best.get(), wanted.get(), sound.get()


def _cross_entropy(output: Callable[[Value], Value], target: Value, classes: Value) -> Value:
    top, _, wanted, sound = _best_class(output, target, classes)
    total = target.emit.variable(target.like(0.0))
    with target.emit.loop(classes) as index:
        total.set(total.get() + exp(output(index) - top))
    return log(total.get()) + (top - wanted) + sound


def _zero_one(output: Callable[[Value], Value], target: Value, classes: Value) -> Value:
    _, best, _, sound = _best_class(output, target, classes)
    return best.compare("==", target).pick(target.like(0.0), 1.0) + sound


_HALVES = (range(LANES // 2), range(LANES // 2, LANES))
add_squared, add_absolute, add_huber = map(make_loss, (_squared, _absolute, _huber))
add_cross_entropy, add_zero_one = map(make_loss, (_cross_entropy, _zero_one))


@intrinsic
def distance_tile(
    typing: Any, x: Any, stride: Any, i: Any, j: Any, particles: Any, out: Any
) -> Any:
    """Squared distances of `PAIRS` particles from ``i`` on to as many from ``j`` on, into ``out`` (P, P), both ways.

    ``x`` has ``stride`` float32 of each particle, a multiple of 16. float32 sums of differences squared over `DIMENSIONS`
    at a time, then float64.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        positions, target = (emit.pointer(sig.args[n], args[n]) for n in (0, 5))
        stride, particles = emit.of(args[1]), emit.of(args[4])

        def numbers(start: Any) -> list[Value]:
            """The last particle again, where there is none: it writes the same numbers to the same place."""
            each = [emit.of(start) + n for n in range(PAIRS)]
            return [n.compare("<", particles).pick(n, particles - 1) for n in each]

        left, right = numbers(args[2]), numbers(args[3])
        zero = emit.constant(F32, 0.0, LANES)
        totals = [[emit.variable(emit.constant(F64, 0.0)) for _ in right] for _ in left]

        whole, most = stride // LANES, DIMENSIONS // LANES
        with emit.loop((whole + (most - 1)) // most) as part:
            start = part * DIMENSIONS
            rows = [
                [emit.at(positions, n * stride + start) for n in numbers]
                for numbers in (left, right)
            ]
            sums = [[emit.variable(zero) for _ in right] for _ in left]
            for total in chain.from_iterable(sums):
                total.set(zero)
            remaining = whole - part * most
            with emit.loop(remaining.compare("<", most).pick(remaining, most)) as index:
                here, there = ([emit.load(row, index * LANES) for row in side] for side in rows)
                for a, p in enumerate(here):
                    for b, q in enumerate(there):
                        difference = p - q
                        sums[a][b].set(difference.fma(difference, sums[a][b].get()))
            for a, row in enumerate(sums):
                for b, total in enumerate(row):
                    low, high = (total.get().part(half).to(F64) for half in _HALVES)
                    totals[a][b].set(totals[a][b].get() + (low + high).total())
        for a, n in enumerate(left):
            for b, m in enumerate(right):
                distance = totals[a][b].get()
                value = (
                    distance.compare("==", distance).pick(distance, math.inf).value
                )  # no number: infinitely far
                builder.store(value, emit.at(target, n * particles + m))
                builder.store(value, emit.at(target, m * particles + n))
        return emit.nothing

    return types.void(x, _i, _i, _i, _i, out), codegen


def _philox(emit: Emitter, counter: list[Value], keys: list[tuple[Value, Value]]) -> list[Value]:
    """Philox4x32-10 of words kept in the low halves of 64 bits, as a multiplication wants them; see shoal.numerics.philox."""
    c0, c1, c2, c3 = counter
    for k0, k1 in keys:
        p0, p1 = (c0 & _LOW) * MULTIPLIERS[0], (c2 & _LOW) * MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1, (p0 >> 32) ^ c3 ^ k1, p0
    return [c0, c1, c2, c3]


def _uniforms(
    emit: Emitter, counter: list[list[Value]], keys: list[tuple[Value, Value]]
) -> list[Value]:
    """The four vectors of 16 numbers on [0, 1) of 16 blocks, whose counters come in two halves."""
    halves = [_philox(emit, half, keys) for half in counter]
    words = [
        low.to(I32).part(range(LANES), high.to(I32)) for low, high in zip(*halves, strict=True)
    ]
    return [(word >> 8).to(F32) * 2.0**-24 for word in words]


def make_move(competitive: bool) -> Any:
    """The move of one update rule: two, as the branches of one would slow the other down."""

    @intrinsic
    def tile(
        typing: Any,
        x: Any,
        v: Any,
        new_x: Any,
        new_v: Any,
        own: Any,
        social: Any,
        top: Any,
        stride: Any,
        block: Any,
        particle: Any,
        iteration: Any,
        w: Any,
        vmax: Any,
        rule: Any,
    ) -> Any:
        """One step of 16 blocks of four dimensions of a particle, in one pass: random numbers, velocities, positions.

        Dimension n of block b is at ``n stride + b`` from each address; ``block`` is the number of the first. A pull whose
        weight is 0 is left out, with its random numbers. By the competitive rule ``social`` is the winner, and the only pull.
        """

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit = Emitter(context, builder)
            x, v, new_x, new_v, own, social, top = (
                builder.inttoptr(arg, F32.as_pointer()) for arg in args[:7]
            )
            stride, block, particle, iteration, w, vmax = (emit.of(arg) for arg in args[7:13])
            rule = {
                name: emit.of(builder.extract_value(args[13], n))
                for n, name in enumerate(sig.args[13].fields)
            }
            keys = [
                ((rule["key0"] + WEYL[0] * r) & _LOW, (rule["key1"] + WEYL[1] * r) & _LOW)
                for r in range(ROUNDS)
            ]
            eight = emit.count(LANES // 2)
            places = [stride * n for n in range(4)]
            here = [emit.load(x, place) for place in places]

            def random(purpose: Purpose) -> list[Value]:
                counter = [
                    [eight + (block + half), particle, iteration, emit.constant(I64, int(purpose))]
                    for half in (0, LANES // 2)
                ]
                return _uniforms(emit, counter, keys)

            shrunk = [w * r for r in random(Purpose.COGNITIVE)] if competitive else [w] * 4
            velocities = [
                emit.variable(factor * emit.load(v, place))
                for factor, place in zip(shrunk, places, strict=True)
            ]
            pulls = (
                (Purpose.COGNITIVE, rule["c1"], own),
                (Purpose.SOCIAL, rule["c2"], social),
                (Purpose.GLOBAL, rule["c3"], top),
            )
            for purpose, weight, towards in pulls[1:2] if competitive else pulls:
                with emit.when(weight.compare("!=", 0.0)):
                    for n, r in enumerate(random(purpose)):
                        pull = (weight * r) * (emit.load(towards, places[n]) - here[n])
                        velocities[n].set(velocities[n].get() + pull)
            for n, place in enumerate(places):
                velocity = velocities[n].get().clipped(vmax * -1.0, vmax)
                position = (here[n] + rule["jump"] * velocity).clipped(
                    rule["xmax"] * -1.0, rule["xmax"]
                )
                emit.store(velocity, new_v, place)
                emit.store(position, new_x, place)
            return emit.nothing

        return types.void(*[_i] * 11, types.float32, types.float32, rule), codegen

    return tile


move_tile, compete_tile = make_move(False), make_move(True)


@intrinsic
def sum_squares(typing: Any, values: Any, mask: Any, count: Any) -> Any:
    """The sum of ``count`` float32 squared, a multiple of 16, of those whose ``mask`` is not 0; both by address. In float64."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        values, mask = (builder.inttoptr(arg, F32.as_pointer()) for arg in args[:2])
        totals = [emit.variable(emit.constant(F64, 0.0, LANES // 2)) for _ in _HALVES]
        for total in totals:
            total.set(emit.constant(F64, 0.0, LANES // 2))
        with emit.loop(emit.of(args[2]) // LANES) as index:
            at = index * LANES
            counted = emit.load(mask, at).compare("!=", 0.0).pick(emit.load(values, at), 0.0)
            for half, total in zip(_HALVES, totals, strict=True):
                part = counted.part(half).to(F64)
                total.set(total.get() + part * part)
        return (totals[0].get() + totals[1].get()).total().value

    return types.float64(_i, _i, _i), codegen


@intrinsic
def multiply_adds(typing: Any, rounds: Any) -> Any:
    """``rounds`` times `PEAK_CHAINS` independent multiply-adds of vectors: nothing but the machine's peak. Gives a sum."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        # Chains start apart, so that the compiler cannot make one of them.
        chains = [
            emit.variable(emit.constant(F32, 1.0 + 0.01 * n, LANES)) for n in range(PEAK_CHAINS)
        ]
        with emit.loop(emit.of(args[0])):
            for chain in chains:
                chain.set(chain.get().fma(0.5, emit.constant(F32, 0.25)))
        total = chains[0].get()
        for chain in chains[1:]:
            total = total + chain.get()
        return total.total().to(F64).value

    return types.float64(_i), codegen


@intrinsic
def atomic_fetch_add(typing: Any, numbers: Any, index: Any) -> Any:
    """``numbers[index]``, which is one more then, for whoever asks next: of threads that ask at once, each has its own."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = Emitter(context, builder).pointer(sig.args[0], args[0], args[1])
        return builder.atomic_rmw("add", place, ir.Constant(I64, 1), "acq_rel")

    return types.int64(numbers, _i), codegen


@intrinsic
def atomic_load_acquire(typing: Any, numbers: Any, index: Any) -> Any:
    """``numbers[index]``, and what was written before it was published."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(
            Emitter(context, builder).pointer(sig.args[0], args[0], args[1]), "acquire", 8
        )

    return types.int64(numbers, _i), codegen


@intrinsic
def atomic_store_release(typing: Any, numbers: Any, index: Any, value: Any) -> Any:
    """Set ``numbers[index]``; a thread that peeks at it then sees all that this one has written."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = Emitter(context, builder).pointer(sig.args[0], args[0], args[1])
        builder.store_atomic(args[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(numbers, _i, types.int64), codegen
