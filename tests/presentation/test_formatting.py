"""Text that terminal, dashboard and report share."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.genome.genes import (
    CATEGORICAL_GENES,
    DEPTH,
    GENE_LABELS,
    NUMERIC_GENES,
    WIDTH,
    gene_label,
)
from shoal.genome.genome import Genome
from shoal.presentation import formatting
from shoal.presentation.palette import STATE_COLOURS
from shoal.store import ACTIVE, TERMINAL

TIMES = st.integers(0, 4_000_000_000).map(float)

# A browser that sees this in Markdown loads the names of all emoji.
PICTURE = re.compile(r":[\w+-]+:")


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
    # Sentence case: a capital at the beginning, and none after it.
    for name in (*GENE_LABELS, DEPTH, f"{WIDTH}3"):
        assert gene_label(name) == gene_label(name).capitalize()
    assert formatting.genome_text(Genome()).count("_") == 0


def test_every_state_has_a_colour() -> None:
    assert set(STATE_COLOURS) == {*ACTIVE, *TERMINAL, "paused", "interrupted"}


def test_a_genome_shows_only_what_its_rule_reads() -> None:
    informed = formatting.genome_text(Genome(hidden_layers=(8, 4)))
    assert "layers 8-4" in informed and "random informants" in informed
    assert "number of informants" in informed
    assert "weight decay" not in informed, "a value that changes nothing is not shown"

    competitive = formatting.genome_text(Genome(update_rule="competitive"))
    assert "competitive rule" in competitive
    assert "informants" not in competitive


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (192, "3 min 12 s"), (7500, "2 h 05 min"), (273600, "3 d 4 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    "text", ["plain", "`tick`", "``", "a ``` b", "<img src=x onerror=alert(1)>", "[x](y)", " \n "]
)
def test_a_users_text_is_one_code_span(text: str) -> None:
    got = formatting.quoted(text)
    fence = got.split(" ", 1)[0]
    assert set(fence) == {"`"}
    assert got.endswith(f" {fence}")
    inside = got[len(fence) + 1 : -len(fence) - 1]
    assert inside == (" ".join(text.split()) or "(no name)")
    assert fence not in inside
    assert "\n" not in got


@given(TIMES, TIMES, st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", None, "nowhere"]))
def test_a_time_in_markdown_is_no_picture(time: float, now: float, zone: str | None) -> None:
    assert not PICTURE.search(formatting.moment(time, zone, now))
    assert PICTURE.search(formatting.moment(time, zone, now, seconds=True))


def test_a_time_is_in_the_viewers_zone_and_says_its_date_when_that_is_not_todays() -> None:
    noon = 1_790_000_000.0  # 2026-09-21, 14:13:20 UTC
    assert formatting.moment(noon, "Europe/Berlin", noon) == "16:13"
    assert formatting.moment(noon, "Europe/Berlin", noon, seconds=True) == "16:13:20"
    assert formatting.moment(noon, "Europe/Berlin", noon + 86_400) == "2026-09-21 16:13"
