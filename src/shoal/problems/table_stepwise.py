"""A training on a table, some iterations at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shoal.objectives.losses import Objective
from shoal.problems.stepwise import StepwiseTraining
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import SwarmState, TrainingTask, initial_state, losses_of

# Rows on which the losses of where particles stand are computed.
MOST_ROWS = 2048


class StepwiseTable(StepwiseTraining):
    """A training on the rows of a table.

    Parameters
    ----------
    engine
        What trains.
    training
        The training.
    """

    def __init__(self, engine: Engine, training: TrainingTask) -> None:
        super().__init__(
            training.genome,
            training.searched.size,
            training.iterations,
            training.schedule_length,
            training.loss_name,
        )
        self._engine = engine
        self._training = training

    def begin(self) -> SwarmState:
        """See `StepwiseTraining.begin`."""
        return initial_state(self._training)

    def advance(self, state: SwarmState, iterations: int) -> SwarmState:
        """See `StepwiseTraining.advance`."""
        return self._engine.advance(self._training, state, iterations)

    def best_network(self, state: SwarmState) -> NDArray[np.float32]:
        """The weights (weights,) of the network that the swarm's best particle stands for."""
        best = state.global_best
        (network,) = self._engine.networks(self._training, state.best_positions[best : best + 1])
        return np.array(network)

    def losses_at(self, positions: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `StepwiseTraining.losses_at`."""
        return losses_at(self._training, positions)


@np.errstate(all="ignore")
def losses_at(training: TrainingTask, positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """The loss at each position.

    Parameters
    ----------
    training
        Whose loss, on whose rows: on every n-th one where there are more than `MOST_ROWS`.
    positions
        Weights, shape (particles, weights).

    Returns
    -------
    NDArray
        Shape (particles,); infinite where the loss is not a number.
    """
    every = -(-len(training.x) // MOST_ROWS)
    objective = training.objective
    if not isinstance(objective, Objective):
        objective = objective.every(every)
    fewer_rows = replace(
        training,
        x=training.x[::every],
        y=training.y[::every],
        objective=objective,
        targets=training.readout_targets.every(every) if training.solves_readout else None,
    )
    return losses_of(fewer_rows, positions)
