"""What a run solves, where that is not a table with a built-in metric.

Nothing else changes: a process of the version before goes on as it was.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("run", sa.Column("problem", sa.JSON(none_as_null=True)))
