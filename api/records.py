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

Verdict = Literal["confirmed", "false_alarm", "unsure"]
"""What a person said of an event. confirmed: there was an e-bike in the way."""
VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)
VerdictReason = Literal[
    "bicycle", "kick_scooter", "stroller", "wheelchair", "person", "object", "reflection", "picture", "other"
]
"""What a false alarm was: what stood there instead, a reflection or screen, a bad picture, something else."""
VERDICT_REASONS: Final[tuple[str, ...]] = get_args(VerdictReason)


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
    floor: int | None = None  # where the car stood when it was confirmed; None: not known
    door: str | None = None  # how its door stood then (`api.live.DoorPosition`); None: not known
    capture_to_relay_ms: float | None = None  # from the capture of the first convincing frame to the command
    sight_to_confirm_ms: float | None = None  # from the capture of the vehicle's first frame to started_at


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
    duration_s: float | None = None  # ended_at - started_at
    verdict: str | None = None  # one of `VERDICTS`; None: nobody has judged it
    verdict_reason: str | None = None  # one of `VERDICT_REASONS`, of a false alarm
    note: str = ""
    labels: tuple[str, ...] = ()
    locked: bool = False  # its evidence is never evicted
    reviewed_by: str | None = None  # id of the actor
    reviewed_at: datetime | None = None
    review_version: int = 0  # +1 with every review
    floor: int | None = None  # when it was confirmed; None: not known
    door: str | None = None
    capture_to_relay_ms: float | None = (
        None  # None: no relay was told, or the event is older than this figure
    )
    sight_to_confirm_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """What people say of an event."""

    verdict: Verdict | None = None
    verdict_reason: VerdictReason | None = None
    note: str = ""
    labels: tuple[str, ...] = ()
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one frame said of the vehicle."""

    t_offset_s: float  # since started_at; negative before the vote confirmed
    score: float  # probability after the vote, in [0, 1]
    conf: float  # the detector's confidence in this frame, 0 if not seen in it
    xyxy: tuple[float, float, float, float]
    phase: str
    door: str | None = None  # how the elevator's door stood (`api.live.DoorPosition`); None: not known
    opening: float | None = None  # 0 closed to 1 fully open; None: not known


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the car and its door are, as far as anything tells; all None: nothing does."""

    door: str | None = None  # `api.live.DoorPosition`
    floor: int | None = None
    opening: float | None = None  # 0 closed to 1 fully open


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
class GuardRun:
    """One run of guard. After a crash ``alive_at`` is at most a minute too early."""

    id: str  # UUIDv7
    started_at: datetime
    alive_at: datetime  # the last time it was known to run
    software_version: str


@dataclass(frozen=True, slots=True)
class DoorAction:
    """What a person did to a door, and why."""

    elevator_id: str
    at: datetime
    action: Literal["release", "rearm"]
    by: str
    reason: str
    event_id: str | None = None  # the event that was open then


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of events, newest first. What follows it is older, or newer if ``newer`` is set."""

    started_at: datetime
    id: str
    newer: bool = False

    def encode(self) -> str:
        """Opaque text for a web address."""
        raw = f"{self.started_at.astimezone(UTC).isoformat()}|{self.id}{'|newer' * self.newer}"
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """Raises: ValueError if the text was not made by `encode`."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            at_text, id_, *more = raw.split("|")
            at = datetime.fromisoformat(at_text)
        except (ValueError, binascii.Error, UnicodeDecodeError) as exc:
            raise ValueError("this cursor was not given out by this API; start again without one") from exc
        if at.tzinfo is None or not 0 < len(id_) <= 36 or more not in ([], ["newer"]):
            raise ValueError("this cursor was not given out by this API; start again without one")
        return cls(at, id_, bool(more))


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first, and where the pages beside it begin (None: there is none)."""

    events: tuple[Event, ...]
    next: Cursor | None  # older ones
    previous: Cursor | None = None  # newer ones
