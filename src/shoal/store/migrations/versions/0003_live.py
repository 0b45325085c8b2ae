"""What trains right now.

Nothing else changes: a process of the version before goes on as it was.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "live",
        sa.Column(
            "run_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("content", sa.JSON(none_as_null=True)),
        sa.Column("updated", sa.Double),
        sa.Column("watched", sa.Double),
    )
