"""The contract of a problem: what a genome trains, what that costs, and how good it becomes.

A problem is a table of data, a simulation or a function. Search, store, executors and pages know
this contract and no more, so what is recorded, resumed and replayed for one kind is so for all.
`evaluate` is what a worker is asked for: a task (one repeat of one genome) becomes an evaluation.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ReplayError, SettingsError
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.objectives.metrics import Scores
from shoal.objectives.registry import Metric
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.stepwise import StepwiseTraining
from shoal.pso.engines.base import Engine
from shoal.settings.phase import Phase
from shoal.settings.schedule import Schedule
from shoal.settings.search_settings import SearchSettings
from shoal.system.shortage import is_shortage

# Points of a recorded loss curve, at most.
CURVE_POINTS = 64

# How many times more iterations than the default genome a small one makes at most, where effort is
# equal. The smallest networks spend their time on other things than multiply-adds.
MOST_LONGER = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChampionScores:
    """How good the networks of a champion are.

    Attributes
    ----------
    single
        Means over the networks.
    together
        Of what the networks give together, which is what the champion is used for.
    episodes
        The score of what the champion is used for in each scenario of the test, in their order;
        empty where there are no scenarios.
    """

    single: Scores
    together: Scores
    episodes: tuple[float, ...] = ()


class ShippedProblem(Protocol):
    """What goes to worker processes: a problem, or what becomes one there."""

    @property
    def settings(self) -> SearchSettings:
        """The settings of the run."""

    def in_worker(self) -> Problem:
        """The problem, in the process that trains it.

        Raises
        ------
        CodeChangedError
            The code that the run began with is not on the worker's machine, or has changed.
        """


@dataclass(frozen=True, slots=True)
class Observed:
    """What a snapshot of a swarm reads of its training.

    Attributes
    ----------
    genome
        The swarm.
    iterations
        How many it makes, at most.
    schedule_length
        After how many what changes with time is at its end.
    """

    genome: Genome
    iterations: int
    schedule_length: int


@dataclass(frozen=True, slots=True)
class TrainingLength:
    """What ends a training.

    Attributes
    ----------
    iterations
        It ends after this number of them.
    seconds
        It ends after this wall time, too; None: never.
    patience
        It ends, too, when the loss has not improved over this number of iterations; None: never.
    horizon
        Iterations after which what changes with time is at its end, however early it ends.
    """

    iterations: int
    seconds: float | None
    patience: int | None
    horizon: int


class Problem(ABC):
    """What every evaluation of a run shares.

    Obligations of an implementation:

    - It can be pickled, and is equal in every process: a training is a pure function of problem,
      genome and repeat.
    - `train` selects nothing on what only the last step may look at: the test part of a table, the
      test scenarios of a simulation.

    Attributes
    ----------
    kind
        "table", "simulation" or "function".
    settings
        The settings of the run.
    keeps_best_training
        Whether a champion keeps what the best training of the whole run found, whichever genome it
        was of. A point of a function is as good whoever found it; networks are compared by genome.
    """

    kind: ClassVar[str]
    keeps_best_training: ClassVar[bool] = False
    settings: SearchSettings

    # ---- What it is ------------------------------------------------------------------------------

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it."""

    @property
    @abstractmethod
    def metric(self) -> Metric:
        """What the search selects, confirms and reports on."""

    @abstractmethod
    def network(self, genome: Genome) -> Network:
        """The network that a genome's swarm finds the weights of.

        Raises
        ------
        ProblemError
            The swarms of this problem find no network.
        """

    def dimensions(self, genome: Genome) -> int:
        """How many numbers a particle of a genome's swarm is: the weights that are searched."""
        network = self.network(genome)
        if genome.solves_readout:
            return network.hidden.size
        return network.size

    def for_workers(self) -> ShippedProblem:
        """The same problem without what only the process that records it needs."""
        return self

    def in_worker(self) -> Problem:
        """See `ShippedProblem.in_worker`."""
        return self

    # ---- How long a training is ------------------------------------------------------------------

    @abstractmethod
    def effort(self, genome: Genome) -> int:
        """The work of an iteration, in a unit that all genomes of the problem share."""

    @property
    def schedule(self) -> Schedule:
        """How many trainings a genome gets, and how long each lasts."""
        return self.settings.schedule

    @property
    def default_genome(self) -> Genome:
        """The genome whose trainings are as long as the settings say."""
        return Genome()

    def iterations_for(self, task: Task) -> int:
        """Iterations of a task's training, at most.

        Where effort is equal, as many as make the work of the default genome, but no more than
        `MOST_LONGER` times its iterations.
        """
        length = self.schedule.iterations_for(task.repeat)
        if not self.settings.equal_effort:
            return length

        default_effort = self.effort(self.default_genome)
        own_effort = self.effort(task.genome)
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

    def length_of(self, task: Task, recorded: int | None = None) -> TrainingLength:
        """What ends a task's training.

        Parameters
        ----------
        task
            The genome and the repeat.
        recorded
            Repeats a training that made this number of iterations, whatever had ended it: neither
            the clock nor patience may end it again. None: a new one.
        """
        horizon = self.iterations_for(task)
        if recorded is not None:
            return TrainingLength(recorded, None, None, horizon)

        seconds = self.settings.training_seconds
        return TrainingLength(horizon, seconds, self.patience(task), horizon)

    def cost(self, task: Task) -> int:
        """Work of a task's training, at most. Long trainings are started first."""
        return self.effort(task.genome) * self.iterations_for(task)

    # ---- What a worker does ----------------------------------------------------------------------

    @abstractmethod
    def train(
        self, task: Task, engine: Engine, iterations: int | None = None
    ) -> tuple[Evaluation, NDArray[Any] | None]:
        """Train one repeat of one genome, and score it.

        Parameters
        ----------
        task
            The genome and the repeat.
        engine
            Trains.
        iterations
            Repeats a training of this recorded length; None: a new one.

        Returns
        -------
        evaluation
            The record. It is a failed one when the loss or a score is not finite.
        weights
            (D,): what was found, float32 weights or a float64 point; None where there is nothing.
        """

    @property
    def loss_metric(self) -> Metric | None:
        """The metric of the scores that losses are; None where a loss is no score.

        Of such scores a loss is the `Metric.fitness` with its sign turned.
        """
        return None

    def stepwise(self, task: Task, engine: Engine, iterations: int) -> StepwiseTraining:
        """A recorded training once more, some iterations at a time, to be looked at.

        Parameters
        ----------
        task
            The genome and the repeat.
        engine
            Trains.
        iterations
            The recorded length of the training.

        Raises
        ------
        ReplayError
            Trainings of this kind of problem cannot be looked at.
        """
        raise ReplayError(
            f"The swarms of a {self.kind} cannot be looked at.",
            expected="a run that solves a table, a simulation or a function",
            remedy="choose another run",
        )

    # ---- The champion ----------------------------------------------------------------------------

    @property
    def takes_longer_as_it_learns(self) -> bool:
        """Whether an iteration takes longer, the better the swarm has become."""
        return False

    @property
    def compiles_in_each_process(self) -> bool:
        """Whether each worker compiles code that is not kept, or not all of it."""
        return False

    def compile_anew(self) -> None:
        """Compile what each worker compiles; nothing, unless `compiles_in_each_process`."""
        return None

    @property
    @abstractmethod
    def refits(self) -> bool:
        """Whether the champion's networks are trained on more than the search trained on."""

    @abstractmethod
    def refit(self, task: Task, engine: Engine, iterations: int, *, refit: bool) -> NDArray[Any]:
        """The weights (D,) of one network of the champion.

        Parameters
        ----------
        task
            The recorded training that the network repeats.
        engine
            Trains.
        iterations
            How many iterations the recorded training made.
        refit
            Whether it is trained on more; otherwise it is the recorded training itself.
        """

    @abstractmethod
    def shares(self, scores: Sequence[Scores]) -> tuple[float, ...]:
        """The weight of each network in what they give together; they add up to 1.

        Parameters
        ----------
        scores
            Those of the recorded training that each network repeats.
        """

    @abstractmethod
    def score_champion(
        self,
        engine: Engine,
        genome: Genome,
        networks: Sequence[NDArray[Any]],
        shares: Sequence[float],
    ) -> ChampionScores:
        """Score a champion's networks, one by one and together, also where nobody has looked yet.

        Parameters
        ----------
        engine
            Computes the networks' outputs.
        genome
            Gives the networks' topology.
        networks
            The weights (D,) of each.
        shares
            What `shares` gave.
        """

    @property
    def has_baselines(self) -> bool:
        """Whether other methods can be fitted to the same problem."""
        return False

    # ---- The record ------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any] | None:
        """What a run records of it, as JSON values, besides its table and its settings.

        None: nothing, as for a table with one of the built-in metrics.
        """
        return {"kind": self.kind, "metric": self.metric.to_dict()}


def refuse_settings(
    settings: SearchSettings, names: Sequence[str], subject: str, expected: str
) -> None:
    """Refuse settings that make no sense for a kind of problem.

    Parameters
    ----------
    settings
        Of the run.
    names
        Those that have to be absent.
    subject
        What is solved, as in "lost-sales is a simulation".
    expected
        Why there are none.

    Raises
    ------
    SettingsError
        One of them has a value.
    """
    for name in names:
        value = getattr(settings, name)
        if value is not None:
            raise SettingsError(
                f"{name}={str(value)!r}, and {subject}.",
                expected=expected,
                remedy="leave it out",
            )


def evaluate(problem: Problem, task: Task, engine: Engine) -> Evaluation:
    """Train one repeat of one genome, and score it. Nothing of the test is looked at.

    Whatever goes wrong becomes a failed evaluation: a search outlives its individuals. Only a
    shortage (`shoal.system.shortage`) is raised: it is the machine's, and passes.
    """
    try:
        evaluation, weights = problem.train(task, engine)
    except Exception as error:
        if is_shortage(error):
            raise
        _log.info("repeat %d of genome %s failed: %r", task.repeat, task.genome.hash, error)
        return Evaluation(task, "failed", error=f"{type(error).__name__}: {error}")

    # The champion's networks are these confirmations, unless they are trained on more.
    if task.phase is Phase.CONFIRMATION and not problem.refits:
        return replace(evaluation, weights=weights)
    return evaluation


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
