"""kill -9 at any instant and every commit: nothing is lost, redone, or left behind."""

from __future__ import annotations

import contextlib
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from shoal.analysis.progress import RunPhase
from shoal.store.records import process_of
from support import supervised_run as scene
from support.processes import eventually
from support.supervised_run import Scene, Undisturbed

# The long form's: within it, what is left after a kill has ended, and a started run goes on.
ORPHAN_SECONDS, RESUME_SECONDS = 5.0, 10.0
VICTIMS = ("supervisor", "everything", "a process below")
needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="the extra shoal[ray] is not installed"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    found = scene.undisturbed(tmp_path_factory.mktemp("undisturbed"))
    assert found.commits > found.evaluations, (
        "an evaluation has a commit, and so have claim, champion and end"
    )
    return found


@pytest.fixture(scope="module")
def all_phases(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    found = scene.undisturbed(
        tmp_path_factory.mktemp("all-phases"), scene.ALL_PHASES, scene.small_table()
    )
    assert set(found.phases) == set(RunPhase)
    return found


def _scene(url: str, folder: Path, undisturbed: Undisturbed) -> Scene:
    folder.mkdir(exist_ok=True)
    return Scene(url, folder, undisturbed.settings, undisturbed.data, undisturbed.template)


def _resumed(here: Scene) -> float:
    """Check that all are dead and the store is sound; seconds until the next supervisor goes on.

    None is needed after the end.
    """
    here.gone()
    here.sound()
    state = here.store.run(1).state
    assert state in ("queued", "interrupted", "finished")
    return 0.0 if state == "finished" else here.resumed()


@dataclass(frozen=True)
class Kill:
    """Who was killed in which phase, what was recorded then, and seconds.

    ``until_gone``: until no process was left. ``until_resumed``: until another supervisor had
    recorded something.
    """

    victim: str
    phase: RunPhase | None
    recorded: list[tuple[Any, ...]]
    until_gone: float = 0.0
    until_resumed: float = 0.0


def kill_at_random(
    url: str, folder: Path, undisturbed: Undisturbed, seed: int, times: int = 1
) -> list[Kill]:
    """Kill at random instants of the evaluations."""
    chance, kills = random.Random(seed), []
    with _scene(url, folder, undisturbed) as here:
        here.supervise()
        for after in sorted(chance.sample(range(undisturbed.evaluations - 3), times)):
            here.trained(after)
            time.sleep(chance.random() * undisturbed.pace)  # anywhere in an evaluation
            kills.append(_kill_somebody(here, chance))
        here.ended_as(undisturbed, kills[-1].recorded)

    return kills


def kill_in_phase(
    url: str, folder: Path, undisturbed: Undisturbed, phase: RunPhase, seed: int
) -> Kill:
    """Kill at a random instant of a phase."""
    chance = random.Random(f"{phase} {seed}")
    with _scene(url, folder, undisturbed) as here:
        here.supervise()
        eventually(lambda: here.phase() == phase)
        time.sleep(chance.random() * undisturbed.phases[phase])  # anywhere in it
        kill = _kill_somebody(here, chance)
        here.ended_as(undisturbed, kill.recorded)

    return kill


def _kill_somebody(here: Scene, chance: random.Random) -> Kill:
    """Now. Another supervisor goes on where this one is dead."""
    victim, phase = chance.choice(VICTIMS), here.phase()
    recorded, supervisor, pids = here.rows(), here.started[-1], here.processes()
    if victim == "a process below":  # a worker, or one that serves them; nobody notices
        below = sorted(set(pids) - {supervisor.pid})
        here.kill(chance.sample(below, min(1, len(below))))
        return Kill(victim, phase, recorded)

    here.kill(pids if victim == "everything" else [supervisor.pid])
    killed = time.monotonic()
    supervisor.wait()
    here.gone()
    until_gone = time.monotonic() - killed
    assert here.rows()[: len(recorded)] == recorded
    recorded = here.rows()
    return Kill(victim, phase, recorded, until_gone, _resumed(here))


def kill_at_commit(
    url: str, folder: Path, undisturbed: Undisturbed, moment: str, number: int
) -> tuple[float, float]:
    """The supervisor kills itself there (every third time all of its workers with it)."""
    with _scene(url, folder, undisturbed) as here:
        with_all = ["--with-all"] if number % 3 == 0 else []
        supervisor = here.supervise("--die", f"{moment}:{number}", *with_all)
        assert supervisor.wait() == -signal.SIGKILL, (
            f"commit {number} was never reached: {here.log()}"
        )
        killed = time.monotonic()
        here.gone()
        seconds, recorded = time.monotonic() - killed, here.rows()
        resumed = _resumed(here)
        here.ended_as(undisturbed, recorded)
        return seconds, resumed


def _address(request: pytest.FixtureRequest, folder: Path, database: str) -> str:
    """A new place on that database."""
    if database == "postgresql":
        return str(request.getfixturevalue("postgres_server").new_url())
    folder.mkdir(exist_ok=True)
    return str(folder / "shoal.db")


@pytest.mark.parametrize(("database", "seed"), [("sqlite", 0), ("postgresql", 8)])
def test_killed_at_a_random_instant(
    database: str,
    seed: int,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    undisturbed: Undisturbed,
) -> None:
    kill_at_random(_address(request, tmp_path, database), tmp_path, undisturbed, seed)


@pytest.mark.parametrize(
    ("database", "phase"),
    [
        ("postgresql", RunPhase.CONFIRMATION),
        ("sqlite", RunPhase.CHAMPION),
        ("sqlite", RunPhase.BASELINES),
    ],
)
def test_killed_after_the_search(
    database: str,
    phase: RunPhase,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    all_phases: Undisturbed,
) -> None:
    kill_in_phase(_address(request, tmp_path, database), tmp_path, all_phases, phase, seed=1)


# Registration, an evaluation, the champion, the end: as shares of all commits.
@pytest.mark.parametrize(
    ("database", "moment", "share"),
    [
        ("sqlite", "before", 0.0),
        ("sqlite", "after", 0.93),
        ("sqlite", "before", 1.0),
        ("postgresql", "after", 0.97),
    ],
)
def test_killed_at_a_commit(
    database: str,
    moment: str,
    share: float,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    undisturbed: Undisturbed,
) -> None:
    number = 1 + round(share * (undisturbed.commits - 1))
    kill_at_commit(_address(request, tmp_path, database), tmp_path, undisturbed, moment, number)


class Tally:
    """What the long form's kills came to."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.orphaned = self.resumed = 0.0  # the longest times, in seconds
        self.begun = time.monotonic()

    def note(self, kind: str, until_gone: float, until_resumed: float) -> None:
        """Count one, and check how long it took."""
        self.kinds[kind] += 1
        self.orphaned = max(self.orphaned, until_gone)
        self.resumed = max(self.resumed, until_resumed)
        assert until_gone <= ORPHAN_SECONDS
        assert until_resumed <= RESUME_SECONDS

    def __str__(self) -> str:
        seconds = time.monotonic() - self.begun
        return (
            f"{self.kinds.total()} kills in {seconds:.0f} s: {dict(sorted(self.kinds.items()))}\n"
            f"longest until no orphan was left {self.orphaned:.2f} s, "
            f"until resumed {self.resumed:.2f} s"
        )


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Said when all are done, also when output is captured."""
    made = Tally()
    yield made
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{made}")


@pytest.mark.slow(part="kills")
def test_killed_at_every_commit(
    request: pytest.FixtureRequest, tmp_path: Path, undisturbed: Undisturbed, tally: Tally
) -> None:
    boundaries = [
        (moment, n) for n in range(1, undisturbed.commits + 1) for moment in ("before", "after")
    ]
    for number, (moment, n) in enumerate(boundaries):
        for database in ("sqlite", "postgresql") if number % 3 == 0 else ("sqlite",):
            folder = tmp_path / f"{database}-{moment}-{n}"
            url = _address(request, folder, database)
            seconds = kill_at_commit(url, folder, undisturbed, moment, n)
            tally.note(f"{database}, {moment} a commit", *seconds)

    assert tally.kinds.total() >= 80, "with those at random instants, 300"


@pytest.mark.slow(part="kills")
@pytest.mark.parametrize("seed", range(100, 155))
def test_killed_four_times_at_random_instants(
    seed: int,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    undisturbed: Undisturbed,
    tally: Tally,
) -> None:
    database = "postgresql" if seed % 4 == 0 else "sqlite"
    url = _address(request, tmp_path, database)
    for kill in kill_at_random(url, tmp_path, undisturbed, seed, times=4):
        tally.note(f"{database}, {kill.victim}", kill.until_gone, kill.until_resumed)


@pytest.mark.slow(part="kills")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_at_every_commit_of_all_phases(
    database: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    all_phases: Undisturbed,
    tally: Tally,
) -> None:
    for number in range(1, all_phases.commits + 1):
        moment = ("before", "after")[number % 2]
        folder = tmp_path / f"{moment}-{number}"
        url = _address(request, folder, database)
        seconds = kill_at_commit(url, folder, all_phases, moment, number)
        tally.note(f"{database}, {moment} a commit, all phases", *seconds)


@pytest.mark.slow(part="kills")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("phase", list(RunPhase))
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_in_a_phase(
    database: str,
    phase: RunPhase,
    seed: int,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    all_phases: Undisturbed,
    tally: Tally,
) -> None:
    url = _address(request, tmp_path, database)
    kill = kill_in_phase(url, tmp_path, all_phases, phase, seed)
    tally.note(f"{database}, in the {kill.phase}", kill.until_gone, kill.until_resumed)


def test_one_result_for_another_number_of_workers(tmp_path: Path, undisturbed: Undisturbed) -> None:
    assert scene.SETTINGS.workers != 4
    _one_result(str(tmp_path / "shoal.db"), "local", 4, tmp_path, undisturbed)


@pytest.mark.slow(part="results")
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=needs_ray)])
def test_one_result_for_all_executors_workers_and_databases(
    store_url: str, executor: str, workers: int, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    _one_result(store_url, executor, workers, tmp_path, undisturbed)


def _one_result(
    url: str, executor: str, workers: int, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    settings = scene.SETTINGS.model_copy(update={"workers": workers, "executor": executor})
    home = tmp_path / "home"
    home.mkdir()

    with Scene(url, home, settings) as here:
        here.supervise()
        here.ended_as(undisturbed, [])
        assert {row.worker for row in here.store.evaluations(1)} and here.store.run(
            1
        ).settings.workers == workers


@pytest.mark.parametrize("goes_on", [False, True], ids=["finished meanwhile", "still at work"])
def test_a_stale_owner_that_wakes_writes_nothing(
    store_url: str, goes_on: bool, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with Scene(store_url, home, template=undisturbed.template) as here:
        first = here.supervise("--rest", "4")
        here.trained(4)
        with here.asleep(first):
            stale, workers, kept = here.store.run(1), here.processes(), here.rows()
            assert stale.state == "running", (
                "a process that stands still is no dead one until its lease is over"
            )
            here.expire()
            assert here.store.run(1).state == "interrupted"
            here.resumed()
            if not goes_on:
                eventually(lambda: here.store.run(1).state == "finished")
        assert first.wait() == 0
        here.gone()
        assert len(workers) > 1
        process = process_of(stale.owner)
        lost = f"run 1: lost to another supervisor: {process} does not own run 1 any more"
        assert lost in here.log()
        here.ended_as(undisturbed, kept)
        assert here.store.run(1).epoch == 2


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
def test_a_short_lack_of_memory_changes_nothing(undisturbed: Undisturbed, tmp_path: Path) -> None:
    # As with vm.overcommit_memory=2, or `ulimit -v` of batch systems: no new mapping is possible.
    with _scene(str(tmp_path / "shoal.db"), tmp_path / "home", undisturbed) as here:
        # It waits, so that there is work left when the limit is there.
        supervisor = here.supervise("--sleep", "8")
        eventually(lambda: scene.stands_still(supervisor))
        _limit_memory(set(here.processes()) - {supervisor.pid}, 100_000_000)
        supervisor.send_signal(signal.SIGCONT)

        def noticed() -> bool:
            _limit_memory(set(here.processes()) - {supervisor.pid}, 100_000_000)
            return "short of something" in here.log() or "time 1; again" in here.log()

        eventually(noticed)
        _limit_memory(set(here.processes()) - {supervisor.pid}, resource.RLIM_INFINITY)
        here.ended_as(undisturbed, [])
        assert not [e.error for e in here.store.evaluations(1) if e.error]


def _limit_memory(pids: set[int], size: int) -> None:
    """Limit the address space of processes, some of which may be ending."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
