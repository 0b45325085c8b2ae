"""The scikit-learn estimators, by scikit-learn's own checks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from shoal import Genome, SwarmClassifier, SwarmRegressor
from shoal.errors import SettingsError

GENOME = Genome(swarm_size=24, hidden_layers=(8,))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([SwarmRegressor(GENOME, iterations=150), SwarmClassifier(GENOME, iterations=150)])
def test_scikit_learn_checks(estimator, check) -> None:
    check(estimator)


def test_regression_beats_the_mean_clearly_and_averages_networks() -> None:
    x, y = load_diabetes(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, random_state=0)
    one = SwarmRegressor(GENOME, iterations=200, random_state=3).fit(x, y)
    three = SwarmRegressor(GENOME, iterations=200, random_state=3, networks=3).fit(x, y)
    assert one.score(x_test, y_test) > 0.2
    assert three.weights_.shape == (3, one.weights_.shape[1])
    np.testing.assert_array_equal(three.weights_[0], one.weights_[0])
    np.testing.assert_array_equal(clone(one).fit(x, y).predict(x_test), one.predict(x_test))
    assert not np.array_equal(three.predict(x_test), one.predict(x_test))


@pytest.mark.parametrize("loss", [None, "zero_one", "negative_accuracy"])
def test_classification_also_by_losses_without_gradient(loss: str | None) -> None:
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = make_pipeline(MinMaxScaler(), SwarmClassifier(GENOME, iterations=300, loss=loss))
    assert cross_val_score(model, x, names, cv=3).mean() > 0.85
    chances = model.fit(x, names).predict_proba(x)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
    assert set(model.predict(x)) <= set(names)


def test_regression_by_negative_accuracy_minimises_it() -> None:
    x, y = load_diabetes(return_X_y=True)
    model = SwarmRegressor(GENOME, iterations=100, loss="negative_accuracy").fit(x, y)
    accuracy = 100 * (1 - np.abs(model.predict(x) - y).mean() / np.abs(y).mean())
    assert model.loss_ == pytest.approx(-accuracy, abs=1e-3)


def test_wrong_settings_are_told() -> None:
    x, y = load_diabetes(return_X_y=True)
    with pytest.raises(SettingsError, match="networks=0"):
        SwarmRegressor(networks=0).fit(x, y)
    with pytest.raises(SettingsError, match="cross_entropy"):
        SwarmRegressor(loss="cross_entropy").fit(x, y)
