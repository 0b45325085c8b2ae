"""A table of data as a problem: what a genome trains, what that costs, and how good it becomes.

`evaluate` is what a worker is asked for: a task (one repeat of one genome) becomes an evaluation.
"""

from __future__ import annotations

import logging
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
from shoal.problems.evaluation import Evaluation, Task
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import TrainingTask
from shoal.settings.schedule import Schedule
from shoal.settings.search_settings import SearchSettings

# Points of a recorded loss curve, at most.
CURVE_POINTS = 64

# How many times more iterations than the default genome a small one makes at most, where effort is
# equal. The smallest networks spend their time on other things than multiply-adds.
MOST_LONGER = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """What every evaluation of a run shares.

    Attributes
    ----------
    dataset
        The prepared table, with its parts.
    settings
        The settings of the run.

    Raises
    ------
    SettingsError
        When the loss does not fit the target.
    """

    dataset: Dataset
    settings: SearchSettings

    def __post_init__(self) -> None:
        # A loss that does not fit is found before anything starts.
        self.objective  # noqa: B018

    @cached_property
    def objective(self) -> Objective:
        """What the swarms minimise."""
        data = self.dataset
        target = data.encoder.target
        scale = 1.0
        if isinstance(target, RegressionTarget):
            scale = target.scale

        values = data.train.target
        mean_abs_target = math.fsum(np.abs(values)) / len(values)
        return make_objective(self.settings.loss, data.task, scale, mean_abs_target)

    @cached_property
    def _schedule(self) -> Schedule:
        return self.settings.schedule

    # ---- What is trained, and for how long -------------------------------------------------------

    def network(self, genome: Genome) -> Network:
        """The genome's topology between this data's inputs and outputs."""
        layers = (self.dataset.inputs, *genome.hidden_layers, self.dataset.outputs)
        return Network(layers, genome.activation)

    def training(
        self,
        task: Task,
        *,
        refit: bool = False,
        iterations: int | None = None,
        part: Part | None = None,
    ) -> TrainingTask:
        """The training of a task, for an engine.

        Parameters
        ----------
        task
            The genome and the repeat.
        refit
            Whether to train on train + validation.
        iterations
            Replays a training of this recorded length exactly. None: the length follows from the
            settings, and the training may end earlier by time or patience.
        part
            What the repeat trains on, for callers that have it already: cutting folds takes memory.
        """
        if part is None and refit:
            part = self.dataset.fit_part(refit)
        elif part is None:
            part, _ = self.dataset.parts(task.repeat)

        settings = self.settings
        full_length = self.iterations_for(task)
        seconds = None
        patience = None
        # A training that is repeated has its recorded length, whatever had ended it: neither the
        # clock nor patience may end it again.
        if iterations is None:
            iterations = full_length
            seconds = settings.training_seconds
            patience = self.patience(task)

        return TrainingTask(
            genome=task.genome,
            network=self.network(task.genome),
            objective=self.objective,
            x=part.x,
            y=part.y,
            key=derive_key(settings.seed, task.repeat),
            iterations=iterations,
            seconds=seconds,
            patience=patience,
            horizon=full_length,
            min_improvement=settings.min_improvement,
        )

    def iterations_for(self, task: Task) -> int:
        """Iterations of a task's training, at most.

        Where effort is equal, as many as make the multiply-adds of the default genome on this data,
        but no more than `MOST_LONGER` times its iterations.
        """
        length = self._schedule.iterations_for(task.repeat)
        if not self.settings.equal_effort:
            return length

        default_effort = self._effort(Genome())
        own_effort = self._effort(task.genome)
        equal_length = max(1, length * default_effort // own_effort)
        return min(equal_length, MOST_LONGER * length)

    def patience(self, task: Task) -> int | None:
        """The patience of a task's training, in iterations.

        It is the same share of the training's length for all tasks.
        """
        patience = self.settings.patience
        if patience is None:
            return None
        return max(1, patience * self.iterations_for(task) // self.settings.iterations)

    def cost(self, task: Task) -> int:
        """How much work a task's training is, at most.

        A search begins with the longest trainings, so that none of them is left over at the end.

        Returns
        -------
        int
            Multiply-adds over all iterations and all training rows.
        """
        rows = len(self.dataset.train.x)
        return self._effort(task.genome) * rows * self.iterations_for(task)

    def _effort(self, genome: Genome) -> int:
        """Multiply-adds of an iteration on one row."""
        return genome.evaluations_per_iteration * self.network(genome).size

    # ---- How good a network is -------------------------------------------------------------------

    def predictions(
        self, engine: Engine, genome: Genome, weights: NDArray[np.float32], part: Part
    ) -> NDArray[np.float64]:
        """What one network predicts for a part of the data.

        Parameters
        ----------
        engine
            Computes the network's outputs.
        genome
            Gives the network's topology.
        weights
            (D,): the trained weights.
        part
            The rows.

        Returns
        -------
        ndarray
            Unscaled targets (rows,), or probabilities (rows, classes).
        """
        outputs = engine.outputs(self.network(genome), weights, part.x)
        values = self.dataset.unscale(outputs)
        if self.dataset.task != "classification":
            return values

        # Outputs that are not finite give NaN, of which `metrics` makes None.
        with np.errstate(all="ignore"):
            return probabilities(values)

    def metrics(self, predictions: NDArray[np.float64], part: Part) -> Metrics | None:
        """Score the predictions for a part of the data.

        Parameters
        ----------
        predictions
            What `predictions` returns for the part, or a weighted sum of several such results.
        part
            The rows, with their true targets.

        Returns
        -------
        Metrics or None
            None when a prediction is not finite.
        """
        if self.dataset.task == "classification":
            return classification_metrics(predictions, part.target)
        return regression_metrics(predictions, part.target)

    def score(
        self, engine: Engine, genome: Genome, weights: NDArray[np.float32], part: Part
    ) -> Metrics | None:
        """Score one network on a part of the data: `predictions`, then `metrics`.

        Parameters
        ----------
        engine
            Computes the network's outputs.
        genome
            Gives the network's topology.
        weights
            (D,): the trained weights.
        part
            The rows, with their true targets.
        """
        return self.metrics(self.predictions(engine, genome, weights, part), part)


def evaluate(problem: Problem, task: Task, engine: Engine) -> Evaluation:
    """Train one repeat of one genome, and score it. The test part is not touched.

    Whatever goes wrong becomes a failed evaluation, never an exception: a search outlives its
    individuals.
    """
    try:
        evaluation, _ = train_and_score(problem, task, engine)
    except Exception as error:
        _log.info("repeat %d of genome %s failed: %r", task.repeat, task.genome.hash, error)
        return Evaluation(task, "failed", error=f"{type(error).__name__}: {error}")
    return evaluation


def train_and_score(
    problem: Problem, task: Task, engine: Engine, iterations: int | None = None
) -> tuple[Evaluation, NDArray[np.float32]]:
    """Train one repeat of one genome, and score it on its training and validation parts.

    Parameters
    ----------
    problem
        The data and the settings of the run.
    task
        The genome and the repeat.
    engine
        Trains.
    iterations
        Repeats a training of this recorded length; None: a new one.

    Returns
    -------
    evaluation
        The record. It is a failed one when the loss or the predictions are not finite.
    weights
        (D,): the trained network.
    """
    train_part, validation_part = problem.dataset.parts(task.repeat)
    training = problem.training(task, part=train_part, iterations=iterations)
    (result,) = engine.train([training])

    train = problem.score(engine, task.genome, result.weights, train_part)
    validation = None
    if validation_part is not None:
        validation = problem.score(engine, task.genome, result.weights, validation_part)

    # Scores are recorded all or none, so that no genome is ranked by one that is not finite.
    scores = None
    error = None
    if not np.isfinite(result.loss):
        error = "No particle ever had a finite loss."
    elif train is None or (validation is None and validation_part is not None):
        error = "The predictions are not finite."
    else:
        scores = Scores(train, validation)

    evaluation = Evaluation(
        task=task,
        status="ok" if error is None else "failed",
        scores=scores,
        loss=result.loss,
        iterations=result.iterations,
        seconds=result.seconds,
        curve=downsample_history(result.history),
        error=error,
    )
    return evaluation, result.weights


def downsample_history(history: NDArray[np.float64]) -> tuple[tuple[int, float], ...]:
    """A few points of a loss history, its first and last included.

    Parameters
    ----------
    history
        (iterations,): the global best loss after each iteration.

    Returns
    -------
    tuple of (int, float)
        At most `CURVE_POINTS` finite points (iteration from 1, loss).

    Examples
    --------
    >>> downsample_history(np.array([np.inf, 0.5, 0.25]))
    ((2, 0.5), (3, 0.25))
    """
    last = max(len(history) - 1, 0)
    spread = np.linspace(0, last, CURVE_POINTS).round().astype(int)
    indices = np.unique(spread)[: len(history)].tolist()
    return tuple((i + 1, float(history[i])) for i in indices if np.isfinite(history[i]))
