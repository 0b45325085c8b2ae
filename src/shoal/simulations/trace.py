"""An episode of a policy, step by step: what it saw and what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.nn.network import Network
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import ScenarioSet
from shoal.simulations.policy import Policy, PolicyBatch
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """The first steps."""

    most: int
    observations: list[NDArray[np.float32]] = field(default_factory=list)
    answers: list[NDArray[np.float64]] = field(default_factory=list)

    def keep(self, observation: Any, answer: NDArray[np.float64]) -> None:
        """Keep a step, or a step of one particle."""
        if len(self.answers) < self.most:
            self.observations.append(np.array(observation, np.float32))
            self.answers.append(answer.copy())


class _Witness(Policy):
    """A policy whose first steps are kept."""

    def __init__(self, network: Network, weights: NDArray[np.float32], kept: _Kept) -> None:
        super().__init__(network, weights)
        self._kept = kept

    def act(self, observation: Any) -> NDArray[np.float64]:
        """See `Policy.act`."""
        answer = super().act(observation)
        self._kept.keep(observation, answer)
        return answer


class _BatchWitness(PolicyBatch):
    """A batch of one policy, whose first steps are kept."""

    def __init__(self, network: Network, weights: NDArray[np.float32], kept: _Kept) -> None:
        super().__init__(network, weights[None])
        self._kept = kept

    def act(self, observations: Any, acting: Any = None) -> NDArray[np.float64]:
        """See `PolicyBatch.act`."""
        answers = super().act(observations, acting)
        self._kept.keep(observations, answers)
        return answers


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
        What it acts in.
    network, weights
        The policy.
    scenarios, number
        The scenario.
    most_steps
        Steps that are kept.
    """
    kept = _Kept(most_steps)
    scenario = Scenario(scenarios.key, scenarios.purpose, number)
    acting = _BatchWitness if simulation.batched else _Witness
    witness = acting(network, weights, kept)
    score = np.asarray(simulation(witness, scenario), np.float64).item()

    steps = len(kept.answers)
    return Episode(
        observations=np.reshape(kept.observations, (steps, network.layers[0])),
        outputs=np.reshape(kept.answers, (steps, network.layers[-1])),
        score=score,
        steps=int(np.max(witness.acts)),
    )
