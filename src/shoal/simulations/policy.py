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

    Attributes
    ----------
    acts : ndarray of int64, (P,)
        How often each acted: the simulated steps.
    """

    def __init__(self, network: Network, weights: NDArray[np.float32]) -> None:
        self._policies = PolicyMemory.of(network)
        self._weights = np.ascontiguousarray(weights, np.float32)
        self._all = np.arange(len(self._weights))
        self._inputs = network.layers[0]
        self._outputs = network.layers[-1]
        self.acts = np.zeros(len(self._weights), np.int64)

    @property
    def particles(self) -> int:
        """The number of networks."""
        return len(self._weights)

    def act(self, observations: Any, acting: Any = None) -> NDArray[np.float64]:
        """Answer an observation of each particle, or of those whose episode goes on.

        Parameters
        ----------
        observations
            (n, inputs), one for each particle that acts.
        acting
            The numbers of these n particles, each once; None: all of them.

        Returns
        -------
        ndarray of float64, (n, outputs)
        """
        rows = self._all
        if acting is not None:
            rows = np.ascontiguousarray(acting, np.int64)
        values = np.ascontiguousarray(observations, np.float32)
        expected = (len(rows), self._inputs)
        if values.shape != expected:
            raise ValueError(
                f"The observations have the shape {values.shape}. Expected: {expected}, particles "
                "and inputs."
            )
        # It counts the acts, and refuses numbers that are no particle's before code without bounds
        # meets them.
        self.acts[rows] += 1
        outputs = np.empty((len(rows), self._outputs))
        _act_all(
            self._policies.address, self._weights, rows, values, self._policies.outputs, outputs
        )
        return outputs

    def choose(self, observations: Any, acting: Any = None) -> NDArray[np.int64]:
        """Answer by the number of the largest output of each particle that acts, (n,)."""
        chosen: NDArray[np.int64] = self.act(observations, acting).argmax(axis=1)
        return chosen


@kept_njit()
def _act_all(
    record: Any, weights: Any, rows: Any, observations: Any, last: Any, outputs: Any
) -> None:
    """Networks, each on its own observation; ``last`` is where the record leaves its outputs."""
    for n in range(len(rows)):
        load_weights(record, weights[rows[n]])
        propagate(record, address_of(observations.ravel(), n * observations.shape[1]))
        for k in range(outputs.shape[1]):
            outputs[n, k] = last[k]
