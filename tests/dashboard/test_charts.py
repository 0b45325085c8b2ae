"""The chart of a run's history, and what charts in Vega-Lite share, without a browser."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shoal.analysis.simple_methods import ReferenceLine
from shoal.analysis.summary import Best
from shoal.dashboard.charts.history import (
    COLUMNS,
    HistoryMarks,
    beyond_axis_text,
    drawn_every,
    history_chart,
    history_data,
    score_range,
)
from shoal.dashboard.charts.vega import LegendEntry, Spec, steady_domain, vega_chart
from shoal.genome.genome import Genome
from shoal.numerics.stats import ci95
from shoal.objectives.metrics import Metrics, Scores
from shoal.presentation.palette import DARK, LIGHT
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task
from shoal.store import GenerationRecord

GENOME = Genome(swarm_size=20)


def evaluation(repeat: int, accuracy: float | None, genome: Genome = GENOME) -> Evaluation:
    if accuracy is None:
        return Evaluation(Task(genome, repeat), "failed", error="no")
    return Evaluation(Task(genome, repeat), "ok", Scores(Metrics(accuracy)))


def record(
    number: int, best: float | None, average: float | None, repeats: int = 1
) -> GenerationRecord:
    return GenerationRecord(
        GenerationSummary(number, GENOME, best, repeats, average, number), float(number), 0.0
    )


def framed(evaluations: list[Evaluation], generation: int = 1) -> pd.DataFrame:
    """As `EvaluationTable.frame` has them."""
    rows = [(e.task.genome.hash, e.task.repeat, generation, e.accuracy) for e in evaluations]
    frame = pd.DataFrame(rows, columns=["genome", "repeat", "generation", "score"])
    return frame.astype({"score": "float64", "repeat": "int64", "generation": "int64"})


def frame(best: list[float], average: list[float]) -> pd.DataFrame:
    return history_data(
        [record(i + 1, b, a) for i, (b, a) in enumerate(zip(best, average, strict=True))],
        framed([]),
    )


def test_history_bounds_the_best_by_the_repeats_that_counted_then() -> None:
    accuracies = [80.0, 82.0, 84.0, 90.0]
    evaluations = [evaluation(r, a) for r, a in reversed(list(enumerate(accuracies)))] + [
        evaluation(4, None)
    ]
    got = history_data(
        [record(1, 80.0, 70.0, 1), record(2, 82.0, 71.0, 3), record(3, None, None, 4)],
        framed(evaluations),
    )

    assert list(got.columns) == list(COLUMNS)
    assert got["generation"].tolist() == [1, 2, 3]
    assert np.isnan(got.loc[0, ["low", "high"]].astype(float)).all()
    assert (got.loc[1, "low"], got.loc[1, "high"]) == pytest.approx(ci95(accuracies[:3]))
    assert np.isnan(got.loc[2, "best"])
    assert got["repeats"].tolist() == [1, 3, 4]
    assert (got.loc[0, "q1"], got.loc[0, "q3"]) == (81.5, 85.5)
    assert np.isnan(got.loc[1, "q1"])


def test_an_empty_history_is_drawn() -> None:
    empty = history_data([], framed([]))
    assert len(empty) == 0
    assert score_range(empty) == (0.0, 100.0)
    assert [layer["mark"]["type"] for layer in history_chart(empty)["layer"]] == [
        "line",
        "line",
        "rule",
    ]
    assert beyond_axis_text(empty) == ""


def test_a_terrible_early_average_does_not_squash_the_rest() -> None:
    got = frame([60, 70, 75, 78, 80, 81], [-900, 20, 60, 66, 70, 72])
    low, high = score_range(got)
    assert 30 <= low < 60
    assert 81 < high < 85
    assert beyond_axis_text(got) == "2 averages lie below the axis, the lowest at -900 %"


def test_the_axis_shows_everything_when_nothing_is_terrible() -> None:
    low, high = score_range(frame([70, 80, 90], [60, 65, 70]))
    assert low < 60
    assert 90 < high <= 100.5
    assert beyond_axis_text(frame([70, 80, 90], [60, 65, 70])) == ""


@pytest.mark.parametrize(
    ("best", "average"),
    [([50.0], [-1e6]), ([-400.0, -300.0], [-1e9, -1e9]), ([100.0, 100.0], [100.0, 100.0])],
)
def test_the_axis_is_never_degenerate(best: list[float], average: list[float]) -> None:
    low, high = score_range(frame(best, average))
    assert np.isfinite([low, high]).all()
    assert low < min(best)
    assert max(best) < high
    assert high - low <= 400


def test_the_figure_says_its_units() -> None:
    got = history_data(
        [record(1, 80.0, 70.0, 2)], framed([evaluation(0, 79.9), evaluation(1, 80.1)])
    )
    figure = history_chart(got)
    names = ["Middle half of the trainings", "95 % interval of the best", "Average", "Best"]
    layers = dict(zip(names, figure["layer"][:-1], strict=True))

    assert re.findall(r"</i>([^<]+)", figure["usermeta"]["legend"]) == [
        "Best",
        "Average",
        *names[1::-1],
    ]

    drawn = [layers[name]["encoding"]["y"]["field"] for name in names]
    assert drawn == ["q1", "low", "average", "best"]
    assert layers["Best"]["encoding"]["y"]["axis"]["title"] == "Accuracy (%)"
    assert figure["data"]["values"][0]["spread"] == "± 1.27, 2 repeats"

    marks = [layers[name]["mark"] for name in ("Best", "Average")]
    assert "strokeDash" not in marks[0] and marks[1]["strokeDash"], "told apart without colour"

    json.dumps(figure, allow_nan=False)


def test_a_legend_is_text_with_the_look_of_its_marks() -> None:
    entries = [
        LegendEntry("<img onerror>", "#123456", dash=(7, 4)),
        LegendEntry("b", "#abcdef", "circle", hollow=True),
    ]
    legend = vega_chart(LIGHT, height=100, layers=[], legend=entries)["usermeta"]["legend"]
    assert "<img" not in legend and "&lt;img onerror&gt;" in legend
    assert "repeating-linear-gradient(90deg, #123456 0px 7px, transparent 7px 11px)" in legend
    assert '<i class="circle hollow" style="color: #abcdef"></i>b' in legend
    assert vega_chart(LIGHT, height=100, layers=[])["usermeta"]["legend"] == ""


@pytest.mark.parametrize(("generations", "each"), [(0, 1), (1, 1), (200, 1), (201, 2), (1000, 5)])
def test_of_many_generations_some_are_drawn_and_the_last_always(
    generations: int, each: int
) -> None:
    got = frame([80.0] * generations, [70.0] * generations)
    drawn = [row["generation"] for row in history_chart(got)["data"]["values"]]
    assert drawn_every(generations) == each
    assert len(drawn) <= 200
    assert drawn == list(range(generations, 0, -each))[::-1]


def test_light_and_dark_differ_and_stand_out() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    for palette in (LIGHT, DARK):
        back = luminance(palette.surface)
        for name in ("text", "muted", "best", "average"):
            light, dark = sorted((luminance(getattr(palette, name)), back), reverse=True)
            wanted = 4.5 if name in ("text", "muted") else 3.0
            assert (light + 0.05) / (dark + 0.05) >= wanted, (palette, name)
    dark_figure = history_chart(frame([1.0], [1.0]), dark=True)
    assert dark_figure["layer"][-2]["mark"]["color"] == DARK.best != LIGHT.best
    assert f"background: {DARK.best}" in dark_figure["usermeta"]["legend"]


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
@example(-5e-324, 40.0)
def test_a_steady_domain_holds_the_data_and_little_more(low: float, width: float) -> None:
    high = low + width
    first, last = steady_domain(low, high)
    rounding = 1e-12 * width
    room = (high - low) * (1 / 20 + 1e-9)
    assert low - room <= first <= low + rounding
    assert high - rounding <= last <= high + room


def test_a_steady_domain_stays_while_the_data_grow_a_little() -> None:
    assert len({steady_domain(0, last) for last in range(200, 300)}) == 11
    assert steady_domain(81.23, 86.64) == steady_domain(81.21, 86.71)


CHAMPION = Best(GENOME, 76.7, 3, (75.0, 78.4), generation=3, found=0.0)


def mark_layers(figure: Spec, shape: str) -> list[Spec]:
    return [layer for layer in figure["layer"] if layer["mark"].get("shape") == shape]


def test_the_champion_has_a_diamond_where_it_was_found() -> None:
    got = frame([75.0, 76.0, 77.5, 77.5], [70.0, 71.0, 72.0, 73.0])
    figure = history_chart(got, marks=HistoryMarks(champion=CHAMPION))
    (diamond,) = mark_layers(figure, "diamond")
    (row,) = diamond["data"]["values"]
    assert (row["generation"], row["score"]) == (3, 76.7)
    assert '<i class="diamond"' in figure["usermeta"]["legend"]
    assert not mark_layers(history_chart(got), "diamond")


@pytest.mark.parametrize(
    ("planned", "generations", "end"),
    [(None, 4, 4), (4, 4, 4), (4, 1, 4), (30, 4, 10), (300, 101, 105), (102, 101, 102)],
)
def test_the_axis_ends_at_the_plan_only_while_a_run_goes_on(
    planned: int | None, generations: int, end: int
) -> None:
    got = frame([80.0] * generations, [70.0] * generations)
    figure = history_chart(got, marks=HistoryMarks(planned=planned))
    assert figure["encoding"]["x"]["scale"]["domain"] == [0.5, end + 0.5]


def test_lines_near_the_scores_are_drawn_and_others_are_named() -> None:
    lines = (ReferenceLine("Constant", -20.0), ReferenceLine("Linear model", 74.0))
    marks = HistoryMarks(lines=lines)
    got = frame([75.0, 77.0, 78.0], [72.0, 73.0, 74.0])
    figure = history_chart(got, marks=marks)

    levels = [layer for layer in figure["layer"] if layer["encoding"].get("x2")]
    assert [layer["data"]["values"] for layer in levels] == [[{"score": 74.0}]]
    assert "Linear model 74.00 %" in figure["usermeta"]["legend"]
    assert "Constant" not in figure["usermeta"]["legend"]
    assert beyond_axis_text(got, marks=marks) == "Constant lies below the axis, at -20.00 %"


def test_lines_alone_have_an_axis_before_the_first_generation() -> None:
    lines = (ReferenceLine("Constant", 75.0), ReferenceLine("Linear model", 82.0))
    marks = HistoryMarks(lines=lines, planned=4)
    empty = history_data([], framed([]))
    figure = history_chart(empty, marks=marks)
    low, high = score_range(empty, marks=marks)
    assert 50.0 < low < 75.0
    assert 82.0 < high <= 100.5
    levels = [layer for layer in figure["layer"] if layer["encoding"].get("x2")]
    assert len(levels) == 2
    assert beyond_axis_text(empty, marks=marks) == ""


def test_bands_are_whole_and_end_where_accuracies_end() -> None:
    scores = [97.0, 98.0, 99.5]
    got = history_data(
        [record(1, 97.5, 95.0, 2), record(2, float(np.mean(scores)), 95.5, 3)],
        framed([evaluation(n, score) for n, score in enumerate(scores)]),
    )
    assert got["high"].max() > 100.0
    low, high = score_range(got)
    figure = history_chart(got)
    drawn = pd.DataFrame(figure["data"]["values"])
    assert drawn["high"].max() == 100.0
    assert low <= drawn.loc[1, "low"] <= drawn.loc[1, "high"] <= high
    # Of two repeats the interval is far wider than what else there is.
    assert np.isnan(drawn.loc[0, "low"]) and got.loc[0, "low"] < low
    assert beyond_axis_text(got) == "A band is left out where it is wider than the axis"
