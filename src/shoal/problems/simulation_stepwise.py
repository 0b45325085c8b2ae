"""The training of a policy, some iterations at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.genome.genome import Genome
from shoal.numerics.philox import Key
from shoal.objectives.decoders import Decoder
from shoal.problems.stepwise import StepwiseTraining
from shoal.pso.swarm import SwarmState
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import Evaluator
from shoal.simulations.training import PolicyTrainer, TrainingPlan, policy_network


class StepwisePolicy(StepwiseTraining):
    """A training in the scenarios of a simulation.

    Parameters
    ----------
    simulation, genome, key, plan, decoder, threads
        See `shoal.simulations.training.train_policy`.
    loss_name
        What the loss is called.
    """

    def __init__(
        self,
        simulation: Simulation,
        genome: Genome,
        key: Key,
        plan: TrainingPlan,
        *,
        decoder: Decoder | None = None,
        threads: int,
        loss_name: str,
    ) -> None:
        network = policy_network(simulation, genome)
        super().__init__(
            genome,
            network.size,
            plan.iterations,
            plan.horizon or plan.iterations,
            loss_name,
        )
        self._key = key
        self._plan = plan
        self._decoder = decoder
        self._evaluator = Evaluator(simulation, network, threads)
        self._trainer = self._new_trainer()

    def begin(self) -> SwarmState:
        """See `StepwiseTraining.begin`."""
        self._trainer = self._new_trainer()
        return self._trainer.swarm.state()

    def advance(self, state: SwarmState, iterations: int) -> SwarmState:
        """See `StepwiseTraining.advance`."""
        for _ in range(iterations):
            self._trainer.iterate()
        return self._trainer.swarm.state()

    def losses_at(self, positions: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `StepwiseTraining.losses_at`: in the scenarios of the first iteration."""
        return self._trainer.losses_at(positions)

    def steps_after(self, iteration: int) -> int:
        """See `StepwiseTraining.steps_after`."""
        if iteration == 0:
            return 0
        return self._trainer.steps[iteration - 1]

    def close(self) -> None:
        """See `StepwiseTraining.close`."""
        self._evaluator.close()

    def _new_trainer(self) -> PolicyTrainer:
        return PolicyTrainer(self._evaluator, self.genome, self._key, self._plan, self._decoder)
