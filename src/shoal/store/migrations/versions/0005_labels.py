"""What people note of a run: tags, a note, and whether lists leave it out.

Nothing else changes: a process of the version before goes on as it was.
"""

import sqlalchemy as sa
from alembic import op

from shoal.store.column_types import Number

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("run", sa.Column("tags", sa.JSON(none_as_null=True)))
    op.add_column("run", sa.Column("note", sa.Text))
    op.add_column("run", sa.Column("archived", Number(finite=True)))
