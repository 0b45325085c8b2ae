"""A machine that is short of memory, threads or open files for a while, and how errors show it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

_NUMBERS = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)
# What an error says where its kind does not: it was wrapped, or came from another process or
# another language.
_PHRASES = (
    *(os.strerror(number).lower() for number in _NUMBERS),
    "memoryerror",
    "out of memory",
    "unable to allocate",
    "bad_alloc",
    "can't start new thread",
)


def is_shortage(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that the machine is short of something.

    The same work may well succeed a little later.

    Examples
    --------
    >>> is_shortage(OSError(errno.EMFILE, "Too many open files"))
    True
    >>> is_shortage(ValueError("no such column"))
    False
    """
    return any(_says_so(each) for each in _with_causes(error))


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return True
    text = str(error).lower()
    return any(phrase in text for phrase in _PHRASES)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what led to it, and what it holds; each once."""
    seen = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        # The last two: an error that carries another one, and a group of errors.
        waiting += [each.__cause__, each.__context__, *each.args, *getattr(each, "exceptions", ())]
