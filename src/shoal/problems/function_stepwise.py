"""The minimisation of a function, some iterations at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shoal.functions.definition import FunctionProblem
from shoal.functions.training import MinimisationPlan, Minimiser
from shoal.genome.genome import Genome
from shoal.numerics.philox import Key
from shoal.problems.stepwise import StepwiseTraining
from shoal.pso.swarm import SwarmState


class StepwiseMinimisation(StepwiseTraining):
    """A minimisation in units of half the box.

    Parameters
    ----------
    problem, genome, key, plan
        See `shoal.functions.training.minimise_once`.
    loss_name
        What the loss is called.
    """

    def __init__(
        self,
        problem: FunctionProblem,
        genome: Genome,
        key: Key,
        plan: MinimisationPlan,
        loss_name: str,
    ) -> None:
        super().__init__(
            as_seen(genome), problem.box.dimensions, plan.iterations, plan.horizon, loss_name
        )
        self._problem = problem
        self._swarm_genome = genome
        self._key = key
        self._minimiser = self._new_minimiser()

    def begin(self) -> SwarmState:
        """See `StepwiseTraining.begin`."""
        self._minimiser = self._new_minimiser()
        return self._minimiser.swarm.state()

    def advance(self, state: SwarmState, iterations: int) -> SwarmState:
        """See `StepwiseTraining.advance`."""
        self._minimiser.iterate(iterations)
        return self._minimiser.swarm.state()

    def losses_at(self, positions: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `StepwiseTraining.losses_at`: the function there."""
        return self._minimiser.losses_at(positions)

    def _new_minimiser(self) -> Minimiser:
        return Minimiser(self._problem, self._swarm_genome, self._key, self.schedule_length)


def as_seen(genome: Genome) -> Genome:
    """A genome for a snapshot: the limit of the positions is the box, in units of half of it."""
    return replace(genome, max_position=1.0)
