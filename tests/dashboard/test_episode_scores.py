"""The dots of a policy's test episodes, and what is said of them; no browser."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from hypothesis import given
from hypothesis import strategies as st

from shoal.analysis.known_scores import ReferenceScore
from shoal.dashboard.charts.episode import episode_chart, episode_data
from shoal.dashboard.charts.episode_scores import MOST_DOTS, episode_scores_chart, scores_data
from shoal.dashboard.components.episode_card import _notable, scores_text
from shoal.objectives.registry import Metric

COST = Metric("score", "Score", "minimize", "cost per period")
RETURN = Metric("score", "Score", "maximize", "return")
SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


def test_the_ticks_of_a_short_episode_are_whole_steps() -> None:
    chart = episode_chart(episode_data({"action": [0.5, -0.5]}), "Action")
    assert '"tickMinStep": 1' in json.dumps(chart)


@given(SCORES)
def test_each_score_has_a_dot_of_its_own_inside_the_chart(scores: list[float]) -> None:
    frame = scores_data(scores)
    assert frame["score"].tolist() == scores
    assert frame["y"].abs().max() <= 1.0
    # No dot lies on another one, unless they belong to different columns.
    places = set(zip(frame["score"], frame["y"], strict=True))
    assert len(places) == len(scores)


def test_a_thousand_are_drawn_and_all_are_counted() -> None:
    scores = np.random.default_rng(0).normal(size=4000).tolist()
    assert len(scores_data(scores)) == MOST_DOTS
    assert "4,000 scenarios" in scores_text(scores, COST)
    assert "The first 1,000 are drawn." in scores_text(scores, COST)


def test_equal_scores_stand_in_one_column() -> None:
    frame = scores_data([500.0] * 9)
    assert sorted(frame["y"]) == pytest.approx(np.linspace(-8 / 9, 8 / 9, 9))
    assert "All scores are equal." in scores_text([500.0] * 9, RETURN)
    assert _notable([500.0] * 9, RETURN) == {}
    json.dumps(episode_scores_chart(frame, [500.0] * 9, RETURN), allow_nan=False)


def test_the_mean_the_interval_and_what_others_reach() -> None:
    scores = [1.0, 2.0, 3.0, 6.0]
    others = (
        ReferenceScore("optimum", 1.5, "value iteration", None),
        ReferenceScore("far", 90.0, "elsewhere", None),
    )
    chart = episode_scores_chart(scores_data(scores), scores, COST, others)
    _, rule, interval, centre = chart["layer"]

    assert rule["data"]["values"] == [{"score": 1.5}]

    (values,) = centre["data"]["values"]
    assert values["score"] == 3.0
    assert values["low"] < 1.0, "Student's interval of four values is wide"
    assert values["high"] > 5.0
    assert interval["data"]["values"] == [values]

    legend = chart["usermeta"]["legend"]
    assert "optimum: 1.5" in legend
    assert "far" not in legend, "it lies beyond the axis"


def test_the_best_is_the_best_in_the_metrics_direction() -> None:
    scores = [5.0, 1.0, math.nan, 3.0]
    assert _notable(scores, COST) == {"The worst": 0, "The middle one": 3, "The best": 1}
    assert _notable(scores, RETURN) == {"The worst": 1, "The middle one": 3, "The best": 0}
    assert "the best is 1, the worst 5" in scores_text([5.0, 1.0, 3.0], COST)
    assert "the best is 5, the worst 1" in scores_text([5.0, 1.0, 3.0], RETURN)
