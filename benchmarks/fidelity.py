"""Does a short training say which genome is better in a long one?

Rank correlations between trainings of several lengths.

    python benchmarks/fidelity.py [--genomes 24] [--repeats 2] [--split 1]

Genomes as a modern search begins with them, half of them named swarms, each trained for 300, 600,
1,200, 2,400 and 9,600 iterations of the default genome, once with equal effort (as many
multiply-adds for each) and once with equal iterations. Scores are validation accuracies in percent,
means over the repeats, on UCI Concrete with five folds; the test rows are not looked at.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import shoal
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import cores, get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.search import Search

LENGTHS = (300, 600, 1200, 2400, 9600)


def score(task: tuple[shoal.Genome, int, bool], split: int, repeats: int) -> tuple[float, float]:
    """Mean accuracy of a genome's trainings, and the seconds of one."""
    genome, iterations, equal = task
    settings = SearchSettings(
        iterations=iterations, racing="fixed", patience=iterations // 5, equal_effort=equal
    )
    problem = TableProblem(shoal.load_dataset("concrete", seed=split, folds=5), settings)
    found = [
        evaluate(problem, Task(genome, repeat), get_engine("cpu", 1)) for repeat in range(repeats)
    ]
    return statistics.fmean(e.accuracy or 0.0 for e in found), statistics.fmean(
        e.seconds for e in found
    )


def main() -> int:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--genomes", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--split", type=int, default=1, help="data seed")
    options = parser.parse_args()
    from scipy.stats import spearmanr

    genomes = Search(SearchSettings(population=options.genomes)).population
    print(
        "| lengths | "
        + " | ".join(f"{n:,}" for n in LENGTHS)
        + " |\n|---"
        + "|---" * len(LENGTHS)
        + "|"
    )
    with ProcessPoolExecutor(cores()) as pool:
        for equal in (True, False):
            tasks = [(genome, length, equal) for length in LENGTHS for genome in genomes]
            work = partial(score, split=options.split, repeats=options.repeats)
            found = list(pool.map(work, tasks))
            by_length = [
                found[i * len(genomes) : (i + 1) * len(genomes)] for i in range(len(LENGTHS))
            ]
            longest = [accuracy for accuracy, _ in by_length[-1]]
            best = max(longest)
            words = "equal effort" if equal else "equal iterations"
            cells, losses, times = [], [], []
            for row in by_length:
                accuracies = [accuracy for accuracy, _ in row]
                cells.append(f"{spearmanr(accuracies, longest).statistic:.2f}")
                half = sorted(range(len(genomes)), key=lambda i: -accuracies[i])
                losses.append(
                    f"{best - longest[half[0]]:.2f} / "
                    f"{best - max(longest[i] for i in half[: len(half) // 2]):.2f}"
                )
                seconds = [s for _, s in row]
                times.append(f"{statistics.fmean(seconds):.1f} ({max(seconds):.1f})")
            print(f"| {words}: rank correlation with the longest | " + " | ".join(cells) + " |")
            print(
                f"| {words}: what the best one / the better half of this length loses in the "
                "longest | " + " | ".join(losses) + " |"
            )
            print(f"| {words}: seconds, mean (most) | " + " | ".join(times) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
