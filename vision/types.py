"""The values that pass between rooms, and the Protocols at their seams. Imports numpy only.

All times named ``t_s`` or ending in ``_s`` are seconds on one monotonic clock (`Clock`), never wall time.
Wall time (UTC) is added at the edge, where an event is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Clock = Callable[[], float]
"""Monotonic seconds, as `time.monotonic` gives them. Passed in, so tests and replays own the time."""

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 BGR, read-only by convention."""

CLASS_NAMES: Final = ("e_bike", "bicycle", "stroller", "wheelchair", "person", "kick_scooter")
"""Canonical class order. ``class_id`` indexes this tuple everywhere outside `models/`."""

E_BIKE: Final = 0
BICYCLE: Final = 1
STROLLER: Final = 2
WHEELCHAIR: Final = 3
PERSON: Final = 4
KICK_SCOOTER: Final = 5

ZoneKind = Literal["cabin", "doorway", "landing", "ignore"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture."""

    image: Image
    t_s: float  # capture time: when the frame left the decoder
    seq: int  # +1 per decoded frame; a gap means frames were dropped


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What the detector saw in one frame: parallel arrays, best first. Shapes are checked once, here."""

    xyxy: NDArray[np.float32]  # (N, 4) source-image pixels
    conf: NDArray[np.float32]  # (N,) in [0, 1]
    class_id: NDArray[np.int64]  # (N,) index into CLASS_NAMES

    def __post_init__(self) -> None:
        n = len(self.conf)
        if self.xyxy.shape != (n, 4) or self.conf.shape != (n,) or self.class_id.shape != (n,):
            raise ValueError(
                f"detections need xyxy (N, 4), conf (N,) and class_id (N,); got {self.xyxy.shape}, "
                f"{self.conf.shape}, {self.class_id.shape}"
            )

    def __len__(self) -> int:
        return len(self.conf)

    @classmethod
    def empty(cls) -> Detections:
        """No detections."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def where(self, keep: NDArray[np.bool_]) -> Detections:
        """The detections for which ``keep`` (N,) is true, order kept."""
        return Detections(self.xyxy[keep], self.conf[keep], self.class_id[keep])

    def mirrored(self, width: int) -> Detections:
        """The same in the mirror image (left for right) of a picture ``width`` pixels wide."""
        x1, y1, x2, y2 = self.xyxy.T
        return Detections(np.stack((width - x2, y1, width - x1, y2), axis=1), self.conf, self.class_id)


@dataclass(frozen=True, slots=True)
class Track:
    """One object followed over frames, with the class vote that its detections added up to."""

    track_id: int  # unique within a run of one camera, from 1
    xyxy: tuple[float, float, float, float]  # latest box, source-image pixels
    log_odds: tuple[float, ...]  # per canonical class, accumulated evidence (nats)
    conf: float  # confidence of the latest matched detection for the voted class; 0 if missed this frame
    first_s: float  # capture time of the first detection
    last_s: float  # capture time of the latest matched detection
    hits: int  # matched detections so far
    class_id: int  # class with the most evidence
    scores: tuple[float, ...] = ()  # per class, of the detection in this very frame; () if missed


@dataclass(frozen=True, slots=True)
class Sighting:
    """A vehicle that may have to be blocked, in a zone that counts."""

    track_id: int
    class_name: str
    zone: ZoneKind
    score: float  # probability after the vote, in [0, 1]
    confirmed: bool  # the track's vote has confirmed the class
    since_s: float  # capture time at which this track was first seen
    xyxy: tuple[float, float, float, float]  # source-image pixels


@dataclass(frozen=True, slots=True)
class Presence:
    """All that the hardware side hears from vision."""

    t_s: float  # capture time of the frame it rests on
    sightings: tuple[Sighting, ...] = ()  # empty: nothing blocked is there

    @property
    def suspected(self) -> bool:
        """Something blocked is there, on the first convincing frame or better."""
        return bool(self.sightings)

    @property
    def confirmed(self) -> Sighting | None:
        """The surest confirmed sighting, or None."""
        sure = [s for s in self.sightings if s.confirmed]
        return max(sure, key=lambda s: s.score) if sure else None


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """Everything that one frame led to, for the page, the evidence and the metrics."""

    frame: Frame
    detections: Detections | None  # None: the motion gate saved the inference
    tracks: tuple[Track, ...]
    presence: Presence
    stage_s: dict[str, float] = field(default_factory=dict)  # seconds spent per stage, see vision.perceive


SourceState = Literal["connecting", "live", "stalled", "lost", "ended", "closed"]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The stated condition of a source, for health pages and logs."""

    state: SourceState
    detail: str  # one sentence: what happened, what is being done about it
    since_s: float
    frames: int = 0  # decoded so far
    dropped: int = 0  # decoded but replaced by a newer frame before anyone read them
    reconnects: int = 0
    size_wh: tuple[int, int] | None = None  # of the latest frame, pixels


class FrameSource(Protocol):
    """Where frames come from. Newest frame wins."""

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not read before, waiting at most ``timeout_s``. None: nothing new, or ended."""
        ...

    def status(self) -> SourceStatus:
        """The present condition. Never blocks."""
        ...

    def close(self) -> None:
        """Stop and free everything. Idempotent, returns within a few seconds whatever the camera does."""
        ...


class Detector(Protocol):
    """What recognises."""

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        """Detections with confidence of at least ``conf`` (None: the model's candidate floor), best first."""
        ...


@runtime_checkable
class MirroringDetector(Detector, Protocol):
    """What also recognises in a mirror image: a second opinion on a picture that stands still."""

    def detect_mirrored(self, image: Image, conf: float | None = None) -> Detections:
        """As `detect`, having looked at the mirror image of ``image``; boxes as they lie in ``image``."""
        ...
