"""A store with a search of many evaluations, made without training.

The pages are measured with it.

    python benchmarks/bigstore.py FILE [--evaluations 100000]

The search is a real one (its genomes, generations and races are those of the genetic algorithm);
only the accuracies come from a smooth landscape with noise, and the losses from a curve that fits
them.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from shoal.data import load_dataset
from shoal.numerics.philox import derive_key
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from shoal.tuning.search import Search

SETTINGS = {
    "preset": "classic",
    "population": 200,
    "generations": 1_000_000,
    "repeats": 2,
    "max_repeats": 20,
}
_FAILING = 500  # of so many trainings, one fails


def pretended(task: Task, seed: int = 0) -> Evaluation:
    """What a training might have come to.

    A hill over some genes, with noise that the repeat decides.
    """
    g = task.genome
    noise = np.random.default_rng(derive_key(seed, task.repeat)).normal(0.0, 1.5)
    hill = (
        20 * (g.inertia_weight - 0.7) ** 2
        + 3 * (math.log10(g.max_velocity) + 1) ** 2
        + 40 / g.swarm_size
    )
    accuracy = 86.0 - hill - 2 * abs(math.log(g.hidden_layers[0] / 24)) + noise
    if int(g.hash[:8], 16) % _FAILING == task.repeat:
        return Evaluation(
            task, "failed", error="No particle ever had a finite loss.", worker="pretended:1"
        )
    loss = (100 - accuracy) / 300
    curve = tuple((8 * n + 1, loss * (1 + 3 * math.exp(-n / 9))) for n in range(64))
    metrics = Metrics(
        accuracy, mae=0.35 * (100 - accuracy), rmse=0.5 * (100 - accuracy), r2=1 - loss
    )
    return Evaluation(
        task, "ok", Scores(metrics), loss, 500, 0.11, curve, worker=f"pretended:{task.repeat % 4}"
    )


def fill(store: Store, evaluations: int, name: str = "concrete, 100,000 trainings") -> int:
    """Add a run with about so many; it is left as it is when somebody stops it. Its number."""
    settings = SearchSettings.parse(SETTINGS)
    run_id, _ = store.add_run(load_dataset("concrete", preset="classic"), settings, name=name)
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    search, done = Search(settings), 0
    while done < evaluations and (tasks := search.ask()):
        before = len(search.generations)
        told = [pretended(task) for task in tasks]
        for evaluation in told:
            search.tell(evaluation)
        done += len(told)
        store.record(claim, told, search.generations[before:], seconds=0.06 * done)
    store.release(claim, 0.06 * done)
    store.command(run_id, "stop")
    return run_id


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--evaluations", type=int, default=100_000)
    options = parser.parse_args()
    with open_store(options.file) as opened:
        number = fill(opened, options.evaluations)
        print(
            f"run {number}: {opened.run(number).evaluations:,} evaluations, "
            f"{opened.run(number).generations} generations"
        )
