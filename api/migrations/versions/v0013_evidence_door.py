"""How the door stood in each frame of an event.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns; null where nobody knows, as for every frame before."""
    op.add_column("event_evidence", sa.Column("door", sa.String(16), nullable=True))
    op.add_column("event_evidence", sa.Column("opening", sa.Float(), nullable=True))


def downgrade() -> None:
    """Without them again."""
    with op.batch_alter_table("event_evidence") as table:
        table.drop_column("opening")
        table.drop_column("door")
