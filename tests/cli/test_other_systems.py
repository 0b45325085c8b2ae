"""The commands on Windows and macOS, as far as these can be simulated; see `other_systems`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoal.store import Store, open_store
from support import other_systems, processes
from support.processes import PATIENCE_SECONDS, alive, descendants, eventually, last_json

EACH = pytest.mark.parametrize("system", other_systems.SYSTEMS)


def mostly(system: str) -> pytest.MarkDecorator:
    """On one of them, and on the others in the long form."""
    others = [other for other in other_systems.SYSTEMS if other != system]
    slow = pytest.mark.slow(part="results")
    return pytest.mark.parametrize(
        "system", [system, *(pytest.param(other, marks=slow) for other in others)]
    )


TINY = ["--population", "2", "--generations", "1", "--iterations", "10", "--repeats", "1"]
ENDLESS = [*TINY, "--generations", "1000"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small table, and beside it settings that leave out what takes longest."""
    (tmp_path / "settings.toml").write_text("baselines = false\nfinalists = 0\nworkers = 2\n")
    rows = np.random.default_rng(0).normal(size=(60, 3))
    file = tmp_path / "table.csv"
    np.savetxt(file, rows, delimiter=",", header="a,b,y", comments="", fmt="%.4f")
    return file


@pytest.fixture
def there(system: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a process on that system, with a store of its own."""
    return {**processes.environment(tmp_path / "there.db"), **other_systems.environment(system)}


@pytest.fixture
def store(there: dict[str, str]) -> Iterator[Store]:
    with open_store(there["SHOAL_STORE"]) as opened:
        yield opened


def shoal(
    there: dict[str, str], *arguments: str | Path, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "shoal.cli", *arguments],
        env=there,
        cwd=Path(there["SHOAL_STORE"]).parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@contextlib.contextmanager
def started(there: dict[str, str], *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs meanwhile."""
    process = subprocess.Popen(
        [sys.executable, "-m", "shoal.cli", *arguments],
        env=there,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@mostly("macos")
def test_a_search_has_the_result_that_it_has_here(
    there: dict[str, str], table: Path, tmp_path: Path
) -> None:
    short = ["--settings", str(tmp_path / "settings.toml")]
    search = ["run", str(table), "--target", "y", *TINY, *short, "--json"]
    here = processes.shoal(*search, store=tmp_path / "here.db", home=tmp_path / "here")
    run = last_json(shoal(there, *search).stdout)
    assert run["result_hash"] == last_json(here.stdout)["result_hash"]

    shoal(there, "runs", "--json")
    shoal(there, "export", "1", "--to", "model")
    shoal(there, "predict", "model", table, "--out", "predicted.csv")
    assert len((tmp_path / "predicted.csv").read_text().splitlines()) == 61
    shoal(there, "backup", "copy.db")
    shoal(there, "access", "add", "a@example.org", "--oidc")


@mostly("windows")
def test_a_search_is_interrupted_paused_resumed_and_stopped(
    there: dict[str, str], table: Path, store: Store
) -> None:
    with started(there, "run", table, "--target", "y", *ENDLESS) as process:
        eventually(lambda: store.runs() and store.run(1).evaluations)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 130
    # Released by its supervisor, which was asked to end. On a starved machine one that was too slow
    # is killed, and its lease runs out.
    eventually(lambda: store.run(1).state == "interrupted")

    with started(there, "resume", "1") as process:
        eventually(lambda: store.run(1).state == "running")
        shoal(there, "pause", "1")
        assert process.wait(PATIENCE_SECONDS) == 130
    assert store.run(1).state == "paused"

    with started(there, "resume", "1") as process:
        eventually(lambda: store.run(1).state == "running")
        shoal(there, "stop", "1")
        assert process.wait(PATIENCE_SECONDS) == 0
    assert store.run(1).state == "stopped"


@mostly("windows")
def test_nothing_outlives_a_command_or_a_supervisor_that_is_killed(
    there: dict[str, str], table: Path, store: Store
) -> None:
    with started(there, "run", table, "--target", "y", *ENDLESS) as process:
        eventually(lambda: store.runs() and store.run(1).evaluations)
        below = list(descendants(process.pid))
        process.kill()
    eventually(lambda: not any(alive(pid) for pid in below))
    assert store.run(1).state == "interrupted"

    with started(there, "resume", "1") as process:
        before = store.run(1).evaluations
        eventually(lambda: store.run(1).evaluations > before)
        supervisor, *workers = descendants(process.pid)
        os.kill(supervisor, signal.SIGKILL)
        eventually(lambda: not any(alive(pid) for pid in workers))


@EACH
def test_the_service_runs_until_it_is_asked_to_end(there: dict[str, str]) -> None:
    with started(there, "serve", "--no-dashboard") as process:
        assert process.stdout
        assert b"Shoal is running" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
