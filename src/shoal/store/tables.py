"""The tables of a store, as a new store has them.

Older stores are migrated to the same tables, which a test compares. Each column's meaning and unit
stands above it. Times are seconds since 1970 by the database's clock; durations are seconds.
"""

from __future__ import annotations

import hashlib
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

# The revision that the newest migration leaves behind.
REVISION = "0005"
# Alembic's own default name may belong to another program of a shared database.
VERSION_TABLE = "shoal_version"

# The table of the revision, as Alembic makes it.
version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
metadata = MetaData()

# SQLite numbers only an INTEGER PRIMARY KEY by itself.
Id = BigInteger().with_variant(Integer, "sqlite")
# Seconds, of a clock or of a duration.
Time = Number(finite=True)
# Never JSONB: its numbers are decimals, and its keys lose their order.
Json = JSON(none_as_null=True)


class now(FunctionElement[float]):  # noqa: N801  reads as the SQL function that it is
    """The database's clock, in seconds since 1970.

    It is the only clock that all machines of a store share.
    """

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **options: Any) -> str:
    # Milliseconds. unixepoch(..., 'subsec') needs SQLite 3.42.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: Any, **options: Any) -> str:
    # PostgreSQL's own now() stands still in a transaction.
    return "CAST(extract(epoch from clock_timestamp()) AS DOUBLE PRECISION)"


def _created() -> Column[float]:
    """When the row was written; seconds since 1970."""
    return Column("created", Time, nullable=False, default=now())


# The hash of nothing: what runs refer to that have no table. Their foreign key needs a row.
NO_TABLE = hashlib.sha256(b"").hexdigest()

# A table that runs train on. Runs share it; it goes with the last of them.
dataset = Table(
    "dataset",
    metadata,
    # SHA-256 of ``parquet``, 64 hexadecimal digits.
    Column("hash", Text, primary_key=True),
    # The name of the data set when the table was first stored.
    Column("name", Text, nullable=False),
    # The table as it was read, before preparation: a Parquet file.
    Column("parquet", LargeBinary, nullable=False),
    # Its size.
    Column("rows", BigInteger, nullable=False),
    Column("columns", BigInteger, nullable=False),
    _created(),
)

# A search.
run = Table(
    "run",
    metadata,
    # The number that people call the run by. It is never used twice.
    Column("id", Id, primary_key=True),
    # The name that a person gave it, or that of its data set.
    Column("name", Text, nullable=False),
    # The table that it trains on; `NO_TABLE` where it solves no table.
    Column("dataset_hash", Text, ForeignKey("dataset.hash", name="run_dataset"), nullable=False),
    # How the table is prepared: a `DataOptions`.
    Column("data_options", Json, nullable=False),
    # The `SearchSettings`, and the seed again, which stands in them, too.
    Column("settings", Json, nullable=False),
    Column("seed", BigInteger, nullable=False),
    # queued, running, paused, finished, stopped or failed. "interrupted" is never stored: it is
    # shown for a running run without a live owner.
    Column("state", Text, nullable=False),
    # Who holds the run: the text form of an `Owner`. NULL: nobody.
    Column("owner", Text),
    # How often the run was claimed.
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    # When its owner last wrote; seconds since 1970. NULL: nobody holds it.
    Column("heartbeat", Time),
    # How many generations are complete, evaluations recorded, and iterations of those in all.
    Column("generations", BigInteger, nullable=False, server_default=text("0")),
    Column("evaluations", BigInteger, nullable=False, server_default=text("0")),
    Column("iterations", BigInteger, nullable=False, server_default=text("0")),
    # Active training time, in seconds: pauses do not count.
    Column("seconds", Time, nullable=False, server_default=text("0")),
    # After the last complete generation: mean score of the best genome, the number of repeats that
    # it is the mean of, and the mean over the genomes that did not fail. Scores are in the unit of
    # the run's metric, and NULL when all failed. The columns are named after the first metric:
    # processes of earlier versions write to the same store.
    Column("best_accuracy", Number()),
    Column("best_repeats", BigInteger),
    Column("avg_accuracy", Number()),
    # When it was queued, first claimed, and ended (NULL: it may go on); seconds since 1970.
    _created(),
    Column("started", Time),
    Column("ended", Time),
    # Why it failed, or paused by itself.
    Column("error", Text),
    # Of a finished run: SHA-256 of all that it found, 64 hexadecimal digits.
    Column("result_hash", Text),
    # What is solved: `Problem.to_dict`. NULL: a table, with a metric that the settings name.
    Column("problem", Json),
    # What people noted of it: a list of short texts (NULL: none), a text (NULL: none), and since
    # when it is left out of lists, in seconds since 1970 (NULL: it is not). No result depends on
    # them.
    Column("tags", Json),
    Column("note", Text),
    Column("archived", Time),
    Index("run_state", "state"),
    # An id that a person has seen never comes to mean another run.
    sqlite_autoincrement=True,
)

# The record of one training: one repeat of one genome. Rows are appended, never changed.
evaluation = Table(
    "evaluation",
    metadata,
    # In the order of recording, over all runs.
    Column("id", Id, primary_key=True),
    Column("run_id", Id, ForeignKey("run.id", name="evaluation_run"), nullable=False),
    # The genome's name, 16 hexadecimal digits, and the number of the repeat.
    Column("genome_hash", Text, nullable=False),
    Column("repeat", BigInteger, nullable=False),
    # The genes: a `Genome`.
    Column("genome", Json, nullable=False),
    # Where it was first wanted.
    Column("generation", BigInteger, nullable=False),
    Column("individual", BigInteger, nullable=False),
    # ok or failed.
    Column("status", Text, nullable=False),
    # The score that the search selects on, in the unit of the run's metric. NULL: failed.
    Column("accuracy", Number()),
    # The final global best loss on the training part, weight decay included; no unit.
    Column("loss", Number()),
    # All metrics by part of the data: a `Scores`. NULL: failed.
    Column("scores", Json),
    # How many iterations the training took.
    Column("iterations", BigInteger, nullable=False),
    # How long it took, in seconds.
    Column("seconds", Time, nullable=False),
    # At most 64 points [iteration, global best loss].
    Column("curve", Json, nullable=False),
    # Why it failed.
    Column("error", Text),
    # Where it ran.
    Column("worker", Text, nullable=False),
    _created(),
    UniqueConstraint("run_id", "genome_hash", "repeat", name="evaluation_once"),
    Index("evaluation_order", "run_id", "id"),
)

# A completed generation: a `GenerationSummary`.
generation = Table(
    "generation",
    metadata,
    Column("run_id", Id, ForeignKey("run.id", name="generation_run"), primary_key=True),
    # From 1.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # The genes of its best genome, the mean score of that (NULL: all failed), and
    # the number of repeats that it is the mean of.
    Column("best", Json, nullable=False),
    Column("best_accuracy", Number()),
    Column("best_repeats", BigInteger, nullable=False),
    # Mean over the genomes that did not fail. NULL: all failed.
    Column("mean_accuracy", Number()),
    # How many evaluations the run had at its end.
    Column("evaluations", BigInteger, nullable=False),
    # The run's active training time at its end, in seconds.
    Column("seconds", Time, nullable=False),
    _created(),
)

# Bytes that a run's owner keeps under a name, such as the champion.
artifact = Table(
    "artifact",
    metadata,
    Column("run_id", Id, ForeignKey("run.id", name="artifact_run"), primary_key=True),
    # The name.
    Column("kind", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    _created(),
)

# What people asked of a run.
command = Table(
    "command",
    metadata,
    # In the order of asking.
    Column("id", Id, primary_key=True),
    Column("run_id", Id, ForeignKey("run.id", name="command_run"), nullable=False),
    # start, pause, resume or stop.
    Column("kind", Text, nullable=False),
    # Chosen by who asks: the same key again has no effect.
    Column("key", Text, nullable=False),
    _created(),
    # When it was applied, in seconds since 1970. NULL: it waits for the run's owner.
    Column("applied", Time),
    # What came of it, in words.
    Column("result", Text),
    UniqueConstraint("key", name="command_key"),
    Index("command_pending", "run_id", "applied"),
)

# Something that happened, for people.
event = Table(
    "event",
    metadata,
    # In the order of happening.
    Column("id", Id, primary_key=True),
    # NULL: it is about no run. No foreign key: a late event about a deleted run is still worth
    # reading.
    Column("run_id", Id),
    # info, warning or error.
    Column("level", Text, nullable=False),
    Column("text", Text, nullable=False),
    _created(),
    Index("event_run", "run_id"),
)

# A message for a webhook.
notice = Table(
    "notice",
    metadata,
    # In the order of writing.
    Column("id", Id, primary_key=True),
    # No foreign key: an older Shoal beside us deletes runs, and knows no notices.
    Column("run_id", Id, nullable=False),
    # What makes it unique: its kind, run, epoch, and more.
    Column("key", Text, nullable=False),
    # The JSON object to send.
    Column("content", Json, nullable=False),
    _created(),
    # How often somebody took it to send it.
    Column("tries", BigInteger, nullable=False, server_default=text("0")),
    # When it may be sent, in seconds since 1970. NULL: it was sent, or never will be.
    Column("due", Time),
    UniqueConstraint("key", name="notice_once"),
    Index("notice_due", "due"),
)

# What trains right now: no record.
live = Table(
    "live",
    metadata,
    # No foreign key, for the same reason as of a notice.
    Column("run_id", Id, primary_key=True, autoincrement=False),
    # What trains: a list of `RunningTraining`.
    Column("content", Json),
    # When that was written; seconds since 1970.
    Column("updated", Time),
    # When a viewer last announced itself; seconds since 1970.
    Column("watched", Time),
)

# A supervisor that runs, or is about to.
supervisor = Table(
    "supervisor",
    metadata,
    # The text form of an `Owner`, and two parts of it.
    Column("owner", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    # The one run that it serves. NULL: all of them.
    Column("scope", Id),
    # When it was registered, and when it last renewed its lease; seconds since 1970.
    Column("started", Time, nullable=False),
    Column("heartbeat", Time, nullable=False),
)
