"""Losses and scores against naive formulas and scikit-learn, and for values that are not finite."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from shoal.errors import SettingsError
from shoal.objectives.losses import (
    CROSS_ENTROPY,
    HUBER,
    LOSS_NAMES,
    LOSSES,
    MAE,
    MSE,
    ZERO_ONE,
    Loss,
    Objective,
    loss_values,
    make_objective,
)
from shoal.objectives.metrics import classification_metrics, probabilities, regression_metrics

f32 = np.float32
SEEDS = st.integers(0, 2**32 - 1)


def naive(loss: Loss, outputs: np.ndarray, y: np.ndarray) -> float:
    """The mean over rows in float64, from textbook formulas."""
    total = 0.0
    for row, target in zip(outputs.astype(float), y.astype(float), strict=True):
        if loss.task == "regression":
            size = abs(row[0] - target)
            by_loss = {
                MSE: size**2,
                MAE: size,
                HUBER: size**2 / 2 if size <= 1 else size - 0.5,
            }
            total += by_loss[loss]
        elif loss is CROSS_ENTROPY:
            total -= math.log(math.exp(row[int(target)]) / sum(math.exp(v) for v in row))
        else:
            first = next(c for c, v in enumerate(row) if v == max(row))
            total += first != int(target)

    return total / len(y)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(list(LOSSES.values())),
    SEEDS,
    st.integers(1, 40),
    st.integers(2, 5),
    st.sampled_from([0.1, 1, 10]),
)
def test_losses_are_their_formulas(loss, seed, rows, classes, size) -> None:
    random = np.random.default_rng(seed)
    few = loss.task == "regression"
    outputs = (random.normal(size=(3, rows, 1 if few else classes)) * size).astype(f32)
    y = (random.normal(size=rows) * size if few else random.integers(0, classes, rows)).astype(f32)
    found = loss_values(Objective(loss), outputs, y)

    assert found.shape == (3,)
    assert found.dtype == np.float64
    assert found == pytest.approx([naive(loss, o, y) for o in outputs], rel=1e-5, abs=1e-6)

    moved = loss_values(Objective(loss, 3.0, -7.0), outputs, y)
    assert moved == pytest.approx(3.0 * found - 7.0, rel=1e-12)


def test_huber_bends_at_one() -> None:
    outputs = np.array([[[0.5], [1], [2], [-3]]], f32)
    each = [0.125, 0.5, 1.5, 2.5]
    for row, value in enumerate(each):
        assert loss_values(Objective(HUBER), outputs[:, row : row + 1], np.zeros(1, f32)) == [value]


def test_zero_one_gives_ties_to_the_first_class() -> None:
    outputs = np.array([[[1, 1, 0], [0, 1, 1], [2, 2, 2]]], f32)
    for y, value in (([0, 1, 0], 0), ([1, 2, 1], 1), ([0, 2, 0], 1 / 3)):
        assert loss_values(Objective(ZERO_ONE), outputs, np.array(y, f32))[0] == pytest.approx(
            value
        )


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", [0, 1])
def test_one_output_that_is_not_finite_costs_infinity(loss, bad, where) -> None:
    """For class scores wherever it stands, also where its class would have lost anyway."""
    classes = 2 if loss.task == "classification" else 1
    for y in (0, classes - 1):
        outputs = np.ones((2, 3, classes), f32)
        outputs[0, 1, where % classes] = bad
        found = loss_values(Objective(loss, 100.0, -100.0), outputs, np.full(3, y, f32))
        assert found[0] == math.inf
        assert np.isfinite(found[1])


def test_losses_that_overflow_cost_infinity() -> None:
    outputs = np.full((1, 1, 1), 1e30, f32)
    assert loss_values(Objective(MSE), outputs, np.zeros(1, f32)).tolist() == [math.inf]
    assert np.isfinite(loss_values(Objective(MAE), outputs, np.zeros(1, f32))).all()
    far = np.array([[[3e38, -3e38]]], f32)
    assert loss_values(Objective(CROSS_ENTROPY), far, np.ones(1, f32)).tolist() == [math.inf]


def test_cross_entropy_of_far_apart_scores() -> None:
    scores = np.array([[[0, 1000], [-1000, 0]]], f32)
    assert loss_values(Objective(CROSS_ENTROPY), scores, np.ones(2, f32)).tolist() == [0]
    assert loss_values(Objective(CROSS_ENTROPY), scores, np.zeros(2, f32)).tolist() == [1000]


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.floats(0.01, 100))
def test_negative_accuracy_is_minus_the_accuracy(seed, scale) -> None:
    """On scaled targets: what the swarm minimises is minus what the search reports."""
    random = np.random.default_rng(seed)
    y, outputs = random.normal(size=30).astype(f32), random.normal(size=(1, 30, 1)).astype(f32)
    target = y.astype(float) * scale + 2.5
    objective = make_objective(
        "negative_accuracy", "regression", scale, float(np.abs(target).mean())
    )
    scores = regression_metrics(outputs[0, :, 0].astype(float) * scale + 2.5, target)

    assert loss_values(objective, outputs, y)[0] == pytest.approx(
        -scores.accuracy, rel=1e-5, abs=1e-4
    )

    classes, kinds = random.normal(size=(1, 30, 3)).astype(f32), random.integers(0, 3, 30)
    scores = classification_metrics(probabilities(classes[0].astype(float)), kinds.astype(float))
    found = loss_values(
        make_objective("negative_accuracy", "classification"), classes, kinds.astype(f32)
    )

    assert found[0] == pytest.approx(-scores.accuracy)


def test_objectives_by_name() -> None:
    assert make_objective(None, "regression") == Objective(MSE)
    assert make_objective(None, "classification") == Objective(CROSS_ENTROPY)

    fitting = {
        "regression": {"mse", "mae", "huber"},
        "classification": {"cross_entropy", "zero_one"},
    }
    for task, names in fitting.items():
        for name in {*LOSS_NAMES, "rmse"} - {"negative_accuracy"}:
            if name in names:
                assert make_objective(name, task) == Objective(LOSSES[name])
            else:
                with pytest.raises(SettingsError, match=f"{name}.*{task}.*{sorted(names)[-1]}"):
                    make_objective(name, task)


def test_losses_are_registered_once_and_travel_to_workers() -> None:
    assert list(LOSSES) == ["mse", "mae", "huber", "cross_entropy", "zero_one"]
    assert list(LOSS_NAMES) == [*LOSSES, "negative_accuracy"]
    numbers = [loss.kernel_number for loss in LOSSES.values()]
    assert len(set(numbers)) == len(numbers)
    for name, loss in LOSSES.items():
        assert loss.name == name
        objective = Objective(loss, 2.0, -1.0)
        assert pickle.loads(pickle.dumps(objective)) == objective


# Scores


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(2, 60), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_regression_scores(seed, rows, offset, size) -> None:
    random = np.random.default_rng(seed)
    target = offset + size * random.normal(size=rows)
    predicted = target + size * random.normal(size=rows)
    found = regression_metrics(predicted, target)
    mae = theirs.mean_absolute_error(target, predicted)

    assert found.mae == pytest.approx(mae)
    assert found.rmse == pytest.approx(theirs.root_mean_squared_error(target, predicted))
    assert found.r2 == pytest.approx(theirs.r2_score(target, predicted), rel=1e-9, abs=1e-9)
    assert found.accuracy == pytest.approx(
        100 * (1 - mae / np.mean(np.abs(target))), rel=1e-9, abs=1e-9
    )
    assert (found.balanced_accuracy, found.macro_f1, found.log_loss) == (None, None, None)
    assert regression_metrics(target, target).to_dict() == {
        "accuracy": 100,
        "mae": 0,
        "rmse": 0,
        "r2": 1,
    }


def test_accuracy_of_regression_is_as_the_design_says() -> None:
    """100 (1 - MAE / mean |y|), which is negative when errors are larger than targets."""
    assert regression_metrics(
        np.array([1.0, -2, 3]), np.array([1.0, -4, 5])
    ).accuracy == pytest.approx(60)
    assert regression_metrics(np.array([10.0, 10]), np.array([1.0, -1])).accuracy == pytest.approx(
        -900
    )
    assert regression_metrics(np.array([3.0, 3]), np.array([2.0, 2])).r2 == 0


def test_scores_are_sums_without_rounding() -> None:
    """The order of rows changes no bit of a sum of many different sizes."""
    random = np.random.default_rng(0)
    target = random.normal(size=500) * 10.0 ** random.integers(-8, 8, 500)
    predicted, chances = 1.1 * target, probabilities(random.normal(size=(500, 3)))
    kinds = random.integers(0, 3, 500).astype(float)

    for _ in range(10):
        order = random.permutation(500)
        found, expected = (
            regression_metrics(predicted[rows], target[rows]) for rows in (order, np.arange(500))
        )
        assert (found.mae, found.rmse, found.accuracy) == (
            expected.mae,
            expected.rmse,
            expected.accuracy,
        )
        assert classification_metrics(chances, kinds) == classification_metrics(
            chances[order], kinds[order]
        )


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_predictions_that_are_not_finite_have_no_scores(bad) -> None:
    assert regression_metrics(np.array([1.0, bad]), np.array([1.0, 2.0])) is None
    if not math.isfinite(bad):
        assert (
            classification_metrics(np.array([[0.5, 0.5], [bad, 0.5]]), np.array([0.0, 1.0])) is None
        )


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(1, 60), st.integers(2, 6))
def test_classification_scores(seed, rows, classes) -> None:
    random = np.random.default_rng(seed)
    scores = random.normal(size=(rows, classes)) * 3
    target = random.integers(
        0, random.integers(1, classes + 1), rows
    )  # often without some of the classes
    chances = probabilities(scores)

    assert chances == pytest.approx(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))

    found, chosen = classification_metrics(chances, target.astype(float)), chances.argmax(axis=1)
    assert found.accuracy == pytest.approx(100 * theirs.accuracy_score(target, chosen))

    present = sorted(set(target.tolist()))
    recalls = theirs.recall_score(target, chosen, labels=present, average=None, zero_division=0)
    assert found.balanced_accuracy == pytest.approx(recalls.mean())
    assert found.macro_f1 == pytest.approx(
        theirs.f1_score(target, chosen, average="macro", zero_division=0)
    )
    assert found.log_loss == pytest.approx(
        theirs.log_loss(target, chances, labels=range(classes)), rel=1e-9
    )
    assert (found.mae, found.rmse, found.r2) == (None, None, None)


def test_probabilities_of_extreme_scores() -> None:
    found = probabilities(np.array([[1e300, -1e300], [0, -800], [5, 5]]))
    assert found.tolist() == [[1, 0], [1, 0], [0.5, 0.5]]
    wrong = classification_metrics(found, np.array([1.0, 1, 1]))
    assert wrong.log_loss == pytest.approx((2 * -math.log(1e-15) + math.log(2)) / 3)
    # The tie goes to the first class.
    assert wrong.accuracy == 0


# Weights of rows


def _weighted_case(seed: int, rows: int) -> tuple[np.ndarray, ...]:
    """Amounts, chances of three classes, both targets, and weights above 0."""
    random = np.random.default_rng(seed)
    target = 3 + random.normal(size=rows)
    predicted = target + random.normal(size=rows)
    chances = probabilities(random.normal(size=(rows, 3)))
    kinds = random.integers(0, 3, rows).astype(float)
    weight = random.uniform(0.01, 5, rows).astype(np.float32)
    return predicted, target, chances, kinds, weight


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(2, 60))
def test_weighted_scores_are_those_of_scikit_learn(seed, rows) -> None:
    predicted, target, chances, kinds, weight = _weighted_case(seed, rows)
    found = regression_metrics(predicted, target, weight)
    mae = theirs.mean_absolute_error(target, predicted, sample_weight=weight)
    assert found.mae == pytest.approx(mae)
    assert found.rmse == pytest.approx(
        theirs.root_mean_squared_error(target, predicted, sample_weight=weight)
    )
    assert found.r2 == pytest.approx(
        theirs.r2_score(target, predicted, sample_weight=weight), rel=1e-6, abs=1e-6
    )
    size = np.average(np.abs(target), weights=weight)
    assert found.accuracy == pytest.approx(100 * (1 - mae / size), rel=1e-6, abs=1e-6)

    found, chosen = classification_metrics(chances, kinds, weight), chances.argmax(axis=1)
    assert found.accuracy == pytest.approx(
        100 * theirs.accuracy_score(kinds, chosen, sample_weight=weight)
    )
    assert found.macro_f1 == pytest.approx(
        theirs.f1_score(kinds, chosen, average="macro", zero_division=0, sample_weight=weight)
    )
    assert found.log_loss == pytest.approx(
        theirs.log_loss(kinds, chances, labels=range(3), sample_weight=weight), rel=1e-6
    )
    present = np.unique(kinds)
    recalls = theirs.recall_score(
        kinds, chosen, labels=present, average=None, zero_division=0, sample_weight=weight
    )
    assert found.balanced_accuracy == pytest.approx(recalls.mean())


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(2, 40), st.integers(2, 4), st.booleans())
def test_scores_of_several_targets_are_means_over_targets(seed, rows, targets, weighted) -> None:
    random = np.random.default_rng(seed)
    target = random.normal(size=(rows, targets)) * 10.0 ** np.arange(targets)
    predicted = target + random.normal(size=(rows, targets))
    weight = None
    if weighted:
        weight = random.uniform(0.1, 3, rows).astype(np.float32)
    found = regression_metrics(predicted, target, weight)
    alone = [
        regression_metrics(predicted[:, column], target[:, column], weight)
        for column in range(targets)
    ]
    for name in ("accuracy", "mae", "rmse", "r2"):
        assert found[name] == math.fsum(own[name] for own in alone) / targets

    # As scikit-learn averages.
    for name, score in (
        ("mae", theirs.mean_absolute_error),
        ("rmse", theirs.root_mean_squared_error),
        ("r2", theirs.r2_score),
    ):
        assert found[name] == pytest.approx(
            score(target, predicted, sample_weight=weight), rel=1e-6, abs=1e-6
        )
    predicted[-1, 1] = math.nan
    assert regression_metrics(predicted, target, weight) is None


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(2, 40), st.sampled_from([0.5, 1.0, 3.0, 1e30, 1e-30]))
def test_a_weight_says_how_many_rows_a_row_is(seed, rows, size) -> None:
    predicted, target, chances, kinds, _ = _weighted_case(seed, rows)
    copies = np.random.default_rng(seed).integers(0, 4, rows)
    copies[0] = 1
    weight = (copies * size).astype(np.float32)
    expected = regression_metrics(np.repeat(predicted, copies), np.repeat(target, copies)).to_dict()

    assert regression_metrics(predicted, target, weight).to_dict() == pytest.approx(
        expected, rel=1e-9, abs=1e-6
    )

    expected = classification_metrics(
        np.repeat(chances, copies, axis=0), np.repeat(kinds, copies)
    ).to_dict()
    assert classification_metrics(chances, kinds, weight).to_dict() == pytest.approx(expected)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.integers(2, 60), st.sampled_from([1.0, 0.3, 3e38, 1e-38]))
def test_weights_that_are_all_alike_change_no_bit(seed, rows, size) -> None:
    predicted, target, chances, kinds, _ = _weighted_case(seed, rows)
    weight = np.full(rows, size, np.float32)
    assert regression_metrics(predicted, target, weight) == regression_metrics(predicted, target)
    assert classification_metrics(chances, kinds, weight) == classification_metrics(chances, kinds)

    order = np.random.default_rng(seed).permutation(rows)
    weight = np.random.default_rng(seed).uniform(1, 2, rows).astype(np.float32)
    assert classification_metrics(chances, kinds, weight) == classification_metrics(
        chances[order], kinds[order], weight[order]
    )
