"""What goes into the store and comes out of it, as frozen values.

Every `datetime` carries a zone and comes back in UTC. Durations are seconds, boxes are source-image pixels.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from uuid_utils.compat import uuid7

Outcome = Literal["left", "escalated", "inhibited", "blind", "stopped", "interrupted"]
"""How an event ended. The first four are the hold's own (`hardware.hold.Outcome`): left: the vehicle was seen
to be gone; escalated: the cap was reached first, the door was let go; inhibited: a manager or an input said
hands off; blind: the camera was lost. stopped: guard was shut down in order. interrupted: guard ended without
closing the event (power, crash)."""
OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)


def new_event_id() -> str:
    """A new UUIDv7 (RFC 9562) in canonical text form: unique, and sorts by the time it was made."""
    return str(uuid7())


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it begins."""

    id: str
    elevator_id: str
    camera_id: str
    class_name: str
    zone: str
    suspected_at: datetime  # the first convincing frame
    started_at: datetime  # the vote confirmed
    score: float  # probability after the vote, in [0, 1]
    model_name: str
    model_sha256: str
    rules_version: str  # hash of the rules in force
    software_version: str
    simulated: bool = False  # no real elevator is wired


@dataclass(frozen=True, slots=True)
class EventProgress:
    """How far an open event has come."""

    last_seen_at: datetime
    hold_s: float  # relay closed so far
    pulses: int
    score: float  # highest so far


@dataclass(frozen=True, slots=True)
class EventEnd:
    """How an event ended."""

    ended_at: datetime
    last_seen_at: datetime
    outcome: Outcome
    hold_s: float
    pulses: int
    score: float


@dataclass(frozen=True, slots=True)
class Event:
    """An event as stored. ``ended_at`` and ``outcome`` are None while it is open."""

    id: str
    elevator_id: str
    camera_id: str
    class_name: str
    zone: str
    suspected_at: datetime
    started_at: datetime
    last_seen_at: datetime
    escalated_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    hold_s: float
    pulses: int
    score: float
    simulated: bool
    model_name: str
    model_sha256: str
    rules_version: str
    software_version: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one frame said of the vehicle."""

    t_offset_s: float  # since started_at; negative before the vote confirmed
    score: float  # probability after the vote, in [0, 1]
    conf: float  # the detector's confidence in this frame, 0 if not seen in it
    xyxy: tuple[float, float, float, float]
    phase: str


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """One step of the hold machine."""

    elevator_id: str
    at: datetime
    before: str
    after: str
    reason: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class PreHold:
    """A false pre-hold."""

    elevator_id: str
    at: datetime
    held_s: float


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of events, newest first. What follows it is older."""

    started_at: datetime
    id: str

    def encode(self) -> str:
        """Opaque text for a web address."""
        raw = f"{self.started_at.astimezone(UTC).isoformat()}|{self.id}"
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """Raises: ValueError if the text was not made by `encode`."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            at_text, id_ = raw.split("|")
            at = datetime.fromisoformat(at_text)
        except (ValueError, binascii.Error, UnicodeDecodeError) as exc:
            raise ValueError("this cursor was not given out by this API; start again without one") from exc
        if at.tzinfo is None or not 0 < len(id_) <= 36:
            raise ValueError("this cursor was not given out by this API; start again without one")
        return cls(at, id_)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first, and where the next page begins (None: that was all)."""

    events: tuple[Event, ...]
    next: Cursor | None
