"""Evaluations and generations as a store is given them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task


def evaluation(number: int, repeat: int = 0, accuracy: float = 90.5, **changes: Any) -> Evaluation:
    scores = Scores(
        Metrics(accuracy, mae=0.1, rmse=1 / 3, r2=0.9), validation=Metrics(accuracy - 1)
    )
    task = Task(Genome(swarm_size=10 + number), repeat, generation=1, individual=number)
    made = Evaluation(task, "ok", scores, 0.25, 7, 0.5, ((0, 2.0), (7, 0.25)), None, "here:1")
    # The score follows from the scores.
    return replace(made, **{"score": None, **changes})


def summary(number: int, best: float = 91.0) -> GenerationSummary:
    return GenerationSummary(number, Genome(swarm_size=11), best, 3, best - 2, 4 * number)
