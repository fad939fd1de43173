"""Which events a model may learn from, and which are kept to measure it with. Pure.

All events of one elevator on one day (UTC) go together: the same vehicle often comes back within minutes, and
a model that is measured on what it has learnt looks better than it is. The choice rests on nothing else, so
a later export with more events never moves one from one side to the other.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final, Literal

Split = Literal["train", "val"]
VAL_SHARE: Final = 0.2


def split_of(elevator_id: str, started_at: datetime, val_share: float = VAL_SHARE, seed: int = 0) -> Split:
    """Where an event belongs. Raises: ValueError unless ``val_share`` is within [0, 1)."""
    if not 0 <= val_share < 1:
        raise ValueError(f"the share kept for measuring must be at least 0 and below 1; got {val_share}")
    text = f"{seed}|{elevator_id}|{started_at.astimezone(UTC):%Y-%m-%d}"
    drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
    return "val" if drawn < val_share else "train"
