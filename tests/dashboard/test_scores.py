"""Charts of scores follow the metric: its words, its unit and its direction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shoal.analysis.comparable_scores import floored_scores
from shoal.analysis.gene_features import gene_features
from shoal.dashboard.charts.compare import best_range
from shoal.dashboard.charts.gene_pairs import pair_chart, pair_data, parallel_data
from shoal.dashboard.charts.gene_slices import floored_shape
from shoal.dashboard.charts.history import beyond_axis_text, history_chart, score_range
from shoal.dashboard.charts.loss_axis import SHOWN, has_place, loss_channel, with_shown
from shoal.dashboard.charts.scores import (
    column_title,
    least_width,
    score_format,
    score_title,
    tick_labels,
    vega_format,
)
from shoal.genome.genome import Genome
from shoal.objectives.registry import ACCURACY, METRICS, Metric

COST = Metric("score", "Score", "minimize", "cost per period")
STEPS = Metric("score", "Score", "maximize", "steps")
# The same scores with the sign turned are as good by this one.
REWARD = Metric("score", "Score", "maximize", "cost per period")


def test_words_and_formats_of_a_metric() -> None:
    assert score_title(ACCURACY) == "Accuracy (%)"
    assert score_title(COST, "Best") == "Best score (cost per period)"
    assert score_title(METRICS["r2"]) == "R²"
    assert [column_title("Search", metric) for metric in (ACCURACY, COST, None)] == [
        "Search (%)",
        "Search",
        "Search",
    ]
    assert (score_format(ACCURACY), score_format(COST)) == (".2f", ".5g")
    assert (vega_format(ACCURACY), vega_format(COST)) == (".2f", ".5~g")
    assert tick_labels(ACCURACY) and not tick_labels(COST)
    assert least_width(ACCURACY, 90.0) == 1.0
    assert least_width(COST, 0.0) > 0.0


def history(best: list[float], average: list[float]) -> pd.DataFrame:
    generation = np.arange(1, len(best) + 1)
    columns = {"generation": generation, "best": best, "average": average}
    empty = dict.fromkeys(("low", "high", "q1", "q3"), np.nan)
    return pd.DataFrame({**columns, **empty, "repeats": 1})


def test_the_axis_of_costs_is_that_of_rewards_upside_down() -> None:
    costs = history([6.0, 5.2, 4.8], [400.0, 9.0, 6.0])
    low, high = score_range(costs, COST)
    turned = history([-6.0, -5.2, -4.8], [-400.0, -9.0, -6.0])
    assert (-high, -low) == pytest.approx(score_range(turned, REWARD), abs=0.2)
    assert low < 4.8 and 6.0 < high < 100.0

    assert beyond_axis_text(costs, COST) == "1 average lies above the axis, the highest at 400"
    assert beyond_axis_text(turned, REWARD) == "1 average lies below the axis, the lowest at -400"


def test_accuracies_keep_the_words_that_they_had() -> None:
    frame = history([80.0, 90.0], [-300.0, 85.0])
    assert beyond_axis_text(frame) == "1 average lies below the axis, the lowest at -300 %"
    assert '"Accuracy (%)"' in str(history_chart(frame)).replace("'", '"')
    assert "Root mean squared error" in str(history_chart(frame, metric=METRICS["rmse"]))


def test_a_comparison_shows_where_costs_end() -> None:
    curves = pd.DataFrame(
        {
            "run": [1, 1, 1, 2, 2, 2],
            "best": [500.0, 6.0, 5.0, 300.0, 5.5, 4.9],
            "low": np.nan,
            "high": np.nan,
        }
    )
    low, high = best_range(curves, COST)
    assert low < 4.9 and high > 5.5

    turned = curves.assign(best=-curves["best"])
    assert (-high, -low) == pytest.approx(best_range(turned, REWARD))


@pytest.fixture
def genomes() -> pd.DataFrame:
    """Forty genomes: the larger the jump size, the larger the score."""
    rows = []
    for place, jump in enumerate(np.geomspace(0.01, 1.0, 40)):
        genome = Genome(jump_size=float(jump), inertia_weight=0.5 + 0.01 * place)
        rows.append({**genome.to_dict(), "hidden_layers": genome.hidden_layers, "score": jump})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("metric", [COST, STEPS], ids=["smaller", "larger"])
def test_the_best_are_drawn_last_brightest_and_emphasised(
    genomes: pd.DataFrame, metric: Metric
) -> None:
    scores = floored_scores(genomes["score"], metric)
    features = {feature.name: feature for feature in gene_features(genomes)}
    one = features["jump_size"]
    other = features["inertia_weight"]
    best = int(np.argmax(metric.fitness(1.0) * scores.values))

    frame = pair_data(one, other, scores, best)
    assert (np.diff(metric.fitness(1.0) * frame["score"]) >= 0).all()
    assert bool(frame["champion"].iloc[-1])

    dots = pair_chart(frame, one, other, None, metric=metric)["layer"][0]
    ends = dots["encoding"]["color"]["scale"]["domain"]
    assert metric.better(ends[-1], ends[0]), "the last colour is that of the best"

    lines = parallel_data([one, other], scores)
    drawn = lines.dimensions[-1].values
    assert metric.better(drawn[lines.best][0], np.median(drawn))


def test_triangles_point_to_what_is_worse() -> None:
    assert floored_shape(ACCURACY)["condition"]["value"] == "triangle-down"
    assert floored_shape(COST)["condition"]["value"] == "triangle-up"


def test_losses_of_simulations_are_shown_as_scores() -> None:
    losses = pd.DataFrame({"loss": [-12.0, -480.0, -500.0]})
    assert with_shown(losses, STEPS)[SHOWN].tolist() == [12.0, 480.0, 500.0]
    costs = pd.DataFrame({"loss": [8.0, 5.0, 4.8]})
    assert with_shown(costs, COST)[SHOWN].tolist() == [8.0, 5.0, 4.8]

    # A loss below 0 has no place on the logarithmic axis of a table's losses.
    assert has_place(-5.0, STEPS) and not has_place(-5.0, None)
    assert loss_channel(with_shown(costs, COST), "Loss", COST)["axis"]["title"] == (
        "Score (cost per period)"
    )
    assert loss_channel(with_shown(costs, None), "Loss", None)["scale"]["type"] == "log"
