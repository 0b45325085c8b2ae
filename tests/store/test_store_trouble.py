"""What becomes of a run when its store is in trouble, for real.

The store is full, away, locked, read-only, deleted, damaged or too new.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from shoal.data import load_dataset
from shoal.errors import StoreError, StoreLostError
from shoal.executors import Evaluate, Job
from shoal.orchestration import supervisor as supervising
from shoal.orchestration.runner import Runner
from shoal.store import Owner, Store, connection, open_store
from shoal.store import tables as t
from support import postgres
from support import supervised_run as scene
from support.fakes import InlineExecutor
from support.processes import PATIENCE_SECONDS, eventually, shoal, start
from support.supervised_run import Scene, Undisturbed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return scene.undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def here(tmp_path: Path, undisturbed: Undisturbed) -> Iterator[Scene]:
    """A run on SQLite."""
    (tmp_path / "home").mkdir()
    with Scene(
        str(tmp_path / "shoal.db"), tmp_path / "home", template=undisturbed.template
    ) as made:
        yield made


# --- PostgreSQL, away -------------------------------------------------------------------------


@pytest.fixture
def server(postgres_server: postgres.Server) -> Iterator[postgres.Server]:
    """The session's server, which is up again at the end whatever happens."""
    yield postgres_server
    if not postgres_server.is_up():
        postgres_server.start()


def _restarted(server: postgres.Server, home: Path, undisturbed: Undisturbed, times: int) -> None:
    with Scene(server.new_url(), home) as here:
        process = here.supervise()
        for number in range(times):
            here.trained(1 + number * (undisturbed.evaluations - 4) // times)
            kept = here.rows()
            server.restart("immediate" if number % 2 == 0 else "fast")
            assert here.rows()[: len(kept)] == kept
        here.ended_as(undisturbed, kept)
        assert process.wait() == 0
        assert here.store.run(1).epoch == 1, "nobody had to take it over"


def test_a_server_that_restarts_is_waited_for(
    server: postgres.Server, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    _restarted(server, tmp_path, undisturbed, 3)


@pytest.mark.slow(part="races")
def test_a_server_that_restarts_ten_times(
    server: postgres.Server, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    _restarted(server, tmp_path, undisturbed, 10)


def test_a_server_away_beyond_patience_is_looked_for_again(
    server: postgres.Server, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    with Scene(server.new_url(), tmp_path) as here:
        process = here.supervise("--patience", "0.3", "--rest", "3")
        here.trained(3)
        with here.asleep(process):
            kept, working = here.rows(), here.processes()
            server.stop()
        eventually(lambda: "cannot be used" in here.log())
        # Its workers have ended.
        eventually(lambda: len(here.processes()) < len(working))
        assert process.poll() is None
        server.start()
        here.expire()
        here.ended_as(undisturbed, kept)
        assert process.wait() == 0
        assert here.store.run(1).epoch == 2, "the same supervisor took it up again"


def test_a_process_that_stands_still_in_a_transaction_stops_nobody(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ABANDONED_SECONDS", 1)
    asleep, awake, tries = Event(), Event(), []

    def work(c: sa.Connection) -> None:
        c.execute(sa.text(f"LOCK TABLE {t.event.name} IN EXCLUSIVE MODE"))
        tries.append(1)
        if len(tries) == 1:
            asleep.set()
            awake.wait()
        c.execute(sa.insert(t.event).values(level="info", text="late"))

    with open_store(postgres_url) as sleeper, open_store(postgres_url) as other:
        first, second = (
            Thread(target=sleeper.write, args=(work,)),
            Thread(target=other.event, args=("in time",)),
        )
        first.start()
        asleep.wait()
        second.start()  # waits for the lock until the server gives the sleeper up
        try:
            eventually(lambda: not second.is_alive())
        finally:
            awake.set()
            first.join()
            second.join()
        assert [event.text for event in other.events()] == ["late", "in time"]
        assert len(tries) == 2


# --- a disk that is full ----------------------------------------------------------------------

DISK_KB = 2048


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(place)]
    if shutil.which("mount") is None:
        pytest.skip("no file system may be mounted here: no mount command")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")

    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _fill(disk: Path, leave: int) -> Path:
    """A file that takes all the room but ``leave`` bytes."""
    filler = disk / "filler"
    size = shutil.disk_usage(disk).free - leave
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    return filler


class Pretended(NamedTuple):
    """A store with a queued run that only pretends to train."""

    template: Path
    # What the run comes to when nothing disturbs it.
    result_hash: str
    # By how many bytes the store grows meanwhile.
    growth: int


@pytest.fixture(scope="module")
def pretended(tmp_path_factory: pytest.TempPathFactory) -> Pretended:
    """The store, and what becomes of it."""
    folder = tmp_path_factory.mktemp("pretended")
    with open_store(folder / "queued.db") as store:
        long = scene.SETTINGS.model_copy(update={"population": 8, "generations": 8})
        store.add_run(load_dataset("concrete", preset="classic"), long)

    shutil.copy(folder / "queued.db", folder / "whole.db")
    with open_store(folder / "whole.db") as store:
        claim = store.claim(Owner.here())
        assert claim
        Runner(store, claim, make_executor=InlineExecutor).drive()
        found = store.run(1).result_hash
        assert found

    grown = (folder / "whole.db").stat().st_size - (folder / "queued.db").stat().st_size
    assert grown > 20 * 4096, "each twentieth is a page of the file at least"

    return Pretended(folder / "queued.db", found, grown)


@pytest.mark.parametrize("twentieth", range(20))
def test_a_full_disk_is_waited_for(
    twentieth: int, disk: Path, pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(pretended.template, disk / "shoal.db")
    filler = _fill(disk, 20_000 + pretended.growth * twentieth // 20)
    met: list[int] = []
    asked: list[str] = []

    def free(store: Store) -> None:
        """Somebody makes room, after a while."""
        met.append(store.run(1).evaluations)
        if len(met) == 3:
            filler.unlink()

    class Room(logging.Handler):
        """For a disk that is full before the run begins: there is nobody yet who waits for it."""

        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno == logging.ERROR:
                assert "disk is full" in record.getMessage()
                filler.unlink(missing_ok=True)
                met.append(0)

    def ask(job: Job) -> None:
        if isinstance(job, Evaluate):
            asked.append(str(job.task.id))

    with open_store(disk / "shoal.db") as store:
        make = partial(InlineExecutor, on_job=ask)
        patient = partial(Runner, wait=lambda _: free(store), make_executor=make)
        monkeypatch.setattr(supervising, "Runner", patient)
        monkeypatch.setattr(supervising, "FULL_SECONDS", 0.0)
        room = Room()
        logging.getLogger("shoal").addHandler(room)
        try:
            supervising.Supervisor(store, scope=1).loop()
        finally:
            logging.getLogger("shoal").removeHandler(room)
        run = store.run(1)
        assert met, "the disk was never full"
        assert twentieth < 5 or met[0] > 0, "it was full before the run began"
        assert not filler.exists()
        assert (run.state, run.result_hash) == ("finished", pretended.result_hash)
        assert len(asked) == len(set(asked)) == run.evaluations == len(store.evaluations(1)), (
            "computed once each"
        )
        assert store.artifact(1, "champion")
        assert store.read(lambda c: c.scalars(sa.text("PRAGMA integrity_check")).all()) == ["ok"]
        if len(met) == 3:
            assert len(set(met)) == 1, "while the disk was full, nothing came and nothing went"
            assert any("The store could not be written" in event.text for event in store.events(1))


def test_a_real_supervisor_waits_for_a_full_disk(
    disk: Path, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    (tmp_path / "home").mkdir()
    with Scene(str(disk / "shoal.db"), tmp_path / "home", template=undisturbed.template) as here:
        process = here.supervise("--rest", "3")
        here.trained(3)
        with here.asleep(process):
            filler = _fill(disk, 0)
        eventually(lambda: "waits: " in here.log())
        kept = here.rows()
        assert here.store.run(1).state == "running"
        assert kept == here.rows()
        filler.unlink()
        here.ended_as(undisturbed, kept)
        assert process.wait() == 0
        assert here.store.run(1).epoch == 1


# --- a file that others lock, forbid, delete or damage ----------------------------------------


HOLD_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Another process holds the file."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD_LOCK,
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.communicate()


def test_a_locked_file_is_waited_for(
    here: Scene, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = here.supervise("--rest", "3")
    here.trained(3)
    path = here.store.path

    assert path

    with contextlib.ExitStack() as stack:
        with here.asleep(process):
            kept = here.rows()
            stack.enter_context(_locked(path))
        monkeypatch.setattr(connection, "BUSY_SECONDS", 0.2)
        with pytest.raises(
            StoreError, match=r"is locked by another process.*What to do: close programs"
        ):
            open_store(path)
        assert process.poll() is None

    here.ended_as(undisturbed, kept)
    assert process.wait() == 0
    assert here.store.run(1).epoch == 1


def test_a_file_locked_beyond_patience_is_looked_for_again(
    tmp_path: Path, pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(supervising, "FULL_SECONDS", 0.1)
    waits, reached, locked, jobs = Event(), Event(), Event(), list[Job]()

    class Noticed(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "is locked by another process" in record.getMessage():
                waits.set()

    def ask(job: Job) -> None:
        jobs.append(job)
        if len(jobs) == 6:
            reached.set()
            locked.wait()

    noticed = Noticed()
    monkeypatch.setattr(
        supervising, "Runner", partial(Runner, make_executor=partial(InlineExecutor, on_job=ask))
    )
    with Scene(str(tmp_path / "shoal.db"), tmp_path, template=pretended.template) as here:
        here.store._database.patience = 0.2
        supervisor = supervising.Supervisor(here.store, scope=1)
        logging.getLogger("shoal").addHandler(noticed)
        with ThreadPoolExecutor(1) as threads:
            loop = threads.submit(supervisor.loop)
            try:
                assert reached.wait(PATIENCE_SECONDS)
                with _locked(tmp_path / "shoal.db"):
                    locked.set()
                    eventually(lambda: waits.is_set() or loop.done())
                here.expire()
                eventually(loop.done)
            finally:
                locked.set()
                supervisor.leave()
                logging.getLogger("shoal").removeHandler(noticed)
            loop.result()
        run = here.store.run(1)
        assert (run.state, run.result_hash, run.epoch) == ("finished", pretended.result_hash, 2)


# Root may write everywhere, unless it gives that up; other users need not.
AS_OTHERS = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)
needs_setpriv = pytest.mark.skipif(
    bool(AS_OTHERS) and shutil.which("setpriv") is None,
    reason="root, and no setpriv to give up its rights with",
)


@needs_setpriv
def test_a_read_only_file_is_read_and_what_would_write_says_so(here: Scene) -> None:
    assert here.store.path

    here.store.path.chmod(0o400)
    before = here.store.path.read_bytes()
    command = partial(shoal, store=here.store.path, home=here.home, prefix=AS_OTHERS)
    listed = command("runs")

    assert (listed.returncode, "concrete" in listed.stdout) == (0, True)

    for words in (["pause", "1"], ["resume", "1"], ["run", "--generations", "2"]):
        done = command(*words)
        assert done.returncode == 2, done.stderr
        assert "shoal.db is read-only. What to do: give this user the right to write" in done.stderr
        assert "Traceback" not in done.stderr

    assert here.store.path.read_bytes() == before


def test_a_read_only_disk(disk: Path, undisturbed: Undisturbed) -> None:
    shutil.copy(undisturbed.template, disk / "shoal.db")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with open_store(disk / "shoal.db") as store:
        assert store.run(1).state == "queued"
        with pytest.raises(StoreError, match=r"is read-only.*What to do"):
            store.claim(Owner.here())


@needs_setpriv
def test_a_store_that_may_not_be_written_any_more_ends_its_supervisor(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "home").mkdir()

    with Scene(str(place / "shoal.db"), tmp_path / "home", template=undisturbed.template) as here:
        process = here.supervise(prefix=AS_OTHERS)
        here.trained(3)
        with here.asleep(process):
            place.chmod(0o500)  # SQLite's journal has no place any more
        try:
            assert process.wait() == 1
            here.gone()
        finally:
            place.chmod(0o700)
        assert (
            "is read-only. What to do: give this user the right to write the file and its directory"
            in here.log()
        )
        assert here.store.run(1).state == "interrupted"
        kept = here.rows()
        here.resumed()
        here.ended_as(undisturbed, kept)


def _lost(here: Scene) -> None:
    """Its supervisor has noticed, ended, and says what to do."""
    (process,) = here.started
    assert process.wait() == 1
    here.gone()
    assert "is not at its place any more: its file was deleted, moved or replaced" in here.log()


def test_a_deleted_file_is_noticed_and_saved(here: Scene, undisturbed: Undisturbed) -> None:
    process, path = here.supervise("--rest", "3"), here.store.path
    here.trained(3)
    assert path

    with here.asleep(process):
        kept = here.rows()
        path.unlink()

    _lost(here)
    assert not path.exists(), "nobody made an empty one"

    with pytest.raises(StoreLostError, match=r"put it back, or the copy .* saved beside it"):
        here.store.runs()
    saved = path.with_name("shoal.db.rescued")
    assert f"saved as {saved}" in here.log()
    assert saved.stat().st_mode & 0o777 == 0o600

    saved.rename(path)
    with Scene(str(path), here.home) as again:
        assert again.rows()[: len(kept)] == kept
        again.resumed()
        again.ended_as(undisturbed, again.rows()[: len(kept)])


def test_a_replaced_file_is_left_alone(here: Scene, undisturbed: Undisturbed) -> None:
    process, path = here.supervise("--rest", "3"), here.store.path
    here.trained(3)
    assert path

    shutil.copy(undisturbed.template, path.with_name("other.db"))
    with here.asleep(process):
        path.with_name("other.db").rename(path)
    _lost(here)

    assert path.read_bytes() == undisturbed.template.read_bytes()
    assert not path.with_name("shoal.db.rescued").exists()

    with open_store(path) as other:
        assert other.runs()[0].state == "queued"


def test_a_deleted_file_ends_the_command_with_a_message(tmp_path: Path) -> None:
    store = tmp_path / "shoal.db"
    process = start("run", "--preset", "classic", "--generations", "500", store=store)
    try:
        with open_store(store) as opened:
            eventually(lambda: opened.runs() and opened.run(1).evaluations >= 1)
        store.unlink()
        _, message = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 2
    assert "shoal: The store" in message
    assert "is not at its place any more" in message
    assert "Traceback" not in message
    assert not store.exists()
    assert store.with_name("shoal.db.rescued").exists()


def test_a_missing_directory(tmp_path: Path, undisturbed: Undisturbed) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    shutil.copy(undisturbed.template, folder / "shoal.db")
    with open_store(folder / "shoal.db") as store:
        shutil.rmtree(folder)
        with pytest.raises(StoreLostError):
            store.claim(Owner.here())
        assert store.rescue() is None


def test_two_saved_copies_do_not_overwrite_each_other(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    shutil.copy(undisturbed.template, tmp_path / "shoal.db")
    with open_store(tmp_path / "shoal.db") as store:
        store.runs()
        (tmp_path / "shoal.db").unlink()
        assert [store.rescue(), store.rescue()] == [
            tmp_path / "shoal.db.rescued",
            tmp_path / "shoal.db.rescued-2",
        ]

    with open_store(tmp_path / "shoal.db.rescued-2") as saved:
        assert saved.run(1).state == "queued"


def test_a_store_of_a_newer_shoal_is_left_alone(here: Scene) -> None:
    here.store.write(
        lambda c: c.execute(sa.text(f"UPDATE {t.VERSION_TABLE} SET version_num = '9999'"))
    )
    assert here.store.path

    here.store.close()
    before = here.store.path.read_bytes()
    for command in (["runs"], ["resume", "1"], ["run", "--generations", "2"]):
        done = shoal(*command, store=here.store.path, home=here.home)
        assert done.returncode == 2
        assert "newer Shoal (schema 9999)" in done.stderr
        assert "pip install --upgrade shoal" in done.stderr

    process = here.supervise()
    assert process.wait() == 1
    assert here.store.path.read_bytes() == before


def test_a_damaged_file_is_left_alone(here: Scene, undisturbed: Undisturbed) -> None:
    path = here.store.path
    assert path

    here.store.close()
    with path.open("r+b") as file:
        page = 4096
        # All pages but the first, which says what the file is.
        for number in range(1, path.stat().st_size // page):
            file.seek(number * page)
            file.write(b"\xa5" * page)

    before = path.read_bytes()
    for command in (["runs"], ["resume", "1"], ["run", "--generations", "2"]):
        done = shoal(*command, store=path, home=here.home)
        assert done.returncode == 2
        assert "is damaged. What to do: restore it from a backup" in done.stderr
        assert "Traceback" not in done.stderr

    assert here.supervise().wait() == 1
    assert path.read_bytes() == before

    checked = shoal("doctor", store=path, home=here.home)
    assert checked.returncode == 1
    assert "damaged" in checked.stdout


def test_a_run_whose_evaluations_are_damaged_fails_and_says_so(here: Scene) -> None:
    first = here.supervise("--rest", "3")
    here.trained(3)
    with here.asleep(first):
        first.kill()
    here.gone()
    path = here.store.path

    assert path

    here.store.runs()  # what the dead one left half written is taken back
    here.store.close()
    with contextlib.closing(sqlite3.connect(path)) as raw:
        (root,) = raw.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'evaluation'"
        ).fetchone()

    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)

    second = here.supervise()
    assert second.wait() == 0

    run = here.store.run(1)
    assert run.state == "failed"
    assert "is damaged. What to do: restore it from a backup" in (run.error or "")
