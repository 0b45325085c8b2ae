"""kill -9 at any step of an export: the folder predicts as one run does, or says what to do."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoal import search
from shoal.export.bundle import export_run
from shoal.inference.standalone import TableError, predict
from shoal.store import open_store
from support.locations import TESTS
from support.supervised_run import small_table

PROGRAM = str(TESTS / "support" / "faulty_export.py")
SHORT: dict[str, Any] = {
    "population": 4,
    "generations": 1,
    "repeats": 1,
    "iterations": 40,
    "finalists": 1,
    "networks": 2,
    "baselines": False,
    "workers": 1,
}
ROWS = {"size": ["1", "7", "3"], "age": ["5", "2", "0"]}


@dataclass(frozen=True)
class Runs:
    """Two finished runs of one table, their exports, and what these predict."""

    store: str
    exports: dict[int, Path]
    predictions: dict[int, list[float]]

    def lay(self, run: int, folder: Path) -> None:
        """Put an export of a run there."""
        shutil.copytree(self.exports[run], folder)


def two_runs(store: str, folder: Path) -> Runs:
    """Runs 1 and 2, whose networks differ."""
    exports, predictions = {}, {}
    for run in (1, 2):
        search(small_table(), store=store, seed=run, **SHORT)
        exports[run] = folder / str(run)
        export(store, run, exports[run])
        predictions[run] = predicted(exports[run])

    assert predictions[1] != predictions[2]
    return Runs(store, exports, predictions)


def export(store: str, run: int, folder: Path) -> None:
    """Export as `shoal export --force` does."""
    with open_store(store) as opened:
        export_run(opened, run, folder, force=True)


def export_elsewhere(store: str, run: int, folder: Path, *options: str) -> int:
    """Export in a process of its own, and return its exit status."""
    command = [sys.executable, PROGRAM, store, str(run), str(folder), *options]
    return subprocess.run(command, check=False).returncode


def predicted(folder: Path) -> list[float]:
    """What the model in a folder predicts for a few rows."""
    return [float(value) for value in np.ravel(predict(folder, ROWS).values)]


def steps_of_export(runs: Runs, folder: Path, earlier: bool) -> int:
    """How many steps an export has into a new folder, or over an earlier one."""
    folder.mkdir()
    if earlier:
        runs.lay(1, folder / "whole")
    noted = ["--steps", str(folder / "steps")]
    assert export_elsewhere(runs.store, 2, folder / "whole", *noted) == 0
    return int((folder / "steps").read_text())


def kill_and_export_again(runs: Runs, folder: Path, step: int, earlier: bool) -> None:
    """Run 2 is exported, over run 1 or into a new folder, and killed before that step."""
    folder.mkdir()
    target = folder / "model"
    allowed = [runs.predictions[2]]
    if earlier:
        runs.lay(1, target)
        allowed.append(runs.predictions[1])

    assert export_elsewhere(runs.store, 2, target, "--die", str(step)) == -signal.SIGKILL

    if not target.exists():
        assert not earlier
    elif (target / "model.json").exists():
        assert predicted(target) in allowed
    else:
        assert earlier
        with pytest.raises(TableError, match=r"model\.json is missing.*export the model again"):
            predicted(target)
    export(runs.store, 2, target)
    assert predicted(target) == runs.predictions[2]


def test_an_export_that_is_killed_half_way(tmp_path: Path) -> None:
    """Into a new folder, and over another export."""
    runs = two_runs(str(tmp_path / "shoal.db"), tmp_path)
    steps = steps_of_export(runs, tmp_path / "steps", earlier=True)

    # One while files are written, one while they are moved.
    kill_and_export_again(runs, tmp_path / "new", steps // 2, earlier=False)
    kill_and_export_again(runs, tmp_path / "over-another", steps - 5, earlier=True)


@pytest.mark.slow(part="kills")
@pytest.mark.parametrize("earlier", [False, True], ids=["new folder", "over another export"])
def test_an_export_that_is_killed_at_every_step(
    store_url: str, earlier: bool, tmp_path: Path
) -> None:
    runs = two_runs(store_url, tmp_path)
    steps = steps_of_export(runs, tmp_path / "steps", earlier)
    assert steps > 10

    for step in range(1, steps + 1):
        kill_and_export_again(runs, tmp_path / f"step-{step}", step, earlier)
