"""Full load for as long as you say: does anything grow that should not?

    python benchmarks/soak.py 60

A real supervisor with its workers trains one run after another, most of them short, some long,
while a reader asks the store for what the dashboard shows. Every few seconds memory, open files and
file sizes are sampled; at the end stands a least-squares slope of each, the first quarter left out,
with its standard error. Linux only.

Resident memory is in MB; "tree" is proportional memory, in which pages that processes share count
once. The store's size has to grow: it keeps every training. Runs with the same seed have to end
with the same hash, or it says so and exits with 1.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from shoal.data import load_dataset
from shoal.orchestration.launcher import ensure_supervisor
from shoal.settings.search_settings import SearchSettings
from shoal.store import ACTIVE, Store, open_store
from shoal.system.paths import log_path
from shoal.system.process import end_process

SEEDS = 3
SHORT_RUNS = 8  # between two long ones
QUEUED = 3
CONCRETE = load_dataset("concrete")
MB = 1e6


def settings(number: int, long_seconds: float) -> SearchSettings:
    """Of the run of that number: every ninth is long."""
    if number % (SHORT_RUNS + 1) == SHORT_RUNS:
        return SearchSettings(
            generations=1_000_000, iterations=100, seed=number, max_seconds=long_seconds
        )
    return SearchSettings(generations=5, population=8, iterations=200, seed=number % SEEDS)


READER = """
import time
from shoal.store import open_store
from shoal.analysis.summary import summarise
with open_store() as store:
    while True:
        runs = store.runs()
        store.supervisors(), store.events()
        for run in runs[:2]:
            summarise(store, run.id)
        time.sleep(1)
"""


def processes() -> dict[int, tuple[int, str]]:
    """All processes: their parents and command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found[int(entry.name)] = parent, (entry / "cmdline").read_text()
            except OSError:
                continue
    return found


def below(pid: int, known: dict[int, tuple[int, str]]) -> Iterator[int]:
    """The processes under ``pid``."""
    for child, (parent, _) in known.items():
        if parent == pid:
            yield child
            yield from below(child, known)


def memory(pid: int) -> tuple[float, float]:
    """Resident and proportional memory in MB; NaN for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return math.nan, math.nan
    values = {line.split(":")[0]: float(line.split()[1]) / 1e3 for line in lines[1:]}
    return values["Rss"], values["Pss"]


def size(path: Path) -> float:
    """Of all files whose names begin so, in MB; a journal comes and goes."""
    total = 0.0
    for file in path.parent.glob(path.name + "*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size / MB
    return total


def sample(supervisor: int, reader: int, store: Store) -> dict[str, float]:
    """Everything that is watched, now."""
    known = processes()
    tree = [supervisor, *below(supervisor, known)]
    nursery = {
        pid
        for pid in tree
        if "forkserver" in known.get(pid, (0, ""))[1] and known[pid][0] == supervisor
    }
    workers = [pid for pid in tree if known.get(pid, (0, ""))[0] in nursery]
    resident = [memory(pid)[0] for pid in workers]
    assert store.path is not None
    return {
        "supervisor": memory(supervisor)[0],
        "nursery": sum(memory(pid)[0] for pid in nursery) if nursery else math.nan,
        "worker, mean": float(np.nanmean(resident)) if not np.isnan(resident).all() else math.nan,
        "worker, largest": float(np.nanmax(resident)) if not np.isnan(resident).all() else math.nan,
        "reader": memory(reader)[0],
        "tree": float(np.nansum([memory(pid)[1] for pid in tree])),
        "processes": len(tree),
        "open files": len(list(Path(f"/proc/{supervisor}/fd").iterdir())),
        "threads": len(list(Path(f"/proc/{supervisor}/task").iterdir())),
        "store": store.path.stat().st_size / MB,
        "journal": size(store.path.with_name(store.path.name + "-")),
        "logs": size(log_path()),
    }


def slope(hours: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Of a straight line through the values, by the hour, and its standard error. The samples
    depend on each other, so the error counts one a minute."""
    there = np.isfinite(values)
    x, y = hours[there] - hours[there].mean(), values[there]
    if len(x) < 3:
        return math.nan, math.nan
    b = float((x * y).sum() / (x * x).sum())
    left = y - y.mean() - b * x
    independent = max(3.0, 60.0 * (x.max() - x.min()))
    return b, float(np.sqrt((left * left).mean() / (x * x).mean() / (independent - 2)))


def soak(
    minutes: float, every: float, long_seconds: float, folder: Path
) -> tuple[list[dict[str, float]], int, int]:
    """The samples, and how many runs were done, and trainings."""
    os.environ["XDG_DATA_HOME"] = str(folder)
    samples: list[dict[str, float]] = []
    with open_store(folder / "shoal.db") as store:
        supervisor = ensure_supervisor(store, attached=True)
        assert supervisor is not None
        reader = subprocess.Popen(
            [sys.executable, "-c", READER],
            env={**os.environ, "SHOAL_STORE": store.raw_url},
            start_new_session=True,
        )
        begun, number = time.monotonic(), 0
        try:
            while (passed := time.monotonic() - begun) < 60 * minutes:
                for _ in range(QUEUED - sum(run.state in ACTIVE for run in store.runs())):
                    store.add_run(CONCRETE, settings(number, long_seconds), name=f"run {number}")
                    number += 1
                samples.append({"hours": passed / 3600} | sample(supervisor.pid, reader.pid, store))
                if supervisor.poll() is not None or reader.poll() is not None:
                    raise SystemExit(
                        f"The supervisor or the reader ended.\n{log_path().read_text()[-2000:]}"
                    )
                time.sleep(every)
        finally:
            reader.terminate()
            reader.wait()
            end_process(supervisor)
        runs = [run for run in store.runs() if run.state not in (*ACTIVE, "paused")]
        check(runs)
        return samples, len(runs), sum(run.evaluations for run in store.runs())


def check(runs: list) -> None:
    """Every run that ended has finished, and equal ones have equal hashes."""
    hashes: dict[int, set[str]] = {}
    for run in runs:
        if run.state != "finished":
            raise SystemExit(f"Run {run.id} is {run.state}: {run.error}")
        if run.settings.max_seconds is None:
            hashes.setdefault(run.seed, set()).add(run.result_hash)
    if any(len(found) > 1 for found in hashes.values()):
        raise SystemExit(f"Runs with one seed have several hashes: {hashes}")


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("minutes", type=float)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two samples")
    parser.add_argument(
        "--long-seconds", type=float, default=120.0, help="active time of every ninth run"
    )
    parser.add_argument("--json", type=Path, help="file for the samples and the slopes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        samples, runs, evaluations = soak(
            options.minutes, options.every, options.long_seconds, Path(name)
        )
    hours = np.array([s["hours"] for s in samples])
    kept = hours >= hours[-1] / 4
    print(
        f"{options.minutes:g} minutes, {runs} runs finished, {evaluations} trainings, "
        f"{len(samples)} samples\n"
    )
    print("| | start | warm | end | largest | slope an hour |\n|---|---|---|---|---|---|")
    slopes = {}
    for key in [key for key in samples[0] if key != "hours"]:
        values = np.array([s[key] for s in samples])
        slopes[key], error = slope(hours[kept], values[kept])
        first, warm = values[np.isfinite(values)][0], values[kept][np.isfinite(values[kept])][0]
        last, top = values[np.isfinite(values)][-1], np.nanmax(values)
        print(
            f"| {key} | {first:.1f} | {warm:.1f} | {last:.1f} | {top:.1f} | "
            f"{slopes[key]:+.1f} ± {error:.1f} |"
        )
    result = {
        "minutes": options.minutes,
        "runs": runs,
        "evaluations": evaluations,
        "slopes": slopes,
    }
    if options.json:
        options.json.write_text(json.dumps({**result, "samples": samples}))
    print(f"\n{json.dumps(result)}")


if __name__ == "__main__":
    main()
