"""A search by an objective, a loss and a decoder of a user's: killed and resumed, and the same
result wherever it is driven.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from problems.user_files import write
from support.killed_run import result_after_a_kill
from support.locations import TESTS
from support.processes import last_json, shoal

FILE = TESTS / "support" / "own_code.py"
SETTINGS = """\
population = 4
generations = 2
repeats = 2
max_repeats = 2
racing = "fixed"
iterations = 120
max_width = 16
finalists = 0
final_factor = 1
networks = 2
baselines = false
seed = 3
"""
OBJECTIVE = ["--objective", f"{FILE}:strength_in_time", "--objective-option", "cap=15"]
LOSS = ["--objective", f"{FILE}:too_little", "--metric", "mae"]
DECODER = ["--decoder", f"{FILE}:coarse", "--metric", f"{FILE}:too_little"]
KINDS = {"objective": OBJECTIVE, "loss": LOSS, "decoder": DECODER}


def search(folder: Path) -> tuple[str, ...]:
    """A short search, as options of `shoal run`."""
    return "concrete", "--settings", str(write(folder / "short.toml", SETTINGS))


def result_hash(*chosen: str, store: Path | str, home: Path) -> str:
    """Of a search that nobody disturbs."""
    done = shoal("run", *search(home), *chosen, "--json", store=store, home=home)
    assert done.returncode == 0, done.stderr
    return str(last_json(done.stdout)["result_hash"])


@pytest.mark.slow(part="kills")
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_search_is_resumed_to_the_same_result(kind: str, tmp_path: Path) -> None:
    undisturbed = result_hash(
        *KINDS[kind], "--workers", "1", store=tmp_path / "whole.db", home=tmp_path
    )

    chosen = [*search(tmp_path), *KINDS[kind], "--workers", "2"]
    assert result_after_a_kill(chosen, tmp_path / "killed.db") == undisturbed


@pytest.mark.slow(part="results")
@pytest.mark.parametrize("kind", KINDS)
def test_one_result_for_workers_databases_and_executors(
    kind: str, tmp_path: Path, postgres_url: str
) -> None:
    stores = [
        (tmp_path / "one.db", "local", "1"),
        (tmp_path / "two.db", "local", "2"),
        (postgres_url, "local", "2"),
    ]
    if find_spec("ray") is not None:
        stores.append((tmp_path / "ray.db", "ray", "2"))

    hashes = set()
    for store, executor, workers in stores:
        where = ("--executor", executor, "--workers", workers)
        hashes.add(result_hash(*KINDS[kind], *where, store=store, home=tmp_path))
    assert len(hashes) == 1
