"""Where a search of policies begins lies within how far it looks."""

from __future__ import annotations

import pytest

from shoal.genome.genes import NUMERIC_GENES
from shoal.simulations.defaults import (
    MAX_DEPTH,
    MAX_WIDTH,
    PLANS,
    SIMULATION_GENES,
    START_GENOMES,
    USUAL_PLAN,
    usual_plan,
)
from shoal.simulations.registry import BUNDLED


def test_the_genes_are_those_of_genomes_in_their_order() -> None:
    known = [gene.name for gene in NUMERIC_GENES]
    names = [gene.name for gene in SIMULATION_GENES]
    assert names == [name for name in known if name in names]
    for gene in SIMULATION_GENES:
        assert gene.low <= gene.start_low <= gene.start_high <= gene.high


@pytest.mark.parametrize("genome", START_GENOMES)
def test_start_genomes_lie_within_the_bounds(genome) -> None:
    for gene in SIMULATION_GENES:
        assert gene.low <= getattr(genome, gene.name) <= gene.high
    assert len(genome.hidden_layers) <= MAX_DEPTH
    assert max(genome.hidden_layers) <= MAX_WIDTH


def test_plans_belong_to_bundled_simulations() -> None:
    assert set(PLANS) <= set(BUNDLED)
    assert usual_plan("gym:CartPole-v1") == USUAL_PLAN
