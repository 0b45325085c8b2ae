"""Genes beside evaluations, against plain loops over genomes."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from shoal.analysis.gene_columns import gene_columns, genomes_within, is_numeric
from shoal.genome.genes import GENE_LABELS
from shoal.genome.genome import Genome

GENOMES = pd.DataFrame(
    {
        "inertia_weight": [0.4, 0.7, 0.9, 0.7],
        "swarm_size": [10, 20, 30, 40],
        "activation": ["tanh", "relu", "tanh", "sine"],
        "hidden_layers": [(8,), (16, 8), (8,), (4,)],
    },
    index=pd.Index(["a", "b", "c", "d"], name="genome"),
)
bounds = st.none() | st.sampled_from([0.4, 0.5, 0.7, 0.9])


def test_every_gene_has_a_label() -> None:
    assert set(GENE_LABELS) == set(Genome.__dataclass_fields__)
    assert is_numeric("ridge")
    assert not is_numeric("activation")
    assert not is_numeric("hidden_layers")


def test_layers_are_text() -> None:
    shown = gene_columns(GENOMES, ["hidden_layers", "swarm_size"])
    assert shown["hidden_layers"].tolist() == ["8", "16-8", "8", "4"]
    assert list(shown.columns) == ["hidden_layers", "swarm_size"]
    assert GENOMES["hidden_layers"].iloc[1] == (16, 8), "nothing was changed"


@given(bounds, bounds, st.sets(st.sampled_from(["tanh", "relu", "sine"])), st.booleans())
def test_genomes_within_bounds(
    low: float | None, high: float | None, words: set[str], by_layers: bool
) -> None:
    choices = {"activation": sorted(words)}
    if by_layers:
        choices["hidden_layers"] = ["8"]
    kept = genomes_within(GENOMES, {"inertia_weight": (low, high)}, choices)

    expected = []
    for row in GENOMES.itertuples():
        is_in = low is None or row.inertia_weight >= low
        is_in = is_in and (high is None or row.inertia_weight <= high)
        is_in = is_in and (not words or row.activation in words)
        is_in = is_in and (not by_layers or row.hidden_layers == (8,))
        expected.append(is_in)
    assert kept.tolist() == expected
