"""The store on SQLite and on PostgreSQL: the same tests for both. `tests/conftest.py` makes these known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.store import Store
from tests.support.postgresql import FAST, Cluster, find_postgresql, postgresql


@pytest.fixture(scope="session")
def pg_cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for this run."""
    if find_postgresql() is None:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    with postgresql(*FAST) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pg_template(pg_cluster: Cluster) -> str:
    """A database with Liftguard's tables, to be copied."""
    name = pg_cluster.new_database()
    store = Store(pg_cluster.url(name))
    store.migrate()
    store.close()
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, once on each database."""
    if request.param == "sqlite":
        store = Store(tmp_path / "liftguard.db")
        store.migrate()
    else:
        cluster: Cluster = request.getfixturevalue("pg_cluster")
        store = Store(cluster.url(cluster.new_database(request.getfixturevalue("pg_template"))))
    yield store
    store.close()
