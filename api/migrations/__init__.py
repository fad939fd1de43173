"""Alembic migrations of the store, shipped with the program; `api.store.Store.migrate` runs them."""
