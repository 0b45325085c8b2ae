"""Snapshots of a swarm between two iterations: its particles on a plane, and a few numbers.

Snapshots that are shown together use the same plane. Otherwise the swarm would seem to move when
only the view changes.

Start with `take_snapshot`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.genome.genome import Genome
from shoal.numerics.philox import Purpose, normals
from shoal.pso.swarm import SwarmState, scheduled

ProjectionKind = Literal["random", "principal"]

# Informants that a snapshot names for each particle: a chart of hundreds of lines shows nothing.
MOST_INFORMANTS = 8

# The random stream of the random axes: one for all, so that they depend on the number of weights
# alone.
_KEY = (0, 0)
# Two principal axes exist if the second largest eigenvalue is above this share of the largest.
_LEAST_EIGENVALUE = 1e-12
# Significant digits in a snapshot that is written down.
_POSITION_DIGITS = 4
_LOSS_DIGITS = 6


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """A plane in the space of weights, of D dimensions.

    Attributes
    ----------
    kind : str
        "random" or "principal".
    axes : ndarray of float32, (D, 2)
        Two orthonormal vectors that span the plane.
    centre : ndarray of float32, (D,)
        The point of the plane that is drawn at (0, 0), in units of weights.
    share : float, optional
        The share, 0 to 1, of the variance of the projected positions that lies in the plane. None
        for axes that were made without positions.
    """

    kind: ProjectionKind
    axes: NDArray[np.float32]
    centre: NDArray[np.float32]
    share: float | None = None

    def __call__(self, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project positions, (P, D), to the plane, (P, 2)."""
        with np.errstate(all="ignore"):
            return np.asarray(positions @ self.axes - self.centre @ self.axes, dtype=np.float32)


@lru_cache(maxsize=64)
def random_projection(dimensions: int) -> Projection:
    """Make a plane through the origin whose axes are random.

    The axes are normal numbers, made orthonormal by the method of Gram and Schmidt. They are the
    same for all networks of the same number of weights.

    Parameters
    ----------
    dimensions
        Number of weights, D.
    """
    if dimensions <= 2:
        # The coordinates are axes already.
        axes = np.eye(dimensions, 2, dtype=np.float32)
        return Projection("random", axes, np.zeros(dimensions, np.float32))

    first, second = normals(_KEY, Purpose.PROJECTION, 2, dimensions).astype(np.float64)

    first /= math.sqrt(first @ first)
    second -= (first @ second) * first
    second /= math.sqrt(second @ second)

    axes = np.stack([first, second], axis=1).astype(np.float32)
    return Projection("random", axes, np.zeros(dimensions, np.float32))


def principal_projection(positions: NDArray[np.float32]) -> Projection:
    """Make the plane of the two principal axes of positions.

    The sign of an axis is that for which its largest component is positive. Positions that span no
    plane get the random axes.

    Parameters
    ----------
    positions
        (N, D). Rows that are not finite are left out. The eigenvectors of an N x N matrix are
        computed, so choose a small N.

    Returns
    -------
    Projection
    """
    finite = np.isfinite(positions).all(axis=1)
    points = positions[finite].astype(np.float64)
    count, dimensions = points.shape
    if count < 3:
        return random_projection(dimensions)

    # The N x N matrix of products has the same eigenvalues as the D x D scatter matrix, and is
    # much smaller.
    centre = points.mean(axis=0)
    spread = points - centre
    eigenvalues, eigenvectors = np.linalg.eigh(spread @ spread.T)
    if not eigenvalues[-2] > _LEAST_EIGENVALUE * eigenvalues[-1] > 0:
        return random_projection(dimensions)

    # Eigenvalues ascend: the last two belong to the axes.
    axes = spread.T @ eigenvectors[:, [-1, -2]] / np.sqrt(eigenvalues[[-1, -2]])
    largest = np.abs(axes).argmax(axis=0)
    axes *= np.sign(axes[largest, [0, 1]])
    share = eigenvalues[-2:].sum() / eigenvalues.clip(0.0).sum()

    return Projection("principal", axes.astype(np.float32), centre.astype(np.float32), float(share))


class SeenTraining(Protocol):
    """What a snapshot reads of a training: `shoal.pso.swarm.TrainingTask` is one."""

    @property
    def genome(self) -> Genome:
        """The swarm's hyperparameters."""

    @property
    def schedule_length(self) -> int:
        """Iterations after which the inertia and the velocity limit have their last values."""


@dataclass(frozen=True, eq=False, slots=True)
class SwarmSnapshot:
    """A swarm of P particles between two iterations.

    The particles stand where they moved to last. They are not evaluated there yet, so that their
    losses are those of their personal bests.

    With the competitive rule a particle's best is where it stands, a particle that has just moved
    has no loss yet, and there are no informants.

    Attributes
    ----------
    iteration : int
        Iterations done.
    positions : ndarray of float32, (P, 2)
        The projected positions.
    bests : ndarray of float32, (P, 2)
        The projected personal bests.
    losses : ndarray of float64, (P,)
        The losses of the personal bests; +inf for a particle without one.
    best : int
        The particle that holds the global best.
    informants : ndarray of int32, (P, k)
        At most `MOST_INFORMANTS` of each particle, in the order of their losses: a particle follows
        its first. k is 0 where there are no informants, and before the first iteration if that one
        chooses them.
    diversity : float
        The mean distance of the particles from their centre, in all D dimensions.
    at_velocity_limit : float
        The share, 0 to 1, of the P x D components of velocities that are at their limit.
    at_position_limit : float
        The share, 0 to 1, of the P x D components of positions that are at their limit.
    stagnation : int
        Iterations since the global best improved; all of them if it never did.
    speed : float
        The mean absolute component of the velocities.
    current : ndarray of float64, (P,), optional
        The losses where the particles stand, if somebody computed them.
    steps : int, optional
        Simulated steps so far, where policies are trained and somebody counted.
    """

    iteration: int
    positions: NDArray[np.float32]
    bests: NDArray[np.float32]
    losses: NDArray[np.float64]
    best: int
    informants: NDArray[np.int32]
    diversity: float
    at_velocity_limit: float
    at_position_limit: float
    stagnation: int
    speed: float
    current: NDArray[np.float64] | None = None
    steps: int | None = None

    @property
    def loss(self) -> float:
        """The global best loss; +inf if no particle has a loss."""
        return float(self.losses[self.best])

    def to_dict(self) -> dict[str, Any]:
        """Make a small dictionary for JSON.

        Numbers are rounded. One that is not finite becomes None.
        """
        current = None
        if self.current is not None:
            current = _rounded(self.current, _LOSS_DIGITS)

        return {
            "iteration": self.iteration,
            "positions": _rounded(self.positions, _POSITION_DIGITS),
            "bests": _rounded(self.bests, _POSITION_DIGITS),
            "losses": _rounded(self.losses, _LOSS_DIGITS),
            "best": self.best,
            "informants": self.informants.tolist(),
            "diversity": _rounded_number(self.diversity, _LOSS_DIGITS),
            "at_velocity_limit": round(self.at_velocity_limit, 4),
            "at_position_limit": round(self.at_position_limit, 4),
            "stagnation": self.stagnation,
            "speed": _rounded_number(self.speed, _LOSS_DIGITS),
            "current": current,
            "steps": self.steps,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SwarmSnapshot:
        """Read what `to_dict` made.

        A loss that is None becomes +inf, any other None that stands for a number becomes NaN.
        """
        particles = len(values["losses"])
        informants = np.array(values["informants"], dtype=np.int32)

        current = None
        if values.get("current") is not None:
            current = _read_losses(values["current"])

        return cls(
            iteration=values["iteration"],
            positions=_read_points(values["positions"], particles),
            bests=_read_points(values["bests"], particles),
            losses=_read_losses(values["losses"]),
            best=values["best"],
            informants=informants.reshape(particles, -1),
            diversity=_read_number(values["diversity"]),
            at_velocity_limit=values["at_velocity_limit"],
            at_position_limit=values["at_position_limit"],
            stagnation=values["stagnation"],
            speed=_read_number(values["speed"]),
            current=current,
            steps=values.get("steps"),
        )


@np.errstate(all="ignore")
def take_snapshot(
    task: SeenTraining, state: SwarmState, projection: Projection | None = None
) -> SwarmSnapshot:
    """Take a snapshot of a swarm.

    It needs well under a millisecond for 48 particles of 833 weights.

    Parameters
    ----------
    task
        The training.
    state
        The swarm. No array of it is changed, and the snapshot keeps none.
    projection
        The plane; None: that of `random_projection`.

    Returns
    -------
    SwarmSnapshot
        Without ``current``, which takes an evaluation.
    """
    genome = task.genome
    if projection is None:
        projection = random_projection(state.positions.shape[1])

    positions = projection(state.positions)
    bests = positions
    if genome.rule.keeps_bests:
        bests = projection(state.best_positions)

    speeds = np.abs(state.velocities)
    sizes = np.abs(state.positions)

    return SwarmSnapshot(
        iteration=state.iteration,
        positions=positions,
        bests=bests,
        losses=state.best_losses.copy(),
        best=state.global_best,
        informants=_best_informants(task, state),
        diversity=_diversity(state.positions),
        at_velocity_limit=_share_at_limit(speeds, _velocity_limit(task, state)),
        at_position_limit=_share_at_limit(sizes, np.float32(genome.max_position)),
        stagnation=stagnation(state.history),
        speed=float(speeds.mean()),
    )


def stagnation(history: NDArray[np.float64]) -> int:
    """Count the iterations since the global best improved.

    Parameters
    ----------
    history
        The global best loss after each iteration. Where it is a mean over all scenarios that were
        met, it may rise again.

    Returns
    -------
    int
        All iterations if the global best was never finite.
    """
    if not len(history):
        return 0

    lowest = int(np.argmin(history))
    if not np.isfinite(history[lowest]):
        return len(history)
    return len(history) - 1 - lowest


def _best_informants(task: SeenTraining, state: SwarmState) -> NDArray[np.int32]:
    """The informants of each particle in the order of their losses, (P, k), where it has some."""
    informants = state.informants
    if not task.genome.rule.knows_informants(task.genome, state.iteration):
        return informants[:, :0].copy()

    order = np.argsort(state.best_losses[informants], axis=1, kind="stable")
    return np.take_along_axis(informants, order[:, :MOST_INFORMANTS], axis=1)


def _diversity(positions: NDArray[np.float32]) -> float:
    """The mean distance of positions, (P, D), from their centre."""
    spread = positions - positions.mean(axis=0)
    squared_distances = np.einsum("pd,pd->p", spread, spread)
    return float(np.sqrt(squared_distances).mean())


def _velocity_limit(task: SeenTraining, state: SwarmState) -> np.float32:
    """The limit that the swarm's velocities have met: that of the iteration before."""
    genome = task.genome
    last_iteration = max(0, state.iteration - 1)
    return scheduled(genome.max_velocity, genome.velocity_end, last_iteration, task.schedule_length)


def _share_at_limit(sizes: NDArray[np.float32], limit: np.float32) -> float:
    """The share, 0 to 1, of absolute components that reach their limit."""
    return float(np.count_nonzero(sizes >= limit) / sizes.size)


def _rounded_number(value: float, digits: int) -> float | None:
    """A number of ``digits`` significant digits; None for one that is not finite."""
    if not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def _rounded(values: NDArray[Any], digits: int) -> list[Any]:
    """An array as nested lists of numbers of ``digits`` significant digits."""
    numbers = []
    for value in values.ravel().tolist():
        numbers.append(_rounded_number(value, digits))
    if values.ndim == 1:
        return numbers

    width = values.shape[1]
    rows = []
    for start in range(0, len(numbers), width):
        rows.append(numbers[start : start + width])
    return rows


def _read_number(value: float | None) -> float:
    if value is None:
        return math.nan
    return value


def _read_points(values: list[list[float | None]], particles: int) -> NDArray[np.float32]:
    """Points on the plane, (P, 2); NaN for None."""
    return np.array(values, dtype=np.float32).reshape(particles, 2)


def _read_losses(values: list[float | None]) -> NDArray[np.float64]:
    """Losses, (P,); +inf for None."""
    losses = np.array(values, dtype=np.float64)
    # NumPy reads None as NaN.
    losses[np.isnan(losses)] = np.inf
    return losses
