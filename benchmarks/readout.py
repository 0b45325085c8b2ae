"""What makes networks with solved output layers good? Variants of one swarm, beside others.

    python benchmarks/readout.py [--only concrete] [--splits 20-23] [--networks 8] [--length 6400]

Prints a Markdown table for each table of data: the swarm `shoal.named_genome("solved_fine")` and
variants of it with one or two genes changed, the default swarm, and networks of scikit-learn with
one hidden layer of 128. Splits (data seeds) are for choosing genes: others than those that
docs/reports/tuning.md reports. "one" is the mean score of the networks, the other columns the score
of the mean prediction of so many. Scores are the accuracy in percent, and the log loss where there
are classes.

Every swarm makes as many multiply-adds: those of ``--length`` iterations of the default genome.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

import shoal
from quality import TABLES
from shoal.data import Dataset, resplit
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, mean_metrics
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.engines.cpu import CpuEngine
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.baselines import BaselineJob

VARIANTS: dict[str, dict[str, Any]] = {
    "solved_fine: 128 neurons, ridge 0.001": {},
    "64 neurons": {"hidden_layers": (64,)},
    "64 neurons, ridge 0.003": {"hidden_layers": (64,), "ridge": 3e-3},
    "192 neurons": {"hidden_layers": (192,)},
    "256 neurons": {"hidden_layers": (256,)},
    "64 and 32 neurons": {"hidden_layers": (64, 32)},
    "ridge 0.0003": {"ridge": 3e-4},
    "ridge 0.003": {"ridge": 3e-3},
    "ridge 0.01": {"ridge": 1e-2},
    "tanh": {"activation": "tanh"},
    "weights begin half as large": {"weight_scale": 0.45},
    "constants begin twice as large": {"bias_scale": 1.0},
    "velocity limit 0.2": {"max_velocity": 0.2},
    "velocity limit 1": {"max_velocity": 1.0},
    "velocity limit falls to a tenth": {"velocity_end": 0.1},
    "weight decay 0.0001": {"weight_decay": 1e-4},
    "32 particles": {"swarm_size": 32},
    "72 particles": {"swarm_size": 72},
    "pull of the winner 0.8": {"social_weight": 0.8},
    "pull of the winner 1.2": {"social_weight": 1.2},
    "informed, w 0.75, c 1, k 5": {
        "update_rule": "informed",
        "inertia_weight": 0.75,
        "cognitive_weight": 1.0,
        "social_weight": 1.0,
        "num_informants": 5,
    },
}
RIVALS = {"adam": "Adam", "lbfgs": "L-BFGS", "trees": "boosting"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="concrete", help="tables of benchmarks/quality.py")
    parser.add_argument("--splits", default="20-23", help="the first and the last data seed")
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--length", type=int, default=6400)
    options = parser.parse_args()

    first, last = map(int, options.splits.split("-"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in options.only.split(","):
            source, target = TABLES[name]()
            data = shoal.load_dataset(source, target)
            splits = list(resplit(data, seeds=range(first, last + 1)))
            show(name, splits, options.networks, options.length, pool)


def show(
    name: str, splits: list[Dataset], networks: int, length: int, pool: ThreadPoolExecutor
) -> None:
    counts = [count for count in (3, 5) if count < networks] + [networks]
    heads = " | ".join(f"{count} together" for count in counts)
    print(f"\n{name}, {len(splits)} splits:\n\n| | iterations | one | {heads} | s a network |")
    print("|---" * (len(counts) + 4) + "|", flush=True)

    solved = shoal.named_genome("solved_fine")
    swarms = {label: replace(solved, **genes) for label, genes in VARIANTS.items()}
    for label, genome in {**swarms, "default swarm": Genome()}.items():
        trained = [pool.submit(train, data, genome, networks, length, counts) for data in splits]
        found = [future.result() for future in trained]
        iterations, seconds = found[0][0], statistics.mean(own[1] for own in found)
        scores = [own[2] for own in found]
        print(
            f"| {label} | {iterations:,} | {row(scores)} | {seconds / networks:.1f} |", flush=True
        )

    for kind, label in RIVALS.items():
        count = 1 if kind == "trees" else networks
        job = BaselineJob(kind, solved, count)  # type: ignore[arg-type]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = [job.run(problem(data, 1), CpuEngine()) for data in splits]
        scores = [[own.test, *[None] * (len(counts) - 1), own.ensemble] for own in rows]
        print(f"| {label} | | {row(scores)} | |", flush=True)


def problem(data: Dataset, iterations: int) -> TableProblem:
    return TableProblem(data, SearchSettings(iterations=iterations, patience=None, racing="fixed"))


def train(
    data: Dataset, genome: Genome, networks: int, length: int, counts: list[int]
) -> tuple[int, float, list[Metrics | None]]:
    """Iterations, seconds, and the scores of one network and of several, on the test rows."""
    solved = problem(data, length)
    iterations = solved.iterations_for(Task(genome, 0))
    assert data.test is not None

    begun = time.perf_counter()
    predictions = []
    for repeat in range(networks):
        training = solved.training(Task(genome, repeat), refit=True)
        (result,) = CpuEngine().train([training])
        predictions.append(solved.predictions(CpuEngine(), genome, result.weights, data.test))
    seconds = time.perf_counter() - begun

    single = [solved.metrics(own, data.test) for own in predictions]
    finite = [own for own in single if own is not None]
    scores: list[Metrics | None] = [mean_metrics(finite)]
    for count in counts:
        scores.append(solved.metrics(np.mean(predictions[:count], axis=0), data.test))
    return iterations, seconds, scores


def row(scores: list[list[Metrics | None]]) -> str:
    """The means over splits, a cell for each column."""
    cells = []
    for column in zip(*scores, strict=True):
        found = [own for own in column if own is not None]
        if not found:
            cells.append("")
            continue
        text = f"{statistics.mean(own.accuracy for own in found):.2f}"
        if found[0].log_loss is not None:
            text += f", {statistics.mean(own.log_loss or 0 for own in found):.4f}"
        cells.append(text)
    return " | ".join(cells)


if __name__ == "__main__":
    main()
