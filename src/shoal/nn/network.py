"""Dense networks as one flat vector of float32, and their plain NumPy forward pass.

Layout, layer by layer: the matrix ``W`` of shape (neurons, inputs) row by row, then the biases (neurons,). Hidden layers
apply the activation; the last is linear. The arithmetic is shoal.inference.standalone's, which users take away.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shoal.inference.standalone import forward

ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu", "gelu")


@dataclass(frozen=True, slots=True)
class Network:
    """A topology: ``layers`` are the widths from the inputs to the outputs, both included."""

    layers: tuple[int, ...]
    activation: str = "relu"

    @property
    def size(self) -> int:
        """Number of weights and biases: the dimension D of the search."""
        return sum(a * b + b for a, b in pairwise(self.layers))

    def bias_mask(self) -> NDArray[np.bool_]:
        """True where the flat vector holds a bias, shape (D,)."""
        parts = [np.repeat([False, True], [a * b, b]) for a, b in pairwise(self.layers)]
        return np.concatenate(parts)

    def forward(self, weights: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs of many networks at once: weights (P, D) and inputs (rows, inputs) give (P, rows, outputs)."""
        return np.stack([forward(w, self.layers, self.activation, x) for w in weights])
