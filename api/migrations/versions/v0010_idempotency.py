"""Writes that had an `Idempotency-Key`, with their sealed answers; a count of the changes of events.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two tables. Triggers count, whoever writes; PostgreSQL has none, and nothing reads the count there."""
    op.create_table(
        "idempotency_keys",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("run", sa.String(36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.LargeBinary()),
        sa.UniqueConstraint("principal", "key", name="uq_idempotency_keys_principal"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    revisions = op.create_table(
        "revisions",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(revisions, [{"name": "events", "number": 0}])
    if op.get_bind().dialect.name == "sqlite":
        for what in ("INSERT", "UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_{what.lower()}_counted AFTER {what} ON events "  # noqa: S608
                "BEGIN UPDATE revisions SET number = number + 1 WHERE name = 'events'; END"
            )
