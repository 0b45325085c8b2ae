"""The data of the figures on What matters, and of Compare's, without a browser."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest

from shoal.analysis.comparable_scores import floored_scores
from shoal.analysis.comparison import compare
from shoal.analysis.gene_features import GeneFeature, gene_features
from shoal.analysis.importance import GeneImportance, Importances, MeanInterval, Model
from shoal.analysis.score_surface import surface
from shoal.dashboard.charts.bound_alarms import bound_alarms
from shoal.dashboard.charts.compare import (
    best_range,
    curves_chart,
    curves_data,
    duels_chart,
    duels_data,
    duels_table,
    run_style,
    scores_table,
    settings_table,
)
from shoal.dashboard.charts.gene_pairs import (
    MOST_LINES,
    pair_chart,
    pair_data,
    parallel_chart,
    parallel_data,
)
from shoal.dashboard.charts.gene_slices import (
    colour_scale,
    sample_rows,
    score_axis,
    slice_chart,
    slice_data,
)
from shoal.dashboard.charts.importance_bars import importance_bars_html
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.objectives.registry import ACCURACY
from shoal.presentation.log_ticks import log_ticks
from shoal.presentation.palette import DARK, LIGHT
from shoal.problems.evaluation import GenerationSummary
from shoal.settings.search_settings import SearchSettings
from shoal.store import GenerationRecord
from support.landscape import jumps, some_genomes, table
from support.summaries import GOOD, POOR, summary


@pytest.fixture(scope="module")
def genomes() -> pd.DataFrame:
    frame = table(200)
    frame.iloc[7, frame.columns.get_loc("score")] = -1e6
    return frame


def feature(genomes: pd.DataFrame, name: str) -> GeneFeature:
    return next(each for each in gene_features(genomes) if each.name == name)


def test_bars_begin_at_nothing_and_are_hollow_where_they_may_be_nothing() -> None:
    genes = (
        GeneImportance("jump_size", "Jump <Size>", MeanInterval(3.0, 2.0, 3.7)),
        GeneImportance("swarm_size", "Swarm size", MeanInterval(-0.1, -0.3, 0.1)),
    )
    table = importance_bars_html(
        Importances(genes, MeanInterval(0.5, 0.4, 0.6), 100, 100, 0, 0, 50.0, ACCURACY)
    )
    clear, unclear = re.findall("<tr><th scope.*?</tr>", table)

    assert "Jump &lt;Size&gt;" in clear and "2.0 to 3.7" in clear and "hollow" not in clear
    assert (
        '<i style="left: 7.50%; width: 75.00%">' in clear
        and '<u style="left: 57.50%; width: 42.50%">' in clear
    )
    assert '<i class="hollow" style="left: 7.50%; width: 0.00%">' in unclear, "no bar below nothing"
    assert '<u style="left: 0.00%; width: 10.00%">' in unclear and "-0.1" in unclear, (
        "its interval says the rest"
    )


def test_a_slice_follows_the_gene_and_marks_the_champion(genomes: pd.DataFrame) -> None:
    accuracies = floored_scores(genomes["score"], ACCURACY)
    generations = genomes["generation"].to_numpy()
    jump = feature(genomes, "jump_size")
    champion = int(np.argmax(accuracies.values))

    data = slice_data(jump, accuracies, generations, champion)
    assert len(data.dots) == data.total == 200
    assert data.champion == (
        pytest.approx(genomes["jump_size"].iloc[champion]),
        accuracies.values[champion],
    )

    middle = data.middle
    assert middle["score"].iloc[-1] - middle["score"].iloc[0] > 12.0
    expected = [jumps(Genome(jump_size=x)) for x in middle["x"]]
    assert np.abs(middle["score"] - expected).max() < 1.5
    assert data.dots["floored"].sum() == 1 and data.dots["score"].min() == accuracies.floor

    few = slice_data(jump, accuracies, generations, None, most=50)
    assert len(few.dots) == 50 and few.total == 200 and few.champion is None
    assert few.middle.equals(middle), "the median is of all, also where dots are sampled"

    figure = slice_chart(data, score_axis(accuracies), 17)
    dots, line, best = figure["layer"]
    assert dots["encoding"]["x"]["scale"]["type"] == "log"
    assert sum(row["floored"] for row in dots["data"]["values"]) == 1
    assert line["mark"]["type"] == "line" and best["data"]["values"] == [
        {"x": data.champion[0], "score": data.champion[1]}
    ]


def test_a_slice_of_a_choice_is_a_strip_with_a_median_each(genomes: pd.DataFrame) -> None:
    accuracies = floored_scores(genomes["score"], ACCURACY)
    activation = feature(genomes, "activation")

    data = slice_data(activation, accuracies, genomes["generation"].to_numpy(), 3)
    assert (np.abs(data.dots["x"] - np.round(data.dots["x"])) < 0.4).all()
    for place, middle in data.middle.itertuples(index=False):
        own = accuracies.values[
            (genomes["activation"] == activation.choices[int(place)]).to_numpy()
        ]
        assert middle == np.median(own)

    figure = slice_chart(data, score_axis(accuracies), 17)
    axis = figure["layer"][0]["encoding"]["x"]["axis"]
    words = json.loads(axis["labelExpr"].removesuffix("[datum.value]"))
    assert [words[value] for value in axis["values"]] == [
        word.replace("_", " ") for word in activation.choices
    ]


def test_genomes_that_do_not_use_a_gene_are_not_in_its_slice(genomes: pd.DataFrame) -> None:
    accuracies = floored_scores(genomes["score"], ACCURACY)
    data = slice_data(
        feature(genomes, "cognitive_weight"), accuracies, genomes["generation"].to_numpy(), None
    )
    assert data.total == (genomes["update_rule"] == "informed").sum()


def test_two_genes_draw_the_best_last_over_the_model(genomes: pd.DataFrame) -> None:
    accuracies = floored_scores(genomes["score"], ACCURACY)
    one = feature(genomes, "jump_size")
    other = feature(genomes, "inertia_weight")
    champion = int(np.argmax(accuracies.values))

    frame = pair_data(one, other, accuracies, champion)
    assert len(frame) == 200 and frame["score"].is_monotonic_increasing
    assert frame["champion"].tolist() == 199 * [False] + [True]
    assert frame["x"].to_numpy() == pytest.approx(
        genomes["jump_size"].to_numpy()[np.argsort(accuracies.values, kind="stable")]
    )
    assert pair_data(one, other, accuracies, champion, most=20)["champion"].sum() == 1, (
        "sampling keeps the champion"
    )

    model = Model.of(genomes, ACCURACY)
    figure = pair_chart(frame, one, other, surface(model, "jump_size", "inertia_weight"))
    tiles, dots, best = figure["layer"]
    corner = tiles["data"]["values"][0]
    assert (
        tiles["mark"]["type"] == "rect"
        and corner["x"] < genomes["jump_size"].min() < corner["right"]
    )
    assert [row["score"] for row in dots["data"]["values"]] == frame["score"].tolist()
    assert len(best["data"]["values"]) == 1

    strip = pair_chart(
        pair_data(one, feature(genomes, "activation"), accuracies, None), one, one, None
    )
    assert [layer["mark"]["type"] for layer in strip["layer"]] == ["point", "point"]


def test_parallel_lines_keep_the_best_and_have_a_place_for_what_is_not_there(
    genomes: pd.DataFrame,
) -> None:
    accuracies = floored_scores(genomes["score"], ACCURACY)
    chosen = [feature(genomes, name) for name in ("jump_size", "activation", "width_2", "depth")]
    data = parallel_data(chosen, accuracies, most=60)
    assert len(data.best) == 60 and data.best.sum() == 10 and data.best[-1] and data.total == 200

    labels = [dimension.label for dimension in data.dimensions]
    assert labels == [
        "Jump size",
        "Activation",
        "Width of layer 2",
        "Hidden layers",
        "Accuracy (%)",
    ]
    drawn = data.dimensions[-1].values
    assert drawn[data.best].min() >= np.sort(accuracies.values)[-10]

    width = data.dimensions[2]
    depths = data.dimensions[3].values
    assert width.words[0] == "none"
    assert (width.values[depths == 1] == width.ticks[0]).all()
    assert (width.values[depths > 1] > width.ticks[0]).all()

    lines = parallel_chart(data, dark=True).data[0]
    assert lines.line.colorscale[1][1] == DARK.average and len(lines.dimensions) == 5
    assert MOST_LINES <= 2_000


def test_samples_keep_what_they_must() -> None:
    assert sample_rows(5, 10).tolist() == [0, 1, 2, 3, 4]
    rows = sample_rows(1_000, 100, keep=[3, 999])
    assert len(rows) == 100 and {3, 999} <= set(rows.tolist()) and (np.diff(rows) > 0).all()
    assert sample_rows(1_000, 100).tolist() == sample_rows(1_000, 100).tolist()


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((0.01, 0.2), [0.01, 0.02, 0.05, 0.1, 0.2]),
        ((0.001, 0.5), [0.001, 0.01, 0.1]),
        ((0.02, 0.11), [0.02, 0.05, 0.1]),
        ((1e-8, 1.0), [1e-8, 1e-6, 1e-4, 1e-2, 1.0]),
        ((0.051, 0.058), [0.052, 0.054, 0.056, 0.058]),
        ((0.69, 0.6931), [0.69, 0.691, 0.692, 0.693]),
        ((9.9, 10.4), [10.0, 10.2, 10.4]),
        ((3.0, 3.0), [3.0]),
        ((0.0, 0.01, float("nan"), 0.2, float("inf")), [0.01, 0.02, 0.05, 0.1, 0.2]),
        ((float("inf"),), []),
        ((), []),
    ],
)
def test_ticks_of_logarithms_are_round(values: tuple[float, ...], ticks: list[float]) -> None:
    assert log_ticks(np.array(values)) == pytest.approx(ticks)


def test_scales_leave_out_what_the_background_swallows() -> None:
    for dark, ground in ((False, LIGHT), (True, DARK)):
        colours = [str(colour) for _, colour in colour_scale(dark)]
        assert len(set(colours)) == 9
        light = [sum(int(v) for v in colour[4:-1].split(",")) for colour in colours]
        assert min(light) > 150 if dark else max(light) < 480, ground


def test_alarms_count_the_best_on_each_bound() -> None:
    space = SearchSpace().narrowed({"jump_size": (0.01, 0.2), "social_weight": (0.5, 4.0)}, {})
    best = [
        dataclasses.replace(genome, jump_size=0.2 if n < 7 else 0.05)
        for n, genome in enumerate(some_genomes(10))
    ]
    best[0] = dataclasses.replace(best[0], social_weight=4.0)
    best = [
        dataclasses.replace(
            genome, inertia_weight=1.0, cognitive_weight=1.0, global_best_weight=1.0
        )
        for genome in best
    ]

    alarms = {alarm.key: alarm for alarm in bound_alarms(best, space)}
    jump = alarms["jump_size:upper"]
    assert (jump.count, jump.out_of, jump.at.bound, jump.at.limit, jump.widens) == (
        7,
        10,
        0.2,
        2.0,
        True,
    )
    assert not alarms["social_weight:upper"].widens
    counts = [alarm.count for alarm in bound_alarms(best, space)]
    assert counts == sorted(counts, reverse=True)
    assert bound_alarms([], space) == ()


def history(*best: float) -> pd.DataFrame:
    numbers = range(1, len(best) + 1)
    spread = {"low": np.array(best) - 1, "high": np.array(best) + 1}
    return pd.DataFrame({"generation": numbers, "best": best, **spread})


def records(*spent: tuple[int, float]) -> list[GenerationRecord]:
    return [
        GenerationRecord(
            GenerationSummary(n + 1, Genome(), 80.0, 2, 70.0, evaluations), seconds, 0.0
        )
        for n, (evaluations, seconds) in enumerate(spent)
    ]


def test_curves_stand_over_what_was_spent() -> None:
    frame = curves_data(
        [
            (3, records((10, 60.0), (20, 180.0)), history(80.0, 82.0)),
            (5, records((12, 30.0)), history(81.0)),
        ]
    )
    assert frame["run"].tolist() == [3, 3, 5] and frame["evaluations"].tolist() == [10, 20, 12]
    assert frame["best"].tolist() == [80.0, 82.0, 81.0]

    figure = curves_chart(frame, "seconds")
    _, line, single = figure["layer"]
    assert line["encoding"]["color"]["scale"]["domain"] == ["Run 3", "Run 5"]
    assert [row["spent"] for row in line["data"]["values"] if row["run"] == 3] == [1.0, 3.0]
    assert [row["run"] for row in single["data"]["values"]] == [5]
    assert line["mark"]["interpolate"] == "step-after"

    low, high = best_range(frame)
    assert low < 80.0 and high > 82.0
    assert best_range(curves_data([])) == (0.0, 100.0)


def test_an_awful_first_generation_does_not_flatten_the_others() -> None:
    spent = [(10 * n, 6.0 * n) for n in range(1, 21)]
    frame = curves_data([(1, records(*spent), history(-900.0, *np.linspace(80.0, 84.0, 19)))])
    assert best_range(frame)[0] > 70.0


def test_no_two_runs_look_the_same() -> None:
    for colours in (LIGHT.series, DARK.series):
        assert len({run_style(place, colours) for place in range(8)}) == 8


def test_tables_and_tests_of_a_comparison() -> None:
    comparison = compare(
        [summary(1, GOOD), summary(2, POOR, settings=SearchSettings(seed=3)), summary(3, GOOD[:1])]
    )

    scored = scores_table(comparison)
    assert scored["Run"].tolist() == [1, 2, 3]
    assert scored["Confirmed (%)"].iloc[0] == pytest.approx(91.0) and np.isnan(
        scored["± 95 % "].iloc[2]
    )
    assert settings_table(comparison).to_dict("records") == [
        {"Setting": "seed", "Run 1": "0", "Run 2": "3", "Run 3": "0"}
    ]

    tests = duels_table(comparison)
    assert tests["Verdict"].tolist()[0] == "run 1 is better" and np.isnan(tests["Low"].iloc[1])

    figure = duels_chart(duels_data(comparison))
    (row,) = figure["data"]["values"]
    assert (row["title"], row["verdict"]) == (
        "run 1 – run 2, accuracy on unused random streams",
        "Resolved",
    )
    assert row["low"] == pytest.approx(tests["Low"].iloc[0])
    assert duels_data(compare([summary(1, GOOD[:1]), summary(2, GOOD[:1])])).empty
