"""A small language for vector code: values that know how to add, multiply and compare, written out as LLVM instructions.

Numba has no vector type, and leaves the shape of a loop's vectors to a guess. Here a vector of 16 float32 is one AVX-512
register, two of AVX2 or four of NEON; multiply-adds are explicit and every reduction has a fixed order, so the bits are
the same on each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, config

LANES = 16
F32, F64, I1, I32, I64 = (
    ir.FloatType(),
    ir.DoubleType(),
    ir.IntType(1),
    ir.IntType(32),
    ir.IntType(64),
)


_CONVERSIONS = {
    (F32, F64): "fpext",
    (I64, I32): "trunc",
    (I32, F32): "sitofp",
    (I64, F32): "uitofp",
    (F32, I32): "fptosi",
}


def has_wide_registers() -> bool:
    """Whether the compiler's target has 32 registers of 16 lanes (AVX-512), not 16 of 8 (AVX2) or 32 of 4 (NEON)."""
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None:
        return "+avx512f" in (config.CPU_FEATURES or "")
    return bool(binding.get_host_cpu_features().get("avx512f"))


class Value:
    """A scalar or a vector in a function under construction. Arithmetic on both spreads the scalar over the lanes."""

    def __init__(self, emit: Emitter, value: Any) -> None:
        self.emit, self.value = emit, value

    @property
    def lanes(self) -> int:
        """Elements; 0 for a scalar."""
        kind = self.value.type
        return kind.count if isinstance(kind, ir.VectorType) else 0

    @property
    def element(self) -> Any:
        """The LLVM type of an element."""
        kind = self.value.type
        return kind.element if isinstance(kind, ir.VectorType) else kind

    def spread(self, lanes: int) -> Value:
        """A scalar in every lane; a vector as it is."""
        if self.lanes or not lanes:
            return self
        if isinstance(self.value, ir.Constant):
            return self.emit.of(
                ir.Constant(ir.VectorType(self.element, lanes), [self.value.constant] * lanes)
            )
        kind = ir.VectorType(self.element, lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        first = self.emit.builder.insert_element(undefined, self.value, ir.Constant(I32, 0))
        return self.emit.of(
            self.emit.builder.shuffle_vector(
                first, undefined, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
            )
        )

    def _with(self, other: Any) -> tuple[Any, Any]:
        if not isinstance(other, Value):
            other = self.emit.of(ir.Constant(self.element, other))
        lanes = max(self.lanes, other.lanes)
        return self.spread(lanes).value, other.spread(lanes).value

    def like(self, other: Any) -> Value:
        """``other`` with as many lanes as this."""
        return self.emit.of(self._with(other)[1])

    def _arithmetic(self, real: str, whole: str, other: Any) -> Value:
        name = real if self.element in (F32, F64) else whole
        return self.emit.of(getattr(self.emit.builder, name)(*self._with(other)))

    def __add__(self, other: Any) -> Value:
        return self._arithmetic("fadd", "add", other)

    def __sub__(self, other: Any) -> Value:
        return self._arithmetic("fsub", "sub", other)

    def __mul__(self, other: Any) -> Value:
        return self._arithmetic("fmul", "mul", other)

    def __truediv__(self, other: Any) -> Value:
        return self.emit.of(self.emit.builder.fdiv(*self._with(other)))

    def __floordiv__(self, other: Any) -> Value:
        return self.emit.of(self.emit.builder.udiv(*self._with(other)))

    def __and__(self, other: Any) -> Value:
        return self.emit.of(self.emit.builder.and_(*self._with(other)))

    def __or__(self, other: Any) -> Value:
        return self.emit.of(self.emit.builder.or_(*self._with(other)))

    def __xor__(self, other: Any) -> Value:
        return self.emit.of(self.emit.builder.xor(*self._with(other)))

    def __lshift__(self, other: Any) -> Value:
        return self.emit.of(self.emit.builder.shl(*self._with(other)))

    def __rshift__(self, other: Any) -> Value:
        return self.emit.of(self.emit.builder.lshr(*self._with(other)))

    def compare(self, how: str, other: Any) -> Value:
        """Whether "<", "<=", ">", ">=", "==" or "!=" holds, lane by lane; False where either is NaN."""
        left, right = self._with(other)
        real = self.element in (F32, F64)
        test = self.emit.builder.fcmp_ordered if real else self.emit.builder.icmp_unsigned
        return self.emit.of(test(how, left, right))

    def pick(self, yes: Value, no: Any) -> Value:
        """``yes`` where this is true, else ``no``."""
        return self.emit.of(self.emit.builder.select(self.value, *yes._with(no)))

    def clipped(self, low: Any = None, high: Any = None) -> Value:
        """Within those limits; NaN stays NaN."""
        value = self
        if low is not None:
            value = value.compare("<", low).pick(value.like(low), value)
        if high is not None:
            value = value.compare(">", high).pick(value.like(high), value)
        return value

    def fma(self, factor: Any, term: Any) -> Value:
        """``self * factor + term``, rounded once."""
        left, right = self._with(factor)
        return self._call("fma", left, right, self.like(term).value)

    def size(self) -> Value:
        """The absolute value."""
        return self._call("fabs", self.value)

    def floor(self) -> Value:
        """The next whole number below."""
        return self._call("floor", self.value)

    def _call(self, name: str, *arguments: Any) -> Value:
        kind = arguments[0].type
        suffix = f"v{kind.count}f32" if isinstance(kind, ir.VectorType) else "f32"
        function = cgutils.get_or_insert_function(
            self.emit.builder.module,
            ir.FunctionType(kind, [kind] * len(arguments)),
            f"llvm.{name}.{suffix}",
        )
        return self.emit.of(self.emit.builder.call(function, arguments))

    def to(self, element: Any) -> Value:
        """Converted: between widths of numbers, or between float32 and integers."""
        return self._cast(_CONVERSIONS[self.element, element], element)

    def bits(self) -> Value:
        """The bit patterns of float32 as 32-bit integers, or the reverse."""
        return self._cast("bitcast", I32 if self.element == F32 else F32)

    def _cast(self, name: str, element: Any) -> Value:
        kind = ir.VectorType(element, self.lanes) if self.lanes else element
        return self.emit.of(getattr(self.emit.builder, name)(self.value, kind))

    def part(self, lanes: Sequence[int], other: Value | None = None) -> Value:
        """Those lanes, of it or of it and ``other`` joined."""
        mask = ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes))
        return self.emit.of(
            self.emit.builder.shuffle_vector(self.value, (other or self).value, mask)
        )

    def total(self) -> Value:
        """The lanes' sum: the upper half is added to the lower until one is left."""
        halves, width = self, self.lanes
        while width > 1:
            width //= 2
            halves = halves.part(range(width)) + halves.part(range(width, 2 * width))
        return self.emit.of(self.emit.builder.extract_element(halves.value, ir.Constant(I32, 0)))


class Emitter:
    """Writes into one function: loads, stores, loops, constants."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder

    def of(self, value: Any) -> Value:
        """An LLVM value, wrapped."""
        return Value(self, value)

    def constant(self, kind: Any, number: Any, lanes: int = 0) -> Value:
        """A constant scalar or vector."""
        return self.of(ir.Constant(kind, number)).spread(lanes)

    def count(self, lanes: int, kind: Any = I64) -> Value:
        """The vector 0, 1, 2, ..."""
        return self.of(ir.Constant(ir.VectorType(kind, lanes), list(range(lanes))))

    def pointer(self, kind: Any, array: Any, offset: Any = None) -> Any:
        """Where the data of a Numba array begin, or its element ``offset``."""
        data = self.context.make_array(kind)(self.context, self.builder, array).data
        return (
            data if offset is None else self.builder.gep(data, [getattr(offset, "value", offset)])
        )

    def at(self, pointer: Any, offset: Value) -> Any:
        """The pointer moved by so many elements."""
        return self.builder.gep(pointer, [offset.value])

    def scalar(self, pointer: Any, offset: Value) -> Value:
        """One element."""
        return self.of(self.builder.load(self.at(pointer, offset)))

    def load(self, pointer: Any, offset: Value, lanes: int = LANES) -> Value:
        """``lanes`` elements from there, of any alignment."""
        place, bytes_each = self._place(pointer, offset, lanes)
        vector = self.builder.load(place)
        vector.align = bytes_each
        return self.of(vector)

    def store(self, value: Value, pointer: Any, offset: Value) -> None:
        """The reverse of `load`."""
        place, bytes_each = self._place(pointer, offset, value.lanes)
        self.builder.store(value.value, place).align = bytes_each

    def _place(self, pointer: Any, offset: Value, lanes: int) -> tuple[Any, int]:
        element = pointer.type.pointee
        vector = ir.VectorType(element, lanes).as_pointer()
        return self.builder.bitcast(self.at(pointer, offset), vector), 4 if element in (
            F32,
            I32,
        ) else 8

    def variable(self, start: Value) -> Variable:
        """A place that a loop may change; LLVM keeps it in a register."""
        return Variable(self, start)

    @contextmanager
    def loop(self, count: Value) -> Iterator[Value]:
        """The body runs for 0, 1, ... ``count`` - 1, which it is given."""
        with cgutils.for_range(self.builder, count.value) as loop:
            yield self.of(loop.index)

    @contextmanager
    def when(self, condition: Any) -> Iterator[None]:
        """The body runs if the condition holds."""
        with self.builder.if_then(getattr(condition, "value", condition)):
            yield

    @contextmanager
    def either(self, condition: Any) -> Iterator[tuple[Any, Any]]:
        """Two bodies, each in its own ``with``: for the condition, and for its opposite."""
        with self.builder.if_else(getattr(condition, "value", condition)) as branches:
            yield branches

    @property
    def nothing(self) -> Any:
        """What an intrinsic without a result gives back."""
        return self.context.get_dummy_value()


class Variable:
    """See `Emitter.variable`."""

    def __init__(self, emit: Emitter, start: Value) -> None:
        self.emit = emit
        self._place = cgutils.alloca_once_value(emit.builder, start.value)

    def get(self) -> Value:
        """Its value now."""
        return self.emit.of(self.emit.builder.load(self._place))

    def set(self, value: Value) -> None:
        """A new value."""
        self.emit.builder.store(value.value, self._place)
