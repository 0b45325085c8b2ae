"""The cards of the best genome and of the champion's scores: their HTML and their texts."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from typing import Any

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from shoal.analysis.score_rows import ScoreRow, confidence_text, score_rows
from shoal.dashboard.components.genome_card import (
    genes_html,
    number_text,
    scores_html,
)
from shoal.genome.genes import NEUTRAL, NUMERIC_GENES
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.objectives.metrics import Metrics, Scores
from shoal.presentation import formatting
from shoal.presentation.gene_scale import share_of_bounds
from shoal.tuning.baselines import Baseline
from shoal.tuning.champion import Champion, Confirmation

GENOME = Genome(swarm_size=20)


def test_parameters_are_copied_to_the_bit() -> None:
    genome = dataclasses.replace(GENOME, inertia_weight=0.1 + 0.2, hidden_layers=(7,))
    import shoal.genome.genome as shoal

    scope: dict[str, object] = {"shoal": shoal}
    exec(formatting.as_python(genome).removeprefix("import shoal\n"), scope)
    assert scope["genome"] == genome
    assert Genome.from_dict(json.loads(formatting.as_json(genome))) == genome
    assert Genome.from_dict(tomllib.loads(formatting.as_toml(genome))["genome"]) == genome


def without_meanings(html: str) -> str:
    """The HTML with plain labels instead of the buttons that explain them."""
    return re.sub("</?button[^>]*>", "", html)


def test_every_parameter_is_shown_by_its_name() -> None:
    solved = dataclasses.replace(GENOME, readout="solved")
    got = without_meanings(genes_html(solved, SearchSpace().with_genes(NEUTRAL)))
    labels = {gene.label for gene in NUMERIC_GENES} - {"Weight scale", "Bias scale"}
    labels |= {
        "Position scale",
        "Topology",
        "Stability margin",
        "Activation",
        "Informants",
        "Attractor",
    }
    labels |= {"Update rule", "Initialisation", "Output layer"}
    for label in labels:
        assert f"<dt>{label}</dt>" in got

    assert "–</dd>" not in got

    first = without_meanings(genes_html(GENOME, SearchSpace()))
    assert not any(
        f"<dt>{label}</dt>" in first for label in ("Update rule", "Initialisation", "Weight decay")
    )
    assert [number_text(v) for v in (0.0, 0.7298, 0.0031, 12.5)] == [
        "0.000",
        "0.730",
        "0.0031",
        "12.500",
    ]


def test_what_the_competitive_rule_does_not_read_has_no_value() -> None:
    got = genes_html(
        dataclasses.replace(GENOME, update_rule="competitive"), SearchSpace().with_genes(NEUTRAL)
    )
    unread = re.findall(r"<dt>([^<]*)</dt><dd>–</dd>", without_meanings(got))
    assert unread == [
        "Number of informants",
        "Cognitive weight",
        "Global best weight",
        "Ridge",
        "Informants",
        "Attractor",
    ]


def test_a_place_between_bounds_is_on_the_genes_own_scale() -> None:
    genes = {gene.name: gene for gene in NUMERIC_GENES}
    assert share_of_bounds(genes["inertia_weight"], 1.0, 2.0) == 0.5
    assert share_of_bounds(genes["weight_scale"], 1e-2, 1.0) == pytest.approx(0.5)
    assert share_of_bounds(genes["num_informants"], 1, 1) == 0.5
    assert share_of_bounds(genes["inertia_weight"], 9.0, 2.0) == 1.0


def champion(**values: Any) -> Champion:
    scores = Scores(
        Metrics(90.0, mae=1.0, rmse=2.0, r2=0.9), None, Metrics(80.0, mae=2.0, rmse=3.0, r2=0.8)
    )
    ensemble = Scores(Metrics(91.0), None, Metrics(85.5))
    plain = {
        "refitted": False,
        "weights": np.zeros((1, 3), np.float32),
        "scores": scores,
        "ensemble": ensemble,
    }
    return Champion(GENOME, (89.0, 91.0, 90.0), **{**plain, **values})


def test_scores_have_a_row_for_each_thing_there_is() -> None:
    got = scores_html(champion())
    assert "<td>Search</td><td>90.00 % ± 2.48</td><td></td>" in got
    assert (
        "<td>Train</td><td>90.00 %</td><td>1.000</td><td>2.000</td><td>0.900</td><td>91.00 %</td>"
        in got
    )
    assert '<tr class="highlight"><td>Test</td><td>80.00 %</td><td>2.000</td>' in got
    assert "Confirmation" not in got
    assert confidence_text(champion()).startswith(
        "Not confirmed on unused random streams. The champion's network was trained on"
    )


def test_rivals_stand_below_the_best_first_and_say_why_they_failed() -> None:
    rivals = (
        Baseline(
            "linear", "least squares", (70.0,), Metrics(70.0, mae=3.0), Metrics(70.0, mae=3.0)
        ),
        Baseline("adam", "8 relu", error="<b>no</b>"),
        Baseline("trees", "", (88.0, 90.0), Metrics(89.0, mae=1.5), Metrics(90.5, mae=1.0)),
    )
    confirmation = Confirmation((88.0, 89.0, 90.0), Genome(), (88.0, 89.5, 89.0))
    rows = score_rows(champion(baselines=rivals, confirmation=confirmation))

    row = ScoreRow("", 0.0, metrics=Metrics(0.0, r2=-0.0001, mae=1.23456e30, rmse=1.2e-34))
    assert row.other("r2") == "0.000"
    # Amounts in units that are very large or small.
    assert (row.other("mae"), row.other("rmse")) == ("1.23e+30", "1.2e-34")
    assert ScoreRow("", 0.0, metrics=Metrics(0.0, mae=1234.5678)).other("mae") == "1234.568"

    names = [
        "Search",
        "Confirmation",
        "Train",
        "Test",
        "Boosted trees",
        "Linear model",
        "Adam network",
    ]
    assert [row.label for row in rows] == names
    assert [row.ensemble for row in rows[4:]] == [90.5, None, None]
    assert "&lt;b&gt;no&lt;/b&gt;" in scores_html(champion(baselines=rivals))

    text = confidence_text(champion(confirmation=confirmation, refitted=True))
    assert "3 unused random streams; " in text
    assert "streams, 8 times as long as in the search; " in confidence_text(
        champion(confirmation=confirmation), 8
    )
    assert "1.00 above" in text
    assert "unresolved" in text
    assert "all rows but the test part" in text


@pytest.mark.parametrize(
    ("ahead", "text"),
    [
        ((6.9, 4.9), "94 %, which leaves it unresolved."),
        ((1e6, 1e6 + 1), "99 %."),
        ((0.0, 0.0), "50 %, which"),
    ],
)
def test_a_probability_is_never_rounded_up(ahead: tuple[float, float], text: str) -> None:
    confirmation = Confirmation(ahead, Genome(), (0.0, 0.0))
    assert f"with a probability of {text}" in confidence_text(champion(confirmation=confirmation))
