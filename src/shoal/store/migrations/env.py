"""Alembic's entry: runs on the connection, and inside the transaction, that `shoal.store.migrate` hands over."""

from alembic import context

from shoal.store.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
