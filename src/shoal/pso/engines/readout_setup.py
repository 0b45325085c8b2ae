"""What kernels need for solved output layers: the targets in their order, and working memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shoal.nn.network import Network
from shoal.pso.engines import kernels
from shoal.pso.engines.intrinsics.memory import aligned
from shoal.pso.engines.intrinsics.products import QUAD
from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.llvm_vectors import LANES
from shoal.pso.engines.readout_kernels import (
    Readout,
    matrix_stride,
    padded_neurons,
    padded_targets,
)
from shoal.pso.swarm import TrainingTask

# Of trainings that solve no output layer.
NO_READOUT = Readout(False, False, False, 1, 1.0, 1.0, np.zeros(1), 0.0, np.zeros(1, np.float32))


def compiled_readout(task: TrainingTask, order: NDArray[np.int64]) -> Readout:
    """What output layers are fitted to, in that order of the rows."""
    outputs = task.network.layers[-1]
    fitted = task.readout_targets
    values = fitted.values[order].astype(np.float64)
    weights = np.ones(len(values))
    if fitted.weights is not None:
        weights = fitted.weights[order].astype(np.float64)
    # Exact sums: the same on every machine.
    total = math.fsum(weights)
    sums = [math.fsum(weights * own) for own in values.T]
    squares = [
        math.fsum(weights * (own - own_sum / total) ** 2)
        for own, own_sum in zip(values.T, sums, strict=True)
    ]

    blocks = -(-len(values) // BLOCK)
    targets = aligned(blocks * (1 + outputs) * BLOCK)
    padded = np.zeros((1 + outputs, blocks * BLOCK))
    padded[0, : len(values)] = weights
    padded[1:, : len(values)] = weights * values.T
    targets[:] = padded.reshape(1 + outputs, blocks, BLOCK).swapaxes(0, 1).ravel()
    return Readout(
        solved=True,
        judged=not task.judges_by_squares,
        weighted=fitted.weights is not None,
        outputs=outputs,
        ridge=task.genome.ridge,
        total=total,
        target_sums=np.array(sums),
        squares=math.fsum(squares),
        targets=targets,
    )


def scratch_memory(network: Network, solved: bool = False) -> kernels.Scratch:
    """Working memory of a thread, with that of solved output layers where there are some."""
    widest = max(network.layers[1:])
    columns = matrix = 1
    if solved:
        neurons, outputs = network.layers[-2:]
        rows = padded_neurons(neurons) + padded_targets(outputs)
        columns = BLOCK * (neurons + LANES)
        matrix = rows * matrix_stride(neurons, outputs)
        # Targets lie behind the features, which are read as whole vectors.
        widest = max(widest, rows + LANES)
    return kernels.Scratch(
        work=aligned(2 * widest * BLOCK),
        rows_skipped=np.zeros(1, np.int64),
        columns=aligned(columns),
        matrix=aligned(2 * matrix).view(np.float64),
        own=np.zeros(QUAD * QUAD),
    )
