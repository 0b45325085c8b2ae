"""A policy, the network of a simulation, as plain Python meets it.

Compiled simulations meet the same object as `shoal.simulations.compiled_types.PolicyType`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.nn.network import Network
from shoal.pso.engines.intrinsics.memory import address_of
from shoal.simulations.forward import load_weights, propagate
from shoal.simulations.kernel_cache import kept_njit
from shoal.simulations.memory import ACTS, WORK, PolicyMemory


class Policy:
    """One network that acts.

    Parameters
    ----------
    network
        Its topology.
    weights
        (D,), in the layout of `shoal.nn.network`.
    """

    def __init__(self, network: Network, weights: NDArray[np.float32]) -> None:
        self._memory = PolicyMemory.of(network)
        self._inputs = network.layers[0]
        self._record = self._memory.address
        self.load(weights)

    def load(self, weights: NDArray[np.float32]) -> None:
        """Act by other weights (D,) from now on, and count the acts anew."""
        load_weights(self._record, np.ascontiguousarray(weights, np.float32))

    @property
    def acts(self) -> int:
        """How often it acted: the simulated steps."""
        return int(self._memory.record[ACTS])

    def act(self, observation: Any) -> NDArray[np.float64]:
        """Answer an observation.

        Parameters
        ----------
        observation
            Numbers, (inputs,): an array, a tuple or a list. They are rounded to float32.

        Returns
        -------
        ndarray of float64, (outputs,)
            The outputs of the network, whose last layer is linear. The next call reuses the array:
            copy what has to last.

        Raises
        ------
        ValueError
            If the observation has another length.
        """
        values = np.asarray(observation, np.float32)
        if values.shape != (self._inputs,):
            raise ValueError(
                f"The observation has the shape {values.shape}. Expected: ({self._inputs},), as "
                "the simulation's inputs say."
            )
        self._memory.work[: self._inputs] = values
        propagate(self._record, self._memory.record[WORK])
        return self._memory.outputs

    def choose(self, observation: Any) -> int:
        """Answer an observation by the number of the largest output, the first of equal ones."""
        return int(np.argmax(self.act(observation)))


class PolicyBatch:
    """The networks of all particles, which act together.

    Parameters
    ----------
    network
        The topology of all.
    weights
        A network a row, (P, D).
    """

    def __init__(self, network: Network, weights: NDArray[np.float32]) -> None:
        self._policies = PolicyMemory.of(network)
        self._weights = np.ascontiguousarray(weights, np.float32)
        self._inputs = network.layers[0]
        self._outputs = network.layers[-1]
        self.acts = 0

    @property
    def particles(self) -> int:
        """The number of networks."""
        return len(self._weights)

    def act(self, observations: Any) -> NDArray[np.float64]:
        """Answer an observation of each particle.

        Parameters
        ----------
        observations
            (particles, inputs).

        Returns
        -------
        ndarray of float64, (particles, outputs)
        """
        values = np.ascontiguousarray(observations, np.float32)
        expected = (self.particles, self._inputs)
        if values.shape != expected:
            raise ValueError(
                f"The observations have the shape {values.shape}. Expected: {expected}, particles "
                "and inputs."
            )
        outputs = np.empty((self.particles, self._outputs))
        _act_all(self._policies.address, self._weights, values, self._policies.outputs, outputs)
        self.acts += 1
        return outputs

    def choose(self, observations: Any) -> NDArray[np.int64]:
        """Answer by the number of the largest output of each particle, (particles,)."""
        chosen: NDArray[np.int64] = self.act(observations).argmax(axis=1)
        return chosen


@kept_njit()
def _act_all(record: Any, weights: Any, observations: Any, last: Any, outputs: Any) -> None:
    """Each network on its own observation; ``last`` is where the record leaves its outputs."""
    for p in range(len(weights)):
        load_weights(record, weights[p])
        propagate(record, address_of(observations.ravel(), p * observations.shape[1]))
        for k in range(outputs.shape[1]):
            outputs[p, k] = last[k]
