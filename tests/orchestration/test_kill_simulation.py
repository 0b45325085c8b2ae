"""A search over a simulation or a function is killed; the run goes on to the same result."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.killed_run import result_after_a_kill
from support.locations import TESTS
from support.processes import last_json, shoal

POLICY = [
    f"{TESTS / 'support' / 'thermostat.py'}:thermostat",
    *("--option", "periods=1000"),
    *("--population", "4", "--generations", "2", "--repeats", "2", "--iterations", "40"),
    *("--seed", "3"),
]
FUNCTION = [
    f"{TESTS / 'support' / 'beam.py'}:beam",
    *("--option", "dimensions=20"),
    *("--population", "4", "--generations", "2", "--repeats", "2", "--iterations", "500"),
    *("--seed", "3"),
]


long_form = pytest.mark.slow(part="kills")


@pytest.mark.parametrize(
    ("search", "workers"),
    [
        pytest.param(FUNCTION, "2", id="function-2"),
        pytest.param(FUNCTION, "1", id="function-1", marks=long_form),
        pytest.param(POLICY, "2", id="policy-2", marks=long_form),
        pytest.param(POLICY, "1", id="policy-1", marks=long_form),
    ],
)
def test_a_killed_search_is_resumed_to_the_same_result(
    search: list[str], workers: str, tmp_path: Path
) -> None:
    undisturbed = shoal("run", *search, "--workers", "1", "--json", store=tmp_path / "whole.db")
    assert undisturbed.returncode == 0, undisturbed.stderr

    found = result_after_a_kill([*search, "--workers", workers], tmp_path / "killed.db")
    assert found == last_json(undisturbed.stdout)["result_hash"]
