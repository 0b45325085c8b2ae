"""The charts of the page Genome, without a browser: trainings, losses, predictions, ancestors."""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from shoal.analysis.lineage import Relative
from shoal.dashboard.charts.learning_curves import learning_curves_chart, learning_curves_data
from shoal.dashboard.charts.lineage import BOX_HEIGHT, BOX_WIDTH, lineage_data, lineage_html
from shoal.dashboard.charts.predictions import (
    MOST_POINTS,
    confusion_chart,
    confusion_data,
    predictions_chart,
    residuals_chart,
    residuals_data,
)
from shoal.dashboard.charts.training_losses import losses_chart, losses_data
from shoal.dashboard.charts.trainings import phase_means, trainings_chart, trainings_data
from shoal.dashboard.charts.vega import Spec
from shoal.genome.genome import Genome
from shoal.numerics.stats import ci95_half_width
from shoal.objectives.metrics import Metrics, Scores
from shoal.presentation.palette import DARK, LIGHT
from shoal.problems.evaluation import Evaluation, Task
from shoal.replay.learning_curves import CurvePoint, LearningCurve, LearningCurves
from shoal.replay.predictions import PartPredictions
from shoal.settings.phase import FIRST_CONFIRMATION
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import Offspring

SMALL = SearchSettings.parse(
    {
        "population": 4,
        "generations": 4,
        "repeats": 2,
        "max_repeats": 8,
        "iterations": 10,
        "baselines": False,
    }
)
HOSTILE = "<img src=x onerror=alert(1)>"


def evaluation(
    repeat: int, accuracy: float | None, curve: tuple[tuple[int, float], ...] = ()
) -> Evaluation:
    task = Task(Genome(), repeat, 1, 0)
    if accuracy is None:
        return Evaluation(task, "failed", error="no")
    metrics = Metrics(accuracy)
    return Evaluation(
        task, "ok", Scores(metrics, metrics), loss=0.1, iterations=9, seconds=0.5, curve=curve
    )


def legend(figure: Spec) -> list[str]:
    return re.findall(r"</i>([^<]+)", figure["usermeta"]["legend"])


def test_search_and_confirmation_are_kept_apart() -> None:
    values = [70.0, 71.0, 80.0, 82.0]
    told = [evaluation(n, a) for n, a in enumerate(values)] + [
        evaluation(FIRST_CONFIRMATION + n, 90.0 + n) for n in range(3)
    ]
    frame = trainings_data(told[::-1], SMALL, folds=3)

    assert frame["repeat"].tolist() == [
        0,
        1,
        2,
        3,
        FIRST_CONFIRMATION,
        FIRST_CONFIRMATION + 1,
        FIRST_CONFIRMATION + 2,
    ]
    assert frame["counted"].tolist() == [False, False, True, True, True, True, True], (
        "the last rung of 2-4-8"
    )
    assert frame["fold"].tolist() == [1, 2, 3, 1, 2, 3, 1]

    searched, confirmed = phase_means(frame)
    assert (searched.score, searched.half, searched.repeats) == (
        81.0,
        ci95_half_width([80.0, 82.0]),
        2,
    )
    assert (confirmed.score, confirmed.repeats) == (91.0, 3)

    figure = trainings_chart(frame, highlight=2)
    dots = [layer for layer in figure["layer"] if layer["mark"]["type"] == "point"]
    drawn = {
        d["mark"]["shape"] + d["mark"]["fill"]: [row["score"] for row in d["data"]["values"]]
        for d in dots
    }
    one, other, *_ = LIGHT.series

    assert drawn == {
        f"circle{one}": [80.0, 82.0],
        f"circle{LIGHT.surface}": [70.0, 71.0],
        f"diamond{other}": [90.0, 91.0, 92.0],
    }
    assert legend(figure) == ["Search", "Confirmation", "Shorter rungs, not in the mean"]

    named = dots[0]["encoding"]["x"]["axis"]["labelExpr"]
    assert json.loads(named.removesuffix("[datum.value]")) == ["1", "2", "3", "4", "C1", "C2", "C3"]
    assert [row["chosen"] for d in dots for row in d["data"]["values"]].count(True) == 1


def test_a_failed_training_has_its_mark_and_ruins_the_mean() -> None:
    frame = trainings_data([evaluation(0, 70.0), evaluation(1, None)], SMALL, folds=1)
    assert phase_means(frame) == ()
    assert frame["fold"].tolist() == [0, 0]

    figure = trainings_chart(frame, dark=True)
    failed = figure["layer"][-1]
    assert legend(figure) == ["Search", "Failed"]
    assert (failed["mark"]["shape"], failed["mark"]["color"]) == ("cross", DARK.muted)
    assert [row["place"] for row in failed["data"]["values"]] == [1]
    assert len(trainings_chart(frame[frame["status"] == "failed"])["layer"]) == 1


def test_losses_that_a_logarithm_has_no_place_for_are_left_out() -> None:
    told = [evaluation(1, 70.0, ((1, 0.5), (5, 0.0))), evaluation(0, 71.0, ((1, 2.0), (9, 0.02)))]
    frame = losses_data(told)
    assert frame.to_numpy().tolist() == [[0, 1, 2.0], [0, 9, 0.02], [1, 1, 0.5]]

    figure = losses_chart(frame, highlight=0)
    drawn = [{row["repeat"] for row in layer["data"]["values"]} for layer in figure["layer"]]
    assert drawn == [{1}, {0}], "the chosen one is in front"

    marks = figure["layer"][0]["encoding"]["y"]["axis"]["values"]
    assert min(marks) <= 0.02
    assert max(marks) >= 2.0
    assert losses_chart(losses_data([]))["layer"] == []


def test_held_out_losses_stand_beside_training_losses() -> None:
    points = (CurvePoint(1, 2.0, 2.5), CurvePoint(40, 0.5, 900.0), CurvePoint(800, 0.1, math.inf))
    other = LearningCurve(10_000, (CurvePoint(1, 1.0, 1.0), CurvePoint(9, 0.0, 0.7)), same=True)
    curves = LearningCurves((LearningCurve(0, points, same=True), other), "mse")
    frame = learning_curves_data(curves)
    of_first = frame[frame["repeat"] == 0]
    assert of_first[["part", "loss"]].to_numpy().tolist() == [
        ["training", 2.0],
        ["training", 0.5],
        ["training", 0.1],
        ["held_out", 2.5],
        ["held_out", 900.0],
    ]
    assert len(frame) == 8, "a loss of 0 has no place"

    figure = learning_curves_chart(frame, highlight=10_000, dark=True)
    assert legend(figure) == ["Training rows", "Held-out rows"]
    drawn = [{row["repeat"] for row in layer["data"]["values"]} for layer in figure["layer"]]
    assert drawn == [{0}, {0}, {10_000}, {10_000}], "the chosen one is in front"
    losses = [row["loss"] for layer in figure["layer"] for row in layer["data"]["values"]]
    assert 900.0 not in losses, "an explosion does not flatten the rest"
    across = figure["layer"][0]["encoding"]["x"]
    assert across["scale"]["type"] == "log"
    assert across["axis"]["values"] == [1, 2, 5, 10, 20, 50, 100, 200, 500]
    assert learning_curves_chart(learning_curves_data(LearningCurves((), "mse")))["layer"] == []


def test_residuals_of_large_parts_are_thinned_evenly() -> None:
    rows = 5 * MOST_POINTS + 1
    target = np.arange(rows, dtype=np.float64)
    frame = residuals_data(
        {
            "train": PartPredictions(target, target + 1),
            "validation": PartPredictions(target[:7], target[:7] - 2),
        }
    )
    own = frame[frame["part"] == "train"]

    assert MOST_POINTS / 2 < len(own) <= MOST_POINTS
    assert set(own["residual"]) == {1.0}
    assert frame[frame["part"] == "validation"]["residual"].tolist() == [-2.0] * 7

    for draw in (predictions_chart, residuals_chart):
        line, dots = draw(frame, dark=True)["layer"]
        assert line["mark"]["type"] == "line"
        assert dots["encoding"]["color"]["scale"]["domain"] == ["Trained on", "Held out"]
        assert len(dots["data"]["values"]) == len(frame)


def test_confusion_counts_every_row() -> None:
    fit = PartPredictions(np.array([0.0, 0, 1, 1, 1]), np.array([0.0, 1, 1, 1, 0]))
    frame = confusion_data(fit, [HOSTILE, "b"])
    assert frame.to_numpy().tolist() == [[1, 1], [1, 2]]

    figure = confusion_chart(frame)
    assert [row["rows"] for row in figure["data"]["values"]] == [1, 1, 1, 2]
    assert [row["share"] for row in figure["data"]["values"]] == pytest.approx(
        [1 / 2, 1 / 2, 1 / 3, 2 / 3]
    )
    assert [layer["mark"]["type"] for layer in figure["layer"]] == ["rect", "text"]


def relative(name: str, generation: int, distance: int, *parents: Genome) -> Relative:
    first, second = (*parents, None, None)[:2]
    child = replace(Genome(), max_position=1.0 + int(name, 16))
    how = "bred" if parents else "uniform"
    return Relative(
        child.hash, generation, 0, Offspring(child, how, None, first, second, first), distance
    )  # type: ignore[arg-type]


def test_boxes_stand_apart_and_lines_run_forward() -> None:
    oldest = [relative(str(n), 1, 2) for n in range(3)]
    genomes = [r.birth.child for r in oldest]
    elder = relative("5", 2, 1, *genomes[:2])
    other = relative("6", 3, 1, elder.birth.child, genomes[2])
    root = relative("7", 4, 0, elder.birth.child, other.birth.child)
    drawn = lineage_data([root, elder, other, *oldest], {root.name: 88.0})
    places = {box.relative.name: (box.x, box.y) for box in drawn.boxes}

    assert len(places) == 6

    for name, (x, y) in places.items():
        assert 0 <= x <= drawn.width - BOX_WIDTH
        assert 0 <= y <= drawn.height - BOX_HEIGHT
        for second, (a, b) in places.items():
            assert name == second or abs(x - a) >= BOX_WIDTH or abs(y - b) >= BOX_HEIGHT

    assert len(drawn.edges) == 6
    assert all(edge.parent.x + BOX_WIDTH < edge.child.x for edge in drawn.edges)
    assert sum(edge.second for edge in drawn.edges) == 3

    lines = {box.relative.name: box.lines for box in drawn.boxes}
    assert lines[root.name][0] == f"88.00 % · {root.name[:8]}"
    assert lines[oldest[0].name][:2] == (
        f"no score · {oldest[0].name[:8]}",
        "Gen. 1, drawn at random",
    )
    assert any(line.startswith("Max position ") for line in lines[elder.name])

    shown = lineage_html(drawn, {name: f"evaluation?genome={name}&run=1" for name in places})
    assert "generation 4, individual 1: " in shown, "people count both from 1"
    links = re.findall(r'<a href="(.+?)"', shown)
    assert [unescape(link) for link in links] == [
        f"evaluation?genome={name}&run=1" for name in places
    ]

    lines = re.search(r"base64,([^)]+)\)", shown)
    assert lines is not None and b64decode(lines[1]).count(b"<path") == 6


def test_a_genome_of_the_user_is_said_to_be_given() -> None:
    birth = Offspring(Genome(), "given")
    (box,) = lineage_data([Relative(Genome().hash, 1, 0, birth, 0)], {}).boxes
    assert box.lines[1] == "Gen. 1, given by you"


def test_an_accuracy_that_nobody_knows_is_no_number() -> None:
    (box,) = lineage_data([relative("1", 1, 0)], {"x": math.nan}).boxes
    assert box.lines[0].startswith("no score")
