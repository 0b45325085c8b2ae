"""Summaries of runs that never were."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.analysis.summary import Best, Summary
from shoal.data import DataOptions
from shoal.genome.genome import Genome
from shoal.numerics.stats import mean
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import GenerationSummary
from shoal.settings.search_settings import SearchSettings
from shoal.store import GenerationRecord, RunView
from shoal.tuning.champion import Champion, Confirmation

GOOD, POOR = (90.0, 91.0, 92.0, 90.5, 91.5), (88.1, 89.0, 90.2, 88.4, 89.6)

GENOME = Genome(swarm_size=20)

OPTIONS = DataOptions.of_new_run("y").to_dict()


def view(number: int, **values: Any) -> RunView:
    """A finished run; ``values`` in place of the usual ones."""
    usual: dict[str, Any] = dict.fromkeys(RunView.__dataclass_fields__)
    usual |= {
        "id": number,
        "name": f"name {number}",
        "dataset": "concrete",
        "dataset_hash": "abc",
        "data_options": OPTIONS,
        "settings": SearchSettings(),
        "state": "finished",
        "pending": (),
        "tags": (),
        "note": "",
        "generations": 1,
        "evaluations": 100,
        "iterations": 1000,
        "seconds": 60.0,
        "seed": 0,
        "epoch": 1,
    }
    return RunView(**{**usual, **values})


def summary(
    number: int,
    confirmed: tuple[float, ...] = (),
    found: tuple[float, ...] = GOOD,
    test: float = 80.0,
    **values: Any,
) -> Summary:
    """A finished run whose champion was found with some accuracies and confirmed with others."""
    confirmation = Confirmation(confirmed) if confirmed else None
    scores = Scores(Metrics(90.0), None, Metrics(test))
    weights = np.zeros((1, 3), np.float32)
    champion = Champion(GENOME, found, False, weights, scores, scores, confirmation)
    best = Best(GENOME, mean(found), len(found), champion.ci95, 1, 0.0, confirmation)

    run = view(number, **values)
    # So many repeats that as many of them are scored as the champion has accuracies.
    schedule = run.settings.schedule
    fitting = (n for n in range(1, 22) if len(schedule.scored_repeats(n)) == len(found))
    repeats = next(fitting, 1)
    generation = GenerationSummary(1, GENOME, mean(found), repeats, 80.0, 100)
    return Summary(run, (GenerationRecord(generation, 60.0, 0.0),), best, champion)
