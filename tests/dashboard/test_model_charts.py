"""The charts of the page The model, without a browser."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.analysis.diagnostics import diagnostics
from shoal.analysis.input_importance import InputImportances, input_importances
from shoal.analysis.partial_dependence import partial_dependence
from shoal.dashboard.charts.class_diagnostics import (
    calibration_chart,
    precision_recall_chart,
    roc_chart,
    threshold_chart,
)
from shoal.dashboard.charts.input_importance import (
    importance_chart,
    importance_data,
    input_bars_html,
)
from shoal.dashboard.charts.network_drawing import (
    is_drawn,
    network_chart,
    network_data,
    weights_chart,
    weights_data,
)
from shoal.dashboard.charts.number_diagnostics import ranges_chart
from shoal.dashboard.charts.partial_dependence import dependence_chart, dependence_data
from shoal.nn.network import Network
from support.champions import champion_of_table, customers


@pytest.fixture(scope="module")
def found() -> InputImportances:
    frame = customers().rename(columns={"noise": "<b>noise</b>"})
    return input_importances(champion_of_table(frame, "left", drop="paid"), repeats=3)


def test_bars_are_harmless_and_ordered(found: InputImportances) -> None:
    html = input_bars_html(found)
    assert "<b>" not in html and "&lt;b&gt;noise" in html
    places = [html.index(f">{own.column}<") for own in found.inputs if "<" not in own.column]
    assert places == sorted(places)
    assert html.count("<u ") == len(found.inputs)


def test_the_chart_has_a_bar_an_interval_and_a_dot_a_network(found: InputImportances) -> None:
    bars, networks = importance_data(found)
    assert len(bars) == len(found.inputs) and len(networks) == 3 * len(bars)
    assert [layer["mark"]["type"] for layer in importance_chart(found)["layer"]] == [
        "bar",
        "rule",
        "point",
    ]


def test_lines_of_rows_lie_below_the_mean() -> None:
    champion = champion_of_table(customers(), "left", drop="paid")
    for column, mark in (("usage", "line"), ("plan", "point"), ("since", "line")):
        dependence = partial_dependence(champion, column)
        mean, lines, deciles = dependence_data(dependence, 1)
        assert len(lines) == 40 * len(mean)
        assert len(deciles) == (0 if column == "plan" else 9)
        chart = dependence_chart(dependence, 1, is_share=True, dark=True)
        types = [layer["mark"]["type"] for layer in chart["layer"]]
        assert types[0] == "line" and types[2] == mark
        json.dumps(chart)


def test_curves_are_those_of_the_classes() -> None:
    of_classes = diagnostics(champion_of_table(customers(), "left", drop="paid"))
    assert isinstance(of_classes, ClassDiagnostics)
    charts = [
        roc_chart(of_classes.curves),
        precision_recall_chart(of_classes.curves),
        calibration_chart(of_classes.calibration),
        threshold_chart(of_classes.by_threshold, "accuracy", "Accuracy", 0.4),
    ]
    for chart in charts:
        json.dumps(chart)
    area = of_classes.curves[0].roc_auc
    assert f"AUC {area:.3f}" in charts[0]["usermeta"]["legend"]
    thresholds = {row["label"] for row in charts[3]["layer"][0]["data"]["values"]}
    assert thresholds == {"Precision", "Recall", "F1", "Accuracy"}


def test_ranges_are_as_wide_as_they_are() -> None:
    champion = champion_of_table(customers().dropna(), "paid", drop="left", networks=1)
    (own,) = diagnostics(champion).targets
    rows = ranges_chart(own)["layer"][0]["data"]["values"]
    assert [row["right"] for row in rows] == own.ranges["to"].tolist()

    # A range of one value can be seen, too.
    single = own.ranges.iloc[:1].assign(**{"from": 3.0, "to": 3.0})
    (row,) = ranges_chart(replace(own, ranges=single))["layer"][0]["data"]["values"]
    assert row["left"] < row["from"] == row["to"] < row["right"]


def test_a_line_is_the_weight_between_its_nodes() -> None:
    network = Network((2, 3, 1), "tanh")
    weights = np.arange(1, network.size + 1, dtype=np.float32)
    weights[0] = 0.01
    nodes, edges = network_data(network, weights, ["a", "b"], ["y"])

    # Row by row of (out, in): b into the second hidden node is the fourth number.
    line = edges[(edges["source"] == "b") & (edges["to"] == "hidden 1.2")]
    assert line["weight"].tolist() == [4.0]
    assert not ((edges["source"] == "a") & (edges["to"] == "hidden 1.1")).any()
    assert nodes.set_index("name").loc["hidden 1.1", "bias"] == 7.0
    assert nodes.set_index("name").loc["y", "bias"] == 13.0
    assert np.isnan(nodes.set_index("name").loc["a", "bias"])
    assert edges["size"].is_monotonic_increasing
    json.dumps(network_chart(network, weights, ["a", "b"], ["y"]))


def test_large_networks_are_pictures_of_means() -> None:
    network = Network((100, 50, 2), "relu")
    assert not is_drawn(network) and is_drawn(Network((40, 40, 2), "relu"))
    weights = np.random.default_rng(1).normal(size=network.size).astype(np.float32)
    cells, block = weights_data(network, weights, 0)
    assert block == 3 and len(cells) <= 48 * 48
    sizes = np.abs(weights[:5000].reshape(50, 100))
    first = cells.iloc[0]
    assert (first["source"], first["to"]) == (1, 1), "nodes are counted from 1"
    expected = sizes[: int(first["to_end"]) - 1, : int(first["source_end"]) - 1].mean()
    assert first["size"] == pytest.approx(expected)
    area = (cells["source_end"] - cells["source"]) * (cells["to_end"] - cells["to"])
    assert (area * cells["size"]).sum() == pytest.approx(sizes.sum(), rel=1e-5)
    titles = []
    for number in range(2):
        spec = weights_chart(network, weights, number)
        json.dumps(spec)
        channels = spec["layer"][0]["encoding"]
        titles += [channels["x"]["axis"]["title"], channels["y"]["axis"]["title"]]
    assert titles == ["Inputs", "Nodes of layer 1", "Nodes of layer 1", "Outputs"]
