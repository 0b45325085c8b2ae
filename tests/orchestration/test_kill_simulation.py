"""A search over a simulation or a function is killed; the run goes on to the same result."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from shoal.store import open_store
from support.locations import TESTS
from support.processes import alive, descendants, eventually, last_json, shoal, start

POLICY = [
    f"{TESTS / 'support' / 'thermostat.py'}:thermostat",
    *("--option", "periods=2000"),
    *("--population", "4", "--generations", "2", "--repeats", "2", "--iterations", "40"),
    *("--seed", "3"),
]
FUNCTION = [
    f"{TESTS / 'support' / 'beam.py'}:beam",
    *("--option", "dimensions=20"),
    *("--population", "4", "--generations", "2", "--repeats", "2", "--iterations", "500"),
    *("--seed", "3"),
]


@pytest.mark.parametrize("search", [POLICY, FUNCTION], ids=["policy", "function"])
@pytest.mark.parametrize("workers", ["2", pytest.param("1", marks=pytest.mark.slow(part="kills"))])
def test_a_killed_search_is_resumed_to_the_same_result(
    search: list[str], workers: str, tmp_path: Path
) -> None:
    undisturbed = shoal("run", *search, "--workers", "1", "--json", store=tmp_path / "whole.db")
    assert undisturbed.returncode == 0, undisturbed.stderr

    store = tmp_path / "killed.db"
    process = start("run", *search, "--workers", workers, "--json", store=store)
    with open_store(store) as opened:
        eventually(lambda: opened.runs() and opened.run(1).evaluations >= 3)
        supervisor = int(eventually(opened.supervisors)[0].pid)
        below = list(descendants(supervisor))
        for pid in [process.pid, supervisor, *below]:
            os.kill(pid, signal.SIGKILL)
        process.wait(timeout=120)
        process.communicate()
        eventually(lambda: not any(alive(pid) for pid in [supervisor, *below]))
        recorded = {e.task.id: e for e in opened.evaluations(1)}
        assert opened.run(1).state == "interrupted"

        resumed = shoal("resume", "1", "--json", store=store)
        assert resumed.returncode == 0, resumed.stderr
        assert (
            last_json(resumed.stdout)["result_hash"] == last_json(undisturbed.stdout)["result_hash"]
        )

        # What was recorded before the kill is as it was.
        after = {e.task.id: e for e in opened.evaluations(1)}
        assert {task_id: after[task_id] for task_id in recorded} == recorded
