"""An index for verdict and outcome together: each alone fits many events, both next to none.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_NAME = "ix_events_verdict_outcome_started_at_id"


def upgrade() -> None:
    """One index."""
    op.create_index(_NAME, "events", ["verdict", "outcome", "started_at", "id"])


def downgrade() -> None:
    """Without it again."""
    op.drop_index(_NAME, "events")
