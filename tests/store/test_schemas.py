"""A store of every released schema opens, keeps what it holds, and goes on to the same results."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from shoal.errors import StoreError
from shoal.store import connection, open_store
from shoal.store.address import parse_url
from shoal.store.migrate import MIGRATIONS
from shoal.store.tables import REVISION, VERSION_TABLE
from shoal.tuning.champion import CHAMPION
from support import schemas

DUMPS = sorted(schemas.FOLDER.glob("*.sql"))
OLDER = [dump for dump in DUMPS if dump.stem != REVISION]
Rows = dict[str, list[dict[str, Any]]]


def write_sqlite(dump: Path, file: Path) -> str:
    with closing(sqlite3.connect(file)) as raw:
        raw.executescript(dump.read_text())
    return str(file)


def write_postgresql(dump: Path, folder: Path, url: str) -> str:
    """The tables by the migrations up to that revision, the rows out of the dump."""
    source = sa.create_engine(f"sqlite:///{write_sqlite(dump, folder / 'source.db')}")
    target = connection.make_engine(parse_url(url))
    with target.begin() as into, source.connect() as rows:
        config = Config(attributes={"connection": into})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, dump.stem)
        there = sa.MetaData()
        there.reflect(into)
        for table in there.sorted_tables:
            if table.name == VERSION_TABLE:
                continue
            for row in rows.execute(sa.text(f"SELECT * FROM {table.name}")).mappings():
                values = {
                    name: json.loads(value)
                    if isinstance(table.c[name].type, sa.JSON) and value is not None
                    else value
                    for name, value in row.items()
                }
                into.execute(sa.insert(table).values(values))
            if "id" in table.c:
                sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
                into.execute(sa.text(f"SELECT setval({sequence}, max(id)) FROM {table.name}"))

    target.dispose()
    source.dispose()
    return url


def content(url: str) -> Rows:
    """Every row of every table, but the version."""
    engine = connection.make_engine(parse_url(url))
    with engine.connect() as there:
        tables = sa.MetaData()
        tables.reflect(there)
        found: Rows = {
            table.name: sorted(
                (dict(row) for row in there.execute(sa.select(table)).mappings()), key=repr
            )
            for table in tables.sorted_tables
            if table.name != VERSION_TABLE
        }

    engine.dispose()
    return found


def dumps_and_databases(dumps: Sequence[Path]) -> list[Any]:
    """Pairs for tests of each dump on each database.

    On PostgreSQL the oldest goes through all migrations; those between are in the long form.
    """
    pairs = [pytest.param(dump, "sqlite", id=f"sqlite-{dump.stem}") for dump in dumps]
    for dump in dumps:
        marks = [] if dump in (dumps[0], dumps[-1]) else [pytest.mark.slow(part="results")]
        pairs.append(pytest.param(dump, "postgresql", id=f"postgresql-{dump.stem}", marks=marks))
    return pairs


@pytest.fixture
def place(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Writes a dump, and gives its URL."""
    if database == "sqlite":
        return lambda dump: write_sqlite(dump, tmp_path / "shoal.db")
    url = str(request.getfixturevalue("postgres_url"))
    return lambda dump: write_postgresql(dump, tmp_path, url)


def test_every_schema_is_kept() -> None:
    revisions = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    assert {dump.stem for dump in DUMPS} == revisions, "a new revision: make schema"


SQLITE_CATALOGUE = ("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL",)
POSTGRESQL_CATALOGUE = (
    "SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, "
    "is_nullable, column_default) "
    "FROM information_schema.columns WHERE table_schema = current_schema()",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()",
    "SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) FROM pg_constraint "
    "WHERE connamespace = current_schema()::regnamespace",
)


def _catalogue(url: str) -> set[str]:
    """Every table, index and constraint, as the database itself describes it."""
    engine = connection.make_engine(parse_url(url))
    is_sqlite = engine.dialect.name == "sqlite"
    queries = POSTGRESQL_CATALOGUE
    if is_sqlite:
        queries = SQLITE_CATALOGUE

    rows: list[str] = []
    schema = ""
    with engine.connect() as there:
        for query in queries:
            rows += map(str, there.execute(sa.text(query)).scalars())
        if not is_sqlite:
            schema = there.scalar(sa.text("SELECT current_schema()"))
    engine.dispose()
    return {" ".join(row.split()).replace(f"{schema}.", "") for row in rows}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_new_store_is_what_migrations_make(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == REVISION

    new, migrated = (
        str(tmp_path / name)
        if database == "sqlite"
        else request.getfixturevalue("postgres_server").new_url()
        for name in ("new.db", "migrated.db")
    )
    open_store(new).close()
    engine = connection.make_engine(parse_url(migrated))

    with engine.begin() as into:
        config = Config(attributes={"connection": into})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "head")

    engine.dispose()
    assert len(_catalogue(new)) > 15
    assert _catalogue(new) == _catalogue(migrated)


@pytest.mark.parametrize(("dump", "database"), dumps_and_databases(DUMPS))
def test_it_keeps_everything_and_goes_on_to_the_same_result(dump: Path, place: Any) -> None:
    url = place(dump)
    before = content(url)
    assert sum(map(len, before.values())) > 30

    with open_store(url) as store:
        after = content(url)
        for table, rows in before.items():
            assert [{name: row[name] for name in rows[0]} for row in after[table]] == rows, table
        states = {run.id: run.state for run in store.runs()}
        assert states == {
            schemas.FINISHED: "finished",
            schemas.INTERRUPTED: "interrupted",
            schemas.PAUSED: "paused",
        }
        known = store.evaluations(schemas.INTERRUPTED)
        whole = store.run(schemas.FINISHED)
        assert 0 < len(known) < whole.evaluations
        assert schemas.drive(store, schemas.INTERRUPTED) == "finished"
        assert store.evaluations(schemas.INTERRUPTED)[: len(known)] == known
        assert store.run(schemas.INTERRUPTED).result_hash == whole.result_hash
        assert store.artifact(schemas.INTERRUPTED, CHAMPION) is not None
        store.command(schemas.PAUSED, "resume")
        assert schemas.drive(store, schemas.PAUSED) == "finished"
        assert store.run(schemas.PAUSED).result_hash == whole.result_hash


@pytest.mark.parametrize("dump", OLDER, ids=lambda dump: dump.stem)
def test_a_copy_is_kept_of_what_is_upgraded(dump: Path, tmp_path: Path) -> None:
    url = write_sqlite(dump, tmp_path / "shoal.db")
    before = content(url)
    for _ in range(2):
        open_store(url).close()
    copy = tmp_path / f"shoal.db.before-{REVISION}"

    assert sorted(path.name for path in tmp_path.iterdir()) == ["shoal.db", copy.name]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert content(str(copy)) == before

    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [(dump.stem,)]


@pytest.mark.parametrize("dump", OLDER, ids=lambda dump: dump.stem)
def test_without_a_copy_nothing_is_upgraded(dump: Path, tmp_path: Path) -> None:
    url = write_sqlite(dump, tmp_path / "shoal.db")
    before = (tmp_path / "shoal.db").read_bytes()
    # Something that the copy cannot replace.
    (tmp_path / f"shoal.db.before-{REVISION}").mkdir()

    with pytest.raises(
        StoreError, match=r"could not be copied before it is upgraded.*nothing was changed"
    ):
        open_store(url)

    assert (tmp_path / "shoal.db").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2, "no part of a copy is left"


@pytest.mark.parametrize(("dump", "database"), dumps_and_databases(OLDER))
def test_a_process_that_had_it_open_goes_on(dump: Path, place: Any) -> None:
    """By the statements of its own version, which knows nothing of what is new."""
    url = place(dump)
    engine = connection.make_engine(parse_url(url))
    old = sa.MetaData()
    with engine.connect() as there:
        old.reflect(there)
    run, evaluation = old.tables["run"], old.tables["evaluation"]
    with open_store(url) as store:  # upgraded
        assert schemas.drive(store, schemas.INTERRUPTED) == "finished"

    with engine.begin() as there:
        rows = (
            there.execute(sa.select(evaluation).where(evaluation.c.run_id == schemas.FINISHED))
            .mappings()
            .all()
        )
        there.execute(
            sa.insert(evaluation).values({**rows[0], "id": 1_000_000, "run_id": schemas.PAUSED})
        )
        for name in ("evaluation", "generation", "artifact", "command", "event"):
            table = old.tables[name]
            there.execute(sa.delete(table).where(table.c.run_id != schemas.PAUSED))
        there.execute(sa.delete(run).where(run.c.id != schemas.PAUSED))

    engine.dispose()
    with open_store(url) as store:
        assert [view.id for view in store.runs()] == [schemas.PAUSED]
        assert len(store.evaluations(schemas.PAUSED)) == 1
        store.command(schemas.PAUSED, "resume")
        assert schemas.drive(store, schemas.PAUSED) == "finished"


def test_a_new_store_needs_no_copy(tmp_path: Path) -> None:
    for _ in range(2):
        open_store(tmp_path / "shoal.db").close()
    assert [path.name for path in tmp_path.iterdir()] == ["shoal.db"]
