"""What is drawn of a swarm in motion, for whatever draws it: the page, or a GIF.

A scene holds some frames of one training, with axes and colours that are the same in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.objectives.registry import Metric
from shoal.presentation.shown_loss import ShownLoss, shown_loss
from shoal.pso.snapshot import SwarmSnapshot

# Lines between informants in a frame, about. More of them would hide the particles.
LINKS = 100
# Percentile of the losses that ends the scale of colours: the first iterations may be far worse.
_WORST_PERCENTILE = 95.0
# A wider ratio of losses is shown in the logarithm.
_WIDEST_LINEAR_RATIO = 8.0
# Numbers from here on are written with an exponent.
_LARGEST_WHOLE = 1e6
# Room around the particles, as a share of where they are.
_ROOM = 0.06


@dataclass(frozen=True, eq=False, slots=True)
class Shades:
    """A scale of colours for losses, from 0 for the lowest to 1 for the highest and all beyond.

    Attributes
    ----------
    low, high
        The losses at the ends of the scale.
    log
        Whether the scale is logarithmic; ``low`` is then above 0.
    """

    low: float
    high: float
    log: bool

    def __call__(self, losses: NDArray[np.float64]) -> NDArray[np.float32]:
        """The places of losses of any shape on the scale; +inf, no loss, is at 1."""
        low = self.low
        high = max(self.high, self.low + 1e-12)
        with np.errstate(all="ignore"):
            if self.log:
                places = np.log(losses / low) / np.log(high / low)
            else:
                places = (losses - low) / (high - low)
        places = np.nan_to_num(places, nan=1.0, posinf=1.0).clip(0.0, 1.0)
        return np.asarray(places, dtype=np.float32)

    def ticks(self, shown: ShownLoss) -> list[tuple[float, str]]:
        """Places that are labelled, each with its loss as it is shown."""
        middle = (self.low + self.high) / 2
        if self.log:
            middle = (self.low * self.high) ** 0.5
        digits = self._digits()
        low, centre, high = (
            _number_text(shown.number(loss), digits) for loss in (self.low, middle, self.high)
        )
        return [(0.0, low), (0.5, centre), (1.0, shown.beyond(high))]

    def _digits(self) -> int:
        """Significant digits, so many that the labels differ."""
        relative_width = (self.high - self.low) / (abs(self.high) or 1.0)
        if relative_width <= 0:
            return 3
        more = -math.floor(math.log10(relative_width)) - 1
        return 3 + min(6, max(0, more))


def _number_text(value: float, digits: int) -> str:
    """A number with some digits; a large one whole rather than with an exponent."""
    if 10.0**digits <= abs(value) < _LARGEST_WHOLE:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The part of the plane that is shown: (low, high) of each axis, in units of weights."""

    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def area(self) -> float:
        """In squared units of weights."""
        return (self.x[1] - self.x[0]) * (self.y[1] - self.y[0])

    def __or__(self, other: Bounds) -> Bounds:
        """The smallest part of the plane that holds both."""
        return Bounds(_span(self.x, other.x), _span(self.y, other.y))


def _span(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """F frames of P particles, ready to be drawn; NaN where there is nothing.

    Attributes
    ----------
    iterations
        The iteration of each frame, (F,).
    positions
        Where the particles are, (F, P, 2).
    bests
        Their personal bests, (F, P, 2); (F, 0, 2) where these are their positions.
    losses
        The losses that the colours show, (F, P).
    shades
        Their places on the scale of colours, 0 to 1, (F, P).
    star
        The global best, (F, 2).
    links
        L lines between a particle and its informants, from start to end, (F, L, 2, 2).
    bounds
        The part of the plane that is shown.
    scale
        The scale of colours.
    standing
        Whether ``losses`` are those where the particles stand; else those of their bests.
    shown
        How losses are shown.
    """

    iterations: NDArray[np.int64]
    positions: NDArray[np.float32]
    bests: NDArray[np.float32]
    losses: NDArray[np.float64]
    shades: NDArray[np.float32]
    star: NDArray[np.float32]
    links: NDArray[np.float32]
    bounds: Bounds
    scale: Shades
    standing: bool
    shown: ShownLoss


def scene(frames: Sequence[SwarmSnapshot], metric: Metric | None = None) -> Scene:
    """The scene of some frames of one training.

    Parameters
    ----------
    frames
        At least one.
    metric
        Of the scores that the losses are; None: they are no scores.
    """
    positions = np.stack([frame.positions for frame in frames])
    bests = np.stack([_bests(frame) for frame in frames]).astype(np.float32)
    seen = np.concatenate([positions.reshape(-1, 2), bests.reshape(-1, 2)])

    # With some update rules a particle's best is where it stands, and is not drawn twice.
    if all(_stands_on_its_best(frame) for frame in frames):
        bests = bests[:, :0]

    standing = all(frame.current is not None for frame in frames)
    losses = np.stack([_losses(frame, standing) for frame in frames])
    scale = _scale(losses)
    return Scene(
        iterations=np.array([frame.iteration for frame in frames]),
        positions=positions,
        bests=bests,
        losses=losses,
        shades=scale(losses),
        star=np.stack([_global_best(frame) for frame in frames]).astype(np.float32),
        links=_stack([_links(frame) for frame in frames]),
        bounds=Bounds(_range(seen[:, 0]), _range(seen[:, 1])),
        scale=scale,
        standing=standing,
        shown=shown_loss(metric),
    )


def _stands_on_its_best(frame: SwarmSnapshot) -> bool:
    """Whether every particle stands where its personal best is."""
    return np.array_equal(frame.bests, frame.positions, equal_nan=True)


def _bests(frame: SwarmSnapshot) -> NDArray[np.float32]:
    """The personal bests of particles that have one, NaN for the others, (P, 2)."""
    has_none = np.isinf(frame.losses)
    return np.where(has_none[:, None], np.nan, frame.bests)


def _losses(frame: SwarmSnapshot, standing: bool) -> NDArray[np.float64]:
    """The losses where the particles stand, or those of their bests, (P,)."""
    if standing and frame.current is not None:
        return frame.current
    return frame.losses


def _global_best(frame: SwarmSnapshot) -> NDArray[np.float64]:
    """Where the global best is; NaN as long as there is none, (2,)."""
    if np.isfinite(frame.loss):
        return np.asarray(frame.bests[frame.best], dtype=np.float64)
    return np.full(2, np.nan)


def series(frames: Sequence[SwarmSnapshot], metric: Metric | None = None) -> pd.DataFrame:
    """The course of a training, a row for each frame.

    Parameters
    ----------
    frames, metric
        See `scene`.

    Returns
    -------
    DataFrame
        ``iteration``, ``loss`` of the global best as it is shown (NaN where there is none),
        ``diversity``, ``speed``, ``at_velocity_limit`` and ``at_position_limit`` in percent,
        ``stagnation``, simulated ``steps`` (None where nothing is simulated).
    """
    shown = shown_loss(metric)
    rows = []
    for frame in frames:
        row = {
            "iteration": frame.iteration,
            "loss": shown.number(frame.loss) if np.isfinite(frame.loss) else np.nan,
            "diversity": frame.diversity,
            "speed": frame.speed,
            "at_velocity_limit": 100 * frame.at_velocity_limit,
            "at_position_limit": 100 * frame.at_position_limit,
            "stagnation": frame.stagnation,
            "steps": frame.steps,
        }
        rows.append(row)

    return pd.DataFrame(rows)


def _links(frame: SwarmSnapshot) -> NDArray[np.float32]:
    """Lines from each particle to the first of its informants, (L, 2, 2).

    Each particle has as many as `LINKS` leaves it, and at least one.
    """
    particles, informants = frame.informants.shape
    if not informants:
        return np.empty((0, 2, 2), np.float32)
    of_each = max(1, LINKS // particles)
    ends = frame.positions[frame.informants[:, :of_each]]
    starts = np.broadcast_to(frame.positions[:, None], ends.shape)
    return np.stack([starts, ends], axis=2).reshape(-1, 2, 2)


def _stack(links: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The lines of all frames, (F, L, 2, 2), with NaN where a frame has fewer than others.

    Before its first iteration, a swarm of the nearest has no informants yet.
    """
    most = max(len(lines) for lines in links)
    padded = []
    for lines in links:
        missing = np.full((most - len(lines), 2, 2), np.nan, np.float32)
        padded.append(np.concatenate([lines, missing]))
    return np.stack(padded)


def _scale(losses: NDArray[np.float64]) -> Shades:
    """The scale of colours for these losses."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return Shades(0.0, 1.0, log=False)
    low = float(finite.min())
    high = float(np.percentile(finite, _WORST_PERCENTILE))
    return Shades(low, high, log=low > 0 and high / low > _WIDEST_LINEAR_RATIO)


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Where all values lie, with some room."""
    finite = values[np.isfinite(values)]
    low = 0.0
    high = 0.0
    if len(finite):
        low = float(finite.min())
        high = float(finite.max())
    room = _ROOM * (high - low) or 0.5
    return low - room, high + room
