"""The competitive rule: particles meet in pairs, and the loser of a pair learns from its winner.

In each iteration the particles are paired at random; one that is left over sits out. The winner of
a pair stays where it is. Its loser moves, with r1 and r2 uniform on [0, 1)::

    v' = w r1 v + c2 r2 (x_winner - x)

A particle's best is where it stands. One that moved has none until it is evaluated, and only such
particles are evaluated. The best particle never loses, so the global best never becomes worse.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from shoal.numerics.philox import Key, Purpose, philox
from shoal.update_rules.base import EvaluatedSwarm, Motion, SwarmGenes, UpdateRule


class CompetitiveRule(UpdateRule):
    """The rule of the module's head.

    References
    ----------
    Cheng and Jin, "A Competitive Swarm Optimizer for Large Scale Optimization", 2015, with phi = 0.
    """

    name = "competitive"
    kernel_number = 1
    coefficients = MappingProxyType({"inertia_weight": 1.0, "social_weight": 1.0, "jump_size": 1.0})
    # The initial ranges are made for informed swarms.
    fits_initial_ranges = False
    keeps_bests = False

    def evaluations_per_iteration(self, genes: SwarmGenes) -> int:
        """Count the losers: one particle of each pair."""
        return genes.swarm_size // 2

    def stability_margin(self, genes: SwarmGenes) -> float:
        """See `UpdateRule.stability_margin`.

        It is that of a loser which meets one and the same winner each time; winners do not move.
        With the moments ``m = w / 2``, ``m2 = w^2 / 3``, ``b = jump c2 / 2`` and ``b2 = (jump c2)^2
        / 3`` of its two random factors, it is the smallest of ``1 - m2``, ``b`` and ``2 b (1 - m2 +
        m b) - (1 + m) b2``.
        """
        w = genes.inertia_weight
        c = genes.jump_size * genes.social_weight

        # First and second moments of w r1 and of c r2.
        m = w / 2
        m2 = w * w / 3
        b = c / 2
        b2 = c * c / 3

        return min(1 - m2, b, 2 * b * (1 - m2 + m * b) - (1 + m) * b2)

    def describe(self, genes: SwarmGenes) -> tuple[str, ...]:
        """Name the rule: it has no informants to speak of."""
        return ("competitive rule",)

    def move(self, swarm: EvaluatedSwarm) -> Motion:
        """See `UpdateRule.move`: losers of random pairs, towards their winners."""
        particles = np.arange(swarm.genes.swarm_size)
        winner = winners(swarm.key, swarm.iteration, swarm.best_losses)
        loses = winner != particles

        v = (swarm.inertia * swarm.uniforms(Purpose.COGNITIVE)) * swarm.velocities
        v = swarm.pull(v, swarm.genes.social_weight, Purpose.SOCIAL, swarm.positions[winner])

        # A particle that moves leaves its best behind.
        best_losses = np.where(loses, np.inf, swarm.best_losses)
        return Motion(v, loses, best_losses, swarm.informants)

    def follows_positions(self, genes: SwarmGenes) -> bool:
        """See `UpdateRule.follows_positions`."""
        return True


def winners(key: Key, iteration: int, losses: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pair the particles at random and let each pair compete.

    Neighbours of a random order (Fisher and Yates) are pairs. The one of the higher loss loses; of
    equals the one of the higher number.

    Parameters
    ----------
    key, iteration
        Which random numbers are drawn.
    losses
        The losses of the particles' bests, (P,).

    Returns
    -------
    ndarray of int64, (P,)
        The winner that beat each particle; itself for one that wins or sits out.

    References
    ----------
    See `CompetitiveRule`.
    """
    particles = len(losses)
    order = _shuffled(key, iteration, particles)

    beaten_by = np.arange(particles)
    for a, b in zip(order[::2], order[1::2], strict=False):
        winner, loser = sorted((a, b), key=lambda particle: (losses[particle], particle))
        beaten_by[loser] = winner
    return beaten_by


def _shuffled(key: Key, iteration: int, particles: int) -> list[int]:
    """The particles in a random order, by the algorithm of Fisher and Yates."""
    blocks = np.arange(-(-particles // 4))
    words = np.stack(philox((blocks, 0, iteration, Purpose.PAIRING), key), axis=1).ravel()

    order = list(range(particles))
    for n in range(particles - 1, 0, -1):
        # A random whole number in 0..n: the upper half of a product of 32-bit words.
        m = int(words[n]) * (n + 1) >> 32
        order[n], order[m] = order[m], order[n]
    return order


COMPETITIVE = CompetitiveRule()
