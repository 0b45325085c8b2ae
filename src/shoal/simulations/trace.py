"""An episode of a policy, step by step: what it saw and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import SimulationError
from shoal.nn.network import Network
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import ScenarioSet
from shoal.simulations.policy import Policy
from shoal.simulations.scenario import Scenario


@dataclass(frozen=True, eq=False, slots=True)
class Episode:
    """What a policy did in one scenario, T steps of it.

    Attributes
    ----------
    observations : ndarray of float32, (T, inputs)
        What it saw.
    outputs : ndarray of float64, (T, outputs)
        What it answered.
    score
        What the simulation returned, however long the episode was.
    steps
        All steps, of which the first T are kept.
    """

    observations: NDArray[np.float32]
    outputs: NDArray[np.float64]
    score: float
    steps: int


class _Witness(Policy):
    """A policy that keeps the first steps."""

    def __init__(self, network: Network, weights: NDArray[np.float32], most: int) -> None:
        super().__init__(network, weights)
        self._most = most
        self.observations: list[NDArray[np.float32]] = []
        self.answers: list[NDArray[np.float64]] = []

    def act(self, observation: Any) -> NDArray[np.float64]:
        """See `Policy.act`."""
        answer = super().act(observation)
        if len(self.answers) < self._most:
            self.observations.append(np.array(observation, np.float32))
            self.answers.append(answer.copy())
        return answer


def trace_episode(
    simulation: Simulation,
    network: Network,
    weights: NDArray[np.float32],
    scenarios: ScenarioSet,
    number: int = 0,
    most_steps: int = 1000,
) -> Episode:
    """Run one scenario in plain Python, and keep what the policy saw and answered.

    The numbers are those of the compiled simulation.

    Parameters
    ----------
    simulation
        What it acts in; not a batched one.
    network, weights
        The policy.
    scenarios, number
        The scenario.
    most_steps
        Steps that are kept.

    Raises
    ------
    SimulationError
        For a batched simulation.
    """
    if simulation.batched:
        raise SimulationError(
            f"The simulation {simulation.name} is batched.",
            expected="one that lets a single policy act",
        )

    witness = _Witness(network, weights, most_steps)
    scenario = Scenario(scenarios.key, scenarios.purpose, number)
    score = float(simulation(witness, scenario))
    kept = len(witness.answers)
    return Episode(
        observations=np.reshape(witness.observations, (kept, network.layers[0])),
        outputs=np.reshape(witness.answers, (kept, network.layers[-1])),
        score=score,
        steps=witness.acts,
    )
