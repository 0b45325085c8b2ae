"""The compiled steps of a swarm: evaluate, settle the bests and informants, move. Numba, without the GIL.

Everything works on one swarm and a range of its particles, so that one thread can do a whole swarm and several can share
one, with the same bits. Elementary functions are written out in float32 arithmetic: a library's would differ by machine.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, uint32, uint64
from numpy.typing import NDArray

from shoal.engines.cache import cached_njit
from shoal.engines.tile import (
    LANES,
    TILE_SAMPLES,
    bits_from_float,
    block_sum,
    float_from_bits,
    multiply_adds,
    squared_distance,
    tile1,
    tile4,
)
from shoal.philox import MULTIPLIERS, ROUNDS, WEYL, Purpose
from shoal.swarm import out_of_patience

BLOCK = 2 * TILE_SAMPLES  # samples a block: the activations of a 32-neuron layer then fit a quarter of a 64 kB L1 cache

RELU, TANH, SIGMOID, LEAKY_RELU, GELU = range(5)
RANDOM, NEAREST, RING, REWIRED = range(4)

F = np.float32
_M0, _M1 = MULTIPLIERS
_W0, _W1 = WEYL
_COGNITIVE, _SOCIAL, _GLOBAL, _INFORMANTS = (
    int(p) for p in (Purpose.COGNITIVE, Purpose.SOCIAL, Purpose.GLOBAL, Purpose.INFORMANTS)
)
_ZERO, _HALF, _ONE = F(0), F(0.5), F(1)
_LOG2E, _LN2_HIGH, _LN2_LOW = F(1 / math.log(2)), F(0.693359375), F(-2.12194440e-4)
_SQRT_HALF, _SQRT_2_PI, _GELU_CUBIC, _LEAK = F(math.sqrt(0.5)), F(math.sqrt(2 / math.pi)), F(0.044715), F(0.01)
_UNIT = F(2.0**-24)

# Polynomials for expf and logf: S. L. Moshier, Cephes Mathematical Library (single precision).
_E0, _E1, _E2, _E3, _E4, _E5 = (
    F(c) for c in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = (
    F(c)
    for c in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)
# tanh as an odd rational function on [-7.9, 7.9]; beyond it tanh is 1 in float32. Coefficients of the Eigen library.
_TANH_LIMIT = F(7.90531110763549805)
_A1, _A3, _A5, _A7, _A9, _A11, _A13 = (
    F(c)
    for c in (
        4.89352455891786e-03,
        6.37261928875436e-04,
        1.48572235717979e-05,
        5.12229709037114e-08,
        -8.60467152213735e-11,
        2.00018790482477e-13,
        -2.76076847742355e-16,
    )
)
_B0, _B2, _B4, _B6 = (
    F(c) for c in (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)

compiled = cached_njit(nogil=True, error_model="numpy")
inlined = cached_njit(nogil=True, error_model="numpy", inline="always")


stalled = njit(nogil=True, error_model="numpy")(out_of_patience)


class Data(NamedTuple):
    """The training part as the kernels read it: features x samples, padded with zeros to whole tiles."""

    x: NDArray[np.float32]  # (inputs * padded,)
    y: NDArray[np.float32]  # (padded,)
    rows: int
    padded: int


class Model(NamedTuple):
    """The network and the objective, as numbers."""

    sizes: NDArray[np.int64]
    activation: int
    loss: int
    gain: float
    shift: float


class Rule(NamedTuple):
    """The update rule, as numbers."""

    w: np.float32
    c1: np.float32
    c2: np.float32
    c3: np.float32
    jump: np.float32
    vmax: np.float32
    xmax: np.float32
    strategy: int
    to_position: bool
    key0: int
    key1: int


class Swarm(NamedTuple):
    """The arrays of shoal.swarm.SwarmState, changed in place, and what only lives within an iteration."""

    velocities: NDArray[np.float32]
    bests: NDArray[np.float32]
    best_losses: NDArray[np.float64]
    informants: NDArray[np.int32]
    losses: NDArray[np.float64]  # (P,)
    leaders: NDArray[np.int64]  # (P,) the best informant of each particle
    distances: NDArray[np.float64]  # (P, P) when `nearest`, else (1, 1)


class Scratch(NamedTuple):
    """Working memory of one thread."""

    work: NDArray[np.float32]  # (2, widest layer * BLOCK)
    each: NDArray[np.float32]  # (BLOCK,)
    uniforms: NDArray[np.float32]  # (3, 4, blocks) r1, r2, r3


@inlined
def _exp(x: Any) -> Any:
    x = F(88.0) if x > F(88.0) else x
    x = F(-87.0) if x < F(-87.0) else x
    n = np.floor(x * _LOG2E + _HALF)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
    return (p * r * r + r + _ONE) * float_from_bits(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))


@inlined
def _log(x: Any) -> Any:
    """For finite x >= 1, which the sum of a softmax is."""
    bits = bits_from_float(x)
    e = F((bits >> np.int32(23)) - np.int32(126))
    m = float_from_bits(np.int32((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000)))  # in [0.5, 1)
    low = m < _SQRT_HALF
    e = e - _ONE if low else e
    t = (m + m if low else m) - _ONE
    z = t * t
    p = (((((((_L0 * t + _L1) * t + _L2) * t + _L3) * t + _L4) * t + _L5) * t + _L6) * t + _L7) * t + _L8
    return (t * z * p + e * _LN2_LOW - _HALF * z) + t + e * _LN2_HIGH


@inlined
def _tanh(x: Any) -> Any:
    x = _TANH_LIMIT if x > _TANH_LIMIT else x
    x = -_TANH_LIMIT if x < -_TANH_LIMIT else x
    z = x * x
    p = x * ((((((_A13 * z + _A11) * z + _A9) * z + _A7) * z + _A5) * z + _A3) * z + _A1)
    return p / (((_B6 * z + _B4) * z + _B2) * z + _B0)


@inlined
def _philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Philox4x32-10; see shoal.philox."""
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


@compiled
def _activate(values: Any, count: Any, kind: Any) -> None:
    if kind == TANH:
        for i in range(count):
            values[i] = _tanh(values[i])
    elif kind == SIGMOID:
        for i in range(count):
            values[i] = _HALF * _tanh(_HALF * values[i]) + _HALF
    elif kind == LEAKY_RELU:
        for i in range(count):
            values[i] = _LEAK * values[i] if values[i] < _ZERO else values[i]
    elif kind == GELU:
        for i in range(count):
            v = values[i]
            values[i] = _HALF * v * (_ONE + _tanh(_SQRT_2_PI * (v + _GELU_CUBIC * v * v * v)))


@compiled
def _dense(
    inp: Any, ioff: Any, ldi: Any, k: Any, width: Any, w: Any, woff: Any, out: Any, ldo: Any, samples: Any, relu: Any
) -> None:
    boff = woff + k * width
    for s in range(0, samples, TILE_SAMPLES):
        j = 0
        while j + 4 <= width:
            tile4(inp, ioff + s, ldi, k, w, woff + j * k, boff + j, out, j * ldo + s, ldo, relu)
            j += 4
        while j < width:
            tile1(inp, ioff + s, ldi, k, w, woff + j * k, boff + j, out, j * ldo + s, ldo, relu)
            j += 1


@compiled
def forward_block(w: Any, data: Any, start: Any, samples: Any, model: Any, work: Any) -> Any:
    """Outputs of samples ``start .. start + samples`` into one of the two rows of ``work``, stride BLOCK; says which."""
    sizes, current, offset = model.sizes, 0, 0
    for layer in range(len(sizes) - 1):
        k, width, hidden = sizes[layer], sizes[layer + 1], layer < len(sizes) - 2
        relu = hidden and model.activation == RELU
        if layer == 0:
            _dense(data.x, start, data.padded, k, width, w, offset, work[1], BLOCK, samples, relu)
        else:
            _dense(work[current], 0, BLOCK, k, width, w, offset, work[1 - current], BLOCK, samples, relu)
        current = 1 - current
        if hidden and model.activation != RELU:
            _activate(work[current], width * BLOCK, model.activation)
        offset += k * width + width
    return current


@compiled
def _block_losses(out: Any, y: Any, start: Any, real: Any, samples: Any, classes: Any, loss: Any, each: Any) -> None:
    """The loss of each sample of a block into ``each``; 0 for padding."""
    if loss == 0:
        for s in range(real):
            d = out[s] - y[start + s]
            each[s] = d * d
    elif loss == 1:
        for s in range(real):
            each[s] = abs(out[s] - y[start + s])
    elif loss == 2:
        for s in range(real):
            size = abs(out[s] - y[start + s])
            each[s] = _HALF * size * size if size <= _ONE else size - _HALF
    else:
        for s in range(real):
            wanted, top, best, bad = int(y[start + s]), out[s], 0, not math.isfinite(out[s])
            for c in range(1, classes):
                score = out[c * BLOCK + s]
                bad = bad or not math.isfinite(score)
                if score > top:
                    top, best = score, c
            if bad:
                each[s] = F(np.nan)
            elif loss == 4:
                each[s] = _ZERO if best == wanted else _ONE
            else:
                total = _ZERO
                for c in range(classes):
                    total += _exp(out[c * BLOCK + s] - top)
                each[s] = _log(total) + (top - out[wanted * BLOCK + s])
    for s in range(real, samples):
        each[s] = _ZERO


@compiled
def evaluate(first: Any, last: Any, positions: Any, swarm: Any, data: Any, model: Any, scratch: Any) -> None:
    """The losses of particles ``first .. last``; NaN and infinities become +inf."""
    for p in range(first, last):
        total = 0.0
        for start in range(0, data.padded, BLOCK):
            samples = min(BLOCK, data.padded - start)
            out = scratch.work[forward_block(positions[p], data, start, samples, model, scratch.work)]
            real = min(samples, data.rows - start)
            _block_losses(out, data.y, start, real, samples, model.sizes[-1], model.loss, scratch.each)
            total += block_sum(scratch.each, samples)
        value = model.gain * (total / data.rows) + model.shift
        swarm.losses[p] = value if math.isfinite(value) else np.inf


@compiled
def outputs(weights: Any, data: Any, model: Any, work: Any, out: Any) -> None:
    """One network's outputs for every sample, into ``out`` (outputs, padded)."""
    for start in range(0, data.padded, BLOCK):
        samples = min(BLOCK, data.padded - start)
        row = work[forward_block(weights, data, start, samples, model, work)]
        for c in range(out.shape[0]):
            out[c, start : start + samples] = row[c * BLOCK : c * BLOCK + samples]


@compiled
def _random_informants(informants: Any, particles: Any, iteration: Any, key0: Any, key1: Any) -> None:
    """See shoal.swarm.random_informants."""
    k = informants.shape[1]
    for i in range(particles):
        row = informants[i]
        c0 = c1 = c2 = c3 = uint32(0)
        for n in range(k):
            if n % 4 == 0:
                c0, c1, c2, c3 = _philox(
                    uint32(n // 4), uint32(i), uint32(iteration), uint32(_INFORMANTS), uint32(key0), uint32(key1)
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
        row.sort()


@compiled
def _nearest_informants(informants: Any, positions: Any, distances: Any) -> None:
    particles, k = informants.shape
    dimensions = positions.shape[1]
    whole = dimensions // LANES * LANES
    for i in range(particles):
        distances[i, i] = np.inf
        for j in range(i):
            total = squared_distance(positions[i], positions[j], whole)
            for d in range(whole, dimensions):
                difference = np.float64(positions[i, d] - positions[j, d])
                total += difference * difference
            distances[i, j] = distances[j, i] = total
    for i in range(particles):
        row, near = distances[i], informants[i]
        count = 0
        for j in range(particles):
            if j == i or (count == k and row[j] >= row[near[k - 1]]):
                continue
            at = min(count, k - 1)
            while at > 0 and row[near[at - 1]] > row[j]:
                near[at] = near[at - 1]
                at -= 1
            near[at] = j
            count = min(count + 1, k)
        near.sort()


@compiled
def settle(positions: Any, swarm: Any, iteration: Any, rule: Any) -> Any:
    """Personal bests, informants and each particle's leader, from this iteration's losses; returns the global best."""
    losses, best_losses, informants = swarm.losses, swarm.best_losses, swarm.informants
    particles, before = len(losses), best_losses.min()
    for i in range(particles):
        if losses[i] < best_losses[i]:
            best_losses[i] = losses[i]
            swarm.bests[i, :] = positions[i]
    best = 0
    for i in range(particles):
        if best_losses[i] < best_losses[best]:
            best = i
    if rule.strategy == NEAREST:
        _nearest_informants(informants, positions, swarm.distances)
    elif rule.strategy == REWIRED and not best_losses[best] < before:
        _random_informants(informants, particles, iteration + 1, rule.key0, rule.key1)
    for i in range(particles):
        leader = informants[i, 0]
        for j in informants[i]:
            if best_losses[j] < best_losses[leader]:
                leader = j
        swarm.leaders[i] = leader
    return best


@compiled
def _fill_uniforms(
    q0: Any, q1: Any, q2: Any, q3: Any, blocks: Any, particle: Any, iteration: Any, purpose: Any, key0: Any, key1: Any
) -> None:
    for b in range(blocks):
        w0, w1, w2, w3 = _philox(
            uint32(b), uint32(particle), uint32(iteration), uint32(purpose), uint32(key0), uint32(key1)
        )
        q0[b] = F(np.int32(w0 >> uint32(8))) * _UNIT
        q1[b] = F(np.int32(w1 >> uint32(8))) * _UNIT
        q2[b] = F(np.int32(w2 >> uint32(8))) * _UNIT
        q3[b] = F(np.int32(w3 >> uint32(8))) * _UNIT


@inlined
def _move_slice(
    x: Any, v: Any, target: Any, own: Any, social: Any, top: Any, r1: Any, r2: Any, r3: Any, rule: Any
) -> None:
    for d in range(len(x)):
        new = (
            rule.w * v[d]
            + (rule.c1 * r1[d]) * (own[d] - x[d])
            + (rule.c2 * r2[d]) * (social[d] - x[d])
            + (rule.c3 * r3[d]) * (top[d] - x[d])
        )
        new = min(max(new, -rule.vmax), rule.vmax)
        v[d] = new
        target[d] = min(max(x[d] + rule.jump * new, -rule.xmax), rule.xmax)


@compiled
def move(
    first: Any, last: Any, old: Any, new: Any, swarm: Any, best: Any, iteration: Any, rule: Any, scratch: Any
) -> None:
    """Velocities and positions of particles ``first .. last``: reads positions ``old``, writes ``new``.

    Two arrays of positions, because another particle may still have to read where this one stood (`attractor="position"`).
    """
    r, bests = scratch.uniforms, swarm.bests
    dimensions, blocks = old.shape[1], r.shape[2]
    for i in range(first, last):
        for n, purpose in enumerate((_COGNITIVE, _SOCIAL, _GLOBAL)):
            _fill_uniforms(r[n, 0], r[n, 1], r[n, 2], r[n, 3], blocks, i, iteration, purpose, rule.key0, rule.key1)
        leader = swarm.leaders[i]
        towards = old[leader] if rule.to_position else bests[leader]
        for q in range(4):
            low, high = min(q * blocks, dimensions), min((q + 1) * blocks, dimensions)
            _move_slice(
                old[i, low:high],
                swarm.velocities[i, low:high],
                new[i, low:high],
                bests[i, low:high],
                towards[low:high],
                bests[best, low:high],
                r[0, q],
                r[1, q],
                r[2, q],
                rule,
            )


@compiled
def advance(
    old: Any,
    new: Any,
    swarm: Any,
    history: Any,
    done: Any,
    until: Any,
    patience: Any,
    data: Any,
    model: Any,
    rule: Any,
    scratch: Any,
) -> Any:
    """Iterations ``done .. until`` of one swarm on this thread; says how many are done then, and whether patience ended.

    The positions are in ``old`` after an even number of iterations, in ``new`` after an odd one.
    """
    particles, stopped = len(old), False
    while done < until and not stopped:
        evaluate(0, particles, old, swarm, data, model, scratch)
        best = settle(old, swarm, done, rule)
        history[done] = swarm.best_losses[best]
        move(0, particles, old, new, swarm, best, done, rule, scratch)
        old, new = new, old
        done += 1
        stopped = stalled(history, done, patience)
    return done, stopped
