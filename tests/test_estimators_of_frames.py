"""Estimators of DataFrames with words, dates, truth values and gaps."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import shoal
from shoal import Genome, SwarmClassifier, SwarmRegressor
from support.tables import mixed_table

GENOME = Genome(swarm_size=12, hidden_layers=(4,))
FEATURES = ["size", "count", "colour", "new", "place", "day"]


def table(rows: int = 80) -> pd.DataFrame:
    frame = mixed_table(rows)
    return frame.assign(day=pd.date_range("2020-01-01", periods=rows, freq="11D"))


def test_inputs_are_those_of_a_table_and_predictions_those_of_its_network() -> None:
    frame = table()
    model = SwarmRegressor(GENOME, iterations=20).fit(frame[FEATURES], frame["y"])
    assert model.feature_names_in_.tolist() == FEATURES
    assert model.n_features_in_ == len(FEATURES)

    # All rows train, and columns are never taken as logarithms.
    data = shoal.load_dataset(
        frame[[*FEATURES, "y"]],
        "y",
        test_fraction=0,
        validation_fraction=0,
        log_columns="none",
    )
    assert model.network_.layers[0] == data.inputs
    np.testing.assert_array_equal(model.encoder_.inputs(frame), data.train.x)
    outputs = model.network_.forward(model.weights_, data.train.x)[0][:, 0]
    expected = outputs * model.target_scale_ + model.target_mean_
    np.testing.assert_allclose(model.predict(frame[FEATURES]), expected, rtol=1e-6)


def test_columns_are_found_by_name_in_any_table() -> None:
    frame = table()
    model = SwarmClassifier(GENOME, iterations=20).fit(frame[FEATURES], frame["kind"])
    expected = model.predict_proba(frame[FEATURES])
    for other in (
        frame.iloc[:, ::-1],
        frame.set_index("colour"),
        frame[FEATURES].to_dict("list"),
        pickle.loads(pickle.dumps(frame)),
    ):
        np.testing.assert_array_equal(model.predict_proba(other), expected)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(frame), expected)
    np.testing.assert_array_equal(
        clone(model).fit(frame[FEATURES].to_dict("list"), frame["kind"]).predict_proba(frame),
        expected,
    )
    with pytest.raises(shoal.ShoalError, match=r"column 'colour' is missing.*What to do"):
        model.predict(frame.drop(columns="colour"))
    with pytest.warns(shoal.ShoalWarning, match=r"'colour': 1 cell .*'mauve'"):
        model.predict(frame.head(3).assign(colour=["red", "mauve", "blue, dark"]))


def test_plain_numbers_have_the_bits_of_an_array() -> None:
    frame = table()[["count", "place"]]
    y = table()["y"]
    of_array = SwarmRegressor(GENOME, iterations=20).fit(frame.to_numpy(), y)
    of_frame = SwarmRegressor(GENOME, iterations=20).fit(frame, y)
    assert of_array.encoder_ is None and of_frame.encoder_ is None
    np.testing.assert_array_equal(of_array.weights_, of_frame.weights_)
    assert of_frame.feature_names_in_.tolist() == ["count", "place"]

    # Whatever was fitted before.
    mixed = clone(of_array).fit(table()[FEATURES], y)
    mixed.fit(frame.to_numpy(), y)
    np.testing.assert_array_equal(mixed.weights_, of_array.weights_)
    assert not hasattr(mixed, "feature_names_in_") and mixed.n_features_in_ == 2


def test_rows_without_weight_are_as_if_absent() -> None:
    frame = table()
    weight = np.where(frame["colour"] == "red", 0.0, 1.0)
    weighted = SwarmRegressor(GENOME, iterations=20)
    weighted.fit(frame[FEATURES], frame["y"], sample_weight=weight)
    kept = frame[frame["colour"] != "red"]
    without = clone(weighted).fit(kept[FEATURES], kept["y"])
    np.testing.assert_array_equal(weighted.weights_, without.weights_)


def test_they_validate_by_folds_with_gaps_and_words() -> None:
    frame = table(120)
    score = cross_val_score(
        SwarmRegressor(GENOME, iterations=30), frame[FEATURES], 3 * frame["count"] + 5, cv=3
    )
    assert score.mean() > 0.5


def test_a_column_that_cannot_be_encoded_is_named() -> None:
    frame = table().assign(id=[f"customer {row}" for row in range(80)])
    frame = pd.concat([frame, frame.assign(id=frame["id"] + "x")])
    with pytest.raises(shoal.ShoalError, match=r"column 'id'.*What to do"):
        SwarmRegressor(GENOME).fit(frame[[*FEATURES, "id"]], frame["y"])
