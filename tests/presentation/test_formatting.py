"""Text that terminal, dashboard and report share."""

from __future__ import annotations

import doctest

import pytest

from shoal.genome.genes import CATEGORICAL_GENES, GENE_LABELS, NUMERIC_GENES
from shoal.genome.genome import Genome
from shoal.presentation import formatting
from shoal.presentation.palette import STATE_COLOURS
from shoal.store import ACTIVE, TERMINAL


def test_the_examples_in_the_documentation_are_true() -> None:
    assert doctest.testmod(formatting).failed == 0


@pytest.mark.parametrize(
    ("interval", "text"),
    [((90.0, 91.0), "± 0.50"), ((1.0, 1.0), "± 0.00"), (None, "")],
)
def test_an_interval_is_shown_by_half_of_its_width(
    interval: tuple[float, float] | None, text: str
) -> None:
    assert formatting.plus_minus(formatting.half_width(interval)) == text


def test_an_accuracy_without_an_interval_stands_alone() -> None:
    assert formatting.with_plus_minus("91.20 %", 0.4) == "91.20 % ± 0.40"
    assert formatting.with_plus_minus("91.20 %", None) == "91.20 %"


def test_every_gene_has_a_label() -> None:
    genes = {gene.name for gene in NUMERIC_GENES} | set(CATEGORICAL_GENES) | {"hidden_layers"}
    assert set(GENE_LABELS) == genes == set(Genome().to_dict())


def test_every_state_has_a_colour() -> None:
    assert set(STATE_COLOURS) == {*ACTIVE, *TERMINAL, "paused", "interrupted"}


def test_a_genome_shows_only_what_its_rule_reads() -> None:
    informed = formatting.genome_text(Genome(hidden_layers=(8, 4)))
    assert "layers 8-4" in informed and "random informants" in informed
    assert "num_informants" in informed
    assert "weight_decay" not in informed, "a value that changes nothing is not shown"

    competitive = formatting.genome_text(Genome(update_rule="competitive"))
    assert "competitive rule" in competitive
    assert "informants" not in competitive
