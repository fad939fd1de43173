"""How Alembic runs here: always in-process, on the connection and transaction that `Store.migrate` opened."""

from alembic import context

import api.accounts.tables
import api.cameras.tables
import api.evidence.tables
import api.idempotency.tables
import api.notices.tables  # noqa: F401
from api.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter most of a table in place; batch mode copies it. No effect on PostgreSQL.
    render_as_batch=True,
    transactional_ddl=True,
    compare_type=True,
)
context.run_migrations()
