"""Informants: the particles whose bests a particle of the informed rule knows.

There are k of them, distinct, never the particle itself. All functions return them as (P, k) int32,
ascending in each row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from shoal.numerics.philox import Key, Purpose, philox
from shoal.update_rules.base import EvaluatedSwarm, SwarmGenes


class InformantStrategy(ABC):
    """How a particle comes by its informants, and when it gets others.

    Attributes
    ----------
    name : str
        The value of the gene ``informant_strategy``.
    kernel_number : int
        The strategy's number in the compiled kernels.
    known_at_start : bool
        Whether `initial` returns informants, and not zeros that the first step fills in.
    measures_distances : bool
        Whether it needs the distances between all particles in each step.
    """

    name: str
    kernel_number: int
    known_at_start: bool = True
    measures_distances: bool = False

    @abstractmethod
    def initial(self, genes: SwarmGenes, key: Key) -> NDArray[np.int32]:
        """Choose the informants before the first step, (P, k)."""

    def renewed(self, swarm: EvaluatedSwarm) -> NDArray[np.int32]:
        """Choose the informants of a step, (P, k): as before, unless a strategy says otherwise."""
        return swarm.informants


class RandomInformants(InformantStrategy):
    """Random particles, drawn once."""

    name = "random"
    kernel_number = 0

    def initial(self, genes: SwarmGenes, key: Key) -> NDArray[np.int32]:
        """See `InformantStrategy.initial`."""
        return random_informants(genes, key, 0)


class NearestInformants(InformantStrategy):
    """The nearest particles, measured in each step."""

    name = "nearest"
    kernel_number = 1
    known_at_start = False
    measures_distances = True

    def initial(self, genes: SwarmGenes, key: Key) -> NDArray[np.int32]:
        """Return zeros, which the first step replaces."""
        return np.zeros((genes.swarm_size, genes.num_informants), dtype=np.int32)

    def renewed(self, swarm: EvaluatedSwarm) -> NDArray[np.int32]:
        """See `InformantStrategy.renewed`."""
        return nearest_informants(swarm.genes, swarm.positions)


class RingInformants(InformantStrategy):
    """The neighbours on a ring, for the whole training."""

    name = "ring"
    kernel_number = 2

    def initial(self, genes: SwarmGenes, key: Key) -> NDArray[np.int32]:
        """See `InformantStrategy.initial`."""
        return ring_informants(genes)


class RewiredInformants(InformantStrategy):
    """Random particles, drawn anew after each iteration that did not improve the global best.

    References
    ----------
    Clerc, "Standard Particle Swarm Optimisation", 2012, its version of 2007.
    """

    name = "rewired"
    kernel_number = 3

    def initial(self, genes: SwarmGenes, key: Key) -> NDArray[np.int32]:
        """See `InformantStrategy.initial`."""
        return random_informants(genes, key, 0)

    def renewed(self, swarm: EvaluatedSwarm) -> NDArray[np.int32]:
        """See `InformantStrategy.renewed`."""
        if swarm.global_best_improved:
            return swarm.informants
        return random_informants(swarm.genes, swarm.key, swarm.iteration + 1)


INFORMANT_STRATEGIES: dict[str, InformantStrategy] = {
    strategy.name: strategy
    for strategy in (
        RandomInformants(),
        NearestInformants(),
        RingInformants(),
        RewiredInformants(),
    )
}


def random_informants(genes: SwarmGenes, key: Key, iteration: int) -> NDArray[np.int32]:
    """Draw the informants of each particle by Floyd's sampling.

    Parameters
    ----------
    genes
        Name the number of particles and of informants.
    key, iteration
        Which random numbers are drawn.

    Returns
    -------
    ndarray of int32, (P, k)
        Ascending in each row.

    References
    ----------
    Bentley and Floyd, "Programming Pearls: A Sample of Brilliance", 1987.
    """
    particles = genes.swarm_size
    k = genes.num_informants

    # Words in the order of the blocks, so that the n-th of a particle is the same whatever k is.
    blocks = np.arange(-(-k // 4))
    rows = np.arange(particles)[:, None]
    words = np.stack(philox((blocks, rows, iteration, Purpose.INFORMANTS), key), axis=2)
    words = words.reshape(particles, -1).astype(np.uint64)

    # The other particles are numbered 0..P-2. The n-th draw is among the first ``top + 1`` of them;
    # if it was drawn before, ``top`` itself is new.
    chosen = np.empty((particles, k), dtype=np.int64)
    for n in range(k):
        top = particles - 1 - k + n
        pick = ((words[:, n] * np.uint64(top + 1)) >> np.uint64(32)).astype(np.int64)
        already_chosen = (chosen[:, :n] == pick[:, None]).any(axis=1)
        chosen[:, n] = np.where(already_chosen, top, pick)

    # Each particle steps over itself.
    chosen += chosen >= rows
    return np.sort(chosen, axis=1).astype(np.int32)


def ring_informants(genes: SwarmGenes) -> NDArray[np.int32]:
    """Take the k next particles on a ring: +1, -1, +2, -2, ...

    Parameters
    ----------
    genes
        Name the number of particles and of informants.

    Returns
    -------
    ndarray of int32, (P, k)
        Ascending in each row.
    """
    particles = genes.swarm_size
    n = np.arange(genes.num_informants)

    distance = n // 2 + 1
    sign = np.where(n % 2 == 0, 1, -1)
    ring = (np.arange(particles)[:, None] + distance * sign) % particles

    return np.sort(ring, axis=1).astype(np.int32)


def nearest_informants(genes: SwarmGenes, positions: NDArray[np.float32]) -> NDArray[np.int32]:
    """Take the k nearest other particles by Euclidean distance; of equals the lower numbers.

    A particle whose distance is not a number is infinitely far.

    Parameters
    ----------
    genes
        Name the number of informants.
    positions
        (P, D).

    Returns
    -------
    ndarray of int32, (P, k)
        Ascending in each row.
    """
    difference = positions[:, None, :] - positions[None, :, :]
    distances = (difference * difference).sum(axis=2)
    distances[np.isnan(distances)] = np.inf

    # NaN is sorted after everything else: a particle comes after all others, however far they are.
    np.fill_diagonal(distances, np.nan)
    order = np.argsort(distances, axis=1, kind="stable")

    return np.sort(order[:, : genes.num_informants], axis=1).astype(np.int32)
