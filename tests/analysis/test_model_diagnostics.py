"""What a champion predicts for the test rows: figures against scikit-learn's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics

from shoal.analysis.champion_rows import ChampionRows
from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.analysis.diagnostics import diagnostics
from shoal.analysis.number_diagnostics import NumberDiagnostics
from support.champions import champion_of_table, customers


@pytest.fixture(scope="module")
def leavers() -> ChampionRows:
    return champion_of_table(customers(), "left", drop="paid")


def _classes(champion: ChampionRows) -> ClassDiagnostics:
    found = diagnostics(champion)
    assert isinstance(found, ClassDiagnostics)
    return found


def test_curves_have_scikit_learns_areas(leavers: ChampionRows) -> None:
    found = _classes(leavers)
    (curve,) = found.curves
    assert curve.name == "yes"
    given = found.probabilities[:, 1]
    is_yes = leavers.part.target == 1
    assert curve.roc_auc == pytest.approx(metrics.roc_auc_score(is_yes, given))
    assert curve.roc_auc == found.roc_auc > 0.7
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert curve.roc_auc == pytest.approx(area)
    steps = -np.sum(np.diff(curve.recall) * curve.precision[:-1])
    assert curve.average_precision == pytest.approx(steps)
    assert curve.share == pytest.approx(is_yes.mean())


def test_confusion_and_classes_follow_the_threshold(leavers: ChampionRows) -> None:
    found = _classes(leavers)
    true = leavers.part.target.astype(int)
    for threshold in (None, 0.2, 0.7):
        decided = found.probabilities[:, 1] > (0.5 if threshold is None else threshold)
        counts = metrics.confusion_matrix(true, decided.astype(int))
        assert (found.confusion(threshold).to_numpy() == counts).all()

        table = found.per_class(threshold)
        assert table.loc["yes", "f1"] == pytest.approx(metrics.f1_score(true, decided))
        assert table.loc["no", "recall"] == pytest.approx(
            metrics.recall_score(true, decided, pos_label=0)
        )
        assert table["support"].sum() == len(true)


def test_scores_at_each_threshold_are_those_of_its_decisions(leavers: ChampionRows) -> None:
    found = _classes(leavers)
    table = found.by_threshold
    assert table is not None
    true = leavers.part.target.astype(int)
    decided = found.probabilities[:, 1] > 0.3
    row = table.loc[0.3]
    assert row["accuracy"] == pytest.approx(100 * np.mean(decided == true))
    assert row["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(true, decided))
    assert row["precision"] == pytest.approx(metrics.precision_score(true, decided))
    assert row["mcc"] == pytest.approx(metrics.matthews_corrcoef(true, decided))
    assert row["macro_f1"] == pytest.approx(metrics.f1_score(true, decided, average="macro"))
    assert table.loc[0.5, "accuracy"] == pytest.approx(found.score)
    assert found.threshold_metrics[0].name == "accuracy"


def test_a_cost_of_decisions_is_known_at_each_threshold() -> None:
    objective = {"name": "cost_matrix", "options": {"false_negative": 5.0}}
    found = _classes(champion_of_table(customers(), "left", drop="paid", objective=objective))
    table = found.by_threshold
    assert table is not None
    decided = found.probabilities[:, 1] > 0.2
    missed = np.sum(~decided & (found.target == 1))
    alarms = np.sum(decided & (found.target == 0))
    expected = (5 * missed + alarms) / found.rows
    assert table.loc[0.2, "cost_matrix"] == pytest.approx(expected)
    assert found.threshold_metrics[0].name == "cost_matrix"
    assert table.loc[0.5, "cost_matrix"] == pytest.approx(found.score)


def test_a_metric_of_probabilities_has_no_threshold() -> None:
    found = _classes(champion_of_table(customers(), "left", drop="paid", metric="log_loss"))
    assert found.by_threshold is not None
    assert "log_loss" not in found.by_threshold
    assert found.threshold_metrics[0].name == "accuracy"


def test_the_runs_own_metric_is_among_them() -> None:
    found = _classes(champion_of_table(customers(), "left", drop="paid", metric="macro_f1"))
    table = found.by_threshold
    assert table is not None
    true = found.target
    decided = found.probabilities[:, 1] > 0.25
    expected = metrics.f1_score(true, decided, average="macro")
    assert table.loc[0.25, "macro_f1"] == pytest.approx(expected)


def test_calibration_is_scikit_learns(leavers: ChampionRows) -> None:
    found = _classes(leavers)
    (own,) = found.calibration
    given = found.probabilities[:, 1]
    assert own.brier == pytest.approx(np.mean((given - found.target) ** 2))
    assert len(own.predicted) == len(own.happened) == 10
    assert own.predicted.mean() == pytest.approx(given.mean(), abs=0.02)


def test_rows_count_by_their_weight() -> None:
    frame = customers()
    frame["weight"] = np.where(frame["plan"] == "pro", 3.0, 1.0)
    found = _classes(champion_of_table(frame, "left", drop="paid", weight="weight"))
    weight = found.weight
    assert weight is not None
    decided = found.probabilities.argmax(axis=1)
    expected = metrics.recall_score(found.target, decided, sample_weight=weight)
    assert found.per_class().loc["yes", "recall"] == pytest.approx(expected)
    own = metrics.roc_auc_score(found.target, found.probabilities[:, 1], sample_weight=weight)
    assert found.roc_auc == pytest.approx(own)


def test_several_classes_have_a_curve_each() -> None:
    found = _classes(champion_of_table(customers(), "plan", drop=["left", "since"]))
    assert [curve.name for curve in found.curves] == ["basic", "plus", "pro"]
    assert found.by_threshold is None
    assert found.confusion().shape == (3, 3)
    areas = metrics.roc_auc_score(found.target, found.probabilities, multi_class="ovr")
    assert found.roc_auc == pytest.approx(areas)
    assert json.loads(json.dumps(found.to_dict()))["rows"] == found.rows


def test_numbers_have_their_errors_by_range() -> None:
    champion = champion_of_table(customers().dropna(), "paid", drop="left", metric="rmse")
    found = diagnostics(champion)
    assert isinstance(found, NumberDiagnostics)
    (own,) = found.targets
    true, predicted = own.target, own.predicted
    assert own.metrics.mae == pytest.approx(metrics.mean_absolute_error(true, predicted))
    assert own.metrics.r2 == pytest.approx(metrics.r2_score(true, predicted))
    assert own.metrics.rmse == pytest.approx(metrics.root_mean_squared_error(true, predicted))
    assert own.residuals == pytest.approx(predicted - true)

    ranges = own.ranges
    assert ranges["rows"].sum() == found.rows == len(true)
    first = ranges.iloc[0]
    inside = (true >= first["from"]) & (true <= first["to"])
    assert first["mae"] == pytest.approx(np.abs(predicted - true)[inside].mean())
    assert first["mean_error"] == pytest.approx((predicted - true)[inside].mean())
    # Ranges of about as many rows, one after another.
    assert (ranges["to"].to_numpy()[:-1] < ranges["from"].to_numpy()[1:]).all()
    assert json.loads(json.dumps(found.to_dict()))["targets"][0]["mae"] == own.metrics.mae
