"""The contract of executors, on local workers: every job has one outcome, whatever dies."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import forkserver as standard_forkserver
from pathlib import Path
from typing import Any

import pytest

from shoal.data import load_dataset
from shoal.errors import SimulationError
from shoal.executors import Executor, LocalExecutor, Outcome, job_queue
from shoal.executors.job_queue import JobQueue
from shoal.problems.table import TableProblem
from shoal.settings.search_settings import SearchSettings
from shoal.system import forkserver
from support.locations import TESTS
from support.processes import PATIENCE_SECONDS, alive, children_that_run, descendants, eventually

PROBLEM = TableProblem(
    load_dataset("concrete", preset="classic"), SearchSettings(preset="classic", engine="reference")
)
HURRIED = replace(PROBLEM, settings=PROBLEM.settings.model_copy(update={"deadline": 3.0}))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a machine that is short of nothing."""
    monkeypatch.setattr(job_queue, "PAUSES", (0.0, 0.0))


@dataclass(frozen=True)
class Echo:
    """A job that gives back its number and its process."""

    number: int

    def run(self, problem: TableProblem, engine: Any) -> tuple[int, int]:
        assert len(problem.dataset.train.x) == 721
        return self.number, os.getpid()


@dataclass(frozen=True)
class Raise:
    number: int

    def run(self, problem: TableProblem, engine: Any) -> None:
        raise ValueError(f"job {self.number}")


def _not_importable() -> None:
    raise ImportError("cannot import name 'new' from 'shoal.old'")


class Unreadable:
    """A job that no worker can load, as where its module was changed."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _not_importable, ()

    def run(self, problem: TableProblem, engine: Any) -> None:
        raise AssertionError


class Loaded:
    """Which modules its worker has."""

    def run(self, problem: TableProblem, engine: Any) -> set[str]:
        return set(sys.modules)


@dataclass(frozen=True)
class Die:
    """Kills its worker; only the first ``times`` times when it has a file to count in."""

    number: int
    count_in: str = ""
    times: int = 10**9

    def run(self, problem: TableProblem, engine: Any) -> str:
        if self.count_in:
            with Path(self.count_in).open("a") as file:
                file.write("x")
            if len(Path(self.count_in).read_text()) > self.times:
                return "survived"
        os.kill(os.getpid(), signal.SIGKILL)
        return "unreachable"


def _short_of_memory() -> None:
    raise MemoryError("Unable to allocate 78.4 KiB")


def _short_of_threads() -> None:
    raise RuntimeError("can't start new thread")


def _short_of_files() -> None:
    try:
        raise OSError(errno.EMFILE, "Too many open files")
    except OSError as error:
        raise SimulationError("The simulation raised something.") from error


@dataclass(frozen=True)
class Short:
    """Meets a shortage the first ``times`` times."""

    number: int
    count_in: str
    times: int
    shortage: Callable[[], None] = _short_of_memory

    def run(self, problem: TableProblem, engine: Any) -> str:
        with Path(self.count_in).open("a") as file:
            file.write("x")
        if len(Path(self.count_in).read_text()) <= self.times:
            self.shortage()
        return "done"


@dataclass(frozen=True)
class Stall:
    """Hangs the first ``times`` times."""

    number: int
    count_in: str
    times: int

    def run(self, problem: TableProblem, engine: Any) -> str:
        with Path(self.count_in).open("a") as file:
            file.write("x")
        if len(Path(self.count_in).read_text()) <= self.times:
            signal.pause()
        return "done"


@dataclass(frozen=True)
class Hang:
    number: int = 0

    def run(self, problem: TableProblem, engine: Any) -> None:
        signal.pause()


def collect(executor: Executor, count: int) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def all_there() -> bool:
        outcomes.extend(executor.poll(0.5))
        return len(outcomes) >= count

    eventually(all_there)
    assert executor.poll(0.0) == []
    return outcomes


class ExecutorContract:
    """What every executor keeps; a subclass gives the fixture."""

    def test_every_job_has_one_outcome(self, executor: Executor) -> None:
        for number in range(25):
            executor.submit(Echo(number))
        outcomes = collect(executor, 25)
        assert sorted(o.result[0] for o in outcomes) == list(range(25))
        assert all(o.error is None and o.worker for o in outcomes)
        assert os.getpid() not in {o.result[1] for o in outcomes}

    def test_raising_job_has_an_error_and_hurts_nobody(self, executor: Executor) -> None:
        for job in (Raise(1), Echo(2), Raise(3), Echo(4)):
            executor.submit(job)
        outcomes = {o.job.number: o for o in collect(executor, 4)}
        assert outcomes[1].error == "ValueError: job 1"
        assert outcomes[3].error == "ValueError: job 3"
        assert outcomes[2].result[0] == 2
        assert outcomes[4].result[0] == 4

    def test_a_shortage_costs_no_job(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(Short(0, str(tmp_path / "files"), 1, _short_of_files))
        executor.submit(Short(1, str(tmp_path / "threads"), 2, _short_of_threads))
        for number in range(2, 5):
            executor.submit(Echo(number))
        outcomes = {o.job.number: o for o in collect(executor, 5)}
        assert [outcomes[number].error for number in range(5)] == [None] * 5
        assert [outcomes[number].result for number in range(2)] == ["done"] * 2

    def test_a_job_that_never_finds_enough_gets_a_sentence(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        executor.submit(Short(0, str(tmp_path / "count"), times=10**9))
        for number in range(1, 4):
            executor.submit(Echo(number))
        outcomes = {o.job.number: o for o in collect(executor, 4)}

        error = outcomes[0].error or ""
        assert error.startswith("MemoryError: Unable to allocate 78.4 KiB")
        assert "What to do: " in error
        tries = len((tmp_path / "count").read_text())
        # Once beside others, then alone.
        assert executor.MAX_DEATHS <= tries <= executor.MAX_DEATHS + 1
        assert all(outcomes[number].error is None for number in range(1, 4))

    def test_worker_that_dies_costs_no_job(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(Die(0, str(tmp_path / "count"), times=1))
        for number in range(1, 6):
            executor.submit(Echo(number))
        outcomes = {o.job.number: o for o in collect(executor, 6)}
        assert outcomes[0].result == "survived"
        assert all(outcomes[n].result[0] == n for n in range(1, 6))

    def test_job_that_always_kills_gets_an_error_and_the_innocent_none(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        counts = tmp_path / "count"
        executor.submit(Die(0, str(counts)))
        for number in range(1, 6):
            executor.submit(Echo(number))
        outcomes = {o.job.number: o for o in collect(executor, 6)}

        assert "3 times" in (outcomes[0].error or "")
        assert (
            executor.MAX_DEATHS <= len(counts.read_text()) <= executor.MAX_DEATHS + 1
        )  # once beside others, then alone
        assert all(outcomes[n].error is None for n in range(1, 6))

    def test_a_job_that_hangs_is_ended_and_the_others_are_done(
        self, hurried: Executor, tmp_path: Path
    ) -> None:
        hurried.submit(Stall(0, str(tmp_path / "once"), times=1))
        hurried.submit(Stall(1, str(tmp_path / "ever"), times=10**9))
        for number in range(2, 5):
            hurried.submit(Echo(number))
        outcomes = {o.job.number: o for o in collect(hurried, 5)}

        assert outcomes[0].result == "done"
        assert "deadline of 3 s, 3 times" in (outcomes[1].error or "")
        assert (tmp_path / "ever").read_text() == "x" * hurried.MAX_DEATHS
        assert all(outcomes[n].result[0] == n for n in range(2, 5))

    def test_a_worker_that_dies_idle_costs_nothing(self, executor: Executor) -> None:
        for number in range(4):
            executor.submit(Echo(number))
        for pid in {outcome.result[1] for outcome in collect(executor, 4)}:
            with suppress(
                ProcessLookupError
            ):  # the pool, broken by the first, may have ended it already
                os.kill(pid, signal.SIGKILL)
            eventually(lambda pid=pid: not alive(pid))

        for number in range(4):
            executor.submit(Echo(number))
        assert sorted(outcome.result[0] for outcome in collect(executor, 4)) == [0, 1, 2, 3]

    def test_it_says_what_is_under_way(self, executor: Executor) -> None:
        assert executor.under_way() == ()
        for watched in (True, True, False, False, True):
            executor.set_watched(watched)
        jobs = [Hang(number) for number in range(3)]
        for job in jobs:
            executor.submit(job)

        def working() -> bool:
            assert executor.poll(0.1) == []
            return [progress.job for progress in executor.under_way()] == jobs[:2]

        eventually(working)  # two workers
        assert all(
            (p.iteration, p.frame) == (0, None) and p.seconds >= 0 for p in executor.under_way()
        )
        executor.close()
        assert executor.under_way() == ()

    def test_what_is_done_is_not_under_way(self, executor: Executor) -> None:
        executor.submit(Echo(0))
        collect(executor, 1)
        assert executor.under_way() == ()

    def test_close_ends_hanging_work_and_leaves_no_process(self, executor: Executor) -> None:
        before = set(descendants(os.getpid()))
        for _ in range(3):
            executor.submit(Hang())
        assert executor.poll(0.0) == []
        workers = eventually(lambda: set(descendants(os.getpid())) - before)
        executor.close()
        eventually(lambda: not any(alive(pid) for pid in workers - _shared_trackers()))


def _shared_trackers() -> set[int]:
    """The resource tracker and the fork server: one for all pools, which end with their process."""
    return {*children_that_run("resource_tracker"), *children_that_run("forkserver")}


class TestJobQueue:
    """Who runs beside whom, and what is held against them."""

    def test_suspects_run_alone_and_first(self) -> None:
        queue, jobs = JobQueue(), [Echo(n) for n in range(5)]
        for job in jobs:
            queue.add(job)
        running = queue.take(0, limit=2, count=3)

        assert running == jobs[:3]
        assert queue.take(2, limit=2) == []
        assert queue.on_worker_death(running, "dead", beside=1) == []
        assert queue.take(1, limit=2) == [], "the other one still runs"

        for job in jobs[:3]:
            assert queue.take(0, limit=2, count=3) == [job]
            assert queue.take(1, limit=2) == [], "a suspect has no company"
            queue.done(job)

        assert queue.take(0, limit=2, count=3) == jobs[3:]

    def test_only_deaths_without_company_count(self) -> None:
        queue, job = JobQueue(), Echo(0)
        for _ in range(10):
            assert queue.on_worker_death([job], "dead", beside=1) == []
            assert queue.take(0, limit=1) == [job]

        for _ in range(Executor.MAX_DEATHS - 1):
            assert queue.on_worker_death([job], "dead") == []
            assert queue.take(0, limit=1) == [job]

        assert queue.on_worker_death([job], "dead") == [Outcome(job, error="dead")]
        assert len(queue) == 0

    def test_what_was_held_against_a_job_ends_with_it(self) -> None:
        queue, job = JobQueue(), Echo(0)
        for _ in range(5):  # the same object, as a later job may be at the same address
            for _ in range(Executor.MAX_DEATHS - 1):
                assert queue.on_worker_death([job], "dead") == []
                queue.take(0, limit=1)
            queue.done(job)

        for _ in range(2):
            for deaths in range(1, Executor.MAX_DEATHS + 1):
                assert bool(queue.on_worker_death([job], "dead")) == (deaths == Executor.MAX_DEATHS)
                queue.take(0, limit=1)

    def test_jobs_of_a_machine_that_died_keep_company_until_it_happens_again_and_again(
        self,
    ) -> None:
        queue, jobs = JobQueue(), [Echo(n) for n in range(3)]
        for _ in range(Executor.MAX_DEATHS - 1):
            assert queue.on_node_loss(jobs, "lost") == []
            assert queue.take(0, limit=1, count=9) == jobs

        assert queue.on_node_loss(jobs, "lost") == []

        for _ in range(Executor.MAX_DEATHS):
            assert queue.take(0, limit=1, count=9) == jobs[:1]
            outcomes = queue.on_node_loss(jobs[:1], "lost")

        assert outcomes == [Outcome(jobs[0], error="lost")]
        assert queue.take(0, limit=1, count=9) == jobs[1:2]


class TestLocalExecutor(ExecutorContract):
    @pytest.fixture
    def hurried(self) -> Iterator[Executor]:
        with LocalExecutor(HURRIED, 2) as made:
            yield made

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        with LocalExecutor(PROBLEM, 2) as made:
            yield made

    def test_a_job_that_no_worker_can_read_says_why(self, executor: Executor) -> None:
        executor.submit(Unreadable())
        executor.submit(Echo(1))
        outcomes = {type(o.job): o for o in collect(executor, 2)}
        error = outcomes[Unreadable].error or ""
        assert "could not read it, 3 times" in error
        assert "ImportError: cannot import name 'new' from 'shoal.old'" in error
        assert outcomes[Echo].error is None

    @pytest.mark.skipif(not forkserver.HAS_SERVER, reason="workers are spawned")
    def test_a_worker_has_what_a_run_needs_to_its_end(self, executor: Executor) -> None:
        # What is imported later could be of a newer Shoal.
        executor.submit(Loaded())
        (outcome,) = collect(executor, 1)
        assert {"shoal.tuning.champion", "shoal.tuning.baselines"} <= outcome.result


def test_a_fork_server_that_dies_while_it_is_asked_for_a_worker_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forkserver.warm_up()
    (server,) = eventually(lambda: children_that_run("forkserver"))
    connect = standard_forkserver.connect_to_new_process
    asked = []

    def asked_in_vain(fds: Any) -> Any:
        ends = connect(fds)
        asked.append(ends)
        if len(asked) == 1:  # it stands still, so that it has not answered
            os.kill(server, signal.SIGKILL)
            eventually(lambda: not alive(server))
        return ends

    assert forkserver.is_ready(PATIENCE_SECONDS)
    os.kill(server, signal.SIGSTOP)
    monkeypatch.setattr(standard_forkserver, "connect_to_new_process", asked_in_vain)
    with LocalExecutor(PROBLEM, 2) as executor:
        for number in range(4):
            executor.submit(Echo(number))
        assert sorted(outcome.result[0] for outcome in collect(executor, 4)) == [0, 1, 2, 3]
    assert len(asked) > 1
    assert server not in children_that_run("forkserver")


@pytest.mark.skipif(
    not forkserver.HAS_SERVER, reason="workers are forked from a server on Linux only"
)
def test_nobody_waits_while_the_fork_server_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = threading.Event()
    monkeypatch.setattr(forkserver, "_ready", compiled)
    monkeypatch.setattr(forkserver, "_first_child", [threading.current_thread()])

    with LocalExecutor(PROBLEM, 1) as executor:
        executor.submit(Echo(1))
        assert executor.poll(0.0) == []
        assert executor.under_way() == ()
        compiled.set()
        (outcome,) = collect(executor, 1)

    assert outcome.result[0] == 1


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        """
print("here", flush=True)
import shoal
settings = dict(generations=1, population=2, repeats=1, iterations=2, workers=2, baselines=False)
run = shoal.search(shoal.load_dataset("concrete"), store="shoal.db", **settings)
print(run.result_hash)
"""
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr

    first, result_hash = done.stdout.split()
    assert (first, len(result_hash)) == ("here", 64)


def test_workers_die_with_the_process_that_made_them() -> None:
    code = """
import os, sys
sys.path[:0] = sys.argv[1:]
from test_executors import PROBLEM, Hang, descendants, eventually
from shoal.executors import LocalExecutor
executor = LocalExecutor(PROBLEM, 2)
executor.submit(Hang()); executor.submit(Hang())
print(*eventually(lambda: list(descendants(os.getpid()))), flush=True)
import signal; signal.pause()
"""
    arguments = [sys.executable, "-c", code, str(Path(__file__).parent), str(TESTS)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert workers
        process.kill()
        process.wait()
        eventually(lambda: not any(alive(pid) for pid in workers))


def test_only_as_many_workers_start_as_there_is_work_for() -> None:
    with LocalExecutor(PROBLEM, workers=50) as executor:
        for jobs in (3, 1, 6):
            for number in range(jobs):
                executor.submit(Echo(number))
            collect(executor, jobs)
            assert executor._pool is not None
            started = len(executor._pool._processes)
            assert started == max(3, jobs)
