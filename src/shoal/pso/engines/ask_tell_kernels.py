"""The compiled step of a swarm whose losses come from outside: settle the bests, then move.

The same step as shoal.pso.swarm, in float32 or float64, on one thread. An evaluation from outside
costs far more than a move, so that this file has plain loops where shoal.pso.engines.kernels has
vectors by hand. In float32 each operation is the reference's, with the same rounding. Only
distances between particles are added in another order.

Start with `advance`, the last function. Parameters carry ``Any``: their types are Numba's.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, uint32
from numpy.typing import NDArray

from shoal.numerics.philox import Purpose
from shoal.pso.engines.kernels import (
    COMPETITIVE,
    NEAREST,
    REWIRED,
    at_time,
    best_informant,
    compete,
    compiled,
    inlined,
    nearest_informants,
    philox_words,
    random_informants,
    stalled,
)

_COGNITIVE = int(Purpose.COGNITIVE)
_SOCIAL = int(Purpose.SOCIAL)
_GLOBAL = int(Purpose.GLOBAL)
_UNIT = np.float32(2.0**-24)

# Blocks of random numbers that are drawn together: some vectors, within the first-level cache.
GROUP_BLOCKS = 64
# Particles with up to so many blocks are moved by one loop, those with more by a loop a term.
SHORT = 5


class Moved(NamedTuple):
    """The swarm's arrays, all of which a step changes but ``lower`` and ``upper``.

    Those of floating-point numbers are float32 or float64, all alike, but losses, distances and
    random numbers.
    """

    # x, (P, D).
    positions: NDArray[Any]
    # v, (P, D).
    velocities: NDArray[Any]
    # pbest, (P, D).
    bests: NDArray[Any]
    # (P,); +inf where a particle has none.
    best_losses: NDArray[np.float64]
    # How many losses the loss of each personal best is the mean of, (P,).
    counts: NDArray[np.int64]
    # (P, k), ascending in each row.
    informants: NDArray[np.int32]
    # See shoal.update_rules.competitive.winners, (P,).
    winners: NDArray[np.int64]
    # The random order that pairs are made of, (P,).
    order: NDArray[np.int64]
    # The particles that move in this step come first, (P,).
    movers: NDArray[np.int64]
    # Whom each particle is drawn to, (P,).
    leaders: NDArray[np.int64]
    # Where the particles stood before the move: (P, D) if others are drawn there, else (1, 1).
    before: NDArray[Any]
    # (P, P) if the strategy measures distances, else (1, 1).
    distances: NDArray[np.float64]
    # Random numbers of a group of particles, for each pull, (3, 4 * group * blocks); see
    # `group_size`.
    uniforms: NDArray[np.float32]
    # The particle and the number of each of their blocks, (2, group * blocks).
    counters: NDArray[np.uint32]
    # The limits of the positions, (D,).
    lower: NDArray[Any]
    upper: NDArray[Any]


class Coefficients(NamedTuple):
    """The update rule. Floating-point numbers have the type of the positions."""

    # `shoal.update_rules.UpdateRule.kernel_number`.
    number: int
    c1: Any
    c2: Any
    c3: Any
    jump: Any
    # The random stream.
    key0: int
    key1: int
    # `shoal.update_rules.informants.InformantStrategy.kernel_number`.
    strategy: int
    # Whether a particle is drawn to where the one it follows stands, not to that one's best.
    to_position: bool
    # Whether a particle loses the velocity with which it would leave the limits.
    stops_at_limits: bool


def group_size(particles: int, dimensions: int) -> int:
    """Count the particles whose random numbers are drawn together: one, unless its blocks are
    fewer than a few vectors have room for.
    """
    blocks = -(-dimensions // 4)
    if blocks > SHORT:
        return 1
    return max(1, min(particles, GROUP_BLOCKS // blocks))


@inlined
def _draw_one(uniforms: Any, particle: Any, iteration: Any, purpose: Any, rule: Any) -> None:
    """Uniform numbers of one particle in the order of its dimensions; see
    shoal.numerics.philox.
    """
    blocks = len(uniforms) // 4
    for b in range(blocks):
        c0, c1, c2, c3 = philox_words(
            uint32(b),
            uint32(particle),
            uint32(iteration),
            uint32(purpose),
            uint32(rule.key0),
            uint32(rule.key1),
        )
        uniforms[b] = np.float32(c0 >> uint32(8)) * _UNIT
        uniforms[blocks + b] = np.float32(c1 >> uint32(8)) * _UNIT
        uniforms[2 * blocks + b] = np.float32(c2 >> uint32(8)) * _UNIT
        uniforms[3 * blocks + b] = np.float32(c3 >> uint32(8)) * _UNIT


@inlined
def _draw_group(
    uniforms: Any, counters: Any, count: Any, iteration: Any, purpose: Any, rule: Any
) -> None:
    """Uniform numbers of ``count`` blocks, the four of a block together."""
    particles, blocks = counters[0], counters[1]
    for n in range(count):
        c0, c1, c2, c3 = philox_words(
            blocks[n],
            particles[n],
            uint32(iteration),
            uint32(purpose),
            uint32(rule.key0),
            uint32(rule.key1),
        )
        uniforms[4 * n] = np.float32(c0 >> uint32(8)) * _UNIT
        uniforms[4 * n + 1] = np.float32(c1 >> uint32(8)) * _UNIT
        uniforms[4 * n + 2] = np.float32(c2 >> uint32(8)) * _UNIT
        uniforms[4 * n + 3] = np.float32(c3 >> uint32(8)) * _UNIT


@compiled
def _clipped(value: Any, low: Any, high: Any) -> Any:
    """A number within limits; one that is not a number stays so."""
    if value > high:
        return high
    if value < low:
        return low
    return value


@compiled
def _move_long(
    count: Any,
    swarm: Any,
    rule: Any,
    towards: Any,
    best: Any,
    iteration: Any,
    w: Any,
    vmax: Any,
) -> None:
    """Move the first ``count`` of the movers by one loop for each term: a loop of few arrays
    becomes vectors.
    """
    x, v, bests = swarm.positions, swarm.velocities, swarm.bests
    lower, upper = swarm.lower, swarm.upper
    movers, leaders = swarm.movers, swarm.leaders
    own, social, top = swarm.uniforms[0], swarm.uniforms[1], swarm.uniforms[2]
    c1, c2, c3, jump = rule.c1, rule.c2, rule.c3, rule.jump
    stops, competitive = rule.stops_at_limits, rule.number == COMPETITIVE
    dimensions = x.shape[1]

    for n in range(count):
        i = movers[n]
        leader = leaders[i]
        if competitive:
            _draw_one(own, i, iteration, _COGNITIVE, rule)
            for d in range(dimensions):
                v[i, d] = (w * own[d]) * v[i, d]
        else:
            for d in range(dimensions):
                v[i, d] = w * v[i, d]

        if c1 != 0:
            _draw_one(own, i, iteration, _COGNITIVE, rule)
            for d in range(dimensions):
                v[i, d] += (c1 * own[d]) * (bests[i, d] - x[i, d])
        if c2 != 0:
            _draw_one(social, i, iteration, _SOCIAL, rule)
            for d in range(dimensions):
                v[i, d] += (c2 * social[d]) * (towards[leader, d] - x[i, d])
        if c3 != 0:
            _draw_one(top, i, iteration, _GLOBAL, rule)
            for d in range(dimensions):
                v[i, d] += (c3 * top[d]) * (bests[best, d] - x[i, d])

        for d in range(dimensions):
            velocity = _clipped(v[i, d], -vmax, vmax)
            position = x[i, d] + jump * velocity
            if stops and (position < lower[d] or position > upper[d]):
                velocity *= 0
            x[i, d] = _clipped(position, lower[d], upper[d])
            v[i, d] = velocity


@compiled
def _move_short(
    start: Any, count: Any, swarm: Any, rule: Any, towards: Any, best: Any, w: Any, vmax: Any
) -> None:
    """Move a group of particles with few dimensions, all terms in one loop."""
    x, v, bests = swarm.positions, swarm.velocities, swarm.bests
    lower, upper, uniforms = swarm.lower, swarm.upper, swarm.uniforms
    movers, leaders = swarm.movers, swarm.leaders
    c1, c2, c3, jump = rule.c1, rule.c2, rule.c3, rule.jump
    stops, competitive = rule.stops_at_limits, rule.number == COMPETITIVE
    dimensions = x.shape[1]
    blocks = -(-dimensions // 4)

    for g in range(count):
        i = movers[start + g]
        leader = leaders[i]
        for q in range(4):
            for b in range(min(blocks, dimensions - q * blocks)):
                d = q * blocks + b
                n = 4 * (g * blocks + b) + q
                here = x[i, d]
                velocity = v[i, d]
                if competitive:
                    velocity = (w * uniforms[0, n]) * velocity
                else:
                    velocity = w * velocity
                if c1 != 0:
                    velocity += (c1 * uniforms[0, n]) * (bests[i, d] - here)
                if c2 != 0:
                    velocity += (c2 * uniforms[1, n]) * (towards[leader, d] - here)
                if c3 != 0:
                    velocity += (c3 * uniforms[2, n]) * (bests[best, d] - here)

                velocity = _clipped(velocity, -vmax, vmax)
                position = here + jump * velocity
                if stops and (position < lower[d] or position > upper[d]):
                    velocity *= 0
                x[i, d] = _clipped(position, lower[d], upper[d])
                v[i, d] = velocity


@compiled
def _move(
    count: Any,
    swarm: Any,
    rule: Any,
    towards: Any,
    best: Any,
    iteration: Any,
    w: Any,
    vmax: Any,
) -> None:
    """Move the first ``count`` of the movers.

    A pull of weight 0 is left out: ``0 * inf`` is NaN.
    """
    blocks = -(-swarm.positions.shape[1] // 4)
    if blocks > SHORT:
        _move_long(count, swarm, rule, towards, best, iteration, w, vmax)
        return

    counters, uniforms, movers = swarm.counters, swarm.uniforms, swarm.movers
    group = counters.shape[1] // blocks
    for start in range(0, count, group):
        members = min(group, count - start)
        for g in range(members):
            for b in range(blocks):
                counters[0, g * blocks + b] = movers[start + g]
                counters[1, g * blocks + b] = b

        drawn = members * blocks
        if rule.number == COMPETITIVE or rule.c1 != 0:
            _draw_group(uniforms[0], counters, drawn, iteration, _COGNITIVE, rule)
        if rule.c2 != 0:
            _draw_group(uniforms[1], counters, drawn, iteration, _SOCIAL, rule)
        if rule.c3 != 0:
            _draw_group(uniforms[2], counters, drawn, iteration, _GLOBAL, rule)
        _move_short(start, members, swarm, rule, towards, best, w, vmax)


@compiled
def _measure(positions: Any, distances: Any) -> None:
    """Squared distances between all particles; one that is not a number is infinity."""
    particles, dimensions = positions.shape
    # Dimensions as rows: then the innermost loop has one sum in each lane, and the order of
    # additions is the same on every machine.
    columns = np.empty((dimensions, particles), positions.dtype)
    for i in range(particles):
        for d in range(dimensions):
            columns[d, i] = positions[i, d]

    for i in range(particles):
        row = distances[i]
        for j in range(particles):
            row[j] = 0.0
        for d in range(dimensions):
            column = columns[d]
            here = column[i]
            for j in range(particles):
                difference = np.float64(here - column[j])
                row[j] += difference * difference
        for j in range(particles):
            if math.isnan(row[j]):
                row[j] = np.inf


@compiled
def _settle(swarm: Any, losses: Any, number: Any) -> Any:
    """Update the personal bests. Returns the particle with the global best, and whether that
    became better.

    By the competitive rule a particle that has a best stands on it: its loss is not looked at.
    """
    best_losses = swarm.best_losses
    least = np.inf
    for i in range(len(losses)):
        least = min(least, best_losses[i])

    for i in range(len(losses)):
        if number == COMPETITIVE and best_losses[i] < np.inf:
            continue
        # False for NaN and for infinity.
        if losses[i] < best_losses[i] and losses[i] > -np.inf:
            best_losses[i] = losses[i]
            swarm.counts[i] = 1
            for d in range(swarm.bests.shape[1]):
                swarm.bests[i, d] = swarm.positions[i, d]

    best = 0
    for i in range(len(losses)):
        if best_losses[i] < best_losses[best]:
            best = i
    return best, best_losses[best] < least


@compiled
def _move_informed(
    swarm: Any, rule: Any, best: Any, improved: Any, iteration: Any, w: Any, vmax: Any
) -> None:
    """See shoal.update_rules.informed."""
    particles = len(swarm.best_losses)
    towards = swarm.bests
    if rule.to_position:
        swarm.before[:, :] = swarm.positions
        towards = swarm.before
    if rule.strategy == NEAREST:
        _measure(swarm.positions, swarm.distances)

    informants, best_losses = swarm.informants, swarm.best_losses
    movers, leaders = swarm.movers, swarm.leaders
    for i in range(particles):
        if rule.strategy == NEAREST:
            nearest_informants(i, informants, swarm.distances)
        elif rule.strategy == REWIRED and not improved:
            random_informants(i, informants, iteration + 1, rule.key0, rule.key1)
        leaders[i] = best_informant(i, informants, best_losses)
        movers[i] = i
    _move(particles, swarm, rule, towards, best, iteration, w, vmax)


@compiled
def _move_competitive(swarm: Any, rule: Any, iteration: Any, w: Any, vmax: Any) -> None:
    """See shoal.update_rules.competitive."""
    compete(swarm, iteration, rule.key0, rule.key1)

    count = 0
    for i in range(len(swarm.best_losses)):
        if swarm.winners[i] != i:
            swarm.leaders[i] = swarm.winners[i]
            swarm.movers[count] = i
            count += 1

    # Winners do not move: they still stand where they were evaluated.
    _move(count, swarm, rule, swarm.positions, 0, iteration, w, vmax)
    for n in range(count):
        swarm.best_losses[swarm.movers[n]] = np.inf


@compiled
def advance(swarm: Any, rule: Any, losses: Any, iteration: Any, w: Any, vmax: Any) -> Any:
    """Do one step: the bests by these losses, then the move.

    Parameters
    ----------
    swarm
        `Moved`, changed in place.
    rule
        `Coefficients`.
    losses
        (P,). NaN and infinities never become a best.
    iteration
        Steps done before.
    w, vmax
        The inertia weight and the limit of velocities in this step.

    Returns
    -------
    int
        The particle with the global best.
    """
    best, improved = _settle(swarm, losses, rule.number)
    if rule.number == COMPETITIVE:
        _move_competitive(swarm, rule, iteration, w, vmax)
    else:
        _move_informed(swarm, rule, best, improved, iteration, w, vmax)
    return best


@compiled
def into_box(units: Any, needed: Any, lower: Any, upper: Any, whole: Any, points: Any) -> None:
    """Turn positions in [-1, 1] into points of a box.

    A whole number gets as much of the interval as every other.

    Parameters
    ----------
    units
        Positions, (P, D).
    needed
        Which of them are wanted, (P,).
    lower, upper
        The box, (D,); whole numbers where ``whole``.
    whole
        Which coordinates are whole numbers, (D,).
    points
        (n, D), filled.
    """
    row = 0
    for i in range(len(needed)):
        if not needed[i]:
            continue

        point = points[row]
        for d in range(len(point)):
            share = 0.5 * (units[i, d] + 1.0)
            value = lower[d] + share * (upper[d] - lower[d])
            if whole[d]:
                value = math.floor(lower[d] + share * (upper[d] - lower[d] + 1.0))
            point[d] = min(max(value, lower[d]), upper[d])
        row += 1


class Box(NamedTuple):
    """See shoal.functions.box."""

    # (D,).
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    # Which coordinates are whole numbers, (D,).
    whole: NDArray[np.bool_]


class Schedule(NamedTuple):
    """What changes with time, and when a run ends."""

    # w in the first iteration, and in the last as a share of that.
    w: float
    w_end: float
    # vmax, likewise.
    vmax: float
    vmax_end: float
    # Iterations to those ends.
    horizon: int
    # See shoal.pso.swarm.out_of_patience.
    patience: int
    least: float
    # It ends when the best loss is so low.
    target: float


# Not kept on disk: it is compiled anew for each function.
@njit(nogil=True, error_model="numpy")
def run(
    function: Any,
    swarm: Any,
    rule: Any,
    box: Any,
    schedule: Any,
    history: Any,
    done: Any,
    until: Any,
    best_point: Any,
) -> Any:
    """Do the iterations ``done .. until`` with a function that Numba compiled.

    Parameters
    ----------
    function
        (n, D) -> (n,).
    swarm, rule
        `Moved` and `Coefficients`.
    box
        `Box`.
    schedule
        `Schedule`.
    history
        The global best loss after each iteration, (until,); filled from ``done`` on.
    done, until
        Iterations. It ends earlier by patience, at the target, or where the function returns
        another number of losses.
    best_point
        The point of the global best, (D,); renewed.

    Returns
    -------
    tuple of three int
        Iterations done, the particle with the global best, and points evaluated.
    """
    particles, dimensions = swarm.positions.shape
    needed = np.ones(particles, np.bool_)
    told = np.empty(particles)
    best, evaluations = 0, 0
    while done < until:
        count = particles
        if rule.number == COMPETITIVE:
            count = 0
            for i in range(particles):
                needed[i] = swarm.best_losses[i] == np.inf
                count += needed[i]

        points = np.empty((count, dimensions))
        into_box(swarm.positions, needed, box.lower, box.upper, box.whole, points)
        losses = function(points)
        if len(losses) != count:
            break
        evaluations += count

        row = 0
        least = history[done - 1]
        for i in range(particles):
            told[i] = np.inf
            if needed[i]:
                if math.isfinite(losses[row]):
                    told[i] = losses[row]
                if told[i] < least:
                    least = told[i]
                    best_point[:] = points[row]
                row += 1

        w = np.float64(at_time(schedule.w, schedule.w_end, done, schedule.horizon))
        vmax = np.float64(at_time(schedule.vmax, schedule.vmax_end, done, schedule.horizon))
        best = advance(swarm, rule, told, done, w, vmax)
        history[done] = least
        done += 1
        if history[done - 1] <= schedule.target:
            break
        if stalled(history, done, schedule.patience, schedule.least):
            break
    return done, best, evaluations
