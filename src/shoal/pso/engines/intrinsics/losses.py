"""Losses of a block of samples, added up in a fixed order.

See shoal.objectives.losses for what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.llvm_vectors import F32, F64, HALVES, I64, LANES, Emitter, Value
from shoal.pso.engines.vector_math import exp, log

# The outputs of sixteen rows, by class.
_Outputs = Callable[[Value], Value]

# Losses of sixteen rows from their outputs, their targets, and the number of classes.
_RowLosses = Callable[[_Outputs, Value, Value], Value]


def make_loss(row_losses: _RowLosses) -> Any:
    """Make an intrinsic ``add_losses(outputs, targets, classes, real, sums)``.

    It adds the losses of the first ``real`` rows of a block to 16 float64 sums, one for every
    sixteenth row, and returns the total of these sums. Outputs, targets and sums come by address.

    Parameters
    ----------
    row_losses
        The losses of sixteen rows.
    """

    @intrinsic
    def add_losses(
        typing: Any, outputs: Any, targets: Any, classes: Any, real: Any, sums: Any
    ) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit = Emitter(context, builder)
            outputs = emit.float_pointer(args[0])
            targets = emit.float_pointer(args[1])
            classes = emit.of(args[2])
            real = emit.of(args[3])
            sums = builder.inttoptr(args[4], F64.as_pointer())

            # A vector of 8 float64 fills a register: two of them for 16 lanes.
            starts = [emit.constant(I64, half) for half in (0, LANES // 2)]
            totals = [emit.variable(emit.load(sums, start, LANES // 2)) for start in starts]

            with emit.loop((real + (LANES - 1)) // LANES) as index:
                first = index * LANES

                def output(number: Value) -> Value:
                    return emit.load(outputs, number * BLOCK + first)

                losses = row_losses(output, emit.load(targets, first), classes)

                # Rows that only fill up the block count nothing.
                losses = (emit.count(LANES) + first).compare("<", real).pick(losses, 0.0)
                for half, total in zip(HALVES, totals, strict=True):
                    total.set(total.get() + losses.part(half).to(F64))

            for start, total in zip(starts, totals, strict=True):
                emit.store(total.get(), sums, start)
            return (totals[0].get() + totals[1].get()).total().value

        return types.float64(*[types.intp] * 5), codegen

    return add_losses


def _difference(output: _Outputs, target: Value) -> Value:
    return output(target.emit.constant(I64, 0)) - target


def _squared(output: _Outputs, target: Value, _: Value) -> Value:
    difference = _difference(output, target)
    return difference * difference


def _absolute(output: _Outputs, target: Value, _: Value) -> Value:
    return _difference(output, target).absolute()


def _huber(output: _Outputs, target: Value, _: Value) -> Value:
    size = _difference(output, target).absolute()
    return size.compare("<=", 1.0).pick(size * 0.5 * size, size - 0.5)


@dataclass(frozen=True, slots=True)
class _Scores:
    """What the losses of classes need to know of the outputs of sixteen rows."""

    # The highest output, and its class; of equals the lower class.
    highest: Value
    predicted: Value
    # The output of the target's class.
    of_target: Value
    # 0, or NaN where an output is not finite.
    unsound: Value


def _scores(output: _Outputs, target: Value, classes: Value) -> _Scores:
    emit = target.emit
    first = output(emit.constant(I64, 0))

    highest = emit.variable(first)
    predicted = emit.variable(first.like(0.0))
    of_target = emit.variable(first)
    unsound = emit.variable(first - first)

    with emit.loop(classes - 1) as index:
        score = output(index + 1)
        number = first.like((index + 1).to(F32))

        higher = score.compare(">", highest.get())
        highest.set(higher.pick(score, highest.get()))
        predicted.set(higher.pick(number, predicted.get()))
        of_target.set(target.compare("==", number).pick(score, of_target.get()))
        # inf - inf is NaN, and so is everything that it is added to.
        unsound.set(unsound.get() + (score - score))

    return _Scores(highest.get(), predicted.get(), of_target.get(), unsound.get())


def _cross_entropy(output: _Outputs, target: Value, classes: Value) -> Value:
    scores = _scores(output, target, classes)

    # The sum of the softmax, with the highest output subtracted: no exponential overflows.
    total = target.emit.variable(target.like(0.0))
    with target.emit.loop(classes) as index:
        total.set(total.get() + exp(output(index) - scores.highest))

    return log(total.get()) + (scores.highest - scores.of_target) + scores.unsound


def _zero_one(output: _Outputs, target: Value, classes: Value) -> Value:
    scores = _scores(output, target, classes)
    right = scores.predicted.compare("==", target)
    return right.pick(target.like(0.0), 1.0) + scores.unsound


add_squared = make_loss(_squared)
add_absolute = make_loss(_absolute)
add_huber = make_loss(_huber)
add_cross_entropy = make_loss(_cross_entropy)
add_zero_one = make_loss(_zero_one)
