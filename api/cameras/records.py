"""A camera trouble as frozen values. Every `datetime` carries a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

from api.records import Cursor

TroubleEnd: TypeAlias = Literal["clear", "other", "stopped", "interrupted"]
"""How a trouble ended. clear: the view is the old one again. other: it became one of another kind, which has
a row of its own. stopped: guard was shut down in order. interrupted: guard ended without saying so."""
TROUBLE_ENDS: Final[tuple[TroubleEnd, ...]] = get_args(TroubleEnd)


@dataclass(frozen=True, slots=True)
class CameraTrouble:
    """A camera that did not see what it should. ``ended_at`` and ``end`` are None while that goes on."""

    id: str  # UUIDv7
    elevator_id: str
    camera_id: str
    kind: str  # one of `vision.trouble.TROUBLE_KINDS`
    began_at: datetime  # the first look that showed it
    reported_at: datetime  # it had lasted long enough to be believed
    last_seen_at: datetime
    ended_at: datetime | None = None
    end: str | None = None
    picture: str | None = None  # path inside the folder of camera pictures; None: it could not be kept


@dataclass(frozen=True, slots=True)
class TroublePage:
    """Troubles, newest first, and where the next page begins (None: that was all)."""

    troubles: tuple[CameraTrouble, ...]
    next: Cursor | None
