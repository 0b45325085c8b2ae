"""Where a gene's value lies between its bounds."""

from __future__ import annotations

import pytest

from shoal.genome.genes import NUMERIC_GENES
from shoal.genome.genome import Genome
from shoal.presentation.gene_scale import position_between_bounds, share_of_bounds

GENES = {gene.name: gene for gene in NUMERIC_GENES}


def test_a_position_is_on_the_scale_of_its_gene() -> None:
    genome = Genome(inertia_weight=0.5, weight_scale=1e-2)
    assert position_between_bounds(GENES["inertia_weight"], genome) == 0.25
    assert position_between_bounds(GENES["weight_scale"], genome) == pytest.approx(0.5)


def test_a_swarm_bounds_the_number_of_informants() -> None:
    genome = Genome(swarm_size=11, num_informants=10)
    assert position_between_bounds(GENES["num_informants"], genome) == 1.0


@pytest.mark.parametrize(("value", "share"), [(-1.0, 0.0), (9.0, 1.0)])
def test_a_value_beyond_a_bound_is_shown_on_it(value: float, share: float) -> None:
    assert share_of_bounds(GENES["inertia_weight"], value, 2.0) == share
