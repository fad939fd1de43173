"""When guard ran, and what people did to a door.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two tables and their indexes."""
    op.create_table(
        "guard_runs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alive_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("software_version", sa.String(64), nullable=False),
    )
    op.create_index("ix_guard_runs_started_at", "guard_runs", ["started_at"])
    op.create_table(
        "door_actions",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("elevator_id", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("event_id", sa.String(36)),
    )
    op.create_index("ix_door_actions_event_id", "door_actions", ["event_id"])
    op.create_index("ix_door_actions_elevator_id_at", "door_actions", ["elevator_id", "at"])
