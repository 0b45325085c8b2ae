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
from numba import uint32
from numpy.typing import NDArray

from shoal.numerics.philox import Purpose
from shoal.pso.engines.kernels import (
    COMPETITIVE,
    NEAREST,
    REWIRED,
    best_informant,
    compete,
    compiled,
    inlined,
    nearest_informants,
    philox_words,
    random_informants,
)

_COGNITIVE = int(Purpose.COGNITIVE)
_SOCIAL = int(Purpose.SOCIAL)
_GLOBAL = int(Purpose.GLOBAL)
_UNIT = np.float32(2.0**-24)


class Moved(NamedTuple):
    """The swarm's arrays, all of which a step changes but ``lower`` and ``upper``.

    Those of floating-point numbers are float32 or float64, all alike, but losses and distances.
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
    # Where the particles stood before the move: (P, D) if others are drawn there, else (1, 1).
    before: NDArray[Any]
    # (P, P) if the strategy measures distances, else (1, 1).
    distances: NDArray[np.float64]
    # Random numbers of one particle, (D filled up to a multiple of 4,).
    uniforms: NDArray[Any]
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


@inlined
def _draw(uniforms: Any, particle: Any, iteration: Any, purpose: Any, key0: Any, key1: Any) -> None:
    """One uniform number for each dimension of a particle; see shoal.numerics.philox."""
    blocks = len(uniforms) // 4
    for b in range(blocks):
        c0, c1, c2, c3 = philox_words(
            uint32(b),
            uint32(particle),
            uint32(iteration),
            uint32(purpose),
            uint32(key0),
            uint32(key1),
        )
        uniforms[b] = np.float32(c0 >> uint32(8)) * _UNIT
        uniforms[blocks + b] = np.float32(c1 >> uint32(8)) * _UNIT
        uniforms[2 * blocks + b] = np.float32(c2 >> uint32(8)) * _UNIT
        uniforms[3 * blocks + b] = np.float32(c3 >> uint32(8)) * _UNIT


@compiled
def _pull(v: Any, x: Any, towards: Any, weight: Any, uniforms: Any) -> None:
    """Add ``weight * r * (towards - x)`` to the velocity of one particle."""
    for d in range(len(v)):
        v[d] += (weight * uniforms[d]) * (towards[d] - x[d])


@compiled
def _draw_and_pull(
    v: Any,
    x: Any,
    towards: Any,
    weight: Any,
    uniforms: Any,
    particle: Any,
    iteration: Any,
    purpose: Any,
    key0: Any,
    key1: Any,
) -> None:
    """A pull with its random numbers. One of weight 0 is left out: ``0 * inf`` is NaN."""
    if weight == 0:
        return

    _draw(uniforms, particle, iteration, purpose, key0, key1)
    _pull(v, x, towards, weight, uniforms)


@compiled
def _clipped(value: Any, low: Any, high: Any) -> Any:
    """A number within limits; one that is not a number stays so."""
    if value > high:
        return high
    if value < low:
        return low
    return value


@compiled
def _move(x: Any, v: Any, jump: Any, vmax: Any, lower: Any, upper: Any, stops: Any) -> None:
    """Limit the velocity of one particle and move it within the limits of its position."""
    for d in range(len(x)):
        velocity = _clipped(v[d], -vmax, vmax)
        position = x[d] + jump * velocity
        if stops and (position < lower[d] or position > upper[d]):
            velocity *= 0

        x[d] = _clipped(position, lower[d], upper[d])
        v[d] = velocity


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
            swarm.bests[i, :] = swarm.positions[i, :]

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
    key0, key1 = rule.key0, rule.key1
    towards = swarm.bests
    if rule.to_position:
        swarm.before[:, :] = swarm.positions
        towards = swarm.before
    if rule.strategy == NEAREST:
        _measure(swarm.positions, swarm.distances)

    for i in range(len(swarm.best_losses)):
        if rule.strategy == NEAREST:
            nearest_informants(i, swarm.informants, swarm.distances)
        elif rule.strategy == REWIRED and not improved:
            random_informants(i, swarm.informants, iteration + 1, key0, key1)
        leader = best_informant(i, swarm.informants, swarm.best_losses)

        x = swarm.positions[i]
        v = swarm.velocities[i]
        own = swarm.bests[i]
        social = towards[leader]
        top = swarm.bests[best]
        r = swarm.uniforms

        for d in range(len(v)):
            v[d] *= w
        _draw_and_pull(v, x, own, rule.c1, r, i, iteration, _COGNITIVE, key0, key1)
        _draw_and_pull(v, x, social, rule.c2, r, i, iteration, _SOCIAL, key0, key1)
        _draw_and_pull(v, x, top, rule.c3, r, i, iteration, _GLOBAL, key0, key1)
        _move(x, v, rule.jump, vmax, swarm.lower, swarm.upper, rule.stops_at_limits)


@compiled
def _move_competitive(swarm: Any, rule: Any, iteration: Any, w: Any, vmax: Any) -> None:
    """See shoal.update_rules.competitive."""
    key0, key1 = rule.key0, rule.key1
    compete(swarm, iteration, key0, key1)

    for i in range(len(swarm.best_losses)):
        winner = swarm.winners[i]
        if winner == i:
            continue

        x = swarm.positions[i]
        v = swarm.velocities[i]
        r = swarm.uniforms
        _draw(r, i, iteration, _COGNITIVE, key0, key1)
        for d in range(len(v)):
            v[d] = (w * r[d]) * v[d]
        # Winners do not move: that one still stands where it was evaluated.
        social = swarm.positions[winner]
        _draw_and_pull(v, x, social, rule.c2, r, i, iteration, _SOCIAL, key0, key1)
        _move(x, v, rule.jump, vmax, swarm.lower, swarm.upper, rule.stops_at_limits)
        swarm.best_losses[i] = np.inf


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
