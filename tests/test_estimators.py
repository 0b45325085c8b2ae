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
from shoal.errors import DataError, ShoalError

GENOME = Genome(swarm_size=24, hidden_layers=(8,))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [SwarmRegressor(GENOME, iterations=150), SwarmClassifier(GENOME, iterations=150)]
)
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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"networks": 0}, "networks=0"),
        ({"networks": True}, "networks=True"),
        ({"iterations": 2.5}, "iterations=2.5"),
        ({"threads": 0}, "threads=0"),
        ({"patience": 0}, "patience=0"),
        ({"patience": 2.5}, "patience=2.5"),
        ({"random_state": -1}, "random_state=-1"),
        ({"random_state": "x"}, "random_state='x'"),
        ({"loss": "cross_entropy"}, "cross_entropy"),
        ({"genome": "local"}, "genome='local'"),
        ({"genome": {"swarm_size": 5}}, "swarm_size"),
    ],
)
def test_wrong_parameters_are_told(wrong: dict[str, object], said: str) -> None:
    x, y = load_diabetes(return_X_y=True)
    with pytest.raises(ShoalError, match=said) as caught:
        SwarmRegressor(**{"iterations": 2, **wrong}).fit(x, y)
    assert caught.value.expected and caught.value.remedy


@pytest.mark.parametrize(
    ("estimator", "y", "said"),
    [
        (SwarmRegressor, [1.5] * 20, "1.5 in every row"),
        (SwarmRegressor, [1e300, -1e300] * 10, "too large"),
        (SwarmClassifier, ["a"] * 20, "one class only, 'a'"),
    ],
)
def test_targets_that_say_nothing_are_refused(estimator, y: list[object], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        estimator(GENOME, iterations=2).fit(np.arange(40.0).reshape(20, 2), y)
    assert isinstance(caught.value, ValueError)  # as scikit-learn's own tools expect
    assert caught.value.expected and caught.value.remedy
