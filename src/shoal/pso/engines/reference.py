"""The reference engine: plain NumPy, one step after another. It is the definition, not the fast
one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.nn.network import Network
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import SwarmState, TrainingTask, step


class ReferenceEngine(Engine):
    """Repeats `shoal.pso.swarm.step`."""

    name = "reference"

    def advance(self, task: TrainingTask, state: SwarmState, iterations: int) -> SwarmState:
        """See `Engine.advance`."""
        for _ in range(iterations):
            state = step(task, state)
            if state.stopped:
                break
        return state

    def outputs(
        self, network: Network, weights: NDArray[np.float32], x: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `Engine.outputs`. Its bits depend on NumPy's BLAS."""
        with np.errstate(all="ignore"):
            return np.asarray(network.forward(weights[None], x)[0])
