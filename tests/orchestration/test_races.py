"""Many at once: claims have one winner, readers and writers of one store meet no error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier

import pandas as pd
import pytest

from shoal.data import DataOptions, Dataset, prepare
from shoal.settings.search_settings import SearchSettings
from shoal.store import Claim, Owner, Store, open_store
from support.processes import eventually
from support.records import evaluation, summary
from support.supervised_run import Scene
from support.tables import tiny_dataset

RACERS = 16


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    return tiny_dataset(40)


def _race(store: Store, dataset: Dataset, rounds: int) -> None:
    """Threads, each with a store of its own, race for one run, again and again."""
    run_id, _ = store.add_run(dataset, SearchSettings())

    # All racers and this thread meet at both ends of a round.
    start = Barrier(RACERS + 1)
    end = Barrier(RACERS + 1)
    claims: list[Claim] = []

    def race(own_store: Store) -> None:
        owner = Owner.here()
        for _ in range(rounds):
            start.wait()
            claim = own_store.claim(owner, run_id)
            if claim is not None:
                claims.append(claim)
            end.wait()

    with ExitStack() as stack, ThreadPoolExecutor(RACERS) as threads:
        stores = [stack.enter_context(open_store(store.raw_url)) for _ in range(RACERS)]
        racers = [threads.submit(race, own_store) for own_store in stores]

        try:
            for epoch in range(1, rounds + 1):
                start.wait()
                end.wait()

                (claim,) = claims
                run = store.run(run_id)
                assert (claim.owner, claim.epoch) == (run.owner, epoch)

                store.release(claims.pop(), 1.0)
        except BaseException:
            # Nobody may wait for a thread that is gone.
            start.abort()
            end.abort()
            raise

        for racer in racers:
            racer.result()


def test_sixteen_race_for_one_run_and_one_wins(store: Store, tiny: Dataset) -> None:
    _race(store, tiny, 15)


@pytest.mark.slow(part="races")
def test_sixteen_race_two_hundred_times(store: Store, tiny: Dataset) -> None:
    _race(store, tiny, 200)


# Claims run 1 for each line it reads, and prints how that went; argument: the store.
RACER = """
import sys
from shoal.store import Owner, open_store

store = open_store(sys.argv[1])
owner = Owner.here()
print("ready", flush=True)
for line in sys.stdin:
    claim = store.claim(owner, 1)
    if claim is None:
        print("lost", flush=True)
    else:
        print(claim.epoch, claim.owner, flush=True)
"""


@contextmanager
def _processes(program: str, count: int, *arguments: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that have started and wait for a line."""
    processes = []
    for _ in range(count):
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(),
        )
        processes.append(process)

    try:
        assert [_read_line(process) for process in processes] == ["ready"] * count
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _environment() -> dict[str, str]:
    """The environment of this process, in which the tests can be imported."""
    folders = [str(Path(__file__).parent), *sys.path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}


def _read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def _write_line(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def test_processes_race_for_one_run_and_one_wins(store: Store, tiny: Dataset) -> None:
    run_id, _ = store.add_run(tiny, SearchSettings())

    with _processes(RACER, 6, store.raw_url) as racers:
        for number in range(1, 11):
            for racer in racers:
                _write_line(racer, "go")
            answers = [_read_line(racer) for racer in racers]

            (won,) = [answer for answer in answers if answer != "lost"]
            epoch, owner = won.split()
            run = store.run(run_id)
            assert int(epoch) == run.epoch == number
            assert owner == run.owner

            store.release(Claim(run_id, owner, number), 1.0)


def test_of_several_supervisors_one_drives_the_run(store_url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()

    with Scene(store_url, home) as scene:
        for _ in range(4):
            scene.supervise()
        eventually(lambda: scene.store.run(1).state == "finished")

        assert [process.wait() for process in scene.started] == [0] * 4
        assert scene.store.run(1).epoch == 1
        assert sum(event.text.startswith("Taken") for event in scene.store.events(1)) == 1
        assert scene.log().count("run 1: claimed") == 1


# Eight users at once; arguments: the store, and transactions of each user.
BUSY = """
import os, sys
from test_races import busy

# Forked before anything is opened: eight processes for the price of one start.
for number in range(8):
    if os.fork() == 0:
        try:
            # In one piece: print may take two.
            os.write(1, f"{busy(*sys.argv[1:], str(number))}\\n".encode())
        finally:
            os._exit(0)
for _ in range(8):
    os.wait()
"""


def busy(url: str, transactions: str, number: str) -> str:
    """One of many users: adds a run, drives it, reads all.

    Returns
    -------
    str
        The run and how many calls of the store went well. A call that fails raises.
    """
    table = pd.DataFrame({"a": range(40), "y": range(40, 80)})
    dataset = prepare("tiny", table, DataOptions(target="y"))

    with open_store(url) as store:
        run_id, _ = store.add_run(dataset, SearchSettings(), name=f"user {number}")
        claim = store.claim(Owner.here(), run_id)
        assert claim
        calls = 2

        for turn in range(int(transactions)):
            store.record(claim, [evaluation(turn)], [summary(turn + 1)], float(turn))
            store.heartbeat(claim, float(turn))

            assert store.run(run_id).evaluations == turn + 1 == len(store.evaluations(run_id))
            assert any(run.id == run_id for run in store.runs())
            calls += 6

        store.finish(claim, "finished", seconds=1.0)
        return f"{run_id} {calls + 1}"


def _busy_store(url: str, transactions: int) -> None:
    """Eight processes drive a run each; every call goes well, and every run is complete."""
    with open_store(url) as store:
        process = subprocess.run(
            [sys.executable, "-c", BUSY, url, str(transactions)],
            capture_output=True,
            text=True,
            env=_environment(),
            check=False,
        )

        run_ids = []
        calls = []
        for line in process.stdout.splitlines():
            run_id, calls_of_run = line.split()
            run_ids.append(int(run_id))
            calls.append(int(calls_of_run))

        assert calls == [3 + 6 * transactions] * 8, process.stderr
        assert sorted(run_ids) == list(range(1, 9))
        assert {run.evaluations for run in store.runs()} == {transactions}
        assert {run.state for run in store.runs()} == {"finished"}


def test_eight_processes_read_and_write_one_store(store_url: str) -> None:
    _busy_store(store_url, 8)


@pytest.mark.slow(part="races")
def test_eight_processes_for_a_minute(store_url: str) -> None:
    _busy_store(store_url, 700)
