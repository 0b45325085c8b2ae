"""Runs on pools whose processes are killed: Dask's over TCP, by its own commands, and MPI's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import shoal
from shoal.executors import pool_worker
from support.processes import alive, children_that_run, eventually, last_json, start
from support.processes import shoal as command

pytestmark = pytest.mark.slow(part="results")

RUN = ("run", "concrete", "--preset", "classic", "--population", "4", "--generations", "4")
RUN = (*RUN, "--repeats", "2", "--iterations", "300", "--json")


@pytest.fixture(autouse=True)
def no_folder_is_left() -> Iterator[None]:
    """As the next worker here would have it."""
    yield
    pool_worker._remove_folders_of_the_dead()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run on local workers ends in."""
    done = command(*RUN, store=tmp_path_factory.mktemp("local") / "shoal.db")
    assert done.returncode == 0, done.stderr
    return last_json(done.stdout)


def has_begun(store: Path) -> bool:
    if not store.exists():
        return False
    with shoal.open_store(store) as opened:
        return any(run.evaluations for run in opened.runs())


@contextmanager
def dask(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Dask's, until it is not needed any more."""
    with subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            # Asked to end together, a worker waits for a scheduler that is gone.
            os.killpg(process.pid, signal.SIGKILL)


def test_a_worker_of_a_scheduler_over_tcp_that_is_killed_changes_nothing(
    undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    known = tmp_path / "scheduler.json"
    store = tmp_path / "shoal.db"
    place = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(known))
    with ExitStack() as stack:
        stack.enter_context(dask("scheduler", *place))
        eventually(known.exists)
        address = eventually(lambda: json.loads(known.read_text() or "{}").get("address"))
        workers = []
        for number in range(2):
            own = ("--nthreads", "1", "--local-directory", str(tmp_path / str(number)))
            worker = dask("worker", address, "--host", "127.0.0.1", "--no-nanny", *own)
            workers.append(stack.enter_context(worker))

        run = start(*RUN, "--executor", f"dask:{address}", store=store)
        eventually(lambda: has_begun(store))
        workers[0].kill()
        out, errors = run.communicate()
    assert run.returncode == 0, errors
    assert last_json(out)["result_hash"] == undisturbed["result_hash"]


def test_a_process_of_mpi_that_is_killed_ends_the_run_which_can_be_resumed(
    undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    store = tmp_path / "shoal.db"
    run = start(*RUN, "--executor", "mpi", "--workers", "2", store=store)
    eventually(lambda: has_begun(store))
    below = children_that_run("", run.pid)
    (first, *_) = children_that_run("mpi4py.futures.server", run.pid)
    os.kill(first, signal.SIGKILL)
    _, errors = run.communicate()
    assert run.returncode == 1
    assert "the supervisor ended unexpectedly" in errors
    assert "`shoal resume 1` goes on where the run was." in errors
    eventually(lambda: not any(alive(pid) for pid in below))

    resumed = command("resume", "1", "--json", store=store)
    assert resumed.returncode == 0, resumed.stderr
    assert last_json(resumed.stdout)["result_hash"] == undisturbed["result_hash"]
