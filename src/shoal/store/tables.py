"""The tables of a store, as a new one has them; older ones are migrated to the same, which a test compares."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from shoal.store.column_types import Number

REVISION = "0003"  # what the newest migration leaves behind
VERSION_TABLE = (
    "shoal_version"  # Alembic's own default name may belong to another program of a shared database
)

version = Table(  # as Alembic makes it
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
metadata = MetaData()
Id = BigInteger().with_variant(
    Integer, "sqlite"
)  # SQLite numbers only an INTEGER PRIMARY KEY by itself
Time = Number(finite=True)  # seconds, of a clock or that something took
Json = JSON(
    none_as_null=True
)  # never JSONB: its numbers are decimals, and its keys lose their order


class now(FunctionElement[float]):  # noqa: N801  reads as the SQL function that it is
    """The database's clock, in seconds since 1970: the only clock that all machines of a store share."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # unixepoch(..., 'subsec') needs 3.42; this keeps milliseconds


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: Any, **options: Any) -> str:
    return "CAST(extract(epoch from clock_timestamp()) AS DOUBLE PRECISION)"  # now() stands still in a transaction


def _created() -> Column[float]:
    return Column("created", Time, nullable=False, default=now())


dataset = Table(
    "dataset",
    metadata,
    Column("hash", Text, primary_key=True),  # SHA-256 of ``parquet``
    Column("name", Text, nullable=False),
    Column("parquet", LargeBinary, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("columns", BigInteger, nullable=False),
    _created(),
)
run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("dataset_hash", Text, ForeignKey("dataset.hash", name="run_dataset"), nullable=False),
    Column("data_options", Json, nullable=False),
    Column("settings", Json, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Text),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("heartbeat", Time),
    Column("generations", BigInteger, nullable=False, server_default=text("0")),
    Column("evaluations", BigInteger, nullable=False, server_default=text("0")),
    Column("iterations", BigInteger, nullable=False, server_default=text("0")),
    Column("seconds", Time, nullable=False, server_default=text("0")),  # of active training
    Column("best_accuracy", Number()),  # percent
    Column("best_repeats", BigInteger),
    Column("avg_accuracy", Number()),  # percent
    _created(),
    Column("started", Time),
    Column("ended", Time),
    Column("error", Text),
    Column("result_hash", Text),
    Index("run_state", "state"),
    sqlite_autoincrement=True,  # an id that a person has seen never comes to mean another run
)
evaluation = Table(
    "evaluation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", Id, ForeignKey("run.id", name="evaluation_run"), nullable=False),
    Column("genome_hash", Text, nullable=False),
    Column("repeat", BigInteger, nullable=False),
    Column("genome", Json, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("individual", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("accuracy", Number()),  # percent
    Column("loss", Number()),
    Column("scores", Json),
    Column("iterations", BigInteger, nullable=False),
    Column("seconds", Time, nullable=False),
    Column("curve", Json, nullable=False),
    Column("error", Text),
    Column("worker", Text, nullable=False),
    _created(),
    UniqueConstraint("run_id", "genome_hash", "repeat", name="evaluation_once"),
    Index("evaluation_order", "run_id", "id"),
)
generation = Table(
    "generation",
    metadata,
    Column("run_id", Id, ForeignKey("run.id", name="generation_run"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("best", Json, nullable=False),
    Column("best_accuracy", Number()),
    Column("best_repeats", BigInteger, nullable=False),
    Column("mean_accuracy", Number()),
    Column("evaluations", BigInteger, nullable=False),
    Column("seconds", Time, nullable=False),  # the run's active seconds at its end
    _created(),
)
artifact = Table(
    "artifact",
    metadata,
    Column("run_id", Id, ForeignKey("run.id", name="artifact_run"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    _created(),
)
command = Table(
    "command",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", Id, ForeignKey("run.id", name="command_run"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    _created(),
    Column("applied", Time),
    Column("result", Text),
    UniqueConstraint("key", name="command_key"),
    Index("command_pending", "run_id", "applied"),
)
event = Table(
    "event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", Id),  # no foreign key: a late word about a deleted run is still worth reading
    Column("level", Text, nullable=False),
    Column("text", Text, nullable=False),
    _created(),
    Index("event_run", "run_id"),
)
notice = Table(
    "notice",
    metadata,
    Column("id", Id, primary_key=True),
    Column(
        "run_id", Id, nullable=False
    ),  # no foreign key: an older Shoal beside us deletes runs, and knows no notices
    Column("key", Text, nullable=False),
    Column("content", Json, nullable=False),
    _created(),
    Column("tries", BigInteger, nullable=False, server_default=text("0")),
    Column("due", Time),  # when it may be sent; NULL: it was, or never will be
    UniqueConstraint("key", name="notice_once"),
    Index("notice_due", "due"),
)
live = Table(
    "live",
    metadata,
    Column("run_id", Id, primary_key=True, autoincrement=False),  # no foreign key, as with notices
    Column("content", Json),  # what trains: a list of `RunningTraining`
    Column("updated", Time),  # when that was written
    Column("watched", Time),  # when a reader last said that somebody looks
)
supervisor = Table(
    "supervisor",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("scope", Id),  # the one run that it serves; NULL: all of them
    Column("started", Time, nullable=False),
    Column("heartbeat", Time, nullable=False),
)
