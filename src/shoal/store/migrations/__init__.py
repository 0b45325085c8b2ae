"""Alembic's migrations of a store; `shoal.store.schema` runs them."""
