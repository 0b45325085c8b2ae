"""Estimators whose swarms optimise an objective, decode positions, or start from a network."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import shoal
from problems.user_files import GOALS, write
from shoal import Genome, SwarmClassifier, SwarmRegressor
from shoal.errors import ShoalError

GENOME = Genome(swarm_size=16, hidden_layers=(4,))


# At the top level of a module, as pickle wants it.
@shoal.objective("minimize", outputs="unscaled")
def worst(predicted: Any, y: Any, *, power: float = 1.0) -> Any:
    """The largest error."""
    return (np.abs(predicted - y) ** power).max(axis=1)


@shoal.objective("maximize", columns=("amount",))
def gain(score: Any, y: Any, amount: Any) -> Any:
    """What acting on the second class brings."""
    return ((score > 0) * (2 * y - 1) * amount).mean(axis=1)


@shoal.row_loss(nonnegative=True)
def lopsided(output: float, target: float, late: float = 3.0) -> float:
    """An error below the target is dearer."""
    error = output - target
    if error > 0:
        return error
    return -late * error


@shoal.decoder
def halves(positions: Any) -> Any:
    """Weights in steps of a half."""
    return np.round(2 * positions) / 2


@pytest.fixture(scope="module")
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_diabetes(return_X_y=True)
    return x[:200], y[:200]


@pytest.fixture(scope="module")
def cancer() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_breast_cancer(return_X_y=True)
    return x[:200], y[:200]


# What these do not fit: weights of rows go with losses of rows only.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        SwarmRegressor(GENOME, iterations=150, objective=lopsided, decoder="int8"),
        SwarmClassifier(GENOME, iterations=60, decoder=halves, start_from="lbfgs"),
    ]
)
def test_scikit_learn_checks(estimator, check) -> None:
    check(estimator)


# ---- What is optimised ---------------------------------------------------------------------------


def test_it_is_the_training_of_a_table(diabetes: tuple[np.ndarray, np.ndarray]) -> None:
    """Objective and loss of a row are what they are for `shoal.train`."""
    x, y = diabetes
    for own in (worst, lopsided):
        model = SwarmRegressor(GENOME, iterations=30, objective=own, random_state=4).fit(x, y)
        predicted = model.predict(x)
        if own is worst:
            expected = np.abs(predicted - y).max()
        else:
            expected = np.mean([lopsided(*pair) for pair in zip(predicted, y, strict=True)])
        assert model.loss_ == pytest.approx(expected, rel=1e-4)


def test_an_objective_that_is_maximised(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = cancer
    model = SwarmClassifier(GENOME, iterations=40, objective="balanced_accuracy").fit(x, y)

    right = model.predict(x) == y
    recall = np.mean([right[y == label].mean() for label in (0, 1)])
    assert -model.loss_ == pytest.approx(recall, rel=1e-5)


@pytest.mark.parametrize(
    "objective", ["tolerance", {"name": "tolerance", "within": 30.0}, "pinball", "r2", lopsided]
)
def test_several_names_of_objectives(
    diabetes: tuple[np.ndarray, np.ndarray], objective: Any
) -> None:
    first = SwarmRegressor(GENOME, iterations=20, objective=objective).fit(*diabetes)
    again = clone(first).fit(*diabetes)

    assert first.weights_.tobytes() == again.weights_.tobytes()


def test_a_file_and_an_object_are_the_same(
    diabetes: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    file = write(tmp_path / "goals.py", GOALS)
    x, y = diabetes
    named = SwarmRegressor(GENOME, iterations=20, objective=f"{file}:lopsided").fit(x, y)
    given = SwarmRegressor(GENOME, iterations=20, objective=lopsided).fit(x, y)

    assert named.weights_.tobytes() == given.weights_.tobytes()


def test_weights_of_rows_go_with_losses_of_rows(diabetes: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = diabetes
    weight = np.ones(len(x))
    weight[::2] = 2.0
    model = SwarmRegressor(GENOME, iterations=30, objective=lopsided).fit(x, y, weight)

    losses = [lopsided(*pair) for pair in zip(model.predict(x), y, strict=True)]
    assert model.loss_ == pytest.approx(np.average(losses, weights=weight), rel=1e-4)

    # Those of an objective of all rows are a column, and rows without weight are absent.
    with pytest.raises(ShoalError, match="which knows no weights") as raised:
        SwarmRegressor(GENOME, iterations=5, objective=worst).fit(x, y, weight)
    assert "fit(X, y, NAME=weights)" in raised.value.remedy
    some = np.arange(len(x)) < 150
    part = SwarmRegressor(GENOME, iterations=5, objective=worst).fit(x, y, some.astype(float))
    alone = SwarmRegressor(GENOME, iterations=5, objective=worst).fit(x[some], y[some])
    assert part.weights_.tobytes() == alone.weights_.tobytes()


def test_columns_of_an_objective_are_handed_to_fit(
    cancer: tuple[np.ndarray, np.ndarray],
) -> None:
    x, y = cancer
    amount = np.random.default_rng(0).uniform(1.0, 9.0, len(x))
    model = SwarmClassifier(GENOME, iterations=30, objective=gain).fit(x, y, amount=amount)

    predicted = model.predict(x)
    expected = (predicted * (2 * y - 1) * amount).mean()
    assert -model.loss_ == pytest.approx(expected, rel=1e-5)

    renamed = SwarmClassifier(
        GENOME, iterations=30, objective=gain.with_columns({"amount": "price"})
    ).fit(x, y, price=amount)
    assert renamed.weights_.tobytes() == model.weights_.tobytes()
    with pytest.raises(ShoalError, match="needs the column 'amount'"):
        SwarmClassifier(GENOME, iterations=5, objective=gain).fit(x, y)
    with pytest.raises(ShoalError, match=r"amount\.shape is"):
        SwarmClassifier(GENOME, iterations=5, objective=gain).fit(x, y, amount=amount[:3])


# ---- Tools of scikit-learn -----------------------------------------------------------------------


def test_a_grid_over_options_of_an_objective(diabetes: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = diabetes
    grid = {
        "objective": [
            None,
            lopsided,
            lopsided.with_options(late=1.0),
            {"name": "tolerance", "within": 40.0},
        ],
        "decoder": [None, "int8"],
    }
    found = GridSearchCV(SwarmRegressor(GENOME, iterations=30), grid, cv=2, n_jobs=2).fit(x, y)

    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.best_estimator_.get_params()["iterations"] == 30


@pytest.mark.parametrize("objective", [worst.with_options(power=2.0), lopsided, "tolerance"])
@pytest.mark.parametrize("decoder", [None, halves])
def test_a_fitted_estimator_is_pickled(
    diabetes: tuple[np.ndarray, np.ndarray], objective: Any, decoder: Any
) -> None:
    x, y = diabetes
    model = SwarmRegressor(GENOME, iterations=5, objective=objective, decoder=decoder).fit(x, y)

    again = pickle.loads(pickle.dumps(model))

    assert again.predict(x).tobytes() == model.predict(x).tobytes()
    assert again.fit(x, y).weights_.tobytes() == model.weights_.tobytes()
    assert getattr(again.objective, "options", None) == getattr(objective, "options", None)


def test_parameters_are_got_and_set() -> None:
    model = SwarmClassifier(objective="f1", decoder="sign", start_from="adam")
    assert model.get_params()["objective"] == "f1"
    assert clone(model).set_params(objective=gain).objective is gain
    assert clone(model.set_params(objective=gain)).objective.function is gain.function


# ---- Decoders and starts -------------------------------------------------------------------------


def test_decoded_networks_predict(cancer: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = cancer
    model = SwarmClassifier(GENOME, iterations=60, networks=2, decoder=halves).fit(x, y)

    np.testing.assert_array_equal(model.weights_, np.round(2 * model.weights_) / 2)
    assert model.score(x, y) > 0.85


def test_a_swarm_starts_near_the_network(
    diabetes: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    x, y = diabetes
    cold = SwarmRegressor(iterations=2).fit(x, y)
    warm = SwarmRegressor(iterations=2, start_from="lbfgs").fit(x, y)
    assert warm.loss_ < cold.loss_ / 2

    np.save(tmp_path / "weights.npy", warm.weights_)
    again = SwarmRegressor(iterations=2, start_from=tmp_path / "weights.npy").fit(x, y)
    assert again.loss_ <= warm.loss_


# ---- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"objective": 3}, "objective=3"),
        ({"objective": "f2"}, "There is no objective 'f2'"),
        ({"objective": "f1"}, "does not fit a regression target"),
        ({"objective": "mse"}, "'mse' is a loss"),
        ({"objective": halves}, "halves is a Decoder, not an objective"),
        ({"objective": {"name": "tolerance", "width": 3}}, "has no option 'width'"),
        ({"objective": "no/such.py:profit"}, "No such file"),
        ({"objective": lopsided, "loss": "mse"}, "exclude each other"),
        ({"decoder": "sing"}, "There is no decoder 'sing'"),
        ({"decoder": lopsided}, "lopsided is a RowLoss, not a decoder"),
        ({"decoder": "scorecard"}, "needs a table with encoding='questions'"),
        ({"start_from": "sgd"}, "No such file"),
        ({"start_from": 3}, "start_from=3"),
    ],
)
def test_wrong_parameters_are_told(
    diabetes: tuple[np.ndarray, np.ndarray], wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(ShoalError, match=words) as raised:
        SwarmRegressor(GENOME, iterations=5, **wrong).fit(*diabetes)
    assert raised.value.expected
