"""The contract of executors, on pools of other libraries."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

import shoal
from executors.test_executors import HURRIED, PROBLEM, Echo, ExecutorContract, collect, no_pauses
from shoal import executors
from shoal.data import Dataset, load_dataset
from shoal.errors import CodeChangedError, ExecutorError, SettingsError, ShoalError
from shoal.executors import (
    Executor,
    check_executor_installed,
    make_executor,
    pool_worker,
    pools,
)
from shoal.executors.futures import FutureExecutor
from shoal.executors.pool_worker import Answer, Order
from shoal.executors.pools import Pool, open_pool, pool_of
from shoal.settings.search_settings import SearchSettings
from shoal.system.child import Entry
from support.locations import TESTS
from support.processes import alive, descendants, eventually

__all__ = ["no_pauses"]

# It meets Pydantic's warnings of what will change when it is imported first.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import executorlib  # noqa: F401


@pytest.fixture(autouse=True)
def found_by_trainers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of these tests can be imported by the processes that train."""
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    )


class PoolContract(ExecutorContract):
    """The contract, on a pool that stays open between the tests; a subclass gives it."""

    @pytest.fixture
    def executor(self, pool: Any) -> Iterator[Executor]:
        with FutureExecutor(PROBLEM, pool_of(pool)) as made:
            yield made

    @pytest.fixture
    def hurried(self, pool: Any) -> Iterator[Executor]:
        with FutureExecutor(HURRIED, pool_of(pool)) as made:
            yield made


@pytest.mark.slow(part="results")
class TestThreads(PoolContract):
    """A pool of threads, which a caller made."""

    @pytest.fixture
    def pool(self) -> Iterator[Any]:
        with ThreadPoolExecutor(2) as made:
            yield made


@pytest.fixture(scope="module")
def dask_client() -> Iterator[Any]:
    """A cluster of Dask, which a caller made."""
    from distributed import Client, LocalCluster

    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
    with (
        LocalCluster(**options, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


class TestDask(PoolContract):
    @pytest.fixture
    def pool(self, dask_client: Any) -> Any:
        return dask_client.get_executor()


class PoolByName(ExecutorContract):
    """The contract, on a pool that is opened by its name, for each test anew."""

    name = ""
    options = ""

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        with FutureExecutor(PROBLEM, open_pool(self.name, self.options, 2), 2) as made:
            yield made

    @pytest.fixture
    def hurried(self) -> Iterator[Executor]:
        with FutureExecutor(HURRIED, open_pool(self.name, self.options, 2), 2) as made:
            yield made


@pytest.mark.slow(part="results")
class TestMpi(PoolByName):
    name = "mpi"


@pytest.mark.slow(part="results")
class TestExecutorlib(PoolByName):
    name = "executorlib"


@pytest.mark.slow(part="results")
class TestSlurm(PoolByName):
    """By the local executor of submitit, which runs its jobs as Slurm would, here."""

    name = "slurm"

    @pytest.fixture(autouse=True)
    def on_this_machine(self, tmp_path: Path) -> None:
        self.options = f"cluster=local,folder={tmp_path}"


# ---- Whole runs ----------------------------------------------------------------------------------

SMALL: dict[str, Any] = {
    "preset": "classic",
    "population": 4,
    "generations": 2,
    "repeats": 2,
    "iterations": 60,
    "baselines": False,
}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("concrete", preset="classic")


@pytest.fixture(scope="module")
def undisturbed(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> str | None:
    """The hash of a run on local workers."""
    store = tmp_path_factory.mktemp("local") / "shoal.db"
    return shoal.search(data, store=store, workers=2, progress=False, **SMALL).result_hash


@pytest.mark.parametrize(
    "name",
    [
        "dask",
        "executorlib",
        # Each of its jobs is a process of submitit's that starts anew.
        pytest.param("slurm", marks=pytest.mark.slow(part="results")),
    ],
)
def test_a_run_ends_in_the_same_hash_by_every_name(
    name: str,
    data: Dataset,
    undisturbed: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As of an environment that is not activated.
    monkeypatch.setenv("PATH", os.defpath)
    executor = name
    if name == "slurm":
        executor = f"slurm:cluster=local,folder={tmp_path}"
    store = tmp_path / "shoal.db"
    result = shoal.search(data, store=store, executor=executor, workers=2, progress=False, **SMALL)
    assert result.result_hash == undisturbed
    assert result.run.settings.executor == executor


MPI_RUN = """
import json
import sys
from pathlib import Path

import shoal

if __name__ == "__main__":
    data = shoal.load_dataset("concrete", preset="classic")
    settings = json.loads(sys.argv[2])
    result = shoal.search(
        data, store=sys.argv[1], executor="mpi", workers=2, progress=False, **settings
    )
    Path(sys.argv[1] + ".hash").write_text(f"{result.result_hash} {result.run.settings.executor}")
"""


def test_a_run_ends_in_the_same_hash_by_mpi(undisturbed: str | None, tmp_path: Path) -> None:
    script = tmp_path / "mpi_run.py"
    script.write_text(MPI_RUN)
    store = tmp_path / "shoal.db"
    # Where one of its processes dies, MPI ends the whole group: that of the tests, of make and of
    # the shell, unless there is one of its own. The path is that of an inactive environment.
    done = subprocess.run(
        [sys.executable, script, store, json.dumps(SMALL)],
        env={**os.environ, "PATH": os.defpath},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(f"{store}.hash").read_text() == f"{undisturbed} mpi"


def test_mpi_without_a_program_that_starts_others_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ExecutorError, match="no mpiexec on the path"):
        open_pool("mpi", "", 2)


def test_a_pool_of_the_callers_is_used_and_stays_open(
    data: Dataset, undisturbed: str | None, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as pool:
        result = shoal.search(
            data, store=tmp_path / "shoal.db", executor=pool, progress=False, **SMALL
        )
        assert pool.submit(len, "open").result() == 4
    assert result.result_hash == undisturbed
    # Any other process can resume it.
    assert result.run.settings.executor == "local"


def test_a_worker_of_dask_that_is_killed_in_a_run_changes_nothing(
    data: Dataset, undisturbed: str | None, tmp_path: Path
) -> None:
    from distributed import Client, LocalCluster

    killed = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):

        def kill_one(evaluation: Any) -> None:
            if not killed:
                killed.append(min(client.run(os.getpid).values()))
                os.kill(killed[0], signal.SIGKILL)

        result = shoal.search(
            data,
            store=tmp_path / "shoal.db",
            executor=client.get_executor(),
            on_evaluation=kill_one,
            progress=False,
            **SMALL,
        )
    assert killed
    assert result.result_hash == undisturbed
    assert all(evaluation.error is None for evaluation in result.evaluations)


OWNER = """
import sys
from concurrent.futures import ProcessPoolExecutor
from executors.test_executors import PROBLEM, Hang
from shoal.executors.futures import FutureExecutor
from shoal.executors.pools import pool_of

if __name__ == "__main__":
    executor = FutureExecutor(PROBLEM, pool_of(ProcessPoolExecutor(2)))
    for number in range(2):
        executor.submit(Hang(number))
    executor.poll(0)
    print("at work", flush=True)
    while True:
        executor.poll(0.5)
"""


def test_an_owner_that_is_killed_leaves_no_trainer_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"at work\n"

        def trainers() -> list[int]:
            return [pid for pid in descendants(owner.pid) if Entry.TRAINER in _words(pid)]

        found = eventually(lambda: trainers() if len(trainers()) == 2 else [])
        workers = [pid for pid in descendants(owner.pid) if pid not in found]
        owner.kill()
    eventually(lambda: not any(alive(pid) for pid in found))

    # Those of the standard library's pool outlive their owner.
    for pid in workers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_folders_of_workers_that_were_killed_are_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    here = socket.gethostname()
    left = [tmp_path / f"shoal-worker-{ended.pid}-{here}-{end}" for end in ("one", "two")]
    kept = [
        tmp_path / f"shoal-worker-{os.getpid()}-{here}-one",
        # On another machine with the same folder the process may be alive.
        tmp_path / f"shoal-worker-{ended.pid}-{here}-2-one",
        tmp_path / f"shoal-worker-own-{here}-one",
    ]
    for folder in (*left, *kept):
        folder.mkdir()
        (folder / "1.jobs").touch()

    own = pool_worker._Bench()._own_folder()
    assert not any(folder.exists() for folder in left)
    assert all((folder / "1.jobs").exists() for folder in kept)
    assert own.name.startswith(f"shoal-worker-{os.getpid()}-{here}-")


FORKED = """
import os
from shoal.executors import pool_worker

folder = pool_worker._bench._own_folder()
if os.fork() == 0:
    assert pool_worker._bench._own_folder() != folder
    raise SystemExit
os.wait()
print(folder, folder.is_dir())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked there")
def test_a_folder_outlives_a_fork_of_its_worker_and_goes_with_the_worker(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder, is_there = done.stdout.split()
    assert is_there == "True"
    assert Path(folder).parent == tmp_path
    assert not list(tmp_path.iterdir())


def _words(pid: int) -> str:
    """The command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@dataclass(frozen=True)
class Odd:
    """A pool that answers with what it was made with."""

    answer: Any

    def submit(self, function: Any, order: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        else:
            future.set_result(self.answer)
        return future


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer("a:1", ended="unfit", reason="Shoal 0.0.1 is installed on a, not 1"), "cannot run"),
        (ModuleNotFoundError("No module named 'shoal'"), "A worker cannot run Shoal"),
        (BrokenProcessPool("It was terminated."), "runs no jobs any more"),
        (OSError("gone"), "runs no jobs any more: OSError: gone"),
        (
            Answer(
                "a:1", ended="refused", reason=pickle.dumps(CodeChangedError("It has changed."))
            ),
            "It has changed",
        ),
    ],
)
def test_what_is_wrong_with_a_pool_is_said(answer: Any, words: str) -> None:
    with FutureExecutor(PROBLEM, Pool(cast("Any", Odd(answer)))) as executor:
        # One job that were lost again and again would be to blame; several are not.
        for number in range(6):
            executor.submit(Echo(number))
        with pytest.raises(ShoalError, match=words):
            collect(executor, 6)


def test_data_are_sent_to_a_worker_that_lacks_them_and_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = []

    class Far(Pool):
        """A pool of threads that see no folder of the executor's."""

        def submit(self, order: Order) -> Future[Answer]:
            sent.append(order.problem is not None)
            return super().submit(replace(order, folder="/nowhere"))

    with (
        ThreadPoolExecutor(1) as threads,
        FutureExecutor(PROBLEM, Far(threads)) as executor,
    ):
        for number in range(12):
            executor.submit(Echo(number))
        assert len(collect(executor, 12)) == 12
    assert sent[0] is False
    assert 1 <= sum(sent) <= 2, "the second batch may have left before the first answer"


def test_an_object_that_is_no_pool_is_refused(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match=r"is no executor.*client\.get_executor\(\)"):
        shoal.search(data, store=tmp_path / "shoal.db", executor=object(), **SMALL)
    assert not (tmp_path / "shoal.db").exists()


@pytest.mark.parametrize("name", ["dask:tcp://127.0.0.1:1", "executorlib:Nothing"])
def test_a_pool_that_cannot_be_opened_says_why(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "CONNECT_SECONDS", 0.5)
    problem = replace(PROBLEM, settings=PROBLEM.settings.model_copy(update={"executor": name}))
    with pytest.raises(ExecutorError, match="executor='"):
        make_executor(problem)


@pytest.mark.parametrize("name", ["dusk", "mpi:now", "dask:", "local:1"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="executor"):
        SearchSettings.parse({"executor": name})


@pytest.mark.parametrize("name", ["dask", "slurm", "mpi", "executorlib"])
def test_a_library_that_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "find_spec", lambda package: None)
    with pytest.raises(ExecutorError, match=rf"is not installed.*shoal\[{name}\]"):
        check_executor_installed(name)
