"""The compiled steps of a swarm: evaluate, settle bests and informants, move.

The functions work on one swarm and a range of its particles, so that one thread can do a whole
swarm, or several threads can share one, with the same bits. Numba compiles them to run without
Python's lock. Parameters are annotated as ``Any``, since Numba infers their types.

Start with `advance`, which calls all the others. `settle_and_move` is an iteration of it for losses
that come from outside.

Conventions of this file:

- ``-(-a // b)`` is ``a / b``, rounded up.
- A vector is `LANES` (16) numbers of float32, so an address moves by 4 bytes a number.
- An array of a tuple gets a name before a loop that uses it: Numba counts a reference each time the
  tuple is read.
- The cut into functions changes the speed, though not the bits: measure before you change it. A
  split into several modules was 5 to 20 % slower on small swarms.
"""

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types, uint32, uint64
from numpy.typing import NDArray

from shoal.nn import activations
from shoal.numerics.philox import MULTIPLIERS, ROUNDS, WEYL, Purpose
from shoal.objectives import losses as objective_losses
from shoal.pso.engines import readout_kernels
from shoal.pso.engines.cache import cached_njit
from shoal.pso.engines.intrinsics.distances import PAIRS, distance_tile
from shoal.pso.engines.intrinsics.losses import (
    add_absolute,
    add_cross_entropy,
    add_huber,
    add_squared,
    add_zero_one,
)
from shoal.pso.engines.intrinsics.maps import (
    apply_gelu,
    apply_leaky_relu,
    apply_sigmoid,
    apply_tanh,
)
from shoal.pso.engines.intrinsics.memory import (
    address_of,
    atomic_fetch_add,
    atomic_load_acquire,
    atomic_store_release,
)
from shoal.pso.engines.intrinsics.moves import move_competitive, move_informed
from shoal.pso.engines.intrinsics.sums import multiply_adds, sum_squares
from shoal.pso.engines.intrinsics.tiles import BLOCK, TILE_NEURONS, TILE_VECTORS, tile
from shoal.pso.engines.llvm_vectors import LANES
from shoal.pso.swarm import out_of_patience, scheduled
from shoal.update_rules import competitive, informed
from shoal.update_rules.informants import INFORMANT_STRATEGIES

# Inputs of a layer that are added up at once: with a block's samples, half of a first-level cache
# of 32 kB.
DEPTH = 64
# Particles that one thread takes through the data together, so that a chunk of it is read once for
# all.
GROUP = 8
# Particles whose distances are measured together; a multiple of PAIRS.
NEIGHBOURS = 16
# Bytes of the data that stay in the second-level cache meanwhile.
CHUNK_BYTES = 1 << 18

# The array ``control`` holds what the threads tell each other. These are its places, eight numbers
# apart, so that each has a cache line of its own.
# The next free job.
JOBS = 0
# How many threads wait for the others.
ARRIVED = 8
# How often all threads have met.
TURN = 16
# The particle that holds the global best.
BEST = 24
# 1 if informants are drawn anew in this iteration.
REWIRING = 32
# 1 if patience has ended the training.
STOPPED = 40
# 1 if a thread has failed, so that the others must not wait for it.
ABORTED = 48
CONTROL_SIZE = 64

# Looks at a number, about 10 microseconds, before the processor is offered to another process.
SPINS = 2000
_YIELD = {"posix": "sched_yield", "nt": "SwitchToThread"}
yield_processor = types.ExternalFunction(_YIELD[os.name], types.int32())

# What kernels compare with must be plain numbers.
TANH = activations.TANH.kernel_number
RELU = activations.RELU.kernel_number
SIGMOID = activations.SIGMOID.kernel_number
LEAKY_RELU = activations.LEAKY_RELU.kernel_number
GELU = activations.GELU.kernel_number
SQUARED = objective_losses.MSE.kernel_number
ABSOLUTE = objective_losses.MAE.kernel_number
HUBER = objective_losses.HUBER.kernel_number
CROSS_ENTROPY = objective_losses.CROSS_ENTROPY.kernel_number
ZERO_ONE = objective_losses.ZERO_ONE.kernel_number
INFORMED = informed.INFORMED.kernel_number
COMPETITIVE = competitive.COMPETITIVE.kernel_number
RANDOM = INFORMANT_STRATEGIES["random"].kernel_number
NEAREST = INFORMANT_STRATEGIES["nearest"].kernel_number
RING = INFORMANT_STRATEGIES["ring"].kernel_number
REWIRED = INFORMANT_STRATEGIES["rewired"].kernel_number

# The numbers that have a branch below, or are what a last branch does. A branch does not check that
# a number is known, which would cost time: the engine refuses all others (shoal.pso.engines.cpu).
# By `_activate`; relu by `tile`.
ACTIVATIONS = frozenset((RELU, TANH, SIGMOID, LEAKY_RELU, GELU))
# By `_add_block`.
LOSSES = frozenset((SQUARED, ABSOLUTE, HUBER, CROSS_ENTROPY, ZERO_ONE))
# By `evaluate`, `_leader`, `move`, `_settle` and `advance`.
RULES = frozenset((INFORMED, COMPETITIVE))
# By `_leader` and `_settle`. Those of "random" and "ring" are drawn before the first iteration.
STRATEGIES = frozenset((RANDOM, NEAREST, RING, REWIRED))

_M0, _M1 = MULTIPLIERS
_W0, _W1 = WEYL
_INFORMANTS = int(Purpose.INFORMANTS)
_PAIRING = int(Purpose.PAIRING)

compiled = cached_njit(nogil=True, error_model="numpy")
inlined = cached_njit(nogil=True, error_model="numpy", inline="always")

# The reference's own functions.
stalled = njit(nogil=True, error_model="numpy")(out_of_patience)
at_time = njit(nogil=True, error_model="numpy")(scheduled)


class Data(NamedTuple):
    """The training rows as the kernels read them, in blocks of `BLOCK` samples.

    The last block is filled up with zeros.
    """

    # A block's features one after another, (blocks * inputs * BLOCK,).
    x: NDArray[np.float32]
    # (blocks * BLOCK,).
    y: NDArray[np.float32]
    # How many samples there are.
    rows: int


class CompiledNetwork(NamedTuple):
    """The network and the objective, as numbers.

    The training loss is ``gain * mean of the rows' losses + shift``.
    """

    # Widths from the inputs to the outputs.
    sizes: NDArray[np.int64]
    # `shoal.nn.activations.Activation.kernel_number`.
    activation: int
    # `shoal.objectives.losses.Loss.kernel_number`.
    loss: int
    gain: float
    shift: float


class Rule(NamedTuple):
    """The update rule with its coefficients; see shoal.pso.swarm and shoal.update_rules.

    A coefficient that the rule does not read is 0.
    """

    # `shoal.update_rules.UpdateRule.kernel_number`.
    number: int
    # The inertia weight in the first iteration, and its value at the end as a share of the first.
    w: float
    w_end: float
    # The velocity limit, likewise.
    vmax: float
    vmax_end: float
    # Iterations to those ends.
    horizon: int
    # The weights of a particle's own best, of its leader, and of the global best.
    c1: np.float32
    c2: np.float32
    c3: np.float32
    # The factor of the velocity in a move.
    jump: np.float32
    # The position limit.
    xmax: np.float32
    # Weight decay.
    decay: float
    # The key of the random stream.
    key0: int
    key1: int
    # `shoal.update_rules.informants.InformantStrategy.kernel_number`.
    strategy: int
    # Whether a particle is drawn to where the one it follows stands, not to that one's best.
    to_position: bool
    # Whether the evaluation of a particle ends as soon as it cannot improve.
    abandon: bool


class Swarm(NamedTuple):
    """The other arrays of `shoal.pso.swarm.SwarmState`, and those that live within an iteration.

    P is the number of particles, k of informants.
    """

    # Positions of the personal bests, in rows of ``stride``, (P * stride,).
    bests: NDArray[np.float32]
    # The losses of the personal bests, (P,); +inf where a particle has none.
    best_losses: NDArray[np.float64]
    # (P, k), ascending in each row.
    informants: NDArray[np.int32]
    # The losses in this iteration, (P,).
    losses: NDArray[np.float64]
    # What is added to the losses: the objective's shift, and weight decay, (P,).
    shifts: NDArray[np.float64]
    # The winner that beat each particle; see shoal.update_rules.competitive.winners, (P,).
    winners: NDArray[np.int64]
    # The random order that pairs are made of, (P,).
    order: NDArray[np.int64]
    # 1 where weight decay counts, else 0, (stride,).
    decayed: NDArray[np.float32]
    # Sums of the losses so far, one for every sixteenth row, (P * 16,).
    sums: NDArray[np.float64]
    # Squared distances between particles, (P, P) if the rule measures them, else (1, 1).
    distances: NDArray[np.float64]
    # Number of weights that a particle holds, D.
    dimensions: int
    # The length of a row, see `padded`.
    stride: int
    # The complete networks of particles that hold the hidden layers only, where their losses are
    # computed from them, (P * network_stride,).
    networks: NDArray[np.float32]
    network_stride: int


class Scratch(NamedTuple):
    """Working memory of one thread."""

    # Activations of two layers of a block, each in a half.
    work: NDArray[np.float32]
    # Rows x particles that were not evaluated, (1,).
    rows_skipped: NDArray[np.int64]
    # Of solved output layers: a block transposed, and the sums of products; see
    # shoal.pso.engines.readout_kernels.
    columns: NDArray[np.float32]
    matrix: NDArray[np.float64]
    # (16,).
    own: NDArray[np.float64]


def padded(dimensions: int) -> int:
    """Compute the length of a row of the swarm's arrays.

    A row has room for whole vectors in each of the four quarters that the words of a Philox block
    go to (shoal.numerics.philox), and is a multiple of 16.
    """
    quarter = -(-dimensions // 4)
    whole_vectors = -(-quarter // LANES) * LANES
    return -(-(3 * quarter + whole_vectors) // LANES) * LANES


# Random words


@inlined
def philox_words(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Compute the four words of a block; see shoal.numerics.philox."""
    for _ in range(ROUNDS):
        product0 = uint64(c0) * uint64(_M0)
        product1 = uint64(c2) * uint64(_M1)

        # Each line reads a word that is not yet replaced.
        c0 = uint32(uint32(product1 >> uint64(32)) ^ c1 ^ k0)
        c1 = uint32(product1)
        c2 = uint32(uint32(product0 >> uint64(32)) ^ c3 ^ k1)
        c3 = uint32(product0)

        k0 = uint32(k0 + uint32(_W0))
        k1 = uint32(k1 + uint32(_W1))
    return c0, c1, c2, c3


@inlined
def _word(n: Any, c0: Any, c1: Any, c2: Any, c3: Any) -> Any:
    """Choose the word of a block that is the n-th of a sequence."""
    place = n % 4
    if place == 0:
        return c0
    if place == 1:
        return c1
    if place == 2:
        return c2
    return c3


@inlined
def _below(limit: Any, word: Any) -> Any:
    """Make a whole number in 0 .. ``limit`` - 1: the upper half of a product of 32-bit words."""
    return np.int64((uint64(word) * uint64(limit)) >> uint64(32))


# Evaluation


@compiled
def spin(rounds: Any) -> Any:
    """Do independent multiply-adds and nothing else, to measure the machine's peak."""
    return multiply_adds(rounds)


@inlined
def _activate(values: Any, vectors: Any, kind: Any) -> None:
    """Apply an activation to 16 ``vectors`` numbers in place.

    Relu does not come here, since `tile` applies it. A number without a branch would leave the
    values as they are, so `ACTIVATIONS` names those that have one.
    """
    if kind == TANH:
        apply_tanh(values, vectors)
    elif kind == SIGMOID:
        apply_sigmoid(values, vectors)
    elif kind == LEAKY_RELU:
        apply_leaky_relu(values, vectors)
    elif kind == GELU:
        apply_gelu(values, vectors)


@inlined
def _dense(
    inputs: Any, size: Any, width: Any, weights: Any, outputs: Any, vectors: Any, relu: Any
) -> None:
    """Compute a layer of ``width`` neurons on ``size`` inputs, for 16 ``vectors`` samples.

    ``inputs``, ``weights`` and ``outputs`` are addresses. The layer is cut three times: into
    `DEPTH` inputs that fit in the cache, into vectors of samples, and into the neurons of a tile.
    """
    for first in range(0, size, DEPTH):
        last = min(first + DEPTH, size)
        # The activation follows the last inputs.
        finish = relu and last == size

        # The widest tiles first, then narrower ones for the vectors that are left.
        vector = 0
        for step in TILE_VECTORS:
            while vector + step <= vectors:
                start = 4 * vector * LANES
                neuron = 0
                while neuron < width:
                    height = width - neuron
                    if height > TILE_NEURONS:
                        # The last two tiles share what is left, so that none is low.
                        if height >= 2 * TILE_NEURONS:
                            height = TILE_NEURONS
                        else:
                            height = (height + 1) // 2

                    row = weights + 4 * neuron * size
                    bias = weights + 4 * (width * size + neuron)
                    out = outputs + start + 4 * neuron * BLOCK
                    tile(step, height, inputs + start, row, size, bias, out, first, last, finish)
                    neuron += height
                vector += step


@inlined
def forward_block(
    weights: Any, data: Any, block: Any, vectors: Any, model: Any, work: Any, layers: Any
) -> Any:
    """Take the first 16 ``vectors`` samples of a block through a network's first ``layers``.

    ``weights`` is the address of the network's. The layers read one half of ``work`` and write the
    other, in turns. The result is the place in ``work`` where the outputs begin.
    """
    sizes = model.sizes
    half = len(work) // 2
    inputs = address_of(data.x, block * sizes[0] * BLOCK)
    out = np.int64(0)

    for layer in range(layers):
        size = sizes[layer]
        width = sizes[layer + 1]
        hidden = layer < len(sizes) - 2
        outputs = address_of(work, out)

        _dense(inputs, size, width, weights, outputs, vectors, hidden and model.activation == RELU)
        if hidden and model.activation != RELU:
            for neuron in range(width):
                _activate(outputs + 4 * neuron * BLOCK, vectors, model.activation)

        # On to the next layer's weights, behind this one's biases, and to the other half.
        weights += 4 * (size + 1) * width
        inputs = outputs
        out = half - out
    return half - out


@inlined
def _add_block(outputs: Any, targets: Any, real: Any, model: Any, sums: Any) -> Any:
    """Add the losses of a block's first ``real`` rows to sixteen sums; returns their total.

    ``outputs``, ``targets`` and ``sums`` are addresses.
    """
    classes = model.sizes[-1]
    if model.loss == SQUARED:
        return add_squared(outputs, targets, classes, real, sums)
    if model.loss == ABSOLUTE:
        return add_absolute(outputs, targets, classes, real, sums)
    if model.loss == HUBER:
        return add_huber(outputs, targets, classes, real, sums)
    if model.loss == CROSS_ENTROPY:
        return add_cross_entropy(outputs, targets, classes, real, sums)
    return add_zero_one(outputs, targets, classes, real, sums)


@compiled
def solve(weights: Any, data: Any, model: Any, readout: Any, scratch: Any) -> Any:
    """Solve the output layer on hidden layers that lie at the address ``weights``.

    Returns its loss, +inf where there is none. ``scratch.matrix`` then has what
    `shoal.pso.engines.readout_kernels.substitute` makes the layer of.
    """
    hidden = len(model.sizes) - 2
    neurons = model.sizes[hidden]
    stride = readout_kernels.matrix_stride(neurons, readout.outputs)
    matrix = scratch.matrix
    matrix[:] = 0.0
    work = scratch.work

    for block in range(-(-data.rows // BLOCK)):
        real = min(BLOCK, data.rows - block * BLOCK)
        place = forward_block(weights, data, block, -(-real // LANES), model, work, hidden)
        readout_kernels.append(work, place, neurons, block, readout)
        readout_kernels.add_products(work, place, neurons, real, stride, readout, scratch)

    readout_kernels.center(matrix, neurons, stride, readout)
    if not readout_kernels.factorise(matrix, neurons, stride, scratch.own):
        return np.inf
    return readout_kernels.minimum(matrix, neurons, stride, readout)


@compiled
def complete(
    first: Any,
    last: Any,
    positions: Any,
    stride: Any,
    dimensions: Any,
    networks: Any,
    network_stride: Any,
    data: Any,
    model: Any,
    readout: Any,
    scratch: Any,
) -> None:
    """Write the complete networks of positions ``first .. last - 1``; NaN where none is solved."""
    hidden = len(model.sizes) - 2
    neurons = model.sizes[hidden]
    for p in range(first, last):
        start = p * network_stride
        for d in range(dimensions):
            networks[start + d] = positions[p * stride + d]

        place = start + dimensions
        loss = solve(address_of(positions, p * stride), data, model, readout, scratch)
        if loss < np.inf:
            stride_of = readout_kernels.matrix_stride(neurons, readout.outputs)
            readout_kernels.substitute(scratch.matrix, neurons, stride_of, readout, networks, place)
        else:
            networks[place : place + (neurons + 1) * readout.outputs] = np.nan


@compiled
def fit_classes(
    network: Any,
    dimensions: Any,
    data: Any,
    model: Any,
    readout: Any,
    scratch: Any,
    most_steps: Any,
    least_gradient: Any,
) -> None:
    """Fit the output layer of a network by the cross-entropy; see `shoal.nn.readout.fit_classes`.

    ``network`` holds the hidden layers, ``dimensions`` numbers. The rest is filled: with NaN where
    nothing can be solved.
    """
    complete(
        0,
        1,
        network,
        len(network),
        dimensions,
        network,
        len(network),
        data,
        model,
        readout,
        scratch,
    )
    if not math.isfinite(network[dimensions]):
        return

    hidden = len(model.sizes) - 2
    neurons = model.sizes[hidden]
    features = np.empty((data.rows, neurons), np.float32)
    work = scratch.work
    weights = address_of(network, 0)
    for block in range(-(-data.rows // BLOCK)):
        real = min(BLOCK, data.rows - block * BLOCK)
        place = forward_block(weights, data, block, -(-real // LANES), model, work, hidden)
        for neuron in range(neurons):
            for s in range(real):
                features[block * BLOCK + s, neuron] = work[place + neuron * BLOCK + s]

    readout_kernels.fit_classes(
        features,
        scratch.matrix,
        neurons,
        readout_kernels.matrix_stride(neurons, readout.outputs),
        readout,
        network,
        dimensions,
        most_steps,
        least_gradient,
    )


@compiled
def _solve_range(
    first: Any,
    last: Any,
    positions: Any,
    swarm: Any,
    data: Any,
    model: Any,
    readout: Any,
    scratch: Any,
) -> None:
    """Solve the output layers of the particles that are evaluated.

    Their losses are the least squares, or their complete networks are written to be judged.
    """
    for p in range(first, last):
        if swarm.losses[p] == np.inf:
            continue
        if readout.judged:
            complete(
                p,
                p + 1,
                positions,
                swarm.stride,
                swarm.dimensions,
                swarm.networks,
                swarm.network_stride,
                data,
                model,
                readout,
                scratch,
            )
            continue

        weights = address_of(positions, p * swarm.stride)
        loss = model.gain * solve(weights, data, model, readout, scratch) + swarm.shifts[p]
        if not math.isfinite(loss):
            loss = np.inf
        swarm.losses[p] = loss


@inlined
def evaluate(
    first: Any,
    last: Any,
    positions: Any,
    swarm: Any,
    data: Any,
    model: Any,
    readout: Any,
    rule: Any,
    scratch: Any,
) -> None:
    """Compute the losses of particles ``first .. last - 1``, and update their personal bests.

    A loss that is NaN or infinite counts as +inf. By the competitive rule a particle that has a
    best stands on it, so it is left out.

    With ``rule.abandon`` an evaluation ends as soon as the rows so far make the particle no better
    than its personal best; its loss is +inf then, too. No loss of a row is negative, and rounding
    keeps the order of sums, so the particle would not have become a best: nothing else changes.
    """
    blocks = -(-data.rows // BLOCK)
    chunk = max(1, CHUNK_BYTES // (4 * BLOCK * model.sizes[0]))
    layers = len(model.sizes) - 1
    losses = swarm.losses
    sums = swarm.sums
    work = scratch.work

    # Before the data: which particles are left out, their weight decay, and empty sums.
    for p in range(first, last):
        losses[p] = 0.0
        swarm.shifts[p] = model.shift
        if rule.number == COMPETITIVE and swarm.best_losses[p] < np.inf:
            losses[p] = np.inf
            scratch.rows_skipped[0] += data.rows
            continue

        if rule.decay > 0:
            row = address_of(positions, p * swarm.stride)
            decayed = address_of(swarm.decayed, 0)
            swarm.shifts[p] += rule.decay * sum_squares(row, decayed, swarm.stride)
        for lane in range(LANES):
            sums[p * LANES + lane] = 0.0

    networks = positions
    stride = swarm.stride
    if readout.solved:
        # Where the loss is the least squares, no row is looked at again.
        _solve_range(first, last, positions, swarm, data, model, readout, scratch)
        networks = swarm.networks
        stride = swarm.network_stride
        if not readout.judged:
            blocks = 0

    # A chunk of the data stays in the cache while all the particles read it.
    for start in range(0, blocks, chunk):
        end = min(start + chunk, blocks)
        for p in range(first, last):
            if losses[p] == np.inf:
                continue
            weights = address_of(networks, p * stride)
            for block in range(start, end):
                # The last block is not full.
                real = min(BLOCK, data.rows - block * BLOCK)
                vectors = -(-real // LANES)
                place = forward_block(weights, data, block, vectors, model, work, layers)
                outputs = address_of(work, place)
                targets = address_of(data.y, block * BLOCK)
                total = _add_block(outputs, targets, real, model, address_of(sums, p * LANES))

                # The loss if no row followed: the rest can only add to it.
                loss = model.gain * (total / data.rows) + swarm.shifts[p]
                if not math.isfinite(loss):
                    loss = np.inf
                losses[p] = loss
                if rule.abandon and block < blocks - 1 and not losses[p] < swarm.best_losses[p]:
                    losses[p] = np.inf
                    scratch.rows_skipped[0] += data.rows - (block + 1) * BLOCK
                    break

    # After the data: personal bests.
    for p in range(first, last):
        if losses[p] < swarm.best_losses[p]:
            swarm.best_losses[p] = losses[p]
            for d in range(p * swarm.stride, (p + 1) * swarm.stride):
                swarm.bests[d] = positions[d]


@compiled
def outputs(weights: Any, data: Any, model: Any, work: Any, out: Any) -> None:
    """Compute one network's outputs for every sample, into ``out`` (outputs, blocks * BLOCK)."""
    layers = len(model.sizes) - 1
    for block in range(out.shape[1] // BLOCK):
        start = address_of(weights, 0)
        place = forward_block(start, data, block, BLOCK // LANES, model, work, layers)
        for c in range(out.shape[0]):
            for s in range(BLOCK):
                out[c, block * BLOCK + s] = work[place + c * BLOCK + s]


# Informants


@compiled
def _sort(row: Any) -> None:
    """Sort in place, by insertion: rows are short, or nearly sorted."""
    for n in range(1, len(row)):
        value = row[n]
        place = n
        while place > 0 and row[place - 1] > value:
            row[place] = row[place - 1]
            place -= 1
        row[place] = value


@compiled
def random_informants(i: Any, informants: Any, iteration: Any, key0: Any, key1: Any) -> None:
    """Draw the informants of particle ``i``; see shoal.update_rules.informants.

    References
    ----------
    Bentley and Floyd, "Programming Pearls: A Sample of Brilliance", 1987.
    """
    particles, k = informants.shape
    row = informants[i]

    # Floyd's sampling of the other particles, numbered 0 .. P - 2. The n-th draw is among the first
    # ``top + 1`` of them; if it was drawn before, ``top`` itself is new.
    c0 = c1 = c2 = c3 = uint32(0)
    for n in range(k):
        if n % 4 == 0:
            c0, c1, c2, c3 = philox_words(
                uint32(n // 4),
                uint32(i),
                uint32(iteration),
                uint32(_INFORMANTS),
                uint32(key0),
                uint32(key1),
            )
        top = particles - 1 - k + n
        pick = _below(top + 1, _word(n, c0, c1, c2, c3))
        for m in range(n):
            if row[m] == pick:
                pick = top
                break
        row[n] = pick

    # The particle steps over itself.
    for n in range(k):
        if row[n] >= i:
            row[n] += 1
    _sort(row)


@inlined
def measure(first: Any, positions: Any, stride: Any, distances: Any) -> None:
    """Measure squared distances: of `NEIGHBOURS` particles from ``first`` on to each other, and to
    all before them.

    The particles stay in the second-level cache while the others are read, a tile at a time.
    """
    particles = len(distances)
    last = min(first + NEIGHBOURS, particles)
    for j in range(0, last, PAIRS):
        for i in range(max(first, j), last, PAIRS):
            distance_tile(positions, stride, i, j, particles, distances)


@compiled
def nearest_informants(i: Any, informants: Any, distances: Any) -> None:
    """Choose the particles at the smallest distances from particle ``i``; of equals the lower
    number.
    """
    row = distances[i]
    near = informants[i]
    k = len(near)

    # The nearest so far, ascending by distance: each particle is inserted at its place.
    count = 0
    for j in range(len(distances)):
        if j == i:
            continue
        if count == k and not row[j] < row[near[k - 1]]:
            continue
        place = min(count, k - 1)
        while place > 0 and row[near[place - 1]] > row[j]:
            near[place] = near[place - 1]
            place -= 1
        near[place] = j
        count = min(count + 1, k)
    _sort(near)


@inlined
def best_informant(i: Any, informants: Any, best_losses: Any) -> Any:
    """Find the informant of the lowest loss; of equals the lower number."""
    best = informants[i, 0]
    for n in range(informants.shape[1]):
        if best_losses[informants[i, n]] < best_losses[best]:
            best = informants[i, n]
    return best


@inlined
def _leader(i: Any, swarm: Any, rewiring: Any, iteration: Any, rule: Any) -> Any:
    """Find the particle that particle ``i`` is drawn to.

    By the informed rule it is the best informant, after the informants are chosen. By the
    competitive rule it is the winner of the particle's pair, which may be the particle itself.
    """
    if rule.number == COMPETITIVE:
        return swarm.winners[i]

    if rule.strategy == NEAREST:
        nearest_informants(i, swarm.informants, swarm.distances)
    elif rewiring:
        random_informants(i, swarm.informants, iteration + 1, rule.key0, rule.key1)
    return best_informant(i, swarm.informants, swarm.best_losses)


@compiled
def compete(swarm: Any, iteration: Any, key0: Any, key1: Any) -> None:
    """Find the winners of all pairs; see shoal.update_rules.competitive.winners."""
    particles = len(swarm.order)
    order = swarm.order
    for n in range(particles):
        order[n] = n
        swarm.winners[n] = n

    # A random order, by the algorithm of Fisher and Yates. Words are read from the last to the
    # first, so that a block is computed where its last word is due.
    c0 = c1 = c2 = c3 = uint32(0)
    for n in range(particles - 1, 0, -1):
        if n % 4 == 3 or n == particles - 1:
            c0, c1, c2, c3 = philox_words(
                uint32(n // 4),
                uint32(0),
                uint32(iteration),
                uint32(_PAIRING),
                uint32(key0),
                uint32(key1),
            )
        m = _below(n + 1, _word(n, c0, c1, c2, c3))
        order[n], order[m] = order[m], order[n]

    # Neighbours are pairs; of equals the lower number wins.
    for n in range(0, particles - 1, 2):
        winner = min(order[n], order[n + 1])
        loser = max(order[n], order[n + 1])
        if swarm.best_losses[loser] < swarm.best_losses[winner]:
            winner, loser = loser, winner
        swarm.winners[loser] = winner


# Moves


@inlined
def stay(i: Any, old: Any, new: Any, stride: Any) -> None:
    """Copy position and velocity of particle ``i`` from the pair ``old`` to the pair ``new``."""
    for d in range(i * stride, (i + 1) * stride):
        new[0][d] = old[0][d]
        new[1][d] = old[1][d]


@inlined
def move(
    i: Any,
    old: Any,
    new: Any,
    swarm: Any,
    leader: Any,
    best: Any,
    iteration: Any,
    w: Any,
    vmax: Any,
    rule: Any,
) -> None:
    """Move particle ``i``: reads position and velocity from ``old``, writes those in ``new``.

    There are two pairs for two reasons. Another particle may still have to read where this one
    stood (`attractor="position"`). And the last vector of a quarter may write over the start of the
    next quarter, which is written after it.
    """
    blocks = -(-swarm.dimensions // 4)
    if rule.to_position:
        towards = old[0]
    else:
        towards = swarm.bests

    # Addresses of the particle's rows.
    row = 4 * i * swarm.stride
    x = address_of(old[0], 0) + row
    v = address_of(old[1], 0) + row
    new_x = address_of(new[0], 0) + row
    new_v = address_of(new[1], 0) + row

    # Addresses of what it is drawn to: its own best, the global best, and its leader's best or
    # position.
    bests = address_of(swarm.bests, 0)
    own = bests + row
    top = bests + 4 * best * swarm.stride
    social = address_of(towards, leader * swarm.stride)

    # Vectors of a quarter from the last to the first.
    for n in range(-(-blocks // LANES) - 1, -1, -1):
        block = n * LANES
        offset = 4 * block
        particle = (x + offset, v + offset, new_x + offset, new_v + offset)
        targets = (own + offset, social + offset, top + offset)
        if rule.number == COMPETITIVE:
            move_competitive(*particle, *targets, blocks, block, i, iteration, w, vmax, rule)
        else:
            move_informed(*particle, *targets, blocks, block, i, iteration, w, vmax, rule)


# Threads


@compiled
def _arrive(control: Any, threads: Any) -> Any:
    """Wait until all threads are here.

    The last one does not wait: it gets True, and lets the others go by `_release`.
    """
    turn = atomic_load_acquire(control, TURN)
    if atomic_fetch_add(control, ARRIVED) == threads - 1:
        return True

    spins = 0
    while atomic_load_acquire(control, TURN) == turn and atomic_load_acquire(control, ABORTED) == 0:
        spins += 1
        if spins > SPINS:
            yield_processor()
    return False


@inlined
def _release(control: Any) -> None:
    """Let the waiting threads go on, with jobs numbered from 0 again."""
    atomic_store_release(control, JOBS, 0)
    atomic_store_release(control, ARRIVED, 0)
    atomic_store_release(control, TURN, atomic_load_acquire(control, TURN) + 1)


@inlined
def _ended(control: Any) -> Any:
    """Tell whether patience has ended, or a thread has failed."""
    stopped = atomic_load_acquire(control, STOPPED) != 0
    return stopped or atomic_load_acquire(control, ABORTED) != 0


@inlined
def _settle(swarm: Any, history: Any, done: Any, rule: Any, control: Any) -> None:
    """Find the global best of an iteration, whether informants are drawn anew, and the winners."""
    best = 0
    for i in range(len(swarm.losses)):
        if swarm.best_losses[i] < swarm.best_losses[best]:
            best = i
    history[done] = swarm.best_losses[best]
    atomic_store_release(control, BEST, best)

    before = np.inf
    if done > 0:
        before = history[done - 1]
    rewiring = rule.strategy == REWIRED and not history[done] < before
    atomic_store_release(control, REWIRING, np.int64(rewiring))

    if rule.number == COMPETITIVE:
        compete(swarm, done, rule.key0, rule.key1)


@compiled
def advance(
    old: Any,
    new: Any,
    swarm: Any,
    history: Any,
    done: Any,
    until: Any,
    patience: Any,
    least: Any,
    data: Any,
    model: Any,
    readout: Any,
    rule: Any,
    control: Any,
    threads: Any,
    scratch: Any,
) -> Any:
    """Do the iterations ``done .. until - 1`` of one swarm.

    It is called by ``threads`` threads at once, each with its own ``scratch``. They share the
    particles: a thread that is free takes the next job. They meet twice an iteration. Which thread
    does a job changes no bit.

    Parameters
    ----------
    old, new
        Pairs of positions and velocities, in rows of ``swarm.stride``. ``old`` holds the swarm.
        Each iteration reads one pair and writes the other, so the last positions are in ``old``
        after an even number of iterations, in ``new`` after an odd one.
    swarm, data, model, readout, rule
        See the tuples above.
    history
        The global best loss after each iteration, with room up to ``until``.
    done, until
        Iterations before and after.
    patience, least
        See shoal.pso.swarm.out_of_patience.
    control
        What the threads tell each other, `CONTROL_SIZE` numbers.
    threads
        How many there are.
    scratch
        Working memory of this thread.

    Returns
    -------
    int
        Iterations that are done in the end, fewer than ``until`` if patience ended.
    """
    particles = len(swarm.losses)

    # The jobs of the first half of an iteration: groups of particles to evaluate, smaller ones for
    # several threads so that none waits long, and tiles of distances to measure.
    group = GROUP
    if threads > 1:
        group = max(1, min(GROUP, particles // (4 * threads)))
    groups = -(-particles // group)
    tiles = 0
    if rule.strategy == NEAREST and rule.number != COMPETITIVE:
        tiles = -(-particles // NEIGHBOURS)

    while done < until and not _ended(control):
        # Evaluate, and measure distances.
        job = atomic_fetch_add(control, JOBS)
        while job < groups + tiles:
            if job < tiles:
                # The longest first.
                first = (tiles - 1 - job) * NEIGHBOURS
                measure(first, old[0], swarm.stride, swarm.distances)
            else:
                first = (job - tiles) * group
                last = min(first + group, particles)
                evaluate(first, last, old[0], swarm, data, model, readout, rule, scratch)
            job = atomic_fetch_add(control, JOBS)

        # One thread settles what all need to know for the moves.
        if _arrive(control, threads):
            _settle(swarm, history, done, rule, control)
            _release(control)

        # Move.
        best = atomic_load_acquire(control, BEST)
        rewired = atomic_load_acquire(control, REWIRING) == 1
        w = at_time(rule.w, rule.w_end, done, rule.horizon)
        vmax = at_time(rule.vmax, rule.vmax_end, done, rule.horizon)
        i = atomic_fetch_add(control, JOBS)
        while i < particles:
            leader = _leader(i, swarm, rewired, done, rule)
            if rule.number == COMPETITIVE and leader == i:
                stay(i, old, new, swarm.stride)
            else:
                move(i, old, new, swarm, leader, best, done, w, vmax, rule)
                if rule.number == COMPETITIVE:
                    # Who moves leaves its best behind.
                    swarm.best_losses[i] = np.inf
            i = atomic_fetch_add(control, JOBS)
        old, new = new, old
        done += 1

        # One thread finds out whether patience has ended.
        if _arrive(control, threads):
            stopped = np.int64(stalled(history, done, patience, least))
            atomic_store_release(control, STOPPED, stopped)
            _release(control)
    return done


@compiled
def settle_and_move(
    old: Any, new: Any, swarm: Any, history: Any, done: Any, rule: Any, control: Any
) -> None:
    """Do one iteration whose losses somebody else has put into ``swarm.losses``.

    Parameters are those of `advance`. The swarm is in ``old`` before and in ``new`` afterwards.
    """
    particles = len(swarm.losses)
    for p in range(particles):
        if swarm.losses[p] < swarm.best_losses[p]:
            swarm.best_losses[p] = swarm.losses[p]
            for d in range(p * swarm.stride, (p + 1) * swarm.stride):
                swarm.bests[d] = old[0][d]
    if rule.strategy == NEAREST and rule.number != COMPETITIVE:
        for first in range(0, particles, NEIGHBOURS):
            measure(first, old[0], swarm.stride, swarm.distances)

    _settle(swarm, history, done, rule, control)
    best = control[BEST]
    rewired = control[REWIRING] == 1
    w = at_time(rule.w, rule.w_end, done, rule.horizon)
    vmax = at_time(rule.vmax, rule.vmax_end, done, rule.horizon)

    for i in range(particles):
        leader = _leader(i, swarm, rewired, done, rule)
        if rule.number == COMPETITIVE and leader == i:
            stay(i, old, new, swarm.stride)
            continue
        move(i, old, new, swarm, leader, best, done, w, vmax, rule)
        if rule.number == COMPETITIVE:
            # Who moves leaves its best behind.
            swarm.best_losses[i] = np.inf
