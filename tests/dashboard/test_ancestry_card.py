"""The card of a genome's ancestry: how it names the generations in which the genome lived."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from shoal.dashboard.components.ancestry_card import _generations_text


@pytest.mark.parametrize(
    ("generations", "text"),
    [
        ([3], "An individual of generation 3."),
        ([3, 4], "An individual of generations 3 to 4."),
        ([1, 2, 3, 7, 9, 10], "An individual of generations 1 to 3, 7, 9 to 10."),
        (
            list(range(1, 40, 2)),
            "An individual of generations 1, 3, 5, 7, 9, 11, 13, 15, ….",
        ),
    ],
)
def test_generations_in_a_row_are_one_range(generations: list[int], text: str) -> None:
    assert _generations_text(generations) == text
