"""The contract of an update rule, and what a rule is given in order to move a swarm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.numerics.philox import Key, Purpose, uniforms


class SwarmGenes(Protocol):
    """The genes of `shoal.Genome` that rules read; the package of genomes lies above this one."""

    @property
    def swarm_size(self) -> int:
        """Number of particles, P."""

    @property
    def num_informants(self) -> int:
        """Informants of each particle, k."""

    @property
    def inertia_weight(self) -> float:
        """The inertia weight w."""

    @property
    def cognitive_weight(self) -> float:
        """The weight c1 of a particle's own best."""

    @property
    def social_weight(self) -> float:
        """The weight c2 of the particle that is followed."""

    @property
    def global_best_weight(self) -> float:
        """The weight c3 of the swarm's best."""

    @property
    def jump_size(self) -> float:
        """The factor of the velocity in a move."""

    @property
    def informant_strategy(self) -> str:
        """A key of `shoal.update_rules.informants.INFORMANT_STRATEGIES`."""

    @property
    def attractor(self) -> str:
        """Whether a particle is drawn to its informant's best or to its position."""


@dataclass(frozen=True, eq=False, slots=True)
class EvaluatedSwarm:
    """A swarm within an iteration: its losses are known, its bests are updated, and it has not
    moved.

    P is the number of particles, D of dimensions, k of informants.
    """

    genes: SwarmGenes
    # The random stream of the training.
    key: Key
    # Iterations that are done, which is the number of this one.
    iteration: int
    # w in this iteration.
    inertia: np.float32
    # x, (P, D).
    positions: NDArray[np.float32]
    # v, (P, D).
    velocities: NDArray[np.float32]
    # pbest, (P, D).
    best_positions: NDArray[np.float32]
    # The losses of pbest, (P,); +inf where a particle has none.
    best_losses: NDArray[np.float64]
    # The particle that holds the global best.
    global_best: int
    # Whether this iteration made the global best better.
    global_best_improved: bool
    # (P, k), ascending in each row.
    informants: NDArray[np.int32]

    def uniforms(self, purpose: Purpose) -> NDArray[np.float32]:
        """Draw a number in [0, 1) for each particle and dimension, (P, D).

        Parameters
        ----------
        purpose
            Which numbers. The key and the iteration are those of the swarm.
        """
        return uniforms(self.key, purpose, self.iteration, *self.positions.shape)

    def pull(
        self,
        velocities: NDArray[np.float32],
        weight: float,
        purpose: Purpose,
        target: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Add ``weight * r * (target - x)`` to velocities, with new random numbers r.

        A pull of weight 0 is left out. That is more than a short cut: ``0 * inf`` is NaN.

        Parameters
        ----------
        velocities
            What the pull is added to, (P, D).
        weight
            A coefficient of the rule, rounded to float32.
        purpose
            Which random numbers r are drawn.
        target
            Where each particle is pulled to: (P, D), or (D,) for all the same.

        Returns
        -------
        ndarray of float32, (P, D)
            New velocities.
        """
        factor = np.float32(weight)
        if factor == 0:
            return velocities

        return velocities + (factor * self.uniforms(purpose)) * (target - self.positions)


@dataclass(frozen=True, eq=False, slots=True)
class Motion:
    """What a rule makes of an `EvaluatedSwarm`.

    The caller clips the velocities and moves the particles.
    """

    # v' before its limit, (P, D).
    velocities: NDArray[np.float32]
    # Where a particle moves, (P,); elsewhere it keeps its position and its velocity.
    moves: NDArray[np.bool_]
    # The losses of pbest after the move, (P,).
    best_losses: NDArray[np.float64]
    # (P, k).
    informants: NDArray[np.int32]


class UpdateRule(ABC):
    """How a swarm moves: everything that one rule knows.

    An instance has no state. It stands in `shoal.update_rules.UPDATE_RULES` under its ``name``. The
    CPU engine has a second form of `move`, which it chooses by ``kernel_number``.

    Attributes
    ----------
    name : str
        The value of the gene ``update_rule``.
    kernel_number : int
        The rule's number in the compiled kernels, never used twice.
    own_genes : tuple of str
        Genes that not every rule reads, but this one does. A gene that all rules read is no rule's
        own. If a new rule does not read one, it becomes the own gene of all the others; what they
        read must stay, or recorded runs would change.
    coefficients : mapping of str to float
        Published values of the genes that all rules read, each in a range of its own: a genome that
        changes to this rule takes them over.
    fits_initial_ranges : bool
        Whether the initial ranges of `shoal.genome.genes.NUMERIC_GENES` suit the rule. If they do
        not, a genome of the first generation starts with ``coefficients``.
    keeps_bests : bool
        Whether a particle that moves keeps its personal best. If not, its best is where it stands.
    """

    name: str
    kernel_number: int
    own_genes: tuple[str, ...] = ()
    coefficients: Mapping[str, float]
    fits_initial_ranges: bool = True
    keeps_bests: bool = True

    @abstractmethod
    def evaluations_per_iteration(self, genes: SwarmGenes) -> int:
        """Count the particles that move in an iteration, and are evaluated after it.

        Parameters
        ----------
        genes
            Name the size of the swarm.
        """

    @abstractmethod
    def stability_margin(self, genes: SwarmGenes) -> float:
        """Measure how far inside the order-2 stable region the swarm moves at first.

        Parameters
        ----------
        genes
            The coefficients.

        Returns
        -------
        float
            Positive inside the region, negative outside; limits of velocity and position ignored.
        """

    @abstractmethod
    def describe(self, genes: SwarmGenes) -> tuple[str, ...]:
        """Say in short phrases how the swarm moves.

        Parameters
        ----------
        genes
            Name what the rule's own genes choose.
        """

    @abstractmethod
    def move(self, swarm: EvaluatedSwarm) -> Motion:
        """Compute the new velocities of all particles at once: the reference for the kernels.

        Parameters
        ----------
        swarm
            The swarm after its evaluation. No array of it may be changed.

        Returns
        -------
        Motion
            Velocities, and what else changes with the move.
        """

    def evaluated(self, best_losses: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which particles an iteration evaluates, (P,).

        Without personal bests that are kept, a particle that has a best stands on it: its loss is
        known.
        """
        if self.keeps_bests:
            return np.full(len(best_losses), True)
        return np.isinf(best_losses)

    def knows_informants(self, genes: SwarmGenes, iterations_done: int) -> bool:
        """Tell whether ``SwarmState.informants`` means something.

        Parameters
        ----------
        genes
            Name the strategy.
        iterations_done
            Iterations that the swarm has done.
        """
        return False

    def measures_distances(self, genes: SwarmGenes) -> bool:
        """Tell whether an iteration needs the distances between all particles."""
        return False

    def follows_positions(self, genes: SwarmGenes) -> bool:
        """Tell whether a particle is drawn to the position of the one that it follows.

        Otherwise it is drawn to that one's best.
        """
        return False
