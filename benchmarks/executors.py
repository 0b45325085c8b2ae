"""Trainings a second through each executor, and how long it takes to start.

It shows what Ray costs where it is not needed.

    python benchmarks/executors.py

Both do the same trainings, in turns; RAY_ADDRESS, when set, is the cluster that the second one
uses.
"""

from __future__ import annotations

import itertools
import statistics
import time

from shoal.data import load_dataset
from shoal.executors import Evaluate, Executor, make_executor
from shoal.genome.genome import Genome
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings

ROUNDS = 3
LENGTHS = {10: 200, 100: 100, 1000: 20}  # iterations of a training: trainings a round
_repeat = itertools.count()


def problem(executor: str, iterations: int) -> TableProblem:
    return TableProblem(
        load_dataset("concrete"),
        SearchSettings(executor=executor, iterations=iterations, racing="fixed"),
    )


def trainings(executor: Executor, count: int) -> float:
    """So many a second, submitted as a run does."""
    start, submitted, done = time.perf_counter(), 0, 0
    while done < count:
        while submitted < count and submitted - done < executor.capacity:
            executor.submit(Evaluate(Task(Genome(), next(_repeat))))
            submitted += 1
        outcomes = executor.poll(0.2)
        assert all(outcome.error is None for outcome in outcomes)
        done += len(outcomes)
    return count / (time.perf_counter() - start)


def main() -> None:
    """The script."""
    print(
        "| executor | starts in | "
        + " | ".join(f"trainings of {n} iterations a second" for n in LENGTHS)
        + " |"
    )
    print("|---" * (2 + len(LENGTHS)) + "|")
    cells: dict[str, list[str]] = {"local": [], "ray": []}
    for iterations, count in LENGTHS.items():
        rates: dict[str, list[float]] = {name: [] for name in cells}
        starts: dict[str, list[float]] = {name: [] for name in cells}
        for _ in range(ROUNDS):
            for name in cells:
                start = time.perf_counter()
                with make_executor(problem(name, iterations)) as executor:
                    trainings(executor, 1)
                    starts[name].append(time.perf_counter() - start)
                    trainings(executor, count)  # it learns how long they take
                    rates[name].append(trainings(executor, count))
        for name, row in cells.items():
            if not row:
                row.append(f"{statistics.median(starts[name]):.1f} s")
            row.append(
                f"{statistics.median(rates[name]):.0f} "
                f"({min(rates[name]):.0f}–{max(rates[name]):.0f})"
            )
    for name, row in cells.items():
        print(f"| {name} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
