"""What a search's result says of its model, after its store was closed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import shoal
from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.data import Dataset
from shoal.errors import AnalysisError, ProblemError
from shoal.functions.registry import get_function
from shoal.store import Store
from support.champions import customers

_TINY = {"population": 2, "generations": 1, "repeats": 2, "iterations": 20, "baselines": False}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> shoal.SearchResult:
    data = shoal.load_dataset(customers(), "left", drop="paid", folds=1)
    return shoal.search(data, store=tmp_path_factory.mktemp("result") / "s.db", **_TINY)


def test_a_result_explains_its_model(result: shoal.SearchResult) -> None:
    importance = result.importance(repeats=3)
    assert set(importance.to_frame().index) == {"usage", "plan", "since", "noise"}
    assert importance.networks == len(result.champion.weights)

    lines = result.partial_dependence("plan", lines=5)
    assert lines.individual.shape == (5, 3, 2)

    found = result.diagnostics()
    assert isinstance(found, ClassDiagnostics)
    # The exported ensemble's: recorded by the compiled engine, computed here by NumPy.
    assert found.score == pytest.approx(result.champion.ensemble.test.accuracy)
    assert importance.score == pytest.approx(found.score)
    assert np.allclose(found.probabilities.sum(axis=1), 1.0)


def test_a_search_prepares_its_table_once_more_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What drives the run reads the table from the store; the model knows the caller's."""
    prepared = []
    load = Store.load_dataset

    def load_dataset(store: Store, run_id: int | str) -> Dataset:
        prepared.append(run_id)
        return load(store, run_id)

    monkeypatch.setattr(Store, "load_dataset", load_dataset)
    data = shoal.load_dataset(customers(), "left", drop="paid", folds=1)
    found = shoal.search(data, store=tmp_path / "s.db", **_TINY)
    assert found.model is not None
    assert prepared == [1]

    again = shoal.load_run(1, tmp_path / "s.db").model
    assert again is not None
    assert found.model.description == again.description, "as it is recorded"

    # Who asks what the model does has the table prepared once, however much is asked.
    found.importance(repeats=2)
    found.partial_dependence("plan")
    found.diagnostics()
    assert prepared == [1, 1, 1], "of the search, of load_run, and of the questions"

    rows = customers().drop(columns=["left", "paid"])
    assert np.array_equal(found.predict_proba(rows), again.predict_proba(rows))


def test_other_problems_say_why_there_is_nothing(tmp_path: Path) -> None:
    problem = get_function("sphere", dimensions=2)
    found = shoal.search(problem, store=tmp_path / "s.db", **_TINY)
    with pytest.raises(ProblemError, match="needs a table"):
        found.diagnostics()


def test_without_a_champion_there_is_nothing(result: shoal.SearchResult) -> None:
    with pytest.raises(AnalysisError, match="no champion"):
        replace(result, champion=None).importance()
