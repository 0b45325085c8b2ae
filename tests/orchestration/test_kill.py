"""The command line is killed, interrupted and commanded; the run goes on to the same result."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from shoal.store import open_store
from support.processes import SMALL, alive, descendants, eventually, last_json, shoal, start

# About five seconds of training: it must not be over before a busy machine has looked, and killed.
LONG = [*SMALL, "--generations", "5", "--iterations", "1000"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    store = tmp_path_factory.mktemp("undisturbed") / "shoal.db"
    done = shoal("run", *LONG, "--json", store=store)
    assert done.returncode == 0, done.stderr
    return last_json(done.stdout)["result_hash"]


def _supervisor(store: Path) -> int:
    with open_store(store) as opened:
        return int(eventually(opened.supervisors)[0].pid)


def _trained(store: Path, count: int) -> None:
    with open_store(store) as opened:
        eventually(lambda: opened.runs() and opened.run(1).evaluations >= count)


@pytest.mark.parametrize(
    "everything", [False, pytest.param(True, marks=pytest.mark.slow(part="kills"))]
)
def test_killed_command_is_resumed_to_the_same_result(
    everything: bool, undisturbed: str, tmp_path: Path
) -> None:
    store = tmp_path / "shoal.db"
    process = start("run", *LONG, "--json", store=store)
    _trained(store, 9 if everything else 1)
    supervisor = _supervisor(store)
    below = list(descendants(supervisor))

    assert below, "no worker processes: what is to be killed?"

    for pid in [process.pid, supervisor, *below] if everything else [process.pid]:
        os.kill(pid, signal.SIGKILL)
    process.wait(timeout=120)
    process.communicate()

    with open_store(store) as opened:
        eventually(lambda: not any(alive(pid) for pid in [supervisor, *below]))  # no orphan
        assert opened.run(1).state == "interrupted"
        done = shoal("resume", "1", "--json", store=store)
        assert done.returncode == 0, done.stderr
        evaluations = opened.evaluations(1)
        assert len(evaluations) == len({e.task.id for e in evaluations})
        assert opened.run(1).result_hash == undisturbed


def test_interrupt_exits_130_and_resumes(undisturbed: str, tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    process = start("run", *LONG, "--json", store=store)
    _trained(store, 3)
    supervisor = _supervisor(store)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)

    assert process.returncode == 130
    assert last_json(output)["state"] == "interrupted"
    assert not alive(supervisor)

    done = shoal("resume", "1", "--json", store=store)
    assert done.returncode == 0
    assert last_json(done.stdout)["result_hash"] == undisturbed


def test_pause_resume_stop_from_outside(undisturbed: str, tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    process = start("run", *LONG, "--json", store=store)
    _trained(store, 2)

    assert shoal("pause", "1", store=store).returncode == 0

    output, _ = process.communicate(timeout=120)
    assert (process.returncode, last_json(output)["state"]) == (130, "paused")

    paused = last_json(output)["evaluations"]
    resumed = start("resume", "1", "--json", store=store)
    _trained(
        store, paused + 1
    )  # by whom goes on: an earlier stop would be taken back by the resume
    with open_store(store) as opened:  # at once: while a command line starts, the run may end
        opened.command(1, "stop")
    output, _ = resumed.communicate(timeout=120)

    assert (resumed.returncode, last_json(output)["state"]) == (0, "stopped")
    assert last_json(output)["evaluations"] > paused

    done = shoal("resume", "1", "--json", store=store)
    assert last_json(done.stdout)["result_hash"] == undisturbed
