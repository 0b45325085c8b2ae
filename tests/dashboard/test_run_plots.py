"""The figures of the pages, of one run, for a notebook."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair
import numpy as np
import plotly.graph_objects as go
import pytest

import shoal
from shoal import api
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.simple_methods import simple_methods
from shoal.analysis.summary import summarise
from shoal.dashboard.charts.history import HistoryMarks, history_chart, history_data
from shoal.dashboard.charts.input_importance import importance_chart
from shoal.dashboard.charts.leaderboard import leaderboard_chart, leaderboard_data, repeats_data
from shoal.errors import AnalysisError, RunNotFoundError, StoreError


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plots") / "shoal.db"


@pytest.fixture(scope="module")
def result(path: Path) -> shoal.SearchResult:
    return shoal.search(
        shoal.load_dataset("concrete"),
        store=path,
        population=8,
        generations=3,
        repeats=2,
        iterations=10,
        seed=1,
        baselines=False,
    )


def layers_of(chart: Any) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = chart.to_dict()["layer"]
    return layers


def rows_of(chart: Any) -> list[list[dict[str, Any]]]:
    """The rows of each layer of an Altair chart that has its own."""
    whole = chart.to_dict()
    rows = []
    for layer in whole["layer"]:
        data = layer.get("data", {})
        if "name" in data:
            rows.append(whole["datasets"][data["name"]])
        elif "values" in data:
            rows.append(data["values"])
    return rows


@pytest.mark.parametrize("dark", [False, True])
def test_history_is_the_chart_of_the_page_live(result: shoal.SearchResult, dark: bool) -> None:
    chart = result.plot.history(dark=dark)
    assert isinstance(chart, altair.LayerChart)
    assert result.recorded_in is not None
    with result.recorded_in() as store:
        table = EvaluationTable(store, result.run).refresh()
        lines = tuple(simple_methods(store.load_problem(result.run.id)))  # type: ignore[arg-type]
        marks = HistoryMarks(summarise(store, result.run.id).best, lines)
    frame = history_data(
        result.generations, table.frame, result.run.settings.schedule.scored_repeats
    )
    page = history_chart(frame, metric=result.run.metric, marks=marks, dark=dark)
    drawn = layers_of(chart)
    for mine, theirs in zip(drawn, page["layer"], strict=False):
        assert mine["mark"] == theirs["mark"]
    texts = [layer["mark"].get("text") for layer in drawn]
    # The legend is part of the chart, below it is that of the page.
    for entry in page["usermeta"]["entries"]:
        assert entry["label"] in texts


def test_leaderboard_is_the_chart_of_the_page_champion(result: shoal.SearchResult) -> None:
    chart = result.plot.leaderboard(4)
    assert result.recorded_in is not None
    with result.recorded_in() as store:
        table = EvaluationTable(store, result.run).refresh()
        assert result.champion is not None
        best = leaderboard_data(table, 4, result.champion.genome.hash)
        dots = repeats_data(table, best)
    page = leaderboard_chart(best, dots, metric=result.run.metric)
    theirs = [layer["data"]["values"] for layer in page["layer"]]
    # The layers after them are the legend.
    assert rows_of(chart)[: len(theirs)] == theirs
    assert len(theirs) > 2


def test_inputs_are_the_chart_of_the_page_model(result: shoal.SearchResult) -> None:
    chart = result.plot.inputs(repeats=3, seed=2)
    found = result.importance(repeats=3, seed=2)
    page = importance_chart(found)
    theirs = [layer["data"]["values"] for layer in page["layer"] if "data" in layer]
    assert theirs
    assert rows_of(chart)[: len(theirs)] == theirs


def test_swarm_plays_the_recorded_training(result: shoal.SearchResult) -> None:
    champion = result.champion
    assert champion is not None
    figure = result.plot.swarm()
    assert isinstance(figure, go.Figure)
    assert len(figure.frames) > 1
    # The scatter of the first frame has all particles.
    sizes = {len(trace.x) for trace in figure.data if trace.x is not None}
    assert champion.genome.swarm_size in sizes


def test_genes_are_lines_of_all_genomes(result: shoal.SearchResult) -> None:
    genomes = {evaluation.task.genome for evaluation in result.evaluations}
    if len(genomes) < 20:
        with pytest.raises(AnalysisError, match="too few"):
            result.plot.genes()
        return
    figure = result.plot.genes()
    assert isinstance(figure, go.Figure)
    assert any(trace.type == "parcoords" for trace in figure.data)


def test_a_recorded_run_is_loaded_with_all_that_a_search_gives(
    result: shoal.SearchResult, path: Path
) -> None:
    loaded = shoal.load_run(result.run.id, path)
    assert loaded.evaluations == result.evaluations
    assert loaded.result_hash == result.result_hash
    np.testing.assert_array_equal(loaded.champion.weights, result.champion.weights)  # type: ignore[union-attr]
    with shoal.open_store(path) as store:
        assert shoal.load_run(result.run.id, store).run.name == result.run.name
    with pytest.raises(RunNotFoundError):
        shoal.load_run(99, path)
    with pytest.raises(StoreError):
        shoal.load_run(1, path.with_name("none.db"))
    assert not path.with_name("none.db").exists()


def test_leaderboard_and_baselines_are_frames(result: shoal.SearchResult, path: Path) -> None:
    best = result.leaderboard(3)
    assert best.index[0] == result.champion.genome.hash  # type: ignore[union-attr]
    assert len(best) == 3

    frame = result.baselines()
    champion = result.champion
    assert champion is not None
    assert champion.ensemble.test is not None
    row = frame[frame["is_champion"]].iloc[0]
    assert row["ensemble"] == champion.ensemble.test["accuracy"]
    assert row["rmse"] == champion.scores.test["rmse"]  # type: ignore[index]
    assert replace(result, champion=None).baselines().empty


def test_a_missing_package_is_named_with_its_remedy(
    result: shoal.SearchResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_altair(name: str) -> Any:
        return None if name == "altair" else importlib.util.find_spec(name)

    monkeypatch.setattr(api, "find_spec", without_altair)
    with pytest.raises(AnalysisError, match=r"altair.*pip install 'shoal\[dashboard\]'"):
        _ = result.plot


def test_a_result_without_a_store_says_how_to_get_one(result: shoal.SearchResult) -> None:
    alone = replace(result, recorded_in=None)
    with pytest.raises(AnalysisError, match="load_run"):
        _ = alone.plot
    with pytest.raises(AnalysisError, match="load_run"):
        alone.leaderboard()


def test_a_run_that_has_not_trained_has_no_figures(path: Path, result: shoal.SearchResult) -> None:
    with shoal.open_store(path.with_name("empty.db")) as store:
        run_id, _ = store.add_run(shoal.load_dataset("concrete"), shoal.SearchSettings())
        queued = shoal.load_run(run_id, store)
        for draw in (queued.plot.history, queued.plot.leaderboard):
            with pytest.raises(AnalysisError, match="queued"):
                draw()
