"""A swarm whose losses come from outside: `AskTell.ask` gives positions, `AskTell.tell` takes their
losses.

It moves as shoal.pso.swarm says. With the same genome, key, initial positions and losses, in
float32 and within ``max_position``, all its numbers are those of `shoal.pso.swarm.step`; the
nearest informants are, unless two distances are equal but for rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shoal.errors import FunctionError
from shoal.genome.genome import Genome
from shoal.numerics.philox import Key, Purpose, normals, uniforms
from shoal.pso.engines import ask_tell_kernels as kernels
from shoal.pso.swarm import SwarmState, initial_velocities, scheduled
from shoal.update_rules.informants import INFORMANT_STRATEGIES


class AskTell:
    """A swarm of P particles in D dimensions that somebody else evaluates.

    An iteration is one `ask` and one `tell`. An instance can be pickled at any time, and goes on
    with the same numbers.

    Parameters
    ----------
    genome
        The swarm's hyperparameters. The topology and the genes of weights (``weight_decay``,
        ``bias_scale``, ``initialisation``) are not read.
    dimensions
        D.
    key
        The random stream.
    horizon
        What changes with time (``inertia_end``, ``velocity_end``) comes to its end after so many
        iterations.
    lower, upper
        The box that the particles stay in, (D,); without it each position is limited by
        ``max_position``. A particle that would leave the box is put on its border, and the
        component of its velocity that led out becomes 0.
    positions
        Where the particles start, (P, D). Without them they start uniformly in the box, or, where
        there is none, normally around 0.
    deviations
        Standard deviation of each normal initial position, (D,); without it, ``weight_scale``.
    velocities
        How fast they start, (P, D); without it, as `shoal.pso.swarm.initial_velocities`.
    dtype
        float32 or float64: of positions and velocities. Losses are float64.

    Attributes
    ----------
    iteration : int
        Iterations done.
    """

    def __init__(
        self,
        genome: Genome,
        dimensions: int,
        key: Key,
        *,
        horizon: int,
        lower: ArrayLike | None = None,
        upper: ArrayLike | None = None,
        positions: ArrayLike | None = None,
        deviations: ArrayLike | None = None,
        velocities: ArrayLike | None = None,
        dtype: type[np.floating[Any]] = np.float32,
    ) -> None:
        self.genome = genome
        self.key = key
        self.horizon = horizon
        self.iteration = 0
        self._dtype = dtype

        bounded = lower is not None and upper is not None
        if not bounded:
            lower, upper = -genome.max_position, genome.max_position
        limits = [np.broadcast_to(np.asarray(limit, dtype), dimensions) for limit in (lower, upper)]
        lower, upper = (limit.copy() for limit in limits)

        shape = genome.swarm_size, dimensions
        if positions is None and deviations is None and bounded:
            positions = _in_box(key, shape, lower, upper)
        elif positions is None:
            positions = _around_zero(genome, key, shape, deviations)
        if velocities is None:
            velocities = initial_velocities(key, *shape)

        self._swarm = _moved(
            genome,
            key,
            _matrix("positions", positions, shape, dtype),
            _matrix("velocities", velocities, shape, dtype),
            lower,
            upper,
        )
        self._rule = _coefficients(genome, key, dtype, stops_at_limits=bounded)
        # The global best: its particle, and its loss after each iteration, with room for more.
        self._best = 0
        self._history = np.empty(64)

    @property
    def needed(self) -> NDArray[np.bool_]:
        """Which particles need a loss in this iteration, (P,).

        The others stand on their personal bests, whose losses are known: whatever `tell` is given
        for them is not read.
        """
        return self.genome.rule.evaluated(self._swarm.best_losses)

    @property
    def best_position(self) -> NDArray[Any]:
        """The global best, (D,); a copy."""
        return np.array(self._swarm.bests[self._best])

    @property
    def best_loss(self) -> float:
        """The loss of the global best; +inf as long as no loss was finite."""
        return float(self._swarm.best_losses[self._best])

    @property
    def best_positions(self) -> NDArray[Any]:
        """The personal bests, (P, D); a view that cannot be written, and changes with `tell`."""
        return _read_only(self._swarm.bests)

    @property
    def best_losses(self) -> NDArray[np.float64]:
        """The losses of the personal bests, (P,); +inf where a particle has none."""
        return _read_only(self._swarm.best_losses)

    @property
    def history(self) -> NDArray[np.float64]:
        """The global best loss after each iteration, (iterations,); a copy."""
        return self._history[: self.iteration].copy()

    def ask(self) -> NDArray[Any]:
        """Give the positions to evaluate.

        Returns
        -------
        ndarray, (P, D)
            A view that cannot be written, and changes with `tell`.
        """
        return _read_only(self._swarm.positions)

    def tell(self, losses: ArrayLike, reevaluated_bests: ArrayLike | None = None) -> None:
        """Take the losses of the positions that `ask` gave, and move the swarm.

        Parameters
        ----------
        losses
            (P,); smaller is better. One that is NaN or infinite never becomes a best.
        reevaluated_bests
            Where a loss is noisy: the losses of `best_positions` under the noise of this iteration,
            (P,). The loss of a personal best becomes the mean of all that it was given. A new
            position has to be better than that mean, and than this iteration's value. Values of
            particles that have no best yet are not read.

        Raises
        ------
        FunctionError
            If the number of losses is not P.
        """
        losses = self._losses(losses)
        if reevaluated_bests is not None:
            losses = self._with_noise(losses, self._losses(reevaluated_bests))

        genome = self.genome
        time = self.iteration, self.horizon
        self._best = kernels.advance(
            self._swarm,
            self._rule,
            losses,
            self.iteration,
            self._dtype(scheduled(genome.inertia_weight, genome.inertia_end, *time)),
            self._dtype(scheduled(genome.max_velocity, genome.velocity_end, *time)),
        )

        if self.iteration == len(self._history):
            self._history = np.concatenate([self._history, np.empty(self.iteration)])
        self._history[self.iteration] = self._swarm.best_losses[self._best]
        self.iteration += 1

    def run_compiled(
        self,
        function: Any,
        box: kernels.Box,
        best_point: NDArray[np.float64],
        iterations: int,
        *,
        patience: int | None = None,
        min_improvement: float = 0.0,
        target: float | None = None,
    ) -> int:
        """Ask and tell without Python in between, for a function that Numba compiled.

        Parameters
        ----------
        function
            Points (n, D) of the box -> losses (n,).
        box
            Positions in [-1, 1] are points of this box.
        best_point
            The point of the global best, (D,); renewed in place.
        iterations
            1 or more. It ends earlier by patience, at the target, or where the function returns
            another number of losses.
        patience, min_improvement
            See `shoal.pso.swarm.out_of_patience`.
        target
            The loss at which it ends.

        Returns
        -------
        int
            Points evaluated.
        """
        genome = self.genome
        schedule = kernels.Schedule(
            w=genome.inertia_weight,
            w_end=genome.inertia_end,
            vmax=genome.max_velocity,
            vmax_end=genome.velocity_end,
            horizon=self.horizon,
            patience=patience or 0,
            least=min_improvement,
            target=-np.inf if target is None else float(target),
        )
        until = self.iteration + iterations
        history = np.concatenate([self.history, np.empty(iterations)])
        done, best, evaluations = kernels.run(
            function,
            self._swarm,
            self._rule,
            box,
            schedule,
            history,
            self.iteration,
            until,
            best_point,
        )
        if done > self.iteration:
            self._best = best
        self._history = history
        self.iteration = done
        return int(evaluations)

    def state(self) -> SwarmState:
        """Show the swarm to an observer, who keeps none of its arrays: `tell` changes them."""
        swarm = self._swarm
        return SwarmState(
            iteration=self.iteration,
            positions=swarm.positions,
            velocities=swarm.velocities,
            best_positions=swarm.bests,
            best_losses=swarm.best_losses,
            informants=swarm.informants,
            history=self._history[: self.iteration],
        )

    def _losses(self, values: ArrayLike) -> NDArray[np.float64]:
        losses = np.ascontiguousarray(values, np.float64)
        expected = (self.genome.swarm_size,)
        if losses.shape != expected:
            raise FunctionError(
                f"{losses.shape} losses for {expected[0]} particles.",
                expected=f"one loss for each particle, shape {expected}",
            )
        return losses

    def _with_noise(
        self, losses: NDArray[np.float64], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Renew the means of the personal bests; the losses, +inf where they do not beat the
        values.
        """
        best_losses = self._swarm.best_losses
        counts = self._swarm.counts
        known = np.isfinite(best_losses)
        values = np.where(np.isfinite(values), values, np.inf)[known]

        best_losses[known] = (best_losses[known] * counts[known] + values) / (counts[known] + 1)
        counts[known] += 1

        told = losses.copy()
        told[known] = np.where(losses[known] < values, losses[known], np.inf)
        return told


def _in_box(
    key: Key, shape: tuple[int, int], lower: NDArray[Any], upper: NDArray[Any]
) -> NDArray[Any]:
    """Uniform positions, (P, D)."""
    share = uniforms(key, Purpose.POSITION, 0, *shape)
    return np.asarray(lower + share * (upper - lower))


def _around_zero(
    genome: Genome, key: Key, shape: tuple[int, int], deviations: ArrayLike | None
) -> NDArray[np.float32]:
    """Normal positions, (P, D)."""
    positions = normals(key, Purpose.POSITION, *shape)
    if deviations is None:
        deviations = genome.weight_scale
    positions *= np.asarray(deviations, np.float32)
    return positions


def _matrix(
    name: str, values: ArrayLike, shape: tuple[int, int], dtype: type[np.floating[Any]]
) -> NDArray[Any]:
    """A copy of that type; refused if it has another shape."""
    matrix = np.array(values, dtype, order="C")
    if matrix.shape != shape:
        raise FunctionError(
            f"Initial {name} of shape {matrix.shape}.",
            expected=f"{shape}: one row for each particle, one column for each dimension",
        )
    return matrix


def _moved(
    genome: Genome,
    key: Key,
    positions: NDArray[Any],
    velocities: NDArray[Any],
    lower: NDArray[Any],
    upper: NDArray[Any],
) -> kernels.Moved:
    particles = len(positions)
    rule = genome.rule
    strategy = INFORMANT_STRATEGIES[genome.informant_strategy]
    dtype = positions.dtype

    measured = particles if rule.measures_distances(genome) else 1
    before = np.empty((1, 1), dtype)
    if rule.follows_positions(genome) and rule.keeps_bests:
        before = np.empty_like(positions)

    return kernels.Moved(
        positions=positions,
        velocities=velocities,
        bests=positions.copy(),
        best_losses=np.full(particles, np.inf),
        counts=np.zeros(particles, np.int64),
        informants=strategy.initial(genome, key),
        winners=np.empty(particles, np.int64),
        order=np.empty(particles, np.int64),
        movers=np.empty(particles, np.int64),
        leaders=np.empty(particles, np.int64),
        before=before,
        distances=np.empty((measured, measured)),
        lower=lower,
        upper=upper,
    )


def _coefficients(
    genome: Genome, key: Key, dtype: type[np.floating[Any]], *, stops_at_limits: bool
) -> kernels.Coefficients:
    """The rule in numbers of that type; a coefficient that it does not read is 0."""

    def weight(name: str) -> Any:
        if name in genome.unread_genes:
            return dtype(0.0)
        return dtype(getattr(genome, name))

    rule = genome.rule
    return kernels.Coefficients(
        number=rule.kernel_number,
        c1=weight("cognitive_weight"),
        c2=weight("social_weight"),
        c3=weight("global_best_weight"),
        jump=dtype(genome.jump_size),
        key0=key[0],
        key1=key[1],
        strategy=INFORMANT_STRATEGIES[genome.informant_strategy].kernel_number,
        to_position=rule.follows_positions(genome),
        stops_at_limits=stops_at_limits,
    )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
