"""What each activation is, for one number: the definition that every form is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable


def _sigmoid(v: float) -> float:
    # Of a large number the exponential overflows, and of its opposite it does not.
    if v < 0:
        return math.exp(v) / (1 + math.exp(v))
    return 1 / (1 + math.exp(-v))


def _leaky_relu(v: float) -> float:
    if v > 0:
        return v
    return 0.01 * v


def _gelu(v: float) -> float:
    inner = math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)
    return 0.5 * v * (1 + math.tanh(inner))


# By the value of the gene ``activation``.
DEFINITIONS: dict[str, Callable[[float], float]] = {
    "relu": lambda v: max(v, 0.0),
    "tanh": math.tanh,
    "sigmoid": _sigmoid,
    "leaky_relu": _leaky_relu,
    "gelu": _gelu,
}
