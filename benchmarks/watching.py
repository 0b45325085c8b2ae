"""What it costs a search that somebody watches it.

Iterations a second with a reader, over those without one.

    python benchmarks/watching.py                   # 7 pairs of searches of each length
    python benchmarks/watching.py 3 4000            # 3 pairs, of trainings of 4,000 iterations

Each search has a store, a supervisor and workers of its own, one for each core. The two of a pair
do the same trainings, and take turns in being the first. The reader is a process of its own: it
says every two seconds that it watches, and reads what trains every second, as a page does. Printed
for short trainings and long ones: the median of the pairs' ratios and their range, how many notes
the reader saw, and how many of their trainings had a frame. Searches go without a confirmation and
baselines. The ratio is to stay above 0.95.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from shoal.data import load_dataset
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, open_store

PAIRS = 7
LENGTHS = (300, 4_000)  # iterations of a training
WORK = 40_000  # iterations of a search
WATCH_SECONDS, READ_SECONDS = 2.0, 1.0


def watch(url: str, run_id: int, end: Event, seen: Any) -> None:
    """A reader, until it is told to end.

    It leaves how many notes it saw, of how many trainings, with how many frames.
    """
    counts, said = [0, 0, 0], 0.0
    with open_store(url) as store:
        while not end.wait(READ_SECONDS):
            if time.monotonic() - said >= WATCH_SECONDS:
                store.announce_viewer(run_id)
                said = time.monotonic()
            live = store.live(run_id)
            if live is not None and live.trainings:
                counts[0] += 1
                counts[1] += len(live.trainings)
                counts[2] += sum(training.frame is not None for training in live.trainings)
    seen.put(counts)


def search(iterations: int, seed: int, watched: bool) -> tuple[float, list[int]]:
    """Iterations a second of one search, and what its reader saw."""
    settings = SearchSettings(
        population=8,
        generations=1000,
        evaluations=max(16, WORK // iterations),
        repeats=2,
        racing="fixed",
        iterations=iterations,
        patience=None,
        equal_effort=True,
        finalists=0,
        baselines=False,
        seed=seed,
    )
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), settings)
        end, seen = context.Event(), context.Queue()
        reader = context.Process(target=watch, args=(store.raw_url, run_id, end, seen))
        if watched:
            reader.start()
        claim = store.claim(Owner.here(), run_id)
        assert claim
        start = time.perf_counter()
        assert Runner(store, claim).drive() == "finished"
        seconds = time.perf_counter() - start
        counts = [0, 0, 0]
        if watched:
            end.set()
            counts = seen.get()
            reader.join()
        return store.run(run_id).iterations / seconds, counts


def main() -> None:
    """The script."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    lengths = (int(sys.argv[2]),) if len(sys.argv) > 2 else LENGTHS
    print(
        "| iterations of a training | watched / unwatched, median | range | unwatched "
        "iterations a second | notes seen |"
    )
    print("|---|---|---|---|---|")
    for iterations in lengths:
        ratios, rates, total = [], [], [0, 0, 0]
        search(iterations, 0, False)  # everything is compiled and in memory now
        for seed in range(pairs):
            rate = {}
            for watched in (False, True) if seed % 2 else (True, False):
                rate[watched], counts = search(iterations, seed, watched)
                total = [a + b for a, b in zip(total, counts, strict=True)]
            ratios.append(rate[True] / rate[False])
            rates.append(rate[False])
        seen = f"{total[0]}, of {total[1]} trainings, {total[2]} with a frame"
        span = f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(
            f"| {iterations} | {statistics.median(ratios):.3f} | {span} | "
            f"{statistics.median(rates):,.0f} | {seen} |"
        )


if __name__ == "__main__":
    main()
