"""Odd phrases that readers stumbled over do not come back, in what users read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from support.locations import ROOT, SOURCE

# What was written once, and in other words since.
PHRASES = (
    r"what others make of",
    r"(?:accuracies|scores) do not compare\b",
    r"nobody had looked",
    r"nobody had met",
    r"\bFresh n\b",
    r"[\"']Luck[\"']",
    r"Take it away",
    r"who proposes",
    r"delete[^.]* for ever",
    r"for ever\?",
    r"percent points lost",
    r"\bone a core\b",
    r"Births back",
    r"[\"']Of[\"']:",
    r"supervisors alive",
    r"Ended with the recorded",
    r"PSO Parameters",
)
# What a document does not say besides: riddles, and second words for one thing (CONTRIBUTING's
# "Words"). Other tools' words may stand on the pages that compare with them.
DOCUMENT_PHRASES = (
    r"\b(?:so|that) many (?:seconds|iterations|steps|columns|are|rows|trainings)\b",
    r"who they are",
    r"who is let in",
    r"that the clock ended",
    r"by every kind of sight",
    r"outwaited",
    r"what others make",
    r"percent points",
    r"\bchief\b",
    r"\btrials?\b",
    r"\bhyper-parameter",
    r"\bdata-set\b",
    r"\breadout layer\b",
)
_OF_OTHER_TOOLS = ("from-optuna.md", "trackers.md", "features.md")
# The vocabulary names what is not to be written, and old reports say what pages said then.
_EXEMPT = ("CONTRIBUTING.md", "CHANGELOG.md")
_OLD = ("docs/reports", "docs/decisions")

# Headings of pages, reports and documents, as they stand in the source.
_PAGE_HEADING = re.compile(r"st\.(?:title|header|subheader)\(\s*f?\"([^\"]+)\"")
_DOCUMENT_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE_BLOCK = re.compile(r"```.*?```", re.DOTALL)
# Names are written large inside a heading, too.
_OTHER_PROGRAMS = {"TensorBoard", "Weights", "Biases", "MLflow", "Dask", "Slurm", "Prometheus"}
_NAMES = {
    "Shoal",
    "Python",
    "Ray",
    "Concrete",
    "Optuna",
    "Gymnasium",
    "Windows",
    "macOS",
    "Numba",
    *_OTHER_PROGRAMS,
}


def texts() -> list[Path]:
    """The source, and the documents that a user reads."""
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = []
    for path in documents:
        place = path.relative_to(ROOT).as_posix()
        if path.name not in _EXEMPT and not place.startswith(_OLD):
            shown.append(path)
    return [*SOURCE.rglob("*.py"), *shown]


@cache
def flat_texts() -> dict[str, str]:
    """The texts by their places, each on one line, since strings and prose go over lines."""
    flat = {}
    for path in texts():
        text = re.sub(r"\"\s*\n\s*f?\"", "", path.read_text(encoding="utf-8"))
        flat[path.relative_to(ROOT).as_posix()] = re.sub(r"\s+", " ", text)
    return flat


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_does_not_come_back(phrase: str) -> None:
    pattern = re.compile(phrase, re.IGNORECASE if phrase.islower() else 0)
    assert [place for place, text in flat_texts().items() if pattern.search(text)] == []


@pytest.mark.parametrize("phrase", DOCUMENT_PHRASES)
def test_documents_say_it_in_the_words_of_the_vocabulary(phrase: str) -> None:
    pattern = re.compile(phrase, re.IGNORECASE)
    found = []
    for place, text in flat_texts().items():
        is_document = place.endswith(".md") and not place.endswith(_OF_OTHER_TOOLS)
        # Code may be that of another library.
        prose = re.sub(r"```.*?```|`[^`]*`", "", text)
        if is_document and pattern.search(prose):
            found.append(place)
    assert found == []


def title_case(heading: str) -> bool:
    """Whether two words after the first begin with a capital, and are no names."""
    words = re.findall(r"[A-Za-z][\w'-]*", re.sub(r"`[^`]*`|\[|\]\([^)]*\)", "", heading))
    capitals = [word for word in words[1:] if re.fullmatch(r"[A-Z][a-z]+", word)]
    return len([word for word in capitals if word not in _NAMES]) > 1


def test_what_title_case_is() -> None:
    assert title_case("Best Swarm Parameters")
    assert not title_case("Best swarm parameters")
    assert not title_case("The CSV of `What Matters`, and Shoal in Python")


def test_headings_of_pages_are_in_sentence_case() -> None:
    headings = []
    for path in (SOURCE / "dashboard").rglob("*.py"):
        headings += _PAGE_HEADING.findall(path.read_text(encoding="utf-8"))
    assert len(headings) > 20
    assert [heading for heading in headings if title_case(heading)] == []


def test_headings_of_documents_are_in_sentence_case() -> None:
    found = []
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = _CODE_BLOCK.sub("", path.read_text(encoding="utf-8"))
        found += [heading for heading in _DOCUMENT_HEADING.findall(text) if title_case(heading)]
    assert found == []
