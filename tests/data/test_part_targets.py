"""Targets that are mostly 0, as amounts of rain or of claims are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.data import Dataset, load_dataset
from shoal.data.diagnostics import check_table
from shoal.errors import DataError
from shoal.export import export_run
from shoal.objectives.metrics import mean_metrics, regression_metrics
from shoal.problems.table import TableProblem
from shoal.replay.predictions import champion_predictions
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store

ROWS = 60
_BRIEF = {"population": 2, "generations": 1, "repeats": 2, "iterations": 20}


def _rain(wet: Dataset | None = None, part: str = "train", **columns: Any) -> pd.DataFrame:
    """Rain in two rows of one part, none elsewhere; ``wet`` says which rows the parts have."""
    amounts = np.zeros(ROWS)
    if wet is not None:
        amounts[getattr(wet, part).rows[:2]] = 3.0, 4.5
    return pd.DataFrame(
        {"wind": np.arange(ROWS) * 0.5, "cloud": np.arange(ROWS) % 7, "rain": amounts, **columns}
    )


@pytest.fixture(scope="module")
def parts() -> Dataset:
    """A table of the same size, to know which rows are in which part."""
    table = _rain().assign(rain=np.arange(ROWS) * 1.5)
    return load_dataset(table, "rain", folds=1, task="regression")


@pytest.fixture(scope="module")
def dry_test(parts: Dataset) -> Dataset:
    """Validation and test part are dry."""
    return load_dataset(_rain(parts), "rain", folds=1, task="regression")


def test_such_a_table_is_refused_only_where_the_accuracy_is_selected_on(dry_test: Dataset) -> None:
    with pytest.raises(DataError, match="the validation part has only zeros in 'rain'") as error:
        TableProblem(dry_test, SearchSettings())
    assert error.value.expected and "--metric mae" in error.value.remedy

    for metric in ("mae", "rmse", "r2"):
        TableProblem(dry_test, SearchSettings(metric=metric))
    TableProblem(dry_test, SearchSettings(metric="mae", loss="negative_accuracy"))


def test_parts_whose_only_amounts_have_a_weight_of_0_are_such_parts(parts: Dataset) -> None:
    assert parts.test is not None and parts.validation is not None
    table = _rain(parts).assign(w=1.0)
    wet = np.r_[parts.validation.rows[0], parts.test.rows[0]]
    table.loc[wet, "rain"] = 5.0
    TableProblem(load_dataset(table, "rain", folds=1, weight="w"), SearchSettings())

    table.loc[parts.test.rows[0], "w"] = 0.0
    dry = load_dataset(table, "rain", folds=1, weight="w")
    with pytest.raises(DataError, match="the test part has only zeros in 'rain'"):
        TableProblem(dry, SearchSettings())


def test_dry_folds_that_were_asked_for_are_kept() -> None:
    table = _rain().assign(rain=np.where(np.arange(ROWS) % 30 == 3, 2.5, 0.0))
    table.loc[0, "rain"] = 1.0
    folded = load_dataset(table, "rain", folds=10, task="regression", test_fraction=0.0)
    assert folded.options.folds == 10
    with pytest.raises(DataError, match=r"the validation \(fold \d+\) part has only zeros"):
        TableProblem(folded, SearchSettings())
    TableProblem(folded, SearchSettings(metric="mae"))

    # Those that nobody asked for give way.
    assert load_dataset(table, "rain", task="regression", test_fraction=0.0).options.folds == 1


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_nothing_is_learned_from_one_value(parts: Dataset, value: float) -> None:
    table = _rain(parts, part="test")
    table["rain"] += value
    with pytest.raises(DataError, match=rf"'rain' is {value:g} in all of the \d+ rows that train"):
        load_dataset(table, "rain", folds=1, task="regression")

    # Of rows of weight 0 nothing is learned.
    assert parts.train is not None
    table = _rain(parts).assign(w=1.0)
    table.loc[parts.train.rows[:2], "w"] = 0.0
    with pytest.raises(DataError, match="'rain' is 0 in all of the"):
        load_dataset(table, "rain", folds=1, task="regression", weight="w")


def test_the_check_says_which_metric_to_take(parts: Dataset) -> None:
    found = check_table("t", _rain(parts), "rain", folds=1, task="regression")
    assert not found.bad
    (finding,) = [own for own in found.findings if "accuracy is undefined" in own.what]
    assert finding.status == "look" and "--metric mae" in (finding.remedy or "")

    wet = check_table("t", _rain().assign(rain=np.arange(ROWS) + 1.0), "rain", folds=1)
    assert not [own for own in wet.findings if "undefined" in own.what]


def test_scores_have_no_accuracy_where_all_targets_are_0() -> None:
    dry = regression_metrics(np.array([1.0, -3.0]), np.zeros(2))
    wet = regression_metrics(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    assert dry is not None and wet is not None
    assert dry.to_dict() == {"mae": 2.0, "rmse": math.sqrt(5.0), "r2": 0.0}

    # The mean over targets, or over networks, is of what all of them have.
    assert mean_metrics([wet, dry]).to_dict().keys() == dry.to_dict().keys()
    both = regression_metrics(np.array([[1.0, 1.0], [-3.0, 3.0]]), np.array([[0.0, 2.0]] * 2))
    assert both is not None
    assert both.accuracy is None and both.mae == 1.5


def test_a_search_on_such_a_table_ends_with_all_there_is(dry_test: Dataset, tmp_path: Path) -> None:
    address = tmp_path / "s.db"
    result = shoal.search(dry_test, metric="mae", store=address, **_BRIEF)
    assert result.champion is not None
    test = result.champion.ensemble.test
    assert test is not None and test.accuracy is None and test.mae is not None

    figures = result.diagnostics().to_dict()["targets"][0]
    assert figures["accuracy"] is None and figures["mae"] == pytest.approx(test.mae, rel=1e-5)
    with open_store(address) as store:
        predictions = champion_predictions(store, 1)
        assert predictions is not None and predictions.same
        export_run(store, 1, tmp_path / "out")
    assert "Mean absolute error" in (tmp_path / "out" / "report.html").read_text()
