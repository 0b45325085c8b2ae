"""What the simplest methods reach where a search is judged, against scikit-learn itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import mean_absolute_error
from sklearn.preprocessing import StandardScaler

from shoal.analysis import simple_methods as module
from shoal.analysis.simple_methods import simple_methods
from shoal.data import Preset, load_dataset
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings


def problem(frame: pd.DataFrame, target: str, preset: Preset = "modern") -> TableProblem:
    settings = SearchSettings.parse({"preset": preset})
    return TableProblem(load_dataset(frame, target=target, preset=preset), settings)


def numbers(rows: int = 200, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    y = 10.0 + x @ [1.0, -2.0, 0.5] + random.normal(size=rows)
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(y=y)


def scores_of(problem: TableProblem) -> dict[str, float]:
    return {line.label: line.score for line in simple_methods(problem)}


def test_lines_of_a_regression_are_means_over_the_folds() -> None:
    whole = problem(numbers(), "y")
    data = whole.dataset

    wanted: dict[str, list[float]] = {"Constant": [], "Linear model": []}
    for fold in range(data.options.folds):
        train, held_out = data.parts(fold)
        assert held_out is not None
        models = {"Constant": DummyRegressor(), "Linear model": LinearRegression()}
        for name, model in models.items():
            model.fit(train.x, train.target)
            error = mean_absolute_error(held_out.target, model.predict(held_out.x))
            wanted[name].append(100.0 * (1.0 - error / np.abs(held_out.target).mean()))

    got = scores_of(whole)
    assert got == pytest.approx(
        {name: np.mean(scores) for name, scores in wanted.items()}, abs=1e-4
    )


def test_lines_of_classes_are_percent_right() -> None:
    frame = numbers()
    frame["y"] = np.where(frame["y"] > 10.5, "yes", "no")
    whole = problem(frame, "y")
    data = whole.dataset

    wanted: dict[str, list[float]] = {"Constant": [], "Linear model": []}
    for fold in range(data.options.folds):
        train, held_out = data.parts(fold)
        assert held_out is not None
        scaler = StandardScaler().fit(train.x)
        models = {"Constant": DummyClassifier(), "Linear model": LogisticRegression(max_iter=1000)}
        for name, model in models.items():
            model.fit(scaler.transform(train.x), train.target)
            score = model.score(scaler.transform(held_out.x), held_out.target)
            wanted[name].append(100.0 * score)

    got = scores_of(whole)
    # A row beside the border may fall to the other side by single precision.
    assert got == pytest.approx({k: np.mean(v) for k, v in wanted.items()}, abs=0.6)


def test_without_rows_that_validate_the_training_rows_count() -> None:
    whole = problem(numbers(), "y", "classic")
    train, held_out = whole.dataset.parts(0)
    assert held_out is None
    error = np.abs(train.target - train.target.mean()).mean()
    wanted = 100.0 * (1.0 - error / np.abs(train.target).mean())
    assert scores_of(whole)["Constant"] == pytest.approx(wanted)


def test_a_method_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(kind: str, *_: object) -> float:
        if kind == "linear":
            raise ValueError("singular")
        return 50.0

    monkeypatch.setattr(module, "score_of_simple_method", fails)
    assert scores_of(problem(numbers(40), "y")) == {"Constant": 50.0}
