"""Activations of hidden layers, one entry each.

An activation is appended, with the next free number, and none is ever removed: recorded genomes
name them. It has three forms besides its entry here. The NumPy function stands in
shoal.inference.standalone, the file that leaves with an exported model. The vector form is in
shoal.pso.engines.vector_math, and shoal.pso.engines.kernels calls it by the number.
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

# By name, in the order in which they came. A search over all of them draws in this order.
ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation for activation in (RELU, TANH, SIGMOID, LEAKY_RELU, GELU)
}
