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
    start, end = Barrier(RACERS + 1), Barrier(RACERS + 1)
    won: list[Claim] = []

    def racer(mine: Store) -> None:
        me = Owner.here()
        for _ in range(rounds):
            start.wait()
            if claim := mine.claim(me, run_id):
                won.append(claim)
            end.wait()

    with ExitStack() as stack, ThreadPoolExecutor(RACERS) as threads:
        stores = [stack.enter_context(open_store(store.raw_url)) for _ in range(RACERS)]
        done = [threads.submit(racer, mine) for mine in stores]
        try:
            for number in range(rounds):
                start.wait()
                end.wait()
                run = store.run(run_id)
                assert [(c.owner, c.epoch) for c in won] == [(run.owner, number + 1)]
                store.release(won.pop(), 1.0)
        except BaseException:
            start.abort()
            end.abort()
            raise
        for future in done:
            future.result()


def test_sixteen_race_for_one_run_and_one_wins(store: Store, tiny: Dataset) -> None:
    _race(store, tiny, 15)


@pytest.mark.slow(part="races")
def test_sixteen_race_two_hundred_times(store: Store, tiny: Dataset) -> None:
    _race(store, tiny, 200)


CROWD = """
import sys
from shoal.store import Owner, open_store
store, me = open_store(sys.argv[1]), Owner.here()
print("ready", flush=True)
for line in sys.stdin:
    claim = store.claim(me, 1)
    print(f"{claim.epoch} {claim.owner}" if claim else "lost", flush=True)
"""


@contextmanager
def _crowd(program: str, size: int, *arguments: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that have started and wait for a line."""
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(),
        )
        for _ in range(size)
    ]
    try:
        assert [_line(process) for process in crowd] == ["ready"] * size
        yield crowd
    finally:
        for process in crowd:
            process.kill()
            process.communicate()


def _environment() -> dict[str, str]:
    """Ours, and the tests can be imported."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent), *sys.path])),
    }


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def test_processes_race_for_one_run_and_one_wins(store: Store, tiny: Dataset) -> None:
    run_id, _ = store.add_run(tiny, SearchSettings())
    with _crowd(CROWD, 6, store.raw_url) as crowd:
        for number in range(1, 11):
            for process in crowd:
                _tell(process, "go")
            (won,) = [line for process in crowd if (line := _line(process)) != "lost"]
            epoch, owner = won.split()
            run = store.run(run_id)
            assert (int(epoch), owner) == (run.epoch, run.owner) == (number, run.owner)
            store.release(Claim(run_id, owner, number), 1.0)


def test_of_several_supervisors_one_drives_the_run(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with Scene(store_url, tmp_path / "home") as here:
        for _ in range(4):
            here.supervise()
        eventually(lambda: here.store.run(1).state == "finished")
        assert [process.wait() for process in here.started] == [0] * 4
        assert here.store.run(1).epoch == 1
        assert sum(event.text.startswith("Taken") for event in here.store.events(1)) == 1
        assert here.log().count("run 1: claimed") == 1


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
    """One of many users: adds a run, drives it, reads all. Returns what went well, or raises."""
    dataset = prepare(
        "tiny", pd.DataFrame({"a": range(40), "y": range(40, 80)}), DataOptions(target="y")
    )
    with open_store(url) as store:
        run_id, _ = store.add_run(dataset, SearchSettings(), name=f"user {number}")
        claim = store.claim(Owner.here(), run_id)
        assert claim
        done = 2
        for turn in range(int(transactions)):
            store.record(claim, [evaluation(turn)], [summary(turn + 1)], float(turn))
            store.heartbeat(claim, float(turn))
            assert store.run(run_id).evaluations == turn + 1 == len(store.evaluations(run_id))
            assert any(run.id == run_id for run in store.runs())
            done += 6
        store.finish(claim, "finished", seconds=1.0)
        return f"{run_id} {done + 1}"


def _busy_store(url: str, transactions: int) -> None:
    with open_store(url) as store:
        done = subprocess.run(
            [sys.executable, "-c", BUSY, url, str(transactions)],
            capture_output=True,
            text=True,
            env=_environment(),
            check=False,
        )
        answers = [line.split() for line in done.stdout.splitlines()]
        assert [answer[1:] for answer in answers] == [[str(3 + 6 * transactions)]] * 8, done.stderr
        assert sorted(int(answer[0]) for answer in answers) == list(range(1, 9))
        assert {run.evaluations for run in store.runs()} == {transactions}
        assert {run.state for run in store.runs()} == {"finished"}


def test_eight_processes_read_and_write_one_store(store_url: str) -> None:
    _busy_store(store_url, 8)


@pytest.mark.slow(part="races")
def test_eight_processes_for_a_minute(store_url: str) -> None:
    _busy_store(store_url, 700)
