"""Metrics: which score is better, and how scores are ranked across the levels of a race."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.errors import SettingsError
from shoal.objectives.registry import ACCURACY, METRICS, Metric, table_metric

COST = Metric("cost", "Cost", "minimize", "EUR")
GAIN = Metric("gain", "Gain", "maximize", "EUR")

scores = st.floats(allow_nan=False, allow_infinity=False)


@given(scores, scores)
def test_better_follows_the_direction(one: float, other: float) -> None:
    assert GAIN.better(one, other) == (one > other)
    assert COST.better(one, other) == (one < other)


@given(scores)
def test_a_fitness_gives_its_score_back(score: float) -> None:
    assert COST.score(COST.fitness(score)) == score
    assert GAIN.score(GAIN.fitness(score)) == score


@given(scores, scores, st.integers(0, 20))
def test_within_a_level_the_better_score_never_ranks_lower(
    one: float, other: float, level: int
) -> None:
    for metric in (COST, GAIN):
        first = metric.rank(metric.fitness(one), level)
        second = metric.rank(metric.fitness(other), level)
        if metric.better(one, other):
            assert first >= second


@pytest.mark.parametrize("metric", [COST, GAIN])
def test_neighbouring_scores_of_any_size_are_told_apart(metric: Metric) -> None:
    for score in (4.728, 13.731, -104.9, 500.0, 1e6, 1e-20, -1e-200, 1e300):
        near = score * (1 + 1e-9)
        assert metric.rank(metric.fitness(score), 8) != metric.rank(metric.fitness(near), 8)


@given(scores, scores, st.integers(0, 20))
def test_a_higher_level_ranks_higher_whatever_the_scores(
    one: float, other: float, level: int
) -> None:
    for metric in (COST, GAIN):
        lower = metric.rank(metric.fitness(one), level)
        higher = metric.rank(metric.fitness(other), level + 1)
        assert higher > lower


def test_what_failed_ranks_last_at_every_level() -> None:
    for metric in (ACCURACY, COST, GAIN):
        assert metric.rank(-math.inf, 7) == -math.inf


def test_accuracies_rank_as_in_the_first_versions() -> None:
    assert ACCURACY.rank(81.25, 3) == 3081.25


def test_a_metric_survives_its_record() -> None:
    for metric in (*METRICS.values(), COST):
        assert Metric.from_dict(metric.to_dict()) == metric


def test_a_metric_of_the_other_task_is_refused() -> None:
    assert table_metric(None, "regression") is ACCURACY
    assert table_metric("rmse", "regression").direction == "minimize"

    with pytest.raises(SettingsError, match=r"log_loss.*one of accuracy, mae, rmse, r2"):
        table_metric("log_loss", "regression")
