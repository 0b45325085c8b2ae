"""Alembic's entry.

It runs on the connection that `shoal.store.migrate` hands over, and inside its transaction.
"""

from alembic import context

from shoal.store.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
