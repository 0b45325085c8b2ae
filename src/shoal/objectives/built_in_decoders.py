"""The decoders that come with Shoal, by name.

Each gives the same bits alone and among others, on every machine: sums are taken in a fixed order.
A network that was decoded once decodes to itself.
"""

from __future__ import annotations

import difflib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DecoderError
from shoal.nn.network import Network
from shoal.objectives.decoders import Decoder, decoder

# Steps of an 8-bit weight to each side of 0.
_STEPS = 127
# How the size of weights is chosen.
_SCALES = ("layer", "one")
# The share of a layer's mean size below which a ternary weight is 0 (Li and Liu 2016).
_TERNARY_THRESHOLD = 0.7


@decoder
def sign(
    positions: NDArray[np.float32], network: Network, *, scale: str = "layer"
) -> NDArray[np.float32]:
    """Weights of one bit: each is +s or -s, by its sign; 0 counts as positive. Biases stay.

    Parameters
    ----------
    positions, network
        See `shoal.objectives.decoders.Decoder`.
    scale
        "layer": s is the mean size of the layer's weights, which is the closest such layer
        (Rastegari et al. 2016, section 3.1). "one": s is 1.
    """
    _check_scale("sign", scale)
    weights = positions.copy()
    for own, _ in network.layer_slices():
        sizes = np.abs(positions[:, own]).astype(np.float64)
        size = np.ones(len(positions))
        if scale == "layer":
            size = _sums(sizes) / sizes.shape[1]
        weights[:, own] = np.where(positions[:, own] < 0, -1.0, 1.0) * size[:, None]
    return weights


@decoder
def ternary(
    positions: NDArray[np.float32],
    network: Network,
    *,
    threshold: float = _TERNARY_THRESHOLD,
    scale: str = "layer",
) -> NDArray[np.float32]:
    """Weights of three values: 0 where they are small, else +s or -s. Biases stay.

    Parameters
    ----------
    positions, network
        See `shoal.objectives.decoders.Decoder`.
    threshold
        Weights up to this share of the mean size of their layer's weights become 0; 0 or more, and
        below 1. 0.7 comes near the closest such layer for normal weights (Li and Liu 2016).
    scale
        "layer": s is the mean size of the layer's other weights. "one": s is 1.
    """
    _check_scale("ternary", scale)
    if not 0 <= threshold < 1:
        raise DecoderError(
            f"threshold={threshold!r} of the decoder ternary.", expected="0 or more, and below 1"
        )

    weights = positions.copy()
    for own, _ in network.layer_slices():
        sizes = np.abs(positions[:, own]).astype(np.float64)
        mean = _sums(sizes) / sizes.shape[1]
        kept = sizes > threshold * mean[:, None]

        size = np.ones(len(positions))
        if scale == "layer":
            size = _sums(np.where(kept, sizes, 0.0)) / np.maximum(1, kept.sum(axis=1))
        signs = np.where(positions[:, own] < 0, -1.0, 1.0)
        weights[:, own] = np.where(kept, signs * size[:, None], 0.0)
    return weights


@decoder
def int8(positions: NDArray[np.float32], network: Network) -> NDArray[np.float32]:
    """Weights and biases of 8 bits: whole steps, -127 to 127, each layer with a step of its own.

    The step of a layer is the size of its largest weight or bias / 127, so that nothing is cut off
    and 0 stays 0.
    """
    weights = positions.copy()
    for own, biases in network.layer_slices():
        layer = slice(own.start, biases.stop)
        values = positions[:, layer].astype(np.float64)
        largest = np.abs(values).max(axis=1, keepdims=True)
        step = np.where(largest > 0, largest, 1.0) / _STEPS
        weights[:, layer] = np.rint(values / step) * step
    return weights


@decoder
def scorecard(
    positions: NDArray[np.float32], network: Network, *, k: int = 8, points: int = 5
) -> NDArray[np.float32]:
    """A card of at most k inputs with whole points, and the points that a "yes" takes.

    The network has no hidden layer, and two outputs. A card's weight of an input is the difference
    of both outputs' weights. The k largest are kept, in steps of which the largest one has
    ``points``. The first output is always 0. The second one is the sum of the points less the
    points needed, plus a half: it is above 0 where the sum is large enough.

    Parameters
    ----------
    positions, network
        See `shoal.objectives.decoders.Decoder`.
    k
        Inputs with points, at most; 1 or more.
    points
        The most points of an input, to both sides; 1 or more.
    """
    if len(network.layers) != 2 or network.layers[-1] != 2:
        raise DecoderError(
            f"The decoder scorecard for a network of the widths {network.layers}.",
            expected="no hidden layer, and a target of two classes",
            remedy="set max_depth=0, or hidden_layers=() in a genome; choose another target, or "
            "the decoder int8",
        )
    for name, value in (("k", k), ("points", points)):
        if value < 1:
            raise DecoderError(f"{name}={value} of the decoder scorecard.", expected="1 or more")

    inputs = network.layers[0]
    latent = positions.astype(np.float64)
    weights = latent[:, inputs : 2 * inputs] - latent[:, :inputs]
    bias = latent[:, -1] - latent[:, -2]

    # Of two alike, the first one is kept.
    sizes = np.abs(weights)
    order = np.argsort(-sizes, axis=1, kind="stable")
    kept = np.zeros(sizes.shape, np.bool_)
    np.put_along_axis(kept, order[:, :k], True, axis=1)

    largest = sizes.max(axis=1)
    step = np.where(largest > 0, largest, points) / points
    given = np.where(kept, np.rint(weights / step[:, None]), 0.0)

    # The sum of points and the bias are above 0 from the next whole number on.
    needed = np.floor(-bias / step) + 1
    least = np.minimum(given, 0).sum(axis=1)
    most = np.maximum(given, 0).sum(axis=1)
    needed = np.clip(needed, least, most + 1)

    card = np.zeros_like(positions)
    # Adding 0 makes -0 a 0.
    card[:, inputs : 2 * inputs] = given + 0.0
    card[:, -1] = 0.5 - needed
    return card


def _check_scale(name: str, scale: str) -> None:
    if scale not in _SCALES:
        raise DecoderError(
            f"scale={scale!r} of the decoder {name}.", expected="one of " + ", ".join(_SCALES)
        )


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of each row (n,), in the order of its values, however many rows there are."""
    return np.asarray(np.cumsum(values, axis=1)[:, -1])


# Cards are read by people, so that only one network answers in the end.
SCORECARD = replace(
    scorecard,
    data_options={"encoding": "questions"},
    defaults={"max_depth": 0, "objective": "balanced_accuracy", "networks": 1},
)

DECODERS: dict[str, Decoder] = {own.name: own for own in (sign, ternary, int8, SCORECARD)}


def find_decoder(name: str) -> Decoder | None:
    """The decoder of that name that comes with Shoal; None where there is none.

    Examples
    --------
    >>> find_decoder("scorecard").with_options(k=5).options
    {'k': 5, 'points': 5}
    """
    return DECODERS.get(name)


def get_decoder(name: str) -> Decoder:
    """The decoder of that name. Raises `DecoderError` where there is none."""
    found = find_decoder(name)
    if found is None:
        raise unknown_decoder(name)
    return found


def unknown_decoder(name: str) -> DecoderError:
    """The error that says which names there are, those that are like this one first."""
    near = difflib.get_close_matches(name, DECODERS, 1)
    expected = "one of " + ", ".join(DECODERS)
    if near:
        expected = f"{near[0]}, or {expected}"
    return DecoderError(
        f"There is no decoder {name!r}.",
        expected=expected,
        remedy="correct the name; for one of your own, give its file and function, as in "
        "my.py:sparse",
    )
