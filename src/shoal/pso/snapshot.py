"""How a swarm looks between two iterations: its particles on a plane, and the numbers that say what
it is doing.

The plane is the same for all frames that are shown together; otherwise a swarm would seem to move
when only the view does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.numerics.philox import Purpose, normals
from shoal.pso.swarm import SwarmState, TrainingTask, scheduled

ProjectionKind = Literal["random", "principal"]
_KEY = (0, 0)  # of the random axes: they depend on the number of weights alone
MOST_INFORMANTS = 8  # that a frame names for each particle: hundreds of lines say nothing
_POSITION_DIGITS, _LOSS_DIGITS = 4, 6  # significant ones of a frame that is written down


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """Two orthonormal ``axes`` (D, 2) through ``centre`` (D,), in units of weights.

    ``share`` is how much of the variance of what they were made for lies in their plane, 0 to 1;
    None: made for nothing.
    """

    kind: ProjectionKind
    axes: NDArray[np.float32]
    centre: NDArray[np.float32]
    share: float | None = None

    def __call__(self, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Positions (P, D) on the plane, (P, 2)."""
        with np.errstate(all="ignore"):
            return np.asarray(positions @ self.axes - self.centre @ self.axes, dtype=np.float32)


@lru_cache(maxsize=64)
def random_projection(dimensions: int) -> Projection:
    """Random orthonormal axes, by Gram and Schmidt: the same for all trainings of a network, with
    nothing known of them.
    """
    first, second = normals(_KEY, Purpose.PROJECTION, 2, dimensions).astype(np.float64)
    first /= math.sqrt(first @ first)
    second -= (first @ second) * first
    second /= math.sqrt(second @ second)
    return Projection(
        "random",
        np.stack([first, second], axis=1).astype(np.float32),
        np.zeros(dimensions, np.float32),
    )


def principal_projection(positions: NDArray[np.float32]) -> Projection:
    """The two principal axes of ``positions`` (N, D), from the N x N matrix of their products, so
    choose N small.

    Rows that are not finite are left out. An axis points to where its largest weight grows. Where
    there are no two axes to find, the random ones.
    """
    positions = positions[np.isfinite(positions).all(axis=1)].astype(np.float64)
    dimensions = positions.shape[1]
    if len(positions) > 2:
        centre = positions.mean(axis=0)
        spread = positions - centre
        values, vectors = np.linalg.eigh(spread @ spread.T)
        if values[-2] > 1e-12 * values[-1] > 0:
            axes = spread.T @ vectors[:, [-1, -2]] / np.sqrt(values[[-1, -2]])
            axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
            share = float(values[-2:].sum() / values.clip(0.0).sum())
            return Projection(
                "principal", axes.astype(np.float32), centre.astype(np.float32), share
            )
    return random_projection(dimensions)


@dataclass(frozen=True, eq=False, slots=True)
class SwarmSnapshot:
    """A swarm of P particles after ``iteration`` steps.

    It shows where the particles stand then, not yet evaluated there, and what they know from
    before. With the competitive rule a particle's best is where it stands, one that has moved has
    no loss yet, and nobody has informants. ``losses`` are +inf where a particle has none;
    ``current`` are those where the particles stand, if somebody computed them.
    """

    iteration: int
    positions: NDArray[np.float32]  # projected, (P, 2)
    bests: NDArray[np.float32]  # personal bests, projected, (P, 2)
    losses: NDArray[np.float64]  # of the personal bests, (P,)
    best: int  # the particle that holds the global best
    informants: NDArray[
        np.int32
    ]  # (P, k), the one that it follows first; k is 0 where there are none, or none yet
    diversity: float  # mean distance of the particles from their centre, in all D dimensions
    at_velocity_limit: float  # share of all P x D components of velocities, 0 to 1
    at_position_limit: float  # share of all P x D components of positions, 0 to 1
    stagnation: int  # iterations since the global best improved; all of them when it never did
    speed: float  # mean absolute component of the velocities
    current: NDArray[np.float64] | None = None  # (P,)

    @property
    def loss(self) -> float:
        """The global best loss; +inf when there is none."""
        return float(self.losses[self.best])

    def to_dict(self) -> dict[str, Any]:
        """JSON-able and small: rounded, with None for what is not finite. `from_dict`
        reverses it.
        """
        return {
            "iteration": self.iteration,
            "positions": _rounded(self.positions, _POSITION_DIGITS),
            "bests": _rounded(self.bests, _POSITION_DIGITS),
            "losses": _rounded(self.losses, _LOSS_DIGITS),
            "best": self.best,
            "informants": self.informants.tolist(),
            "diversity": _number(self.diversity, _LOSS_DIGITS),
            "at_velocity_limit": round(self.at_velocity_limit, 4),
            "at_position_limit": round(self.at_position_limit, 4),
            "stagnation": self.stagnation,
            "speed": _number(self.speed, _LOSS_DIGITS),
            "current": None if self.current is None else _rounded(self.current, _LOSS_DIGITS),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SwarmSnapshot:
        """The reverse of `to_dict`: a loss that is not finite is +inf, another number NaN."""
        particles, current = len(values["losses"]), values.get("current")
        return cls(
            iteration=values["iteration"],
            positions=np.array(values["positions"], dtype=np.float32).reshape(particles, 2),
            bests=np.array(values["bests"], dtype=np.float32).reshape(particles, 2),
            losses=_losses(values["losses"]),
            best=values["best"],
            informants=np.array(values["informants"], dtype=np.int32).reshape(particles, -1),
            diversity=math.nan if values["diversity"] is None else values["diversity"],
            at_velocity_limit=values["at_velocity_limit"],
            at_position_limit=values["at_position_limit"],
            stagnation=values["stagnation"],
            speed=math.nan if values["speed"] is None else values["speed"],
            current=None if current is None else _losses(current),
        )


@np.errstate(all="ignore")
def take_snapshot(
    task: TrainingTask, state: SwarmState, projection: Projection | None = None
) -> SwarmSnapshot:
    """The frame of a swarm, on the random axes unless others are given. Pure, and it keeps no array
    of ``state``.

    Well under a millisecond for 48 particles of 833 weights.
    """
    genome, x, v = task.genome, state.positions, state.velocities
    project = projection or random_projection(x.shape[1])
    last = max(0, state.iteration - 1)  # the iteration whose limits the velocities have met
    vmax = scheduled(
        genome.max_velocity, genome.velocity_end, last, task.horizon or task.iterations
    )
    known = genome.rule.knows_informants(genome, state.iteration)
    informants = state.informants if known else state.informants[:, :0]
    best_first = np.argsort(state.best_losses[informants], axis=1, kind="stable")[
        :, :MOST_INFORMANTS
    ]
    speeds, positions, spread = np.abs(v), project(x), x - x.mean(axis=0)
    return SwarmSnapshot(
        iteration=state.iteration,
        positions=positions,
        bests=project(state.best_positions) if genome.rule.keeps_bests else positions,
        losses=state.best_losses.copy(),
        best=state.global_best,
        informants=np.take_along_axis(informants, best_first, axis=1),
        diversity=float(np.sqrt(np.einsum("pd,pd->p", spread, spread)).mean()),
        at_velocity_limit=float(np.count_nonzero(speeds >= vmax) / x.size),
        at_position_limit=float(
            np.count_nonzero(np.abs(x) >= np.float32(genome.max_position)) / x.size
        ),
        stagnation=stagnation(state.history),
        speed=float(speeds.mean()),
    )


def stagnation(history: NDArray[np.float64]) -> int:
    """Iterations since the last improvement in a global best loss by iteration, which never rises;
    all if there is none.
    """
    if not len(history):
        return 0
    equal = int(np.searchsorted(history[::-1], history[-1], side="right"))
    return equal - 1 if np.isfinite(history[-1]) else equal


def _number(value: float, digits: int) -> float | None:
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _rounded(values: NDArray[Any], digits: int) -> list[Any]:
    """Nested lists of numbers, of so many significant digits."""
    flat = [_number(value, digits) for value in values.ravel().tolist()]
    if values.ndim == 1:
        return flat
    width = values.shape[1]
    return [flat[i : i + width] for i in range(0, len(flat), width)]


def _losses(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([math.inf if value is None else value for value in values], dtype=np.float64)
