"""What was wrong with a camera, and when.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _when(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "camera_troubles",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("elevator_id", sa.String(64), nullable=False),
        sa.Column("camera_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        _when("began_at"),
        _when("reported_at"),
        _when("last_seen_at"),
        _when("ended_at", nullable=True),
        sa.Column("end", sa.String(16), nullable=True),
        sa.Column("picture", sa.String(400), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_camera_troubles"),
    )
    op.create_index("ix_camera_troubles_reported_at_id", "camera_troubles", ["reported_at", "id"])
    op.create_index(
        "ix_camera_troubles_elevator_id_reported_at_id",
        "camera_troubles",
        ["elevator_id", "reported_at", "id"],
    )
    op.create_index("ix_camera_troubles_ended_at", "camera_troubles", ["ended_at"])


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("camera_troubles")
