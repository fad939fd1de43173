"""Accounts, sessions, tokens and the audit trail.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
