"""Messages for a webhook.

Nothing else changes: a process of the version before goes on as it was.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("due", sa.Double),
        sa.UniqueConstraint("key", name="notice_once"),
    )
    op.create_index("notice_due", "notice", ["due"])
