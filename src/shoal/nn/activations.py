"""Activations of hidden layers, one entry each.

The NumPy functions stand in shoal.inference.standalone, the file that leaves with an exported
model. Their vector forms are in shoal.pso.engines.vector_math.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.inference import standalone


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function.

    Attributes
    ----------
    name : str
        The value of the gene ``activation``.
    kernel_number : int
        Its number in the compiled kernels, never used twice.
    function : callable
        Maps an array of float32 to one of the same shape: the reference for the kernels.
    """

    name: str
    kernel_number: int
    function: Callable[[NDArray[np.float32]], NDArray[np.float32]]


def _standard(name: str, kernel_number: int) -> Activation:
    return Activation(name, kernel_number, standalone.ACTIVATIONS[name])


RELU = _standard("relu", 0)
TANH = _standard("tanh", 1)
SIGMOID = _standard("sigmoid", 2)
LEAKY_RELU = _standard("leaky_relu", 3)
GELU = _standard("gelu", 4)

# By name. A search draws from them in this order.
ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation for activation in (RELU, TANH, SIGMOID, LEAKY_RELU, GELU)
}
