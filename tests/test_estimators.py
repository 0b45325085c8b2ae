"""The scikit-learn estimators, by scikit-learn's own checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from shoal import Genome, SwarmClassifier, SwarmRegressor
from shoal.errors import DataError, ShoalError

GENOME = Genome(swarm_size=24, hidden_layers=(8,))


# Weighted rows and repeated rows give the same network only as long as no rounding decides which
# of two particles is better. Of classes that are nearly learned by heart, it does at some time.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [SwarmRegressor(GENOME, iterations=150), SwarmClassifier(GENOME, iterations=60)]
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
        (SwarmRegressor, [0.1] * 20, "0.1 in every row"),
        (SwarmRegressor, [[0.1, row] for row in range(20)], "0.1 in every row"),
        (SwarmRegressor, [1e300, -1e300] * 10, "too large"),
        (SwarmRegressor, [1e-200, 2e-200] * 10, "too small"),
        (SwarmClassifier, ["a"] * 20, "one class only, 'a'"),
    ],
)
def test_targets_that_say_nothing_are_refused(estimator, y: list[object], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        estimator(GENOME, iterations=2).fit(np.arange(40.0).reshape(20, 2), y)
    assert isinstance(caught.value, ValueError)  # as scikit-learn's own tools expect
    assert caught.value.expected and caught.value.remedy


@pytest.mark.parametrize("constant", [36.6, 0.1, 1 / 3, 273.15])
@pytest.mark.parametrize("weight", [None, np.sqrt(np.arange(1.0, 61.0))])
def test_a_constant_column_is_scaled_by_one(
    constant: float, weight: np.ndarray[tuple[int], np.dtype[np.float64]] | None
) -> None:
    """A row that is off by a hundredth is no giant. The mean of most constants is rounded."""
    x = np.c_[np.linspace(-1, 1, 60), np.full(60, constant)]
    near = [[0.5, constant], [0.5, 1.01 * constant]]
    model = SwarmRegressor(GENOME, iterations=50).fit(x, x[:, 0], sample_weight=weight)
    assert (model.mean_[1], model.scale_[1]) == (constant, 1)
    assert np.abs(np.diff(model.predict(near))) < 10
    classes = SwarmClassifier(GENOME, iterations=50).fit(x, x[:, 0] > 0, sample_weight=weight)
    assert (classes.mean_[1], classes.scale_[1]) == (constant, 1)


# Weights of rows, and several targets


@pytest.mark.parametrize("loss", [None, "mae", "negative_accuracy"])
def test_a_weighted_regression_learns_the_rows_that_count(loss: str | None) -> None:
    """A tenth of the rows, of large weight, lie on another line than the others."""
    x = np.linspace(-1, 1, 100)[:, None]
    few = np.arange(100) % 10 == 0
    y = np.where(few, 5 - 3 * x[:, 0], 5 + 3 * x[:, 0])
    weight = np.where(few, 1000.0, 1.0)
    model = SwarmRegressor(Genome(hidden_layers=()), iterations=200, loss=loss)
    weighted = clone(model).fit(x, y, weight)
    assert weighted.score(x, y, weight) > 0.95
    assert clone(model).fit(x, y).score(x, y, weight) < 0.2

    # What is minimised is the weighted loss, of the scaled target.
    error = (weighted.predict(x) - y) / weighted.target_scale_
    expected = {
        None: np.average(error**2, weights=weight),
        "mae": np.average(np.abs(error), weights=weight),
        "negative_accuracy": 100
        * np.average(np.abs(error) * weighted.target_scale_, weights=weight)
        / np.average(np.abs(y), weights=weight)
        - 100,
    }
    assert weighted.loss_ == pytest.approx(expected[loss], rel=1e-3, abs=1e-3)


def test_a_weighted_classification_learns_the_rows_that_count() -> None:
    x = np.linspace(-1, 1, 100)[:, None]
    few = np.arange(100) % 10 == 0
    y = np.where((x[:, 0] > 0) == few, "no", "yes")
    weight = np.where(few, 1000.0, 1.0)
    model = SwarmClassifier(Genome(hidden_layers=()), iterations=100)
    assert clone(model).fit(x, y, weight).score(x, y, weight) > 0.95
    assert clone(model).fit(x, y).score(x, y, weight) < 0.2


@pytest.mark.parametrize("estimator", [SwarmRegressor, SwarmClassifier])
def test_weights_that_are_alike_change_no_bit_and_rows_without_weight_are_as_if_absent(
    estimator,
) -> None:
    x, y = load_iris(return_X_y=True)
    model = estimator(GENOME, iterations=30)
    plain = clone(model).fit(x, y)
    alike = clone(model).fit(x, y, np.full(len(y), 3.0))
    assert alike.weights_.tobytes() == plain.weights_.tobytes()

    weight = np.where(np.arange(len(y)) % 3 == 0, 0.0, 1.5)
    x_with_noise = np.where(weight[:, None] > 0, x, 1e6)
    some = clone(model).fit(x_with_noise, y, weight)
    counted = weight > 0
    expected = clone(model).fit(x[counted], y[counted])
    np.testing.assert_allclose(some.predict(x), expected.predict(x), rtol=1e-6)


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        ([-1.0] + [1.0] * 19, "a value of -1"),
        ([0.0] * 20, "zero in every row"),
        ([np.nan] + [1.0] * 19, "NaN"),
        ([1.0] * 19, "sample_weight.shape"),
    ],
)
@pytest.mark.parametrize("estimator", [SwarmRegressor, SwarmClassifier])
def test_weights_that_say_nothing_are_refused(estimator, weight: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        estimator(GENOME, iterations=2).fit(
            np.arange(40.0).reshape(20, 2), np.arange(20) % 2, weight
        )
    if isinstance(caught.value, ShoalError):
        assert caught.value.expected and caught.value.remedy


@pytest.mark.parametrize("loss", [None, "negative_accuracy"])
def test_several_targets_are_predicted_together(loss: str | None) -> None:
    x, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, 1e4 - 5 * y + 1000 * x[:, 2]])
    model = SwarmRegressor(GENOME, iterations=300, loss=loss).fit(x, both)
    predicted = model.predict(x)
    assert predicted.shape == both.shape and model.target_scale_.shape == (2,)
    assert model.network_.layers[-1] == 2
    assert model.score(x, both) > 0.35

    error = predicted - both
    accuracy = 100 * (1 - np.abs(error).mean(axis=0) / np.abs(both).mean(axis=0))
    squares = ((error / model.target_scale_) ** 2).mean()
    expected = squares if loss is None else -accuracy.mean()
    assert model.loss_ == pytest.approx(expected, rel=1e-3)

    # A column of one target is one target, in two dimensions.
    alone = SwarmRegressor(GENOME, iterations=20).fit(x, both[:, :1])
    flat = SwarmRegressor(GENOME, iterations=20).fit(x, both[:, 0])
    assert alone.predict(x).shape == (len(x), 1)
    np.testing.assert_array_equal(alone.predict(x)[:, 0], flat.predict(x))


def test_several_targets_of_which_one_says_nothing_are_refused() -> None:
    y = np.column_stack([np.arange(20.0), np.full(20, 3.0)])
    with pytest.raises(DataError, match="3 in every row"):
        SwarmRegressor(GENOME, iterations=2).fit(np.arange(40.0).reshape(20, 2), y)


def test_random_state_is_what_scikit_learn_takes() -> None:
    x, y = load_diabetes(return_X_y=True)

    def weights(random_state: Any) -> Any:
        estimator = SwarmRegressor(GENOME, iterations=3, random_state=random_state)
        return estimator.fit(x[:40], y[:40]).weights_.tobytes()

    assert weights(np.random.RandomState(3)) == weights(np.random.RandomState(3)) != weights(3)
    assert weights(np.int64(3)) == weights(3)
    state = np.random.RandomState(3)
    assert weights(state) != weights(state)
    assert weights(None) != weights(None)
    np.random.seed(3)
    first = weights(None)
    np.random.seed(3)
    assert weights(np.random) == first
    with pytest.raises(ShoalError, match=r"random_state=.*Generator.*RandomState"):
        weights(np.random.default_rng(3))


def test_boosting_works() -> None:
    x, y = load_iris(return_X_y=True)
    model = AdaBoostClassifier(SwarmClassifier(GENOME, iterations=30), n_estimators=2)
    assert model.fit(x, y).score(x, y) > 0.7


@pytest.mark.parametrize(("factor", "size"), [(1e300, "large"), (1e-200, "small")])
def test_columns_that_cannot_be_scaled_are_refused(factor: float, size: str) -> None:
    """All of them became zeros, and a constant was fitted."""
    x = np.random.default_rng(1).normal(size=(40, 2)) * [1.0, factor]
    with pytest.raises(ValueError, match=rf"X: column 1 is too {size} to be scaled"):
        SwarmRegressor(iterations=2).fit(x, x[:, 0])
    with pytest.raises(ValueError, match=rf"X: column 1 is too {size} to be scaled"):
        SwarmClassifier(iterations=2).fit(x, x[:, 0] > 0)


def test_what_stands_behind_a_mask_is_no_value() -> None:
    """It was learned from and predicted: -9999 in most files that have masks."""
    x = np.random.default_rng(1).normal(size=(40, 2))
    masked = np.ma.masked_array(x, mask=x > 1.5, fill_value=-9999)
    model = SwarmRegressor(iterations=2).fit(x, x[:, 0])
    for refused in (
        lambda: SwarmRegressor(iterations=2).fit(masked, x[:, 0]),
        lambda: SwarmClassifier(iterations=2).fit(masked, x[:, 0] > 0),
        lambda: model.predict(masked),
    ):
        with pytest.raises(ValueError, match="NaN"):
            refused()
    with pytest.raises(ValueError, match="y has masked values"):
        SwarmRegressor(iterations=2).fit(x, masked[:, 0])

    nothing_masked = np.ma.masked_array(x, mask=np.zeros_like(x, dtype=bool))
    assert np.array_equal(model.predict(nothing_masked), model.predict(x))
