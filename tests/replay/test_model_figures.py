"""What a process beside the server says of a model: the same as asked directly."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

import shoal
from shoal.analysis.best_model import champion_of
from shoal.analysis.champion_rows import champion_rows
from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.analysis.diagnostics import diagnostics
from shoal.analysis.input_importance import input_importances, usual_repeats
from shoal.analysis.partial_dependence import partial_dependence
from shoal.replay.model_figures import Known, ModelFigures
from shoal.store import RunView, Store, open_store
from support.champions import customers

_TINY = {"population": 2, "generations": 1, "repeats": 2, "iterations": 30, "baselines": False}
_PATIENCE = 120.0  # seconds


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("figures") / "shoal.db") as store:
        frame = customers(240)
        shoal.search(shoal.load_dataset(frame, "left", drop="paid", folds=1), store=store, **_TINY)
        everything = shoal.load_dataset(frame, "left", drop="paid", folds=1, test_fraction=0.0)
        shoal.search(everything, store=store, **_TINY)
        yield store


@pytest.fixture
def figures(store: Store) -> Iterator[ModelFigures]:
    figures = ModelFigures(store.raw_url)
    yield figures
    figures.close()


def _all_of(figures: ModelFigures, run: RunView, column: str | None) -> Known:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        known = figures.of(run, column)
        if known.is_all:
            return known
        time.sleep(0.05)
    raise AssertionError("nothing came")


def test_the_process_says_what_is_true_of_the_model(store: Store, figures: ModelFigures) -> None:
    run = store.run(1)
    assert figures.of(run, None) == Known()
    known = _all_of(figures, run, None)
    champion, problem = champion_of(store, 1)
    rows = champion_rows(problem, champion)
    assert known.facts is not None and known.facts.rows == len(rows.part.rows)
    assert known.facts.outputs == ("no", "yes")

    importances = input_importances(rows, repeats=usual_repeats(rows))
    assert known.importances == importances
    assert known.dependence is not None
    assert known.dependence.column == importances.inputs[0].column
    expected = diagnostics(rows)
    assert isinstance(expected, ClassDiagnostics)
    assert isinstance(known.diagnostics, ClassDiagnostics)
    assert known.diagnostics.score == expected.score
    assert known.diagnostics.confusion(0.3).equals(expected.confusion(0.3))

    # The same process goes on to another column, and what is known needs none.
    other = _all_of(figures, run, "since")
    assert other.dependence is not None
    average = partial_dependence(rows, "since").average
    assert np.array_equal(other.dependence.average, average)
    wrong = _all_of(figures, run, "nothing of the kind")
    assert "is no input" in str(wrong.dependence_error)


def test_a_run_without_test_rows_says_so(store: Store, figures: ModelFigures) -> None:
    known = _all_of(figures, store.run(2), None)
    assert "trained on all rows" in str(known.error)
    assert known.importances is None
