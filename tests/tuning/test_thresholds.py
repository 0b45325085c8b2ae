"""Thresholds that the rivals of an objective of two classes are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal.problems.own_code import pin_settings
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.baselines import BaselineJob
from shoal.tuning.thresholds import shifted, tuned_shift, wants_threshold


def rare(rows: int = 400) -> shoal.Dataset:
    """One row of ten is of the second class, and nobody can be sure which."""
    random = np.random.default_rng(3)
    x = random.normal(size=(rows, 2))
    probability = 1.0 / (1.0 + np.exp(-(1.5 * x[:, 0] - 2.6)))
    y = np.where(random.uniform(size=rows) < probability, "yes", "no")
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    return shoal.load_dataset(frame, "y", folds=3)


def problem(**settings: object) -> TableProblem:
    values = pin_settings({"iterations": 5, **settings})
    return TableProblem(rare(), SearchSettings.parse(values))


@given(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=20), st.floats(-5.0, 5.0))
def test_a_shift_moves_the_threshold_and_keeps_the_order(ps: list[float], shift: float) -> None:
    second = np.array(ps)
    probabilities = np.stack([1.0 - second, second], axis=1)

    moved = shifted(probabilities, shift)

    np.testing.assert_allclose(moved.sum(axis=1), 1.0)
    np.testing.assert_allclose(shifted(moved, -shift), probabilities, rtol=1e-6, atol=1e-9)
    assert (np.diff(moved[np.argsort(second), 1]) >= 0).all()


def test_the_best_threshold_is_found() -> None:
    solved = problem(objective="f1")
    part = solved.dataset.train
    # Probabilities that are right but for a constant: a third is the best place to decide.
    second = np.where(part.target == 1, 0.4, 0.2)
    probabilities = np.stack([1.0 - second, second], axis=1)
    assert solved.metrics(probabilities, part)["f1"] == 0.0

    shift = tuned_shift(solved, probabilities, part)

    assert solved.metrics(shifted(probabilities, shift), part)["f1"] == 1.0


def test_no_threshold_is_tuned_where_none_matters() -> None:
    assert wants_threshold(problem(objective="f1"))
    assert wants_threshold(problem(metric="f1"))
    assert not wants_threshold(problem())
    assert not wants_threshold(problem(metric="balanced_accuracy"))


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_rivals_of_f1_decide_where_f1_is_best(kind: str) -> None:
    genome = shoal.Genome(hidden_layers=(4,))
    engine = get_engine("cpu")

    tuned = BaselineJob(kind, genome).run(problem(objective="f1"), engine)
    plain = BaselineJob(kind, genome).run(problem(), engine)

    assert "threshold tuned" in tuned.detail
    assert "threshold" not in plain.detail
    # More rows are called by their rare class, so that fewer are right.
    assert tuned.test.balanced_accuracy > plain.test.balanced_accuracy
    assert tuned.test["f1"] > 0.2
