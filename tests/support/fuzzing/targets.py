"""What is fuzzed, and what counts as a finding."""

from __future__ import annotations

import atexit
import re
import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

# Of an input of less than 64 kB.
MOST_SECONDS = 2.0
MOST_BYTES = 500 * 2**20
MOST_CHARACTERS = 1_000

# What a text has that was written for programmers.
_OF_PROGRAMMERS = re.compile(
    r"Traceback|\b[A-Z]\w*(?:Error|Exception)\b|NoneType|object is not|object has no attribute"
    r"| object at 0x|\bint\(\)|\bfloat\(\)|unsupported operand"
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


class Finding(AssertionError):
    """Something that no input may cause."""


@dataclass(frozen=True)
class Target:
    """Something that reads what strangers write.

    Attributes
    ----------
    name
        What `make fuzz` calls it.
    run
        Reads an input, and raises whatever is a finding.
    seeds
        Sound inputs, to begin with.
    mutate
        Another input made of one, that knows what inputs are made of.
    words
        Texts that inputs are likely to need.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, Random], bytes]
    words: Sequence[bytes] = field(default=())


def check_sentence(text: str, *, has_remedy: bool = True) -> None:
    """Check that a text is one that a person can act on.

    Parameters
    ----------
    text
        Of an error, or of a finding of `shoal check`.
    has_remedy
        Whether it has to say what was expected, or what to do.
    """
    for problem, is_so in {
        "empty": not text.strip(),
        "of several lines": len(text.splitlines()) > 1,
        "too long": len(text) >= MOST_CHARACTERS,
        "without its end": not text.rstrip().endswith((".", ")", "?", "!")),
        "without a remedy": has_remedy and "Expected: " not in text and "What to do: " not in text,
        "for programmers": bool(_OF_PROGRAMMERS.search(_QUOTED.sub("''", text))),
    }.items():
        if is_so:
            raise Finding(f"a message that is {problem}: {text[:2000]!r}")


def examine(target: Target, data: bytes) -> None:
    """Run a target on an input, and raise what is a finding: warnings, too, time and memory."""
    before = _most_bytes()
    seconds = _seconds(target, data)
    # Once it may be a late import, or a collection of garbage.
    if seconds > MOST_SECONDS and (seconds := _seconds(target, data)) > MOST_SECONDS:
        raise Finding(f"{seconds:.1f} s of a processor for {len(data):,} bytes")
    taken = _most_bytes() - before
    if taken > MOST_BYTES:
        raise Finding(f"{taken:,} bytes of memory for {len(data):,} bytes")


def _seconds(target: Target, data: bytes) -> float:
    """The time of a processor that an input takes."""
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        target.run(data)
    return time.process_time() - begun


def _most_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@cache
def scratch() -> Path:
    """A folder of this process. Each input replaces the files of the one before it."""
    folder = tempfile.TemporaryDirectory(prefix="shoal-fuzz-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def damaged(data: bytes, random: Random) -> bytes:
    """Bytes with a bit turned, a stretch of zeros, a part twice, cut out, or the end cut off."""
    if not data:
        return bytes([random.randrange(256)])
    start = random.randrange(len(data))
    end = min(len(data), start + random.randint(1, 64))
    ways = (
        lambda: data[:start] + bytes([data[start] ^ 1 << random.randrange(8)]) + data[start + 1 :],
        lambda: data[:start] + bytes(end - start) + data[end:],
        lambda: data[:end] + data[start:],
        lambda: data[:start] + data[end:],
        lambda: data[:start],
    )
    return random.choice(ways)()
