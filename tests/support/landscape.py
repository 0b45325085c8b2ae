"""For tests of analyses: genomes whose accuracies are a known function of their genes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from shoal.data import load_dataset
from shoal.genome.genes import CATEGORICAL_GENES, NEUTRAL, NUMERIC_GENES, Gene
from shoal.genome.genome import Genome
from shoal.numerics.philox import derive_key
from shoal.objectives.metrics import Metrics, Scores
from shoal.orchestration.runner import Runner
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store
from support.fakes import InlineExecutor

Landscape = Callable[[Genome], float]


def some_genomes(count: int, seed: int = 0) -> list[Genome]:
    """Uniform in the bounds, in the logarithm where they span decades.

    Genes that came later stay neutral.
    """
    rng = np.random.default_rng(seed)
    genomes = []
    for _ in range(count):
        genes: dict[str, Any] = {}
        for gene in NUMERIC_GENES:
            if gene.name not in NEUTRAL:
                genes[gene.name] = _uniform(rng, gene)

        genes["swarm_size"] = int(rng.integers(6, 100))
        genes["num_informants"] = int(rng.integers(1, 6))
        widths = np.exp(rng.uniform(0.0, 5.0, rng.integers(1, 4)))
        genes["hidden_layers"] = tuple(int(width) for width in widths)

        for name, choices in CATEGORICAL_GENES.items():
            if name != "initialisation":
                genes[name] = str(rng.choice(choices))

        genomes.append(Genome(**genes))
    return genomes


def _uniform(rng: np.random.Generator, gene: Gene) -> float:
    """A value of a gene within its bounds."""
    if not gene.log:
        return float(rng.uniform(gene.low, gene.high))

    low, high = np.log([gene.low, gene.high])
    value = np.exp(float(rng.uniform(low, high)))
    # Rounding may lead out of the bounds.
    return min(max(value, gene.low), gene.high)


def jumps(genome: Genome) -> float:
    """60 to 77: four percentage points for each decade of the jump size, none for other genes."""
    return 76.0 + 4.0 * float(np.log10(genome.jump_size))


def table(
    count: int,
    landscape: Landscape = jumps,
    *,
    noise: float = 1.0,
    seed: int = 0,
    others: int | None = None,
) -> pd.DataFrame:
    """As `EvaluationTable.genomes` gives it, with one repeat of each genome.

    ``others`` is the seed of the noise, where that is another.
    """
    genomes = some_genomes(count, seed)
    rows = [genome.to_dict() | {"hidden_layers": genome.hidden_layers} for genome in genomes]
    frame = pd.DataFrame(rows)
    frame.index = pd.Index([genome.hash for genome in genomes], name="genome")

    noise_seed = others
    if noise_seed is None:
        noise_seed = seed + 1
    deviations = np.random.default_rng(noise_seed).normal(0.0, noise, count)
    accuracies = np.array([landscape(genome) for genome in genomes]) + deviations

    numbers = np.arange(count)
    return frame.assign(
        generation=1 + numbers // 12,
        individual=numbers % 12,
        score=accuracies,
        repeats=1,
        level=0,
    )


class LandscapeExecutor(InlineExecutor):
    """Runs whole searches in a moment.

    Trainings come from a landscape, with noise that the repeat decides.
    """

    def __init__(
        self, problem: TableProblem, landscape: Landscape = jumps, noise: float = 1.0
    ) -> None:
        super().__init__(problem)
        self.landscape = landscape
        self.noise = noise

    def evaluated(self, task: Task) -> Evaluation:
        # One part of the noise is that of the repeat, whatever the genome; one is the training's.
        of_repeat = np.random.default_rng(derive_key(self.problem.settings.seed, task.repeat))
        of_training = np.random.default_rng(int(task.genome.hash, 16) + task.repeat)
        common = of_repeat.normal(0.0, self.noise)
        own = of_training.normal(0.0, self.noise / 4)

        accuracy = self.landscape(task.genome) + common + own
        if not np.isfinite(accuracy):
            return Evaluation(
                task, "failed", error="No particle ever had a finite loss.", worker="landscape:1"
            )

        metrics = Metrics(accuracy, mae=1.0, rmse=1.0, r2=0.5)
        scores = Scores(metrics)
        if self.problem.dataset.validates:
            scores = Scores(metrics, metrics)
        return Evaluation(task, "ok", scores, 1 - accuracy / 100, 100, 0.1, worker="landscape:1")


def searched(
    store: Store, settings: SearchSettings, landscape: Landscape = jumps, name: str | None = None
) -> int:
    """A whole search on the bundled table, recorded as a finished run; its number."""
    dataset = load_dataset("concrete", preset=settings.preset)
    run_id, _ = store.add_run(dataset, settings, name=name)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None

    runner = Runner(
        store,
        claim,
        make_executor=lambda problem, workers: LandscapeExecutor(problem, landscape),
    )
    assert runner.drive() == "finished"
    return run_id
