"""The words: each once, found from what pages show, and the same in docs/concepts/glossary.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shoal.genome.genes import GENE_LABELS
from shoal.presentation.glossary import ENTRIES, as_markdown, explanation

ROOT = Path(__file__).parents[2]


def test_the_document_says_what_the_pages_say() -> None:
    document = (ROOT / "docs" / "concepts" / "glossary.md").read_text("utf-8")
    assert document == as_markdown(), "write it anew: `make glossary`"


def test_each_word_and_label_stands_for_one_thing() -> None:
    texts = []
    for entry in ENTRIES:
        texts += [entry.word.lower(), *(label.lower() for label in set(entry.labels))]
    doubled = {text for text in texts if texts.count(text) > 1}
    assert doubled == set()


def test_a_meaning_is_a_sentence_or_a_few() -> None:
    for entry in ENTRIES:
        assert entry.meaning[0].isupper() and entry.meaning.endswith("."), entry.word
        assert len(entry.meaning) <= 180, entry.word


def test_the_words_of_contributing_have_entries() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = text.partition("## Words")[2].partition("##")[0]
    words = re.findall(r"^\| ([\w ]+) \|", table, re.MULTILINE)
    assert len(words) > 8
    # The epoch of a claim is a matter of the store, which no page shows.
    known = {entry.word for entry in ENTRIES}
    assert set(words) - {"word", "epoch"} <= known


@pytest.mark.parametrize("label", sorted(set(GENE_LABELS.values())))
def test_every_gene_is_explained(label: str) -> None:
    assert explanation(label) is not None


@pytest.mark.parametrize(
    ("label", "word"),
    [
        ("Generations", "generation"),
        ("Best accuracy", "accuracy"),
        ("Balanced Accuracy", "balanced accuracy"),
        ("Confirmed (%)", "confirmation"),
        ("confirmed, %", "confirmation"),
        ("n", "repeat"),
        ("±", "interval"),
        ("Repeats", "repeat"),
        ("Weight decay", "weight decay"),
        ("Test, single networks", "single networks"),
        ("Elapsed time", None),
        ("Trace", None),
        ("", None),
    ],
)
def test_a_label_leads_to_its_word(label: str, word: str | None) -> None:
    entry = explanation(label)
    assert (entry.word if entry else None) == word
