"""Alembic's migrations of a store.

They may import SQLAlchemy and Alembic only: a migration that was released does not change when the
package does. (`env` alone reads the name of the version table.)

Start reading at `shoal.store.migrate`, which runs them; `versions` holds one file a revision.
"""
