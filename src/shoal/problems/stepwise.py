"""A recorded training that goes on when it is told to, so that it can be looked at on the way."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from shoal.genome.genome import Genome
from shoal.pso.swarm import SwarmState


class StepwiseTraining(ABC):
    """A training of P particles in D dimensions that is made again, some iterations at a time.

    It is also what a snapshot reads of a training (`shoal.pso.snapshot.SeenTraining`). Whoever
    makes one closes it.

    Parameters
    ----------
    genome
        The swarm's hyperparameters.
    dimensions
        D.
    iterations
        How many the training has.
    schedule_length
        Iterations after which what changes with time has its last value.
    loss_name
        What the loss is called.
    """

    def __init__(
        self,
        genome: Genome,
        dimensions: int,
        iterations: int,
        schedule_length: int,
        loss_name: str,
    ) -> None:
        self.genome = genome
        self.dimensions = dimensions
        self.iterations = iterations
        self.schedule_length = schedule_length
        self.loss_name = loss_name

    @abstractmethod
    def begin(self) -> SwarmState:
        """The swarm before its first iteration. It may be asked for again."""

    @abstractmethod
    def advance(self, state: SwarmState, iterations: int) -> SwarmState:
        """Go on from the state that was given last.

        Returns
        -------
        SwarmState
            Its arrays last until the next call.
        """

    @abstractmethod
    def losses_at(self, positions: NDArray[np.float32]) -> NDArray[np.float64]:
        """The losses where particles stand, on the same data for the whole training.

        Parameters
        ----------
        positions
            (P, D).

        Returns
        -------
        ndarray of float64, (P,)
            Infinite where a loss is not a number.
        """

    def steps_after(self, iteration: int) -> int | None:
        """Simulated steps up to the end of an iteration that was made; None: nothing simulates."""
        return None

    # What most trainings need not do.
    def close(self) -> None:  # noqa: B027
        """Let go of what the training holds."""
