"""`shoal bench` counts right and says what it documents; how fast a machine is, is no test."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from shoal.cli.tables import bench_table
from shoal.pso.benchmark import Benchmark, Measurement, Shape, benchmark
from shoal.pso.engines import kernels


def test_operations_are_two_a_weight_a_row_a_particle() -> None:
    assert Shape((8, 32, 16, 1), 721, 48).operations == 2 * (8 * 32 + 32 * 16 + 16) * 721 * 48


def test_the_peak_s_kernel_does_every_multiply_add() -> None:
    # x -> x / 2 + 1 / 4 from 1 + 0.01 n: after r rounds 1/2 + (1/2 + 0.01 n) / 2^r, in twelve
    # chains of sixteen lanes.
    for rounds in (0, 1, 5, 100):
        expected = 16 * sum(0.5 + (0.5 + 0.01 * n) / 2**rounds for n in range(12))
        assert kernels.spin(rounds) == pytest.approx(expected, rel=1e-6)


def test_figures_fit_each_other_and_are_json() -> None:
    result = benchmark((Shape((3, 5, 1), 70, 6),), round_seconds=0.002)
    (m,) = result.measurements
    rate = result.cores / (m.ms_each / 1e3)
    assert m.gflops == pytest.approx(m.shape.operations * rate / 1e9)
    assert m.percent_of_peak > 0
    assert 0 <= m.percent_spared < 100
    assert m.particle_rows_per_second == pytest.approx(420 * rate)
    values = json.loads(json.dumps(result.to_dict()))
    assert set(values) == {"processor", "cores", "peak_one_core", "peak_all_cores", "measurements"}
    assert values["measurements"][0]["shape"] == {
        "layers": [3, 5, 1],
        "rows": 70,
        "particles": 6,
        "activation": "relu",
        "informants": "random",
    }


def test_table_shows_every_shape() -> None:
    shapes = (Shape((3, 5, 1), 70, 6), Shape((30, 64, 1), 5000, 48))
    result = Benchmark(
        "x",
        2,
        100.0,
        200.0,
        tuple(Measurement(s, 1.0, 0.6, 1.5, 50.0, 25.0, 1e9, 500, 40.0, 0.7) for s in shapes),
    )
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
