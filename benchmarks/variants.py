"""Which swarm is best for many weights, and which gene earns its place in a search?

    python benchmarks/variants.py

Prints two Markdown tables. The first trains networks of 300 to 30,000 weights by swarms of the
literature. The second takes random genomes of the preset "modern" and, beside each, the same genome
with one gene more set at random: what is gained by the best of twelve such genomes. Each contender
may evaluate as many rows x particles as the others: that, and not a clock, is the cost, as it is
the same on a busy machine. Rows that a swarm spares are not counted. A swarm whose output layers
are solved may make as many multiply-adds as the others; its loss is that of the squares.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets

from shoal import Dataset, Genome, SearchSettings, load_dataset, named_genome
from shoal.genome.genes import CATEGORICAL_GENES, NUMERIC_GENES
from shoal.numerics.philox import derive_key
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.engines.cpu import CpuEngine
from shoal.pso.swarm import SwarmState, TrainingTask, initial_state
from shoal.tuning.operators import initial_genome
from shoal.update_rules import UPDATE_RULES

Floats = NDArray[np.float64]
BEST_OF = 12  # a population
ITERATIONS = 500  # of a training in a search
ALIKE: dict[str, Any] = {
    "racing": "fixed",
    "equal_effort": False,
    "patience": None,
}  # trainings are as long as is said


@cache
def data(name: str) -> Dataset:
    """Prepared as the preset "modern" does: train, validation, test."""
    if name == "concrete":
        return load_dataset("concrete", folds=1)
    bunch = getattr(datasets, f"load_{name}")()
    table = pd.DataFrame(bunch.data, columns=[f"x{n}" for n in range(bunch.data.shape[1])])
    classes = name != "diabetes"
    table["y"] = [f"c{value}" for value in bunch.target] if classes else bunch.target
    rows = np.random.default_rng(0).permutation(len(table))[:450]  # more rows only cost more
    return load_dataset(table.iloc[rows].reset_index(drop=True), target="y", folds=1)


def training(name: str, genome: Genome, seed: int) -> tuple[TableProblem, TrainingTask]:
    """One training of a genome on that data."""
    problem = TableProblem(data(name), SearchSettings(seed=seed, iterations=ITERATIONS, **ALIKE))
    return problem, replace(problem.training(Task(genome, 0)), iterations=2**31, horizon=ITERATIONS)


@dataclass(frozen=True)
class Outcome:
    """``cost`` in rows x particles; scores in percent."""

    loss: float
    validation: float
    test: float
    iterations: int
    cost: int
    seconds: float


def outcome(
    problem: TableProblem, task: TrainingTask, weights: Any, loss: float, *rest: Any
) -> Outcome:
    """Scores of the weights that a swarm found."""
    scores = []
    for part in (problem.dataset.validation, problem.dataset.test):
        assert part is not None
        metrics = problem.metrics(
            problem.predictions(CpuEngine(), task.genome, weights, part), part
        )
        scores.append(metrics.accuracy if metrics is not None else -100.0)
    return Outcome(loss, *scores, *rest)


def spent(task: TrainingTask, state: SwarmState) -> int:
    """Rows x particles that were evaluated."""
    return state.iteration * len(state.positions) * len(task.x) - state.rows_skipped


def swarm(name: str, genome: Genome, seed: int, cost: float) -> Outcome:
    """The product's training until ``cost`` is spent."""
    problem, task = training(name, genome, seed)
    # A particle with a solved output layer costs more multiply-adds, of which all get as many.
    searched = genome.evaluations_per_iteration * task.network.size
    cost *= searched / problem.effort(genome)
    start, state = time.perf_counter(), initial_state(task)
    while spent(task, state) < cost:
        left = (cost - spent(task, state)) / (genome.swarm_size * len(task.x))
        state = CpuEngine().advance(task, state, max(1, int(left / 2)))
    best, took = state.global_best, time.perf_counter() - start
    loss = float(state.best_losses[best])
    weights = CpuEngine().networks(task, state.best_positions[best : best + 1])[0]
    return outcome(problem, task, weights, loss, state.iteration, spent(task, state), took)


def doubled(task: TrainingTask) -> TrainingTask:
    """The same with twice as many particles."""
    return replace(task, genome=replace(task.genome, swarm_size=2 * task.genome.swarm_size))


def cooperative(name: str, genome: Genome, seed: int, cost: float, groups: int = 8) -> Outcome:
    """Swarms that each move one group of dimensions, judged in the context of the best of all;
    groups drawn anew each round.

    Li and Yao, "Cooperatively Coevolving Particle Swarms for Large Scale Optimization", 2012, with
    this genome's coefficients.
    """
    problem, task = training(name, genome, seed)
    start, particles, dimensions = time.perf_counter(), genome.swarm_size, task.network.size
    random, state = np.random.default_rng(seed), initial_state(task)
    x, v = state.positions.copy(), state.velocities.copy()
    fresh = {len(s.positions): (t, s) for t in (task, doubled(task)) for s in [initial_state(t)]}
    engine = CpuEngine(abandon=False)

    def losses(candidates: NDArray[np.float32]) -> Floats:
        """Of as many weight vectors as particles, or twice as many, by the product's kernels."""
        swarm_of, start = fresh[len(candidates)]
        return engine.advance(swarm_of, replace(start, positions=candidates), 1).best_losses

    bests, found = x.copy(), losses(x)
    context, loss, used, rounds = (
        x[found.argmin()].copy(),
        float(found.min()),
        particles * len(task.x),
        0,
    )
    ring = (np.arange(particles)[:, None] + [-1, 0, 1]) % particles
    while used < cost:
        for group in np.array_split(random.permutation(dimensions), groups):
            candidates = np.repeat(context[None], 2 * particles, axis=0)
            candidates[:particles, group], candidates[particles:, group] = (
                x[:, group],
                bests[:, group],
            )
            now, before = np.split(losses(candidates), 2)
            used += 2 * particles * len(task.x)
            better = now < before
            bests[np.ix_(better, group)] = x[np.ix_(better, group)]
            before = np.where(better, now, before)
            if before.min() < loss:
                loss = float(before.min())
                context[group] = bests[before.argmin(), group]
            leader = ring[np.arange(particles), before[ring].argmin(axis=1)]
            r1, r2 = random.random((2, particles, len(group)), dtype=np.float32)
            here = x[:, group]
            v[:, group] = np.clip(
                genome.inertia_weight * v[:, group]
                + genome.cognitive_weight * r1 * (bests[:, group] - here)
                + genome.social_weight * r2 * (bests[np.ix_(leader, group)] - here),
                -genome.max_velocity,
                genome.max_velocity,
            )
            x[:, group] = np.clip(here + v[:, group], -genome.max_position, genome.max_position)
        rounds += 1
    return outcome(problem, task, context, loss, rounds, used, time.perf_counter() - start)


NETWORKS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("concrete", (32,)),
    ("concrete", (32, 16)),
    ("digits", (64,)),
    ("digits", (256, 48)),
)
LOCAL = {
    "swarm_size": 48,
    "num_informants": 5,
    "inertia_weight": 0.75,
    "cognitive_weight": 1,
    "social_weight": 1,
}
VARIANTS: dict[str, tuple[Callable[..., Outcome], dict[str, Any]]] = {
    "constriction": (swarm, named_genome("constriction").to_dict()),
    "spso2007": (swarm, named_genome("spso2007").to_dict()),
    "informed, w 0.75, c 1, k 5": (swarm, LOCAL),
    "competitive": (swarm, named_genome("competitive").to_dict()),
    "competitive, solved readout": (swarm, named_genome("solved").to_dict()),
    "competitive, 100 particles": (swarm, named_genome("competitive", swarm_size=100).to_dict()),
    "cooperative, random groups": (
        cooperative,
        named_genome("constriction", swarm_size=20).to_dict(),
    ),
}


def compare_variants(pool: ThreadPoolExecutor, seeds: int, share: float, swarms: list[str]) -> None:
    """The first table."""
    print(
        "| network | weights | swarm | iterations | s | training loss (lowest to highest) | "
        "test rows, % |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, hidden in NETWORKS:
        layers = (data(name).inputs, *hidden, data(name).outputs)
        size = sum(a * b + b for a, b in pairwise(layers))
        cost = share * (3e10 if size > 2_000 else 1.5e10) / size
        jobs = [
            [
                pool.submit(
                    run, name, Genome.from_dict({**genes, "hidden_layers": hidden}), seed, cost
                )
                for seed in range(seeds)
            ]
            for run, genes in map(VARIANTS.__getitem__, swarms)
        ]
        for variant, futures in zip(swarms, jobs, strict=True):
            found = [future.result() for future in futures]
            losses = [o.loss for o in found]
            print(
                f"| {name} {'-'.join(map(str, layers))} | {size:,} | {variant} | "
                f"{found[0].iterations:,} "
                f"| {statistics.mean(o.seconds for o in found):.1f} "
                f"| {statistics.mean(losses):.4f} ({min(losses):.4f} to {max(losses):.4f}) "
                f"| {statistics.mean(o.test for o in found):.2f} |",
                flush=True,
            )


GENES = (
    "update_rule",
    "weight_decay",
    "initialisation",
    "attractor",
    "inertia_end",
    "velocity_end",
)
TABLES = ("concrete", "diabetes", "digits")


def with_random(genome: Genome, name: str, u: float) -> Genome:
    """The genome with one gene as a first generation would draw it."""
    for gene in NUMERIC_GENES:
        if gene.name == name:
            return replace(
                genome, **{name: gene.start_low + u * (gene.start_high - gene.start_low)}
            )
    value = CATEGORICAL_GENES[name][int(u * len(CATEGORICAL_GENES[name]))]
    if name == "update_rule" and not UPDATE_RULES[value].fits_initial_ranges:
        return replace(genome, update_rule=value, **UPDATE_RULES[value].coefficients)
    return replace(genome, **{name: value})


def best_of(scores: Floats, n: int = BEST_OF) -> Floats:
    """The expected highest of ``n`` draws from each row of scores, with replacement."""
    count = scores.shape[-1]
    chances = np.diff((np.arange(count + 1) / count) ** n)
    return np.asarray(np.sort(scores, axis=-1) @ chances)


def compare_genes(pool: ThreadPoolExecutor, genomes: int, genes: list[str]) -> None:
    """The second table."""
    key, random = derive_key(1, 2), np.random.default_rng(1)
    space = SearchSettings(extra_genes=()).space
    plain = [replace(initial_genome(space, key, n), hidden_layers=(32, 16)) for n in range(genomes)]
    changed = {
        gene: [with_random(g, gene, u) for g, u in zip(plain, random.random(genomes), strict=True)]
        for gene in GENES
    }
    print(f"\n| gene let free | {' | '.join(TABLES)} |\n|---|{'---|' * len(TABLES)}")
    base: dict[str, list[Outcome]] = {}
    for name in TABLES:
        rows = len(data(name).train.x)

        def reference(genome: Genome, name: str = name, rows: int = rows) -> Outcome:
            problem, task = training(name, genome, 0)
            state = CpuEngine().advance(task, initial_state(task), ITERATIONS)
            best = state.global_best
            loss = float(state.best_losses[best])
            return outcome(
                problem, task, state.best_positions[best], loss, ITERATIONS, spent(task, state), 0.0
            )

        base[name] = list(pool.map(reference, plain))
    scores = {name: np.array([o.validation for o in found]) for name, found in base.items()}
    print(
        f"| none: best of {BEST_OF}, % | "
        f"{' | '.join(f'{best_of(scores[name]):.2f}' for name in TABLES)} |"
    )
    draw = random.integers(0, genomes, (2000, genomes))
    for gene in genes:
        cells = []
        for name in TABLES:
            jobs = [
                pool.submit(swarm, name, genome, 0, before.cost) if genome != same else None
                for genome, same, before in zip(changed[gene], plain, base[name], strict=True)
            ]
            found = [
                o if job is None else job.result() for job, o in zip(jobs, base[name], strict=True)
            ]
            now = np.array([o.validation for o in found])
            gains = best_of(now[draw]) - best_of(scores[name][draw])
            low, high = np.quantile(gains, [0.025, 0.975])
            gain = best_of(now) - best_of(scores[name])
            median = np.median(now - scores[name])
            cells.append(f"{gain:+.2f} ({low:+.2f} to {high:+.2f}), median {median:+.2f}")
        print(f"| {gene} | {' | '.join(cells)} |", flush=True)


def main() -> int:
    """The script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--genomes", type=int, default=40)
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="of the usual cost of a training in the first table",
    )
    parser.add_argument("--only", choices=["variants", "genes"])
    parser.add_argument("--swarms", choices=VARIANTS, nargs="*", default=list(VARIANTS))
    parser.add_argument("--genes", choices=GENES, nargs="*", default=list(GENES))
    options = parser.parse_args()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        if options.only != "genes":
            compare_variants(pool, options.seeds, options.share, options.swarms)
        if options.only != "variants":
            compare_genes(pool, options.genomes, options.genes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
