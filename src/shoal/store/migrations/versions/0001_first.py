"""The first schema.

What the columns mean, and their units, stands in `shoal.store.tables`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "dataset",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("parquet", sa.LargeBinary, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("columns", sa.BigInteger, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )

    op.create_table(
        "event",
        sa.Column("id", ID, primary_key=True),
        sa.Column("run_id", ID),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("event_run", "event", ["run_id"])

    op.create_table(
        "supervisor",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("scope", ID),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("heartbeat", sa.Double, nullable=False),
    )

    op.create_table(
        "run",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column(
            "dataset_hash",
            sa.Text,
            sa.ForeignKey("dataset.hash", name="run_dataset"),
            nullable=False,
        ),
        sa.Column("data_options", JSON, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("heartbeat", sa.Double),
        sa.Column("generations", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("evaluations", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("iterations", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("seconds", sa.Double, nullable=False, server_default=sa.text("0")),
        sa.Column("best_accuracy", sa.Double),
        sa.Column("best_repeats", sa.BigInteger),
        sa.Column("avg_accuracy", sa.Double),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("ended", sa.Double),
        sa.Column("error", sa.Text),
        sa.Column("result_hash", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("run_state", "run", ["state"])

    op.create_table(
        "artifact",
        sa.Column("run_id", ID, sa.ForeignKey("run.id", name="artifact_run"), primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )

    op.create_table(
        "command",
        sa.Column("id", ID, primary_key=True),
        sa.Column("run_id", ID, sa.ForeignKey("run.id", name="command_run"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("applied", sa.Double),
        sa.Column("result", sa.Text),
        sa.UniqueConstraint("key", name="command_key"),
    )
    op.create_index("command_pending", "command", ["run_id", "applied"])

    op.create_table(
        "evaluation",
        sa.Column("id", ID, primary_key=True),
        sa.Column("run_id", ID, sa.ForeignKey("run.id", name="evaluation_run"), nullable=False),
        sa.Column("genome_hash", sa.Text, nullable=False),
        sa.Column("repeat", sa.BigInteger, nullable=False),
        sa.Column("genome", JSON, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("individual", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("accuracy", sa.Double),
        sa.Column("loss", sa.Double),
        sa.Column("scores", JSON),
        sa.Column("iterations", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("curve", JSON, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.UniqueConstraint("run_id", "genome_hash", "repeat", name="evaluation_once"),
    )
    op.create_index("evaluation_order", "evaluation", ["run_id", "id"])

    op.create_table(
        "generation",
        sa.Column("run_id", ID, sa.ForeignKey("run.id", name="generation_run"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("best", JSON, nullable=False),
        sa.Column("best_accuracy", sa.Double),
        sa.Column("best_repeats", sa.BigInteger, nullable=False),
        sa.Column("mean_accuracy", sa.Double),
        sa.Column("evaluations", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
