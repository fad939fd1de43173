"""What guard tells web about the present moment: the messages of the local link, as pydantic models.

The same models are the bodies of the live endpoints under ``/api/v1``, so their field names are part of
that contract. All times are UTC; all durations carry their unit in the name.

What guard says may have more fields than web knows: a newer guard beside an older web is still understood.
What guard is told may not: a command that is half understood must not be carried out.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

from hardware.hold import Phase
from vision.types import SourceState

DoorPosition = Literal[
    "open", "opening", "closing", "closed", "protective_stop", "moving", "fault", "unknown"
]
"""The simulated elevator gives the first five; contacts give open, closed and the last three."""

_NOT_IN_A_LINE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, halves of characters, line and paragraph separators."""
_TURNS_TEXT: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Direction overrides: they let a log line read as something else (https://trojansource.codes)."""


def _one_line(text: str) -> str:
    for place, char in enumerate(text, 1):
        if unicodedata.category(char) in _NOT_IN_A_LINE or char in _TURNS_TEXT:
            raise ValueError(
                f"use one line of text without control characters; character {place} is U+{ord(char):04X}"
            )
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]
"""Text that may stand in a log line: nothing in it can look like another line or steer a terminal."""


class _Live(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ModelInfo(_Live):
    """Which detector is running."""

    name: str
    sha256: str
    imgsz: int = Field(description="Input side, pixels")
    refused: str = Field(
        "", description="Why the model that guard was last told to load is not the one at work; empty: it is"
    )


class CameraState(_Live):
    """The stated condition of one camera. Its address is shown without credentials."""

    source: str
    state: SourceState
    detail: str
    since: datetime
    fps: float = Field(ge=0, description="Frames per second looked at, over the last seconds")
    frames: int = 0
    dropped: int = 0
    reconnects: int = 0
    size_wh: tuple[int, int] | None = None
    trouble: str | None = Field(None, description="covered, sprayed, turned, frozen or dark; null: none")
    trouble_since: datetime | None = None


class DoorState(_Live):
    """The door as the inputs or the simulated elevator report it."""

    position: DoorPosition = Field(
        description="moving: between its limits, direction not known; fault: see detail; unknown: no contact"
    )
    opening: float | None = Field(None, ge=0, le=1, description="0 closed, 1 fully open; null: not known")
    floor: int | None = Field(None, description="null: not known")
    simulated: bool
    detail: str = Field("", description="What is wrong with the contacts; empty if nothing is")


class ElevatorState(_Live):
    """One elevator at this moment."""

    id: str
    name: str
    kind: Literal["A", "B"]
    phase: Phase
    phase_since: datetime
    energised: bool = Field(description="The relay holds the door")
    voice: bool = Field(description="The prompt to take the e-bike out is wanted")
    voice_installed: bool = Field(False, description="There is a voice or a lamp to ask with")
    voice_detail: str = Field("", description="Why the prompt or the beacon fails; empty if all is well")
    relay_ok: bool
    inhibit_reason: str | None = None
    released_for_s: float | None = Field(
        None, ge=0, description="Seconds that a manager's release still lasts; null: there is none"
    )
    open_event_id: str | None = None
    door: DoorState | None = None
    camera: CameraState
    events: int = Field(0, ge=0, description="Since guard started")
    false_pre_holds: int = Field(0, ge=0, description="Since guard started")


class StageLatency(_Live):
    """Latency of one stage of the way of a frame, over the last samples."""

    elevator_id: str
    stage: str
    n: int = Field(ge=0, description="Samples in the window")
    p50_ms: float
    p95_ms: float
    p99_ms: float


class GuardState(_Live):
    """Everything guard says of itself, several times a second."""

    version: str
    started_at: datetime
    at: datetime
    model: ModelInfo
    store_ok: bool = True
    can_restart: bool = Field(False, description="Guard starts again by itself when it is asked to")
    elevators: tuple[ElevatorState, ...]
    latency: tuple[StageLatency, ...] = ()


class LiveBox(_Live):
    """One tracked object in a live picture."""

    track_id: int
    class_name: str
    score: float = Field(ge=0, le=1)
    blocked: bool = Field(description="This object is a reason to hold the door")
    xyxy: tuple[float, float, float, float] = Field(description="Pixels of the live picture")


class LiveFrameInfo(_Live):
    """What travels beside a live JPEG picture."""

    elevator_id: str
    seq: int
    at: datetime
    size_wh: tuple[int, int]
    phase: Phase
    boxes: tuple[LiveBox, ...]


class ReleaseRequest(_Live):
    """A manager lets a held door go."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["release"] = "release"
    elevator_id: str
    reason: OneLine = Field(min_length=1, max_length=500)
    by: OneLine = Field(min_length=1, max_length=200)


class RearmRequest(_Live):
    """A manager ends a release early: the door may be held again."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["rearm"] = "rearm"
    elevator_id: str
    reason: OneLine = Field(min_length=1, max_length=500)
    by: OneLine = Field(min_length=1, max_length=200)


class RestartRequest(_Live):
    """Guard lets every door go, ends, and starts again with the settings as they are then."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["restart"]
    by: OneLine = Field(min_length=1, max_length=200)


def _action(command: object) -> str:
    """A command without a word for what it wants is a release, as it was before there were others."""
    if isinstance(command, dict):
        return str(command.get("action", "release"))
    return str(getattr(command, "action", ""))


Command = ReleaseRequest | RearmRequest | RestartRequest
COMMAND: Final[TypeAdapter[Command]] = TypeAdapter(
    Annotated[
        Annotated[ReleaseRequest, Tag("release")]
        | Annotated[RearmRequest, Tag("rearm")]
        | Annotated[RestartRequest, Tag("restart")],
        Discriminator(_action),
    ]
)
"""Reads a command from JSON. Raises: ValidationError."""


class ReleaseReply(_Live):
    """Whether guard took the command, and why not."""

    accepted: bool
    detail: str
