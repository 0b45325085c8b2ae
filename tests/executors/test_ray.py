"""The contract of executors on a Ray cluster of two nodes, and on a Ray of our own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from test_executors import (
    HURRIED,
    PROBLEM,
    Die,
    Echo,
    ExecutorContract,
    collect,
    no_pauses,  # noqa: F401 (a fixture of all tests here)
)

import shoal
from problems.user_files import PLAIN_SHOP, TINY_SEARCH, write
from shoal.errors import ExecutorError
from shoal.executors import Evaluate, Executor, make_executor, ray_connection
from shoal.executors import ray as ray_executor
from shoal.executors.job_queue import JobQueue
from shoal.executors.ray import RayExecutor
from shoal.genome.genome import Genome
from shoal.orchestration.runner import Runner
from shoal.orchestration.supervisor import Supervisor
from shoal.problems.base import Problem
from shoal.problems.evaluation import Task
from shoal.problems.registry import find_simulation
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, RunView, open_store
from support.locations import TESTS
from support.processes import alive, descendants, eventually, last_json, uncounted
from support.processes import shoal as command

if (
    find_spec("ray") is None
):  # not imported here: it takes its settings from the environment as it is then
    pytest.skip("the extra shoal[ray] is not installed", allow_module_level=True)

HERE = os.pathsep.join([str(Path(__file__).parent), str(TESTS)])
SETTINGS = SearchSettings(
    preset="classic", population=4, generations=3, repeats=2, iterations=300, workers=2
)
OPTIONS = ["--preset", "classic", "--population", "4", "--generations", "3", "--repeats", "2"]
OPTIONS += ["--iterations", "300", "--workers", "2"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes on this machine, one CPU each, as others would have started them."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text("0" * 64)
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # listen on 127.0.0.1
        patch.setenv("PYTHONPATH", os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]))
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args=NODE)
        try:
            made.add_node(**NODE)
            patch.setenv("RAY_ADDRESS", made.address)
            yield made
        finally:
            made.shutdown()


NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}


class TestRayExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, cluster: Any) -> Iterator[Executor]:
        with RayExecutor(PROBLEM) as made:
            yield made

    @pytest.fixture
    def hurried(self, cluster: Any) -> Iterator[Executor]:
        with RayExecutor(HURRIED) as made:
            yield made


@dataclass(frozen=True)
class WhichTask:
    """Gives back the task of Ray that it ran in."""

    number: int

    def run(self, problem: TableProblem, engine: Any) -> str:
        import ray

        return str(ray.get_runtime_context().get_task_id())


def test_short_jobs_share_a_task_and_long_ones_do_not(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tasks(executor: Executor, count: int) -> Counter[str]:
        for number in range(count):
            executor.submit(WhichTask(number))
        return Counter(outcome.result for outcome in collect(executor, count))

    with RayExecutor(PROBLEM) as executor:
        assert max(tasks(executor, 200).values()) >= 10
        monkeypatch.setattr(ray_executor, "BATCH_SECONDS", 1e-9)
        assert max(tasks(executor, 20).values()) == 1


def test_a_batch_that_dies_is_split(cluster: Any, tmp_path: Path) -> None:
    with RayExecutor(PROBLEM) as executor:
        for number in range(40):  # it learns that they are short
            executor.submit(Echo(number))
        collect(executor, 40)
        for number in range(20):
            executor.submit(Die(number, str(tmp_path / "count")) if number == 7 else Echo(number))
        outcomes = {outcome.job.number: outcome for outcome in collect(executor, 20)}

    assert "ended its worker process 3 times" in (outcomes.pop(7).error or "")
    assert (tmp_path / "count").read_text() == "x" * (
        executor.MAX_DEATHS + 1
    )  # once in its batch, then alone
    assert [outcomes[n].result[0] for n in sorted(outcomes)] == [*range(7), *range(8, 20)]


@dataclass(frozen=True)
class Kernels:
    """Trains; returns whether data were writable, and how many kernels were compiled and loaded."""

    def run(self, problem: TableProblem, engine: Any) -> tuple[bool, str | None, int, int]:
        from shoal.pso.engines import kernels

        evaluation = Evaluate(Task(Genome(swarm_size=5, num_informants=2), 0)).run(problem, engine)
        compiled = sum(kernels.advance.stats.cache_misses.values())
        return (
            problem.dataset.train.x.flags.writeable,
            evaluation.error,
            compiled,
            len(kernels.advance.signatures),
        )


def test_workers_train_on_shared_read_only_data_with_kernels_from_the_cache(cluster: Any) -> None:
    problem = TableProblem(PROBLEM.dataset, SearchSettings(preset="classic", iterations=3))
    assert (
        Evaluate(Task(Genome(), 0)).run(problem, get_engine()).status == "ok"
    )  # they are in the cache now
    with RayExecutor(problem) as executor:
        executor.submit(Kernels())
        (outcome,) = collect(executor, 1)
    assert outcome.result == (False, None, 0, 1)


def test_a_connection_of_the_users_own_is_left_alone(cluster: Any) -> None:
    import ray

    with RayExecutor(PROBLEM):
        with pytest.raises(ExecutorError, match="connected to Ray already"):
            RayExecutor(PROBLEM)
        assert ray.is_initialized()
    assert not ray.is_initialized()


def test_a_node_with_another_shoal_is_refused(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executor, "__version__", "0.0.1")  # ours; the workers have their own
    with RayExecutor(PROBLEM) as executor:
        executor.submit(Echo(1))
        with pytest.raises(ExecutorError, match=r"is installed on .*, not 0\.0\.1.*shoal resume"):
            collect(executor, 1)


def _run(
    path: Path, settings: SearchSettings, leaving: Callable[[], bool] = lambda: False
) -> tuple[str | None, int]:
    with open_store(path) as store:
        run_id, _ = store.add_run(PROBLEM.dataset, settings)
        claim = store.claim(Owner.here())
        assert claim is not None
        assert Runner(store, claim, leaving).drive() == "finished"
        return store.run(run_id).result_hash, len(store.evaluations(run_id))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str | None, int]:
    """A run on local workers."""
    return _run(tmp_path_factory.mktemp("local") / "shoal.db", SETTINGS)


def _is_at_work(node: Any) -> bool:
    """Whether it computes something of ours just now."""
    (raylet,) = node.all_processes["raylet"]
    return any(_title(pid).startswith("ray::_work") for pid in descendants(raylet.process.pid))


def _title(pid: int) -> str:
    """What a process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.slow(part="results")
def test_a_node_that_dies_in_a_run_changes_nothing(
    cluster: Any,
    undisturbed: tuple[str | None, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost: list[Any] = []
    real = JobQueue.on_node_loss

    def spy(queue: JobQueue, jobs: Any, why: str) -> list[Any]:
        lost.extend(jobs)
        return real(queue, jobs, why)

    def kill_a_node() -> bool:
        with open_store(path) as store:
            (node,) = cluster.worker_nodes
            # until one dies that was at work still
            if store.run(1).evaluations and not lost and _is_at_work(node):
                cluster.remove_node(node, allow_graceful=False)
                cluster.add_node(**NODE)

        return False

    monkeypatch.setattr(JobQueue, "on_node_loss", spy)
    settings = SETTINGS.model_copy(update={"executor": "ray", "workers": None})
    # A node may have been idle whenever it was looked at: then another run begins.
    for number in range(6):
        path = tmp_path / f"{number}.db"
        assert _run(path, settings, kill_a_node) == undisturbed
        if lost:
            break
    assert lost


def test_a_lost_cluster_fails_the_run_with_what_to_do(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_connection, "LOST_SECONDS", 0.0)
    monkeypatch.setattr(ray_connection, "LOOK_SECONDS", 0.0)
    with open_store(tmp_path / "shoal.db") as store:
        store.add_run(PROBLEM.dataset, SETTINGS.model_copy(update={"executor": "ray"}))
        answers = iter([True, True])
        monkeypatch.setattr(ray_connection, "_answers", lambda address: next(answers, False))
        Supervisor(store, scope=1).loop()
        run = store.run(1)

    assert run.state == "failed"
    assert "connection to Ray is lost" in (run.error or "")
    assert "shoal resume" in (run.error or "")


def test_run_on_a_ray_of_its_own(undisturbed: tuple[str | None, int], tmp_path: Path) -> None:
    done = command("run", *OPTIONS, "--executor", "ray", "--json", store=tmp_path / "shoal.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert last_json(done.stdout)["result_hash"] == undisturbed[0]
    assert len(done.stdout.strip().splitlines()) == 1


def _drive_simulation(
    path: Path, file: Path, executor: str, before_workers: Callable[[], object] = lambda: None
) -> RunView:
    """Add a run of a user's file, or take the one that waits, drive it, and return it."""

    def make_late(problem: Problem, workers: int | None) -> Executor:
        before_workers()
        return make_executor(problem, workers)

    settings = SearchSettings.parse({**TINY_SEARCH, "executor": executor})
    with open_store(path) as store:
        if store.runs():
            store.command(1, "resume")
        else:
            store.add_run(find_simulation(f"{file}:shop"), settings)
        claim = store.claim(Owner.here())
        assert claim is not None
        Runner(store, claim, make_executor=make_late).drive()
        return store.run(1)


@pytest.mark.slow(part="results")
def test_a_users_simulation_gives_the_same_hash_on_ray(cluster: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", PLAIN_SHOP)

    local = _drive_simulation(tmp_path / "local.db", file, "local")
    on_ray = _drive_simulation(tmp_path / "ray.db", file, "ray")

    assert local.state == on_ray.state == "finished"
    assert local.result_hash == on_ray.result_hash is not None


def test_a_node_with_another_file_pauses_the_run(cluster: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "inventory.py", PLAIN_SHOP)
    store = tmp_path / "shoal.db"

    def change() -> None:
        write(file, PLAIN_SHOP.replace("price=2.0", "price=3.0"))

    paused = _drive_simulation(store, file, "ray", change)
    write(file, PLAIN_SHOP)
    finished = _drive_simulation(store, file, "ray")

    assert paused.state == "paused"
    assert "has changed since the run began" in (paused.error or "")
    assert (finished.state, finished.error) == ("finished", None)


OWN = """
import json, os, signal
from support.processes import descendants, eventually
from shoal.executors.ray import RayExecutor
from test_executors import PROBLEM, Echo, Hang, collect

if __name__ == "__main__":
    executor = RayExecutor(PROBLEM, 1)
    executor.submit(Echo(1))
    worker = collect(executor, 1)[0].result[1]
    executor.submit(Hang())
    executor.poll(0)
    pids = list(descendants(os.getpid()))
    term = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    guard = executor._connection._guard
    folder = guard.args[-2]
    said = {"pids": pids, "worker": worker, "term": term, "folder": folder, "guard": guard.pid}
    print(json.dumps(said), flush=True)
    signal.pause()
"""


def test_a_ray_of_our_own_is_private_and_dies_with_us() -> None:
    path = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", OWN],
        stdout=subprocess.PIPE,
        text=True,
        env={**uncounted("RAY_"), "PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        pids, folder = said["pids"], Path(said["folder"])
        try:
            assert said["worker"] in pids
            assert said["term"]
            assert folder.stat().st_mode & 0o777 == 0o700
            assert (folder / "token").stat().st_mode & 0o777 == 0o600
            assert len((folder / "token").read_text()) == 64
            addresses = {address for pid in (process.pid, *pids) for address in _listening(pid)}
            assert addresses
            assert addresses <= {
                "0100007F",
                "0000000000000000FFFF00000100007F",
            }  # 127.0.0.1, and as IPv6
        finally:
            process.kill()

    eventually(lambda: not folder.exists())
    assert [pid for pid in pids if alive(pid)] in (
        [],
        [said["guard"]],
    )  # what ends them is the last to go

    eventually(lambda: not alive(said["guard"]))


def _listening(pid: int) -> Iterator[str]:
    """The addresses, as the kernel writes them, that a process listens on."""
    sockets = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(file.readlink()))
        except OSError:
            continue

    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                yield fields[1].split(":")[0]


@pytest.mark.parametrize(
    ("address", "expected"), [("127.0.0.1:1", "Nothing answers"), ("ray://127.0.0.1:1", "client")]
)
def test_an_address_without_a_cluster_is_refused(
    address: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    before = set(descendants(os.getpid()))
    with pytest.raises(ExecutorError, match=expected):
        RayExecutor(PROBLEM)
    assert set(descendants(os.getpid())) == before


def test_without_ray_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.executors.find_spec", lambda name: None)
    with pytest.raises(ExecutorError, match="pip install 'shoal\\[ray\\]'"):
        shoal.search(PROBLEM.dataset, store=tmp_path / "shoal.db", executor="ray")
    code = "import sys; sys.modules['ray'] = None; from shoal.cli.main import main; main()"
    arguments = [
        sys.executable,
        "-c",
        code,
        "run",
        *OPTIONS,
        "--executor",
        "ray",
        "--store",
        str(tmp_path / "shoal.db"),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "pip install 'shoal[ray]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_ray_a_supervisor_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.executors.find_spec", lambda name: None)
    with open_store(tmp_path / "shoal.db") as store:
        store.add_run(PROBLEM.dataset, SETTINGS.model_copy(update={"executor": "ray"}))
        Supervisor(store, scope=1).loop()
        assert store.run(1).state == "failed"
        assert "pip install 'shoal[ray]'" in (store.run(1).error or "")
