"""Dense networks as one flat vector of float32, and their plain NumPy forward pass.

Layout, layer by layer: the matrix ``W`` of shape (neurons, inputs) row by row, then the biases
(neurons,). Hidden layers apply the activation; the last layer is linear. The arithmetic is that of
shoal.inference.standalone, which users take away with an exported model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shoal.inference.standalone import propagate
from shoal.nn.activations import ACTIVATIONS


@dataclass(frozen=True, slots=True)
class Network:
    """A topology.

    Attributes
    ----------
    layers : tuple of int
        The widths from the inputs to the outputs, both included.
    activation : str
        A key of `shoal.nn.activations.ACTIVATIONS`.

    Examples
    --------
    >>> Network((8, 4, 1), "tanh").size
    41
    """

    layers: tuple[int, ...]
    activation: str = "relu"

    @property
    def size(self) -> int:
        """Number of weights and biases: the dimension D of the search."""
        size = 0
        for inputs, neurons in pairwise(self.layers):
            size += inputs * neurons + neurons
        return size

    @property
    def hidden(self) -> Network:
        """The network without its output layer.

        Examples
        --------
        >>> Network((8, 4, 1)).hidden.layers
        (8, 4)
        """
        return replace(self, layers=self.layers[:-1])

    def layer_slices(self) -> list[tuple[slice, slice]]:
        """Where the flat vector holds the weights and the biases of each layer.

        Examples
        --------
        >>> Network((2, 3, 1)).layer_slices()
        [(slice(0, 6, None), slice(6, 9, None)), (slice(9, 12, None), slice(12, 13, None))]
        """
        slices = []
        start = 0
        for inputs, neurons in pairwise(self.layers):
            biases = start + inputs * neurons
            end = biases + neurons
            slices.append((slice(start, biases), slice(biases, end)))
            start = end
        return slices

    def bias_mask(self) -> NDArray[np.bool_]:
        """Mark the biases in the flat vector: True where it holds one, (D,).

        Examples
        --------
        >>> Network((2, 1)).bias_mask().tolist()
        [False, False, True]
        """
        parts = []
        for inputs, neurons in pairwise(self.layers):
            weights = inputs * neurons
            parts.append(np.repeat([False, True], [weights, neurons]))
        return np.concatenate(parts)

    def inputs_of_neurons(self) -> NDArray[np.float64]:
        """Count for each weight and bias the inputs of its neuron, (D,).

        Examples
        --------
        >>> Network((3, 1)).inputs_of_neurons().tolist()
        [3.0, 3.0, 3.0, 3.0]
        """
        parts = []
        for inputs, neurons in pairwise(self.layers):
            parts.append(np.repeat(float(inputs), inputs * neurons + neurons))
        return np.concatenate(parts)

    def forward(self, weights: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the outputs of many networks at once.

        Parameters
        ----------
        weights
            A network a row, (P, D).
        x
            Inputs, (rows, inputs).

        Returns
        -------
        ndarray of float32, (P, rows, outputs)
            Their bits depend on NumPy's BLAS.
        """
        activation = ACTIVATIONS[self.activation].function
        return np.stack([propagate(row, self.layers, activation, x) for row in weights])

    def features(self, weights: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute what the last hidden layers of many networks give.

        Parameters
        ----------
        weights
            The hidden layers of a network a row, (P, size of `hidden`).
        x
            Inputs, (rows, inputs).

        Returns
        -------
        ndarray of float32, (P, rows, neurons)
        """
        return ACTIVATIONS[self.activation].function(self.hidden.forward(weights, x))
