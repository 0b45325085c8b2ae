"""Errors by which a machine says that it is short of something, whatever they are wrapped in."""

from __future__ import annotations

import errno
from collections.abc import Callable

import numpy as np
import pytest

from shoal.errors import ObjectiveError, SimulationError
from shoal.system.shortage import is_shortage


def _raised(cause: BaseException, error: BaseException, *, hidden: bool = False) -> BaseException:
    """An error that was raised because of another one."""
    try:
        try:
            raise cause
        except type(cause):
            if hidden:
                raise error from None
            raise error from cause
    except type(error) as caught:
        return caught


def _array_error() -> BaseException:
    try:
        np.empty(1 << 60, np.int8)
    except MemoryError as error:
        return error
    raise AssertionError("there was room for an exbibyte")


SHORTAGES: dict[str, Callable[[], BaseException]] = {
    "MemoryError": MemoryError,
    "NumPy": _array_error,
    "ENOMEM": lambda: OSError(errno.ENOMEM, "Cannot allocate memory"),
    "EAGAIN": lambda: BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
    "EMFILE": lambda: OSError(errno.EMFILE, "Too many open files", "/tmp/x"),
    "ENFILE": lambda: OSError(errno.ENFILE, "Too many open files in system"),
    "threads": lambda: RuntimeError("can't start new thread"),
    "a library": lambda: ImportError("libx.so: failed to map segment: Cannot allocate memory"),
    "C++": lambda: RuntimeError("std::bad_alloc"),
    "another process": lambda: RuntimeError("Worker 3 raised MemoryError: Unable to allocate"),
    "wrapped": lambda: _raised(MemoryError(), ObjectiveError("It raised something.")),
    "wrapped twice": lambda: _raised(
        _raised(OSError(errno.EMFILE, "x"), ValueError("y")), SimulationError("z")
    ),
    "hidden": lambda: _raised(MemoryError(), ValueError("It has another text."), hidden=True),
    "carried": lambda: RuntimeError("it failed", MemoryError()),
    "a group": lambda: ExceptionGroup("two", [ValueError("x"), MemoryError()]),
}
OTHERS = {
    "a value": ValueError("no such column"),
    "a file": FileNotFoundError(errno.ENOENT, "No such file"),
    "a zero": _raised(KeyError("x"), ZeroDivisionError("division by zero")),
    "no words": RuntimeError(),
}


@pytest.mark.parametrize("make", SHORTAGES.values(), ids=SHORTAGES)
def test_a_shortage_is_known(make: Callable[[], BaseException]) -> None:
    assert is_shortage(make())


@pytest.mark.parametrize("error", OTHERS.values(), ids=OTHERS)
def test_nothing_else_is_taken_for_one(error: BaseException) -> None:
    assert not is_shortage(error)


def test_a_circle_of_causes_ends() -> None:
    first = ValueError("x")
    first.__context__ = KeyError("y")
    first.__context__.__context__ = first
    assert not is_shortage(first)
