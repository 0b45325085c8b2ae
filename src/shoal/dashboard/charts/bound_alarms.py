"""Bounds of the search on which the best genomes lie, for the page *What matters*.

A better genome may lie beyond such a bound, where the search was not allowed to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.genome.genome import Genome
from shoal.genome.search_space import OnBound, SearchSpace

# How many of the best genomes are looked at for bounds that are in the way.
BEST = 10


@dataclass(frozen=True, slots=True)
class BoundAlarm:
    """A bound on which some of the best genomes lie.

    Attributes
    ----------
    at
        The bound, as one of these genomes lies on it.
    count
        How many genomes lie on it.
    out_of
        How many genomes were looked at.
    """

    at: OnBound
    count: int
    out_of: int

    @property
    def widens(self) -> bool:
        """Whether a search may go beyond the bound."""
        return self.at.bound != self.at.limit

    @property
    def key(self) -> str:
        """The bound in an address: ``gene:side``."""
        return f"{self.at.gene}:{self.at.side}"


def bound_alarms(best: Sequence[Genome], space: SearchSpace) -> tuple[BoundAlarm, ...]:
    """The bounds on which some of the best genomes lie, those of most genomes first.

    Parameters
    ----------
    best
        The best genomes.
    space
        The space that was searched (see `SearchSpace.on_bounds`).
    """
    by_bound: dict[tuple[str, str], list[OnBound]] = {}
    for genome in best:
        for on_bound in space.on_bounds(genome):
            key = (on_bound.gene, on_bound.side)
            by_bound.setdefault(key, []).append(on_bound)

    alarms = []
    for on_bounds in by_bound.values():
        # They differ in the genome's value only, which lies on the same bound.
        alarms.append(BoundAlarm(on_bounds[0], len(on_bounds), len(best)))
    return tuple(sorted(alarms, key=lambda alarm: -alarm.count))
