"""Failed attempts to sign in, which a restart shall not forget.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table."""
    op.create_table(
        "sign_in_failures",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("who", sa.String(140), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "who", name="pk_sign_in_failures"),
    )


def downgrade() -> None:
    """Without it again."""
    op.drop_table("sign_in_failures")
