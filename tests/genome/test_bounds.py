"""Genes whose value lies on a bound of the search, and what is said of them."""

from __future__ import annotations

import math

import pytest

from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace

# Searches of simulations may widen what searches of tables do not.
WIDER = (
    "Max velocity {:g} lies on its upper bound, 10; `bounds.max_velocity` widens it, to 100 at most"
)


@pytest.mark.parametrize(
    ("gene", "bounds", "value", "expected"),
    [
        (
            "inertia_weight",
            (0.2, 0.9),
            0.9,
            "Inertia weight 0.9 lies on its upper bound, 0.9; "
            "`bounds.inertia_weight` widens it, to 2 at most",
        ),
        (
            "inertia_weight",
            (0.2, 0.9),
            0.203,
            "Inertia weight 0.203 lies on its lower bound, 0.2; "
            "`bounds.inertia_weight` widens it, to 0 at most",
        ),
        ("max_velocity", (0.01, 10.0), 10.0, WIDER.format(10)),
        # 0.7 % of the logarithm of the range.
        ("max_velocity", (0.01, 10.0), 9.5, WIDER.format(9.5)),
        ("max_velocity", (0.01, 10.0), 5.0, None),
        # There is nothing below the least possible value.
        ("inertia_weight", (0.0, 2.0), 0.0, None),
        # The gene may not move.
        ("inertia_weight", (0.5, 0.5), 0.5, None),
        # The genome is not one of this search.
        ("inertia_weight", (0.2, 0.9), 1.5, None),
    ],
)
def test_genes_on_their_bounds_are_named(
    gene: str, bounds: tuple[float, float], value: float, expected: str | None
) -> None:
    genes = {"max_velocity": 0.3, "inertia_weight": 0.7, "swarm_size": 50}
    genes[gene] = value
    space = SearchSpace().narrowed({gene: bounds}, {})

    alarms = space.on_bounds(Genome(**genes))

    texts = [str(alarm) for alarm in alarms]
    if expected is None:
        assert texts == []
    else:
        assert texts == [expected]
    assert all(math.isfinite(alarm.limit) for alarm in alarms)


def test_a_value_that_changes_nothing_is_on_no_bound() -> None:
    space = SearchSpace().with_genes({"inertia_end", "velocity_end"})
    assert space.on_bounds(Genome(inertia_end=1.0, velocity_end=0.5)) == ()

    (alarm,) = space.on_bounds(Genome(inertia_end=0.995))
    assert alarm.gene == "inertia_end"
