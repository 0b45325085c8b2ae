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

CHUNK_SECONDS = (
    0.1  # how often a training looks up: well within the second in which it must be stoppable
)


@dataclass(frozen=True, eq=False, slots=True)
class TrainingResult:
    """What a training leaves: the global best's weights (D,), its loss, and the global best loss after each iteration.

    ``complete`` is False when the caller stopped it. ``rows_skipped`` is the share of rows x particles that did not have to be
    evaluated.
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
    """Moves swarms. Obligations of an implementation:

    - `advance` follows `shoal.pso.swarm.step` from the state it is given, within the tolerance its module states, and does
      not look at the clock: how a training is cut into chunks changes no bit of its result.
    - It stops by patience exactly where the reference does, and then sets ``stopped``.
    - It may reuse the arrays of the state that it is given; the caller goes on with the one that it returns.
    - It may leave out rows of a particle that can no longer become better than its personal best, and counts them.
    - `outputs` is the same function of its arguments on every machine where the engine claims equal bits.
    - `with_threads` carries the ``observer`` along.

    ``observer`` is told of every training's progress, about ten times a second; it keeps no array of the state, changes none,
    and raises nothing. Whoever runs the trainings (an executor's worker) sets it, so that what is trained need not know of it.
    """

    name: str
    observer: Callable[[TrainingTask, SwarmState], None] | None = None

    @abstractmethod
    def advance(self, task: TrainingTask, state: SwarmState, iterations: int) -> SwarmState:
        """At most ``iterations`` more steps; fewer when patience ends."""

    @abstractmethod
    def outputs(
        self, network: Network, weights: NDArray[np.float32], x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """One network's outputs: weights (D,) and x (rows, inputs) give (rows, outputs)."""

    def with_threads(self, threads: int) -> Engine:
        """The same engine on so many threads, where it can use them; they change no bit."""
        return self

    def train(
        self,
        tasks: Iterable[TrainingTask],
        on_chunk: Callable[[TrainingTask, SwarmState], bool | None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> list[TrainingResult]:
        """Train each task from its first iteration to its budget's end; results in the order of the tasks.

        ``on_chunk`` is called about ten times a second; when it returns True, that training stops where it is.
        """
        return [self._train_one(task, on_chunk, clock) for task in tasks]

    def _train_one(
        self,
        task: TrainingTask,
        on_chunk: Callable[[TrainingTask, SwarmState], bool | None] | None,
        clock: Callable[[], float],
    ) -> TrainingResult:
        start, chunk, complete = clock(), 1, True
        state = initial_state(task)
        while state.iteration < task.iterations and not state.stopped:
            before = clock()
            state = self.advance(task, state, min(chunk, task.iterations - state.iteration))
            now = clock()
            if self.observer is not None:
                self.observer(task, state)
            if on_chunk is not None and on_chunk(task, state):
                complete = False
                break
            if task.seconds is not None and now - start >= task.seconds:
                break
            # Grow or shrink towards CHUNK_SECONDS a chunk, by at most a factor of four at a time.
            chunk = max(
                1, int(chunk * min(4.0, max(0.25, CHUNK_SECONDS / max(now - before, 1e-6))))
            )
        best = state.global_best
        loss = float(state.best_losses[best])
        spared = state.rows_skipped / max(1, state.iteration * len(state.positions) * len(task.x))
        weights = state.best_positions[best].copy()
        return TrainingResult(weights, loss, state.history, clock() - start, complete, spared)
