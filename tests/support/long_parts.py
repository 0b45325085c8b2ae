"""The long forms of tests, in named parts that each take less than an hour on two cores.

    make test-long                          all parts, one after the other
    make test-long PART=kills               one of them
    make test-long PART=properties SEED=7   with the seed that an earlier run has printed

A slow test says which part it belongs to: ``@pytest.mark.slow(part="kills")``.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from support.property_tests import EXPLORE

UNKNOWN_PART = 2  # exit code


@dataclass(frozen=True)
class Part:
    """Some of the long tests.

    ``workers``: how many tests run at once. ``rounds``: how often they run, each time with another
    seed. ``marks``: pytest's expression for its tests; empty: those that name the part.
    """

    about: str
    workers: int = 1
    rounds: int = 1
    marks: str = ""


HISTORIES = 4  # parts that simulated histories are dealt to
PARTS = {
    "kills": Part("kill -9 at every commit, in every phase, in exports, and at random instants"),
    "results": Part("one result for every executor, number of workers, database and processor"),
    "races": Part("many owners, readers and writers of one store; a server that restarts"),
    **{
        f"histories-{number}": Part(f"simulated histories, quarter {number} of 100,000", workers=2)
        for number in range(1, HISTORIES + 1)
    },
    "lives": Part("random lives of runs against a model, on both databases", workers=2),
    "published": Part("the rows of published results"),
    "estimators": Part("the checks of scikit-learn on estimators that are a whole search"),
    "notebooks": Part("the notebooks of examples/ as they are"),
    "documents": Part("code of documents that searches: tutorials and guides"),
    "pages": Part("every page in both themes, wide and as on a telephone"),
    "packages": Part("wheel and archive: built, checked, installed without a compiler, and run"),
    "properties": Part(
        "every property test with new examples, 40 times",
        workers=2,
        rounds=40,
        marks="hypothesis and not slow",
    ),
}


SLOW_PARTS = [name for name, part in PARTS.items() if not part.marks]


def part_of(item: pytest.Item) -> str | None:
    """The part of a slow test, None for others. Raises `pytest.UsageError` unless it has one."""
    marks = list(item.iter_markers("slow"))
    if not marks:
        return None

    names = [mark.kwargs.get("part") for mark in marks]
    if len(names) != 1 or names[0] not in SLOW_PARTS:
        raise pytest.UsageError(
            f"{item.nodeid} is slow, and in the parts {names}. "
            f'Expected one: @pytest.mark.slow(part="..."), of {", ".join(SLOW_PARTS)}.'
        )
    return str(names[0])


def command(name: str, seed: int) -> list[str]:
    """What runs a part once."""
    part = PARTS[name]
    marks = part.marks or f'slow(part="{name}")'
    options = ["-m", marks, f"--hypothesis-profile={EXPLORE}", f"--hypothesis-seed={seed}"]
    if part.workers > 1:
        options += ["-n", str(part.workers), "--dist", "worksteal"]
    return [sys.executable, "-m", "pytest", *options]


def run(name: str, seed: int) -> bool:
    """Run a part; whether all of its tests passed. Each round has a seed of its own."""
    passed = True
    for number in range(PARTS[name].rounds):
        own_seed = seed + number
        print(f"\n=== {name}, seed {own_seed} ===", flush=True)
        done = subprocess.run(command(name, own_seed), check=False)
        if done.returncode != 0:
            print(f"repeat it: make test-long PART={name} SEED={own_seed}", flush=True)
            passed = False

    return passed


def listing() -> str:
    """The parts, for people."""
    lines = [f"  {name:14}{part.about}" for name, part in PARTS.items()]
    return "\n".join(["Parts of the long tests (make test-long PART=NAME):", *lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that are named, or all; 0 when every test passed, 2 for an unknown part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--seed", type=int, help="the first one of the property tests")
    parser.add_argument("--list", action="store_true", help="name the parts, and run nothing")
    given = parser.parse_args(arguments)

    if given.list:
        print(listing())
        return 0
    if unknown := [name for name in given.parts if name not in PARTS]:
        print(f"There is no part {unknown[0]!r}.\n{listing()}", file=sys.stderr)
        return UNKNOWN_PART

    seed = secrets.randbits(32) if given.seed is None else given.seed
    outcomes = []
    for name in given.parts or PARTS:
        begun = time.monotonic()
        passed = run(name, seed)
        minutes = (time.monotonic() - begun) / 60
        outcomes.append((name, minutes, passed))

    print()
    for name, minutes, passed in outcomes:
        print(f"{name:14}{minutes:6.1f} min  {'passed' if passed else 'FAILED'}")
    return 0 if all(passed for *_, passed in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
