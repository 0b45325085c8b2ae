"""Does preset "classic" reproduce the student system's published results?

Trains every row, writes a table.

    python benchmarks/published.py [--seeds 20] [--rows 0:37] [--out docs/reports/published.md]

`published.json` holds mean and standard deviation of the training accuracy over n runs of the
student system for one genome each (from its repository's result files; genomes and protocol in
docs/reports/published.md). A row agrees when the means lie within three standard errors of their
difference.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import shoal

PUBLISHED = Path(__file__).with_name("published.json")
HEAD = """# The student system's results, reproduced

Measured on {day}, version {version}.

This report is for those who know the student system that Shoal replaces, and ask whether the preset
"classic" still finds what that system found.

The preset "classic" was trained with the {count} published genomes of the student system, with
{seeds} random streams each. The table has the mean and the standard deviation of the training
accuracy in percent, published (of n runs each) and now. z is the difference of the means in
standard errors,
`sqrt(sd^2 / n + published sd^2 / published n)`. A row agrees when |z| is at most 3.

**{agreeing} of {count} rows agree.** Made by `python benchmarks/published.py --seeds {seeds}`,
{seconds:.0f} s on {cores} cores.

- **data**: UCI Concrete, raw features, targets divided by the training maximum, split
  `df.sample(frac=0.7, random_state=42)`
- **training**: ReLU layers, mean squared error, nearest informants, attractor "position"
- **weights**, unless the row differs: inertia 0.708, cognitive 1.906, social 0.288, global best
  1.3, jump 0.76, max velocity 0.9, max position 3.87, weight scale 0.036145, bias scale 0.0893
- **published columns**: from the student system's own result files

| kind | layers | particles | informants | iterations | n | published | sd | Shoal | sd | z \
| test, published | test, Shoal |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Comparison:
    """One row: the published numbers beside ours. Accuracies in percent."""

    row: dict
    train: tuple[float, ...]
    test: tuple[float, ...]

    @property
    def z(self) -> float:
        """Difference of the mean training accuracies in standard errors."""
        ours = statistics.variance(self.train) / len(self.train)
        theirs = self.row["train_accuracy_sd"] ** 2 / self.row["n"]
        return (statistics.mean(self.train) - self.row["train_accuracy_mean"]) / math.sqrt(
            ours + theirs
        )

    @property
    def agrees(self) -> bool:
        """Within three standard errors."""
        return abs(self.z) <= 3


def rows() -> list[dict]:
    """The published rows."""
    found: list[dict] = json.loads(PUBLISHED.read_text())
    return found


def reproduce(row: dict, seeds: int) -> Comparison:
    """Train the row's genome with random streams 0 .. seeds - 1."""
    genes = dict(row["genome"])
    iterations = genes.pop("iterations")
    genome = shoal.Genome.from_dict(
        {**genes, "informant_strategy": "nearest", "attractor": "position"}
    )
    data = shoal.load_dataset("concrete", preset="classic")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(shoal.train, data, genome, iterations=iterations, seed=seed)
            for seed in range(seeds)
        ]
        results = [job.result() for job in jobs]
    train = tuple(result.scores.train.accuracy for result in results)
    return Comparison(
        row, train, tuple(result.scores.test.accuracy for result in results if result.scores.test)
    )


def line(c: Comparison) -> str:
    """The row in the table."""
    g, mean, sd = c.row["genome"], statistics.mean, statistics.stdev
    cells = [
        c.row["kind"],
        "-".join(map(str, g["hidden_layers"])),
        g["swarm_size"],
        g["num_informants"],
        g["iterations"],
        c.row["n"],
        f"{c.row['train_accuracy_mean']:.2f}",
        f"{c.row['train_accuracy_sd']:.2f}",
        f"{mean(c.train):.2f}",
        f"{sd(c.train):.2f}",
        f"{c.z:+.1f}" + ("" if c.agrees else " **differs**"),
        f"{c.row['test_accuracy_mean']:.2f}",
        f"{mean(c.test):.2f}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Run all rows and print, or write, the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", default=":", help="a slice, such as 0:5")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    chosen = rows()[slice(*(int(n) if n else None for n in options.rows.split(":")))]
    start, comparisons = time.perf_counter(), []
    for row in chosen:
        comparisons.append(reproduce(row, options.seeds))
        print(line(comparisons[-1]), flush=True)
    text = HEAD.format(
        day=date.today(),
        version=shoal.__version__,
        count=len(chosen),
        seeds=options.seeds,
        agreeing=sum(c.agrees for c in comparisons),
        seconds=time.perf_counter() - start,
        cores=os.cpu_count(),
    )
    if options.out:
        # Tests load this file from elsewhere, where its neighbours cannot be imported.
        from markdown_tables import fit_tables

        table = text + "\n".join(line(c) for c in comparisons) + "\n"
        options.out.write_text(fit_tables(table))
    print(f"{sum(c.agrees for c in comparisons)} of {len(chosen)} rows agree.")


if __name__ == "__main__":
    main()
