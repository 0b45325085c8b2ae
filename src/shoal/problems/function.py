"""A function as a problem: each training is a minimisation with a random stream of its own.

A genome's score is the mean of the best values that its swarm finds. All genomes get the same
number of evaluations of the function, so that larger swarms make fewer iterations. What a training
leaves is a point, (D,) float64, where other problems have the weights of a network. A run keeps the
best point that any of its trainings found.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import FunctionError, ProblemError, SettingsError
from shoal.functions.default_genome import default_genome
from shoal.functions.definition import FunctionProblem
from shoal.functions.training import Minimisation, MinimisationPlan, Observer, minimise_once
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.numerics.philox import derive_key
from shoal.objectives.metrics import Metrics, Scores
from shoal.objectives.registry import Metric
from shoal.problems.base import (
    ChampionScores,
    Observed,
    Problem,
    downsample_history,
    refuse_settings,
)
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.function_record import VALUE, describe_function, function_metric, load_function
from shoal.problems.function_stepwise import StepwiseMinimisation, as_seen
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import SwarmState
from shoal.settings.presets import FUNCTION
from shoal.settings.search_settings import SearchSettings


@dataclass(frozen=True)
class MinimisationProblem(Problem):
    """A function, and the settings of a run that tunes a swarm for it.

    Attributes
    ----------
    function
        What is minimised or maximised.
    settings
        The settings of the run.

    Raises
    ------
    SettingsError
        When the settings name a loss or a metric, since what the function returns is both, or a
        preset that has genes of networks.
    """

    function: FunctionProblem
    settings: SearchSettings
    kind = "function"
    keeps_best_training = True

    def __post_init__(self) -> None:
        refuse_settings(
            self.settings,
            ("metric", "loss", "objective", "decoder", "start_from"),
            f"{self.function.name} is a function",
            "none: what it returns is minimised or maximised",
        )
        if self.settings.preset != FUNCTION.name:
            raise SettingsError(
                f"preset={self.settings.preset!r}, and {self.function.name} is a function.",
                expected=f"{FUNCTION.name!r}, whose genomes have no network",
                remedy="leave it out",
            )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Another process imports the function from its own machine: code is never sent.
        return load_function_problem, (self.to_dict(), self.settings)

    def for_workers(self) -> RecordedFunction:
        """See `Problem.for_workers`: a worker that cannot load it says why."""
        return RecordedFunction(self.to_dict(), self.settings)

    # ---- What it is ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return self.function.name

    @property
    def metric(self) -> Metric:
        """See `Problem.metric`: the function's value."""
        return function_metric(self.function)

    def dimensions(self, genome: Genome) -> int:
        """See `Problem.dimensions`: the coordinates of a point."""
        return self.function.box.dimensions

    def network(self, genome: Genome) -> Network:
        """Refuse: see `Problem.network`."""
        raise ProblemError(
            f"{self.name} is a function: its swarms find no network.",
            expected="a run that solves a table or a simulation",
            remedy="choose another run",
        )

    def to_dict(self) -> dict[str, Any]:
        """See `Problem.to_dict`."""
        return describe_function(self.function)

    # ---- How long a training is ------------------------------------------------------------------

    @property
    def default_genome(self) -> Genome:
        """See `Problem.default_genome`: the swarm that `shoal.minimize` takes by itself."""
        return replace(default_genome(self.function.box.dimensions), hidden_layers=())

    def effort(self, genome: Genome) -> int:
        """See `Problem.effort`: points evaluated in an iteration, but for the first one."""
        return genome.evaluations_per_iteration

    def iterations_for(self, task: Task) -> int:
        """Iterations of a task's training, at most.

        Where effort is equal, as many as the evaluations of the default genome are enough for.
        """
        length = self.schedule.iterations_for(task.repeat)
        if not self.settings.equal_effort:
            return length

        evaluations = _evaluations(self.default_genome, length)
        # Every particle is evaluated in the first iteration, whatever the update rule.
        after_first = evaluations - task.genome.swarm_size
        return max(1, 1 + after_first // self.effort(task.genome))

    # ---- What a worker does ----------------------------------------------------------------------

    def train(
        self, task: Task, engine: Engine, iterations: int | None = None
    ) -> tuple[Evaluation, NDArray[np.float64] | None]:
        """See `Problem.train`: one minimisation, scored by the best value that it found."""
        begun = time.perf_counter()
        try:
            found = self._minimise(task, engine, iterations)
        except FunctionError as failure:
            seconds = time.perf_counter() - begun
            return Evaluation(task, "failed", seconds=seconds, error=str(failure)), None

        counts = {"evaluations": float(found.evaluations)}
        evaluation = Evaluation(
            task=task,
            status="ok",
            scores=Scores(train=Metrics(others={VALUE: found.value, **counts})),
            loss=float(found.history[-1]),
            iterations=len(found.history),
            seconds=time.perf_counter() - begun,
            curve=downsample_history(found.history),
            score=found.value,
        )
        return evaluation, found.x

    @property
    def loss_metric(self) -> Metric:
        """See `Problem.loss_metric`: a loss is the best value."""
        return self.metric

    def stepwise(self, task: Task, engine: Engine, iterations: int) -> StepwiseMinimisation:
        """See `Problem.stepwise`."""
        key = derive_key(self.settings.seed, task.repeat)
        plan = self._plan(task, iterations)
        return StepwiseMinimisation(self.function, task.genome, key, plan, VALUE)

    def _minimise(self, task: Task, engine: Engine, iterations: int | None) -> Minimisation:
        return minimise_once(
            self.function,
            task.genome,
            derive_key(self.settings.seed, task.repeat),
            self._plan(task, iterations),
            observer=self._observer(task, engine),
        )

    def _plan(self, task: Task, iterations: int | None) -> MinimisationPlan:
        """How long a task's minimisation is; ``iterations`` repeats a recorded length."""
        length = self.length_of(task, iterations)
        return MinimisationPlan(
            iterations=length.iterations,
            seconds=length.seconds,
            patience=length.patience,
            horizon=length.horizon,
            min_improvement=self.settings.min_improvement,
        )

    def _observer(self, task: Task, engine: Engine) -> Observer | None:
        """What shows the swarm to whoever watches the engine's trainings."""
        shown = engine.observer
        if shown is None:
            return None

        length = self.iterations_for(task)
        training: Any = Observed(as_seen(task.genome), length, length)

        def observe(state: SwarmState) -> None:
            shown(training, state)

        return observe

    # ---- The champion ----------------------------------------------------------------------------

    @property
    def refits(self) -> bool:
        """See `Problem.refits`: a point is as good as it is."""
        return False

    def refit(
        self, task: Task, engine: Engine, iterations: int, *, refit: bool
    ) -> NDArray[np.float64]:
        """See `Problem.refit`: the best point (D,) of the recorded training, found again."""
        return self._minimise(task, engine, iterations).x

    def shares(self, scores: Sequence[Scores]) -> tuple[float, ...]:
        """See `Problem.shares`: the best point alone."""
        fitness = [self.metric.fitness(own.selection[VALUE]) for own in scores]
        best = int(np.argmax(fitness))
        return tuple(float(number == best) for number in range(len(scores)))

    def score_champion(
        self,
        engine: Engine,
        genome: Genome,
        networks: Sequence[NDArray[np.float64]],
        shares: Sequence[float],
    ) -> ChampionScores:
        """See `Problem.score_champion`: the function at the points, once more."""
        values = self.function.checked()(np.stack(networks))
        single = Metrics(others={VALUE: math.fsum(values) / len(values)})
        alone = Metrics(others={VALUE: float(values[int(np.argmax(shares))])})
        return ChampionScores(Scores(single), Scores(alone))


@dataclass(frozen=True)
class RecordedFunction:
    """A function as it is sent to other processes: by its record, never by code.

    Attributes
    ----------
    record
        What `describe_function` says.
    settings
        The settings of the run.
    """

    record: Mapping[str, Any]
    settings: SearchSettings

    def in_worker(self) -> MinimisationProblem:
        """See `ShippedProblem.in_worker`: the function is imported from this machine."""
        return load_function_problem(self.record, self.settings)


def _evaluations(genome: Genome, iterations: int) -> int:
    """Points that a swarm evaluates in a number of iterations."""
    return genome.swarm_size + (iterations - 1) * genome.evaluations_per_iteration


def load_function_problem(
    record: Mapping[str, Any], settings: SearchSettings
) -> MinimisationProblem:
    """A recorded problem, in another process or at another time. Raises as `load_function`."""
    return MinimisationProblem(load_function(record), settings)
