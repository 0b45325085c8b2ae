"""Addresses of PostgreSQL that cannot be used are refused in a sentence, without a password."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from shoal.data import Dataset
from shoal.errors import StoreError
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, connection, open_store
from shoal.store.address import parse_url
from support import postgres
from support.fakes import InlineExecutor
from support.pooler import Pooler, pooler
from support.tables import tiny_dataset

SETTINGS = SearchSettings(preset="classic", population=4, generations=3, repeats=2, iterations=10)


@pytest.fixture(scope="module")
def tiny() -> Dataset:
    return tiny_dataset(40)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:first@tail@host/lab",
        "postgresql://ann:first@tail@tail@host/lab",
        "postgresql://ann:first@tail/tail@host/lab",
        "postgresql://ann:first/x@tail@host/lab",
        "postgresql://ann:first?x@tail@host/lab",
        "postgresql://ann:first@tail:tail@host/lab",
        "postgresql://ann:first@tail@host:5432/lab?sslmode=require",
        "postgresql://ann:first@tail@[::1]:5432/lab",
        "postgres://ann:first@tail@host",
    ],
)
def test_a_password_with_an_at_sign_is_refused_and_no_part_of_it_shown(address: str) -> None:
    with pytest.raises(StoreError, match="as %40") as caught:
        parse_url(address)
    assert "tail" not in str(caught.value)
    assert "first" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "user", "password"),
    [
        ("postgresql://ann:first%40last@host/lab", "ann", "first@last"),
        ("postgresql://ann:a/b@host/lab", "ann", "a/b"),
        ("postgresql://ann:a?b@host/lab", "ann", "a?b"),
        ("postgresql://ann:a:b#c@host/lab?application_name=a@b", "ann", "a:b#c"),
        # The user names of some providers.
        ("postgresql://ann@server:secret@host/lab", "ann@server", "secret"),
    ],
)
def test_what_can_be_read_in_one_way_only_is_read(address: str, user: str, password: str) -> None:
    url = parse_url(address)
    assert isinstance(url, sa.URL)
    assert (url.username, url.password, url.host, url.database) == (user, password, "host", "lab")


def test_an_address_without_its_colon_is_no_folder() -> None:
    with pytest.raises(StoreError, match="cannot begin with 'postgresql:'") as caught:
        parse_url("postgresql//ann:secret@host/lab")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "remedy"),
    [
        ("pgbouncer=true", "leave it out: Shoal prepares no statements"),
        ("prepare_threshold=0", "leave it out: Shoal prepares no statements"),
        ("schema=lab", "options=-csearch_path%3DNAME"),
        ("autocommit=1", "leave it out"),
        ("sslmodes=require", "leave it out"),
    ],
)
def test_an_option_of_another_program_is_refused(option: str, remedy: str) -> None:
    name = option.partition("=")[0]
    with pytest.raises(StoreError, match=f"'{name}' is no option of PostgreSQL's URLs") as caught:
        open_store(f"postgresql://ann:secret@host/lab?{option}")
    assert remedy in str(caught.value)


@pytest.mark.parametrize("option", ["connect_timeout=soon", "sslmode=odd"])
def test_a_bad_value_of_an_option_is_said(postgres_url: str, option: str) -> None:
    value = option.partition("=")[2]
    with pytest.raises(StoreError, match=f"cannot be used: .*{value}"):
        open_store(f"{postgres_url}&{option}")


# --- what a server says -----------------------------------------------------------------------


@pytest.fixture
def guarded(postgres_server: postgres.Server, postgres_url: str) -> Iterator[sa.URL]:
    """The URL of a user who needs a password."""
    name = postgres.GUARDED
    with psycopg.connect(postgres_url, autocommit=True) as control:
        control.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'first@last'")  # type: ignore[arg-type]
        yield make_url(postgres_url).set(username=name)
        control.execute(f"DROP ROLE {name}")  # type: ignore[arg-type]


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_wrong_password(guarded: sa.URL, password: str | None) -> None:
    address = guarded.set(password=password).render_as_string(hide_password=False)
    with pytest.raises(StoreError, match=r"refused the password\. What to do: check"):
        open_store(address)


def test_a_user_and_a_database_that_are_not_there(postgres_url: str) -> None:
    url = make_url(postgres_url)
    for wrong, message in (
        (url.set(username="nobody"), "refused this user"),
        (url.set(database="none"), "has no database of that name. What to do: create it"),
    ):
        with pytest.raises(StoreError, match=message):
            open_store(wrong.render_as_string())


def test_a_password_that_is_changed_is_not_waited_for(guarded: sa.URL) -> None:
    """A refusal that comes in the middle of the work is told from a server that is away."""
    address = guarded.set(password="first@last").render_as_string(hide_password=False)
    database = connection.Database(parse_url(address), "shown")
    assert database.read(lambda c: c.scalar(sa.text("SELECT 1"))) == 1

    database.engine.dispose()
    shoal = guarded.set(username="shoal").render_as_string()
    with psycopg.connect(shoal.replace("+psycopg", ""), autocommit=True) as control:
        control.execute(f"ALTER ROLE {postgres.GUARDED} PASSWORD 'other'")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="refused the password"):
        database.read(lambda c: c.scalar(sa.text("SELECT 1")))


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def other_encoding(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[tuple[str, str]]:
    """The URL of a database with another encoding, and that."""
    encoding = request.param
    name = f"other_{encoding.lower()}"
    options = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with psycopg.connect(postgres_url, autocommit=True) as control:
        control.execute(f"CREATE DATABASE {name} {options}")  # type: ignore[arg-type]
        yield make_url(postgres_url).set(database=name, query={}).render_as_string(), encoding
        control.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def test_a_database_that_lacks_characters(
    other_encoding: tuple[str, str],
    postgres_server: postgres.Server,
    tiny: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = f"{other_encoding[0]}?host={postgres_server.directory}"
    if other_encoding[1] == "LATIN1":
        with pytest.raises(StoreError, match=r"has the encoding LATIN1.*--encoding UTF8"):
            open_store(address)
        # One that an earlier version has made goes on to work.
        monkeypatch.setattr("shoal.store.migrate._check_encoding", lambda *_: None)

    with open_store(address) as store:
        latin, _ = store.add_run(tiny, SETTINGS, name="Größe")
        assert store.run(latin).name == "Größe"
        if other_encoding[1] == "SQL_ASCII":
            greek, _ = store.add_run(tiny, SETTINGS, name="価格 λ")
            assert store.run(greek).name == "価格 λ"
            return

        with pytest.raises(StoreError, match="cannot hold a character of this text"):
            store.add_run(tiny, SETTINGS, name="価格 λ")
        assert len(store.runs()) == 1


# --- a pool in between ------------------------------------------------------------------------


@pytest.fixture
def pool(postgres_server: postgres.Server) -> Iterator[Pooler]:
    # A short name: the path of a socket has at most 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="shoal-pool-"))
    with pooler(postgres_server.directory, directory) as made:
        yield made
    shutil.rmtree(directory)


def test_a_pool_in_transaction_mode_gives_the_same_result(
    pool: Pooler, postgres_url: str, postgres_server: postgres.Server, tiny: Dataset
) -> None:
    found = []
    for address in (pool.url(postgres_url), postgres_server.new_url()):
        with open_store(address) as store:
            run_id, _ = store.add_run(tiny, SETTINGS)
            claim = store.claim(Owner.here(), run_id)
            assert claim
            assert Runner(store, claim, make_executor=InlineExecutor).drive() == "finished"
            found.append((store.run(run_id).result_hash, len(store.evaluations(run_id))))

    assert pool.transactions > 20
    assert found[0] == found[1]


def test_a_pool_is_left_as_it_was(pool: Pooler, postgres_url: str) -> None:
    """A setting of the session would stay for the pool's other clients."""
    address = pool.url(postgres_url)
    with open_store(address) as store:
        assert store.runs() == []
    with psycopg.connect(address, autocommit=True, prepare_threshold=None) as other:
        for _ in range(6):
            row = other.execute("SHOW idle_in_transaction_session_timeout").fetchone()
            assert row == ("0",)
