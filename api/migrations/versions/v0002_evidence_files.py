"""Evidence files, verdicts and what events are searched by.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
