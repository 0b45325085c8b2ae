"""report.html of a run that solves a function: whole, harmless, and true to the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoal.analysis.summary import load_champion
from shoal.export import export_run, report_page
from shoal.export.report_work import EVALUATIONS, score_by_work
from shoal.functions.definition import FunctionProblem
from shoal.functions.registry import get_function
from shoal.orchestration.runner import Runner
from shoal.presentation.formatting import score_text
from shoal.problems.registry import find_written
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support.fakes import HereExecutor
from support.pages import check_harmless

HOSTILE = '<script>alert(1)</script> " & </style>'
SMALL: dict[str, Any] = {
    "preset": "function",
    "population": 2,
    "generations": 2,
    "repeats": 2,
    "max_repeats": 2,
    "iterations": 12,
    "finalists": 1,
    "confirmations": 3,
    "workers": 1,
}
OWN = """
import shoal

@shoal.function(bounds=[(-1.0, 1.0)] * 70, direction="maximize", unit="<b>EUR</b>")
def hill(x, height=3.0):
    return height - (x**2).sum(axis=1)
"""


def searched(store: Store, function: FunctionProblem, name: str | None = None) -> None:
    """Search in this process."""
    store.add_run(function, SearchSettings.parse(SMALL), name=name)
    claim = store.claim(Owner.here())
    assert claim is not None
    assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Path]]:
    """A store with run 1 on a bundled function and run 2 on the file of a user."""
    folder = tmp_path_factory.mktemp("function-report")
    own = folder / "hill.py"
    own.write_text(OWN)
    with open_store(folder / "shoal.db") as store:
        searched(store, get_function("pressure-vessel"), HOSTILE)
        hill = find_written(f"{own}:hill")
        assert isinstance(hill, FunctionProblem)
        searched(store, hill)
        yield store, own


def test_the_report_of_a_function_is_whole_harmless_and_true(
    opened: tuple[Store, Path], tmp_path: Path
) -> None:
    store, _ = opened
    folder = export_run(store, 1, tmp_path / "model")
    page = (folder / "report.html").read_text()
    text = check_harmless(page).text
    assert report_page(store, 1).decode() == page

    run = store.run(1)
    champion = load_champion(store, run)
    assert champion is not None and champion.confirmation is not None
    assert HOSTILE in text
    assert run.result_hash is not None and run.result_hash in text
    value = champion.ensemble.train["value"]
    for score in (champion.score, champion.confirmation.score, value):
        assert score_text(score, run.metric) in text
    for coordinate in champion.chosen_weights:
        assert f"{coordinate:.6g}" in text
    assert text.count("whole number") == 2
    assert "2 coordinates in (1, 99), 2 in (10, 200)" in text
    assert "Value, USD (smaller is better)" in text
    assert page.count('class="dot"') == len(champion.confirmation.scores)
    # Settings have the names of all problems.
    told, _, _ = text.partition("Settings")
    for absent in ("accuracy", "network", "activation", "topology", "rows", "relu", "tanh"):
        assert absent not in told.lower(), absent


def test_evaluations_are_those_of_all_trainings(opened: tuple[Store, Path]) -> None:
    store, _ = opened
    generations = store.generations(1)
    evaluations = list(store.evaluations(1, curves=False))
    points = score_by_work(generations, evaluations, EVALUATIONS)

    assert [score for _, score in points] == [r.summary.best_score for r in generations]
    of_search = [e for e in evaluations if e.task.phase.value == "search"]
    assert points[-1][0] == sum(e.scores.train["evaluations"] for e in of_search)
    assert "Value by evaluations" in report_page(store, 1).decode()


def test_a_report_imports_no_code(opened: tuple[Store, Path]) -> None:
    store, own = opened
    own.write_text("raise SystemExit('executed')\n")
    page = report_page(store, 2).decode()

    text = check_harmless(page).text
    assert f"The function is in {own}:hill, SHA-256" in text
    assert "is never executed from there" in text
    assert "height 3" in text
    assert "70 coordinates in (-1, 1)" in text
    assert "The first 60 of 70 coordinates" in text
    assert "Value, <b>EUR</b> (larger is better)" in text
