"""The compiled step of a swarm whose losses come from outside: settle the bests, then move.

The same step as shoal.pso.swarm, in float32 or float64, on one thread. A move has vectors by hand
(intrinsics.rows), all else are plain loops. In float32 each operation is the reference's, with the
same rounding. Only distances between particles are added in another order.

Start with `advance`, the last function. Parameters carry ``Any``: their types are Numba's.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shoal.numerics.philox import Purpose
from shoal.pso.engines.intrinsics.memory import address_of
from shoal.pso.engines.intrinsics.rows import draw_row, move_row_competitive, move_row_informed
from shoal.pso.engines.kernels import (
    COMPETITIVE,
    NEAREST,
    REWIRED,
    at_time,
    best_informant,
    compete,
    compiled,
    nearest_informants,
    random_informants,
    stalled,
)
from shoal.pso.engines.llvm_vectors import LANES

_COGNITIVE = int(Purpose.COGNITIVE)
_SOCIAL = int(Purpose.SOCIAL)
_GLOBAL = int(Purpose.GLOBAL)


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
    movers, leaders = swarm.movers, swarm.leaders
    dimensions = swarm.positions.shape[1]
    x, v = address_of(swarm.positions, 0), address_of(swarm.velocities, 0)
    bests, lead = address_of(swarm.bests, 0), address_of(towards, 0)
    lower, upper = address_of(swarm.lower, 0), address_of(swarm.upper, 0)
    # Bytes of a particle.
    size = dimensions * swarm.positions.itemsize
    competitive = rule.number == COMPETITIVE

    # Random numbers of a particle, for each pull. `draw_row` writes whole vectors.
    blocks = -(-dimensions // 4)
    stride = 4 * blocks + LANES
    numbers = np.empty(3 * stride, np.float32)

    for n in range(count):
        i = movers[n]
        # Within the loop: Numba frees an array after the last line that names it.
        own = address_of(numbers, 0)
        social, common = own + 4 * stride, own + 8 * stride
        if competitive or rule.c1 != 0:
            draw_row(own, blocks, i, iteration, _COGNITIVE, rule.key0, rule.key1)
        if rule.c2 != 0:
            draw_row(social, blocks, i, iteration, _SOCIAL, rule.key0, rule.key1)
        if rule.c3 != 0:
            draw_row(common, blocks, i, iteration, _GLOBAL, rule.key0, rule.key1)

        mine = x + i * size, v + i * size, bests + i * size
        others = lead + leaders[i] * size, bests + best * size, lower, upper
        random = own, social, common
        if competitive:
            move_row_competitive(*mine, *others, *random, dimensions, w, vmax, rule)
        else:
            move_row_informed(*mine, *others, *random, dimensions, w, vmax, rule)


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
    best_losses, counts = swarm.best_losses, swarm.counts
    bests, positions = swarm.bests, swarm.positions
    least = np.inf
    for i in range(len(losses)):
        least = min(least, best_losses[i])

    for i in range(len(losses)):
        if number == COMPETITIVE and best_losses[i] < np.inf:
            continue
        # False for NaN and for infinity.
        if losses[i] < best_losses[i] and losses[i] > -np.inf:
            best_losses[i] = losses[i]
            counts[i] = 1
            for d in range(bests.shape[1]):
                bests[i, d] = positions[i, d]

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

    winners, leaders, movers = swarm.winners, swarm.leaders, swarm.movers
    best_losses = swarm.best_losses
    count = 0
    for i in range(len(best_losses)):
        if winners[i] != i:
            leaders[i] = winners[i]
            movers[count] = i
            count += 1

    # Winners do not move: they still stand where they were evaluated.
    _move(count, swarm, rule, swarm.positions, 0, iteration, w, vmax)
    for n in range(count):
        best_losses[movers[n]] = np.inf


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
def _round_point(point: Any, units: Any, lower: Any, upper: Any, whole: Any) -> None:
    """Replace the coordinates of a point that are whole numbers.

    As a branch of the loop over all coordinates they would keep it from becoming vectors.
    """
    for d in range(len(point)):
        if whole[d]:
            share = 0.5 * (units[d] + 1.0)
            value = math.floor(lower[d] + share * (upper[d] - lower[d] + 1.0))
            point[d] = min(max(value, lower[d]), upper[d])


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
    some_whole = whole.any()
    row = 0
    for i in range(len(needed)):
        if not needed[i]:
            continue

        point = points[row]
        for d in range(len(point)):
            share = 0.5 * (units[i, d] + 1.0)
            value = lower[d] + share * (upper[d] - lower[d])
            point[d] = min(max(value, lower[d]), upper[d])
        if some_whole:
            _round_point(point, units[i], lower, upper, whole)
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
    points = np.empty((particles, dimensions))
    best_losses = swarm.best_losses
    best, evaluations = 0, 0
    while done < until:
        count = particles
        if rule.number == COMPETITIVE:
            count = 0
            for i in range(particles):
                needed[i] = best_losses[i] == np.inf
                count += needed[i]

        asked = points[:count]
        into_box(swarm.positions, needed, box.lower, box.upper, box.whole, asked)
        losses = function(asked)
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
                    best_point[:] = asked[row]
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
