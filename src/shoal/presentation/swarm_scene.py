"""What is drawn of a swarm, by whatever draws it: one scene of a replay's frames, with axes and colours fixed over all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.pso.snapshot import SwarmSnapshot

LINKS = 100  # lines between informants in a frame, about: more hide the particles
_WORST = 95.0  # percentile of the losses that ends the scale of colours: the first iterations may be far worse
_DECADE = 8.0  # a wider ratio of losses is shown in the logarithm


@dataclass(frozen=True, eq=False, slots=True)
class Shades:
    """Losses as places on a scale of colours: 0 the lowest, 1 the highest and all beyond. ``ticks``: (place, loss)."""

    low: float
    high: float
    log: bool

    def __call__(self, losses: NDArray[np.float64]) -> NDArray[np.float32]:
        """The places of losses of any shape; +inf, no loss, is at 1."""
        with np.errstate(all="ignore"):
            low, high = self.low, max(self.high, self.low + 1e-12)
            places = (
                np.log(losses / low) / np.log(high / low)
                if self.log
                else (losses - low) / (high - low)
            )
        return np.asarray(
            np.nan_to_num(places, nan=1.0, posinf=1.0).clip(0.0, 1.0), dtype=np.float32
        )

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places that are labelled, with the loss there."""
        middle = (self.low * self.high) ** 0.5 if self.log else (self.low + self.high) / 2
        width = (self.high - self.low) / (abs(self.high) or 1.0)
        digits = 3 + (
            min(6, max(0, -math.floor(math.log10(width)) - 1)) if width > 0 else 0
        )  # so that they differ
        low, between, high = (f"{loss:.{digits}g}" for loss in (self.low, middle, self.high))
        return [(0.0, low), (0.5, between), (1.0, f"{high} +")]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The part of the plane that is shown: (low, high) of each axis, in units of weights."""

    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def area(self) -> float:
        """Of the part of the plane, in squared units of weights."""
        return (self.x[1] - self.x[0]) * (self.y[1] - self.y[0])

    def __or__(self, other: Bounds) -> Bounds:
        """What holds both."""
        pairs = ((self.x, other.x), (self.y, other.y))
        x, y = ((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs)
        return Bounds(x, y)


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """F frames of P particles, ready to be drawn; NaN where there is nothing."""

    iterations: NDArray[np.int64]  # (F,)
    positions: NDArray[np.float32]  # (F, P, 2)
    bests: NDArray[np.float32]  # personal bests, (F, P, 2); P is 0 where they are the positions
    losses: NDArray[np.float64]  # that the colours are of, (F, P)
    shades: NDArray[np.float32]  # (F, P), 0 to 1
    star: NDArray[np.float32]  # the global best, (F, 2)
    links: NDArray[np.float32]  # lines between a particle and its informants, (F, L, 2, 2)
    bounds: Bounds
    scale: Shades
    standing: bool  # the colours are the losses where particles stand; else those of their bests


def scene(frames: Sequence[SwarmSnapshot]) -> Scene:
    """The scene of ``frames``, one at least, of one training."""
    positions = np.stack([frame.positions for frame in frames])
    standing_bests = all(np.array_equal(f.bests, f.positions, equal_nan=True) for f in frames)
    bests = np.stack(
        [np.where(np.isinf(f.losses)[:, None], np.nan, f.bests) for f in frames]
    ).astype(np.float32)
    standing = all(frame.current is not None for frame in frames)
    losses = np.stack(
        [f.losses if not standing or f.current is None else f.current for f in frames]
    )
    star = np.stack(
        [f.bests[f.best] if np.isfinite(f.loss) else np.full(2, np.nan) for f in frames]
    )
    scale = _scale(losses)
    seen = np.concatenate([positions.reshape(-1, 2), bests.reshape(-1, 2)])
    return Scene(
        iterations=np.array([frame.iteration for frame in frames]),
        positions=positions,
        bests=bests[:, :0] if standing_bests else bests,
        losses=losses,
        shades=scale(losses),
        star=star.astype(np.float32),
        links=_stacked([_links(frame) for frame in frames]),
        bounds=Bounds(_range(seen[:, 0]), _range(seen[:, 1])),
        scale=scale,
        standing=standing,
    )


def series(frames: Sequence[SwarmSnapshot]) -> pd.DataFrame:
    """A row for each frame: iteration, loss (global best), diversity, speed, shares at limits in percent, stagnation."""
    return pd.DataFrame(
        {
            "iteration": [frame.iteration for frame in frames],
            "loss": [frame.loss if np.isfinite(frame.loss) else np.nan for frame in frames],
            "diversity": [frame.diversity for frame in frames],
            "speed": [frame.speed for frame in frames],
            "at_velocity_limit": [100 * frame.at_velocity_limit for frame in frames],
            "at_position_limit": [100 * frame.at_position_limit for frame in frames],
            "stagnation": [frame.stagnation for frame in frames],
        }
    )


def _links(frame: SwarmSnapshot) -> NDArray[np.float32]:
    """From each particle to the first of its informants, (L, 2, 2): as many of each as `LINKS` leaves, one at least."""
    particles, known = frame.informants.shape
    if not known:
        return np.empty((0, 2, 2), np.float32)
    ends = frame.positions[frame.informants[:, : max(1, LINKS // particles)]]
    starts = np.broadcast_to(frame.positions[:, None], ends.shape)
    return np.stack([starts, ends], axis=2).reshape(-1, 2, 2)


def _stacked(links: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Those of all frames, (F, L, 2, 2): before its first iteration, a swarm of the nearest informs nobody yet."""
    most = max(len(own) for own in links)
    return np.stack(
        [
            np.concatenate([own, np.full((most - len(own), 2, 2), np.nan, np.float32)])
            for own in links
        ]
    )


def _scale(losses: NDArray[np.float64]) -> Shades:
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return Shades(0.0, 1.0, log=False)
    low, high = float(finite.min()), float(np.percentile(finite, _WORST))
    return Shades(low, high, log=low > 0 and high / low > _DECADE)


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Where all values lie, with some room."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room
