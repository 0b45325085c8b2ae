"""The informed rule: each particle is drawn to its own best, its best informant and the swarm's
best.

For particle i and dimension d, with r1, r2, r3 uniform on [0, 1)::

    v' = w v + c1 r1 (pbest_i - x) + c2 r2 (s_i - x) + c3 r3 (gbest - x)

``s_i`` is the personal best of the best informant of i, or the position of that informant.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from shoal.numerics.philox import Purpose
from shoal.update_rules.base import EvaluatedSwarm, Motion, SwarmGenes, UpdateRule
from shoal.update_rules.informants import INFORMANT_STRATEGIES, InformantStrategy

ATTRACTORS = ("best", "position")


class InformedRule(UpdateRule):
    """The rule of the module's head.

    References
    ----------
    Kennedy and Eberhart, "Particle Swarm Optimization", 1995.

    The inertia weight w: Shi and Eberhart, "A Modified Particle Swarm Optimizer", 1998.

    Informants: Clerc, "Standard Particle Swarm Optimisation", 2012, its version of 2007.

    The coefficients: Clerc and Kennedy, "The Particle Swarm - Explosion, Stability, and Convergence
    in a Multidimensional Complex Space", 2002.
    """

    name = "informed"
    kernel_number = 0
    own_genes = (
        "num_informants",
        "cognitive_weight",
        "global_best_weight",
        "informant_strategy",
        "attractor",
    )
    coefficients = MappingProxyType(
        {"inertia_weight": 0.7298, "social_weight": 1.49618, "jump_size": 1.0}
    )

    def evaluations_per_iteration(self, genes: SwarmGenes) -> int:
        """Count all particles."""
        return genes.swarm_size

    def stability_margin(self, genes: SwarmGenes) -> float:
        """See `UpdateRule.stability_margin`.

        With ``a = jump (c1, c2, c3)``, ``mu = sum(a) / 2`` and ``s2 = sum(a^2) / 12`` the swarm is
        stable if and only if ``|w| < 1``, ``mu > 0`` and ``(1 - w) mu (2 (1 + w) - mu) > (1 + w)
        s2``. The margin is the smallest of ``1 - w``, ``mu`` and that difference. For two equal
        attractors it has the sign of Poli's condition.

        References
        ----------
        Poli, "Mean and Variance of the Sampling Distribution of Particle Swarm Optimizers During
        Stagnation", 2009.
        """
        w = genes.inertia_weight
        c1 = genes.jump_size * genes.cognitive_weight
        c2 = genes.jump_size * genes.social_weight
        c3 = genes.jump_size * genes.global_best_weight

        # Mean and variance of a sum of three uniform numbers, each up to its weight.
        mu = sum([c1, c2, c3]) / 2
        s2 = sum([c1 * c1, c2 * c2, c3 * c3]) / 12

        return min(1 - w, mu, (1 - w) * mu * (2 * (1 + w) - mu) - (1 + w) * s2)

    def describe(self, genes: SwarmGenes) -> tuple[str, ...]:
        """Name the informants and the attractor."""
        return f"{genes.informant_strategy} informants", f"attractor {genes.attractor}"

    def move(self, swarm: EvaluatedSwarm) -> Motion:
        """See `UpdateRule.move`: informants first, then all velocities."""
        genes = swarm.genes
        particles = np.arange(genes.swarm_size)

        informants = self._strategy(genes).renewed(swarm)
        # The best informant of each particle; of equals the lower number.
        leader = informants[particles, np.argmin(swarm.best_losses[informants], axis=1)]

        attractors = swarm.best_positions
        if self.follows_positions(genes):
            attractors = swarm.positions
        global_best = swarm.best_positions[swarm.global_best]

        v = swarm.inertia * swarm.velocities
        v = swarm.pull(v, genes.cognitive_weight, Purpose.COGNITIVE, swarm.best_positions)
        v = swarm.pull(v, genes.social_weight, Purpose.SOCIAL, attractors[leader])
        v = swarm.pull(v, genes.global_best_weight, Purpose.GLOBAL, global_best)

        everyone = np.full(genes.swarm_size, True)
        return Motion(v, everyone, swarm.best_losses, informants)

    def knows_informants(self, genes: SwarmGenes, iterations_done: int) -> bool:
        """See `UpdateRule.knows_informants`."""
        return iterations_done > 0 or self._strategy(genes).known_at_start

    def measures_distances(self, genes: SwarmGenes) -> bool:
        """See `UpdateRule.measures_distances`."""
        return self._strategy(genes).measures_distances

    def follows_positions(self, genes: SwarmGenes) -> bool:
        """See `UpdateRule.follows_positions`."""
        return genes.attractor == "position"

    def _strategy(self, genes: SwarmGenes) -> InformantStrategy:
        return INFORMANT_STRATEGIES[genes.informant_strategy]


INFORMED = InformedRule()
