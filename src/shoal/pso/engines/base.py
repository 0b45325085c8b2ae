"""The contract of an engine: training many independent swarms, in chunks of iterations."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.nn.network import Network
from shoal.pso.swarm import SwarmState, TrainingTask, initial_state

# How often a training looks up: well within the second in which it must be stoppable.
CHUNK_SECONDS = 0.1

ChunkCallback = Callable[[TrainingTask, SwarmState], bool | None]


@dataclass(frozen=True, eq=False, slots=True)
class TrainingResult:
    """The result of a training.

    Attributes
    ----------
    weights : ndarray of float32, (D,)
        Those of the global best.
    loss : float
        Its loss.
    history : ndarray of float64, (iterations,)
        The global best loss after each iteration.
    seconds : float
        Wall time.
    complete : bool
        False if the caller stopped it.
    rows_skipped : float
        The share, 0 to 1, of rows x particles that did not have to be evaluated.
    """

    weights: NDArray[np.float32]
    loss: float
    history: NDArray[np.float64]
    seconds: float
    complete: bool = True
    rows_skipped: float = 0.0

    @property
    def iterations(self) -> int:
        """Iterations done."""
        return len(self.history)


class Engine(ABC):
    """Moves swarms.

    Obligations of an implementation:

    - `advance` follows `shoal.pso.swarm.step` from the state it is given, within the tolerance its
      module states, and does not look at the clock: how a training is cut into chunks changes no
      bit of its result.
    - It stops by patience exactly where the reference does, and then sets ``stopped``.
    - It may reuse the arrays of the state that it is given; the caller goes on with the returned
      one.
    - It may leave out rows of a particle that can no longer become better than its personal best,
      and counts them.
    - `outputs` is the same function of its arguments on every machine where the engine claims equal
      bits.
    - `with_threads` carries the ``observer`` along.

    Attributes
    ----------
    name : str
        A member of `shoal.pso.engines.ENGINES`.
    observer : callable, optional
        Gets the task and the state of every training about ten times a second. It keeps no array of
        the state, changes none, and raises nothing. Whoever runs the trainings (a worker of an
        executor) sets it, so that what is trained need not know of it.
    """

    name: str
    observer: Callable[[TrainingTask, SwarmState], None] | None = None

    @abstractmethod
    def advance(self, task: TrainingTask, state: SwarmState, iterations: int) -> SwarmState:
        """Do at most ``iterations`` more steps, fewer if patience ends.

        Parameters
        ----------
        task
            The training.
        state
            The swarm before the steps; its arrays may be reused.
        iterations
            1 or more.

        Returns
        -------
        SwarmState
            The swarm after the steps.
        """

    @abstractmethod
    def outputs(
        self, network: Network, weights: NDArray[np.float32], x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Compute one network's outputs.

        Parameters
        ----------
        network
            The topology.
        weights
            (D,), in the layout of `shoal.nn.network`.
        x
            Inputs, (rows, inputs).

        Returns
        -------
        ndarray of float32, (rows, outputs)
        """

    def networks(self, task: TrainingTask, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the weights of the networks that positions (n, D) stand for.

        Parameters
        ----------
        task
            The training.
        positions
            (n, D): where particles stand.

        Returns
        -------
        ndarray of float32, (n, weights)
        """
        return task.decoded(positions)

    def _best_network(self, task: TrainingTask, state: SwarmState) -> NDArray[np.float32]:
        """The weights (weights,) of the global best."""
        best = state.global_best
        (network,) = self.networks(task, state.best_positions[best : best + 1])
        return np.array(network)

    def with_threads(self, threads: int) -> Engine:
        """Return the same engine on other threads, where it can use them.

        Parameters
        ----------
        threads
            They share the particles of each swarm, and change no bit.
        """
        return self

    def train(
        self,
        tasks: Iterable[TrainingTask],
        on_chunk: ChunkCallback | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> list[TrainingResult]:
        """Train each task from its first iteration to the end of its budget.

        Parameters
        ----------
        tasks
            One after the other.
        on_chunk
            Called about ten times a second. If it returns True, that training stops where it is.
        clock
            Seconds.

        Returns
        -------
        list of TrainingResult
            In the order of the tasks.
        """
        return [self._train_one(task, on_chunk, clock) for task in tasks]

    def _train_one(
        self, task: TrainingTask, on_chunk: ChunkCallback | None, clock: Callable[[], float]
    ) -> TrainingResult:
        start = clock()
        chunk = 1
        complete = True
        state = initial_state(task)
        watch = _Watch(self, task)

        while state.iteration < task.iterations and not state.stopped and not watch.is_over:
            before = clock()
            state = self.advance(task, state, min(chunk, watch.remaining(state.iteration)))
            now = clock()
            watch.look(state)

            if self.observer is not None:
                self.observer(task, state)
            if on_chunk is not None and on_chunk(task, state):
                complete = False
                break
            if task.seconds is not None and now - start >= task.seconds:
                break
            chunk = _next_chunk(chunk, now - before)

        weights = watch.weights
        history = state.history
        if weights is None:
            weights = self._best_network(task, state)
        else:
            history = history[: watch.iteration]
        particles = len(state.positions)
        evaluations = max(1, state.iteration * particles * len(task.x))
        return TrainingResult(
            weights=weights,
            loss=float(history[-1]) if len(history) else float(state.best_losses.min()),
            history=history,
            seconds=clock() - start,
            complete=complete,
            rows_skipped=state.rows_skipped / evaluations,
        )


class _Watch:
    """Looks at the rows that a training does not learn from, and remembers the best network.

    The looks come after fixed numbers of iterations, so chunks change none of them.
    """

    def __init__(self, engine: Engine, task: TrainingTask) -> None:
        self._engine = engine
        self._task = task
        self._loss = np.inf
        # The best network so far, and the iterations that had made it.
        self.weights: NDArray[np.float32] | None = None
        self.iteration = 0
        self.is_over = False

    def remaining(self, iteration: int) -> int:
        """Iterations to the next look, or to the end."""
        to_end = self._task.iterations - iteration
        if self._task.held_out is None:
            return to_end
        every = self._task.held_out.every
        return min(to_end, every - iteration % every)

    def look(self, state: SwarmState) -> None:
        """Look at the rows, where it is time to."""
        held_out = self._task.held_out
        done = state.iteration
        if held_out is None or (done % held_out.every and done < self._task.iterations):
            return

        weights = self._engine._best_network(self._task, state)
        loss = held_out.loss(self._engine.outputs(self._task.network, weights, held_out.x))
        if loss < self._loss:
            self._loss = loss
            self.weights = weights
            self.iteration = done
        elif done - self.iteration >= held_out.patience:
            self.is_over = True


def _next_chunk(chunk: int, seconds: float) -> int:
    """Iterations of the next chunk, which is to take about `CHUNK_SECONDS`.

    It is at most four times as long as the one before, and at least a quarter.
    """
    factor = CHUNK_SECONDS / max(seconds, 1e-6)
    return max(1, int(chunk * min(4.0, max(0.25, factor))))
