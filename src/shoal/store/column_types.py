"""Column types that keep a number as it was, to the bit, on every database."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect, Double
from sqlalchemy.types import TypeDecorator, TypeEngine

_EIGHT_BYTES = struct.Struct(">d")


class Number(TypeDecorator[float]):
    """A double precision number that comes back to the bit: also -0.0, infinities and NaN.

    A ``finite`` column, such as a time, refuses infinities and NaN when they are written.

    SQL must not sort, compare or aggregate a column that may hold -0.0 or NaN: SQLite keeps these
    two in a form that it sorts after all numbers. Times hold neither, and may be sorted.
    """

    impl = Double
    cache_ok = True

    def __init__(self, *, finite: bool = False) -> None:
        super().__init__()
        self.finite = finite

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL keeps every number as it is."""
        if dialect.name == "sqlite":
            return _SqliteNumber()
        return Double()

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """What SQL adds to a number, or compares with it, is no value of the column.

        So it is not checked.
        """
        return Double()

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """The value itself. Raises ValueError for one that a finite column may not hold."""
        if self.finite and value is not None and not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number, as all of this column are.")
        return value


class _SqliteNumber(Double[float]):
    """Keeps what SQLite's own DOUBLE loses: the sign of -0.0, and NaN.

    SQLite stores whole numbers of such a column as integers, which have no -0.0, and binds NaN as
    NULL. Both are stored as a BLOB of their eight bytes instead, which SQLite leaves as it is.
    All other numbers are stored plainly, as they always were: older stores need no migration.
    """

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        return _to_sqlite

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        return _from_sqlite


def _to_sqlite(value: float | None) -> float | bytes | None:
    if value is None:
        return None

    number = float(value)
    is_negative_zero = number == 0.0 and math.copysign(1.0, number) < 0.0
    if is_negative_zero or math.isnan(number):
        return _EIGHT_BYTES.pack(number)
    return number


def _from_sqlite(value: Any) -> float | None:
    if isinstance(value, bytes):
        (number,) = _EIGHT_BYTES.unpack(value)
        return float(number)
    return value  # type: ignore[no-any-return]
