"""How long an event's way took from the camera to the relay, and until it was confirmed.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns; null where it was not measured, as for every event before."""
    op.add_column("events", sa.Column("capture_to_relay_ms", sa.Float(), nullable=True))
    op.add_column("events", sa.Column("sight_to_confirm_ms", sa.Float(), nullable=True))
