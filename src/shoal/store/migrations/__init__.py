"""Alembic's migrations of a store; `shoal.store.migrate` runs them."""
