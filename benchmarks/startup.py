"""How long from `shoal run` to its first recorded training, with kernels on disk and without.

    python benchmarks/startup.py

Beside it stands the time that Python takes to import what the command needs, in the same minute:
compare shares of that.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shoal.store import open_store

SMALL = [
    "--generations",
    "1",
    "--population",
    "2",
    "--iterations",
    "1",
    "--repeats",
    "1",
    "--preset",
    "classic",
]
IMPORTS = (
    "import shoal.cli.main, shoal.cli.follow, shoal.store, shoal.problems.table, "
    "shoal.data.preparation"
)


def first_training(folder: Path, cache: Path) -> float:
    """Seconds from the start of `shoal run` until its first training is in the store."""
    store = folder / f"{time.monotonic_ns()}.db"
    environment = {
        **os.environ,
        "SHOAL_STORE": str(store),
        "XDG_CACHE_HOME": str(cache),
        "XDG_DATA_HOME": str(folder),
    }
    start = time.time()
    subprocess.run(
        [sys.executable, "-m", "shoal.cli", "run", *SMALL],
        env=environment,
        check=True,
        capture_output=True,
    )
    with open_store(store) as opened:
        query = "SELECT MIN(created) FROM evaluation"
        recorded = opened.read(
            lambda c: c.exec_driver_sql(query).scalar()
        )  # by the clock of this machine
    return float(recorded) - start


def imports() -> float:
    """Seconds that importing takes, alone."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - start


def main() -> None:
    """The script."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cold = [first_training(folder, folder / f"cache{n}") for n in range(2)]
        warm, alone = zip(
            *[(first_training(folder, folder / "cache0"), imports()) for _ in range(7)], strict=True
        )
    print(f"first use, kernels compiled: {min(cold):.1f} to {max(cold):.1f} s")
    print(
        f"later, kernels on disk: {statistics.median(warm):.2f} s ({min(warm):.2f} to "
        f"{max(warm):.2f})"
    )
    print(f"the imports of the command alone: {statistics.median(alone):.2f} s")


if __name__ == "__main__":
    main()
