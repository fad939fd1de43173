"""The values of the hold: phases, rules, inputs, signals, decision. Import them from `hardware.hold`.

All times are seconds on the monotonic clock of `vision.types.Clock`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from vision.errors import ConfigError
from vision.types import Sighting, ZoneKind


class Phase(StrEnum):
    """Where the hold stands. Only SUSPECT and HOLDING energise the relay, and only in kind B."""

    BLIND = "BLIND"  # no presence, or presence too old to act on; also the start
    IDLE = "IDLE"  # watching, nothing to hold for
    SUSPECT = "SUSPECT"  # reversible pre-hold: first convincing frame, vote not yet confirmed
    HOLDING = "HOLDING"  # confirmed: the door is held, the voice speaks
    PAUSED = "PAUSED"  # between two pulses of one hold: let go, so that the elevator's own timer starts over
    COOLDOWN = "COOLDOWN"  # let go for good until the vehicle has gone
    INHIBITED = "INHIBITED"  # an input or a person says: hands off


@dataclass(frozen=True, slots=True)
class HoldRules:
    """How long each part of a hold may last. `ConfigError` names the field and its range."""

    kind: Literal["A", "B"] = "B"  # A: alarm only, never energises. B: alarm and door hold
    confirm_s: float = 1.0  # longest SUSPECT (design: lets go if the vote does not confirm within 1 s)
    release_s: float = 2.0  # from the last sighting to release (design: out of the zone for at most 3 s)
    pulse_s: float = 18.0  # longest pulse; elevators go to protective stop after about 20 s blocked
    pause_s: float = 3.0  # rest between pulses
    cap_s: float = 120.0  # energised and paused time of one event, then the door is let go for good
    cooldown_s: float = 60.0  # shortest COOLDOWN after the cap
    rejoin_s: float = 10.0  # a vehicle seen again within this time belongs to the same event
    stale_s: float = 1.0  # presence older than this is blind
    rearm_s: float = 10.0  # no new pre-hold after a false one: the door can close and the car can leave
    zones: tuple[ZoneKind, ...] = ("cabin", "doorway")  # where a sighting is a reason to hold

    def __post_init__(self) -> None:
        if self.kind not in ("A", "B"):
            raise ConfigError(
                f"hold.kind is {self.kind!r}: use 'A' (alarm only) or 'B' (alarm and door hold)"
            )
        if not self.zones or not set(self.zones) <= {"cabin", "doorway", "landing"}:
            raise ConfigError(f"hold.zones is {self.zones!r}: name at least one of cabin, doorway, landing")
        for field in fields(self):
            if field.name in _RANGES_S:
                self._check(field.name, *_RANGES_S[field.name])
        self._check("stale_s", 0.2, self.release_s)
        self._check("rejoin_s", self.release_s, 120.0)
        self._check("cap_s", self.pulse_s, 600.0)

    def _check(self, name: str, low: float, high: float) -> None:
        value: float = getattr(self, name)
        if not (math.isfinite(value) and low <= value <= high):
            raise ConfigError(f"hold.{name} is {value!r} s: set it between {low:g} and {high:g} s")


_RANGES_S: Final[dict[str, tuple[float, float]]] = {
    "confirm_s": (0.1, 3.0),
    "release_s": (0.3, 3.0),
    "pulse_s": (1.0, 20.0),
    "pause_s": (1.0, 60.0),
    "cooldown_s": (0.0, 3600.0),
    "rearm_s": (0.0, 600.0),
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What says "hands off". Any one of them inhibits at once."""

    fire: bool = False
    inspection: bool = False
    maintenance: bool = False
    remote_release: bool = False  # a manager let this vehicle go
    schedule_off: bool = False
    fault: bool = False  # the box itself is not well: set by the controller, never by a wire

    @property
    def inhibit_reason(self) -> str | None:
        """The gravest reason that is set, by its field name, or None."""
        for field in fields(self):
            if getattr(self, field.name):
                return field.name
        return None


Outcome: TypeAlias = Literal["left", "escalated", "inhibited", "blind"]
"""How a hold came to its end. left: the vehicle was seen to be gone. escalated: the cap was reached first.
inhibited: a manager released it, or an inhibit input was still on at the end. blind: the camera was lost and
the vehicle was not found again within `HoldRules.rejoin_s`."""


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """The hold went from one phase to another."""

    t_s: float
    before: Phase
    after: Phase
    reason: str  # one of `REASONS`, or the `Inputs` field that inhibits


@dataclass(frozen=True, slots=True)
class EventStarted:
    """A vehicle was confirmed that does not belong to the event before."""

    t_s: float
    sighting: Sighting  # the one that confirmed
    suspected_s: float  # seconds of SUSPECT before; 0 if confirmed at first sight


@dataclass(frozen=True, slots=True)
class EventEscalated:
    """The cap of the open event was reached: the door was let go with the vehicle still there."""

    t_s: float


@dataclass(frozen=True, slots=True)
class EventEnded:
    """The open event is over: its vehicle has not been seen for `HoldRules.rejoin_s`."""

    t_s: float
    outcome: Outcome
    hold_s: float  # seconds that the relay was energised for it, SUSPECT included; 0 in kind A
    pulses: int  # unbroken energised stretches; 0 in kind A
    last_seen_s: float  # capture time of its last confirmed sighting


@dataclass(frozen=True, slots=True)
class FalsePreHold:
    """SUSPECT ended without a confirmation, for whatever reason."""

    t_s: float
    held_s: float  # seconds that the relay was energised for it; 0 in kind A


Signal: TypeAlias = PhaseChanged | EventStarted | EventEscalated | EventEnded | FalsePreHold

REASONS: Final = (
    "presence_fresh",  # BLIND -> IDLE
    "presence_stale",  # -> BLIND
    "suspected",  # IDLE -> SUSPECT
    "not_confirmed",  # SUSPECT -> IDLE
    "confirmed",  # IDLE, SUSPECT -> HOLDING
    "pulse_over",  # HOLDING -> PAUSED; or a confirmation while the last pulse still needs its rest
    "pause_over",  # PAUSED -> HOLDING
    "not_seen",  # HOLDING, PAUSED -> IDLE
    "let_go",  # -> COOLDOWN: cap reached, or released by a manager
    "vehicle_gone",  # COOLDOWN -> IDLE
)
"""Every `PhaseChanged.reason` besides the names of the `Inputs` fields. Replay prints them."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now. Set the relay before anything else is done with it."""

    energise: bool
    voice: bool  # the prompt to take the vehicle out is wanted: HOLDING and PAUSED
    phase: Phase
    t_s: float
    signals: tuple[Signal, ...] = ()
