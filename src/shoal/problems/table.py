"""(genome, repeat) -> Evaluation: what is asked of a worker, and the record that it gives back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shoal.data import Dataset, Part, RegressionTarget
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.numerics.philox import derive_key
from shoal.objectives.losses import Objective, make_objective
from shoal.objectives.metrics import (
    Metrics,
    Scores,
    classification_metrics,
    probabilities,
    regression_metrics,
)
from shoal.problems.evaluation import Evaluation, Status, Task
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import TrainingTask
from shoal.settings.search_settings import SearchSettings

CURVE_POINTS = 64
MOST_LONGER = 8


@dataclass(frozen=True)
class Problem:
    """What every evaluation of a run shares. Raises `SettingsError` when the loss does not fit the target."""

    dataset: Dataset
    settings: SearchSettings

    def __post_init__(self) -> None:
        self.objective  # noqa: B018  a misfit is found before anything starts

    @cached_property
    def objective(self) -> Objective:
        """What the swarms minimise."""
        data, target = self.dataset, self.dataset.encoder.target
        scale = target.scale if isinstance(target, RegressionTarget) else 1.0
        return make_objective(
            self.settings.loss,
            data.task,
            scale,
            math.fsum(np.abs(data.train.target)) / len(data.train.target),
        )

    def network(self, genome: Genome) -> Network:
        """The genome's topology between this data's inputs and outputs."""
        return Network(
            (self.dataset.inputs, *genome.hidden_layers, self.dataset.outputs), genome.activation
        )

    def training(
        self,
        task: Task,
        *,
        refit: bool = False,
        iterations: int | None = None,
        part: Part | None = None,
    ) -> TrainingTask:
        """The training of ``task``; ``refit`` on train + validation; ``iterations`` replays a recorded length exactly.

        ``part`` is for who has what this repeat trains on already, as cutting folds takes memory.
        """
        if part is None:
            part = self.dataset.fit_part(refit) if refit else self.dataset.parts(task.repeat)[0]
        settings, length = self.settings, self.iterations_for(task)
        return TrainingTask(
            genome=task.genome,
            network=self.network(task.genome),
            objective=self.objective,
            x=part.x,
            y=part.y,
            key=derive_key(settings.seed, task.repeat),
            iterations=length if iterations is None else iterations,
            seconds=settings.training_seconds if iterations is None else None,
            patience=self.patience(task) if iterations is None else None,
            horizon=length,
            min_improvement=settings.min_improvement,
        )

    def cost(self, task: Task) -> int:
        """Multiply-adds of its training at most, to put long ones first."""
        return self._effort(task.genome) * len(self.dataset.train.x) * self.iterations_for(task)

    def iterations_for(self, task: Task) -> int:
        """Iterations of its training, at most.

        Where effort is equal, as many as make the multiply-adds of the default genome on this data, but no more than
        `MOST_LONGER` times its iterations: the smallest networks spend their time on other things.
        """
        length = self.settings.schedule.iterations_for(task.repeat)
        if self.settings.equal_effort:
            usual, own = self._effort(Genome()), self._effort(task.genome)
            length = min(max(1, length * usual // own), MOST_LONGER * length)
        return length

    def patience(self, task: Task) -> int | None:
        """The patience of its training, in iterations: the same share of its length for all."""
        patience = self.settings.patience
        return patience and max(1, patience * self.iterations_for(task) // self.settings.iterations)

    def _effort(self, genome: Genome) -> int:
        """Multiply-adds of an iteration on one row."""
        return genome.evaluations_per_iteration * self.network(genome).size

    def predictions(
        self, engine: Engine, genome: Genome, weights: NDArray[np.float32], part: Part
    ) -> NDArray[np.float64]:
        """What one network says of a part: unscaled targets (rows,), or probabilities (rows, classes)."""
        values = self.dataset.unscale(engine.outputs(self.network(genome), weights, part.x))
        with np.errstate(all="ignore"):
            return probabilities(values) if self.dataset.task == "classification" else values

    def metrics(self, predictions: NDArray[np.float64], part: Part) -> Metrics | None:
        """Scores of `predictions` on a part; None when they are not finite."""
        score = (
            classification_metrics if self.dataset.task == "classification" else regression_metrics
        )
        return score(predictions, part.target)


def evaluate(problem: Problem, task: Task, engine: Engine) -> Evaluation:
    """Train one repeat of one genome and score it on its training and validation parts. The test part is not touched.

    Whatever goes wrong inside becomes a failed evaluation, never an exception: a search outlives its individuals.
    """
    try:
        return train_and_score(problem, task, engine)[0]
    except Exception as error:
        return Evaluation(task, "failed", error=f"{type(error).__name__}: {error}")


def train_and_score(
    problem: Problem, task: Task, engine: Engine, iterations: int | None = None
) -> tuple[Evaluation, NDArray[np.float32]]:
    """The evaluation, and the network's weights (D,); ``iterations`` repeats a training of that recorded length."""
    part, held_out = problem.dataset.parts(task.repeat)
    (result,) = engine.train([problem.training(task, part=part, iterations=iterations)])

    def score(part: Part) -> Metrics | None:
        return problem.metrics(problem.predictions(engine, task.genome, result.weights, part), part)

    train = score(part)
    validation = score(held_out) if held_out is not None else None
    scores, error = None, None
    if not np.isfinite(result.loss):
        error = "No particle ever had a finite loss."
    elif train is None or (validation is None) != (held_out is None):
        error = "The predictions are not finite."
    else:
        scores = Scores(train, validation)
    status: Status = "failed" if scores is None else "ok"
    points = downsample_history(result.history)
    return (
        Evaluation(
            task, status, scores, result.loss, result.iterations, result.seconds, points, error
        ),
        result.weights,
    )


def downsample_history(history: NDArray[np.float64]) -> tuple[tuple[int, float], ...]:
    """At most `CURVE_POINTS` finite points (iteration from 1, loss), first and last included."""
    at = np.unique(np.linspace(0, max(len(history) - 1, 0), CURVE_POINTS).round().astype(int))[
        : len(history)
    ].tolist()
    return tuple((i + 1, float(history[i])) for i in at if np.isfinite(history[i]))
