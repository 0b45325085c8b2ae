"""A swarm for a function that the caller evaluates: ask for points, tell their losses."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shoal.errors import FunctionError
from shoal.functions.box import Box, make_box
from shoal.functions.constraints import INFEASIBLE, ranks
from shoal.functions.default_genome import default_genome
from shoal.genome.genome import Genome
from shoal.genome.presets import check_genome
from shoal.numerics.philox import Key, Purpose, derive_key, uniforms
from shoal.pso.ask_tell import AskTell
from shoal.pso.swarm import LEAST_IMPROVEMENT, SwarmState
from shoal.system.shown import Shown

# The random stream of functions, apart from those of trainings.
_STREAM = 0
# Seeds have 64 bits: two that differ beyond would be one.
_SEEDS = 2**64


@dataclass(frozen=True, eq=False, slots=True)
class BestPoint:
    """The best point so far.

    Attributes
    ----------
    x : ndarray of float64, (D,)
        The point.
    fun : float
        Its loss.
    violation : float
        The sum of its constraints' violations; 0 if it is feasible.
    """

    x: NDArray[np.float64]
    fun: float
    violation: float = 0.0


class Swarm(Shown):
    """A particle swarm that minimises whatever its caller evaluates.

    Parameters
    ----------
    bounds
        A pair (lower, upper) for each of D coordinates, or scipy's ``Bounds``. All points are
        within.
    genome
        The swarm's hyperparameters, in units of half the box; without it, a swarm that suits the
        number of coordinates.
    seed
        Equal seeds give equal points.
    integers
        The coordinates that are whole numbers: their indices, or (D,) of bool.
    x0
        Points to start from, (D,) or (n, D): the first particles. The others start anywhere in the
        box.
    iterations
        When ``inertia_end`` and ``velocity_end`` of the genome are reached.
    key
        The random stream; None: one of ``seed``.

    Examples
    --------
    >>> swarm = Swarm(bounds=[(-5, 5)] * 3, seed=1)
    >>> for _ in range(200):
    ...     x = swarm.ask()
    ...     swarm.tell((x**2).sum(axis=1))
    >>> bool(swarm.best.fun < 1e-9)
    True
    """

    def __init__(
        self,
        bounds: Any,
        genome: Genome | None = None,
        seed: int = 0,
        integers: ArrayLike | None = None,
        *,
        x0: ArrayLike | None = None,
        iterations: int = 1000,
        key: Key | None = None,
    ) -> None:
        _check_seed(seed)
        self._box = make_box(bounds, integers)
        dimensions = self._box.dimensions
        if genome is None:
            genome = default_genome(dimensions)
        check_genome(genome)

        if key is None:
            key = derive_key(seed, _STREAM)
        self._swarm = AskTell(
            genome,
            dimensions,
            key,
            horizon=iterations,
            lower=-1.0,
            upper=1.0,
            positions=_initial_positions(self._box, genome, key, x0),
            dtype=np.float64,
        )
        self._best: BestPoint | None = None
        self._best_rank = np.inf

    @property
    def genome(self) -> Genome:
        """The swarm's hyperparameters."""
        return self._swarm.genome

    @property
    def dimensions(self) -> int:
        """The number of coordinates, D."""
        return self._box.dimensions

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return self._swarm.iteration

    @property
    def best(self) -> BestPoint | None:
        """The best point so far; None as long as no loss was finite."""
        return self._best

    @property
    def history(self) -> NDArray[np.float64]:
        """The best loss after each iteration, (iterations,); a copy."""
        return self._swarm.history

    def ask(self) -> NDArray[np.float64]:
        """Give the points to evaluate.

        Asked again before `tell`, the swarm gives the same points.

        Returns
        -------
        ndarray of float64, (n, D)
            A new array. After the first call a swarm with the competitive rule has half as many
            points: only particles that moved need a loss.
        """
        return self._box.points(self._swarm.ask(), self._swarm.needed)

    def tell(self, losses: ArrayLike, violations: ArrayLike | None = None) -> None:
        """Take the losses of the points that `ask` gave, and move the swarm.

        Parameters
        ----------
        losses
            (n,); smaller is better. NaN and infinities never become the best.
        violations
            By how much each point violates constraints, (n,); 0 for feasible points, which are
            better than all others.

        Raises
        ------
        FunctionError
            If there are not n of them.
        """
        needed = self._swarm.needed
        count = int(np.count_nonzero(needed))
        losses = _numbers("losses", losses, count)
        ranked = np.where(np.isfinite(losses), losses, np.inf)
        if violations is not None:
            violations = _numbers("violations", violations, count)
            ranked = ranks(losses, violations)

        winner = int(np.argmin(ranked))
        if ranked[winner] < self._best_rank:
            self._best_rank = float(ranked[winner])
            self._best = self._point(winner, losses, violations)

        if count < len(needed):
            every_loss = np.full(len(needed), np.inf)
            every_loss[needed] = ranked
            ranked = every_loss
        self._swarm.tell(ranked)

    def state(self) -> SwarmState:
        """Show the swarm to an observer, in units of half the box; see `AskTell.state`.

        Points that violate constraints have no loss.
        """
        state = self._swarm.state()
        return replace(
            state,
            best_losses=np.where(state.best_losses < INFEASIBLE, state.best_losses, np.inf),
            history=np.where(state.history < INFEASIBLE, state.history, np.inf),
        )

    def run_compiled(
        self, function: Any, iterations: int, *, patience: int | None, target: float | None
    ) -> int:
        """Ask and tell without Python in between, for a function that Numba compiled.

        At least one iteration has to be done, without constraints.

        Parameters
        ----------
        function
            Points (n, D) -> losses (n,).
        iterations
            It ends after so many, or earlier: by patience, at the target, or where the function
            returns another number of losses.
        patience, target
            See `shoal.minimize`.

        Returns
        -------
        int
            Points evaluated.
        """
        point = np.full(self.dimensions, np.nan)
        if self._best is not None:
            point = self._best.x.copy()

        evaluations = self._swarm.run_compiled(
            function,
            self._box.compiled(),
            point,
            iterations,
            patience=patience,
            min_improvement=LEAST_IMPROVEMENT,
            target=target,
        )
        loss = self._swarm.history[-1]
        if loss < self._best_rank:
            self._best_rank = float(loss)
            self._best = BestPoint(point, float(loss))
        return evaluations

    def _point(
        self,
        row: int,
        losses: NDArray[np.float64],
        violations: NDArray[np.float64] | None,
    ) -> BestPoint:
        """The point in a row of what was asked."""
        particle = np.flatnonzero(self._swarm.needed)[row]
        alone = np.arange(len(self._swarm.needed)) == particle
        violation = 0.0
        if violations is not None:
            violation = float(violations[row])
        return BestPoint(
            self._box.points(self._swarm.ask(), alone)[0], float(losses[row]), violation
        )


def _initial_positions(
    box: Box, genome: Genome, key: tuple[int, int], x0: ArrayLike | None
) -> NDArray[np.float64]:
    """Uniform in the box, those of ``x0`` first; (P, D)."""
    share = uniforms(key, Purpose.POSITION, 0, genome.swarm_size, box.dimensions)
    positions = 2.0 * share.astype(np.float64) - 1.0
    if x0 is None:
        return positions

    points = np.atleast_2d(np.asarray(x0, np.float64))
    if points.ndim != 2 or points.shape[1] != box.dimensions or len(points) > len(positions):
        raise FunctionError(
            f"x0 of shape {np.shape(x0)} for {box.dimensions} coordinates and {len(positions)} "
            "particles.",
            expected=f"({box.dimensions},), or up to {len(positions)} rows of that length",
        )
    outside = ~((points >= box.lower) & (points <= box.upper))
    if outside.any():
        row, d = np.argwhere(outside)[0]
        raise FunctionError(
            f"x0 has {points[row, d]:g} in coordinate {d}.",
            expected=f"{box.lower[d]:g} to {box.upper[d]:g}, its bounds",
        )
    positions[: len(points)] = box.units(points)
    return positions


def _check_seed(seed: Any) -> None:
    """Raise `FunctionError` unless the seed is a whole number; NumPy's are, too."""
    try:
        valid = 0 <= operator.index(seed) < _SEEDS
    except TypeError:
        valid = False
    if not valid:
        raise FunctionError(
            f"seed={seed!r}.",
            expected="a whole number from 0 to 2^64 - 1",
            remedy="equal seeds give equal points; take another number for other points",
        )


def _numbers(name: str, values: ArrayLike, count: int) -> NDArray[np.float64]:
    numbers = np.asarray(values, np.float64)
    if numbers.shape != (count,):
        raise FunctionError(
            f"{name} of shape {numbers.shape} were told for {count} points.",
            expected=f"one for each point of the last ask(), shape ({count},)",
        )
    return numbers
