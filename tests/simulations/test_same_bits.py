"""Bundled simulations have the same scores on every machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding

import shoal
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.simulations.evaluation import ScenarioSet, evaluate_policies
from shoal.simulations.registry import BUNDLED, get_simulation

TESTS = Path(__file__).resolve().parents[1]
TEST = ScenarioSet((1, 2), Purpose.TEST_SCENARIO)
GOLDEN = {
    "lost-sales": ["0x1.d881b4e81b4e8p+3", "0x1.3a2d0e5604189p+4"],
    "cartpole": ["0x1.2000000000000p+3", "0x1.4000000000000p+3"],
    "mountain-car": ["-0x1.9000000000000p+7", "-0x1.9000000000000p+7"],
    "acrobot": ["-0x1.f400000000000p+8", "-0x1.f400000000000p+8"],
    "pendulum": ["-0x1.1017ae2cd9993p+10", "-0x1.b5459f57ceccdp+10"],
}


def scores_of(name: str) -> list[str]:
    """A policy of each activation that bends, in one scenario each."""
    simulation = get_simulation(name)
    found = []
    for number, activation in enumerate(("tanh", "gelu")):
        network = Network((simulation.input_count, 9, 5, simulation.outputs), activation)
        weights = np.sin(np.arange(network.size, dtype=np.float64) ** 2).astype(np.float32)
        scores = evaluate_policies(simulation, network, weights[None], TEST, [number]).scores
        found.append(float(scores[0, 0]).hex())
    return found


@pytest.mark.parametrize("name", BUNDLED)
def test_scores_are_those_of_every_machine(name: str) -> None:
    assert scores_of(name) == GOLDEN[name]


PROGRAM = """
import importlib.util
import sys
import shoal

# By its file: other folders on the path may hold modules of the same name.
spec = importlib.util.spec_from_file_location("same_bits", sys.argv[2])
test_same_bits = importlib.util.module_from_spec(spec)
spec.loader.exec_module(test_same_bits)

assert shoal.__file__ == sys.argv[1], f"another checkout is tested: {shoal.__file__}"
for name in test_same_bits.BUNDLED:
    assert test_same_bits.scores_of(name) == test_same_bits.GOLDEN[name], name
"""


@pytest.mark.slow(part="results")
def test_older_instructions_give_the_same_scores(tmp_path) -> None:
    if not binding.get_host_cpu_features().get("avx2"):
        pytest.skip("this machine cannot run code for haswell")
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx2,+fma,+bmi,+bmi2,+lzcnt,+f16c",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)]),
    }
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(shoal.__file__), __file__],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 0, process.stderr
