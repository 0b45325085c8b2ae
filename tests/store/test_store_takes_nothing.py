"""A store that takes nothing for a while is waited for, and one that is short of something.

A quota, a server that is read-only, and a server without memory are the like of a full disk.
"""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from shoal.data import Dataset
from shoal.errors import StoreAwayError, StoreError, StoreFullError
from shoal.executors import Evaluate, Job
from shoal.orchestration import supervisor as supervising
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, connection, open_store
from support.fakes import InlineExecutor
from support.tables import tiny_dataset

SETTINGS = SearchSettings(preset="classic", population=4, generations=3, repeats=2, iterations=10)
# So many trainings are recorded before the trouble begins.
BEFORE = 6


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    return tiny_dataset(40)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tiny: Dataset) -> tuple[str | None, int]:
    """Result hash and number of evaluations of a run that nothing disturbs."""
    with open_store(tmp_path_factory.mktemp("whole") / "shoal.db") as store:
        run_id, _ = store.add_run(tiny, SETTINGS)
        claim = store.claim(Owner.here(), run_id)
        assert claim
        Runner(store, claim, make_executor=InlineExecutor).drive()
        run = store.run(run_id)
        return run.result_hash, run.evaluations


def drive_through(
    store: Store,
    begin: Callable[[], None],
    end: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> list[int]:
    """Drive run 1 by a supervisor through trouble; evaluations at each wait for its end."""
    asked: list[str] = []
    waits: list[int] = []

    def ask(job: Job) -> None:
        if isinstance(job, Evaluate):
            asked.append(str(job.task.id))
            if len(asked) == BEFORE:
                begin()

    def wait(_: float) -> None:
        waits.append(store.run(1).evaluations)
        if len(waits) == 3:
            end()

    make = partial(InlineExecutor, on_job=ask)
    monkeypatch.setattr(supervising, "Runner", partial(Runner, wait=wait, make_executor=make))
    supervising.Supervisor(store, scope=1).loop()
    assert len(asked) == len(set(asked)), "each was computed once"
    return waits


def ended_as(undisturbed: tuple[str | None, int], store: Store) -> None:
    run = store.run(1)
    assert (run.state, run.result_hash, run.epoch) == ("finished", undisturbed[0], 1)
    assert run.evaluations == len(store.evaluations(1)) == undisturbed[1]
    assert any("could not be written; the run waited" in event.text for event in store.events(1))


# --- SQLite, a quota --------------------------------------------------------------------------


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """No file grows beyond that: writing fails by EFBIG, as it fails by EDQUOT under a quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_quota_is_waited_for(
    tmp_path: Path,
    tiny: Dataset,
    undisturbed: tuple[str | None, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "shoal.db"
    with open_store(path) as store:
        store.add_run(tiny, SETTINGS)
        quota = _largest_file(path.stat().st_size)

        waits = drive_through(
            store, quota.__enter__, lambda: quota.__exit__(None, None, None), monkeypatch
        )

        assert len(waits) == 3
        assert len(set(waits)) == 1, "nothing came and nothing went"
        ended_as(undisturbed, store)
        assert store.read(lambda c: c.scalars(sa.text("PRAGMA integrity_check")).all()) == ["ok"]


def test_a_quota_is_said(tmp_path: Path, tiny: Dataset) -> None:
    path = tmp_path / "shoal.db"
    with open_store(path) as store:
        store.add_run(tiny, SETTINGS)
        with (
            _largest_file(path.stat().st_size),
            pytest.raises(StoreFullError, match=r"a quota is used up.*what runs waits for it"),
        ):
            store.add_run(tiny_dataset(4000), SETTINGS)
        assert len(store.runs()) == 1


# --- PostgreSQL, read-only --------------------------------------------------------------------


@pytest.fixture
def set_read_only(postgres_url: str) -> Iterator[Callable[[str], None]]:
    """Makes the server's database read-only ("on") or writable ("off"), as providers do."""
    writes = "-c default_transaction_read_only=off"

    def change(value: str) -> None:
        with psycopg.connect(postgres_url, autocommit=True, options=writes) as control:
            control.execute(
                f"ALTER DATABASE postgres SET default_transaction_read_only = {value}"  # type: ignore[arg-type]
            )
            control.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
            )

    yield change
    change("DEFAULT")


def test_a_read_only_server_is_waited_for(
    postgres_url: str,
    set_read_only: Callable[[str], None],
    tiny: Dataset,
    undisturbed: tuple[str | None, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_store(postgres_url) as store:
        store.add_run(tiny, SETTINGS)

        waits = drive_through(
            store, partial(set_read_only, "on"), partial(set_read_only, "off"), monkeypatch
        )

        assert len(waits) == 3
        assert len(set(waits)) == 1
        ended_as(undisturbed, store)


def test_a_read_only_server_is_read_and_a_command_says_so(
    postgres_url: str, set_read_only: Callable[[str], None], tiny: Dataset
) -> None:
    with open_store(postgres_url) as store:
        store.add_run(tiny, SETTINGS)
        set_read_only("on")
        assert store.run(1).state == "queued"
        with pytest.raises(StoreFullError, match=r"is read-only for now.*take writes again"):
            store.command(1, "pause")


# --- by SQLSTATE ------------------------------------------------------------------------------


def _raise(state: str, message: str) -> Callable[[sa.Connection], object]:
    """Has the server raise an error of that SQLSTATE."""
    body = f"BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{state}'; END"
    return lambda c: c.exec_driver_sql(f"DO $$ {body} $$")


@pytest.mark.parametrize(
    ("state", "message", "kind"),
    [
        ("53000", "insufficient resources", StoreAwayError),
        ("53200", "out of memory", StoreAwayError),
        ("53300", "too many connections", StoreAwayError),
        ("53400", "temporary file size exceeds temp_file_limit", StoreAwayError),
        ("57014", "canceling statement due to statement timeout", StoreAwayError),
        ("58000", "system error", StoreAwayError),
        ("58030", "could not fsync file: Input/output error", StoreAwayError),
        ("25006", "cannot execute INSERT in a read-only transaction", StoreFullError),
        ("53100", "could not extend file: No space left on device", StoreFullError),
        ("XX000", "could not extend file: Disk quota exceeded", StoreFullError),
        ("XX000", "could not write to file: File too large", StoreFullError),
    ],
)
def test_what_passes_is_told_from_what_stays(
    postgres_url: str, state: str, message: str, kind: type[StoreError]
) -> None:
    with open_store(postgres_url) as store:
        store._database.patience = 0.0
        with pytest.raises(kind):
            store.write(_raise(state, message))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("58P01", "could not open file: No such file or directory"),
        ("XX000", "cache lookup failed"),
        ("XX001", "invalid page in block 1"),
        ("42501", "permission denied"),
    ],
)
def test_what_stays_is_not_waited_for(postgres_url: str, state: str, message: str) -> None:
    with open_store(postgres_url) as store:
        with pytest.raises(StoreError) as caught:
            store.write(_raise(state, message))
        assert type(caught.value) is StoreError


@pytest.mark.parametrize(
    ("code", "waited_for"),
    [
        (sqlite3.SQLITE_IOERR_WRITE, True),
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_IOERR_TRUNCATE, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR_READ, False),
        (sqlite3.SQLITE_IOERR_SHORT_READ, False),
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_READONLY, False),
    ],
)
def test_sqlites_errors_of_writing_are_told_from_those_of_reading(
    code: int, waited_for: bool
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    assert (connection._error_code(error) in connection._FULL_CODES) is waited_for
