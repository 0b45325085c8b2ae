"""What networks compute, as nodes: all networks of a model at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shoal.models.onnx.graph import Graph


def _single(graph: Graph, value: float) -> str:
    return graph.constant(np.array(value, np.float32))


def _gelu(graph: Graph, x: str) -> str:
    # 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), as standalone.ACTIVATIONS has it
    cube = graph.node("Mul", graph.node("Mul", x, x), x)
    inside = graph.node("Add", x, graph.node("Mul", cube, _single(graph, 0.044715)))
    wave = graph.node("Tanh", graph.node("Mul", inside, _single(graph, math.sqrt(2 / math.pi))))
    half = graph.node("Mul", x, _single(graph, 0.5))
    return graph.node("Mul", half, graph.node("Add", wave, _single(graph, 1.0)))


# The names are those of `shoal.inference.standalone.ACTIVATIONS`; a test compares the functions.
ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "relu": lambda graph, x: graph.node("Relu", x),
    "leaky_relu": lambda graph, x: graph.node("LeakyRelu", x, alpha=0.01),
    "tanh": lambda graph, x: graph.node("Tanh", x),
    "sigmoid": lambda graph, x: graph.node("Sigmoid", x),
    "gelu": _gelu,
}


def outputs_of(
    graph: Graph, x: str, weights: NDArray[np.float32], layers: Sequence[int], activation: str
) -> str:
    """The outputs (networks, rows, outputs) of dense networks, in single precision.

    Parameters
    ----------
    graph
        Where nodes are added.
    x
        The inputs, (rows, inputs) in single precision.
    weights, layers, activation
        As of `shoal.inference.standalone.forward`, the weights of all networks: (networks, D).
    """
    start = 0
    last = len(layers) - 2
    for number, (inputs, outputs) in enumerate(pairwise(layers)):
        bias_start = start + inputs * outputs
        end = bias_start + outputs

        matrices = weights[:, start:bias_start].reshape(-1, outputs, inputs).transpose(0, 2, 1)
        biases = weights[:, None, bias_start:end]
        product = graph.node("MatMul", x, graph.constant(matrices))
        x = graph.node("Add", product, graph.constant(biases))
        if number < last:
            x = ACTIVATIONS[activation](graph, x)
        start = end
    return x


def weighted_mean(graph: Graph, values: str, shares: Sequence[float]) -> str:
    """The mean over the first dimension of doubles (networks, rows, outputs)."""
    parts = np.array(shares, np.float64)
    parts /= parts.sum()
    weighted = graph.node("Mul", values, graph.constant(parts[:, None, None]))
    return graph.node("ReduceSum", weighted, graph.constant(np.array([0], np.int64)), keepdims=0)


def are_rows_within(graph: Graph, values: str, largest: float, kind: type) -> str:
    """Whether no number of each row of a matrix is larger, infinite or NaN: (rows, 1)."""
    limit = graph.constant(np.array(largest, kind))
    are_within = graph.node("LessOrEqual", graph.node("Abs", values), limit)
    least = graph.node("ReduceMin", graph.cast(are_within, np.float32), axes=[1], keepdims=1)
    return graph.cast(least, np.bool_)
