"""The compiled steps of a swarm: evaluate, settle the bests and informants, move.

Everything works on one swarm and a range of its particles, so that one thread can do a whole swarm
and several can share one, with the same bits. Numba compiles it to run without Python's lock.
Parameters carry ``Any``: their types are Numba's.

Start with `advance`, the last function, which calls everything else.

Arrays of a tuple that an inner loop uses are named before it, since Numba counts each look into a
tuple. How the code is cut into functions changes its speed, though not its bits: measure before it
is changed.
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
from shoal.update_rules import competitive
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

# What threads tell each other: places in the array ``control``, each with a cache line of its own.
# They are the next free job, the threads that wait, how often all have met, the particle with the
# global best, and three flags: informants are drawn anew, patience has ended, a thread has failed.
JOBS, ARRIVED, TURN, BEST, REWIRING, STOPPED, ABORTED = range(0, 56, 8)
CONTROL_SIZE = 64
# Looks at a number, about 10 microseconds, before the processor is offered to another process.
SPINS = 2000
yield_processor = types.ExternalFunction(
    "sched_yield" if os.name == "posix" else "SwitchToThread", types.int32()
)

# What kernels compare with must be plain numbers.
TANH = activations.TANH.kernel_number
RELU = activations.RELU.kernel_number
SIGMOID = activations.SIGMOID.kernel_number
LEAKY_RELU = activations.LEAKY_RELU.kernel_number
GELU = activations.GELU.kernel_number
COMPETITIVE = competitive.COMPETITIVE.kernel_number
NEAREST = INFORMANT_STRATEGIES["nearest"].kernel_number
REWIRED = INFORMANT_STRATEGIES["rewired"].kernel_number

_M0, _M1 = MULTIPLIERS
_W0, _W1 = WEYL
_INFORMANTS, _PAIRING = int(Purpose.INFORMANTS), int(Purpose.PAIRING)

compiled = cached_njit(nogil=True, error_model="numpy")
inlined = cached_njit(nogil=True, error_model="numpy", inline="always")


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
    """The network and the objective, as numbers."""

    # Widths from the inputs to the outputs.
    sizes: NDArray[np.int64]
    # `shoal.nn.activations.Activation.kernel_number`.
    activation: int
    # `shoal.objectives.losses.Loss.kernel_number`.
    loss: int
    gain: float
    shift: float


class Rule(NamedTuple):
    """The update rule with its coefficients. A coefficient that the rule does not read is 0."""

    # `shoal.update_rules.UpdateRule.kernel_number`.
    number: int
    # w in the first iteration, and in the last as a share of that.
    w: float
    w_end: float
    # vmax, likewise.
    vmax: float
    vmax_end: float
    # Iterations to those ends.
    horizon: int
    c1: np.float32
    c2: np.float32
    c3: np.float32
    jump: np.float32
    xmax: np.float32
    # Weight decay.
    decay: float
    # The random stream.
    key0: int
    key1: int
    # `shoal.update_rules.informants.InformantStrategy.kernel_number`.
    strategy: int
    # Whether a particle is drawn to where the one it follows stands, not to that one's best.
    to_position: bool
    # Whether the evaluation of a particle ends as soon as it cannot improve.
    abandon: bool


class Swarm(NamedTuple):
    """The other arrays of `shoal.pso.swarm.SwarmState`, and what only lives within an iteration."""

    # Positions of the personal bests, in rows of ``stride``, (P * stride,).
    bests: NDArray[np.float32]
    # (P,).
    best_losses: NDArray[np.float64]
    # (P, k).
    informants: NDArray[np.int32]
    # Of the iteration, (P,).
    losses: NDArray[np.float64]
    # What is added to the losses: the objective's shift, and weight decay, (P,).
    shifts: NDArray[np.float64]
    # See shoal.update_rules.competitive.winners, (P,).
    winners: NDArray[np.int64]
    # The random order that pairs are made of, (P,).
    order: NDArray[np.int64]
    # 1 where weight decay counts, else 0, (stride,).
    decayed: NDArray[np.float32]
    # Sums of the losses so far, one for every sixteenth row, (P * 16,).
    sums: NDArray[np.float64]
    # (P, P) if the rule measures distances, else (1, 1).
    distances: NDArray[np.float64]
    dimensions: int
    # The length of a row, see `padded`.
    stride: int


class Scratch(NamedTuple):
    """Working memory of one thread."""

    # Activations of two layers of a block, (2 * widest layer * BLOCK,).
    work: NDArray[np.float32]
    # Rows x particles that were not evaluated, (1,).
    rows_skipped: NDArray[np.int64]


def padded(dimensions: int) -> int:
    """Compute the length of a row of the swarm's arrays.

    A row has room for whole vectors in each of the four quarters that the words of a Philox block
    go to (shoal.numerics.philox), and is a multiple of 16.
    """
    quarter = -(-dimensions // 4)
    whole_vectors = -(-quarter // LANES) * LANES
    return -(-(3 * quarter + whole_vectors) // LANES) * LANES


@inlined
def _philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Philox4x32-10; see shoal.numerics.philox."""
    for _ in range(ROUNDS):
        p0, p1 = uint64(c0) * uint64(_M0), uint64(c2) * uint64(_M1)
        c0, c1, c2, c3 = (
            uint32(uint32(p1 >> uint64(32)) ^ c1 ^ k0),
            uint32(p1),
            uint32(uint32(p0 >> uint64(32)) ^ c3 ^ k1),
            uint32(p0),
        )
        k0, k1 = uint32(k0 + uint32(_W0)), uint32(k1 + uint32(_W1))
    return c0, c1, c2, c3


@compiled
def spin(rounds: Any) -> Any:
    """`multiply_adds`, to time."""
    return multiply_adds(rounds)


@inlined
def _activate(values: Any, vectors: Any, kind: Any) -> None:
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
    """A layer of ``width`` neurons on ``size`` inputs, for 16 ``vectors`` samples of a block; the
    arrays by address.
    """
    for first in range(0, size, DEPTH):
        last = min(first + DEPTH, size)
        end = relu and last == size
        s = 0
        for step in TILE_VECTORS:
            while s + step <= vectors:
                start, j = 4 * s * LANES, 0
                while j < width:
                    height = width - j
                    if (
                        height > TILE_NEURONS
                    ):  # the last two share what is left, so that none is low
                        height = TILE_NEURONS if height >= 2 * TILE_NEURONS else (height + 1) // 2
                    row, bias = weights + 4 * j * size, weights + 4 * (width * size + j)
                    out = outputs + start + 4 * j * BLOCK
                    tile(step, height, inputs + start, row, size, bias, out, first, last, end)
                    j += height
                s += step


@inlined
def forward_block(weights: Any, data: Any, block: Any, vectors: Any, model: Any, work: Any) -> Any:
    """The first 16 ``vectors`` samples of a block through the network at address ``weights``: where
    ``work`` has its outputs.

    Layers read and write the two halves of ``work`` in turn.
    """
    sizes, half = model.sizes, len(work) // 2
    inputs, out = address_of(data.x, block * sizes[0] * BLOCK), np.int64(0)
    for layer in range(len(sizes) - 1):
        size, width, hidden = sizes[layer], sizes[layer + 1], layer < len(sizes) - 2
        outputs = address_of(work, out)
        _dense(inputs, size, width, weights, outputs, vectors, hidden and model.activation == RELU)
        if hidden and model.activation != RELU:
            for j in range(width):
                _activate(outputs + 4 * j * BLOCK, vectors, model.activation)
        weights += 4 * (size + 1) * width
        inputs, out = outputs, half - out
    return half - out


@inlined
def _add_block(outputs: Any, targets: Any, real: Any, model: Any, sums: Any) -> Any:
    """Add the losses of a block's ``real`` rows to the sixteen sums at that address; their
    total.
    """
    classes = model.sizes[-1]
    if model.loss == 0:
        return add_squared(outputs, targets, classes, real, sums)
    if model.loss == 1:
        return add_absolute(outputs, targets, classes, real, sums)
    if model.loss == 2:
        return add_huber(outputs, targets, classes, real, sums)
    if model.loss == 3:
        return add_cross_entropy(outputs, targets, classes, real, sums)
    return add_zero_one(outputs, targets, classes, real, sums)


@inlined
def evaluate(
    first: Any,
    last: Any,
    positions: Any,
    swarm: Any,
    data: Any,
    model: Any,
    rule: Any,
    scratch: Any,
) -> None:
    """The losses of particles ``first .. last``, NaN and infinities as +inf; and their personal
    bests.

    By the competitive rule a particle that has a best stands on it: it is left out.
    ``rule.abandon``: +inf too for a particle whose rows so far already make it no better than its
    personal best. No loss of a row is negative, and rounding keeps the order of sums, so that it
    would not have become a best: nothing else changes.
    """
    blocks = -(-data.rows // BLOCK)
    chunk = max(1, CHUNK_BYTES // (4 * BLOCK * model.sizes[0]))
    losses, sums, work = swarm.losses, swarm.sums, scratch.work
    for p in range(first, last):
        losses[p], swarm.shifts[p] = 0.0, model.shift
        if rule.number == COMPETITIVE and swarm.best_losses[p] < np.inf:
            losses[p] = np.inf
            scratch.rows_skipped[0] += data.rows
            continue
        if rule.decay > 0:
            row = address_of(positions, p * swarm.stride)
            swarm.shifts[p] += rule.decay * sum_squares(
                row, address_of(swarm.decayed, 0), swarm.stride
            )
        for lane in range(LANES):
            sums[p * LANES + lane] = 0.0
    for start in range(0, blocks, chunk):
        end = min(start + chunk, blocks)
        for p in range(first, last):
            if losses[p] == np.inf:
                continue
            weights = address_of(positions, p * swarm.stride)
            for block in range(start, end):
                real = min(BLOCK, data.rows - block * BLOCK)
                out = address_of(
                    work, forward_block(weights, data, block, -(-real // LANES), model, work)
                )
                total = _add_block(
                    out, address_of(data.y, block * BLOCK), real, model, address_of(sums, p * LANES)
                )
                value = model.gain * (total / data.rows) + swarm.shifts[p]
                losses[p] = value if math.isfinite(value) else np.inf
                if rule.abandon and block < blocks - 1 and not losses[p] < swarm.best_losses[p]:
                    losses[p] = np.inf
                    scratch.rows_skipped[0] += data.rows - (block + 1) * BLOCK
                    break
    for p in range(first, last):
        if losses[p] < swarm.best_losses[p]:
            swarm.best_losses[p] = losses[p]
            for d in range(p * swarm.stride, (p + 1) * swarm.stride):
                swarm.bests[d] = positions[d]


@compiled
def outputs(weights: Any, data: Any, model: Any, work: Any, out: Any) -> None:
    """One network's outputs for every sample, into ``out`` (outputs, blocks * BLOCK)."""
    for block in range(out.shape[1] // BLOCK):
        at = forward_block(address_of(weights, 0), data, block, BLOCK // LANES, model, work)
        for c in range(out.shape[0]):
            for s in range(BLOCK):
                out[c, block * BLOCK + s] = work[at + c * BLOCK + s]


@compiled
def _sort(row: Any) -> None:
    """By insertion: rows are short, or nearly sorted."""
    for n in range(1, len(row)):
        value, at = row[n], n
        while at > 0 and row[at - 1] > value:
            row[at] = row[at - 1]
            at -= 1
        row[at] = value


@compiled
def random_informants(i: Any, informants: Any, iteration: Any, key0: Any, key1: Any) -> None:
    """See shoal.pso.swarm.random_informants."""
    particles, k = informants.shape
    row = informants[i]
    c0 = c1 = c2 = c3 = uint32(0)
    for n in range(k):
        if n % 4 == 0:
            c0, c1, c2, c3 = _philox(
                uint32(n // 4),
                uint32(i),
                uint32(iteration),
                uint32(_INFORMANTS),
                uint32(key0),
                uint32(key1),
            )
        word = c0 if n % 4 == 0 else c1 if n % 4 == 1 else c2 if n % 4 == 2 else c3
        top = particles - 1 - k + n
        pick = np.int64((uint64(word) * uint64(top + 1)) >> uint64(32))
        for m in range(n):
            if row[m] == pick:
                pick = top
                break
        row[n] = pick
    for n in range(k):
        if row[n] >= i:
            row[n] += 1
    _sort(row)


@inlined
def measure(first: Any, positions: Any, stride: Any, distances: Any) -> None:
    """The squared distances of particles ``first .. first + NEIGHBOURS`` to all before them, and to
    each other.

    Each tile of particles that is read serves all of them: they stay in the second-level cache.
    """
    particles = len(distances)
    last = min(first + NEIGHBOURS, particles)
    for j in range(0, last, PAIRS):
        for i in range(max(first, j), last, PAIRS):
            distance_tile(positions, stride, i, j, particles, distances)


@compiled
def nearest_informants(i: Any, informants: Any, distances: Any) -> None:
    """Those at the smallest distances, the lower number first."""
    row, near = distances[i], informants[i]
    k, count = len(near), 0
    for j in range(len(distances)):
        if j == i or (count == k and not row[j] < row[near[k - 1]]):
            continue
        at = min(count, k - 1)
        while at > 0 and row[near[at - 1]] > row[j]:
            near[at] = near[at - 1]
            at -= 1
        near[at] = j
        count = min(count + 1, k)
    _sort(near)


@inlined
def _leader(i: Any, informants: Any, best_losses: Any) -> Any:
    """The best informant, the lower number first."""
    leader = informants[i, 0]
    for n in range(informants.shape[1]):
        if best_losses[informants[i, n]] < best_losses[leader]:
            leader = informants[i, n]
    return leader


@inlined
def _follows(i: Any, swarm: Any, rewiring: Any, iteration: Any, rule: Any) -> Any:
    """Whom particle ``i`` is drawn to: its best informant, settled first; by the competitive rule
    who beat it, or itself.
    """
    if rule.number == COMPETITIVE:
        return swarm.winners[i]
    if rule.strategy == NEAREST:
        nearest_informants(i, swarm.informants, swarm.distances)
    elif rewiring:
        random_informants(i, swarm.informants, iteration + 1, rule.key0, rule.key1)
    return _leader(i, swarm.informants, swarm.best_losses)


@compiled
def _compete(swarm: Any, iteration: Any, key0: Any, key1: Any) -> None:
    """See shoal.pso.swarm.winners; into ``swarm.winners``."""
    particles, order = len(swarm.order), swarm.order
    for n in range(particles):
        order[n] = swarm.winners[n] = n
    c0 = c1 = c2 = c3 = uint32(0)
    for n in range(particles - 1, 0, -1):
        if n % 4 == 3 or n == particles - 1:
            c0, c1, c2, c3 = _philox(
                uint32(n // 4),
                uint32(0),
                uint32(iteration),
                uint32(_PAIRING),
                uint32(key0),
                uint32(key1),
            )
        word = c0 if n % 4 == 0 else c1 if n % 4 == 1 else c2 if n % 4 == 2 else c3
        m = np.int64((uint64(word) * uint64(n + 1)) >> uint64(32))
        order[n], order[m] = order[m], order[n]
    for n in range(0, particles - 1, 2):
        winner, loser = min(order[n], order[n + 1]), max(order[n], order[n + 1])
        if swarm.best_losses[loser] < swarm.best_losses[winner]:
            winner, loser = loser, winner
        swarm.winners[loser] = winner


@inlined
def stay(i: Any, old: Any, new: Any, stride: Any) -> None:
    """Particle ``i`` of the pair ``old`` into the pair ``new``, as it is."""
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
    """Position and velocity of particle ``i``: reads the pair ``old``, writes the pair ``new``.

    Two of each, because another particle may still have to read where this one stood
    (`attractor="position"`), and so that the last vector of a quarter may write over the start of
    the next, which is written after it.
    """
    blocks = -(-swarm.dimensions // 4)
    towards = old[0] if rule.to_position else swarm.bests
    row = 4 * i * swarm.stride
    x, v = address_of(old[0], 0) + row, address_of(old[1], 0) + row
    new_x, new_v = address_of(new[0], 0) + row, address_of(new[1], 0) + row
    bests = address_of(swarm.bests, 0)
    own, top = bests + row, bests + 4 * best * swarm.stride
    social = address_of(towards, leader * swarm.stride)
    for n in range(-(-blocks // LANES) - 1, -1, -1):
        b = n * LANES
        at = 4 * b
        here, there = (x + at, v + at, new_x + at, new_v + at), (own + at, social + at, top + at)
        if rule.number == COMPETITIVE:
            move_competitive(*here, *there, blocks, b, i, iteration, w, vmax, rule)
        else:
            move_informed(*here, *there, blocks, b, i, iteration, w, vmax, rule)


@compiled
def _arrive(control: Any, threads: Any) -> Any:
    """Wait until all threads are here, but the last: it hears True, and lets the others go by
    `_release`.
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
    atomic_store_release(control, JOBS, 0)
    atomic_store_release(control, ARRIVED, 0)
    atomic_store_release(control, TURN, atomic_load_acquire(control, TURN) + 1)


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
    rule: Any,
    control: Any,
    threads: Any,
    scratch: Any,
) -> Any:
    """Iterations ``done .. until`` of one swarm; says how many are done then.

    Called by ``threads`` threads at once, each with its own ``scratch``; they share the particles,
    whoever is free taking the next, and meet twice an iteration. Which thread does what changes no
    bit. ``old`` and ``new`` are pairs of positions and velocities; the last ones are in ``old``
    after an even number of iterations, in ``new`` after an odd one.
    """
    particles = len(swarm.losses)
    group = max(1, min(GROUP, particles // (4 * threads))) if threads > 1 else GROUP
    groups = -(-particles // group)
    tiles = (
        -(-particles // NEIGHBOURS)
        if rule.strategy == NEAREST and rule.number != COMPETITIVE
        else 0
    )
    while (
        done < until
        and atomic_load_acquire(control, STOPPED) == 0
        and atomic_load_acquire(control, ABORTED) == 0
    ):
        job = atomic_fetch_add(control, JOBS)
        while job < groups + tiles:
            if job < tiles:
                measure(
                    (tiles - 1 - job) * NEIGHBOURS, old[0], swarm.stride, swarm.distances
                )  # the longest first
            else:
                first = (job - tiles) * group
                evaluate(
                    first, min(first + group, particles), old[0], swarm, data, model, rule, scratch
                )
            job = atomic_fetch_add(control, JOBS)
        if _arrive(control, threads):
            best = 0
            for i in range(particles):
                if swarm.best_losses[i] < swarm.best_losses[best]:
                    best = i
            history[done] = swarm.best_losses[best]
            improved = history[done] < (history[done - 1] if done > 0 else np.inf)
            atomic_store_release(control, BEST, best)
            atomic_store_release(
                control, REWIRING, np.int64(rule.strategy == REWIRED and not improved)
            )
            if rule.number == COMPETITIVE:
                _compete(swarm, done, rule.key0, rule.key1)
            _release(control)
        best, rewiring = (
            atomic_load_acquire(control, BEST),
            atomic_load_acquire(control, REWIRING) == 1,
        )
        w = at_time(rule.w, rule.w_end, done, rule.horizon)
        vmax = at_time(rule.vmax, rule.vmax_end, done, rule.horizon)
        i = atomic_fetch_add(control, JOBS)
        while i < particles:
            leader = _follows(i, swarm, rewiring, done, rule)
            if rule.number == COMPETITIVE and leader == i:
                stay(i, old, new, swarm.stride)
            else:
                move(i, old, new, swarm, leader, best, done, w, vmax, rule)
                if rule.number == COMPETITIVE:
                    swarm.best_losses[i] = np.inf
            i = atomic_fetch_add(control, JOBS)
        old, new = new, old
        done += 1
        if _arrive(control, threads):
            atomic_store_release(
                control, STOPPED, np.int64(stalled(history, done, patience, least))
            )
            _release(control)
    return done
