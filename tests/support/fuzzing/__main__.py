"""Fuzz one target for some minutes, and say what was found.

    make fuzz TARGET=tables MINUTES=60

Everything it keeps lies in build/fuzz/TARGET: the corpus, from which the next run goes on, and the
findings, an input with its traceback each. `python -m support.fuzzing tables --input FILE` runs one
of them again. The exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

TARGETS = ("tables", "models", "settings")
FOLDER = Path("build") / "fuzz"

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONFAULTHANDLER": "1",
}
# Where Linux has files in memory. Each input becomes one or two.
_IN_MEMORY = Path("/dev/shm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--input", type=Path, help="run this file alone, without atheris")
    given = parser.parse_args(arguments)
    if given.input is not None:
        from support.fuzzing.targets import examine

        examine(import_module(f"support.fuzzing.{given.target}").TARGET, given.input.read_bytes())
        return 0

    folder = (FOLDER / given.target).absolute()
    for part in ("corpus", "findings"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for old in (folder / "findings").iterdir():
        old.unlink()
    return fuzz(given.target, folder, 60 * given.minutes)


def fuzz(name: str, folder: Path, seconds: float) -> int:
    """Run the fuzzer until the time is up, anew where it ends before; 1 if there are findings."""
    environment = {**os.environ, **_ENVIRONMENT}
    if _IN_MEMORY.is_dir():
        environment["TMPDIR"] = str(_IN_MEMORY)

    begun = time.monotonic()
    executions = 0
    processes = 0
    while (left := seconds - (time.monotonic() - begun)) > 1:
        log = folder / f"log-{processes}.txt"
        processes += 1
        command = [sys.executable, "-m", "support.fuzzing.fuzzer", name, str(folder)]
        with log.open("wb") as file:
            done = subprocess.run(
                [*command, str(int(left) + 1)],
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        counts = re.findall(rb"#(\d+)\t", log.read_bytes())
        executions += int(counts[-1]) if counts else 0
        if not counts:
            print(f"The fuzzer did not start (exit code {done.returncode}): see {log}")
            return 2

    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    minutes = (spent.ru_utime + spent.ru_stime) / 60
    wall = (time.monotonic() - begun) / 60
    print(
        f"{name}: {executions:,} inputs in {wall:.1f} min, {minutes:.1f} min of a processor, "
        f"{processes} process(es), {len(list((folder / 'corpus').iterdir())):,} inputs kept"
    )
    findings = sorted(path for path in (folder / "findings").iterdir() if path.suffix != ".txt")
    for path in findings:
        print(f"found: {path}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
