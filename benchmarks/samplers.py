"""Which sampler finds more at equal trainings?

On a landscape fitted to real trainings, and in a few real searches.

    pip install '.[analysis]'
    python benchmarks/samplers.py [--seeds 20] [--trainings 600] [--real 2]
                                  [--recorded trainings.jsonl]

First real searches with every sampler, and real trainings of genomes from everywhere, on the
bundled Concrete data; with ``--recorded`` they are kept in that file, and read from it the next
time. Then a landscape: a forest of trees fitted to the mean validation accuracy that a genome had,
and to the spread of its repeats. On it a training costs nothing, so that each sampler can search
from many seeds: it is the landscape's height plus normal noise of its spread.

What counts is what the search would recommend after so many trainings, measured without the
search's own luck: the height of the landscape there, and in the real searches the mean of fresh
trainings. ± is half of Student's 95 % interval over the seeds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

import shoal
from shoal.genome.genes import CATEGORICAL_GENES, NUMERIC_GENES
from shoal.genome.genome import Genome
from shoal.numerics.philox import derive_key
from shoal.numerics.stats import ci95_half_width
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.samplers import SAMPLERS
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.samplers.random_search import random_genome
from shoal.tuning.search import Search

# Small networks and swarms, the same for all, so that the real trainings take a minute or two.
SPACE: dict[str, Any] = {"max_width": 32, "bounds": {"swarm_size": (4, 40)}, "iterations": 150}
SPACE |= {
    "racing": "fixed",
    "repeats": 3,
    "max_repeats": 21,
    "equal_effort": False,
    "patience": None,
    "finalists": 0,
}
SCATTERED = 250  # genomes from everywhere, beside those of the searches
FLOOR = 50.0  # percent: how bad the worst are would else be all that the landscape learns
REAL_GENERATIONS = 8
FRESH = 10  # trainings that measure a recommendation
MARKS = (
    36,
    72,
    144,
    288,
    576,
    1152,
)  # trainings at which the landscape's recommendations are compared

Evaluate = Callable[[Sequence[Task]], Iterable[Evaluation]]


def recommendations(
    settings: SearchSettings, evaluate_all: Evaluate
) -> tuple[list[tuple[int, Genome | None]], Search]:
    """After each generation: trainings so far, and the genome that the search would recommend."""
    search, found = Search(settings), []
    while tasks := search.ask():
        for evaluation in evaluate_all(tasks):
            search.tell(evaluation)
        found.append((len(search.evaluations), search.best.genome if search.best else None))
    return found, search


@dataclass(frozen=True)
class Trained:
    """What is known of one genome.

    Accuracies of its repeats on the validation part in percent, None for a failed one.
    """

    genome: Genome
    accuracies: tuple[float | None, ...]


@dataclass(frozen=True)
class Found:
    """What a real search came to.

    Fresh trainings of its recommendation, validation and test accuracy in percent.
    """

    sampler: str
    seed: int
    validation: float
    test: float


def measured(data: shoal.Dataset, genome: Genome, iterations: int) -> list[float]:
    """Mean accuracies on the validation and test parts over fresh trainings."""
    runs = [shoal.train(data, genome, iterations=iterations, seed=10**6 + n) for n in range(FRESH)]
    return [
        statistics.fmean(getattr(run.scores, part).accuracy for run in runs)
        for part in ("validation", "test")
    ]


def real_trainings(seeds: int) -> tuple[list[Trained], list[Found]]:
    """Real searches with every sampler, and genomes from everywhere."""
    data, engine = shoal.load_dataset("concrete", folds=1), get_engine("cpu")
    by_genome: dict[Genome, list[float | None]] = {}
    found = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def evaluate_all(problem: TableProblem, tasks: Sequence[Task]) -> list[Evaluation]:
            done = list(pool.map(lambda task: evaluate(problem, task, engine), tasks))
            for evaluation in done:
                by_genome.setdefault(evaluation.task.genome, []).append(evaluation.accuracy)
            return done

        scatter = SearchSettings.parse(SPACE)
        genomes = [random_genome(scatter.space, derive_key(0, 0), 0, i) for i in range(SCATTERED)]
        evaluate_all(
            TableProblem(data, scatter),
            [Task(genome, repeat) for genome in genomes for repeat in range(2)],
        )
        for seed in range(seeds):
            for sampler in SAMPLERS:
                settings = SearchSettings.parse(
                    {**SPACE, "sampler": sampler, "seed": seed, "generations": REAL_GENERATIONS}
                )
                problem = TableProblem(data, settings)
                steps, _ = recommendations(
                    settings, lambda tasks, problem=problem: evaluate_all(problem, tasks)
                )
                genome = steps[-1][1]
                assert genome is not None
                found.append(Found(sampler, seed, *measured(data, genome, settings.iterations)))
    return [Trained(genome, tuple(values)) for genome, values in by_genome.items()], found


def features(genome: Genome) -> list[float]:
    """A genome as numbers: logarithms where bounds span decades, and of widths; choices one-hot."""
    numbers = [getattr(genome, gene.name) for gene in NUMERIC_GENES]
    numbers = [
        math.log(v) if gene.log else v for v, gene in zip(numbers, NUMERIC_GENES, strict=True)
    ]
    widths = [math.log(w) for w in genome.hidden_layers] + [-1.0] * (3 - len(genome.hidden_layers))
    choices = [
        float(getattr(genome, name) == choice)
        for name, allowed in CATEGORICAL_GENES.items()
        for choice in allowed
    ]
    return [*numbers, *widths, *choices]


class Landscape:
    """The height of a genome, and the spread of its repeats, in percent of accuracy."""

    def __init__(self, trained: Sequence[Trained]) -> None:
        kept = [(t.genome, [a for a in t.scores if a is not None]) for t in trained]
        kept = [(genome, values) for genome, values in kept if len(values) > 1]
        x = [features(genome) for genome, _ in kept]
        y = np.array([(statistics.fmean(v), math.log(statistics.stdev(v) + 1e-3)) for _, v in kept])
        y[:, 0] = np.maximum(y[:, 0], FLOOR)
        self.rows = len(x)
        self._forest = ExtraTreesRegressor(
            300, min_samples_leaf=2, bootstrap=True, oob_score=True, random_state=0
        )
        self._forest.fit(x, y)
        held_out = self._forest.oob_prediction_[:, 0]
        self.r2 = 1 - np.sum((held_out - y[:, 0]) ** 2) / np.sum((y[:, 0] - y[:, 0].mean()) ** 2)
        self._known: dict[Genome, tuple[float, float]] = {}

    def learn(self, genomes: Iterable[Genome]) -> None:
        """Work out these genomes' heights together, as one at a time is slow."""
        new = [genome for genome in dict.fromkeys(genomes) if genome not in self._known]
        if new:
            values = self._forest.predict([features(genome) for genome in new])
            self._known |= {
                g: (float(h), math.exp(s)) for g, (h, s) in zip(new, values, strict=True)
            }

    def height(self, genome: Genome) -> float:
        """Accuracy without noise."""
        self.learn([genome])
        return self._known[genome][0]

    def evaluate_all(self, seed: int, tasks: Sequence[Task]) -> list[Evaluation]:
        """Trainings: the height, and noise that is a function of seed, genome and repeat."""
        self.learn(task.genome for task in tasks)
        done = []
        for task in tasks:
            digest = hashlib.sha256(f"{seed} {task.genome.hash} {task.repeat}".encode()).digest()
            noise = float(np.random.default_rng(list(digest)).standard_normal())
            height, spread = self._known[task.genome]
            metrics = Metrics(height + spread * noise)
            done.append(Evaluation(task, "ok", Scores(metrics, metrics)))
        return done


_landscape: Landscape | None = None  # one a process


def _prepare(trained: Sequence[Trained]) -> None:
    global _landscape  # noqa: PLW0603
    _landscape = Landscape(trained)


def course(sampler: str, seed: int, trainings: int) -> list[float]:
    """The recommendation's height at each mark, in one search of the landscape."""
    assert _landscape is not None
    landscape = _landscape
    settings = SearchSettings.parse(
        {
            **SPACE,
            "sampler": sampler,
            "seed": seed,
            "evaluations": trainings,
            "generations": trainings,
        }
    )
    steps, _ = recommendations(settings, lambda tasks: landscape.evaluate_all(seed, tasks))
    heights = []
    for mark in (m for m in MARKS if m <= trainings):
        genomes = [genome for count, genome in steps if count <= mark]
        heights.append(landscape.height(genomes[-1]) if genomes and genomes[-1] else math.nan)
    return heights


def spread(values: Sequence[float]) -> str:
    """Mean ± half of the interval."""
    half = ci95_half_width(values)
    return f"{statistics.fmean(values):.2f}" + (f" ± {half:.2f}" if half is not None else "")


def recorded(file: Path | None, seeds: int) -> tuple[list[Trained], list[Found]]:
    """The real trainings: read from the file where it is, else made, and kept there."""
    if file is not None and file.exists():
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        found = [Found(**line) for line in lines if "sampler" in line]
        kept = [line for line in lines if "genome" in line]
        return [Trained(Genome.from_dict(t["genome"]), tuple(t["accuracies"])) for t in kept], found
    trained, found = real_trainings(seeds)
    if file is not None:
        lines = [vars(f) for f in found]
        lines += [{"genome": t.genome.to_dict(), "accuracies": t.scores} for t in trained]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return trained, found


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds", type=int, default=20, help="searches of the landscape by each sampler"
    )
    parser.add_argument(
        "--trainings", type=int, default=600, help="of each search of the landscape"
    )
    parser.add_argument("--real", type=int, default=2, help="real searches by each sampler")
    parser.add_argument(
        "--recorded", type=Path, metavar="FILE", help="where the real trainings are kept"
    )
    options = parser.parse_args()
    start = time.perf_counter()
    trained, found = recorded(options.recorded, options.real)
    print(
        f"\nReal searches of {REAL_GENERATIONS} generations, accuracy in percent of {FRESH} "
        "fresh trainings:\n"
    )
    print("| sampler | searches | validation | test |\n|---|---|---|---|")
    for sampler in SAMPLERS:
        of_it = [f for f in found if f.sampler == sampler]
        cells = [
            str(len(of_it)),
            spread([f.validation for f in of_it]),
            spread([f.test for f in of_it]),
        ]
        print(f"| {sampler} | " + " | ".join(cells) + " |")
    _prepare(trained)
    assert _landscape is not None
    print(
        f"\nThe landscape: {_landscape.rows} genomes, R2 {_landscape.r2:.2f} on those left "
        f"out; {options.seeds} searches each."
    )
    marks = [mark for mark in MARKS if mark <= options.trainings]
    print("Height of what is recommended, in percent:\n")
    print(
        "| sampler | "
        + " | ".join(f"{mark} trainings" for mark in marks)
        + " |\n"
        + "|---" * (len(marks) + 1)
        + "|"
    )
    with ProcessPoolExecutor(os.cpu_count(), initializer=_prepare, initargs=(trained,)) as pool:
        jobs = {
            s: [pool.submit(course, s, seed, options.trainings) for seed in range(options.seeds)]
            for s in SAMPLERS
        }
        for sampler, running in jobs.items():
            courses = [job.result() for job in running]
            print(
                f"| {sampler} | "
                + " | ".join(spread(column) for column in zip(*courses, strict=True))
                + " |",
                flush=True,
            )
    print(f"\n{time.perf_counter() - start:.0f} s on {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
