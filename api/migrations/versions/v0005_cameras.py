"""What was wrong with a camera, and when.

Written out by hand and frozen: it does not read the tables of today, which will move on.
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
