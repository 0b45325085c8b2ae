"""The compiled algebra of solved output layers; see `shoal.nn.readout` for what is solved.

The sums of products are those of 64 rows in float32, which are added in float64: float32 alone has
a tenth of the digits. Each sum adds its rows in their order, so neither threads nor the width of
registers change a bit.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shoal.numerics.scalar_math import exp
from shoal.pso.engines.cache import cached_njit
from shoal.pso.engines.intrinsics.memory import address_of
from shoal.pso.engines.intrinsics.products import (
    DOUBLES,
    ELIMINATION_WIDTHS,
    PRODUCT_TILES,
    QUAD,
    add_product_tile,
    eliminate_tile,
)
from shoal.pso.engines.intrinsics.tiles import BLOCK
from shoal.pso.engines.intrinsics.transposes import transpose_square
from shoal.pso.engines.llvm_vectors import LANES

# Vectors of features that lie side by side: as many as a tile has at most.
_PANEL = max(wide for wide, _ in PRODUCT_TILES)


class Readout(NamedTuple):
    """What output layers are fitted to, as numbers; see `shoal.nn.readout`."""

    # Whether particles hold the hidden layers only.
    solved: bool
    # Whether a complete network is judged by its loss, and not by the least squares.
    judged: bool
    # Whether rows have weights.
    weighted: bool
    # Outputs of the network, K.
    outputs: int
    ridge: float
    # The sum of the rows' weights.
    total: float
    # The sum of each target, (K,).
    target_sums: NDArray[np.float64]
    # The sum of all squared targets, less their means.
    squares: float
    # For each block of rows their weights, then each target times the weights, in rows of `BLOCK`,
    # (blocks * (1 + K) * BLOCK,).
    targets: NDArray[np.float32]


compiled = cached_njit(nogil=True, error_model="numpy")
inlined = cached_njit(nogil=True, error_model="numpy", inline="always")


@inlined
def padded_neurons(neurons: Any) -> Any:
    """Compute the rows of as many neurons: tiles have four."""
    return -(-neurons // QUAD) * QUAD


@inlined
def padded_targets(outputs: Any) -> Any:
    """Compute the rows behind the neurons: weights and targets, in tiles of two rows or more."""
    return -(-(1 + outputs) // 2) * 2


@inlined
def matrix_stride(neurons: Any, outputs: Any) -> Any:
    """Compute the length of a row of the matrix: whole vectors of sums, and the right sides."""
    return max(
        -(-neurons // LANES) * LANES,
        -(-(padded_neurons(neurons) + outputs) // DOUBLES) * DOUBLES,
    )


@compiled
def append(work: Any, place: Any, neurons: Any, block: Any, readout: Any) -> None:
    """Write the weights and the targets of a block's rows behind its features."""
    padded = padded_neurons(neurons)
    for n in range(neurons * BLOCK, padded * BLOCK):
        work[place + n] = 0.0

    count = (1 + readout.outputs) * BLOCK
    target = place + padded * BLOCK
    for n in range(count):
        work[target + n] = readout.targets[block * count + n]


@compiled
def add_products(
    work: Any, place: Any, neurons: Any, real: Any, stride: Any, readout: Any, scratch: Any
) -> None:
    """Add the products of a block's features to ``scratch.matrix``.

    The matrix has rows of ``stride`` numbers: of a neuron the products with the neurons from its
    own on, then the sums of the features, then those with each target.

    Parameters
    ----------
    work, place
        Where the block begins, in rows of `BLOCK` samples: the neurons, then what `append` wrote.
        Rows with weights are multiplied by them.
    neurons
        How many there are.
    real
        Samples that count.
    stride
        See above.
    readout, scratch
        See `Readout` and `shoal.pso.engines.kernels.Scratch`.
    """
    features = address_of(work, place)
    padded = padded_neurons(neurons)
    targets = padded + padded_targets(readout.outputs)
    vectors = -(-neurons // LANES)
    _transpose(features, vectors, real, scratch)

    if readout.weighted:
        weights = place + padded * BLOCK
        for row in range(place, weights, BLOCK):
            for sample in range(real):
                work[row + sample] *= work[weights + sample]

    for panel in range(0, vectors, _PANEL):
        own = panel * LANES
        wide = min(_PANEL, vectors - panel)
        _add_rows(features, 0, own, panel, 0, wide, real, stride, scratch)
        # Sums below the diagonal are not needed, but where a vector has some of either kind.
        for skipped in range(wide):
            row = own + skipped * LANES
            last = min(row + LANES, padded)
            _add_rows(features, row, last, panel, skipped, wide, real, stride, scratch)
        _add_rows(features, padded, targets, panel, 0, wide, real, stride, scratch)


@inlined
def _transpose(features: Any, vectors: Any, real: Any, scratch: Any) -> None:
    """Write the block's features in rows of a sample each to ``scratch.columns``.

    Panel after panel of `_PANEL` vectors, so that one stays in the first-level cache.
    """
    columns = address_of(scratch.columns, 0)
    for vector in range(vectors):
        panel = vector // _PANEL * _PANEL
        width = min(_PANEL, vectors - panel) * LANES
        target = columns + 4 * (panel * BLOCK + vector - panel) * LANES
        for sample in range(0, real, LANES):
            source = features + 4 * (vector * LANES * BLOCK + sample)
            transpose_square(source, target + 4 * sample * width, width)


@inlined
def _add_rows(
    features: Any,
    first: Any,
    last: Any,
    panel: Any,
    skipped: Any,
    wide: Any,
    real: Any,
    stride: Any,
    scratch: Any,
) -> None:
    """Add the products of rows ``first .. last - 1`` with a panel, less its first vectors."""
    columns = address_of(scratch.columns, 0) + 4 * (panel * BLOCK + skipped) * LANES
    matrix = address_of(scratch.matrix, 0) + 8 * (panel + skipped) * LANES
    row = first
    for shape in PRODUCT_TILES:
        height = shape[1]
        while shape[0] == wide - skipped and row + height <= last:
            add_product_tile(
                shape[0],
                height,
                columns,
                wide * LANES,
                features + 4 * row * BLOCK,
                real,
                matrix + 8 * row * stride,
                stride,
            )
            row += height


@compiled
def center(matrix: Any, neurons: Any, stride: Any, readout: Any) -> None:
    """Make of sums the equations of centred features and targets, with their right sides.

    Behind the rows of the neurons the matrix has the sums of the features, and then those with each
    target. Right sides come behind the columns of the neurons.
    """
    total = readout.total
    outputs = readout.outputs
    padded = padded_neurons(neurons)
    sums = padded * stride
    for row in range(neurons):
        mean = matrix[sums + row] / total
        start = row * stride
        # Views, so that the compiler makes vectors of the loop.
        own = matrix[start + row : start + neurons]
        others = matrix[sums + row : sums + neurons]
        for n in range(neurons - row):
            own[n] -= mean * others[n]
        matrix[start + row] += readout.ridge * total
        for column in range(neurons, padded):
            matrix[start + column] = 0.0
        for k in range(outputs):
            product = matrix[(padded + 1 + k) * stride + row]
            matrix[start + padded + k] = product - mean * readout.target_sums[k]

    # Neurons that fill up a tile are 0.
    for row in range(neurons, padded):
        for column in range(stride):
            matrix[row * stride + column] = 0.0
        matrix[row * stride + row] = 1.0


@compiled
def factorise(matrix: Any, neurons: Any, stride: Any, own: Any) -> Any:
    """Make of the equations U and z in place, four rows at a time; see `shoal.nn.readout`.

    Returns whether that could be done. ``own`` is working memory, (16,).
    """
    start = address_of(matrix, 0)
    factors = address_of(own, 0)
    vectors = stride // DOUBLES

    for row in range(0, padded_neurons(neurons), QUAD):
        # What the rows above leave of the four rows' own columns.
        first = row // DOUBLES
        own[:] = 0.0
        for j in range(QUAD):
            own[j * QUAD + j] = 1.0
        eliminate_tile(1, start, stride, row, first * DOUBLES, row, factors)
        if not _factorise_quad(matrix, row, stride, own):
            return False

        eliminate_tile(1, start, stride, row, first * DOUBLES, 0, factors)
        vector = first + 1
        for wide in ELIMINATION_WIDTHS:
            while vector + wide <= vectors:
                eliminate_tile(wide, start, stride, row, vector * DOUBLES, row, factors)
                vector += wide
    return True


@inlined
def _factorise_quad(matrix: Any, row: Any, stride: Any, own: Any) -> Any:
    """Find what `eliminate_tile` needs of the four rows' own columns."""
    for j in range(QUAD):
        for column in range(j, QUAD):
            value = matrix[(row + j) * stride + row + column]
            for i in range(j):
                # own[j, i] is U[i, j], of which own[i, i] is the reciprocal at i = j.
                value -= own[j * QUAD + i] * own[column * QUAD + i]
            if column == j:
                # False for NaN, too.
                if not value > 0.0:
                    return False
                own[j * QUAD + j] = 1.0 / math.sqrt(value)
            else:
                own[column * QUAD + j] = value * own[j * QUAD + j]
    return True


@compiled
def minimum(matrix: Any, neurons: Any, stride: Any, readout: Any) -> Any:
    """Compute the least loss from z; +inf where it is not finite."""
    explained = 0.0
    right = padded_neurons(neurons)
    for row in range(neurons):
        for k in range(readout.outputs):
            z = matrix[row * stride + right + k]
            explained += z * z
    loss = (readout.squares - explained) / (readout.total * readout.outputs)
    if not math.isfinite(loss):
        return np.inf
    return loss


@compiled
def substitute(
    matrix: Any, neurons: Any, stride: Any, readout: Any, weights: Any, place: Any
) -> None:
    """Write the output layer's weights (outputs, neurons) and biases from ``place`` on."""
    total = readout.total
    outputs = readout.outputs
    padded = padded_neurons(neurons)
    for k in range(outputs):
        right = padded + k
        bias = readout.target_sums[k]
        for row in range(neurons - 1, -1, -1):
            start = row * stride
            value = matrix[start + right]
            for column in range(row + 1, neurons):
                value -= matrix[start + column] * matrix[column * stride + right]
            value /= matrix[start + row]
            matrix[start + right] = value
            weights[place + k * neurons + row] = np.float32(value)
            bias -= matrix[padded * stride + row] * value
        weights[place + outputs * neurons + k] = np.float32(bias / total)


@compiled
def fit_classes(
    features: Any,
    matrix: Any,
    neurons: Any,
    stride: Any,
    readout: Any,
    network: Any,
    place: Any,
    most_steps: Any,
    least_gradient: Any,
) -> None:
    """Fit an output layer by the cross-entropy; see `shoal.nn.readout.fit_classes`.

    Parameters
    ----------
    features
        (rows, neurons).
    matrix, neurons, stride, readout
        The solved equations.
    network, place
        The layer of the least squares begins there, and is replaced.
    most_steps, least_gradient
        When it ends.
    """
    classes = readout.outputs
    total = readout.total
    means = matrix[padded_neurons(neurons) * stride :]

    # Weights (neurons, classes) and biases: where the next gradient is taken, and before it.
    ahead = np.empty((neurons + 1, classes))
    for k in range(classes):
        for h in range(neurons):
            ahead[h, k] = network[place + k * neurons + h]
        ahead[neurons, k] = readout.target_sums[k] / total
    before = ahead.copy()
    gradient = np.empty((neurons + 1, classes))
    step = np.empty((neurons, classes))
    momentum = 0

    for _ in range(most_steps):
        _class_gradient(features, means, readout, ahead, gradient)
        largest = 0.0
        for h in range(neurons + 1):
            for k in range(classes):
                if h < neurons:
                    gradient[h, k] += readout.ridge * ahead[h, k]
                largest = max(largest, abs(gradient[h, k]))
        if not largest > least_gradient:
            break

        _solve_for(matrix, neurons, stride, gradient, step)
        uphill = 0.0
        for h in range(neurons + 1):
            for k in range(classes):
                if h < neurons:
                    new = ahead[h, k] - total * step[h, k]
                else:
                    new = ahead[h, k] - 2.0 * gradient[h, k]
                uphill += gradient[h, k] * (new - before[h, k])
                ahead[h, k] = new
        momentum += 1
        if uphill > 0.0:
            momentum = 1
        share = (momentum - 1) / (momentum + 2)
        for h in range(neurons + 1):
            for k in range(classes):
                new = ahead[h, k]
                ahead[h, k] = new + share * (new - before[h, k])
                before[h, k] = new

    for k in range(classes):
        bias = ahead[neurons, k]
        for h in range(neurons):
            network[place + k * neurons + h] = np.float32(ahead[h, k])
            bias -= means[h] / total * ahead[h, k]
        network[place + classes * neurons + k] = np.float32(bias)


@compiled
def _class_gradient(features: Any, means: Any, readout: Any, layer: Any, gradient: Any) -> None:
    """Compute the gradient of the mean cross-entropy of centred features."""
    rows, neurons = features.shape
    classes = readout.outputs
    count = 1 + classes
    centred = np.empty(neurons)
    logits = np.empty(classes)
    gradient[:] = 0.0

    for row in range(rows):
        for h in range(neurons):
            centred[h] = features[row, h] - means[h] / readout.total
        for k in range(classes):
            logits[k] = layer[neurons, k]
        for h in range(neurons):
            value = centred[h]
            for k in range(classes):
                logits[k] += value * layer[h, k]

        highest = logits[0]
        for k in range(1, classes):
            highest = max(highest, logits[k])
        powers = 0.0
        for k in range(classes):
            logits[k] = exp(logits[k] - highest)
            powers += logits[k]

        # Weights and targets of the row lie in its block.
        place = (row // BLOCK) * count * BLOCK + row % BLOCK
        weight = readout.targets[place]
        for k in range(classes):
            target = readout.targets[place + (1 + k) * BLOCK]
            logits[k] = (weight * (logits[k] / powers) - target) / readout.total
            gradient[neurons, k] += logits[k]
        for h in range(neurons):
            value = centred[h]
            for k in range(classes):
                gradient[h, k] += value * logits[k]


@compiled
def _solve_for(matrix: Any, neurons: Any, stride: Any, right: Any, solution: Any) -> None:
    """Solve the equations, of which the matrix has U, for right sides (neurons, n)."""
    count = solution.shape[1]
    for i in range(neurons):
        for k in range(count):
            solution[i, k] = right[i, k]
        for j in range(i):
            factor = matrix[j * stride + i]
            for k in range(count):
                solution[i, k] -= factor * solution[j, k]
        for k in range(count):
            solution[i, k] /= matrix[i * stride + i]

    for i in range(neurons - 1, -1, -1):
        for j in range(i + 1, neurons):
            factor = matrix[i * stride + j]
            for k in range(count):
                solution[i, k] -= factor * solution[j, k]
        for k in range(count):
            solution[i, k] /= matrix[i * stride + i]
