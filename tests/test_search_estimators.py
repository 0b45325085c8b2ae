"""A whole search as one estimator."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import parametrize_with_checks

import shoal
from shoal import SwarmSearchClassifier, SwarmSearchRegressor
from support.champions import customers

QUICK: dict[str, Any] = {"population": 2, "repeats": 1, "iterations": 60, "networks": 1}


def quick(kind: type, **values: Any) -> Any:
    return kind(generations=1, settings=QUICK, n_jobs=1, **values)


@pytest.mark.slow(part="estimators")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([quick(SwarmSearchRegressor), quick(SwarmSearchClassifier)])
def test_scikit_learn_checks(estimator, check) -> None:
    check(estimator)


def test_a_classifier_of_a_dataframe_says_what_its_search_says() -> None:
    frame = customers(150)
    x = frame.drop(columns=["left", "paid"])
    model = quick(SwarmSearchClassifier).fit(x, frame["left"])
    assert model.feature_names_in_.tolist() == list(x.columns)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.score(x, frame["left"]) > 0.7

    shares = model.predict_proba(x)
    np.testing.assert_allclose(shares, model.champion_.predict_proba(frame), atol=1e-5)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), shares)
    np.testing.assert_array_equal(clone(model).fit(x, frame["left"]).predict_proba(x), shares)
    assert model.search_result_.run.state == "finished"
    with pytest.raises(shoal.ShoalError, match="not known where run"):
        model.search_result_.leaderboard()


def test_labels_of_any_kind_come_back() -> None:
    x, y = load_iris(return_X_y=True)
    labels = np.array([10, 9, 100])[y]
    model = quick(SwarmSearchClassifier).fit(x, labels)
    assert model.classes_.tolist() == [9, 10, 100]
    assert model.score(x, labels) > 0.8
    assert model.predict(x).dtype == labels.dtype


def test_a_regressor_of_several_targets_in_a_store_of_ones_own(tmp_path) -> None:
    frame = customers(120).dropna()
    x = frame[["usage", "plan"]]
    y = np.column_stack([frame["paid"], frame["usage"] * 2 + 5])
    with shoal.open_store(tmp_path / "shoal.db") as store:
        model = quick(SwarmSearchRegressor, store=store, budget=2).fit(x, y)
        assert [run.id for run in store.runs()] == [model.search_result_.run.id]
        assert len(model.search_result_.leaderboard()) > 0
    assert model.predict(x).shape == y.shape
    assert model.score(x, y) > 0.5


def test_too_few_rows_are_refused_as_scikit_learn_expects() -> None:
    with pytest.raises(ValueError, match="n_samples=4"):
        quick(SwarmSearchRegressor).fit(np.eye(4), np.arange(4.0))
    with pytest.raises(shoal.ShoalError, match="one class only"):
        quick(SwarmSearchClassifier).fit(np.eye(20), np.ones(20))
    with pytest.raises(shoal.ShoalError, match="generations"):
        SwarmSearchRegressor(generations=0).fit(np.eye(20), np.arange(20.0))
