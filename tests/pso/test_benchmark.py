"""`shoal bench` counts correctly and prints what is documented; no test asserts a speed."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from shoal.cli.tables import bench_table
from shoal.pso.benchmark import Benchmark, Measurement, Shape, benchmark
from shoal.pso.engines import kernels

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference" / "output.md").read_text()


@pytest.fixture(scope="module")
def result() -> Benchmark:
    return benchmark((Shape((3, 5, 1), 70, 6),), round_seconds=0.002)


@pytest.fixture(scope="module")
def values(result: Benchmark) -> dict[str, Any]:
    """The JSON of `shoal bench --json`."""
    values: dict[str, Any] = json.loads(json.dumps(result.to_dict()))
    return values


def test_operations_are_two_a_weight_a_row_a_particle() -> None:
    assert Shape((8, 32, 16, 1), 721, 48).operations == 2 * (8 * 32 + 32 * 16 + 16) * 721 * 48


def test_the_peak_s_kernel_does_every_multiply_add() -> None:
    # x -> x / 2 + 1 / 4 from 1 + 0.01 n: after r rounds 1/2 + (1/2 + 0.01 n) / 2^r, in twelve
    # chains of sixteen lanes.
    for rounds in (0, 1, 5, 100):
        expected = 16 * sum(0.5 + (0.5 + 0.01 * n) / 2**rounds for n in range(12))
        assert kernels.spin(rounds) == pytest.approx(expected, rel=1e-6)


def test_figures_fit_each_other(result: Benchmark) -> None:
    (measured,) = result.measurements
    rate = result.cores / (measured.ms_each / 1e3)
    assert measured.gflops == pytest.approx(measured.shape.operations * rate / 1e9)
    assert measured.percent_of_peak > 0
    assert 0 <= measured.percent_rows_skipped < 100
    assert measured.ms_skipping_rows > 0
    assert measured.particle_rows_per_second == pytest.approx(420 * rate)


def test_json_has_every_figure(values: dict[str, Any]) -> None:
    assert set(values) == {"processor", "cores", "peak_one_core", "peak_all_cores", "measurements"}
    assert values["measurements"][0]["shape"] == {
        "layers": [3, 5, 1],
        "rows": 70,
        "particles": 6,
        "activation": "relu",
        "informants": "random",
        "readout": "searched",
    }


def test_json_keeps_the_old_names_of_two_figures(values: dict[str, Any]) -> None:
    (measured,) = values["measurements"]
    assert measured["percent_spared"] == measured["percent_rows_skipped"]
    assert measured["ms_sparing"] == measured["ms_skipping_rows"]


def test_every_key_of_the_json_is_documented(values: dict[str, Any]) -> None:
    start = REFERENCE.index("`shoal bench --json`:")
    paragraph = REFERENCE[start : REFERENCE.index("\n\n", start)]
    names = set(re.findall(r"\w+", paragraph))
    (measured,) = values["measurements"]
    assert set(values) | set(measured) | set(measured["shape"]) <= names


def test_table_shows_every_shape() -> None:
    measurements = []
    for shape in (Shape((3, 5, 1), 70, 6), Shape((30, 64, 1), 5000, 48)):
        measurement = Measurement(
            shape=shape,
            ms_one_core=1.0,
            ms_shared=0.6,
            ms_each=1.5,
            gflops=50.0,
            percent_of_peak=25.0,
            particle_rows_per_second=1e9,
            iterations=500,
            percent_rows_skipped=40.0,
            ms_skipping_rows=0.7,
        )
        measurements.append(measurement)
    result = Benchmark("x", 2, 100.0, 200.0, tuple(measurements))

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(bench_table(result))
    text = console.export_text()
    assert "3-5-1" in text
    assert "30-64-1" in text
    assert "1e+03" in text
    assert "200 on 2" in text
    assert "0.7 -40 %" in text


def test_work_of_the_benchmark_is_a_real_training() -> None:
    task = Shape((3, 5, 1), 70, 6).task()
    assert task.x.shape == (70, 3)
    assert np.array_equal(task.y, task.x[:, 0])
