"""A small language for vector code: values that know how to add, multiply and compare.

Numba has no vector type, and leaves the shape of a loop's vectors to a guess. Here arithmetic is
written out as LLVM instructions: a vector of 16 float32 is one register of AVX-512, two of AVX2 or
four of NEON. Multiply-adds are explicit and every reduction has a fixed order, so the bits are the
same on each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, config

LANES = 16
# The lanes of the two halves of a vector. Doubles come in halves: 8 of them fill a register.
HALVES = (range(LANES // 2), range(LANES // 2, LANES))

F32 = ir.FloatType()
F64 = ir.DoubleType()
I1 = ir.IntType(1)
I32 = ir.IntType(32)
I64 = ir.IntType(64)

# The instruction that converts from one type of element to another.
_CONVERSIONS = {
    (F32, F64): "fpext",
    (I64, I32): "trunc",
    (I32, F32): "sitofp",
    (I64, F32): "uitofp",
    (F32, I32): "fptosi",
}


def has_wide_registers() -> bool:
    """Tell whether the compiler's target has 32 registers of 16 lanes (AVX-512).

    Others have 16 of 8 (AVX2) or 32 of 4 (NEON).
    """
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None:
        return "+avx512f" in (config.CPU_FEATURES or "")
    return bool(binding.get_host_cpu_features().get("avx512f"))


class Value:
    """A scalar or a vector in a function under construction.

    Arithmetic on both spreads the scalar over the lanes; a Python number becomes a constant.

    Attributes
    ----------
    emit : Emitter
        The function under construction.
    value : llvmlite.ir.Value
        What LLVM calls it.
    """

    def __init__(self, emit: Emitter, value: Any) -> None:
        self.emit = emit
        self.value = value

    @property
    def lanes(self) -> int:
        """Number of elements; 0 for a scalar."""
        kind = self.value.type
        if isinstance(kind, ir.VectorType):
            return int(kind.count)
        return 0

    @property
    def element(self) -> Any:
        """The LLVM type of an element."""
        kind = self.value.type
        if isinstance(kind, ir.VectorType):
            return kind.element
        return kind

    def spread(self, lanes: int) -> Value:
        """Put a scalar into every lane; a vector stays as it is."""
        if self.lanes or not lanes:
            return self

        kind = ir.VectorType(self.element, lanes)
        if isinstance(self.value, ir.Constant):
            return self.emit.of(ir.Constant(kind, [self.value.constant] * lanes))

        # LLVM's way to spread: into the first lane, then that lane into all.
        undefined = ir.Constant(kind, ir.Undefined)
        builder = self.emit.builder
        first = builder.insert_element(undefined, self.value, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
        return self.emit.of(builder.shuffle_vector(first, undefined, zeros))

    def _with(self, other: Any) -> tuple[Any, Any]:
        """Make LLVM values of one shape of this operand and another."""
        if not isinstance(other, Value):
            other = self.emit.of(ir.Constant(self.element, other))
        lanes = max(self.lanes, other.lanes)
        return self.spread(lanes).value, other.spread(lanes).value

    def like(self, other: Any) -> Value:
        """Give ``other`` as many lanes as this has."""
        return self.emit.of(self._with(other)[1])

    def _arithmetic(self, real: str, whole: str, other: Any) -> Value:
        """The instruction for real numbers or the one for whole numbers."""
        if self.element in (F32, F64):
            return self._instruction(real, other)
        return self._instruction(whole, other)

    def _instruction(self, name: str, other: Any) -> Value:
        instruction = getattr(self.emit.builder, name)
        return self.emit.of(instruction(*self._with(other)))

    def __add__(self, other: Any) -> Value:
        return self._arithmetic("fadd", "add", other)

    def __sub__(self, other: Any) -> Value:
        return self._arithmetic("fsub", "sub", other)

    def __mul__(self, other: Any) -> Value:
        return self._arithmetic("fmul", "mul", other)

    def __truediv__(self, other: Any) -> Value:
        return self._instruction("fdiv", other)

    def __floordiv__(self, other: Any) -> Value:
        return self._instruction("udiv", other)

    def __and__(self, other: Any) -> Value:
        return self._instruction("and_", other)

    def __or__(self, other: Any) -> Value:
        return self._instruction("or_", other)

    def __xor__(self, other: Any) -> Value:
        return self._instruction("xor", other)

    def __lshift__(self, other: Any) -> Value:
        return self._instruction("shl", other)

    def __rshift__(self, other: Any) -> Value:
        return self._instruction("lshr", other)

    def compare(self, operator: str, other: Any) -> Value:
        """Compare lane by lane.

        Parameters
        ----------
        operator
            "<", "<=", ">", ">=", "==" or "!=".
        other
            What to compare with.

        Returns
        -------
        Value
            True where the relation holds; False where either is NaN.
        """
        left, right = self._with(other)
        builder = self.emit.builder
        if self.element in (F32, F64):
            return self.emit.of(builder.fcmp_ordered(operator, left, right))
        return self.emit.of(builder.icmp_unsigned(operator, left, right))

    def pick(self, yes: Value, no: Any) -> Value:
        """Take ``yes`` where this is true, else ``no``."""
        return self.emit.of(self.emit.builder.select(self.value, *yes._with(no)))

    def clipped(self, low: Any = None, high: Any = None) -> Value:
        """Keep it within limits; NaN stays NaN."""
        value = self
        if low is not None:
            value = value.compare("<", low).pick(value.like(low), value)
        if high is not None:
            value = value.compare(">", high).pick(value.like(high), value)
        return value

    def fma(self, factor: Any, term: Any) -> Value:
        """Compute ``self * factor + term``, rounded once."""
        left, right = self._with(factor)
        return self._call("fma", left, right, self.like(term).value)

    def negative(self) -> Value:
        """Change the sign."""
        return self.emit.of(self.emit.builder.fneg(self.value))

    def absolute(self) -> Value:
        """Take the absolute value."""
        return self._call("fabs", self.value)

    def floor(self) -> Value:
        """Take the next whole number below."""
        return self._call("floor", self.value)

    def _call(self, name: str, *arguments: Any) -> Value:
        """Call a function of LLVM's own on real numbers."""
        kind = arguments[0].type
        suffix = "f32"
        if self.element == F64:
            suffix = "f64"
        if isinstance(kind, ir.VectorType):
            suffix = f"v{kind.count}{suffix}"
        function = cgutils.get_or_insert_function(
            self.emit.builder.module,
            ir.FunctionType(kind, [kind] * len(arguments)),
            f"llvm.{name}.{suffix}",
        )
        return self.emit.of(self.emit.builder.call(function, arguments))

    def to(self, element: Any) -> Value:
        """Convert between widths of numbers, or between float32 and integers."""
        return self._cast(_CONVERSIONS[self.element, element], element)

    def bits(self) -> Value:
        """Read the bit patterns of float32 as 32-bit integers, or the reverse."""
        if self.element == F32:
            return self._cast("bitcast", I32)
        return self._cast("bitcast", F32)

    def _cast(self, name: str, element: Any) -> Value:
        kind = element
        if self.lanes:
            kind = ir.VectorType(element, self.lanes)
        return self.emit.of(getattr(self.emit.builder, name)(self.value, kind))

    def part(self, lanes: Sequence[int], other: Value | None = None) -> Value:
        """Take some lanes.

        Parameters
        ----------
        lanes
            Their numbers; those of ``other`` follow on this one's.
        other
            A second vector.
        """
        mask = ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes))
        second = other or self
        return self.emit.of(
            self.emit.builder.shuffle_vector(self.value, second.value, mask),
        )

    def total(self) -> Value:
        """Add the lanes: the upper half to the lower, until one is left."""
        halves = self
        width = self.lanes
        while width > 1:
            width //= 2
            halves = halves.part(range(width)) + halves.part(range(width, 2 * width))
        return self.emit.of(self.emit.builder.extract_element(halves.value, ir.Constant(I32, 0)))


class Emitter:
    """Writes into one function: constants, loads, stores, loops and branches.

    Attributes
    ----------
    context, builder
        What Numba hands to the code generator of an intrinsic.
    """

    def __init__(self, context: Any, builder: Any) -> None:
        self.context = context
        self.builder = builder

    def of(self, value: Any) -> Value:
        """Wrap an LLVM value."""
        return Value(self, value)

    def constant(self, kind: Any, number: Any, lanes: int = 0) -> Value:
        """Make a constant scalar or vector."""
        return self.of(ir.Constant(kind, number)).spread(lanes)

    def count(self, lanes: int, kind: Any = I64) -> Value:
        """Make the vector 0, 1, 2, ..."""
        return self.of(ir.Constant(ir.VectorType(kind, lanes), list(range(lanes))))

    def pointer(self, kind: Any, array: Any, offset: Any = None) -> Any:
        """Point to the first element of a Numba array, or to the element ``offset``."""
        data = self.context.make_array(kind)(self.context, self.builder, array).data
        if offset is None:
            return data
        return self.builder.gep(data, [getattr(offset, "value", offset)])

    def float_pointer(self, address: Any) -> Any:
        """Point to the float32 at an address."""
        return self.builder.inttoptr(address, F32.as_pointer())

    def at(self, pointer: Any, offset: Value) -> Any:
        """Point ``offset`` elements further."""
        return self.builder.gep(pointer, [offset.value])

    def scalar(self, pointer: Any, offset: Value) -> Value:
        """Load one element."""
        return self.of(self.builder.load(self.at(pointer, offset)))

    def load(self, pointer: Any, offset: Value, lanes: int = LANES) -> Value:
        """Load ``lanes`` elements, of any alignment."""
        place = self._vector_pointer(pointer, offset, lanes)
        vector = self.builder.load(place)
        vector.align = _alignment(pointer)
        return self.of(vector)

    def store(self, value: Value, pointer: Any, offset: Value) -> None:
        """Store a scalar, or a vector at any alignment."""
        if not value.lanes:
            self.builder.store(value.value, self.at(pointer, offset))
            return
        place = self._vector_pointer(pointer, offset, value.lanes)
        self.builder.store(value.value, place).align = _alignment(pointer)

    def _vector_pointer(self, pointer: Any, offset: Value, lanes: int) -> Any:
        vector = ir.VectorType(pointer.type.pointee, lanes).as_pointer()
        return self.builder.bitcast(self.at(pointer, offset), vector)

    def variable(self, start: Value) -> Variable:
        """Make a place that a loop may change; LLVM keeps it in a register."""
        return Variable(self, start)

    @contextmanager
    def loop(self, count: Value) -> Iterator[Value]:
        """Run the body for 0, 1, ... ``count`` - 1, which it is given."""
        with cgutils.for_range(self.builder, count.value) as loop:
            yield self.of(loop.index)

    @contextmanager
    def when(self, condition: Any) -> Iterator[None]:
        """Run the body if the condition holds."""
        with self.builder.if_then(getattr(condition, "value", condition)):
            yield

    @contextmanager
    def either(self, condition: Any) -> Iterator[tuple[Any, Any]]:
        """Open two bodies, each in its own ``with``: for the condition, and for its opposite."""
        with self.builder.if_else(getattr(condition, "value", condition)) as branches:
            yield branches

    @property
    def nothing(self) -> Any:
        """What an intrinsic without a result returns."""
        return self.context.get_dummy_value()


def _alignment(pointer: Any) -> int:
    """Bytes of an element: all that a vector's address is a multiple of."""
    if pointer.type.pointee in (F32, I32):
        return 4
    return 8


class Variable:
    """See `Emitter.variable`."""

    def __init__(self, emit: Emitter, start: Value) -> None:
        self.emit = emit
        self._place = cgutils.alloca_once_value(emit.builder, start.value)

    def get(self) -> Value:
        """Read its value."""
        return self.emit.of(self.emit.builder.load(self._place))

    def set(self, value: Value) -> None:
        """Give it another value."""
        self.emit.builder.store(value.value, self._place)
