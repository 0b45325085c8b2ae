"""The figure's data, and the page's words and numbers, without a browser."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shoal.analysis.score_rows import ScoreRow, confidence_text, score_rows
from shoal.dashboard.charts.history import (
    COLUMNS,
    accuracy_range,
    below_axis_text,
    drawn_every,
    history_chart,
    history_data,
)
from shoal.dashboard.charts.vega import LegendEntry, steady_domain, vega_chart
from shoal.dashboard.components.genome_card import (
    genes_html,
    number_text,
    scores_html,
    share_of_bounds,
)
from shoal.dashboard.server import launch
from shoal.errors import SettingsError
from shoal.genome.genes import NEUTRAL, NUMERIC_GENES
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.numerics.stats import ci95
from shoal.objectives.metrics import Metrics, Scores
from shoal.presentation import formatting
from shoal.presentation.palette import DARK, LIGHT
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task
from shoal.store import GenerationRecord
from shoal.tuning.baselines import Baseline
from shoal.tuning.champion import Champion, Confirmation

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
    frame = pd.DataFrame(rows, columns=["genome", "repeat", "generation", "accuracy"])
    return frame.astype({"accuracy": "float64", "repeat": "int64", "generation": "int64"})


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
    assert accuracy_range(empty) == (0.0, 100.0)
    assert [layer["mark"]["type"] for layer in history_chart(empty)["layer"]] == [
        "line",
        "line",
        "rule",
    ]
    assert below_axis_text(empty) == ""


def test_a_terrible_early_average_does_not_squash_the_rest() -> None:
    got = frame([60, 70, 75, 78, 80, 81], [-900, 20, 60, 66, 70, 72])
    low, high = accuracy_range(got)
    assert 30 <= low < 60
    assert 81 < high < 85
    assert below_axis_text(got) == "2 averages lie below the axis, the lowest at -900 %"


def test_the_axis_shows_everything_when_nothing_is_terrible() -> None:
    low, high = accuracy_range(frame([70, 80, 90], [60, 65, 70]))
    assert low < 60
    assert 90 < high <= 100.5
    assert below_axis_text(frame([70, 80, 90], [60, 65, 70])) == ""


@pytest.mark.parametrize(
    ("best", "average"),
    [([50.0], [-1e6]), ([-400.0, -300.0], [-1e9, -1e9]), ([100.0, 100.0], [100.0, 100.0])],
)
def test_the_axis_is_never_degenerate(best: list[float], average: list[float]) -> None:
    low, high = accuracy_range(frame(best, average))
    assert np.isfinite([low, high]).all()
    assert low < min(best)
    assert max(best) < high
    assert high - low <= 400


def test_the_figure_says_its_units() -> None:
    got = history_data(
        [record(1, 80.0, 70.0, 2)], framed([evaluation(0, 79.0), evaluation(1, 81.0)])
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
    assert figure["data"]["values"][0]["spread"] == "± 12.71, 2 repeats"
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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (192, "3 min 12 s"), (7500, "2 h 05 min"), (273600, "3 d 4 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    "text", ["plain", "`tick`", "``", "a ``` b", "<img src=x onerror=alert(1)>", "[x](y)", " \n "]
)
def test_a_users_text_is_one_code_span(text: str) -> None:
    got = formatting.quoted(text)
    fence = got.split(" ", 1)[0]
    assert set(fence) == {"`"}
    assert got.endswith(f" {fence}")
    inside = got[len(fence) + 1 : -len(fence) - 1]
    assert inside == (" ".join(text.split()) or "(no name)")
    assert fence not in inside
    assert "\n" not in got


def test_parameters_are_copied_to_the_bit() -> None:
    genome = dataclasses.replace(GENOME, inertia_weight=0.1 + 0.2, hidden_layers=(7,))
    import shoal.genome.genome as shoal

    scope: dict[str, object] = {"shoal": shoal}
    exec(formatting.as_python(genome).removeprefix("import shoal\n"), scope)
    assert scope["genome"] == genome
    assert Genome.from_dict(json.loads(formatting.as_json(genome))) == genome
    assert Genome.from_dict(tomllib.loads(formatting.as_toml(genome))["genome"]) == genome


def test_every_parameter_is_shown_by_its_name() -> None:
    got = genes_html(GENOME, SearchSpace().with_genes(NEUTRAL))
    labels = {gene.label for gene in NUMERIC_GENES} - {"Weight Scale", "Bias Scale"}
    labels |= {
        "Position Scale",
        "Topology",
        "Stability Margin",
        "Activation",
        "Informants",
        "Attractor",
    }
    labels |= {"Update Rule", "Initialisation"}
    for label in labels:
        assert f"<dt>{label}</dt>" in got
    assert "–</dd>" not in got
    first = genes_html(GENOME, SearchSpace())
    assert not any(
        f"<dt>{label}</dt>" in first for label in ("Update Rule", "Initialisation", "Weight Decay")
    )
    assert [number_text(v) for v in (0.0, 0.7298, 0.0031, 12.5)] == [
        "0.000",
        "0.730",
        "0.0031",
        "12.500",
    ]


def test_what_the_competitive_rule_does_not_read_has_no_value() -> None:
    got = genes_html(
        dataclasses.replace(GENOME, update_rule="competitive"), SearchSpace().with_genes(NEUTRAL)
    )
    unread = re.findall(r"<dt>([^<]*)</dt><dd>–</dd>", got)
    assert unread == [
        "Number of Informants",
        "Cognitive Weight",
        "Global Best Weight",
        "Informants",
        "Attractor",
    ]


def test_a_place_between_bounds_is_on_the_genes_own_scale() -> None:
    genes = {gene.name: gene for gene in NUMERIC_GENES}
    assert share_of_bounds(genes["inertia_weight"], 1.0, 2.0) == 0.5
    assert share_of_bounds(genes["weight_scale"], 1e-2, 1.0) == pytest.approx(0.5)
    assert share_of_bounds(genes["num_informants"], 1, 1) == 0.5
    assert share_of_bounds(genes["inertia_weight"], 9.0, 2.0) == 1.0


def champion(**values: Any) -> Champion:
    scores = Scores(
        Metrics(90.0, mae=1.0, rmse=2.0, r2=0.9), None, Metrics(80.0, mae=2.0, rmse=3.0, r2=0.8)
    )
    ensemble = Scores(Metrics(91.0), None, Metrics(85.5))
    plain = {
        "refitted": False,
        "weights": np.zeros((1, 3), np.float32),
        "scores": scores,
        "ensemble": ensemble,
    }
    return Champion(GENOME, (89.0, 91.0, 90.0), **{**plain, **values})


def test_scores_have_a_row_for_each_thing_there_is() -> None:
    got = scores_html(champion())
    assert "<td>Search</td><td>90.00 % ± 2.48</td><td></td>" in got
    assert (
        "<td>Train</td><td>90.00 %</td><td>1.000</td><td>2.000</td><td>0.900</td><td>91.00 %</td>"
        in got
    )
    assert '<tr class="highlight"><td>Test</td><td>80.00 %</td><td>2.000</td>' in got
    assert "Confirmation" not in got
    assert confidence_text(champion()).startswith(
        "Not confirmed on unused random streams. The champion's network was trained on"
    )


def test_rivals_stand_below_the_best_first_and_say_why_they_failed() -> None:
    rivals = (
        Baseline(
            "linear", "least squares", (70.0,), Metrics(70.0, mae=3.0), Metrics(70.0, mae=3.0)
        ),
        Baseline("adam", "8 relu", error="<b>no</b>"),
        Baseline("trees", "", (88.0, 90.0), Metrics(89.0, mae=1.5), Metrics(90.5, mae=1.0)),
    )
    confirmation = Confirmation((88.0, 89.0, 90.0), Genome(), (88.0, 89.5, 89.0))
    rows = score_rows(champion(baselines=rivals, confirmation=confirmation))
    assert ScoreRow("", 0.0, metrics=Metrics(0.0, r2=-0.0001)).metric("r2") == "0.000"
    names = [
        "Search",
        "Confirmation",
        "Train",
        "Test",
        "Boosted trees",
        "Linear model",
        "Adam network",
    ]
    assert [row.label for row in rows] == names
    assert [row.ensemble for row in rows[4:]] == [90.5, None, None]
    assert "&lt;b&gt;no&lt;/b&gt;" in scores_html(champion(baselines=rivals))
    text = confidence_text(champion(confirmation=confirmation, refitted=True))
    assert "3 unused random streams; " in text
    assert "streams, 8 times as long as in the search; " in confidence_text(
        champion(confirmation=confirmation), 8
    )
    assert "1.00 above" in text
    assert "unresolved" in text
    assert "all rows but the test part" in text


@pytest.mark.parametrize(
    ("ahead", "text"),
    [
        ((6.9, 4.9), "94 %, which leaves it unresolved."),
        ((1e6, 1e6 + 1), "99 %."),
        ((0.0, 0.0), "50 %, which"),
    ],
)
def test_a_probability_is_never_rounded_up(ahead: tuple[float, float], text: str) -> None:
    confirmation = Confirmation(ahead, Genome(), (0.0, 0.0))
    assert f"with a probability of {text}" in confidence_text(champion(confirmation=confirmation))


def test_the_server_hides_the_store_from_the_process_list() -> None:
    secret = "postgresql://u:hunter2@db/shoal"
    assert "hunter2" not in " ".join(launch.command("127.0.0.1", 8501))
    environment = launch.environment(secret)
    assert environment["SHOAL_STORE"] == secret
    assert environment["STREAMLIT_THEME_LIGHT_TEXT_COLOR"] == LIGHT.text
    assert environment["STREAMLIT_SERVER_ALLOWED_HOSTS"].split()[0] == "127.0.0.1"


def test_a_missing_extra_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'shoal\[dashboard\]'"):
        launch.command("127.0.0.1", 8501)


def test_a_taken_port_is_passed_over() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert launch.free_port("127.0.0.1", port) != port


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
