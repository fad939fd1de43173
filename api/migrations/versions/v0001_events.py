"""Events, their evidence, phase changes and false pre-holds.

Written out by hand and frozen: it does not read `api.tables`, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _when(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Create the four tables."""
    op.create_table(
        "events",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("elevator_id", sa.String(64), nullable=False),
        sa.Column("camera_id", sa.String(64), nullable=False),
        sa.Column("class_name", sa.String(32), nullable=False),
        sa.Column("zone", sa.String(16), nullable=False),
        _when("suspected_at"),
        _when("started_at"),
        _when("last_seen_at"),
        _when("escalated_at", nullable=True),
        _when("ended_at", nullable=True),
        sa.Column("outcome", sa.String(32), nullable=True),
        sa.Column("hold_s", sa.Float(), nullable=False),
        sa.Column("pulses", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("model_name", sa.String(120), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("rules_version", sa.String(64), nullable=False),
        sa.Column("software_version", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_started_at_id", "events", ["started_at", "id"])
    op.create_index("ix_events_elevator_id_started_at_id", "events", ["elevator_id", "started_at", "id"])
    op.create_index("ix_events_ended_at", "events", ["ended_at"])

    op.create_table(
        "event_evidence",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("t_offset_s", sa.Float(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("conf", sa.Float(), nullable=False),
        sa.Column("x1", sa.Float(), nullable=False),
        sa.Column("y1", sa.Float(), nullable=False),
        sa.Column("x2", sa.Float(), nullable=False),
        sa.Column("y2", sa.Float(), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name="fk_event_evidence_event_id_events", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_event_evidence"),
    )
    op.create_index("ix_event_evidence_event_id_t_offset_s", "event_evidence", ["event_id", "t_offset_s"])

    op.create_table(
        "phase_changes",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("elevator_id", sa.String(64), nullable=False),
        _when("at"),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(600), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_phase_changes"),
    )
    op.create_index("ix_phase_changes_event_id_at", "phase_changes", ["event_id", "at"])
    op.create_index("ix_phase_changes_elevator_id_at", "phase_changes", ["elevator_id", "at"])

    op.create_table(
        "pre_holds",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("elevator_id", sa.String(64), nullable=False),
        _when("at"),
        sa.Column("held_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pre_holds"),
    )
    op.create_index("ix_pre_holds_elevator_id_at", "pre_holds", ["elevator_id", "at"])


def downgrade() -> None:
    """Drop them again."""
    for table in ("pre_holds", "phase_changes", "event_evidence", "events"):
        op.drop_table(table)
