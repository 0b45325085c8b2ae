"""What the store leaves in the log: one line for each decision, and no secret."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from shoal.data import Dataset
from shoal.errors import NotOwnerError, RunStateError, StoreAwayError, StoreError
from shoal.settings.search_settings import SearchSettings
from shoal.store import LEASE_SECONDS, Claim, Owner, Store, leases, open_store
from shoal.store import connection as store_connection
from shoal.store import tables as t
from shoal.store.backup import backup
from shoal.store.connection import log_on_commit
from support import schemas
from support.tables import tiny_dataset

FIRST = Owner("first", 1, "token-of-the-first")
SECOND = Owner("second", 2, "token-of-the-second")
SETTINGS = SearchSettings(generations=3)

Line = tuple[str, str]


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    return tiny_dataset(40)


@pytest.fixture(autouse=True)
def _at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "shoal.store")


def lines(caplog: pytest.LogCaptureFixture) -> list[Line]:
    """Level and text of what was logged since the last call. No owner's token is ever in it."""
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert "token-of" not in caplog.text
    caplog.clear()
    return found


def queued(store: Store, data: Dataset, caplog: pytest.LogCaptureFixture) -> int:
    """A queued run; what was logged until then is forgotten."""
    run_id, _ = store.add_run(data, SETTINGS)
    caplog.clear()
    return run_id


def claimed(store: Store, data: Dataset, caplog: pytest.LogCaptureFixture) -> Claim:
    """A run that FIRST holds; what was logged until then is forgotten."""
    claim = store.claim(FIRST, queued(store, data, caplog))
    assert claim
    caplog.clear()
    return claim


def expire(store: Store) -> None:
    """Make every heartbeat older than the lease, by the database's clock."""
    for table in (t.run, t.supervisor):
        earlier = table.c.heartbeat - LEASE_SECONDS - 1
        store.write(
            lambda c, table=table, at=earlier: c.execute(sa.update(table).values(heartbeat=at))
        )  # type: ignore[misc]


# --- runs and claims --------------------------------------------------------------------------


def test_a_run_is_queued_claimed_and_finished(
    store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    run_id, _ = store.add_run(tiny, SETTINGS)
    assert lines(caplog) == [("INFO", f"run {run_id} was queued")]

    claim = store.claim(FIRST)
    assert claim
    assert lines(caplog) == [("INFO", f"run {run_id}: claimed by first:1, epoch 1")]

    store.finish(claim, "finished", seconds=1.0)
    assert lines(caplog) == [("INFO", f"run {run_id}: finished, let go of by first:1")]


def test_a_run_that_is_active_takes_the_place_of_a_new_one(
    store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = queued(store, tiny, caplog)
    store.add_run(tiny, SETTINGS, exclusive=True)
    assert lines(caplog) == [("INFO", f"run {run_id} is active: none added")]


def test_a_lease_that_has_ended_is_taken_over_and_the_old_claim_lost(
    store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    claim = claimed(store, tiny, caplog)
    expire(store)
    assert store.claim(SECOND)
    ((level, text),) = lines(caplog)
    assert level == "WARNING"
    start = f"run {claim.run_id}: taken over by second:2, epoch 2: the lease of first:1 has ended"
    assert text.startswith(f"{start}, last heartbeat 31.")

    with pytest.raises(NotOwnerError) as lost:
        store.heartbeat(claim, 1.0)
    situation = "running, epoch 2, owner second:2"
    text = f"run {claim.run_id}: first:1 has lost its claim, epoch 1: the run is {situation}"
    assert lines(caplog) == [("WARNING", text)]
    assert situation in str(lost.value)
    assert "token-of" not in str(lost.value)


def test_a_claim_on_a_deleted_run_is_lost(
    store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    claim = claimed(store, tiny, caplog)
    expire(store)
    store.delete(claim.run_id)
    assert lines(caplog) == [("INFO", f"run {claim.run_id} was deleted")]
    with pytest.raises(NotOwnerError):
        store.release(claim, 1.0)
    text = f"run {claim.run_id}: first:1 has lost its claim, epoch 1: the run is deleted"
    assert lines(caplog) == [("WARNING", text)]


def test_a_released_and_a_failed_run(
    store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    claim = claimed(store, tiny, caplog)
    store.release(claim, 1.0)
    assert lines(caplog) == [("INFO", f"run {claim.run_id}: released by first:1")]

    again = store.claim(FIRST)
    assert again
    caplog.clear()
    store.finish(again, "failed", seconds=1.0, error="why")
    assert lines(caplog) == [("ERROR", f"run {claim.run_id}: failed, let go of by first:1")]


def test_a_run_deleted_while_it_is_claimed_is_passed_over(
    postgres_url: str,
    tiny: Dataset,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG, "shoal.store.leases")
    with open_store(postgres_url) as store, open_store(postgres_url) as other:
        first = queued(store, tiny, caplog)
        second = queued(store, tiny, caplog)
        shown_state = leases.shown_state

        def deleted_meanwhile(row: sa.Row[object]) -> str:
            """Another process deletes the first run after it was looked at without a lock."""
            if row.id == first:
                with suppress(StoreError):
                    other.delete(first)
            return shown_state(row)

        monkeypatch.setattr(leases, "shown_state", deleted_meanwhile)
        claim = store.claim(FIRST)
    assert claim
    assert claim.run_id == second
    assert ("DEBUG", f"run {first}: another process was faster") in lines(caplog)


# --- commands ---------------------------------------------------------------------------------


def test_commands_to_a_run_that_nobody_holds(
    store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = queued(store, tiny, caplog)
    store.command(run_id, "pause")
    assert lines(caplog) == [("INFO", f"run {run_id}: pause was applied: paused")]
    store.command(run_id, "stop")
    assert lines(caplog) == [("INFO", f"run {run_id}: stop was applied: stopped")]
    with pytest.raises(RunStateError):
        store.command(run_id, "pause")
    assert lines(caplog) == [("INFO", f"run {run_id} is stopped: pause is refused")]


def test_commands_to_a_live_owner(
    store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    claim = claimed(store, tiny, caplog)
    store.command(claim.run_id, "pause")
    assert lines(caplog) == [("INFO", f"run {claim.run_id}: pause waits for the run's owner")]
    store.command(claim.run_id, "pause")
    assert lines(caplog) == [("INFO", f"run {claim.run_id}: pause: already asked for")]

    commands = store.heartbeat(claim, 1.0)
    store.finish(claim, "paused", seconds=1.0, applied=commands)
    assert lines(caplog) == [
        ("INFO", f"run {claim.run_id}: pause was applied by its owner: paused"),
        ("INFO", f"run {claim.run_id}: paused, let go of by first:1"),
    ]


def test_a_resume_supersedes(store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    claim = claimed(store, tiny, caplog)
    store.command(claim.run_id, "pause")
    caplog.clear()
    store.command(claim.run_id, "resume")
    assert lines(caplog) == [
        ("INFO", f"run {claim.run_id}: pause is superseded by a resume"),
        ("INFO", f"run {claim.run_id}: resume: already running"),
    ]


def test_a_larger_budget(store: Store, tiny: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    run_id = queued(store, tiny, caplog)
    store.extend(run_id, {"generations": 9})
    text = f"run {run_id} (queued): Goes on with more: generations 3 -> 9."
    assert lines(caplog) == [("INFO", text)]


# --- supervisors ------------------------------------------------------------------------------


def test_supervisors_come_go_and_die(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    store.register_supervisor(FIRST)
    assert lines(caplog) == [("INFO", "the supervisor first:1 is registered, for all runs")]

    expire(store)
    store.register_supervisor(SECOND, scope=7)
    assert lines(caplog) == [
        ("WARNING", "the supervisor first:1 is dead: forgotten"),
        ("INFO", "the supervisor second:2 is registered, for run 7"),
    ]

    assert not store.supervisor_heartbeat(FIRST)
    assert lines(caplog) == [("INFO", "the supervisor first:1 is not registered")]
    store.remove_supervisor(SECOND)
    assert lines(caplog) == [("INFO", "the supervisor second:2 has ended")]


# --- transactions -----------------------------------------------------------------------------


def locked() -> sa.exc.OperationalError:
    """The error of a locked SQLite file."""
    original = sqlite3.OperationalError("database is locked")
    original.sqlite_errorcode = 5
    return sa.exc.OperationalError("", None, original)


def test_a_transaction_that_is_tried_again_logs_its_decision_once(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "shoal.store")
    caplog.clear()
    logger = logging.getLogger("shoal.store.test")
    tries = []

    def work(connection: sa.Connection) -> None:
        tries.append(connection)
        log_on_commit(connection, logger, logging.INFO, "decided in try %d", len(tries))
        if len(tries) < 3:
            raise locked()

    store.write(work)
    assert lines(caplog) == [
        ("DEBUG", f"try 1 on {store.url} failed: error code 5"),
        ("DEBUG", f"try 2 on {store.url} failed: error code 5"),
        ("INFO", "decided in try 3"),
    ]


def test_a_transaction_that_is_rolled_back_has_decided_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()

    def work(connection: sa.Connection) -> None:
        log_on_commit(connection, logging.getLogger("shoal.store"), logging.ERROR, "decided")
        raise KeyError

    with pytest.raises(KeyError):
        store.write(work)
    assert lines(caplog) == []


def test_a_long_wait_is_announced_once_and_its_end_as_well(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_connection, "LONG_WAIT_SECONDS", -1.0)
    caplog.clear()
    tries = []

    def work(connection: sa.Connection) -> None:
        tries.append(connection)
        if len(tries) < 4:
            raise locked()

    store.write(work)
    waits, (level, text) = lines(caplog)
    assert waits == ("WARNING", f"waiting for {store.url}: error code 5")
    assert level == "INFO"
    assert text.startswith(f"{store.url} answers again, after 0.")


def test_an_end_of_patience(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()

    def work(connection: sa.Connection) -> None:
        raise locked()

    store._database.patience = -1.0
    with pytest.raises(StoreAwayError):
        store.write(work)
    ((level, text),) = lines(caplog)
    assert level == "WARNING"
    assert text.startswith(f"gave up on {store.url} after ")


def test_a_password_is_not_logged(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "shoal.store")
    secret = "s3cret-of-the-database"
    url = postgres_url.replace("shoal@", f"shoal:{secret}@")
    with open_store(url) as store:
        store.register_supervisor(FIRST)
        tries = []

        def work(connection: sa.Connection) -> None:
            tries.append(connection)
            if len(tries) == 1:
                connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

        store.write(work)
    with pytest.raises(StoreError):
        open_store(f"postgresql://me:{secret}@127.0.0.1:1/d?sslpassword={secret}")

    assert any("try 1 on postgresql" in record.getMessage() for record in caplog.records)
    assert any(": tables created" in record.getMessage() for record in caplog.records)
    for record in caplog.records:
        assert secret not in f"{record.getMessage()} {record.args!r}"


# --- schemas and copies -----------------------------------------------------------------------


def test_a_new_store_and_a_backup(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "shoal.db"
    with open_store(file) as store:
        (line,) = [line for line in lines(caplog) if "tables" in line[1]]
        assert line == ("INFO", f"sqlite:///{file}: tables created, schema {t.REVISION}")
        copy = tmp_path / "copy.db"
        backup(store, copy)
    assert lines(caplog)[-1] == ("INFO", f"0 runs of sqlite:///{file} were copied to {copy}")


def test_a_migration_and_the_copy_before_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "shoal.db"
    with closing(sqlite3.connect(file)) as raw:
        raw.executescript((schemas.FOLDER / "0001.sql").read_text())
    with open_store(file) as store:
        kept, migrated = [line for line in lines(caplog) if "migrat" in line[1]]
    copy = f"{file}.before-{t.REVISION}"
    assert kept == ("INFO", f"{store.url}: a copy from before the migration is kept as {copy}")
    assert migrated == ("INFO", f"{store.url}: migrated from schema 0001 to {t.REVISION}")


def test_a_deleted_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "shoal.db"
    with open_store(file) as store:
        store.runs()
        file.unlink()
        caplog.clear()
        copy = store.rescue()
    text = f"the content of the deleted sqlite:///{file} was rescued to {copy}"
    assert lines(caplog) == [("WARNING", text)]
