"""One swarm: its task, its state, and the reference step in plain NumPy that every engine follows.

Update rule, for particle i and dimension d with r1, r2, r3 uniform on [0, 1) (Kennedy and Eberhart 1995, with inertia by Shi
and Eberhart 1998 and informants as in SPSO-2007)::

    v' = clip(w v + c1 r1 (pbest_i - x) + c2 r2 (s_i - x) + c3 r3 (gbest - x), -vmax, vmax)
    x' = clip(x + jump v', -xmax, xmax)

All particles are evaluated, then bests are updated, then informants, then all velocities and positions (synchronous). A
loss that is NaN or infinite counts as +inf and never becomes a best. Ties go to the lower particle number.

The competitive rule (Cheng and Jin, "A Competitive Swarm Optimizer for Large Scale Optimization", 2015, with phi = 0) pairs
the particles at random in each iteration; one that is left over sits out. The winner of a pair stays, its loser moves::

    v' = clip(w r1 v + c2 r2 (x_winner - x), -vmax, vmax)
    x' = clip(x + jump v', -xmax, xmax)

There a particle's best is where it stands; one that moved has none until it is evaluated, and only those are. The best
particle never loses, so the global best never becomes worse.

In the iteration t of T, counted from 0, w and vmax are ``1 + (end - 1) t / (T - 1)`` times their genes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DataError
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.numerics.philox import Key, Purpose, normals, philox, uniforms
from shoal.objectives.losses import Objective, loss_values

INITIAL_VELOCITY_SCALE = 0.1
LEAST_IMPROVEMENT = 1e-4  # relative, over the whole window of patience


@dataclass(frozen=True, eq=False, slots=True)
class TrainingTask:
    """Everything that one training depends on.

    ``x`` (rows, inputs) and ``y`` (rows,) are float32: scaled targets, or class indices. ``key`` is the random stream.
    It ends after ``iterations``, after ``seconds`` of wall time, or when the global best loss improved by less than
    ``min_improvement`` of its size over ``patience`` iterations; the last two are off when None. What changes with time
    (`inertia_end`, `velocity_end`) comes to its end after ``horizon`` iterations, however early the training ends; None:
    ``iterations``.
    """

    genome: Genome
    network: Network
    objective: Objective
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    key: Key
    iterations: int
    seconds: float | None = None
    patience: int | None = None
    horizon: int | None = None
    min_improvement: float = LEAST_IMPROVEMENT

    def __post_init__(self) -> None:
        rows, inputs = self.x.shape
        if self.y.shape != (rows,) or inputs != self.network.layers[0]:
            raise DataError(
                f"x {self.x.shape} and y {self.y.shape} for a network of {self.network.layers[0]} inputs.",
                expected="x of shape (rows, inputs) and y of shape (rows,)",
            )


@dataclass(frozen=True, eq=False, slots=True)
class SwarmState:
    """A swarm between two iterations: P particles in D dimensions.

    ``iteration`` counts the steps done; ``history`` (iterations,) holds the global best loss after each.
    """

    iteration: int
    positions: NDArray[np.float32]  # x, (P, D)
    velocities: NDArray[np.float32]  # v, (P, D)
    best_positions: NDArray[np.float32]  # pbest, (P, D)
    best_losses: NDArray[np.float64]  # loss of pbest, (P,); +inf: it has none
    informants: NDArray[
        np.int32
    ]  # (P, k), ascending in each row; recomputed each step when `nearest`
    history: NDArray[np.float64]
    stopped: bool = False  # by patience
    # Rows x particles that were not evaluated: a particle could not improve any more, or stood still.
    rows_skipped: int = 0

    @property
    def global_best(self) -> int:
        """The particle whose personal best is the global best."""
        return int(np.argmin(self.best_losses))


def initial_state(task: TrainingTask) -> SwarmState:
    """The swarm before its first iteration: normal weights, constant biases, normal velocities times 0.1.

    The weights' deviation is `weight_scale`, with `initialisation` "fan_in" over the root of their neuron's inputs: then it
    is the deviation of a neuron's sum, for inputs of size 1, however wide the layer before.
    """
    genome, dimensions = task.genome, task.network.size
    deviations = np.full(dimensions, genome.weight_scale, np.float32)
    if genome.initialisation == "fan_in":
        sizes = [np.repeat(float(a), a * b + b) for a, b in pairwise(task.network.layers)]
        deviations = (genome.weight_scale / np.sqrt(np.concatenate(sizes))).astype(np.float32)
    positions = normals(task.key, Purpose.POSITION, genome.swarm_size, dimensions) * deviations
    positions[:, task.network.bias_mask()] = genome.bias_scale
    velocities = normals(task.key, Purpose.VELOCITY, genome.swarm_size, dimensions)
    velocities *= np.float32(INITIAL_VELOCITY_SCALE)
    return SwarmState(
        iteration=0,
        positions=positions,
        velocities=velocities,
        best_positions=positions.copy(),
        best_losses=np.full(genome.swarm_size, np.inf),
        informants=initial_informants(genome, task.key),
        history=np.empty(0),
    )


def random_informants(genome: Genome, key: Key, iteration: int) -> NDArray[np.int32]:
    """Distinct informants of each particle, k of them, never itself, (P, k) ascending, by Floyd's sampling (1987)."""
    particles, k = genome.swarm_size, genome.num_informants
    words = np.stack(  # in the order of the blocks, so that the n-th word is the same whatever k
        philox(
            (np.arange(-(-k // 4)), np.arange(particles)[:, None], iteration, Purpose.INFORMANTS),
            key,
        ),
        axis=2,
    )
    words = words.reshape(particles, -1).astype(np.uint64)
    chosen = np.empty((particles, k), dtype=np.int64)
    for n in range(k):
        top = particles - 1 - k + n  # the others are numbered 0..P-2
        pick = ((words[:, n] * np.uint64(top + 1)) >> np.uint64(32)).astype(np.int64)
        taken = (chosen[:, :n] == pick[:, None]).any(axis=1)
        chosen[:, n] = np.where(taken, top, pick)
    chosen += chosen >= np.arange(particles)[:, None]  # step over itself
    return np.sort(chosen, axis=1).astype(np.int32)


def ring_informants(genome: Genome) -> NDArray[np.int32]:
    """The k next particles on a ring: +1, -1, +2, -2, ... (P, k) ascending."""
    particles, k = genome.swarm_size, genome.num_informants
    offsets = [(n // 2 + 1) * (1 if n % 2 == 0 else -1) for n in range(k)]
    return np.sort((np.arange(particles)[:, None] + offsets) % particles, axis=1).astype(np.int32)


def nearest_informants(genome: Genome, positions: NDArray[np.float32]) -> NDArray[np.int32]:
    """The k nearest other particles by Euclidean distance, (P, k) ascending. One that is no number is infinitely far."""
    difference = positions[:, None, :] - positions[None, :, :]
    distances = (difference * difference).sum(axis=2)
    distances[np.isnan(distances)] = np.inf
    np.fill_diagonal(distances, np.nan)  # itself: sorted after all others, however far they are
    order = np.argsort(distances, axis=1, kind="stable")
    return np.sort(order[:, : genome.num_informants], axis=1).astype(np.int32)


def initial_informants(genome: Genome, key: Key) -> NDArray[np.int32]:
    """The informants before the first step; `nearest` is filled in by each step itself."""
    if genome.informant_strategy == "ring":
        return ring_informants(genome)
    if genome.informant_strategy == "nearest":
        return np.zeros((genome.swarm_size, genome.num_informants), dtype=np.int32)
    return random_informants(genome, key, 0)


def winners(key: Key, iteration: int, losses: NDArray[np.float64]) -> NDArray[np.int64]:
    """Who beats each particle in this iteration's pairs, (P,): itself for one that wins or sits out.

    Neighbours of a random order (Fisher and Yates) are pairs. The higher of their ``losses`` (P,) loses; of equals the
    higher number.
    """
    particles = len(losses)
    words = np.stack(
        philox((np.arange(-(-particles // 4)), 0, iteration, Purpose.PAIRING), key), axis=1
    ).ravel()
    order, beaten_by = list(range(particles)), np.arange(particles)
    for n in range(particles - 1, 0, -1):
        m = int(words[n]) * (n + 1) >> 32
        order[n], order[m] = order[m], order[n]
    for a, b in zip(order[::2], order[1::2], strict=False):
        winner, loser = sorted((a, b), key=lambda i: (losses[i], i))
        beaten_by[loser] = winner
    return beaten_by


def scheduled(value: float, end: float, iteration: int, horizon: int) -> np.float32:
    """``value`` in that iteration, counted from 0, on its way to ``end`` times itself. The compiled engine compiles it."""
    return np.float32(value * (1.0 + (end - 1.0) * min(1.0, iteration / max(1.0, horizon - 1.0))))


def penalties(task: TrainingTask, positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """What weight decay adds to the loss of each particle, (P,)."""
    weights = positions[:, ~task.network.bias_mask()].astype(np.float64)
    return np.asarray(task.genome.weight_decay * (weights * weights).sum(axis=1))


@np.errstate(all="ignore")
def step(task: TrainingTask, state: SwarmState) -> SwarmState:
    """The swarm after one more iteration. Pure: ``state`` is not touched."""
    genome, x, spared = task.genome, state.positions, state.rows_skipped
    losses = loss_values(task.objective, task.network.forward(x, task.x), task.y)
    if genome.weight_decay > 0:
        losses = losses + penalties(task, x)
        losses = np.where(np.isfinite(losses), losses, np.inf)

    improved = losses < state.best_losses
    if genome.update_rule == "competitive":
        improved &= np.isinf(state.best_losses)
        spared += len(task.x) * int(np.isfinite(state.best_losses).sum())
    best_losses = np.where(improved, losses, state.best_losses)
    best_positions = np.where(improved[:, None], x, state.best_positions)
    best = int(np.argmin(best_losses))
    history = np.append(state.history, best_losses[best])

    def random(purpose: Purpose) -> NDArray[np.float32]:
        return uniforms(task.key, purpose, state.iteration, *x.shape)

    f, informants, rows = np.float32, state.informants, np.arange(genome.swarm_size)
    time = state.iteration, task.horizon or task.iterations
    w = scheduled(genome.inertia_weight, genome.inertia_end, *time)
    vmax, xmax = scheduled(genome.max_velocity, genome.velocity_end, *time), f(genome.max_position)
    moved, velocities = np.full((genome.swarm_size, 1), True), w * state.velocities
    if genome.update_rule == "competitive":
        winner = winners(task.key, state.iteration, best_losses)
        moved = (winner != rows)[:, None]
        velocities = (w * random(Purpose.COGNITIVE)) * state.velocities
        best_losses = np.where(winner != rows, np.inf, best_losses)
        pulls = [(genome.social_weight, Purpose.SOCIAL, x[winner])]
    else:
        if genome.informant_strategy == "nearest":
            informants = nearest_informants(genome, x)
        elif (
            genome.informant_strategy == "rewired"
            and not best_losses[best] < state.best_losses.min()
        ):
            informants = random_informants(genome, task.key, state.iteration + 1)
        leader = informants[rows, np.argmin(best_losses[informants], axis=1)]
        pulls = [
            (genome.cognitive_weight, Purpose.COGNITIVE, best_positions),
            (
                genome.social_weight,
                Purpose.SOCIAL,
                (best_positions if genome.attractor == "best" else x)[leader],
            ),
            (genome.global_best_weight, Purpose.GLOBAL, best_positions[best]),
        ]
    for weight, purpose, towards in pulls:
        if f(weight) != 0:
            velocities = velocities + (f(weight) * random(purpose)) * (towards - x)
    velocities = np.clip(velocities, -vmax, vmax)
    positions = np.clip(x + f(genome.jump_size) * velocities, -xmax, xmax)
    return replace(
        state,
        iteration=state.iteration + 1,
        positions=np.where(moved, positions, x),
        velocities=np.where(moved, velocities, state.velocities),
        best_positions=best_positions,
        best_losses=best_losses,
        informants=informants,
        history=history,
        stopped=out_of_patience(history, len(history), task.patience or 0, task.min_improvement),
        rows_skipped=spared,
    )


def out_of_patience(history: NDArray[np.float64], done: int, patience: int, least: float) -> bool:
    """Whether the last ``patience`` of ``done`` iterations improved the global best loss by less than ``least`` of its size.

    ``patience`` 0 is endless. The compiled engine compiles this very function.
    """
    if patience == 0 or done <= patience:
        return False
    before, now = history[done - 1 - patience], history[done - 1]
    if not np.isfinite(before):
        return not np.isfinite(now)
    return not before - now > least * abs(before)
