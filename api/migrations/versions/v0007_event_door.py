"""How the door stood, and at which floor, when an event was confirmed.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns; null where nobody knows, as for every event before."""
    op.add_column("events", sa.Column("floor", sa.Integer(), nullable=True))
    op.add_column("events", sa.Column("door", sa.String(16), nullable=True))
