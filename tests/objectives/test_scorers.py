"""scikit-learn's scorers as objectives, against scikit-learn's functions."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn import metrics as theirs
from sklearn.metrics import get_scorer_names

from shoal.errors import ObjectiveError
from shoal.objectives.definition import TableObjective
from shoal.objectives.metrics import classification_metrics, regression_metrics
from shoal.objectives.registry import METRICS
from shoal.objectives.scorers import SCORER_NAMES, is_scorer, sklearn_objective

# Scorers that are for something else than one amount or one class a row, and two that have no value
# for a perfect prediction.
NOT_OF_TABLES = {
    "adjusted_mutual_info_score",
    "adjusted_rand_score",
    "completeness_score",
    "f1_samples",
    "fowlkes_mallows_score",
    "homogeneity_score",
    "jaccard_samples",
    "mutual_info_score",
    "neg_negative_likelihood_ratio",
    "normalized_mutual_info_score",
    "positive_likelihood_ratio",
    "precision_samples",
    "rand_score",
    "recall_samples",
    "v_measure_score",
}
ROWS = 60


def asked(objective: TableObjective) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of three networks and a target, as this objective is handed them."""
    random = np.random.default_rng(7)
    if objective.task == "regression":
        return random.exponential(size=(3, ROWS)), random.exponential(size=ROWS)

    classes = objective.classes or 3
    y = random.integers(0, classes, ROWS).astype(float)
    if objective.outputs == "decision":
        return random.integers(0, classes, (3, ROWS)), y
    if objective.outputs == "score":
        return random.normal(size=(3, ROWS)), y
    return random.dirichlet(np.ones(classes), (3, ROWS)), y


EACH = pytest.mark.parametrize("name", SCORER_NAMES)


def test_every_scorer_of_a_table_is_there() -> None:
    """A new scikit-learn may have more; then they want a line in `scorers`."""
    own = {name.removeprefix("neg_") for name in set(get_scorer_names()) - NOT_OF_TABLES}

    assert own <= set(SCORER_NAMES)
    # Some came with scikit-learn 1.8.
    assert set(SCORER_NAMES) - own <= {"d2_brier_score", "d2_log_loss_score"}


@EACH
def test_it_says_what_it_is(name) -> None:
    objective = sklearn_objective(name)
    metric = objective.metric

    assert metric.name == name
    assert metric.label[0].isupper()
    assert "_" not in metric.label
    assert metric.task == objective.task
    if name in METRICS:
        assert metric == METRICS[name] or metric.task == "classification"
        assert (metric.direction, metric.unit) == (METRICS[name].direction, METRICS[name].unit)


@EACH
def test_a_network_has_the_same_value_alone_and_in_single_precision(name) -> None:
    objective = sklearn_objective(name)
    outputs, y = asked(objective)

    together = objective.values(outputs, y)

    assert np.isfinite(together).all()
    for p in range(3):
        assert objective.values(outputs[p : p + 1], y).tolist() == [together[p]]
    if outputs.dtype == np.float64:
        single = objective.values(outputs.astype(np.float32), y)
        np.testing.assert_allclose(single, together, rtol=1e-4, atol=1e-6)


@EACH
def test_no_noise_is_better_than_the_target(name) -> None:
    objective = sklearn_objective(name)
    outputs, y = asked(objective)
    perfect = y[None]
    if objective.outputs == "probability":
        perfect = np.eye(3)[y.astype(int)][None]

    best = objective.sign * objective.values(perfect, y)[0]

    assert (best <= objective.sign * objective.values(outputs, y)).all()


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("neg_mean_absolute_error", theirs.mean_absolute_error),
        ("r2", theirs.r2_score),
        ("neg_root_mean_squared_error", theirs.root_mean_squared_error),
        ("neg_mean_poisson_deviance", theirs.mean_poisson_deviance),
        ("f1_macro", lambda y, out: theirs.f1_score(y, out, average="macro")),
        ("matthews_corrcoef", theirs.matthews_corrcoef),
        ("precision", theirs.precision_score),
        ("roc_auc", theirs.roc_auc_score),
        ("average_precision", theirs.average_precision_score),
        ("neg_log_loss", theirs.log_loss),
        ("roc_auc_ovr", lambda y, out: theirs.roc_auc_score(y, out, multi_class="ovr")),
        ("accuracy", lambda y, out: 100.0 * theirs.accuracy_score(y, out)),
    ],
)
def test_values_are_those_of_scikit_learn_s_functions(name, function) -> None:
    objective = sklearn_objective(name)
    outputs, y = asked(objective)

    values = objective.values(outputs, y)

    assert values.tolist() == pytest.approx([function(y, own) for own in outputs], rel=1e-12)


def test_what_shoal_has_a_metric_for_has_the_same_value() -> None:
    outputs, y = asked(sklearn_objective("log_loss"))
    own = classification_metrics(outputs[0], y)
    assert sklearn_objective("log_loss").values(outputs, y)[0] == pytest.approx(own.log_loss)
    decided = outputs.argmax(axis=2)
    assert sklearn_objective("accuracy").values(decided, y)[0] == pytest.approx(own.accuracy)

    outputs, y = asked(sklearn_objective("r2"))
    own = regression_metrics(outputs[0], y)
    assert sklearn_objective("r2").values(outputs, y)[0] == pytest.approx(own.r2)


def test_the_sign_of_a_name_is_its_direction() -> None:
    loss = sklearn_objective("neg_mean_absolute_error")

    assert loss.name == "mean_absolute_error"
    assert loss.direction == "minimize"
    assert loss.values(np.array([[1.0, 4.0]]), np.array([2.0, 2.0])).tolist() == [1.5]
    assert sklearn_objective("mean_absolute_error").metric == loss.metric
    assert not is_scorer("neg_r2")


def test_outputs_that_a_scorer_refuses_have_no_value() -> None:
    deviance = sklearn_objective("neg_mean_poisson_deviance")
    outputs = np.array([[1.0, 2.0], [-1.0, 2.0], [np.nan, 2.0], [1.0, np.inf]])

    values = deviance.values(outputs, np.array([1.0, 2.0]))

    assert values[0] == 0.0
    assert np.isnan(values[1:]).all()


def test_a_target_that_a_scorer_refuses_is_an_error() -> None:
    deviance = sklearn_objective("neg_mean_gamma_deviance")

    with pytest.raises(ObjectiveError, match="neg_mean_gamma_deviance refuses the target"):
        deviance.values(np.array([[-1.0, 1.0]]), np.array([-1.0, 2.0]))


def test_warnings_of_thousands_of_networks_are_not_shown() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = sklearn_objective("precision").values(np.zeros((1, 3), int), np.array([0, 1, 1]))

    assert values.tolist() == [0.0]


def test_a_scorer_of_the_wrong_kind_is_refused() -> None:
    for name in NOT_OF_TABLES & set(get_scorer_names()):
        assert not is_scorer(name)
        with pytest.raises(ObjectiveError, match="for clusterings, for several labels"):
            sklearn_objective(name)

    with pytest.raises(ObjectiveError, match=r"no scorer 'roc'\. Expected: one of accuracy"):
        sklearn_objective("roc")


def test_an_older_scikit_learn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_scorer(name: str) -> None:
        raise ValueError(name)

    monkeypatch.setattr("shoal.objectives.scorer_calls.get_scorer", no_such_scorer)

    with pytest.raises(ObjectiveError, match="no scorer 'r2'") as caught:
        sklearn_objective("r2").values(np.zeros((1, 2)), np.zeros(2))

    assert caught.value.remedy == "pip install --upgrade scikit-learn"


def test_it_goes_to_other_processes() -> None:
    objective = pickle.loads(pickle.dumps(sklearn_objective("roc_auc")))

    assert objective.values(np.array([[0.0, 1.0]]), np.array([0, 1])).tolist() == [1.0]
